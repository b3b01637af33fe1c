#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Several programs on one cable: dmix, dsnoop, asym, plug and softvol, in an .asoundrc as people
# write it, in alsa-lib's own Loopback.conf, and in Documentation/asound.conf.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1

# Two different sounds, together within 16 bits.
two_sounds() {
	converted audio.wav one.wav -- vol 0.45
	converted audio.wav two.wav -- reverse vol 0.45
}
# both_in RECORDING: first one.wav and, while it lasts, two.wav, added up to the bit.
both_in() {
	judge "$CLIENTS/minus" "$1" one.wav rest.wav
	exact two.wav rest.wav
}

dmix_only() {
	cat >~/.asoundrc <<-END
		pcm.mixed {
			type dmix
			ipc_key 1024
			slave {
				pcm "hw:Loopback,0,0"
				period_size 1024
				buffer_size 4096
				format S16_LE
				rate 48000
				channels 2
			}
		}
	END
	two_sounds
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	aplay -q -D mixed one.wav &
	player=$!
	playing 0 0
	# The first is well under way when the second comes.
	wait_until has_read 1 0 24000
	aplay -q -D mixed two.wav
	wait $player
	stop_recorder $recorder 1 0
	both_in recorded.wav
}
example dmix_only "dmix: two players are added up, exact to the bit"

both_ends() {
	cat >~/.asoundrc <<-END
		pcm.out {
			type dmix
			ipc_key 1025
			slave { pcm "hw:Loopback,0,3" format S16_LE rate 48000 channels 2 }
		}
		pcm.in {
			type dsnoop
			ipc_key 1026
			slave { pcm "hw:Loopback,1,3" format S16_LE rate 48000 channels 2 }
		}
		pcm.duplex {
			type asym
			playback.pcm "out"
			capture.pcm "in"
		}
		pcm.!default {
			type plug
			slave.pcm "duplex"
		}
	END
	two_sounds
	# No device is named: it's the default that is overridden.
	arecord -q -f S16_LE -c 2 -r 48000 recorded1.wav &
	recorder1=$!
	arecord -q -f S16_LE -c 2 -r 48000 recorded2.wav &
	recorder2=$!
	recording recorded1.wav
	recording recorded2.wav
	aplay -q one.wav &
	player=$!
	playing 0 3
	wait_until larger recorded1.wav 100000
	aplay -q two.wav
	wait $player
	heard_all recorded1.wav recorded2.wav
	end_of $recorder1
	end_of $recorder2
	both_in recorded1.wav
	both_in recorded2.wav
}
# Recorders behind dsnoop read on without the card's knowing: their files tell how far they are.
heard_all() {
	local file size=$((($(soxi -s one.wav) + $(soxi -s two.wav)) * 4 + 200000))
	for file; do
		wait_until larger "$file" $size
	done
}
larger() { (($(stat -c %s "$1") > $2)); }
# recording FILE: waits until its recorder has written a first frame behind the header. (Behind dsnoop
# the card's stream runs already when a second recorder comes.)
recording() { wait_until larger "$1" 44; }
example both_ends "dmix, dsnoop, asym, plug as default: two players, two recorders, each hears both"

plug_converts() {
	cat >~/.asoundrc <<-END
		pcm.out {
			type plug
			slave { pcm "hw:Loopback,0,4" format S32_LE rate 48000 channels 2 }
		}
		pcm.in {
			type plug
			slave { pcm "hw:Loopback,1,4" format S32_LE rate 48000 channels 2 }
		}
	END
	converted audio.wav voice.wav -r 16000 -c 1 -b 8
	arecord -q -D in -f S24_3LE -c 2 -r 44100 recorded.wav &
	capturing 1 4
	# The card runs as plug's slave was told.
	[[ $(param c 1 4 rate) == 48000 && $(param c 1 4 format) == S32_LE ]]
	aplay -q -D out voice.wav
	stop_recorder $! 1 4
	# alsa-lib converts rates linearly: with some distortion, and a rate that is right for whole
	# periods only.
	alike --channels 0,0 --correlation 0.95 --gain 0.9:1.03 --wander 40 voice.wav recorded.wav
	# Format and channels alone are converted exactly: the 24 bits have the 16 in their high
	# ones.
	arecord -q -D in -f S24_3LE -c 2 -r 48000 recorded24.wav &
	capturing 1 4
	aplay -q -D out audio.wav
	stop_recorder $! 1 4
	sox -D recorded24.wav -b 16 recorded.wav
	exact audio.wav recorded.wav
}
example plug_converts "plug: 8 bits, mono, 16000 Hz in, 24 bits, stereo, 44100 Hz out"

