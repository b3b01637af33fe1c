#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# alsaloop (alsa-utils), with the options of its manual that touch a card: from Loopback to a second
# card, from a second card to Loopback, and between cables of one card.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1,1 id=Loopback,Second

# through FROM TO ALSALOOP-OPTION...: plays audio.wav (or $source) into the cable that FROM is the
# capture of, and records as recorded.wav what comes out of the cable that TO is the playback of;
# both as CARD,DEVICE,SUBSTREAM. alsaloop is told -a off, so that it runs from the
# beginning.
through() {
	local from=$1 to=$2 loop recorder
	local -a f t
	IFS=, read -ra f <<<"$from"
	IFS=, read -ra t <<<"$to"
	shift 2
	alsaloop -C "hw:$from" -P "hw:$to" -a off "$@" &
	loop=$!
	capturing "${f[1]}" "${f[2]}" "${f[0]}"
	playing "${t[1]}" "${t[2]}" "${t[0]}"
	arecord -q -D "hw:${t[0]},$((1 - t[1])),${t[2]}" -f "$(param p "${t[1]}" "${t[2]}" format "${t[0]}")" \
		-c "$(param p "${t[1]}" "${t[2]}" channels "${t[0]}")" \
		-r "$(param p "${t[1]}" "${t[2]}" rate "${t[0]}")" recorded.wav &
	recorder=$!
	capturing $((1 - t[1])) "${t[2]}" "${t[0]}"
	aplay -q -D "hw:${f[0]},$((1 - f[1])),${f[2]}" "${source:-audio.wav}"
	# alsaloop holds some frames yet.
	wait_until has_read $((1 - t[1])) "${t[2]}" \
		$(($(field c $((1 - t[1])) "${t[2]}" hw_ptr "${t[0]}") + ${hold:-24000})) "${t[0]}"
	end_of $recorder
	kill -0 $loop || fail "alsaloop has ended"
	end_of $loop
}

to_second() {
	through Loopback,1,4 Second,0,0
	exact audio.wav recorded.wav
}
example to_second "-C hw:Loopback,1,4 -P hw:Second,0,0"

from_second() {
	through Second,1,2 Loopback,0,7
	exact audio.wav recorded.wav
}
example from_second "-C hw:Second,1,2 -P hw:Loopback,0,7"

within() {
	through Loopback,0,1 Loopback,0,3
	exact audio.wav recorded.wav
}
example within "-C hw:Loopback,0,1 -P hw:Loopback,0,3: from cable to cable of one card"

parameters() {
	source=high.wav
	converted audio.wav high.wav -r 96000 -c 6 -b 24
	hold=48000 through Loopback,1,0 Second,0,0 -f S24_3LE -c 6 -r 96000
	exact high.wav recorded.wav
}
example parameters "-f S24_3LE -c 6 -r 96000"

latency_frames() {
	through Loopback,1,0 Second,0,0 -l 4800 -B 4800 -E 480
	exact audio.wav recorded.wav
}
example latency_frames "-l 4800 -B 4800 -E 480: latency, buffer and period in frames"

latency_time() {
	through Loopback,1,0 Second,0,0 -t 5000
	exact audio.wav recorded.wav
}
example latency_time "-t 5000: a latency of 5 ms"

nonblocking() {
	through Loopback,1,0 Second,0,0 -b -t 20000 -W 5
	exact audio.wav recorded.wav
}
example nonblocking "-b -W 5: without blocking, a wake-up every 5 ms"

profiling() {
	through Loopback,1,0 Second,0,0 -U -v -t 50000
	exact audio.wav recorded.wav
}
example profiling "-U -v: profile of xruns"

serial_open() {
	through Loopback,1,0 Second,0,0 -w serialopen -T 1
	exact audio.wav recorded.wav
}
example serial_open "-w serialopen -T 1"

control_devices() {
	through Loopback,1,0 Second,0,0 -X hw:Second -Y hw:Loopback
	exact audio.wav recorded.wav
}
example control_devices "-X hw:Second -Y hw:Loopback: the control devices by name"

# alsaloop 1.2.14 takes -s, but goes on after it, with any card.
seconds() {
	through Loopback,1,0 Second,0,0 -s 2
	exact audio.wav recorded.wav
}
example seconds "-s 2: a duration, which alsaloop itself doesn't keep"

# A mixer control of the playing card appears on the recorded card too, and each follows the other.
# The playing card is not a loopback card: see Documentation/clients.rst.
volume="name='Master Volume'"
volume_is() { amixer -c "$1" cget "$volume" | grep ": values=$2\$"; }
mixer() {
	modprobe snd-dummy
	amixer -q -c Dummy cset "$volume" 10,10
	alsaloop -C hw:Loopback,1,0 -P hw:Dummy -a off -t 50000 -m "$volume" &
	loop=$!
	wait_until volume_is Loopback 10,10
	capturing 1 0
	amixer -q -c Dummy cset "$volume" 20,30
	wait_until volume_is Loopback 20,30
	amixer -q -c Loopback cset "$volume" 70,60
	wait_until volume_is Dummy 70,60
	kill -0 $loop || fail "alsaloop has ended"
	end_of $loop
	# It takes its control along.
	not amixer -c Loopback cget "$volume"
	modprobe -r snd-dummy
}
example mixer "-m: a mixer control of the playing card, on the recorded one"

