# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034 # who sources it uses what it sets
# What the scripts share that test cards made at run time, by the directories of
# /sys/kernel/config/snd-aloop. In a guest it is beside them (qemu/run --with tests/cards.sh), and so is
# ktap.sh.
#
# Source it first. Tests are functions, called by their names in a table: cards_test_table.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

ROOT=/sys/kernel/config/snd-aloop
DRIVER=/sys/bus/platform/drivers/snd_aloop_configfs
RATE=48000
ALL="id index name substreams channels_max device0_name device1_name direction pcm_notify wait_for_peer
end_with_peer timer_source timer_slack"

# --- helpers: each failing one says why on stdout and ends the test

fail() {
	echo "$*"
	exit 1
}
expect() { # WHAT GOT WANT
	[ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

# Number and id of each card: "0=Loopback 1=Loopback_1".
cards() {
	sed -n 's/^ *\([0-9]*\) \[\([^ ]*\) *\]: .*/\1=\2/p' /proc/asound/cards 2>/dev/null | xargs
}
uptime_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

# error FILE TEXT: writes a line to a file; prints what the error was, or nothing.
# (The shell of the guest doesn't say it.)
error() {
	# shellcheck disable=SC2016 # the other shell's
	bash -c 'printf "%s\n" "$2" >"$1"' - "$1" "$2" 2>&1 | sed 's/.*: //'
}
# set_to NAME ATTRIBUTE=VALUE...
set_to() {
	name=$1
	shift
	for pair; do
		expect "$name: $pair" "$(error "$ROOT/$name/${pair%%=*}" "${pair#*=}")" ""
	done
}
# make NAME [ATTRIBUTE=VALUE]...: a directory, and its card
make() {
	mkdir "$ROOT/$1" || fail "mkdir $1: status $?"
	set_to "$@" live=1
}
value() { cat "$ROOT/$1/$2"; }
# refused FILE TEXT ERROR LOG: the write fails so, and the log then says that. (The messages are limited to
# ten in five seconds.)
refused() {
	sleep 0.6
	dmesg -c >/dev/null
	expect "'$2' to ${1#"$ROOT/"}" "$(error "$1" "$2")" "$3"
	dmesg | grep -qF "$4" || fail "'$2' to ${1#"$ROOT/"}: no '$4' in the log: $(dmesg)"
}

# exact CARD SUBSTREAM FORMAT CHANNELS FRAMES FILE [OPTION...]: what is played into device 0 is recorded from device 1.
# The card has wait_for_peer: the recording begins with the first frame.
exact() {
	card=$1 substream=$2 format=$3 channels=$4 frames=$5 file=$6
	shift 6
	arecord -v -D "hw:$card,1,$substream" -t raw -f "$format" -c "$channels" -r $RATE -s "$frames" "$@" \
		/tmp/exact.raw 2>/tmp/exact.err &
	recorder=$!
	aplay -q -D "hw:$card,0,$substream" -t raw -f "$format" -c "$channels" -r $RATE -s "$frames" "$@" \
		"$file" || fail "aplay of $channels channels $format on substream $substream: status $?"
	wait "$recorder" || fail "arecord: status $?: $(cat /tmp/exact.err)"
	size=$(wc -c </tmp/exact.raw)
	[ "$size" -gt 0 ] || fail "nothing was recorded"
	head -c "$size" "$file" | cmp -s - /tmp/exact.raw ||
		fail "$channels channels $format on substream $substream: not what was played"
	rm /tmp/exact.raw
}
# until_running CARD PLACE
until_running() {
	tries=0
	until grep -q RUNNING "/proc/asound/$1/$2/status" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || fail "$1 $2 does not run: $(cat "/proc/asound/$1/$2/status")"
		sleep 0.01
	done
}
# record CARD [SUBSTREAM]: a recorder in the background that runs; its process is $client.
record() {
	arecord -q -D "hw:$1,1,${2:-0}" -t raw -f S16_LE -c 2 -r $RATE /dev/null 2>/tmp/client.err &
	client=$!
	clients="$clients $client"
	until_running "$1" "pcm1c/sub${2:-0}"
}
# freeze PID: it does nothing any more, and so closes nothing.
freeze() {
	kill -STOP "$1"
	until grep -q '^State:.*T' "/proc/$1/status"; do :; done
}
# measure_patience: sets how long something may take that waits for nobody: half a second, or in a kernel that
# checks itself three times as long as it takes to make a card and to take it away again while nobody uses it.
measure_patience() {
	begun=$(uptime_ms)
	make patience
	rmdir "$ROOT/patience"
	patience=$((3 * ($(uptime_ms) - begun)))
	[ "$patience" -gt 500 ] || patience=500
}
# quickly WHAT COMMAND...: it doesn't wait for anybody. (In the background, as there is no way to end one
# that does.)
quickly() {
	what=$1
	shift
	begun=$(uptime_ms)
	"$@" &
	command=$!
	while kill -0 $command 2>/dev/null; do
		[ $(($(uptime_ms) - begun)) -lt "$patience" ] || fail "$what waits"
		sleep 0.002
	done
	wait $command || fail "$what: status $?"
}
write() { printf '%s\n' "$2" >"$1"; }

# fresh TEST: with the module and no card; nothing of it is left afterwards.
leave() {
	status=$?
	rm -f /tmp/go
	# shellcheck disable=SC2086 # several
	[ ! "$clients" ] || kill -KILL $clients 2>/dev/null
	[ ! -d "$ROOT" ] || for directory in "$ROOT"/*; do
		[ ! -d "$directory" ] || rmdir "$directory" || status=1
	done
	wait
	[ ! -d /sys/module/snd_aloop_rs ] || rmmod snd-aloop-rs || status=1
	[ -z "$(cards)" ] || {
		echo "cards are left: $(cards)"
		status=1
	}
	! ls /dev/snd/pcm* 2>/dev/null || status=1
	exit $status
}
fresh() {
	clients=
	trap leave EXIT
	modprobe snd-aloop-rs enable=0 || fail "modprobe: status $?"
	"$1"
}

# (Another script may have been here before.)
grep -q ' /sys/kernel/config ' /proc/mounts ||
	{ modprobe configfs && mount -t configfs none /sys/kernel/config; } || ktap_bail_out "no configfs"
# Not longer than the recorders of 256 channels want.
head -c 1000000 /dev/urandom >/tmp/noise.part
for _ in 1 2 3; do
	cat /tmp/noise.part
done >/tmp/noise.raw

# cards_test_table [WORD...]: the whole report of a table on stdin, as ktap_test_table's, or only the
# tests of these names.
cards_test_table() {
	ktap_around=fresh ktap_only=$*
	ktap_test_table
}
