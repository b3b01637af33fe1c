#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine has been booted again, with Linux 7.3. The old kernel goes.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_card() {
	[[ $(uname -r) == 7.3.* ]] || fail "this is Linux $(uname -r)"
	nothing_failed
	card
	ours
	exact
}
t_old_removed() {
	local old
	old=$(dpkg-query -W -f '${Package}\n' 'linux-image-7.2*' | head -n 1)
	run apt-get -q -y purge "$old" "${old/image/binary}" "${old/image/modules}"
	[[ ! -e /boot/vmlinuz-${old#linux-image-} ]] || fail "the old kernel is still there"
	card
	modinfo snd-aloop-rs >/dev/null || fail "the module of $(uname -r) has gone with it"
	unload snd-aloop-rs
	modprobe snd-aloop-rs
	card
}
t_purge() {
	rm /etc/modules-load.d/loopback.conf
	purge 'snd-aloop-rs*'
	list=$(find / -xdev -name '*snd[-_]aloop[-_]rs*' -not -path '/proc/*' -not -path '/sys/*' \
		-not -path '/var/log/*' -not -path '/var/lib/apt/*' -not -path '/with/*' | sort)
	[[ ! $list ]] || fail "$list"
	nothing_failed
}

tests "$@" <<'END'
card the card is there when the machine has booted Linux 7.3, and exact
old_removed Linux 7.2 is purged, and the module of 7.3 stays
purge apt purge leaves nothing of either kernel's module
END
