#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# controls.sh [MODULE]: tests the card's controls with the programs that users have: alsactl, which
# keeps their values from one boot to the next, and amixer. Numbers in names are rules of the card's
# behaviour. The report is KTAP; the exit status is 1 if a test failed.
# Guest: --deterministic --with tests/ktap.sh (speeds are compared by what the clock does while they are read)

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

MODULE=${1:-snd-aloop-rs}
CARD=Loopback
STATE=/tmp/controls.state
# Seven for each cable, and one more that the C driver has not (9.16).
case $MODULE in
snd-aloop) CONTROLS=112 ;;
*) CONTROLS=128 ;;
esac
# The highest rate shows the smallest difference in speed.
RATE=192000

fail() {
	echo "$*"
	exit 1
}

# The cables as controls name them: device and substream of the capture side.
cables() {
	for device in 0 1; do
		for substream in 0 1 2 3 4 5 6 7; do
			echo "$device $substream"
		done
	done
}

# A line for each control: its number, address, type, access, range, value.
contents() {
	amixer -c "$CARD" contents | awk '
		/^numid=/ { if (line != "") print line; line = $0; next }
		{ line = line " " $0 }
		END { print line }' | sort
}

set_control() { # NAME DEVICE SUBSTREAM VALUE
	amixer -q -c "$CARD" cset "iface=PCM,name='$1',device=$2,subdevice=$3" "$4" ||
		fail "amixer cset $*: status $?"
}

# Writes each control that can be written; values depend on the cable, and on $1.
write_all() {
	number=0
	cables | while read -r device substream; do
		number=$((number + 1))
		set_control "PCM Rate Shift 100000" "$device" "$substream" $((90000 + $1 * 100 + number))
		set_control "PCM Notify" "$device" "$substream" $((($1 + number) % 2))
	done
}

alsactl_does() { # store|restore
	alsactl_quietly -f "$STATE" "$1" "$CARD"
}

# (The guest has no configuration of use cases.)
alsactl_quietly() { # ARGUMENT...
	alsactl --no-ucm "$@" >/tmp/controls.alsactl 2>&1 ||
		fail "alsactl $*: status $?: $(cat /tmp/controls.alsactl)"
	[ ! -s /tmp/controls.alsactl ] || fail "alsactl $* says: $(cat /tmp/controls.alsactl)"
}

# same WANTED GOT: two lists of controls agree.
same() {
	diff "$1" "$2" >/tmp/controls.diff || fail "$(cat /tmp/controls.diff)"
}

# changed BEFORE AFTER N: so many of the controls differ, all of them such as can be written.
changed() {
	grep -vxFf "$1" "$2" >/tmp/controls.diff
	[ "$(wc -l </tmp/controls.diff)" = "$3" ] || fail "not $3 differ: $(cat /tmp/controls.diff)"
	! grep -v 'access=rw' /tmp/controls.diff || fail "what can't be written has changed"
}

# --- the tests

t_count() {
	[ "$(amixer -c "$CARD" controls | wc -l)" = "$CONTROLS" ] || fail "$(amixer -c "$CARD" controls)"
	contents >/tmp/controls.default
	[ "$(wc -l </tmp/controls.default)" = "$CONTROLS" ] || fail "contents: $(cat /tmp/controls.default)"
	[ "$(grep -c 'access=rw------' /tmp/controls.default)" = 32 ] ||
		fail "not 32 can be written: $(cat /tmp/controls.default)"
}

# The state file names each of them once.
t_store() {
	alsactl_does store
	[ "$(grep -c '^	control\.' "$STATE")" = "$CONTROLS" ] || fail "$(cat "$STATE")"
}

# As a system does it when it goes down and comes up: all cards, in the usual file, which is locked.
t_store_usual() {
	alsactl store >/tmp/controls.alsactl 2>&1 || fail "alsactl store: status $?: $(cat /tmp/controls.alsactl)"
	[ "$(grep -c '^	control\.' /var/lib/alsa/asound.state)" = "$CONTROLS" ] || fail "$(cat /var/lib/alsa/asound.state)"
	write_all 1
	contents >/tmp/controls.changed
	changed /tmp/controls.default /tmp/controls.changed 24
	alsactl_quietly restore
	contents >/tmp/controls.got
	same /tmp/controls.default /tmp/controls.got
}

t_restore_defaults() {
	write_all 1
	contents >/tmp/controls.changed
	# Of the switches, every second one was turned on.
	changed /tmp/controls.default /tmp/controls.changed 24
	alsactl_does restore
	contents >/tmp/controls.got
	same /tmp/controls.default /tmp/controls.got
}

t_restore_others() {
	write_all 2
	contents >/tmp/controls.wanted
	alsactl_does store
	write_all 3
	contents >/tmp/controls.changed
	changed /tmp/controls.wanted /tmp/controls.changed 32
	alsactl_does restore
	contents >/tmp/controls.got
	same /tmp/controls.wanted /tmp/controls.got
}

