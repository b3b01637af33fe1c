#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --with tests/ktap.sh (programs that are late lose frames)
# peer.sh: tests the parameters wait_for_peer and end_with_peer, with arecord and aplay, and with
# the groups waits and ends of aloop-test. Its reports are KTAP.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

RATE=48000
# What is played: not a whole number of anybody's periods.
FRAMES=50001
PERIOD=1024

fail() {
	echo "$*"
	exit 1
}

# load PARAMETER...: the card with these parameters.
load() {
	! grep -q '^snd_aloop_rs ' /proc/modules || rmmod snd-aloop-rs || fail "rmmod: status $?"
	modprobe snd-aloop-rs "$@" || fail "modprobe $*: status $?"
}
# player SUBSTREAM [OPTION]..., recorder SUBSTREAM FILE [OPTION]...: S16_LE, mono.
player() {
	substream=$1
	shift
	aplay -q -D "hw:Loopback,0,$substream" -t raw -f S16_LE -r "$RATE" -c 1 \
		--period-size "$PERIOD" "$@" /tmp/noise.raw
}
recorder() {
	substream=$1 file=$2
	shift 2
	arecord -q -D "hw:Loopback,1,$substream" -t raw -f S16_LE -r "$RATE" -c 1 \
		--period-size "$PERIOD" "$@" "$file"
}
# The card that these two look at.
card=Loopback
# until_state STATE DEVICE-AND-DIRECTION SUBSTREAM PID: the stream has come to the state.
until_state() {
	until grep -q "state: $1" "/proc/asound/$card/pcm$2/sub$3/status" 2>/dev/null; do
		kill -0 "$4" 2>/dev/null || fail "the program has gone before its stream is $1"
	done
}
# position DEVICE-AND-DIRECTION SUBSTREAM
position() { awk '/^hw_ptr/ { print $3 }' "/proc/asound/$card/pcm$1/sub$2/status"; }
# uptime_ms: the time since boot in milliseconds.
uptime_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
# pass_ms MS: lets so much time go by.
pass_ms() { usleep $(($1 * 1000)); }

# starts_with_noise FILE: its first frames are what was played, all of it.
starts_with_noise() {
	head -c $((FRAMES * 2)) "$1" | cmp -s - /tmp/noise.raw ||
		fail "$1 does not begin with what was played: $(cmp "$1" /tmp/noise.raw 2>&1)"
}
# silent_after FRAME FILE: there is nothing but silence from that frame on.
silent_after() {
	! tail -c +$(($1 * 2 + 1)) "$2" | tr -d '\0' | grep -q . || fail "$2: sound after frame $1"
}
frames_of() { echo $(($(wc -c <"$1") / 2)); }

# --- the tests

