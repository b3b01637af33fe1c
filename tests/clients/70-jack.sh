#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# JACK servers on the sides of cables, and zita-ajbridge, which joins a cable to a server with a
# clock of its own.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1,1 id=Loopback,Second
export JACK_NO_AUDIO_RESERVATION=1

# server NAME JACKD-OPTION...: starts a server, and waits until it serves
server() {
	local name=$1
	shift
	jackd -n "$name" "$@" >"$name.jackd" 2>&1 &
	wait_until jack_lsp -s "$name"
}
# play_into SERVER FILE: by GStreamer, which connects to the server's outputs
play_into() {
	JACK_DEFAULT_SERVER=$1 gst-launch-1.0 -q filesrc location="$2" ! wavparse ! audioconvert ! \
		jackaudiosink connect=auto
}
# record_from SERVER SECONDS FILE PORT...
record_from() {
	local server=$1 seconds=$2 file=$3
	shift 3
	JACK_DEFAULT_SERVER=$server jack_rec -f "$file" -d "$seconds" -b 16 "$@"
}
no_xrun() { not grep -iE 'xrun|late' "$@"; }

player_end() {
	arecord -q -I -D hw:Loopback,1,0 -f S32_LE -c 2 -r 48000 -t raw recorded &
	recorder=$!
	capturing 1 0
	server one -R -d alsa -P hw:Loopback,0,0 -r 48000 -p 256 -n 3
	playing 0 0
	play_into one audio.wav
	stop_recorder $recorder 1 0
	joined recorded 32
	no_xrun one.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example player_end "jackd -d alsa -P hw:Loopback,0,0: what JACK plays is recorded by arecord -I"

recorder_end() {
	server two -R -d alsa -C hw:Loopback,1,1 -i 2 -r 48000 -p 256 -n 3
	capturing 1 1
	record_from two 6 recorded.wav system:capture_1 system:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s two
	sox -D audio.wav -e floating-point -b 32 float.wav
	aplay -q -D hw:Loopback,0,1 float.wav
	wait $recorder
	no_xrun two.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example recorder_end "jackd -d alsa -C hw:Loopback,1,1: what aplay plays, JACK records"

both_ends() {
	server one -R -d alsa -P hw:Loopback,0,2 -o 2 -r 48000 -p 128 -n 2
	server two -R -d alsa -C hw:Loopback,1,2 -i 2 -r 48000 -p 128 -n 2
	record_from two 7 recorded.wav system:capture_1 system:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s two
	play_into one audio.wav
	wait $recorder
	no_xrun one.jackd two.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example both_ends "jackd on both ends of a cable, 128 frames a period"

duplex() {
	# One server, both directions: what it plays into one cable comes back from there.
	server one -R -d alsa -P hw:Loopback,0,3 -C hw:Loopback,1,3 -r 48000 -p 64 -n 3
	record_from one 7 recorded.wav system:capture_1 system:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s one
	play_into one audio.wav
	wait $recorder
	no_xrun one.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example duplex "jackd -P hw:Loopback,0,3 -C hw:Loopback,1,3: one server, duplex, 64 frames"

# With Documentation/asound.conf, the card runs interleaved under JACK.
to_arecord() {
	cp "$WITH/Documentation/asound.conf" /etc/asound.conf
	server one -R -d alsa -P jack_in -r 48000 -p 256 -n 3
	playing 0 3
	arecord -q -D hw:Loopback,1,3 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 3
	play_into one audio.wav
	stop_recorder $recorder 1 3
	no_xrun one.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example to_arecord "asound.conf: jackd -d alsa -P jack_in is recorded by arecord"

from_aplay() {
	cp "$WITH/Documentation/asound.conf" /etc/asound.conf
	server two -R -d alsa -C jack_out -r 48000 -p 256 -n 3
	capturing 1 3
	record_from two 6 recorded.wav system:capture_1 system:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s two
	aplay -q -D hw:Loopback,0,3 audio.wav
	wait $recorder
	no_xrun two.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example from_aplay "asound.conf: jackd -d alsa -C jack_out hears what aplay plays"

# The order of things matters here: the other side is there first, and decides the format.
plughw() {
	arecord -q -D hw:Loopback,1,6 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 6
	server one -R -d alsa -P plughw:Loopback,0,6 -r 48000 -p 256 -n 3
	playing 0 6
	play_into one audio.wav
	stop_recorder $recorder 1 6
	no_xrun one.jackd
	alike --correlation 0.9999 --gain 0.999:1.001 audio.wav recorded.wav
}
example plughw "jackd -d alsa -P plughw:Loopback,0,6, once arecord is there"

# JACK's own bridges, which resample, run the card interleaved. They keep the frames that wait in
# their buffer near a number: -m says by how many they may miss it, either way, before they jump
# there and say "delay = N"; of what they were told, that is all they promise. So once they run,
# there is no jump, and no delay differs from another by more than twice that, which is less than a
# period: one that is lost, or heard twice, would show. (Within a window of a quarter of a second
# the resampler's pace may be wrong by some 1e-4, its steps: that costs the correlation some
# hundredths, a period that is missing a half.)
STRAY=100
jumps() { grep -c '^delay = ' bridge.log || true; }
in_step() { # JUMPS-BEFORE
	(($(jumps) == $1)) || fail "the bridge has jumped while it was listened to: $(tail -n 2 bridge.log)"
	alike --correlation 0.95 --wander $((2 * STRAY)) audio.wav recorded.wav
}
by_alsa_out() {
	local before
	server one -R -d dummy -r 48000 -p 256
	JACK_DEFAULT_SERVER=one stdbuf -oL alsa_out -j bridge -d hw:Loopback,0,7 -c 2 -r 48000 \
		-q 1 -m $STRAY >bridge.log 2>&1 &
	bridge=$!
	wait_until says bridge:playback_2 jack_lsp -s one
	playing 0 7
	arecord -q -D hw:Loopback,1,7 -f "$(param p 0 7 format)" -c 2 -r 48000 recorded32.wav &
	recorder=$!
	capturing 1 7
	# In step, after some seconds.
	wait_until has_read 1 7 480000
	before=$(jumps)
	JACK_DEFAULT_SERVER=one gst-launch-1.0 -q filesrc location=audio.wav ! wavparse ! audioconvert ! \
		jackaudiosink connect=auto-forced port-pattern=bridge
	wait_until has_read 1 7 $(($(field c 1 7 hw_ptr) + 24000))
	# When it ends, it says what it has not said yet.
	end_of $bridge
	end_of $recorder
	mend recorded32.wav
	sox -D recorded32.wav -b 16 recorded.wav
	in_step "$before"
}
example by_alsa_out "alsa_out: JACK into a cable, recorded by arecord"

by_alsa_in() {
	local before
	server one -R -d dummy -r 48000 -p 256
	aplay -q -D hw:Loopback,0,7 -f S16_LE -c 2 -r 48000 /dev/zero &
	zero=$!
	playing 0 7
	JACK_DEFAULT_SERVER=one stdbuf -oL alsa_in -j bridge -d hw:Loopback,1,7 -c 2 -r 48000 -q 1 \
		-m $STRAY >bridge.log 2>&1 &
	bridge=$!
	wait_until says bridge:capture_2 jack_lsp -s one
	capturing 1 7
	end_of $zero
	# In step, after some seconds.
	aplay -q -D hw:Loopback,0,7 -d 10 -f S16_LE -c 2 -r 48000 /dev/zero
	before=$(jumps)
	record_from one 8 recorded.wav bridge:capture_1 bridge:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s one
	aplay -q -D hw:Loopback,0,7 audio.wav
	wait $recorder
	end_of $bridge
	in_step "$before"
}
example by_alsa_in "alsa_in: what aplay plays, into JACK"

# The bridge resamples. It says when it has lost step and begins anew: that may happen once.
bridge_in() { # RATE-SHIFT SPEED
	server one -R -d dummy -r 48000 -p 256
	aplay -q -I -D hw:Loopback,0,4 -f S16_LE -c 2 -r 48000 /dev/zero /dev/zero &
	zero=$!
	playing 0 4
	cset Loopback "PCM Rate Shift 100000" 1 4 "$1"
	JACK_DEFAULT_SERVER=one stdbuf -oL zita-a2j -v -d hw:Loopback,1,4 -j bridge -c 2 -r 48000 \
		-p 256 -n 3 >bridge.log 2>&1 &
	wait_until says bridge:capture_2 jack_lsp -s one
	end_of $zero
	# Locked, after some seconds.
	aplay -q -I -D hw:Loopback,0,4 -d 15 -f S16_LE -c 2 -r 48000 /dev/zero /dev/zero
	record_from one 8 recorded.wav bridge:capture_1 bridge:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s one
	play_apart hw:Loopback,0,4 S16_LE -b 16
	wait $recorder
	tail -n 3 bridge.log | sed "s,^,measured: ,"
	[[ $(grep -c 'Starting synchronisation' bridge.log || true) == 1 ]]
	alike --correlation 0.99 --wander 3 --speed "$2" audio.wav recorded.wav
}
a2j() { bridge_in 100000 1; }
example a2j "zita-a2j: a cable into JACK, in step from the beginning"
a2j_drift() { bridge_in 99900 1.001001; }
example a2j_drift "zita-a2j follows a cable that is 0.1 % too fast, without a break"

j2a() {
	server one -R -d dummy -r 48000 -p 256
	arecord -q -I -D hw:Loopback,1,5 -f S16_LE -c 2 -r 48000 -t raw recorded &
	recorder=$!
	capturing 1 5
	JACK_DEFAULT_SERVER=one stdbuf -oL zita-j2a -v -d hw:Loopback,0,5 -j bridge -c 2 -r 48000 \
		-p 256 -n 3 >bridge.log 2>&1 &
	wait_until says bridge:playback_2 jack_lsp -s one
	playing 0 5
	# Locked, after some seconds.
	wait_until has_read 1 5 $(($(field c 1 5 hw_ptr) + 720000))
	JACK_DEFAULT_SERVER=one gst-launch-1.0 -q filesrc location=audio.wav ! wavparse ! audioconvert ! \
		jackaudiosink connect=auto-forced port-pattern=bridge
	stop_recorder $recorder 1 5
	joined recorded 16
	tail -n 3 bridge.log | sed "s,^,measured: ,"
	[[ $(grep -c 'Starting synchronisation' bridge.log || true) == 1 ]]
	alike --correlation 0.99 --wander 3 audio.wav recorded.wav
}
example j2a "zita-j2a: JACK into a cable"

report
