#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine has been booted again after the takeover. The C driver gets its place back.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_booted() {
	nothing_failed
	ours
	mine
}
t_doctor() {
	aloopctl doctor >/tmp/doctor || true
	grep -i 'takeover\|in place of' /tmp/doctor || fail "it says nothing of the takeover: $(cat /tmp/doctor)"
}
t_handback() {
	unload snd-aloop-rs
	typed back
	sha256sum -c --quiet "$KEPT/mine"
	modprobe snd-aloop
	theirs
	mine
}

tests "$@" <<'END'
booted what loads snd-aloop at boot has loaded this driver, with the same options
doctor aloopctl doctor says that it has taken over
handback aloopctl handback: modprobe snd-aloop is the C driver again, with the user's options
END
