#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --with tests/ktap.sh (what takes how long is compared)
# null.sh: tests the sample driver snd-null-rs, a null sink and silent source. Its report is KTAP.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

RATE=48000
# 2 s of noise at 48 kHz, S16, stereo.
BYTES=384000

fail() {
	echo "$*"
	exit 1
}

# uptime_ms: the time since boot in milliseconds.
uptime_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

# takes LEAST MOST COMMAND...: the command succeeds and takes so many milliseconds, its own start and
# end among them.
takes() {
	least=$1 most=$2
	shift 2
	begun=$(uptime_ms)
	"$@" || fail "$*: status $?"
	took=$(($(uptime_ms) - begun))
	{ [ "$took" -ge "$least" ] && [ "$took" -le "$most" ]; } ||
		fail "$*: took $took ms, expected $least to $most"
}

play() {
	aplay -q -D hw:Null -f S16_LE -c 2 -r "$RATE" -t raw /tmp/noise.raw
}

# --- the tests

t_loads() {
	modprobe snd-null-rs || fail "modprobe: status $?"
	grep -q '\[Null *\]: Null - Null' /proc/asound/cards || fail "no card Null: $(cat /proc/asound/cards)"
}
t_devices() {
	grep -q 'Null PCM : Null PCM : playback 1 : capture 1' /proc/asound/pcm || fail "$(cat /proc/asound/pcm)"
}
# A player is done when all has been played: the device must take its time, and no more.
t_plays() {
	takes 1950 2250 play
}
t_speed() {
	amixer -q -c Null cset iface=CARD,name='Speed Percent' 400 || fail "amixer: status $?"
	takes 450 750 play
	amixer -q -c Null cset iface=CARD,name='Speed Percent' 100
}
t_speed_range() {
	amixer -c Null cget iface=CARD,name='Speed Percent' | grep -q 'min=10,max=1000,step=1' ||
		fail "$(amixer -c Null contents)"
}
t_records() {
	arecord -q -D hw:Null -f S16_LE -c 2 -r "$RATE" -t raw -s "$RATE" /tmp/silence.raw || fail "arecord: status $?"
	[ "$(wc -c </tmp/silence.raw)" = $((RATE * 4)) ] || fail "$(wc -c </tmp/silence.raw) bytes"
	! tr -d '\0' </tmp/silence.raw | grep -q . || fail "not silent"
}
t_busy() {
	aplay -q -D hw:Null -f S16_LE -c 2 -r "$RATE" -t raw /dev/zero &
	player=$!
	until grep -q RUNNING /proc/asound/Null/pcm0p/sub0/status; do
		kill -0 "$player" || fail "the player has gone"
	done
	if rmmod snd-null-rs 2>/dev/null; then
		fail "unloaded while in use"
	fi
	kill "$player"
	wait "$player"
	true
}
t_unloads() {
	rmmod snd-null-rs || fail "rmmod: status $?"
	! grep -q Null /proc/asound/cards || fail "the card is still there"
}

head -c "$BYTES" /dev/urandom >/tmp/noise.raw

ktap_test_table <<'END'
loads snd-null-rs: loads, and there is a card
devices snd-null-rs: one device, both directions
plays snd-null-rs: plays at its rate
speed snd-null-rs: plays at four times its rate
speed_range snd-null-rs: the control has its range
records snd-null-rs: records silence
busy snd-null-rs: is not unloaded while in use
unloads snd-null-rs: unloads
END