softvol() {
	cat >~/.asoundrc <<-END
		pcm.softer {
			type softvol
			slave.pcm "hw:Loopback,0,5"
			control { name "Softer Playback Volume" card Loopback }
			min_dB -40.0
			max_dB 0.0
			resolution 41
		}
	END
	arecord -q -D hw:Loopback,1,5 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 5
	# The control appears when the PCM is opened for the first time.
	aplay -q -D softer -d 1 /dev/zero -f S16_LE -c 2 -r 48000
	amixer -q -c Loopback sset Softer -- -20dB
	aplay -q -D softer audio.wav
	stop_recorder $! 1 5
	alike --gain 0.099:0.101 --correlation 0.998 audio.wav recorded.wav
}
example softvol "softvol: 20 dB less"

# One player, two cables (or a cable and the loudspeakers).
two_at_once() {
	cat >~/.asoundrc <<-END
		pcm.both {
			type plug
			slave.pcm {
				type multi
				slaves.a { pcm "hw:Loopback,0,5" channels 2 }
				slaves.b { pcm "hw:Loopback,0,6" channels 2 }
				bindings [
					{ slave a channel 0 }
					{ slave a channel 1 }
					{ slave b channel 0 }
					{ slave b channel 1 }
				]
			}
			ttable.0 { 0 1 2 1 }
			ttable.1 { 1 1 3 1 }
		}
	END
	for n in 5 6; do
		arecord -q -D hw:Loopback,1,$n -f S16_LE -c 2 -r 48000 recorded$n.wav &
		recorders[n]=$!
		capturing 1 $n
	done
	aplay -q -D both audio.wav
	for n in 5 6; do
		stop_recorder "${recorders[n]}" 1 $n
		exact audio.wav recorded$n.wav
	done
}
example two_at_once "multi, route: what is played is heard from two cables"

# As in a tutorial: the card with the loudspeakers and a cable, to record what is heard. Whoever
# plays does not see that each has a clock of its own.
dac_and_loopback() {
	modprobe snd-dummy
	cat >~/.asoundrc <<-END
		pcm.!default {
			type plug
			slave.pcm "both"
		}
		pcm.both {
			type route
			slave.pcm {
				type multi
				slaves.a { pcm "dac" channels 2 }
				slaves.b { pcm "loopin" channels 2 }
				bindings.0 { slave a channel 0 }
				bindings.1 { slave a channel 1 }
				bindings.2 { slave b channel 0 }
				bindings.3 { slave b channel 1 }
			}
			ttable.0.0 1
			ttable.1.1 1
			ttable.0.2 1
			ttable.1.3 1
		}
		pcm.dac { type hw card Dummy }
		pcm.loopin { type plug slave.pcm "hw:Loopback,0,0" }
		pcm.loopout { type plug slave.pcm "hw:Loopback,1,0" }
	END
	arecord -q -D loopout -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	aplay -q audio.wav &
	player=$!
	playing 0 0 Dummy
	playing 0 0
	wait $player
	stop_recorder $recorder 1 0
	exact audio.wav recorded.wav
	modprobe -r snd-dummy
}
example dac_and_loopback "multi of another card and a cable: what the one plays is heard from the other"

# A rate at which no period is a whole number of anything.
odd_rate() {
	cat >~/.asoundrc <<-END
		pcm.out {
			type dmix
			ipc_key 1027
			slave { pcm "hw:Loopback,0,6" format S16_LE rate 12345 channels 1 }
		}
		pcm.in {
			type dsnoop
			ipc_key 1028
			slave { pcm "hw:Loopback,1,6" format S16_LE rate 12345 channels 1 }
		}
	END
	converted audio.wav one.wav -r 12345 -c 1 -- vol 0.45
	converted audio.wav two.wav -r 12345 -c 1 -- reverse vol 0.45
	arecord -q -D in -f S16_LE -c 1 -r 12345 recorded.wav &
	recorder=$!
	recording recorded.wav
	[[ $(param c 1 6 rate) == 12345 ]]
	aplay -q -D out one.wav &
	player=$!
	playing 0 6
	wait_until larger recorded.wav 12000
	aplay -q -D out two.wav
	wait $player
	wait_until larger recorded.wav $((($(soxi -s one.wav) + $(soxi -s two.wav)) * 2 + 30000))
	end_of $recorder
	both_in recorded.wav
}
example odd_rate "dmix, dsnoop at 12345 Hz: two players are added up, exact to the bit"