# A config file has a job in each line, a thread to each.
jobs() {
	cat >jobs.conf <<-END
		# two cables at once
		-C hw:Loopback,1,0 -P hw:Second,0,0 -a off -t 50000 -T 1
		-C hw:Loopback,1,1 -P hw:Second,0,1 -a off -t 50000 -T 2
	END
	alsaloop -g jobs.conf &
	loop=$!
	for n in 0 1; do
		capturing 1 $n Loopback
		playing 0 $n Second
		arecord -q -D hw:Second,1,$n -f S16_LE -c 2 -r 48000 recorded$n.wav &
		recorders[n]=$!
		capturing 1 $n Second
	done
	aplay -q -D hw:Loopback,0,0 audio.wav &
	player=$!
	aplay -q -D hw:Loopback,0,1 audio.wav
	wait $player
	for n in 0 1; do
		wait_until has_read 1 $n $(($(field c 1 $n hw_ptr Second) + 24000)) Second
		end_of "${recorders[n]}"
		exact audio.wav recorded$n.wav
	done
	end_of $loop
}
example jobs "-g FILE: two jobs, two threads"

daemon() {
	arecord -q -D hw:Second,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0 Second
	# A daemon forgets its folder, and says nothing.
	alsaloop -d -C hw:Loopback,1,0 -P hw:Second,0,0 -a off -t 50000
	capturing 1 0
	playing 0 0 Second
	aplay -q -D hw:Loopback,0,0 audio.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr Second) + 24000)) Second
	end_of $recorder
	pkill -x alsaloop
	exact audio.wav recorded.wav
}
example daemon "-d: as a daemon"

resampled() {
	# Each side at a rate of its own, the card's being dictated by who was there first.
	arecord -q -D hw:Second,1,0 -f S16_LE -c 2 -r 44100 recorded.wav &
	recorder=$!
	capturing 1 0 Second
	alsaloop -C hw:Loopback,1,0 -P plughw:Second,0,0 -a off -n -r 48000 -t 100000 &
	capturing 1 0
	playing 0 0 Second
	aplay -q -D hw:Loopback,0,0 audio.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr Second) + 24000)) Second
	end_of $recorder
	alike --wander 20 --correlation 0.98 audio.wav recorded.wav
}
example resampled "-n: 48000 Hz to a card that runs at 44100 Hz"

# --- sync modes. 0: none; 1: simple, drops or repeats frames; 2: captshift, 3: playshift, the
# cards' own speed; 4: resampling; 5: automatic.

for mode in 0 1 2 3 5; do
	eval "sync_$mode() {
		through Loopback,1,0 Second,0,0 -S $mode -t 100000 \
			-x \"iface=PCM,name='PCM Rate Shift 100000',device=1,subdevice=0\"
		exact audio.wav recorded.wav
	}"
	example sync_$mode "-S $mode, with clocks that agree: nothing is lost or doubled"
done
sync_4() {
	through Loopback,1,0 Second,0,0 -S 4 -A 2 -t 100000
	alike --correlation 0.995 --wander 6 audio.wav recorded.wav
}
example sync_4 "-S 4 -A 2: resampling by libsamplerate"

# --- slave mode: alsaloop waits for a player, and takes up its parameters

followed() { # FORMAT CHANNELS RATE, of both the player and alsaloop
	[[ $(param c 1 5 format) == "$1" && $(param c 1 5 channels) == "$2" &&
	$(param c 1 5 rate) == "$3" && $(param p 0 0 format Second) == "$1" &&
	$(param p 0 0 channels Second) == "$2" && $(param p 0 0 rate Second) == "$3" ]]
}
slave() {
	cset Loopback "PCM Notify" 1 5 on
	alsaloop -C hw:Loopback,1,5 -P hw:Second,0,0 -a on -t 100000 -v &
	loop=$!
	# It is there once it listens to the card's controls.
	wait_until says alsaloop fuser -v /dev/snd/controlC0
	for way in S16_LE-2-48000 S32_LE-2-44100 S16_LE-1-8000 S24_3LE-6-96000; do
		IFS=- read -r format channels rate <<<"$way"
		aplay -q -D hw:Loopback,0,5 -f "$format" -c "$channels" -r "$rate" /dev/zero &
		player=$!
		wait_until followed "$format" "$channels" "$rate"
		end_of $player
		wait_until isnt is_state c 1 5 RUNNING
	done
	kill -0 $loop
	end_of $loop
}
example slave "-a on: follows a player that changes format, channels and rate"

slave_heard() {
	converted audio.wav voice.wav -r 44100
	alsaloop -C hw:Loopback,1,5 -P hw:Second,0,0 -a auto -t 50000 &
	loop=$!
	wait_until says alsaloop fuser -v /dev/snd/controlC0
	arecord -q -D hw:Second,1,0 -f S16_LE -c 2 -r 44100 recorded.wav &
	recorder=$!
	capturing 1 0 Second
	aplay -q -D hw:Loopback,0,5 voice.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr Second) + 12000)) Second
	end_of $recorder
	end_of $loop
	# It begins when it is told that a player has begun: a little later.
	alike --missing 0.1 voice.wav recorded.wav
}
example slave_heard "-a auto: what the player plays is heard"

report
