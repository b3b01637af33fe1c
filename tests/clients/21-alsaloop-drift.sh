#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# alsaloop between two cards whose clocks disagree by 200 ppm, for ten minutes: it holds its latency
# by the control "PCM Rate Shift 100000" of the one or of the other, and not a frame is lost.
# Guest: --deterministic --memory 2048 --timeout 1700 (ten minutes of audio take one or two)
# Long: ten minutes of audio, five times
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1,1 id=Loopback,Second
LIMIT=900
MINUTES=10
SHIFT="PCM Rate Shift 100000"

# How far the second card's player lags behind the first card's, in frames: alsaloop's latency, and
# a constant. Between two equal readings of the one, the other didn't move far.
lag() { echo $(($(field p 0 0 hw_ptr) - $(field p 0 0 hw_ptr Second))); }

# drift MODE CARD PPM: lets CARD's clock be off by so much, loops in this sync mode, and looks at
# the lag. alsaloop changes the speed every 15 s, by 2 / (4 * 48000): 200 ppm take it 288 s, in
# which the lag grows by 1382 frames. So that is allowed in all, with a reserve of 10 ms; and once
# there, from the seventh minute on, it has to hold the lag within 5 ms (the control's steps of 10
# ppm make 29 frames a minute). Its latency has to be 200 ms for that: when it holds less than three
# quarters of what it was told, it no longer waits but runs all the time, with real-time priority,
# and the players starve.
drift() {
	local mode=$1 card=$2 ppm=$3 n values=()
	converted audio.wav mono.wav -- remix 1
	sox -D mono.wav long.wav repeat $((MINUTES * 60 * 10 / 44))
	alsaloop -C hw:Loopback,1,0 -P hw:Second,0,0 -a off -c 1 -t 200000 -S "$mode" \
		-x "iface=PCM,name='$SHIFT',device=1,subdevice=0" &
	loop=$!
	capturing 1 0
	playing 0 0 Second
	# Not before: alsaloop sets the controls that it steers to 100000 when it starts.
	cset "$card" "$SHIFT" 1 0 $((100000 - ppm / 10))
	arecord -q -D hw:Second,1,0 -f S16_LE -c 1 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0 Second
	aplay -q -D hw:Loopback,0,0 long.wav &
	player=$!
	playing 0 0
	# A look every two seconds, as long as the player plays.
	for ((n = 0; n < MINUTES * 30 - 10; n++)); do
		nap 2
		values+=("$(lag)")
	done
	[[ $(cget "$card" "$SHIFT" 1 0) == $((100000 - ppm / 10)) ]] || fail "the drift has gone"
	echo "shifts: $(cget Loopback "$SHIFT" 1 0), $(cget Second "$SHIFT" 1 0)"
	wait $player
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr Second) + 24000)) Second
	end_of $recorder
	kill -0 $loop || fail "alsaloop has ended"
	end_of $loop
	all=$(spread "${values[@]}")
	held=$(spread "${values[@]:180}")
	echo "measured: latency within $all frames, within $held in the last $((MINUTES - 6)) minutes"
	((all <= 1862 && held <= 240)) || fail "latency: ${values[*]}"
}
spread() { # NUMBER...
	printf '%s\n' "$@" | sort -n | sed -n '1p;$p' | xargs | awk '{ print $2 - $1 }'
}

captshift_fast() {
	drift 2 Second 200
	exact long.wav recorded.wav
}
example captshift_fast "captshift: the playing card is 200 ppm too fast"
captshift_slow() {
	drift 2 Second -200
	exact long.wav recorded.wav
}
example captshift_slow "captshift: the playing card is 200 ppm too slow"
playshift_fast() {
	drift 3 Loopback 200
	exact long.wav recorded.wav
}
example playshift_fast "playshift: the recorded card is 200 ppm too fast"
playshift_slow() {
	drift 3 Loopback -200
	exact long.wav recorded.wav
}
example playshift_slow "playshift: the recorded card is 200 ppm too slow"

# What it would be without: 5760 frames in ten minutes, more than alsaloop holds.
without() {
	not drift 0 Second 200 >said
	grep '^measured: latency within' said
}
example without "without sync, the same clocks drift apart"

report