front() {
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 0
	aplay -q -D front:Loopback audio.wav
	stop_recorder $! 1 0
	exact audio.wav recorded.wav
}
example front "Loopback.conf: front:Loopback"

sysdefault() {
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 0
	aplay -q -D sysdefault:Loopback audio.wav
	stop_recorder $! 1 0
	exact audio.wav recorded.wav
	# Its capture side is device 0, which hears what is played into device 1.
	arecord -q -D sysdefault:Loopback -f S16_LE -c 2 -r 48000 recorded2.wav &
	capturing 0 0
	aplay -q -D plughw:Loopback,1,0 audio.wav
	wait_until larger recorded2.wav $(($(soxi -s audio.wav) * 4 + 300000))
	end_of $!
	exact audio.wav recorded2.wav
}
example sysdefault "Loopback.conf: sysdefault:Loopback, both ways"

# --- Documentation/asound.conf

documented() { cp "$WITH/Documentation/asound.conf" /etc/asound.conf; }

many_on_one_cable() {
	documented
	two_sounds
	for n in 1 2 3; do
		arecord -q -D cable -f S16_LE -c 2 -r 48000 recorded$n.wav &
		recorders+=($!)
		recording recorded$n.wav
	done
	aplay -q -D cable one.wav &
	player=$!
	playing 0 0
	wait_until larger recorded1.wav 100000
	# Another user, of the group that udev gives the nodes to.
	chgrp audio /dev/snd/*
	chmod g+rw /dev/snd/*
	setpriv --reuid nobody --regid nogroup --groups audio aplay -q -D cable <two.wav
	wait $player
	heard_all recorded1.wav recorded2.wav recorded3.wav
	for n in 0 1 2; do
		end_of "${recorders[n]}"
		both_in recorded$((n + 1)).wav
	done
}
example many_on_one_cable "asound.conf: two writers, of two users, three readers on one cable"

record_the_desktop() {
	documented
	arecord -q -D desktop -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	recording recorded.wav
	# Loudspeakers: another cable will do.
	alsaloop -C desktop -P hw:Loopback,0,7 -t 50000 -a off &
	loop=$!
	arecord -q -D hw:Loopback,1,7 -f S16_LE -c 2 -r 48000 loudspeaker.wav &
	loudspeaker=$!
	capturing 1 7
	playing 0 7
	aplay -q audio.wav
	wait_until larger recorded.wav $(($(soxi -s audio.wav) * 4 + 300000))
	end_of $recorder
	wait_until has_read 1 7 $(($(field c 1 7 hw_ptr) + 24000))
	end_of $loudspeaker
	end_of $loop
	exact audio.wav recorded.wav
	exact audio.wav loudspeaker.wav
}
example record_the_desktop "asound.conf: record what the desktop plays, and hear it"

virtual_microphone() {
	documented
	converted audio.wav voice.wav -c 1
	arecord -q -D microphone -f S16_LE -c 1 -r 48000 recorded.wav &
	recorder=$!
	recording recorded.wav
	aplay -q -D to_microphone voice.wav
	wait_until larger recorded.wav $(($(soxi -s voice.wav) * 2 + 100000))
	end_of $recorder
	exact voice.wav recorded.wav
	amixer -q -c Loopback sset Microphone 50%
	arecord -q -D microphone -f S16_LE -c 1 -r 48000 recorded2.wav &
	recorder=$!
	recording recorded2.wav
	aplay -q -D to_microphone voice.wav
	wait_until larger recorded2.wav $(($(soxi -s voice.wav) * 2 + 100000))
	end_of $recorder
	# Half of the way from -51 dB to 0 dB.
	alike --gain 0.050:0.056 --correlation 0.99 voice.wav recorded2.wav
}
example virtual_microphone "asound.conf: a virtual microphone, with a volume"

report
