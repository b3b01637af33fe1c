#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --cpus 2 --with tests/ktap.sh --with tests/cards.sh (programs that are late lose frames; calls are to meet)
# configfs.sh [WORD...]: tests cards that are made at run time: what can be written to the attributes of
# their directories, and what the cards are like then. With WORDs, only the tests of these names. Numbers
# in names are rules of Documentation/behaviour.rst. The report is KTAP; the exit status is 1 if a test
# failed.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../cards.sh
. "$(dirname "$0")/cards.sh"

t_defaults() {
	mkdir "$ROOT/studio" || fail "mkdir: status $?"
	# shellcheck disable=SC2086 # several words
	expect attributes "$(cd "$ROOT/studio" && echo *)" \
		"$(printf '%s\n' $ALL live card | LC_ALL=C sort | xargs)"
	for pair in id=studio index=-1 name=Loopback substreams=8 channels_max=32 \
		"device0_name=Loopback PCM" "device1_name=Loopback PCM" direction=both pcm_notify=0 \
		wait_for_peer=0 end_with_peer=0 timer_source= timer_slack=0 live=0 card=-1; do
		expect "${pair%%=*}" "$(value studio "${pair%%=*}")" "${pair#*=}"
		expect "lines of ${pair%%=*}" "$(wc -l <"$ROOT/studio/${pair%%=*}")" 1
	done
	expect cards "$(cards)" ""
	set_to studio live=1
	expect cards "$(cards)" 0=studio
	expect live "$(value studio live)" 1
	expect card "$(value studio card)" 0
	expect /proc/asound/pcm "$(cat /proc/asound/pcm)" \
		"00-00: Loopback PCM : Loopback PCM : playback 8 : capture 8
00-01: Loopback PCM : Loopback PCM : playback 8 : capture 8"
	expect "number of controls" "$(amixer -c 0 controls | wc -l)" 128
	arecord -q -D hw:studio,1,7 -f S16_LE -c 32 -r $RATE -s 480 /dev/null || fail "arecord: status $?"
	! arecord -q -D hw:studio,1,7 -f S16_LE -c 33 -r $RATE -s 480 /dev/null 2>/dev/null ||
		fail "33 channels were recorded"
	set_to studio live=0
	expect "cards afterwards" "$(cards)" ""
	expect "card afterwards" "$(value studio card)" -1
}

