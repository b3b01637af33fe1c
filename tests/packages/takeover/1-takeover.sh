#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who has the C driver loaded at boot, with options of his own, gets this driver by one command.
# Kernels: default
# Minutes: 20
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_before() {
	remember
	echo 'options snd-aloop id=Mine,Other enable=1,1 pcm_substreams=4,2' >/etc/modprobe.d/my-sound.conf
	echo snd-aloop >/etc/modules-load.d/my-sound.conf
	sha256sum /etc/modprobe.d/my-sound.conf /etc/modules-load.d/my-sound.conf >"$KEPT/mine"
	run apt_from /with/packages-1
	run apt-get -q -y install snd-aloop-rs
	modprobe snd-aloop
	theirs
	mine
	unload snd-aloop
}
t_takeover() {
	typed replace
	sha256sum -c --quiet "$KEPT/mine"
	modprobe snd-aloop
	ours
	mine
}

tests "$@" <<'END'
before the C driver is loaded with the user's options, the packages being installed
takeover aloopctl takeover: modprobe snd-aloop is this driver, with the same options, and the user's files are as they were
END