t_off() {
	load
	for parameter in wait_for_peer end_with_peer; do
		[ "$(cat /sys/module/snd_aloop_rs/parameters/"$parameter")" = "$(printf 'N,%.0s' $(seq 31))N" ] ||
			fail "$parameter: $(cat /sys/module/snd_aloop_rs/parameters/"$parameter")"
	done
	# The recorder hears silence before and after.
	recorder 0 /tmp/off.raw -s $((FRAMES * 2)) &
	pid=$!
	until_state RUNNING 1c 0 "$pid"
	until [ "$(position 1c 0)" -gt 2000 ]; do kill -0 "$pid" || fail "the recorder has gone"; done
	player 0 || fail "aplay: status $?"
	wait "$pid" || fail "arecord: status $?"
	[ "$(frames_of /tmp/off.raw)" = $((FRAMES * 2)) ] || fail "$(frames_of /tmp/off.raw) frames"
	! head -c 2000 /tmp/off.raw | tr -d '\0' | grep -q . || fail "no silence at the beginning"
}
t_recorder_waits() {
	load wait_for_peer=1
	recorder 1 /tmp/waits.raw -s "$FRAMES" &
	pid=$!
	until_state RUNNING 1c 1 "$pid"
	# Longer than the core waits for a device that does nothing: 1.1 buffers, and a buffer is 0.5 s.
	pass_ms 1500
	kill -0 "$pid" || fail "the recorder has given up"
	[ "$(position 1c 1)" = 0 ] || fail "it has recorded $(position 1c 1) frames of nothing"
	player 1 || fail "aplay: status $?"
	wait "$pid" || fail "arecord: status $?"
	starts_with_noise /tmp/waits.raw
}
t_player_waits() {
	load wait_for_peer=1
	player 2 &
	pid=$!
	until_state RUNNING 0p 2 "$pid"
	pass_ms 1500
	kill -0 "$pid" || fail "the player has given up"
	[ "$(position 0p 2)" = 0 ] || fail "it has played $(position 0p 2) frames to nobody"
	amixer -c Loopback cget iface=PCM,name='PCM Slave Active',device=1,subdevice=2 |
		grep -q 'values=on' || fail "PCM Slave Active is off"
	recorder 2 /tmp/heard.raw -s "$FRAMES" || fail "arecord: status $?"
	wait "$pid" || fail "aplay: status $?"
	starts_with_noise /tmp/heard.raw
}
# All that there is fits the buffer: the player waits in its drain.
t_drain_waits() {
	load wait_for_peer=1
	head -c 4000 /tmp/noise.raw >/tmp/short.raw
	aplay -q -D hw:Loopback,0,3 -t raw -f S16_LE -r "$RATE" -c 1 /tmp/short.raw &
	pid=$!
	until_state DRAINING 0p 3 "$pid"
	pass_ms 1500
	kill -0 "$pid" || fail "the player has given up"
	recorder 3 /tmp/drained.raw -s 4096 || fail "arecord: status $?"
	wait "$pid" || fail "aplay: status $?"
	head -c 4000 /tmp/drained.raw | cmp -s - /tmp/short.raw || fail "not what was played"
	silent_after 2000 /tmp/drained.raw
}
t_goes_on() {
	load wait_for_peer=1
	recorder 4 /tmp/goes_on.raw -s $((FRAMES * 2)) &
	pid=$!
	until_state RUNNING 1c 4 "$pid"
	player 4 || fail "aplay: status $?"
	wait "$pid" || fail "arecord: status $?"
	starts_with_noise /tmp/goes_on.raw
	silent_after "$FRAMES" /tmp/goes_on.raw
}
# The first interrupt lets arecord finish the read that it waits in; the second does not.
t_interrupted() {
	load wait_for_peer=1
	# (Not by the function, which would be a shell's process.)
	arecord -q -D hw:Loopback,1,5 -t raw -f S16_LE -r "$RATE" -c 1 /tmp/none.raw &
	pid=$!
	until_state RUNNING 1c 5 "$pid"
	kill -INT "$pid"
	# Until its handler is the default one: bit 1 of what it catches.
	until [ $((0x$(awk '/^SigCgt/ { print substr($2, 9) }' "/proc/$pid/status") & 2)) = 0 ]; do :; done
	kill -INT "$pid"
	ktap_wait "$pid"
	[ $? != 124 ] || fail "it cannot be interrupted"
	[ ! -s /tmp/none.raw ] || fail "$(frames_of /tmp/none.raw) frames of nothing"
	# Nothing is left of it.
	player 5 &
	pid=$!
	recorder 5 /tmp/next.raw -s "$FRAMES" || fail "arecord: status $?"
	wait "$pid" || fail "aplay: status $?"
	starts_with_noise /tmp/next.raw
}
# Recorders and players take a period at a time: the recording is complete to the last frame.
t_ends() {
	load end_with_peer=1
	recorder 6 /tmp/ends.raw 2>/tmp/ends.err &
	pid=$!
	until_state RUNNING 1c 6 "$pid"
	player 6 || fail "aplay: status $?"
	begun=$(uptime_ms)
	ktap_wait "$pid"
	[ $? = 1 ] || fail "arecord ended otherwise than with an error"
	took=$(($(uptime_ms) - begun))
	grep -q 'bad state' /tmp/ends.err || fail "arecord said: $(cat /tmp/ends.err)"
	[ "$took" -lt 5000 ] || fail "it took $took ms more"
	[ $(($(frames_of /tmp/ends.raw) % PERIOD)) = 0 ] || fail "no whole number of periods"
	# Where in it the player began is not known: its bytes are looked for.
	lead=$(awk -v file=/tmp/ends.raw 'BEGIN {
		cmd = "od -An -v -w2 -tx1 " file
		while ((cmd | getline line) > 0) { if (line != " 00 00") { print n + 0; exit } n++ }
	}')
	[ "$lead" ] || fail "nothing was heard"
	tail -c +$((lead * 2 + 1)) /tmp/ends.raw >/tmp/ends.sound
	starts_with_noise /tmp/ends.sound
	silent_after "$FRAMES" /tmp/ends.sound
	# After a drain to the end of the player's period, and the close, to the end of the
	# recorder's.
	rest=$(($(frames_of /tmp/ends.sound) - FRAMES))
	[ "$rest" -lt $((4 * PERIOD)) ] || fail "$rest frames of silence follow"
}
t_whole() {
	load wait_for_peer=1 end_with_peer=1
	recorder 7 /tmp/whole.raw 2>/dev/null &
	pid=$!
	until_state RUNNING 1c 7 "$pid"
	player 7 || fail "aplay: status $?"
	ktap_wait "$pid"
	[ $? != 124 ] || fail "the recording does not end"
	starts_with_noise /tmp/whole.raw
	silent_after "$FRAMES" /tmp/whole.raw
}
# Programs open a device just to see what it can do.
t_probe() {
	load end_with_peer=1
	recorder 0 /tmp/probe.raw 2>/tmp/probe.err &
	pid=$!
	until_state RUNNING 1c 0 "$pid"
	! aplay -q -D hw:Loopback,0,0 -t raw -f S16_LE -c 33 -r "$RATE" /tmp/noise.raw 2>/dev/null ||
		fail "33 channels were played"
	before=$(position 1c 0)
	until [ "$(position 1c 0)" -gt $((before + RATE / 4)) ]; do
		kill -0 "$pid" || fail "the recording has ended, though nobody played: $(cat /tmp/probe.err)"
	done
	player 0 || fail "aplay: status $?"
	ktap_wait "$pid"
	[ $? != 124 ] || fail "the recording does not end"
	[ -s /tmp/probe.raw ] || fail "nothing was recorded"
}
t_one_card() {
	load enable=1,1 id=Plain,Waits wait_for_peer=0,1 end_with_peer=1,0
	[ "$(cut -d, -f1-2 /sys/module/snd_aloop_rs/parameters/wait_for_peer)" = N,Y ] || fail "not as given"
	[ "$(cut -d, -f1-2 /sys/module/snd_aloop_rs/parameters/end_with_peer)" = Y,N ] || fail "not as given"
	arecord -q -D hw:Plain,1,0 -t raw -f S16_LE -r "$RATE" -c 1 -s 4800 /tmp/plain.raw ||
		fail "arecord: status $?"
	silent_after 0 /tmp/plain.raw
	for card in Plain Waits; do
		arecord -q -D "hw:$card,1,1" -t raw -f S16_LE -r "$RATE" -c 1 /tmp/one_card.raw 2>/tmp/one_card.err &
		pid=$!
		until_state RUNNING 1c 1 "$pid"
		aplay -q -D "hw:$card,0,1" -t raw -f S16_LE -r "$RATE" -c 1 /tmp/noise.raw || fail "aplay: status $?"
		if [ "$card" = Plain ]; then
			ktap_wait "$pid"
			[ $? = 1 ] || fail "the recording from the first card does not end"
			grep -q 'bad state' /tmp/one_card.err || fail "arecord said: $(cat /tmp/one_card.err)"
		else
			before=$(position 1c 1)
			until [ "$(position 1c 1)" -gt $((before + RATE / 4)) ]; do
				kill -0 "$pid" || fail "the recording from the second card has ended: $(cat /tmp/one_card.err)"
			done
			kill "$pid"
			wait "$pid" || :
		fi
	done
}