t_right() {
	mkdir "$ROOT/studio"
	for pair in id=X id=abcdefghijklmno index=31 index=0 index=-1 name=Studio "name=Grüße  an alle" \
		substreams=1 substreams=32 channels_max=1 channels_max=256 "device0_name=From the stage" \
		"device1_name=To the street" direction=0-to-1 direction=both pcm_notify=1 pcm_notify=0 \
		wait_for_peer=1 end_with_peer=1 timer_source=-1.0.0 timer_source=hw:PCH,0,1 timer_source= \
		timer_slack=1000 timer_slack=0; do
		expect "$pair" "$(error "$ROOT/studio/${pair%%=*}" "${pair#*=}")" ""
		expect "${pair%%=*}" "$(value studio "${pair%%=*}")" "${pair#*=}"
	done
	# Without the end of a line.
	printf 7 >"$ROOT/studio/index" || fail "status $?"
	expect index "$(value studio index)" 7
}

t_wrong() {
	mkdir "$ROOT/studio"
	before=$(grep . "$ROOT"/studio/*)
	# ATTRIBUTE|VALUE|ERROR|what the log says is allowed
	invalid="Invalid argument" range="out of range"
	while IFS='|' read -r attribute text error allowed; do
		refused "$ROOT/studio/$attribute" "$text" "$error" "studio/$attribute: allowed is $allowed"
	done <<-END
		id|my-card|$invalid|up to 15 letters and digits
		id|7up|$invalid|up to 15 letters and digits
		id|card1|$invalid|up to 15 letters and digits
		id||$invalid|up to 15 letters and digits
		id|abcdefghijklmnop|$invalid|up to 15 letters and digits
		index|32|Numerical result $range|a number from -1 (any) to 31
		index|-2|Numerical result $range|a number from -1 (any) to 31
		index|0x1|$invalid|a number from -1 (any) to 31
		name||$invalid|text of 1 to 31 bytes
		name|abcdefghijklmnopqrstuvwxyz abcdef|$invalid|text of 1 to 31 bytes
		substreams|0|Numerical result $range|a number from 1 to 32
		substreams|33|Numerical result $range|a number from 1 to 32
		substreams|8x|$invalid|a number from 1 to 32
		channels_max|257|Numerical result $range|a number from 1 to 256
		channels_max|two|$invalid|a number from 1 to 256
		device0_name||$invalid|text of 1 to 79 bytes
		device1_name||$invalid|text of 1 to 79 bytes
		direction|1-to-0|$invalid|both, or 0-to-1
		pcm_notify|2|Numerical result $range|0 or 1
		wait_for_peer|y|$invalid|0 or 1
		end_with_peer|on|$invalid|0 or 1
		timer_source|0.x|$invalid|nothing, or [PREFIX:]CARD
		timer_source|0.99999999999|Numerical result $range|nothing, or [PREFIX:]CARD
		timer_slack|1001|Numerical result $range|a number from 0 to 1000
		live|2|Numerical result $range|0 or 1
		live|yes|$invalid|0 or 1
	END
	expect "card" "$(error "$ROOT/studio/card" 1)" "Permission denied"
	expect "attributes afterwards" "$(grep . "$ROOT"/studio/*)" "$before"
	# No more than ten in five seconds.
	sleep 6
	dmesg -c >/dev/null
	begun=$(cut -d. -f1 /proc/uptime)
	for _ in $(seq 30); do
		error "$ROOT/studio/index" x >/dev/null
	done
	lines=$(dmesg | grep -c "studio/index: allowed")
	most=$(((($(cut -d. -f1 /proc/uptime) - begun + 1) / 5 + 1) * 10))
	{ [ "$lines" -ge 10 ] && [ "$lines" -le "$most" ]; } ||
		fail "30 wrong values: $lines lines in the log, expected 10 to $most"
}

t_directory() {
	long=$(printf '%064d' 0 | tr 0 x)
	for name in "$long" "$(printf 'a\tb')" " "; do
		dmesg -c >/dev/null
		! mkdir "$ROOT/$name" 2>/tmp/mkdir.err || fail "mkdir '$name' succeeds"
		grep -q "Invalid argument" /tmp/mkdir.err || fail "mkdir '$name': $(cat /tmp/mkdir.err)"
		dmesg | grep -q "a directory's name is text of up to 63 bytes" || fail "'$name': not in the log"
	done
	# What can be no card's id.
	number=0
	for name in "my studio" a-b 7 "${long%x}" ü '\xc3\xbc'; do
		mkdir "$ROOT/$name" || fail "mkdir '$name': status $?"
		expect "id of '$name'" "$(value "$name" id)" ""
		refused "$ROOT/$name/live" 1 "Invalid argument" "/id: allowed is up to 15 letters"
		set_to "$name" id=Mine$number live=1
		expect "card of '$name'" "$(value "$name" card)" "$number"
		number=$((number + 1))
	done
	for device in "snd_aloop.my studio" snd_aloop.a-b snd_aloop:7 "snd_aloop.${long%x}" snd_aloop.ü \
		'snd_aloop.\xc3\xbc'; do
		[ -d "/sys/bus/platform/devices/$device/sound" ] || fail "no device $device"
	done
	expect cards "$(cards)" "0=Mine0 1=Mine1 2=Mine2 3=Mine3 4=Mine4 5=Mine5"
	grep -qF "Loopback at snd_aloop.ü" /proc/asound/cards || fail "$(cat /proc/asound/cards)"
}

# An id is taken by the same word only.
t_like_ids() {
	make studio substreams=1
	make Studio substreams=1
	make stud substreams=1
	make studios substreams=1
	expect cards "$(cards)" "0=studio 1=Studio 2=stud 3=studios"
}

t_live_errors() {
	make first index=3
	mkdir "$ROOT/second"
	set_to second index=3
	expect "a number that is taken" "$(error "$ROOT/second/live" 1)" "Device or resource busy"
	expect live "$(value second live)" 0
	expect card "$(value second card)" -1
	set_to second index=4 id=first
	refused "$ROOT/second/live" 1 "File exists" "second/live: there is another card of that id"
	expect cards "$(cards)" 3=first
	[ ! -e /sys/bus/platform/devices/snd_aloop.second ] || fail "the device is still there"
	set_to first live=0
	set_to second index=3 live=1
	expect cards "$(cards)" 3=first
	# Again is no error.
	set_to second live=1
	expect cards "$(cards)" 3=first
	set_to second live=0 live=0
	expect cards "$(cards)" ""
}

t_busy() {
	make studio
	before=$(grep . "$ROOT"/studio/*)
	for attribute in $ALL; do
		for text in 1 both; do
			expect "$attribute" "$(error "$ROOT/studio/$attribute" $text)" "Device or resource busy"
		done
	done
	expect "attributes afterwards" "$(grep . "$ROOT"/studio/*)" "$before"
	set_to studio live=0 substreams=2 live=1
	expect "cables" "$(grep -c '^00-0[01]:.*playback 2 : capture 2$' /proc/asound/pcm)" 2
}

t_names() {
	make studio id=Studio9 index=5 "name=Grüße vom Studio" "device0_name=From the stage" \
		"device1_name=To the street"
	expect /proc/asound/cards "$(cat /proc/asound/cards)" \
		" 5 [Studio9        ]: Loopback - Grüße vom Studio
                      Grüße vom Studio at snd_aloop.studio"
	expect /proc/asound/pcm "$(cat /proc/asound/pcm)" \
		"05-00: Loopback PCM : From the stage : playback 8 : capture 8
05-01: Loopback PCM : To the street : playback 8 : capture 8"
	expect "id of a device" "$(sed -n 's/^id: //p' /proc/asound/card5/pcm1c/info)" "Loopback PCM"
	expect "its name" "$(sed -n 's/^name: //p' /proc/asound/card5/pcm1c/info)" "To the street"
	aplay -l | grep -qF "card 5: Studio9 [Grüße vom Studio], device 0: Loopback PCM [From the stage]" ||
		fail "aplay -l: $(aplay -l)"
	# That is what udev makes the card's path of.
	expect device "$(readlink -f /sys/class/sound/card5/device)" /sys/devices/platform/snd_aloop.studio
	expect driver "$(readlink -f "/sys/class/sound/card5/device/driver")" "$DRIVER"
	for file in cable#0 cable#1 timer_source; do
		[ -e "/proc/asound/Studio9/$file" ] || fail "no file $file"
	done
}

t_settings() {
	make studio pcm_notify=1 timer_source=-1.0.0 substreams=2
	for place in "0 0" "1 1"; do
		expect "PCM Notify at $place" "$(amixer -c studio cget \
			"iface=PCM,name='PCM Notify',device=${place% *},subdevice=${place#* }" |
			sed -n 's/^ *: values=//p')" on
	done
	expect timer_source "$(cat /proc/asound/studio/timer_source)" -1.0.0
	exec 5</dev/snd/pcmC0D0c
	grep -q "sound timer:.hw:-1,0,0" "/proc/asound/studio/cable#1" || fail "no timer in cable#1"
	exec 5<&-
	set_to studio live=0 timer_source= pcm_notify=0 wait_for_peer=1 end_with_peer=1 live=1
	exact studio 1 S16_LE 2 4800 /tmp/noise.raw
	arecord -q -D hw:studio,1,0 -t raw -f S16_LE -c 2 -r $RATE /tmp/ends.raw 2>/tmp/ends.err &
	recorder=$!
	until_running studio pcm1c/sub0
	aplay -q -D hw:studio,0,0 -t raw -f S16_LE -c 2 -r $RATE -s 4800 /tmp/noise.raw ||
		fail "aplay: status $?"
	ktap_wait $recorder
	grep -q 'bad state' /tmp/ends.err || fail "the recording did not end: $(cat /tmp/ends.err)"
}

# aloop-test, which is beside this script, has looked at the parameter of this name.
t_slack() {
	make studio timer_slack=1000
	"$(dirname "$0")/aloop-test" --card studio --group slack "at 480 frames" >/tmp/slack.tap ||
		fail "$(cat /tmp/slack.tap)"
	grep -q '^ok' /tmp/slack.tap || fail "no test was run: $(cat /tmp/slack.tap)"
}

t_one_way() {
	make studio direction=0-to-1 substreams=3 wait_for_peer=1
	expect /proc/asound/pcm "$(cat /proc/asound/pcm)" \
		"00-00: Loopback PCM : Loopback PCM : playback 3
00-01: Loopback PCM : Loopback PCM : capture 3"
	expect "device nodes" "$(cd /dev/snd && echo pcm*)" "pcmC0D0p pcmC0D1c"
	expect "number of controls" "$(amixer -c 0 controls | wc -l)" 24
	expect "their device" "$(amixer -c 0 controls | grep -c ',device=1')" 21
	expect "cables in cable#1" "$(grep -c '^  inactive$' "/proc/asound/studio/cable#1")" 8
	for substream in 0 1 2; do
		exact studio $substream S16_LE 2 9600 /tmp/noise.raw
	done
	exec 5</dev/snd/pcmC0D1c
	grep -q Capture "/proc/asound/studio/cable#0" || fail "nobody has cable 0 open"
	exec 5<&-
}

t_32_substreams() {
	make studio substreams=32 wait_for_peer=1
	expect "devices" "$(grep -c 'playback 32 : capture 32$' /proc/asound/pcm)" 2
	expect "number of controls" "$(amixer -c 0 controls | wc -l)" 512
	for cable in 0 1; do
		expect "cables in cable#$cable" "$(grep -c "^Cable $cable substream" \
			"/proc/asound/studio/cable#$cable")" 32
	done
	for substream in $(seq 0 31); do
		exact studio "$substream" S16_LE 2 2400 /tmp/noise.raw
	done
	# All at once.
	pids=
	for substream in $(seq 0 31); do
		arecord -q -D "hw:studio,1,$substream" -t raw -f S16_LE -c 1 -r 8000 -s 8000 \
			"/tmp/all.$substream" &
		pids="$pids $!"
	done
	for substream in $(seq 0 31); do
		tail -c +$((substream * 1000 + 1)) /tmp/noise.raw | aplay -q -D "hw:studio,0,$substream" -t raw \
			-f S16_LE -c 1 -r 8000 -s 8000 &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "a program ended with status $?"
	done
	for substream in $(seq 0 31); do
		tail -c +$((substream * 1000 + 1)) /tmp/noise.raw | head -c 16000 |
			cmp -s - "/tmp/all.$substream" || fail "cable $substream: not what was played"
		rm "/tmp/all.$substream"
	done
}

t_256_channels() {
	make studio channels_max=256 substreams=1 wait_for_peer=1
	for format in S32_LE S16_BE S24_3LE; do
		exact studio 0 $format 256 2400 /tmp/noise.raw
	done
	exact studio 0 S32_LE 255 2400 /tmp/noise.raw
	# Each in a file of its own, and so beside each other in the buffer. (The core reads and writes no
	# more than 128 so.)
	mkdir -p /tmp/planes
	for channel in $(seq 100 227); do
		tail -c +$((channel * 4800)) /tmp/noise.raw | head -c 4800 >"/tmp/planes/played.$channel"
	done
	arecord -q -I -D hw:studio,1,0 -t raw -f S16_LE -c 128 -r $RATE -s 2400 /tmp/planes/heard &
	recorder=$!
	aplay -q -I -D hw:studio,0,0 -t raw -f S16_LE -c 128 -r $RATE /tmp/planes/played.* ||
		fail "aplay -I: status $?"
	wait $recorder || fail "arecord -I: status $?"
	for channel in $(seq 0 127); do
		cmp -s "/tmp/planes/played.$((channel + 100))" "/tmp/planes/heard.$channel" ||
			fail "channel $channel of 128: not what was played"
	done
	rm -r /tmp/planes
	expect "PCM Slave Channels" "$(amixer -c 0 cget iface=PCM,name='PCM Slave Channels',device=1 |
		sed -n 's/^ *: values=//p')" 128
	# Small periods, and the longest buffer, which is 2 MiB.
	exact studio 0 S32_LE 256 2400 /tmp/noise.raw --period-size=64 --buffer-size=1024
	grep -q '^ *period_size *: 64$' /tmp/exact.err || fail "the period: $(cat /tmp/exact.err)"
	exact studio 0 S32_LE 256 2400 /tmp/noise.raw --period-size=1024 --buffer-size=2048
	grep -q '^ *buffer_size *: 2048$' /tmp/exact.err || fail "the buffer: $(cat /tmp/exact.err)"
	set_to studio live=0 channels_max=2 live=1
	! arecord -q -D hw:studio,1,0 -f S16_LE -c 3 -r $RATE -s 480 /dev/null 2>/dev/null ||
		fail "3 channels were recorded"
	exact studio 0 S16_LE 2 2400 /tmp/noise.raw
}

cards_test_table "$@" <<'END'
defaults 20.1 20.2 mkdir makes a directory with defaults, and its card is as that of a load
right 20.2 what is written right is read again
wrong 20.2 what is written wrong is refused, and the log says what is allowed
directory 20.1 how a directory can be called
like_ids 20.3 identifiers that are alike, and not the same
live_errors 20.3 live returns the card's error
busy 20.3 a card that is live does not change
names 20.4 names of the card and its devices, and its path
settings 20.4 pcm_notify, timer_source, wait_for_peer, end_with_peer
slack 20.4 timer_slack
one_way 20.4 a card with one direction plays exactly
32_substreams 20.4 32 substreams play exactly
256_channels 20.4 256 channels play exactly
END