t_restore_reloaded() {
	rmmod "$MODULE" || fail "rmmod: status $?"
	modprobe "$MODULE" || fail "modprobe: status $?"
	contents >/tmp/controls.got
	same /tmp/controls.default /tmp/controls.got
	alsactl_does restore
	contents >/tmp/controls.got
	same /tmp/controls.wanted /tmp/controls.got
}

t_one_shift() {
	rmmod "$MODULE" || fail "rmmod: status $?"
	modprobe "$MODULE" || fail "modprobe: status $?"
	amixer -c "$CARD" cset "iface=PCM,name='PCM Rate Shift 100000',device=1,subdevice=3" 100100 \
		>/tmp/controls.amixer || fail "amixer cset: status $?"
	# The second device's controls come after the first's 56, seven for each substream.
	sed '/^numid=78,/s/values=100000$/values=100100/' /tmp/controls.default >/tmp/controls.wanted
	! cmp -s /tmp/controls.default /tmp/controls.wanted || fail "no control 78: $(cat /tmp/controls.default)"
	contents >/tmp/controls.got
	same /tmp/controls.wanted /tmp/controls.got
}

# positions: for each cable three positions, read one after another: of the reference, of this
# cable, of the reference. So what the reference showed before and after encloses the time of the
# second. A reading that was interrupted, in which the reference went on by more than 50 frames, is
# repeated.
positions() {
	while read -r device substream; do
		tries=0
		until
			# Read at once, looked at later.
			cat "$REFERENCE" "/proc/asound/$CARD/pcm${device}c/sub$substream/status" \
				"$REFERENCE" >/tmp/controls.positions
			reading=$(sed -n 's/^trigger_time *: //p;s/^hw_ptr *: //p' \
				/tmp/controls.positions | xargs)
			echo "$reading" | awk '{ exit !(NF == 6 && $6 - $2 <= 50) }'
		do
			tries=$((tries + 1))
			[ "$tries" -lt 50 ] || break
		done
		echo "$device $substream $reading"
	done </tmp/controls.cables
}
REFERENCE=/proc/asound/$CARD/pcm0c/sub7/status

# Every cable is recorded at once. Over thirty seconds, the one at a shift of 100100 falls 5754
# frames behind the reference. The others must keep up with it so well that the control's smallest
# step, 57 frames, would be seen. (The reference's own speed is tested elsewhere.)
t_speed() {
	recorders=
	# They must not outlive a test that fails.
	trap 'kill -KILL $recorders 2>/dev/null' EXIT
	cables >/tmp/controls.cables
	while read -r device substream; do
		arecord -q -D "hw:$CARD,$device,$substream" -f S16_LE -c 2 -r "$RATE" -t raw \
			--buffer-size=262144 --period-size=32768 /dev/null &
		recorders="$recorders $!"
	done </tmp/controls.cables
	while read -r device substream; do
		await_position "/proc/asound/$CARD/pcm${device}c/sub$substream/status" 1
	done </tmp/controls.cables
	positions >/tmp/controls.first
	await_position "$REFERENCE" $((30 * RATE))
	positions >/tmp/controls.second
	paste -d ' ' /tmp/controls.first /tmp/controls.second | awk '
		{
			shift = $1 == 1 && $2 == 3 ? 100100 : 100000
			went = $14 - $6
			least = ($12 - $8) * 100000 / shift - 1
			most = ($16 - $4) * 100000 / shift + 1
			printf "device %d substream %d: %d frames, expected %.1f to %.1f\n", $1, $2, went, least, most
			if (NF != 16 || $3 != $11 || $5 != $13 || $7 != $15) { print "overrun"; bad = 1 }
			if (went < least || went > most) bad = 1
			if (most - least > 103) { print "the time of the readings is not known"; bad = 1 }
		}
		END { exit bad || NR != 16 }'
}

await_position() { # STATUS-FILE FRAME
	tries=0
	until position=$(sed -n 's/^hw_ptr *: //p' "$1") && [ "${position:-0}" -ge "$2" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || fail "$1: $(cat "$1")"
		sleep 0.1
	done
}

modprobe "$MODULE" || ktap_bail_out "modprobe $MODULE: status $?"

ktap_test_table <<'END'
count 9.1 seven or eight controls for each cable, 32 of them can be written
store 9.1 alsactl stores all of them
store_usual 9.4 alsactl stores and restores all cards in its usual file
restore_defaults 9.4 alsactl restores the default values
restore_others 9.4 alsactl restores other values
restore_reloaded 9.4 alsactl restores the values of before the module was unloaded
one_shift 9.2 Rate Shift of one cable changes no other control
speed 9.11 Rate Shift of one cable changes the speed of no other
END
