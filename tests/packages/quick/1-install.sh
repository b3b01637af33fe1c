#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The packages are installed, on a machine that runs.
# Kernels: default
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_before() {
	expect "the kernel" "$(uname -r)" "$(cat /with/release)"
	nothing_failed
	no_card
	remember
}
# What judges here is to find what it is made for.
finds() { # WHAT COMMAND...
	local what=$1
	shift
	! ("$@") >/tmp/found 2>&1 || fail "$1 does not find $what"
}
t_checks() {
	local size
	noise 4000 >/tmp/played
	{
		head -c 400 /dev/zero
		cat /tmp/played
		head -c 4000 /dev/zero
	} >/tmp/good
	heard /tmp/played /tmp/good
	{
		head -c 2000 /tmp/good
		tail -c +2005 /tmp/good
	} >/tmp/bad
	finds "a frame that is missing" heard /tmp/played /tmp/bad
	{
		head -c 4000 /tmp/good
		tail -c +3997 /tmp/good
	} >/tmp/bad
	finds "a frame that comes twice" heard /tmp/played /tmp/bad
	size=$(stat -c %s /tmp/good)
	{
		head -c $((size - 1)) /tmp/good
		printf x
	} >/tmp/bad
	finds "sound after the end" heard /tmp/played /tmp/bad
	finds "silence" heard /tmp/played <(head -c 8000 /dev/zero)

	systemctl mask -q left.service
	finds "a unit that is left" nothing_left
	grep -q '^> left.service masked' /tmp/found || fail "not the unit: $(cat /tmp/found)"
	grep -q '^> l .* /etc/systemd/system/left.service' /tmp/found || fail "not the file: $(cat /tmp/found)"
	systemctl unmask -q left.service
	! systemd-run -q --wait --unit=fails false || fail "false has succeeded"
	finds "a unit that has failed" nothing_failed
	systemctl reset-failed

	wait_until 600 "PipeWire of the user" as_user wpctl status
	finds "that there is no card" seen_by_user
}
t_install() {
	mkdir -p /tmp/clone/build/packages
	ln -s /with/packages-1 /tmp/clone/build/packages/amd64
	cd /tmp/clone || fail "no folder"
	run typed install
	grep -iE 'error|fail' "$KEPT/said" && fail "(that is what it said)"
	nothing_failed
}
t_card() {
	typed boot
	card
	ours
}
t_exact() { exact; }
t_made() {
	aloopctl add studio --id Studio --substreams 2
	aloopctl save
	systemctl -q enable snd-aloop-rs
	card Studio
}
t_pipewire() { wait_until 600 "card in the user's PipeWire" seen_by_user; }

tests "$@" <<'END'
before the machine has booted, and has no loopback card
checks what judges here finds a damaged recording, what is left, what has failed, and that there is no card
install the README's lines install packages and load the module, and nothing fails
card the card is there
exact what is recorded is what was played, to the sample
made a card is made by aloopctl, saved, and the unit that brings it back is enabled
pipewire PipeWire of the user who is logged in has the card
END
