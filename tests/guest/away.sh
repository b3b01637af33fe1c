#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --cpus 2 --with tests/ktap.sh --with tests/cards.sh (programs that are late lose frames; calls are to meet)
# away.sh [ROUNDS [WORD...]]: tests cards that are made at run time: several who make them at the same
# time, and cards that are taken away, in use or not. What is done again and again is done ROUNDS times
# (20). With WORDs, only the tests of these names. Numbers in names are rules of
# Documentation/behaviour.rst. The report is KTAP; the exit status is 1 if a test failed.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../cards.sh
. "$(dirname "$0")/cards.sh"

ROUNDS=${1:-20}
[ $# -eq 0 ] || shift

# Two who want the same id, or the same number: one gets it.
t_same_id() {
	mkdir "$ROOT/first" "$ROOT/second"
	for round in $(seq "$ROUNDS"); do
		case $((round % 2)) in
		0) set_to first id=Same index=-1 && set_to second id=Same index=-1 ;;
		1) set_to first id=First index=2 && set_to second id=Second index=2 ;;
		esac
		for name in first second; do
			error "$ROOT/$name/live" 1 >"/tmp/$name.error" &
		done
		wait
		both=$(cat /tmp/first.error /tmp/second.error)
		case $both in
		"File exists" | "Device or resource busy") ;;
		*) fail "round $round: errors: '$both'" ;;
		esac
		expect "live" $(($(value first live) + $(value second live))) 1
		expect "cards" "$(cards | wc -w)" 1
		set_to first live=0
		set_to second live=0
		expect "cards" "$(cards)" ""
	done
}

