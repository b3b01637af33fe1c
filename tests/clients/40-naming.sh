#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where a user would look for the card, and the names by which it is addressed.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

OPTIONS=/etc/modprobe.d/loopback.conf
load enable=1

# heard PLAYER RECORDER: what is played into the one name is heard from the other.
heard() {
	arecord -q -D "$2" -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 4 "${3:-}"
	aplay -q -D "$1" audio.wav
	stop_recorder $! 1 4 "${3:-}"
	exact audio.wav recorded.wav
	rm recorded.wav
}

by_name() { heard hw:CARD=Loopback,DEV=0,SUBDEV=4 hw:CARD=Loopback,DEV=1,SUBDEV=4; }
example by_name "hw:CARD=Loopback,DEV=1,SUBDEV=4"

by_number() { heard hw:CARD=0,DEV=0,SUBDEV=4 hw:0,1,4; }
example by_number "hw:CARD=0,DEV=0,SUBDEV=4"

by_environment() { ALSA_CARD=Loopback heard hw:DEV=0,SUBDEV=4 hw:DEV=1,SUBDEV=4; }
example by_environment "ALSA_CARD=Loopback"

proc() {
	ls -l /proc/asound
	grep '^ 0 \[Loopback       \]: Loopback - Loopback$' /proc/asound/cards
	[[ $(readlink /proc/asound/Loopback) == card0 ]]
	[[ $(cat /proc/asound/card0/id) == Loopback ]]
	grep '^00-01: Loopback PCM : Loopback PCM : playback 8 : capture 8$' /proc/asound/pcm
	grep 'digital audio playback' /proc/asound/devices
	for device in 0 1; do
		for direction in p c; do
			folder=/proc/asound/card0/pcm$device$direction
			grep '^subdevices_count: 8$' $folder/info
			grep '^id: Loopback PCM$' $folder/info
			for sub in 0 1 2 3 4 5 6 7; do
				grep "^subdevice: $sub$" $folder/sub$sub/info
				[[ $(cat $folder/sub$sub/{hw_params,sw_params,status}) == $'closed\nclosed\nclosed' ]]
			done
		done
	done
	cat '/proc/asound/card0/cable#0' '/proc/asound/card0/cable#1'
}
example proc "/proc/asound: cards, pcm, devices, card0 and all below it"

proc_running() {
	arecord -q -D hw:Loopback,1,4 -f S24_3LE -c 4 -r 96000 recorded.wav &
	recorder=$!
	capturing 1 4
	diff - <(grep -E '^(access|format|subformat|channels|rate)' /proc/asound/card0/pcm1c/sub4/hw_params) <<-END
		access: RW_INTERLEAVED
		format: S24_3LE
		subformat: STD
		channels: 4
		rate: 96000 (96000/1)
	END
	grep "owner_pid *: $recorder" /proc/asound/card0/pcm1c/sub4/status
	# cable#0 has the cables that are played into at device 0. Four channels of 3 bytes:
	grep -A 14 '^Cable 0 substream 4:' '/proc/asound/card0/cable#0' | grep 'bytes_per_sec:.*1152000$'
	end_of $recorder
}
example proc_running "/proc/asound: a running stream's format, rate and owner"

