#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine has been booted again after the handback.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_booted() {
	nothing_failed
	theirs
	mine
}
t_purge() {
	unload snd-aloop
	aloopctl takeover
	purge 'snd-aloop-rs*'
	modprobe snd-aloop
	theirs
	mine
	sha256sum -c --quiet "$KEPT/mine"
	rm /etc/modprobe.d/my-sound.conf /etc/modules-load.d/my-sound.conf
	nothing_left
}

tests "$@" <<'END'
booted what loads snd-aloop at boot has loaded the C driver, with the user's options
purge packages that have taken over are purged: the C driver is back, and nothing is left
END
