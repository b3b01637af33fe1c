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
# A module that the kernel refuses, as under Secure Boot: the card that there is must not be lost.
t_cannot() {
	local module
	module=$(modinfo -F filename snd-aloop-rs)
	cp "$module" "$KEPT/module"
	truncate -s 1000 "$module"
	# The user's session would have the card open. (`unload` brings it back.)
	wait_until 600 "session of the user" as_user systemctl --user is-active basic.target
	as_user systemctl --user stop pipewire.socket pipewire-pulse.socket wireplumber pipewire pipewire-pulse
	modprobe snd-aloop
	wait_until 600 "end of the looks at the card" unused snd_aloop
	! aloopctl takeover --now >"$KEPT/said" 2>&1 || fail "it has taken over: $(cat "$KEPT/said")"
	cat "$KEPT/said"
	grep -q 'is so again' "$KEPT/said" || fail "it does not say that the C driver is back"
	theirs
	mine
	[[ ! -e /etc/modprobe.d/snd-aloop-rs-takeover.conf ]] || fail "the alias has stayed"
	cp "$KEPT/module" "$module"
	unload snd-aloop
}
unused() { [[ $(cat "/sys/module/$1/refcnt") == 0 ]]; }
t_takeover() {
	typed replace
	sha256sum -c --quiet "$KEPT/mine"
	modprobe snd-aloop
	ours
	mine
}

tests "$@" <<'END'
before the C driver is loaded with the user's options, the packages being installed
cannot takeover --now of a module that can't be loaded brings the C driver back
takeover aloopctl takeover: modprobe snd-aloop is this driver, with the same options, and the user's files are as they were
END
