#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --with tests/ktap.sh (programs that are late lose frames)
# load.sh [MODULE [ALOOP-TEST [TIMES [WORD...]]]]: tests loading and unloading of the module in a guest
# where no sound card is present, with its parameters. Numbers in names are rules of
# Documentation/behaviour.rst. The report is KTAP; the exit status is 1 if a test failed. MODULE is
# snd-aloop-rs unless given. With aloop-test (by default the one beside this script), a third card
# is played through. With WORDs, only the tests of these names.

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

MODULE=${1:-snd-aloop-rs}
ALOOP_TEST=${2:-$(dirname "$0")/aloop-test}
TIMES=${3:-20}
shift $(($# < 3 ? $# : 3))
NAME=$(echo "$MODULE" | tr - _)
PARAMETERS=/sys/module/$NAME/parameters
ERRORS=/tmp/load.errors

# --- helpers: each failing one says why on stdout and ends the test

fail() {
	echo "$*"
	exit 1
}

expect() { # WHAT GOT WANT
	[ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

loaded() { [ -d "/sys/module/$NAME" ]; }

load() { # [PARAMETER=VALUE]...
	modprobe "$MODULE" "$@" 2>"$ERRORS" || fail "modprobe $MODULE $*: $(cat "$ERRORS")"
	loaded || fail "modprobe $MODULE $*: no /sys/module/$NAME"
}

load_fails() { # MESSAGE [PARAMETER=VALUE]...
	message=$1
	shift
	if modprobe "$MODULE" "$@" 2>"$ERRORS"; then
		fail "modprobe $MODULE $*: expected '$message', got success"
	fi
	grep -q "$message" "$ERRORS" ||
		fail "modprobe $MODULE $*: expected '$message', got '$(cat "$ERRORS")'"
	! loaded || fail "modprobe $MODULE $* failed, but the module is there"
	expect "cards" "$(cards)" ""
}

unload() {
	loaded || return 0
	rmmod "$MODULE" 2>"$ERRORS" || fail "rmmod: $(cat "$ERRORS")"
	! loaded || fail "rmmod succeeded, but /sys/module/$NAME is there"
	expect "cards after rmmod" "$(cards)" ""
}

unload_refused() { # WHY
	if rmmod "$MODULE" 2>"$ERRORS"; then
		fail "rmmod $1: expected a refusal, got success"
	fi
	grep -q "in use\|temporarily unavailable" "$ERRORS" || fail "rmmod $1: $(cat "$ERRORS")"
	loaded || fail "rmmod $1 was refused, but the module has gone"
}

# Number and id of each card: "0=Loopback 1=Loopback_1".
cards() {
	sed -n 's/^ *\([0-9]*\) \[\([^ ]*\) *\]: .*/\1=\2/p' /proc/asound/cards 2>/dev/null |
		xargs
}

# The long name of card $1.
long_name() {
	sed -n "/^ *$1 \[/{n;s/^ *//;p}" /proc/asound/cards
}

# $1 values $2, separated by commas.
many() { yes "$2" | head -n "$1" | xargs | tr ' ' ,; }

# The value of the control $2 of device $3, substream $4 of card $1.
control() {
	amixer -c "$1" cget "iface=PCM,name='$2',device=$3,subdevice=$4" 2>&1 |
		sed -n 's/^ *: values=//p'
}

# Streams can be opened on card $1.
card_works() {
	arecord -q -D "hw:$1,1,0" -f S16_LE -c 2 -r 48000 -d 1 /tmp/load.wav >"$ERRORS" 2>&1 ||
		fail "arecord on card $1: $(cat "$ERRORS")"
}

# --- tests

t_default() {
	load
	expect cards "$(cards)" 0=Loopback
	expect "long name" "$(long_name 0)" "Loopback 1"
	expect "head of /proc/asound/cards" "$(head -n 1 /proc/asound/cards)" \
		" 0 [Loopback       ]: Loopback - Loopback"
	expect /proc/asound/pcm "$(cat /proc/asound/pcm)" \
		"00-00: Loopback PCM : Loopback PCM : playback 8 : capture 8
00-01: Loopback PCM : Loopback PCM : playback 8 : capture 8"
	expect /proc/asound/modules "$(cat /proc/asound/modules)" " 0 $NAME"
}

t_parameters() {
	load
	for parameter in index id enable pcm_substreams pcm_notify timer_source; do
		mode=$(stat -c %a "$PARAMETERS/$parameter") || fail "no parameter $parameter in sysfs"
		expect "mode of $parameter" "$mode" 444
	done
	expect index "$(cat "$PARAMETERS/index")" "$(many 32 -1)"
	expect id "$(cat "$PARAMETERS/id")" "$(many 32 "(null)")"
	expect enable "$(cat "$PARAMETERS/enable")" "Y,$(many 31 N)"
	expect pcm_substreams "$(cat "$PARAMETERS/pcm_substreams")" "$(many 32 8)"
	expect pcm_notify "$(cat "$PARAMETERS/pcm_notify")" "$(many 32 0)"
	expect timer_source "$(cat "$PARAMETERS/timer_source")" "$(many 32 "(null)")"
}

t_modinfo() {
	license=$(modinfo -F license "$MODULE")
	case $license in
	GPL*) ;;
	*) fail "license: $license" ;;
	esac
	modinfo -F parm "$MODULE" >/tmp/load.parm
	for want in index:int id:charp enable:bool pcm_substreams:int pcm_notify:int \
		timer_source:charp; do
		grep -q "^${want%:*}:.*(array of ${want#*:})" /tmp/load.parm ||
			fail "no parameter ${want%:*}, array of ${want#*:}, in: $(cat /tmp/load.parm)"
	done
}

t_index() {
	load index=3
	expect cards "$(cards)" 3=Loopback
	card_works 3
	unload
	load index=-8
	expect "cards with the mask -8" "$(cards)" 3=Loopback
	unload
	load index=5,2 enable=1,1
	expect cards "$(cards)" "2=Loopback_1 5=Loopback"
	expect "long name of card 2" "$(long_name 2)" "Loopback 2"
	unload
	load index=1,1 enable=1,1
	expect "cards when the second's index is taken" "$(cards)" 1=Loopback
	unload
	load index=32,4 enable=1,1
	expect "cards when the first's index is too large" "$(cards)" 4=Loopback
	unload
	dmesg -c >/dev/null
	load_fails "No such device" index=32
	dmesg | grep -q "No loopback enabled" || fail "index=32: not in the log: $(dmesg)"
}

t_id() {
	for pair in my-card!x=mycardx 9lives=D9lives card7=Default =Loopback _=Default \
		abcdefghijklmnopqrst=abcdefghijklmno Studio=Studio; do
		load "id=${pair%=*}"
		expect "cards with id=${pair%=*}" "$(cards)" "0=${pair#*=}"
		unload
	done
	load id=Same,Same,Same enable=1,1,1
	expect cards "$(cards)" "0=Same 1=Same_1 2=Same_2"
	expect "id in sysfs" "$(cut -d, -f1-4 "$PARAMETERS/id")" "Same,Same,Same,(null)"
}

t_enable() {
	load enable=1,1,1
	expect cards "$(cards)" "0=Loopback 1=Loopback_1 2=Loopback_2"
	for card in 0 1 2; do
		expect "long name" "$(long_name $card)" "Loopback $((card + 1))"
	done
	card_works 2
	if [ -x "$ALOOP_TEST" ]; then
		"$ALOOP_TEST" --card Loopback_2 "every cable works" >/tmp/load.ktap ||
			fail "aloop-test on the third card: $(cat /tmp/load.ktap)"
	fi
	unload
	load enable=n,y
	expect "cards with the second only" "$(cards)" 0=Loopback
	expect "its long name" "$(long_name 0)" "Loopback 2"
	unload
	load "enable=$(many 32 1)" pcm_substreams="$(many 32 1)"
	expect "number of cards" "$(cards | wc -w)" 32
	expect "long name of the last" "$(long_name 31)" "Loopback 32"
	unload
	# Each at the number that it was given, from the last one downwards.
	load "enable=$(many 30 1)" pcm_substreams="$(many 32 1)" "index=$(seq 31 -1 2 | xargs | tr ' ' ,)"
	expect "number of cards" "$(cards | wc -w)" 30
	for card in 2 3 17 30 31; do
		expect "long name of card $card" "$(long_name $card)" "Loopback $((32 - card))"
	done
	card_works 2
	card_works 31
	unload
}

t_no_card() {
	# Ours can be given cards later.
	if modinfo -F depends "$MODULE" | grep -q configfs; then
		load enable=0
		expect cards "$(cards)" ""
		unload
	else
		load_fails "No such device" enable=0
	fi
}

t_substreams() {
	# C has seven for each cable, and we one more (9.16).
	per_cable=8
	[ "$MODULE" != snd-aloop ] || per_cable=7
	for pair in 0=1 -5=1 1=1 3=3 8=8 9=8 1000=8; do
		want=${pair#*=}
		load "pcm_substreams=${pair%=*}"
		expect "first value after pcm_substreams=${pair%=*}" \
			"$(cut -d, -f1 "$PARAMETERS/pcm_substreams")" "$want"
		expect /proc/asound/pcm "$(tail -n 1 /proc/asound/pcm)" \
			"00-01: Loopback PCM : Loopback PCM : playback $want : capture $want"
		expect "number of controls" "$(amixer -c 0 controls | wc -l)" $((per_cable * 2 * want))
		unload
	done
	load pcm_substreams=2,99,-7
	expect "clamped for the card made, untouched for others" \
		"$(cut -d, -f1-4 "$PARAMETERS/pcm_substreams")" 2,99,-7,8
	expect "numid of the second device's first control" "$(amixer -c 0 controls |
		sed -n "s/^numid=\([0-9]*\),iface=PCM,name='PCM Rate Shift 100000',device=1$/\1/p")" 15
}

t_notify() {
	for pair in 0=off 1=on 7=on -7=on; do
		load "pcm_notify=${pair%=*}"
		expect "first value in sysfs" "$(cut -d, -f1 "$PARAMETERS/pcm_notify")" "${pair%=*}"
		for place in "0 0" "1 7"; do
			expect "PCM Notify at $place after pcm_notify=${pair%=*}" \
				"$(control 0 "PCM Notify" "${place% *}" "${place#* }")" "${pair#*=}"
		done
		unload
	done
	load pcm_notify=0,1 enable=1,1
	expect "PCM Notify of each card" \
		"$(control 0 "PCM Notify" 0 0) $(control 1 "PCM Notify" 0 0)" "off on"
}

t_timer_source() {
	load timer_source=,-1.0.0,nonsense enable=1,1,1
	expect "values in sysfs" "$(cut -d, -f1-4 "$PARAMETERS/timer_source")" ",-1.0.0,nonsense,(null)"
	expect "file of the first card" "$(cat /proc/asound/card0/timer_source)" ""
	expect "file of the second card" "$(cat /proc/asound/card1/timer_source)" -1.0.0
	expect "file of the third card" "$(cat /proc/asound/card2/timer_source)" nonsense
	card_works 0
	if (exec 5</dev/snd/pcmC2D0c) 2>/dev/null; then
		fail "open with a timer_source that is none: expected an error, got success"
	fi
	exec 5</dev/snd/pcmC1D0c
	grep -q "sound timer:.hw:-1,0,0" "/proc/asound/card1/cable#1" ||
		fail "no timer in cable#1: $(cat "/proc/asound/card1/cable#1")"
	exec 5<&-
	# The file says otherwise from now on.
	echo >/proc/asound/card2/timer_source
	card_works 2
}

# What is used is what sysfs shows.
t_slack() {
	load enable=1,1 timer_slack=0,700
	expect "timer_slack=0,700" "$(cut -d, -f1-3 "$PARAMETERS/timer_slack")" 0,700,0
	unload
	for pair in -5=0 1=1 1000=1000 1001=1000 5000=1000; do
		load "timer_slack=${pair%=*}"
		expect "timer_slack=${pair%=*}" "$(cut -d, -f1 "$PARAMETERS/timer_slack")" "${pair#*=}"
		unload
	done
}

t_bad_parameters() {
	load_fails "Invalid argument" "index=$(many 33 -1)"
	load_fails "Invalid argument" "enable=$(many 33 1)"
	load_fails "Invalid argument" index=one
	load_fails "Invalid argument" pcm_substreams=8x
	load_fails "Invalid argument" pcm_notify=on
	load_fails "Invalid argument" "timer_source=$(many 33 x)"
	load_fails "Invalid argument" enable=2
	load_fails "Invalid argument" index=1,two
	load
	expect "cards afterwards" "$(cards)" 0=Loopback
}

t_unknown_parameter() {
	dmesg -c >/dev/null
	load no_such_parameter=1
	expect cards "$(cards)" 0=Loopback
	dmesg | grep -q "unknown parameter 'no_such_parameter' ignored" || fail "not in the log: $(dmesg)"
}

t_unload_in_use() {
	load
	exec 5</dev/snd/pcmC0D0c
	unload_refused "with an open recorder"
	exec 5<&- 6>/dev/snd/pcmC0D1p
	unload_refused "with an open player"
	exec 6>&- 7</dev/snd/controlC0
	unload_refused "with an open control device"
	exec 7<&- 8<"/proc/asound/card0/cable#0"
	unload_refused "with an open file of the cables"
	exec 8<&-
	arecord -q -D hw:0,1,4 -f S16_LE -c 2 -r 48000 /tmp/load.wav 2>"$ERRORS" &
	recorder=$!
	# It must not outlive a test that fails.
	trap 'kill -KILL $recorder 2>/dev/null' EXIT
	status=/proc/asound/card0/pcm1c/sub4/status
	tries=0
	until grep -q RUNNING $status; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || fail "arecord does not run: $(cat $status "$ERRORS")"
		sleep 0.01
	done
	unload_refused "with a running recorder"
	grep -q RUNNING $status || fail "the recorder was stopped by a refused rmmod"
	kill -TERM $recorder
	wait $recorder
	card_works 0
}

t_defaults() {
	load
	for place in "0 0" "0 7" "1 0" "1 3"; do
		# shellcheck disable=SC2086 # two words
		set -- $place
		for pair in "Rate Shift 100000=100000" Notify=off "Slave Active=off" "Slave Format=2" \
			"Slave Rate=48000" "Slave Channels=2" "Slave Access Mode=0"; do
			expect "PCM ${pair%=*} of device $1 substream $2" \
				"$(control 0 "PCM ${pair%=*}" "$1" "$2")" "${pair##*=}"
		done
	done
}

t_again_and_again() {
	round=0
	while [ $round -lt "$TIMES" ]; do
		round=$((round + 1))
		load
		expect "cards in round $round" "$(cards)" 0=Loopback
		exec 5</dev/snd/pcmC0D0c
		exec 5<&-
		unload
	done
	! ls /dev/snd/pcm* 2>/dev/null || fail "device nodes are left"
	load
	card_works 0
}

# A device that was not made by the module, and has no number: of a PC, or of a machine with a device tree.
t_no_slot() {
	load pcm_notify=1
	driver=/sys/bus/platform/drivers/snd_aloop
	name=
	for candidate in pcspkr timer psci; do
		device=/sys/bus/platform/devices/$candidate
		[ ! -e "$device/driver_override" ] || [ -e "$device/driver" ] || name=$candidate
	done
	[ "$name" ] || fail "no platform device without a driver: $(ls /sys/bus/platform/devices)"
	device=/sys/bus/platform/devices/$name
	echo snd_aloop >"$device/driver_override"
	echo "$name" >"$driver/bind" || fail "bind is refused"
	expect cards "$(cards)" "0=Loopback 1=Loopback_1"
	expect "long name of the second" "$(long_name 1)" "Loopback 1"
	expect "its PCM Notify" "$(control 1 "PCM Notify" 0 0)" on
	dmesg | tail -n 20 | grep -q "snd_aloop $name:.* -1" || fail "no warning: $(dmesg | tail -n 20)"
	card_works 1
	echo "$name" >"$driver/unbind" || fail "unbind is refused"
	echo >"$device/driver_override"
	expect "cards after unbind" "$(cards)" 0=Loopback
}

# --- report

# unloaded TEST: without the module before, which then can be unloaded; and in any case is.
unloaded() {
	trap 'status=$?; (unload) >/dev/null; exit $status' EXIT
	unload && "$1" && unload
}

ktap_around=unloaded ktap_only=$*
ktap_test_table <<END
default 2.3 a load without parameters makes the card Loopback
parameters 1.1 parameters in sysfs, with their defaults
modinfo 1.9 modinfo names licence and parameters
defaults 9.2 control values of a card never used
index 1.1 index
id 1.2 id
enable 1.3 enable
no_card 1.8 a load that makes no card
substreams 1.4 pcm_substreams
notify 1.5 pcm_notify
timer_source 1.6 timer_source is not checked before it is used
slack 8.12 timer_slack
bad_parameters 1.7 bad values are refused, and a load works afterwards
unknown_parameter 1.7 an unknown parameter is ignored
no_slot 1.10 a platform device without a number takes the first slot
unload_in_use 10.6 13.1 an unload in use is refused and does no harm
again_and_again 1.8 loaded and unloaded $TIMES times
END
