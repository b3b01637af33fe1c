#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh: in the guest, loads the module with two cards, of which the second waits for peers and
# ends with them, and starts the fuzzer on what is in /with/given:
#   guest.sh LIBFUZZER-ARGUMENT...  the folders corpus and new; what it finds new goes to
#                                   /out/kept.tar
#   guest.sh --replay               inputs, each once, told call by call
#   guest.sh --merge                the folders corpus and new; the smallest set goes there

# What a kernel cannot go on with shall end the guest.
for setting in softlockup_panic hung_task_panic panic_on_rcu_stall; do
	[ ! -e "/proc/sys/kernel/$setting" ] || echo 1 >"/proc/sys/kernel/$setting" || exit
done
modprobe snd-timer && modprobe snd-pcm &&
	modprobe snd-aloop-rs enable=1,1 pcm_substreams=8,8 wait_for_peer=0,1 end_with_peer=0,1 || exit

fuzz() {
	# The watchdog is quicker with what hangs in the kernel.
	/with/aloop-fuzz -timeout=300 -rss_limit_mb=0 -max_len=528 -artifact_prefix=/out/ "$@"
}
case $1 in
--replay)
	export ALOOP_FUZZ_VERBOSE=1
	fuzz /with/given/*
	;;
--merge)
	mkdir -p kept
	export ALOOP_FUZZ_COARSE=1
	fuzz -set_cover_merge=1 kept /with/given/corpus /with/given/new
	;;
*)
	mkdir -p kept
	fuzz -len_control=0 -reload=0 "$@" kept /with/given/corpus /with/given/new
	;;
esac
status=$?
# One file: a folder full of small ones takes long to get to the host.
[ ! -d kept ] || tar -cf /out/kept.tar kept || exit
exit "$status"