sysfs() {
	[[ $(cat /sys/class/sound/card0/id) == Loopback ]]
	[[ $(cat /sys/class/sound/card0/number) == 0 ]]
	for node in controlC0 pcmC0D0p pcmC0D0c pcmC0D1p pcmC0D1c; do
		[[ -c /dev/snd/$node ]]
		# The node's numbers are those of sysfs.
		[[ $(cat /sys/class/sound/$node/dev) == $(stat -c '%Hr:%Lr' /dev/snd/$node) ]]
		[[ $(readlink -f /sys/class/sound/$node) == */sound/card0/$node ]]
	done
	[[ $(cat /sys/class/sound/pcmC0D0p/pcm_class) == generic ]]
	[[ -d /sys/module/${MODULE//-/_}/parameters ]]
}
example sysfs "sysfs and /dev/snd"

renamed() {
	# Without a newline, which the kernel takes for a part of the name.
	printf Studio >/sys/class/sound/card0/id
	heard hw:Studio,0,4 hw:CARD=Studio,DEV=1,SUBDEV=4 Studio
	[[ $(readlink /proc/asound/Studio) == card0 ]]
}
example renamed "a card renamed by sysfs"

from_modprobe_d() {
	echo "options $MODULE index=4,2 id=Stage,Stream enable=1,1 pcm_substreams=8,1" >$OPTIONS
	load
	grep '^ 2 \[Stream  ' /proc/asound/cards
	grep '^ 4 \[Stage  ' /proc/asound/cards
	(($(wc -l </proc/asound/cards) == 4))
	heard hw:Stage,0,4 hw:4,1,4 Stage
	[[ $(aplay -l | grep -c '^card 2:.*device') == 2 ]]
	[[ $(aplay -l | grep -A 1 '^card 2: Stream .* device 1' | tail -n 1) == '  Subdevices: 1/1' ]]
	rm $OPTIONS
}
example from_modprobe_d "index= and id= of two cards in /etc/modprobe.d"

many_cards() {
	load enable=1,1,1,1 id=A,B,C,D
	for card in D A; do
		heard hw:$card,0,4 hw:CARD=$card,DEV=1,SUBDEV=4 $card
	done
	# What is played on one card isn't heard on another.
	arecord -q -D hw:B,1,4 -f S16_LE -c 2 -r 48000 -d 3 silence.wav &
	capturing 1 4 B
	aplay -q -D hw:C,0,4 -d 2 audio.wav
	wait $!
	compare_silence silence.wav
}
compare_silence() {
	[[ $(soxi -s "$1") -ge 144000 ]]
	sox "$1" -n stat 2>&1 | grep -E '^Maximum amplitude: +0\.0+$'
}
example many_cards "four cards"

# A container has the nodes that it was given: here, a card's capture sides of one device.
container() {
	load
	mkdir nodes
	cp -a /dev/snd/controlC0 /dev/snd/pcmC0D1c nodes/
	within arecord -q -D hw:Loopback,1,4 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 4
	not within aplay -q -D hw:Loopback,0,4 audio.wav
	not within arecord -q -D hw:Loopback,0,4 -f S16_LE -c 2 -r 48000 -d 1 silence.wav
	aplay -q -D hw:Loopback,0,4 audio.wav
	stop_recorder $recorder 1 4
	exact audio.wav recorded.wav
}
# In a function that runs beside the others, or for itself: it ends with this.
within() { exec unshare -m -- sh -c 'mount --bind nodes /dev/snd && exec "$@"' sh "$@"; }
example container "a container that was given the nodes of one end"

store_and_restore() {
	load
	cset Loopback "PCM Rate Shift 100000" 1 4 100123
	cset Loopback "PCM Notify" 0 2 on
	alsactl --no-ucm -f state store Loopback
	load
	[[ $(cget Loopback "PCM Rate Shift 100000" 1 4) == 100000 ]]
	alsactl --no-ucm -f state restore Loopback
	[[ $(cget Loopback "PCM Rate Shift 100000" 1 4) == 100123 ]]
	[[ $(cget Loopback "PCM Notify" 0 2) == on ]]
	[[ $(cget Loopback "PCM Notify" 0 3) == off ]]
}
example store_and_restore "alsactl store, and restore after a reload"

amixer_lists() {
	(($(amixer -c Loopback controls | wc -l) == 128))
	for name in 'PCM Rate Shift 100000' 'PCM Notify' 'PCM Slave Active' 'PCM Slave Format' \
		'PCM Slave Rate' 'PCM Slave Channels' 'PCM Slave Access Mode'; do
		(($(amixer -c Loopback controls | grep -c "iface=PCM,name='$name'") == 16))
	done
	amixer -c Loopback contents | grep -A 1 "name='PCM Rate Shift 100000',device=1,subdevice=7"
	# They aren't for a mixer's window.
	[[ $(amixer -c Loopback scontrols) == '' ]]
}
example amixer_lists "amixer controls, contents, scontrols"

alsamixer_opens() {
	mkfifo keys
	exec 5<>keys
	TERM=linux script -qfec 'stty rows 25 cols 80; exec alsamixer -c Loopback' screen <keys >/dev/null &
	wait_until grep -q Loopback screen
	# Escape leaves it.
	wait_until grep -aq 'does not have any controls' screen
	printf '\033' >&5
	wait $! || true
	# The card's controls are no mixer's.
	grep -a 'Loopback Mixer' screen
	grep -a 'This sound device does not have any controls' screen
}
example alsamixer_opens "alsamixer in a terminal"

device_list() {
	aplay -L >list
	for name in hw:CARD=Loopback,DEV=0 hw:CARD=Loopback,DEV=1 plughw:CARD=Loopback,DEV=1 \
		sysdefault:CARD=Loopback front:CARD=Loopback,DEV=0 dmix:CARD=Loopback,DEV=1; do
		grep -x "$name" list
	done
	arecord -L | grep -x dsnoop:CARD=Loopback,DEV=1
}
example device_list "aplay -L and arecord -L"

report
