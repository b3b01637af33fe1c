#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The packages are installed with Linux 7.2, which is upgraded to 7.3 then. Debian 13's own kernel, which is
# built without Rust, comes beside it.
# Machine: long
# Minutes: 40
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

new=$(newest_in_repository linux-image '7\.3')
without_rust=$(newest_in_repository linux-image '6\.12')

t_before() {
	[[ $(uname -r) == 7.2.* ]] || fail "this is Linux $(uname -r)"
	nothing_failed
	no_card
}
t_install() {
	run apt_from /with/packages-1 /repository
	run apt-get -q -y install snd-aloop-rs
	echo snd-aloop-rs >/etc/modules-load.d/loopback.conf
	modprobe snd-aloop-rs
	card
	ours
	exact
}
t_without_rust() {
	run apt-get -q -y install "linux-image-$without_rust"
	nothing_failed
	[[ -e /boot/vmlinuz-$without_rust ]] || fail "it is not there: $(ls /boot)"
	modinfo -F version snd-aloop-rs >/dev/null || fail "the module of $(uname -r) has gone"
}
t_upgrade() {
	run apt-get -q -y install "linux-image-$new"
	modinfo -k "$new" snd-aloop-rs >/dev/null || fail "there is no module for $new"
	modinfo -k "$(uname -r)" snd-aloop-rs >/dev/null || fail "the module of $(uname -r) has gone"
	card
	exact
}

tests "$@" <<'END'
before the machine has booted Linux 7.2, and has no loopback card
install apt installs snd-aloop-rs, and the card is there and exact
without_rust a kernel without Rust is installed beside it, and nothing fails
upgrade the kernel is upgraded to Linux 7.3 while the card is there, and both have a module
END
