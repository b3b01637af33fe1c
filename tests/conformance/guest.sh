#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh SCRIPT.sh | guest.sh [ALOOP-TEST-OPTION]...: runs aloop-test, or a script beside it that
# loads and unloads a module by itself, on the C driver and on ours in one boot. Their reports go to
# stdout, each line behind "C: " or "Rust: " (not into /out: that does not outlive a suspend). A
# test that fails is no failure here: what is expected of which driver is judged on the host, by
# compare.
set -eu

here=$(dirname "$0")

# report WHO COMMAND...
report() {
	who=$1
	shift
	{
		status=0
		"$@" || status=$?
		# 1 says that tests have failed, which the report names.
		[ "$status" -le 1 ] || echo "Bail out! $1 ended with status $status"
	} | while IFS= read -r line; do
		printf '%s: %s\n' "$who" "$line"
	done
}

case ${1:-} in
*.sh)
	report C sh "$here/$1" snd-aloop
	report Rust sh "$here/$1" snd-aloop-rs
	;;
*)
	modprobe snd-aloop id=C
	# A second card, for what one card does by the timer of another.
	modprobe snd-aloop-rs enable=1,1 id=Rust,Second
	report C "$here/aloop-test" --card C "$@"
	report Rust "$here/aloop-test" --card Rust "$@"
	;;
esac