head -c $((FRAMES * 2)) /dev/urandom >/tmp/noise.raw
# The first frame is one that can be found.
printf '\125\125' | dd of=/tmp/noise.raw conv=notrunc 2>/dev/null

status=0
ktap_test_table <<'END' || status=1
off 18.1 18.2 both are off by default, and nothing changes
recorder_waits 18.1 a recorder that starts first waits, and begins with the first frame
player_waits 18.1 a player that starts first waits, and loses nothing
drain_waits 18.1 a player that is drained waits too
goes_on 18.1 once both have started, the recorder hears silence after the player
interrupted 18.1 a recorder that waits can be interrupted
ends 18.2 the recording ends when the player is closed, complete
whole 18.1 18.2 with both, a recording is what was played
probe 18.2 a player that plays nothing ends nothing
one_card 18.1 18.2 one card of two
END

# For readers and writers of other kinds, aloop-test is beside this script. Each run is a report of
# its own.
groups() { # PARAMETERS GROUP...
	parameters=$1
	shift
	ktap_print_msg "$parameters"
	# shellcheck disable=SC2086 # one or more words
	if why=$(load $parameters 2>&1); then
		"$(dirname "$0")/aloop-test" "$@" || status=1
	else
		ktap_bail_out "$why"
	fi
}
groups wait_for_peer=1 --group waits
groups end_with_peer=1 --group ends
groups "wait_for_peer=1 end_with_peer=1" --group waits --group ends
exit $status
