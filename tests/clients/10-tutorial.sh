#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The commands of a tutorial: load the module, find the card, play into it, record from it.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load
the_card_is_listed() {
	load
	aplay -l | tee list
	grep '^card 0: Loopback \[Loopback\], device 0: Loopback PCM \[Loopback PCM\]' list
	grep '^card 0: Loopback \[Loopback\], device 1: Loopback PCM \[Loopback PCM\]' list
	(($(grep -c 'Subdevice #7: subdevice #7' list) == 2))
	arecord -l | diff <(sed 's/PLAYBACK/CAPTURE/' list) -
}
example the_card_is_listed "modprobe; aplay -l and arecord -l list the card"

aplay_to_arecord() {
	arecord -D hw:Loopback,1,4 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 4
	aplay -D hw:Loopback,0,4 audio.wav
	stop_recorder $! 1 4
	exact audio.wav recorded.wav
}
example aplay_to_arecord "aplay -D hw:C,0,4 is heard by arecord -D hw:C,1,4"

the_other_way() {
	arecord -D hw:Loopback,0,2 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 0 2
	aplay -D hw:Loopback,1,2 audio.wav
	stop_recorder $! 0 2
	exact audio.wav recorded.wav
}
example the_other_way "aplay -D hw:C,1,2 is heard by arecord -D hw:C,0,2"

by_mmap() {
	arecord -M -D hw:Loopback,1,5 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 5
	[[ $(param c 1 5 access) == MMAP_INTERLEAVED ]]
	aplay -M -D hw:Loopback,0,5 audio.wav
	stop_recorder $! 1 5
	exact audio.wav recorded.wav
}
example by_mmap "aplay -M, arecord -M: by mmap"

mmap_beside_write() {
	arecord -D hw:Loopback,1,5 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 5
	aplay -M -D hw:Loopback,0,5 audio.wav
	stop_recorder $! 1 5
	exact audio.wav recorded.wav
}
example mmap_beside_write "aplay -M, arecord without"

# Buffers of a bit more than a millisecond, as for instruments. A program that others keep from its processor
# for that long has an xrun, whatever the card does (aplay takes 11 ms to start): so these come before all others,
# and the recorder before the player.
small_buffers() {
	local options=(-q --period-size=16 --buffer-size=64 -f S16_LE -c 2 -r 48000)
	chrt -f 60 arecord "${options[@]}" -D hw:Loopback,1,3 recorded.wav 2>recorder.log &
	recorder=$!
	capturing 1 3
	[[ $(param c 1 3 period_size) == 16 && $(param c 1 3 buffer_size) == 64 ]]
	for _ in 1 2; do
		chrt -f 50 aplay "${options[@]}" -D hw:Loopback,0,3 audio.wav 2>>player.log
	done
	stop_recorder $recorder 1 3
	cat player.log recorder.log
	[[ ! -s player.log ]] && ! grep -i overrun recorder.log
}
example small_buffers "aplay, arecord: 64 frames of buffer at both ends, without an xrun"

by_number() {
	arecord -D hw:0,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 0
	aplay -D hw:0,0,0 audio.wav
	stop_recorder $! 1 0
	exact audio.wav recorded.wav
}
example by_number "the card by its number, hw:0,0,0 to hw:0,1,0"

recorder_dictates() {
	arecord -D hw:Loopback,1,4 -f S16_LE -c 2 -r 44100 recorded.wav &
	capturing 1 4
	# The file has 48000 Hz: aplay warns, and plays at the recorder's rate, too slowly.
	aplay -D hw:Loopback,0,4 audio.wav 2>&1 | tee said
	grep 'rate is not accurate (requested = 48000Hz, got = 44100Hz)' said
	# Other channels it refuses.
	not aplay -D hw:Loopback,0,4 -f S16_LE -r 44100 -c 1 -d 1 /dev/zero
	# With plug: before the name, the file is converted.
	not is_state p 0 4 RUNNING
	aplay -D plughw:Loopback,0,4 audio.wav
	stop_recorder $! 1 4
	# What was played at the wrong speed comes first.
	frames=$(soxi -s audio.wav)
	sox recorded.wav second.wav trim "$(silence_end recorded.wav "$frames")s"
	# alsa-lib converts whole periods, 6000 frames to 5512: 83 ppm slower than 48000 to 44100.
	alike --wander 20 audio.wav second.wav
}
# silence_end FILE FRAMES: the frame at which so many frames of sound, from the first, have gone by
silence_end() {
	python3 - "$@" <<'END'
import sys, wave
import numpy as np
with wave.open(sys.argv[1]) as file:
    frames = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, 2)
