#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# demo-guest.sh [MODULE]: the guest's part of `make demo`. Loads the module, plays /with/source/*.wav
# into its cables with aplay while arecord records the other ends, and puts the recordings into /out.
set -eu

MODULE=${1:-snd-aloop-rs}
SOURCE=/with/source
RECORDED=/tmp/recorded
mkdir -p "$RECORDED"

stage() { printf '\n[guest %s s] %s\n' "$(cut -d. -f1 /proc/uptime)" "$*"; }
run() {
	echo "# $*"
	"$@"
}
fail() {
	echo "demo-guest.sh: $*" >&2
	exit 1
}

# The value of field $2 in the status of capture substream "DEVICE SUBSTREAM" of the card.
field() { # DEVICE SUBSTREAM NAME
	sed -n "s/^$3 *: //p" "/proc/asound/Loopback/pcm${1}c/sub$2/status"
}

# Waits until a condition holds, 10 s at most. The files of /proc/asound cannot be waited on, so they
# are looked at again and again.
wait_until() { # WHAT COMMAND...
	what=$1
	shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || fail "$what: not within 10 s"
		sleep 0.01
	done
}
is_running() { [ "$(field "$1" "$2" state)" = RUNNING ]; }
has_read() { [ "$(field "$1" "$2" appl_ptr)" -ge "$3" ]; }

# parse NAME:DEVICE:SUBSTREAM: sets $name, $play and $rec (devices), $sub.
parse() {
	name=${1%%:*}
	sub=${1##*:}
	play=${1%:*}
	play=${play#*:}
	rec=$((1 - play))
}

# loop NAME:DEVICE:SUBSTREAM...: plays NAME.wav into each device and substream, all at once, and
# records the other end of each cable as NAME.wav.
loop() {
	recorders='' players=''
	for cable; do
		parse "$cable"
		echo "# arecord -D hw:Loopback,$rec,$sub $name.wav &"
		arecord -q -D "hw:Loopback,$rec,$sub" -f S16_LE -c 2 -r 48000 "$RECORDED/$name.wav" \
			2>"/tmp/$name.arecord" &
		recorders="$recorders $!"
	done
	for cable; do
		parse "$cable"
		wait_until "arecord of hw:Loopback,$rec,$sub runs" is_running "$rec" "$sub"
	done
	for cable; do
		parse "$cable"
		echo "# aplay -D hw:Loopback,$play,$sub $name.wav"
		aplay -q -D "hw:Loopback,$play,$sub" "$SOURCE/$name.wav" &
		players="$players $!"
	done
	for player in $players; do
		wait "$player" || fail "aplay failed"
	done
	# The players have drained: what they played is in the capture rings. Each recorder goes on
	# until it has read up to there, and 4800 frames more.
	for cable; do
		parse "$cable"
		end=$(($(field "$rec" "$sub" hw_ptr) + 4800))
		wait_until "arecord of $name has read $end frames" has_read "$rec" "$sub" "$end"
	done
	for recorder in $recorders; do
		kill -TERM "$recorder"
	done
	# arecord completes its file and reports the signal as status 1.
	for recorder in $recorders; do
		wait "$recorder" || true
	done
	for cable; do
		parse "$cable"
		! grep -i overrun "/tmp/$name.arecord" || fail "arecord could not keep up: $name"
		[ -s "$RECORDED/$name.wav" ] || fail "no recording of $name: $(cat "/tmp/$name.arecord")"
		cp "$RECORDED/$name.wav" /out/
		rm "$RECORDED/$name.wav"
	done
}

stage "$(uname -sr)"
lines=$(dmesg | wc -l)
run modprobe "$MODULE"

stage "the card"
run cat /proc/asound/cards
run aplay -l
run arecord -l

stage "speech, from device 0 to device 1"
loop speech:0:4

stage "music, from device 1 to device 0"
loop music:1:7

stage "all sixteen cables at once"
all=''
for device in 0 1; do
	for substream in 0 1 2 3 4 5 6 7; do
		all="$all cable-$device-$substream:$device:$substream"
	done
done
# shellcheck disable=SC2086 # many words
loop $all

stage "unload"
run rmmod "$MODULE"
[ ! -e /proc/asound/Loopback ] || fail "the card is still there"
echo "# the kernel log since the module was loaded:"
dmesg -r | tail -n +$((lines + 1)) >/tmp/log
sed 's/^<[0-9]*>//' /tmp/log
# A line that begins with <0> to <4> is a warning or worse. The kernel says of any module that is
# neither its own nor signed that it taints.
if grep '^<[0-4]>' /tmp/log | grep -v -e 'loading out-of-tree module taints kernel' \
	-e 'module verification failed: signature and/or required key missing' >/tmp/warnings; then
	fail "the kernel log has warnings: $(cat /tmp/warnings)"
fi
echo "no warning in the kernel log, besides that the module is neither in the kernel's tree nor signed"
