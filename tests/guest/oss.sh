#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --with tests/ktap.sh (programs that are late lose frames)
# oss.sh [MODULE]: tests the card with the kernel's emulation of OSS, whose devices know nothing of
# ALSA. Numbers in names are rules of Documentation/behaviour.rst. The report is KTAP; the exit
# status is 1 if a test failed.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

MODULE=${1:-snd-aloop-rs}

fail() {
	echo "$*"
	exit 1
}

expect() { # WHAT GOT WANT
	[ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

# --- the tests

# Device 0 is the first card's /dev/dsp, device 1 its /dev/adsp: by their numbers.
t_nodes() {
	for node in dsp:14:3 adsp:14:12; do
		name=${node%%:*}
		[ -c "/dev/$name" ] || fail "no /dev/$name: $(ls /dev)"
		expect "numbers of /dev/$name" "$(stat -c %t:%T "/dev/$name")" \
			"$(printf '%x:%x' "$(echo "$node" | cut -d: -f2)" "$(echo "$node" | cut -d: -f3)")"
	done
	for place in pcm0p pcm0c pcm1p pcm1c; do
		[ -e "/proc/asound/Loopback/$place/oss" ] || fail "no /proc/asound/Loopback/$place/oss"
	done
}

# A plain write takes OSS's own defaults: 8000 Hz, 8 bits, one channel; the emulation converts them.
t_plays() { # NODE CAPTURE-DEVICE
	head -c 16000 /dev/urandom | tr '\000\200' '\001\201' >/tmp/oss.source
	arecord -q -D "hw:Loopback,$2,0" -f S16_LE -c 1 -r 8000 -d 4 -t raw /tmp/oss.recorded &
	recorder=$!
	cat /tmp/oss.source >"/dev/$1" || fail "cat >/dev/$1: status $?"
	wait "$recorder" || fail "arecord: status $?"
	[ "$(tr -d '\000' </tmp/oss.recorded | wc -c)" -gt 8000 ] || fail "nothing is heard of /dev/$1"
}
t_plays_dsp() { t_plays dsp 1; }
t_plays_adsp() { t_plays adsp 0; }

t_records() { # NODE PLAYBACK-DEVICE
	head -c 64000 /dev/urandom >/tmp/oss.source
	aplay -q -D "hw:Loopback,$2,0" -f S16_LE -c 1 -r 8000 -t raw /tmp/oss.source &
	player=$!
	head -c 16000 "/dev/$1" >/tmp/oss.recorded || fail "head </dev/$1: status $?"
	wait "$player" || fail "aplay: status $?"
	expect "bytes recorded" "$(wc -c </tmp/oss.recorded)" 16000
	# Silence is 0x80 there.
	[ "$(tr -d '\200' </tmp/oss.recorded | wc -c)" -gt 4000 ] || fail "/dev/$1 hears nothing"
}
t_records_dsp() { t_records dsp 1; }
t_records_adsp() { t_records adsp 0; }

# Closing the device plays the rest, and who exits cannot be interrupted meanwhile.
t_exits() {
	rmmod snd-pcm-oss "$MODULE" || fail "rmmod: status $?"
	modprobe "$MODULE" wait_for_peer=1 || fail "modprobe: status $?"
	modprobe snd-pcm-oss || fail "modprobe snd-pcm-oss: status $?"
	sh -c 'exec 3>/dev/dsp && head -c 100 /dev/urandom >&3' &
	player=$!
	ktap_wait "$player"
	status=$?
	if [ "$status" = 124 ]; then
		# So that it ends.
		arecord -q -D hw:Loopback,1,0 -f S16_LE -c 1 -r 8000 -d 1 -t raw /dev/null
		fail "a program that has written to /dev/dsp, and exits, waits"
	fi
	expect "status of the program" "$status" 0
}

# Who records so waits like any other. The module is loaded as the test before has left it.
t_records_what_is_played() {
	head -c 64000 /dev/urandom | tr '\000\200' '\001\201' >/tmp/oss.source
	head -c 4000 /dev/dsp >/tmp/oss.recorded &
	recorder=$!
	# It keeps the module otherwise.
	trap 'kill "$recorder" 2>/dev/null; wait' EXIT
	place=/proc/asound/Loopback/pcm0c/sub0/status
	until grep -q RUNNING "$place" 2>/dev/null; do
		kill -0 "$recorder" 2>/dev/null || fail "it has recorded $(wc -c </tmp/oss.recorded) bytes of nothing"
		usleep 10000
	done
	usleep 300000
	expect "position of a recorder that waits" "$(sed -n 's/^hw_ptr *: //p' "$place")" 0
	aplay -q -D hw:Loopback,1,0 -f S16_LE -c 1 -r 8000 -t raw /tmp/oss.source || fail "aplay: status $?"
	wait "$recorder" || fail "head: status $?"
	# It begins with the first frame: silence is 0x80 there, and a sample near it may be.
	[ "$(head -c 100 /tmp/oss.recorded | tr -d '\200' | wc -c)" -gt 80 ] || fail "it begins with silence"
}

for module in "$MODULE" snd-pcm-oss; do
	modprobe "$module" || ktap_bail_out "modprobe $module: status $?"
done

status=0
ktap_test_table <<'END' || status=1
nodes 15.1 device 0 is /dev/dsp, device 1 /dev/adsp
plays_dsp 15.1 /dev/dsp plays into device 1
plays_adsp 15.1 /dev/adsp plays into device 0
records_dsp 15.1 /dev/dsp records from device 1
records_adsp 15.1 /dev/adsp records from device 0
exits 15.1 wait_for_peer: a program that plays by way of OSS does not wait, and exits
records_what_is_played 15.1 wait_for_peer: a program that records by way of OSS waits
END
rmmod snd-pcm-oss "$MODULE"
exit "$status"
