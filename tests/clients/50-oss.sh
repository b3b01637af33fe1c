#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# OSS programs: with snd-pcm-oss, the first card's device 0 is /dev/dsp and its device 1 is
# /dev/adsp. The kernel's emulation converts where an OSS program wants something else than the
# other side of the cable.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1
modprobe snd-pcm-oss

nodes() {
	ls -l /dev/dsp /dev/adsp /dev/audio
	modprobe snd-mixer-oss
	ls -l /dev/mixer
	cat /proc/asound/oss/devices
	grep 'digital audio' /proc/asound/oss/devices
}
example nodes "/dev/dsp, /dev/adsp, /dev/audio and /dev/mixer are there"

# (sox 14.4.2 records from an OSS device, but crashes when it plays to one, whatever the card.)
# ffmpeg loses what is less than its block of 1024 frames at the end.
cut() { sox audio.wav cut.wav trim 0 $((1024 * ($(soxi -s audio.wav) / 1024)))s; }
oss_play() { ffmpeg -nostdin -loglevel error -i "$1" -f oss "$2"; }
oss_record() { AUDIODRIVER=oss AUDIODEV=$1 exec rec -q -b 16 "${@:2}"; }

dsp_to_adsp() {
	oss_record /dev/adsp -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	cut
	oss_play cut.wav /dev/dsp
	stop_recorder $recorder 1 0
	exact cut.wav recorded.wav
}
example dsp_to_adsp "ffmpeg plays to /dev/dsp, sox records from /dev/adsp"

adsp_to_dsp() {
	oss_record /dev/dsp -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 0 0
	cut
	oss_play cut.wav /dev/adsp
	stop_recorder $recorder 0 0
	exact cut.wav recorded.wav
}
example adsp_to_dsp "the other way"

# A raw write, as OSS tutorials show it: mono, 8 bits, 8000 Hz.
cat_to_dsp() {
	converted audio.wav voice.wav -r 8000 -c 1 -b 8
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	sox voice.wav -t raw - | cat >/dev/dsp
	stop_recorder $! 1 0
	# The emulation knows a ratio of rates by 11 bits: it may be wrong by 0.1 %.
	alike --channels 0,0 --correlation 0.95 --gain 0.9:1.05 --wander 260 voice.wav recorded.wav
}
example cat_to_dsp "cat >/dev/dsp: mono, 8 bits, 8000 Hz, heard as stereo, 16 bits, 48000 Hz"

cat_from_dsp() {
	# Within 3400 Hz: the emulation has no filter for what a lower rate can't hold.
	sox -D audio.wav -r 8000 -c 1 voice8.wav
	converted voice8.wav voice.wav -r 48000 -c 2
	head -c 80000 /dev/adsp >recorded.raw &
	recorder=$!
	capturing 1 0
	# Whatever the card is told to run at, the reader gets its 8000 bytes a second.
	aplay -q -D plughw:Loopback,0,0 voice.wav
	wait $recorder
	# For /dev/dsp it would be unsigned, with /dev/adsp and /dev/audio it is mu-law.
	sox -t raw -r 8000 -c 1 -b 8 -e mu-law recorded.raw -b 16 -e signed-integer recorded.wav
	alike --channels 0 --correlation 0.9 --gain 0.9:1.1 --wander 50 voice.wav recorded.wav
}
example cat_from_dsp "cat /dev/adsp: a reader with the defaults of OSS"

converted_for_reader() {
	converted audio.wav voice.wav -r 32000 -c 1
	# The ALSA side is there first, and dictates.
	aplay -q -D hw:Loopback,0,0 -f S16_LE -c 2 -r 44100 /dev/zero &
	zero=$!
	playing 0 0
	oss_record /dev/adsp -c 1 -r 32000 silence.wav &
	capturing 1 0
	[[ $(param c 1 0 rate) == 44100 && $(param c 1 0 format) == S16_LE && $(param c 1 0 channels) == 2 ]]
	end_of $!
	end_of $zero
	# Now with sound: an OSS player at its own rate and format.
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 44100 recorded.wav &
	recorder=$!
	capturing 1 0
	oss_play voice.wav /dev/dsp
	stop_recorder $! 1 0
	alike --channels 0,0 --correlation 0.9 --gain 0.9:1.05 --wander 40 voice.wav recorded.wav
}
example converted_for_reader "32000 Hz, mono beside a peer with 44100 Hz, stereo"

ffmpeg_oss() {
	ffmpeg -nostdin -loglevel error -f oss -sample_rate 48000 -channels 2 -i /dev/adsp recorded.wav &
	recorder=$!
	capturing 1 0
	cut
	oss_play cut.wav /dev/dsp
	stop_recorder $recorder 1 0
	exact cut.wav recorded.wav
}
example ffmpeg_oss "ffmpeg -f oss, in and out"

report
