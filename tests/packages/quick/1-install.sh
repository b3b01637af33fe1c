#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The packages are installed, on a machine that runs.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_before() {
	expect "the kernel" "$(uname -r)" "$(cat /with/release)"
	nothing_failed
	no_card
	remember
}
t_install() {
	run apt_from /with/packages-1
	run apt-get -q -y install snd-aloop-rs
	grep -iE 'error|fail' "$KEPT/said" && fail "(that is what it said)"
	nothing_failed
}
t_card() {
	echo snd-aloop-rs >/etc/modules-load.d/loopback.conf
	modprobe snd-aloop-rs
	card
	ours
}
t_exact() { exact; }
seen_by_user() { as_user wpctl status | grep -q 'Loopback Analog Stereo'; }
t_pipewire() { wait_until 120 "card in the user's PipeWire" seen_by_user; }

ktap_test_table <<'END'
before the machine has booted, and has no loopback card
install apt installs snd-aloop-rs, and nothing fails
card the card is there
exact what is recorded is what was played, to the sample
pipewire PipeWire of the user who is logged in has the card
END
