#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine's own key is enrolled.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_secure() {
	expect "mokutil --sb-state" "$(mokutil --sb-state)" "SecureBoot enabled"
	grep -q '\[integrity\]' /sys/kernel/security/lockdown || fail "no lockdown: $(cat /sys/kernel/security/lockdown)"
}
t_loads() {
	modprobe snd-aloop-rs
	card
	ours
	exact
}
# What comes later is signed as well.
t_upgrade() {
	run apt_from /with/packages-1 /with/packages-2
	run apt-get -q -y upgrade
	unload snd-aloop-rs
	modprobe snd-aloop-rs
	card
}

tests "$@" <<'END'
secure the machine has booted by Secure Boot, and the kernel is locked down
loads the module that was signed at its installation loads, and its card is exact
upgrade after an upgrade of the package the module is signed too
END