print(np.flatnonzero(frames.any(axis=1))[0] + int(sys.argv[2]))
END
}
example recorder_dictates "the recorder, which is there first, decides rate and channels; plughw: converts"

recorder_of_hw_params() {
	# All that the second may choose is what the first has chosen.
	arecord -q -D hw:Loopback,1,0 -f S24_3LE -c 6 -r 96000 recorded.wav &
	capturing 1 0
	aplay -D hw:Loopback,0,0 --dump-hw-params -d 1 audio.wav 2>&1 | tee said || true
	grep -E '^FORMAT: +S24_3LE$' said
	grep -E '^CHANNELS: 6$' said
	grep -E '^RATE: 96000$' said
	end_of $!
}
example recorder_of_hw_params "--dump-hw-params shows a player the recorder's format"

nobody_listens() {
	# A player needs no recorder, and takes its time.
	begin=$(date +%s%N)
	aplay -q -D hw:Loopback,0,3 audio.wav
	took=$((($(date +%s%N) - begin) / 1000000))
	length=$(soxi -D audio.wav)
	echo "measured: $took ms for $length s"
	awk -v took=$took -v seconds="$length" 'BEGIN { d = took / 1000 - seconds; exit !(d > -0.05 && d < 0.5) }'
}
example nobody_listens "without a recorder, aplay plays at the speed of sound all the same"

# The player of a radio, or of announcements: opened for each transmission, and closed after it.
transmissions() {
	local piece said=()
	arecord -q -D hw:Loopback,1,6 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 6
	for piece in 0.7:0.3 1.5:0.45 2.2:0.6 3.0:0.25 3.7:0.4; do
		converted audio.wav "$piece.wav" -- trim "${piece%:*}" "${piece#*:}"
		aplay -q -D hw:Loopback,0,6 "$piece.wav"
		said+=("$piece.wav")
	done
	stop_recorder $recorder 1 6
	in_turn recorded.wav "${said[@]}"
}
# in_turn RECORDING SOURCE...: each source whole, one after the other, and silence around them.
in_turn() {
	local recording=$1 rest=0
	shift
	while (($# > 1)); do
		rest=$((rest + 1))
		judge "$CLIENTS/minus" "$recording" "$1" rest$rest.wav
		recording=rest$rest.wav
		shift
	done
	exact "$1" "$recording"
}
example transmissions "a player that is opened for each transmission, beside one recorder"

highest_rate() {
	converted audio.wav high.wav -r 768000 -b 32 -- trim 1 0.3
	arecord -q -D hw:Loopback,1,7 -f S32_LE -c 2 -r 768000 recorded.wav &
	recorder=$!
	capturing 1 7
	aplay -q -D hw:Loopback,0,7 high.wav
	stop_recorder $recorder 1 7
	exact high.wav recorded.wav
}
example highest_rate "768000 Hz, 32 bits"

two_hops() {
	load enable=1,1 id=First,Second
	arecord -D hw:Second,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0 Second
	# One card's capture side to the other card's playback side, all in the background.
	# -a off: at once, not only when a player comes.
	alsaloop -C hw:First,1,4 -P hw:Second,0,0 -t 100000 -a off &
	capturing 1 4 First
	playing 0 0 Second
	aplay -D hw:First,0,4 audio.wav
	# alsaloop holds a tenth of a second.
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr Second) + 14400)) Second
	end_of $recorder
	exact audio.wav recorded.wav
}
example two_hops "aplay, first card, alsaloop, second card, arecord"

play_and_rec() {
	load
	converted audio.wav voice.wav -r 8000 -c 1 -b 16
	AUDIODRIVER=alsa AUDIODEV=hw:Loopback,1,1 rec -q -c 1 -r 8000 recorded.wav &
	capturing 1 1
	AUDIODRIVER=alsa AUDIODEV=hw:Loopback,0,1 play -q voice.wav
	stop_recorder $! 1 1
	# sox asks for 32 bits in the file that it writes, and gets what the card gives.
	sox -D recorded.wav -b 16 -e signed-integer recorded16.wav
	exact voice.wav recorded16.wav
}
example play_and_rec "sox: play and rec with AUDIODEV=hw:C,0,1 and hw:C,1,1, -c 1 -r 8000"

unload() {
	rmmod "$(echo "$MODULE" | tr - _)"
	not grep Loopback /proc/asound/cards
}
example unload "rmmod: the card has gone"

report
