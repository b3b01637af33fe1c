#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine has Secure Boot, and no key of its own: the kernel takes modules of Debian's only. A key is made
# and, when this boot has ended, enrolled.
# Machine: long
# Minutes: 30
# Secure Boot: the firmware has Microsoft's keys, shim Debian's
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_secure() {
	expect "mokutil --sb-state" "$(mokutil --sb-state)" "SecureBoot enabled"
	grep -q '\[integrity\]' /sys/kernel/security/lockdown || fail "no lockdown: $(cat /sys/kernel/security/lockdown)"
}
t_install() {
	run apt_from /with/packages-1 /repository
	run apt-get -q -y install snd-aloop-rs
	grep 'mokutil --import' "$KEPT/said" || fail "it does not say how a key is enrolled: $(cat "$KEPT/said")"
}
t_rejected() {
	local said
	! said=$(modprobe snd-aloop-rs 2>&1) || fail "modprobe has loaded the module"
	grep 'Key was rejected by service' <<<"$said" || fail "modprobe says: $said"
	no_card
}
t_doctor() {
	! aloopctl doctor >/tmp/doctor 2>&1 || fail "aloopctl doctor finds nothing: $(cat /tmp/doctor)"
	cat /tmp/doctor
	grep -q 'Secure Boot' /tmp/doctor || fail "it does not name Secure Boot"
	grep -q 'mokutil --import' /tmp/doctor || fail "it does not say how a key is enrolled"
}
# What the installation has said is to be done. The second command asks for a password, which the firmware's
# own program wants to hear at the next boot: the host does that (firmware --enrol).
t_key() {
	run dkms generate_mok
	run dpkg-reconfigure "snd-aloop-rs-modules-$(uname -r)"
	modinfo snd-aloop-rs | grep '^signer' || fail "the module is not signed: $(cat "$KEPT/said")"
	! modprobe snd-aloop-rs 2>/dev/null || fail "a key that is not enrolled is good enough"
	cp /var/lib/dkms/mok.pub /out/enrol
}

tests "$@" <<'END'
secure the machine has booted by Secure Boot, and the kernel is locked down
install apt installs snd-aloop-rs, and says how a key is enrolled
rejected without a key, modprobe says "Key was rejected by service"
doctor aloopctl doctor explains it
key the module is signed with a key of the machine's own, which is not enrolled yet
END