# Two who write to one directory at the same time.
t_same_directory() {
	mkdir "$ROOT/studio"
	set_to studio substreams=1
	for round in $(seq "$ROUNDS"); do
		error "$ROOT/studio/live" 1 >/tmp/first.error &
		error "$ROOT/studio/live" 1 >/tmp/second.error &
		error "$ROOT/studio/name" "Name $round" >/tmp/name.error &
		wait
		expect "live=1" "$(cat /tmp/first.error)" ""
		expect "live=1 again" "$(cat /tmp/second.error)" ""
		case $(cat /tmp/name.error) in
		"" | "Device or resource busy") ;;
		*) fail "name: $(cat /tmp/name.error)" ;;
		esac
		expect cards "$(cards)" 0=studio
		grep -qF "Loopback - $(value studio name)" /proc/asound/cards || fail "another name"
		error "$ROOT/studio/live" 0 >/tmp/first.error &
		error "$ROOT/studio/live" 0 >/tmp/second.error &
		wait
		expect "live=0" "$(cat /tmp/first.error /tmp/second.error)" ""
		expect cards "$(cards)" ""
	done
	# One makes and removes it, others write.
	touch /tmp/go
	for attribute in live=1 live=0 name=Other substreams=2 id=x; do
		while [ -e /tmp/go ]; do
			error "$ROOT/other/${attribute%=*}" "${attribute#*=}" >/dev/null 2>&1
		done &
	done
	while [ -e /tmp/go ]; do
		grep . "$ROOT"/other/* >/dev/null 2>&1
	done &
	for _ in $(seq "$ROUNDS"); do
		mkdir "$ROOT/other" || fail "mkdir: status $?"
		sleep 0.05
		rmdir "$ROOT/other" || fail "rmdir: status $?"
	done
	rm /tmp/go
	wait
	expect cards "$(cards)" ""
	[ ! -e /sys/bus/platform/devices/snd_aloop.other ] || fail "the device is still there"
}

# A client that does not close what it has open.
t_taken_away() {
	measure_patience
	make studio index=5 wait_for_peer=0
	record studio
	freeze "$client"
	quickly "live=0" write "$ROOT/studio/live" 0
	expect cards "$(cards)" ""
	[ ! -e /dev/snd/controlC5 ] || fail "the device nodes are still there"
	grep -q '^State:.*T' "/proc/$client/status" || fail "the client has gone"
	# Another card of the same name and number, beside what is left of the first.
	set_to studio wait_for_peer=1
	quickly "live=1" write "$ROOT/studio/live" 1
	expect cards "$(cards)" 5=studio
	exact studio 0 S16_LE 2 4800 /tmp/noise.raw
	set_to studio live=0 wait_for_peer=0 live=1
	first=$client
	record studio
	freeze "$client"
	quickly rmdir rmdir "$ROOT/studio"
	expect cards "$(cards)" ""
	make studio index=5 wait_for_peer=1
	exact studio 0 S16_LE 2 4800 /tmp/noise.raw
	quickly rmdir rmdir "$ROOT/studio"
	# No directory is left, but the clients are.
	! rmmod snd-aloop-rs 2>/tmp/rmmod.err || fail "rmmod succeeded with a client"
	grep -q "in use" /tmp/rmmod.err || fail "rmmod: $(cat /tmp/rmmod.err)"
	for client in $first $client; do
		kill -CONT "$client"
		wait "$client"
		status=$?
		[ "$status" = 1 ] || fail "the client ended with status $status"
	done
	grep -q "No such device" /tmp/client.err || fail "the client: $(cat /tmp/client.err)"
	rmmod snd-aloop-rs || fail "rmmod: status $?"
}

# Each of them at once, though the others are still in use.
t_several_away() {
	measure_patience
	frozen=
	for name in one two three; do
		make "$name" substreams=1
		record "$name"
		freeze "$client"
		frozen="$frozen $client"
	done
	quickly "live=0" write "$ROOT/one/live" 0
	quickly rmdir rmdir "$ROOT/two"
	quickly unbind write "$DRIVER/unbind" snd_aloop.three
	expect cards "$(cards)" ""
	for client in $frozen; do
		kill -CONT "$client"
		wait "$client"
		status=$?
		[ "$status" = 1 ] || fail "a client ended with status $status"
	done
}

# By sysfs. The directory stays.
t_unbind() {
	measure_patience
	make studio
	record studio
	freeze "$client"
	quickly unbind write "$DRIVER/unbind" snd_aloop.studio
	expect cards "$(cards)" ""
	expect card "$(value studio card)" -1
	expect live "$(value studio live)" 1
	quickly bind write "$DRIVER/bind" snd_aloop.studio
	expect cards "$(cards)" 0=studio
	expect card "$(value studio card)" 0
	# One that is of no directory. (Not every machine has it.)
	if [ -e /sys/bus/platform/devices/pcspkr ]; then
		echo snd_aloop_configfs >/sys/bus/platform/devices/pcspkr/driver_override
		expect "bind of pcspkr" "$(error "$DRIVER/bind" pcspkr)" "No such device"
		echo >/sys/bus/platform/devices/pcspkr/driver_override
	fi
	set_to studio live=0
	expect cards "$(cards)" ""
}

t_many_cards() {
	for number in $(seq 0 31); do
		make "studio$number" substreams=1
		expect "card of studio$number" "$(value "studio$number" card)" "$number"
	done
	expect "number of cards" "$(cards | wc -w)" 32
	mkdir "$ROOT/more"
	expect "one more" "$(error "$ROOT/more/live" 1)" "No such device"
	arecord -q -D hw:studio31,1 -f S16_LE -c 2 -r $RATE -s 480 /dev/null || fail "arecord: status $?"
	rmdir "$ROOT/studio30"
	set_to more live=1
	expect "card of the next" "$(value more card)" 30
	rmdir "$ROOT"/*
	expect cards "$(cards)" ""
}

t_beside_parameters() {
	rmmod snd-aloop-rs
	modprobe snd-aloop-rs enable=1,1 id=Loopback,Second
	make third
	expect cards "$(cards)" "0=Loopback 1=Second 2=third"
	mkdir "$ROOT/0" "$ROOT/1"
	set_to 0 id=Zero live=1
	set_to 1 id=One live=1
	expect cards "$(cards)" "0=Loopback 1=Second 2=third 3=Zero 4=One"
	# Those of the parameters are not of configfs.
	expect "device" "$(readlink -f /sys/class/sound/card0/device)" /sys/devices/platform/snd_aloop.0
	rmdir "$ROOT/third" "$ROOT/0" "$ROOT/1"
	expect cards "$(cards)" "0=Loopback 1=Second"
}

t_unload() {
	expect "cards after enable=0" "$(cards)" ""
	mkdir "$ROOT/studio"
	for live in 0 1 0; do
		set_to studio live=$live
		! rmmod snd-aloop-rs 2>/tmp/rmmod.err || fail "rmmod succeeded with a directory"
		grep -q "in use" /tmp/rmmod.err || fail "rmmod: $(cat /tmp/rmmod.err)"
		expect live "$(value studio live)" $live
	done
	# A file that is open keeps nothing that would outlive the module.
	exec 5<"$ROOT/studio/name" 6>"$ROOT/studio/live"
	rmdir "$ROOT/studio"
	! echo 1 >&6 2>/dev/null || fail "a directory that has gone went live"
	rmmod snd-aloop-rs || fail "rmmod: status $?"
	exec 5<&- 6>&-
}

# The module goes at the very moment at which the last client closes a card that was taken away.
t_close_and_unload() {
	for _ in $(seq "$ROUNDS"); do
		[ -d "$ROOT" ] || modprobe snd-aloop-rs enable=0
		make studio substreams=1
		# shellcheck disable=SC2217 # it only has it open
		sleep 1000 </dev/snd/pcmC0D1c &
		client=$!
		clients="$clients $client"
		until [ "$(readlink /proc/$client/fd/0)" = /dev/snd/pcmC0D1c ]; do :; done
		rmdir "$ROOT/studio"
		kill -KILL $client
		tries=0
		until rmmod snd-aloop-rs 2>/tmp/rmmod.err; do
			tries=$((tries + 1))
			[ $tries -lt 1000 ] || fail "rmmod: $(cat /tmp/rmmod.err)"
		done
	done
}

# Made and taken away while streams run.
t_again_and_again() {
	for round in $(seq "$ROUNDS"); do
		# How far it is, in the kernel log, which the host sees.
		[ $((round % 100)) -ne 0 ] || echo "away.sh: round $round of $ROUNDS" >/dev/kmsg
		make studio substreams=2
		record studio
		first=$client
		aplay -q -D hw:studio,0,0 -t raw -f S16_LE -c 2 -r $RATE /dev/zero 2>/dev/null &
		clients="$clients $!"
		second=$!
		until_running studio pcm0p/sub0
		case $((round % 3)) in
		0) set_to studio live=0 ;;
		1) write "$DRIVER/unbind" snd_aloop.studio ;;
		esac
		rmdir "$ROOT/studio" || fail "round $round: rmdir: status $?"
		expect "cards in round $round" "$(cards)" ""
		for pid in $first $second; do
			wait "$pid"
			[ $? = 1 ] || fail "round $round: a client ended otherwise than with an error"
		done
		clients=
	done
	# Nothing is lost: all numbers are free.
	for number in $(seq 0 31); do
		make "studio$number" substreams=1
	done
	expect "number of cards" "$(cards | wc -w)" 32
	rmdir "$ROOT"/*
	rmmod snd-aloop-rs || fail "rmmod: status $?"
}

cards_test_table "$@" <<'END'
same_id 20.3 two cards of one id, or number, at the same time
same_directory 20.3 several write to one directory at the same time
taken_away 20.5 a card is taken away from a client that closes nothing
several_away 20.5 several cards are taken away from clients that close nothing
unbind 20.5 unbound and bound by sysfs
many_cards 20.3 32 cards at once
beside_parameters 20.4 beside the cards of the parameters
unload 20.6 an unload is refused while there are directories
close_and_unload 20.6 unloaded right after the last close of a card that was taken away
again_and_again 20.5 made, and taken away while streams run, again and again
END
