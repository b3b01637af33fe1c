#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The checks that the examples rest on: a recording that was damaged on purpose has to fail them.
# Guest: --deterministic (as the examples)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1

record() {
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 0
	aplay -q -D hw:Loopback,0,0 audio.wav
	stop_recorder $! 1 0
}
# patch BYTE-OFFSET: changes the two bytes there of recorded.wav into damaged.wav
patch() {
	cp recorded.wav damaged.wav
	printf '\125\252' | dd of=damaged.wav bs=1 seek="$1" conv=notrunc status=none
}

exactly() {
	record
	exact audio.wav recorded.wav
	patch 400000
	not exact audio.wav damaged.wav
	sox recorded.wav damaged.wav pad 1s@100000s
	not exact audio.wav damaged.wav
	sox -D -v -1 recorded.wav damaged.wav
	not exact audio.wav damaged.wav
	not exact audio.wav missing.wav
}
example exactly "exact: a sample altered, a frame doubled, a sign changed, no file"

similarly() {
	record
	alike audio.wav recorded.wav
	# Half of a second of noise in it, in a pause and in a word.
	sox -n -r 48000 -c 2 -b 16 noise.wav synth 0.5 whitenoise vol 0.3
	sox recorded.wav begin.wav trim 0 1
	sox recorded.wav end.wav trim 1.5
	sox begin.wav noise.wav end.wav damaged.wav
	not alike audio.wav damaged.wav
	sox recorded.wav begin.wav trim 0 2.3
	sox recorded.wav end.wav trim 2.8
	sox begin.wav noise.wav end.wav damaged.wav
	not alike audio.wav damaged.wav
	# Half of a second of silence in a word.
	sox -n -r 48000 -c 2 -b 16 silence.wav trim 0 0.5
	sox begin.wav silence.wav end.wav damaged.wav
	not alike audio.wav damaged.wav
	# Ten frames more, and less, in the middle.
	sox recorded.wav damaged.wav pad 10s@100000s
	not alike audio.wav damaged.wav
	sox recorded.wav begin.wav trim 0 100000s
	sox recorded.wav end.wav trim 100010s
	sox begin.wav end.wav damaged.wav
	not alike audio.wav damaged.wav
	# Louder, softer, upside down, left for right, cut off, and nothing at all.
	sox -D -v 0.9 recorded.wav damaged.wav
	not alike audio.wav damaged.wav
	sox -D -v 0.9 recorded.wav softer.wav
	not alike --gain 1.05:1.2 audio.wav softer.wav
	sox -D -v -1 recorded.wav damaged.wav
	not alike audio.wav damaged.wav
	sox recorded.wav damaged.wav trim 0 3
	not alike audio.wav damaged.wav
	sox recorded.wav damaged.wav reverse
	not alike audio.wav damaged.wav
	sox -n -r 48000 -c 2 -b 16 damaged.wav trim 0 6
	not alike audio.wav damaged.wav
	not alike audio.wav missing.wav
}
example similarly "alike: noise, silence, frames more or less, gain, order, end"

tones() {
	sox -n -r 48000 -c 1 -b 16 tone.wav synth 3 sine 480 vol 0.8 pad 1 1
	judge "$CLIENTS/tone" tone.wav 0 480 -1.94 2.9
	not judge "$CLIENTS/tone" tone.wav 0 481 -1.94 2.9
	not judge "$CLIENTS/tone" tone.wav 0 480 -4 2.9
	not judge "$CLIENTS/tone" tone.wav 0 480 -1.94 3.1
	sox -D tone.wav damaged.wav pad 500s@2.5
	not judge "$CLIENTS/tone" damaged.wav 0 480 -1.94 2.9
	sox -n -r 48000 -c 1 -b 16 other.wav synth 3 sine 1000 vol 0.05 pad 1 1
	sox -m -v 1 tone.wav -v 1 other.wav damaged.wav
	not judge "$CLIENTS/tone" damaged.wav 0 480 -1.94 2.9
}
example tones "tone: frequency, level, length, a gap, another tone"

mixes() {
	converted audio.wav one.wav -- vol 0.45
	converted audio.wav two.wav -- reverse vol 0.45
	sox -D -m -v 1 one.wav -v 1 "|sox two.wav -p pad 20000s" recorded.wav
	judge "$CLIENTS/minus" recorded.wav one.wav rest.wav
	exact two.wav rest.wav
	patch 300000
	judge "$CLIENTS/minus" damaged.wav one.wav rest.wav
	not exact two.wav rest.wav
}
example mixes "minus: a sum that is wrong in one sample"

report
