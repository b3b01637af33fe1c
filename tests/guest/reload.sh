#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --cpus 2 --with tests/ktap.sh (a stream that is served too late does not run when it is looked at)
# reload.sh [MODULE [ROUNDS]]: tests that nothing of the driver is left behind when it goes. All of
# ALSA is unloaded right after the card was used, so that a timer, a work item or a file that still
# refers to the module would crash the kernel at once. Each test does so ROUNDS times (10). Numbers
# in names are rules of Documentation/behaviour.rst. The report is KTAP; the exit status is 1 if a
# test failed.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

MODULE=${1:-snd-aloop-rs}
CARD=Loopback
ROUNDS=${2:-10}
DRIVER=/sys/bus/platform/drivers/snd_aloop
DEVICE=snd_aloop.0

fail() {
	echo "$*"
	exit 1
}

load() {
	modprobe "$MODULE" || fail "modprobe $MODULE: status $?"
	[ -e "/proc/asound/$CARD" ] || fail "no card: $(cat /proc/asound/cards)"
}

# The driver, and all that it stood on.
unload() {
	rmmod "$MODULE" snd_pcm snd_timer snd || fail "rmmod: status $?"
	[ ! -e /sys/module/snd ] || fail "ALSA is still there"
	[ ! -e /proc/asound ] || fail "/proc/asound is still there"
}

# stream COMMAND PLACE FILE [OPTION]...: a player or recorder in the background, whose process is $!.
# (A buffer of a second: the core gives up a stream that the host holds up for longer than its buffer.)
stream() {
	stream_program=$1 stream_device=$2 stream_file=$3
	shift 3
	"$stream_program" -q -D "hw:$CARD,$stream_device" -f S16_LE -c 2 -r 48000 -t raw --period-size=48 \
		--buffer-size=48000 "$@" "$stream_file" >/dev/null 2>&1 &
}

# Starts both sides of two cables and waits until they run; their processes are $streams.
start() {
	stream arecord 1,0 /dev/null
	streams=$!
	stream aplay 0,0 /dev/zero
	streams="$streams $!"
	stream arecord 0,5 /dev/null
	streams="$streams $!"
	stream aplay 1,5 /dev/zero
	streams="$streams $!"
	for place in pcm1c/sub0 pcm0p/sub0 pcm0c/sub5 pcm1p/sub5; do
		tries=0
		until grep -q RUNNING "/proc/asound/$CARD/$place/status"; do
			tries=$((tries + 1))
			[ "$tries" -lt 500 ] || fail "$place does not run: $(cat "/proc/asound/$CARD/$place/status")"
			sleep 0.01
		done
	done
}

# Ends the streams in the middle, without a word to them.
end() {
	# shellcheck disable=SC2086 # several
	kill -KILL $streams
	# shellcheck disable=SC2086
	wait $streams 2>/dev/null
	return 0
}

works() {
	arecord -q -D "hw:$CARD,1,2" -f S16_LE -c 2 -r 48000 -s 4800 -t raw /tmp/reload.raw ||
		fail "arecord: status $?"
	[ "$(wc -c </tmp/reload.raw)" = 19200 ] || fail "arecord: $(wc -c </tmp/reload.raw) bytes"
}

unbind() { echo "$DEVICE" >"$DRIVER/unbind" || fail "unbind is refused"; }

rounds() { # COMMAND...
	round=0
	while [ "$round" -lt "$ROUNDS" ]; do
		round=$((round + 1))
		"$@" || fail "round $round"
	done
}

# --- the tests

after_use() {
	load
	start
	end
	unload
}
t_after_use() { rounds after_use; }

# The cables run by a timer of the core, which is unloaded too.
# after_timer SOURCE STATE: what the status of the stream then has.
after_timer() {
	source=$1 state=$2
	load
	echo "$source" >"/proc/asound/$CARD/timer_source" || fail "timer_source is refused"
	# At other periods than the timer's, it would stop at the first tick.
	tick_us=$(sed -n 's/^G0: system timer : \([0-9]*\)\..*/\1/p' /proc/asound/timers)
	stream arecord 1,0 /dev/null --period-size=$((tick_us * 48 / 1000))
	streams=$!
	status=/proc/asound/$CARD/pcm1c/sub0/status
	tries=0
	until grep -q "$state" "$status"; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || fail "no recorder: $(cat "$status")"
		sleep 0.01
	done
	end
	unload
}
# The stream has moved.
t_after_global_timer() { rounds after_timer -1.0.0 '^hw_ptr *: [1-9]'; }
# Nobody runs that substream: it waits for the first tick.
t_after_own_timer() { rounds after_timer "$CARD,1,7" RUNNING; }

# In use, the card goes when the last of its users has gone: each gets an error and ends.
unbind_in_use() {
	load
	start
	unbind
	[ ! -e "/proc/asound/$CARD" ] || fail "the card is still there"
	for client in $streams; do
		ktap_wait "$client"
		[ $? != 124 ] || fail "a client of a card that has gone does not end"
	done
	unload
}
t_unbind_in_use() { rounds unbind_in_use; }

bind_again() {
	load
	start
	end
	unbind
	echo "$DEVICE" >"$DRIVER/bind" || fail "bind is refused"
	works
	start
	end
	unload
}
t_bind_again() { rounds bind_again; }

# apart TEST: in a shell that ends with it. The streams of a test that has failed must not outlive
# it, and the next one begins without modules.
leave() {
	status=$?
	# shellcheck disable=SC2086 # several
	kill -KILL $streams 2>/dev/null
	[ $status -eq 0 ] || rmmod "$MODULE" snd_pcm snd_timer snd 2>/dev/null
	exit $status
}
apart() {
	streams=
	trap leave EXIT
	"$1"
}

ktap_around=apart
ktap_test_table <<'END'
after_use 13.1 all of ALSA is unloaded right after streams were killed
after_global_timer 13.1 the same with cables that run by a global timer
after_own_timer 13.1 the same with a cable that runs by a PCM timer of the card
unbind_in_use 13.2 unbound while streams run, then unloaded
bind_again 13.2 unbound, bound, used again, unloaded
END
