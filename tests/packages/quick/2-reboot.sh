#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine has been booted again. The packages are upgraded, and then purged.
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

t_card() {
	nothing_failed
	card
	ours
}
t_made() { card Studio; }
t_pipewire() {
	wait_until 600 "card in the user's PipeWire" seen_by_user
}
# The module stays what it was until it is loaded anew.
t_upgrade() {
	local before
	start_recording /tmp/across
	before=$(dpkg-query -W -f '${Version}' snd-aloop-rs)
	run apt_from /with/packages-1 /with/packages-2
	run apt-get -q -y upgrade
	[[ $(dpkg-query -W -f '${Version}' snd-aloop-rs) != "$before" ]] ||
		fail "apt-get upgrade has not upgraded snd-aloop-rs: $(cat "$KEPT/said")"
	expect "the module's package" "$(dpkg-query -W -f '${Version}' "snd-aloop-rs-modules-$(uname -r)")" "$(dpkg-query -W -f '${Version}' snd-aloop-rs)"
	play /tmp/played
	end_recording
	heard /tmp/played /tmp/across
	nothing_failed
}
t_purge() {
	run typed remove
	! modinfo snd-aloop-rs 2>/dev/null || fail "modinfo still finds the module"
	nothing_left
	nothing_failed
}

tests "$@" <<'END'
card with a line in modules-load.d, the card is there when the machine has booted
made the card that aloopctl has saved is there too
pipewire PipeWire of the user who is logged in has the card
upgrade packages are upgraded while a recording goes on, and it is exact
purge the README's line removes the packages, and leaves nothing
END
