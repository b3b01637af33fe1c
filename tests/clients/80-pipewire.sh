#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# PipeWire with WirePlumber, as a desktop has them: the card is found by udev, and is a sink and a
# source.
# Guest: --deterministic (a busy host makes no overruns)
# Long: with it, all the others together take more than ten minutes
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1
. "$(dirname "$0")/desktop.sh"

SINK=alsa_output.platform-snd_aloop.0.analog-stereo
SOURCE=alsa_input.platform-snd_aloop.0.analog-stereo

# What the servers and the card are like, for the report of a session that doesn't come up.
state() {
	local file
	wpctl status
	pactl list cards
	pw-cli ls Device
	for file in /proc/asound/card*/pcm*/sub*/status; do
		grep -q closed "$file" || tail -v "$file"
	done
	fuser -v /dev/snd/*
	dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
		org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.ReserveDevice1.Audio0
	pgrep -a "$SERVERS"
}
# shown TEXT WHAT: waits until the list of the sinks or sources has it. The start of a session takes
# 2 s of the guest's time, whatever the host does.
shown() { (wait_until says "$1" pactl list short "$2") || { state 2>&1 || true; return 1; }; }

# One session in some fifteen, WirePlumber 0.5.8 finds the card while it is still starting, and
# misses the list of the card's profiles: it leaves the card off ("No profile found to set", in its
# log), and pipewire-pulse, which asks it, complains that ports have profiles that it has not heard
# of. The card has been opened and is closed by then. Documentation/clients.rst says what to do:
# start WirePlumber anew.
profiles_missed() {
	pactl list cards >/dev/null
	grep 'profiles inconsistent (0 < ' pulse.log
}
start_wireplumber() { wireplumber >wireplumber.log 2>&1 & }

# session: starts the session's servers, which find the card's device 0: a sink, that is heard at
# hw:Loopback,1,0, and a source, that hears what is played at hw:Loopback,1,0.
# (PipeWire does not look at a card while its first subdevices are in use.)
session() {
	rm -rf ~/.local/state "$XDG_RUNTIME_DIR"/pipewire-* "$XDG_RUNTIME_DIR/pulse"
	pipewire >pipewire.log 2>&1 &
	wait_until [ -S "$XDG_RUNTIME_DIR/pipewire-0" ]
	start_wireplumber
	pipewire-pulse >pulse.log 2>&1 &
	wait_until [ -S "$XDG_RUNTIME_DIR/pulse/native" ]
	if ! (wait_until says "$SINK" pactl list short sinks) && profiles_missed; then
		pkill -x wireplumber
		gone pgrep -x wireplumber
		start_wireplumber
	fi
	shown "$SINK" sinks
	shown "$SOURCE" sources
	# A volume that is not 1 isn't exact.
	pactl set-sink-volume "$SINK" 100%
	pactl set-source-volume "$SOURCE" 100%
}

found() {
	session
	pactl list cards | tee cards
	grep 'device.name = "alsa_card.platform-snd_aloop.0"' cards
	grep 'Active Profile: output:analog-stereo+input:analog-stereo' cards
	grep 'pro-audio: Pro Audio (sinks: 2, sources: 2' cards
	wpctl status | grep 'Loopback Analog Stereo'
}
example found "WirePlumber finds the card, with a sink, a source and the profile Pro Audio"

# Runs the rest as a player into the sink, and records at the other side of the cable.
played_by() {
	session
	heard_from_sink "$@"
}
heard_from_sink() {
	arecord -q -D hw:Loopback,1,0 -f S32_LE -c 2 -r 48000 wide.wav &
	recorder=$!
	capturing 1 0
	"$@"
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr) + 48000))
	end_of $recorder
	mend wide.wav
	sox -D wide.wav -b 16 recorded.wav
	exact audio.wav recorded.wav
}
pw_play() { played_by pw-play audio.wav; }
example pw_play "pw-play into the sink"
paplay_sink() { played_by paplay audio.wav; }
example paplay_sink "paplay, by pipewire-pulse"
alsa_default() { played_by aplay -q -D pipewire audio.wav; }
example alsa_default "aplay -D pipewire, which is a desktop's default"

# The card goes while PipeWire plays into it and records from it, and comes back.
taken_away() {
	local driver=/sys/bus/platform/drivers/snd_aloop
	session
	pw-record --target "$SOURCE" --format s16 --rate 48000 --channels 2 before.wav &
	capturing 0 0
	pw-play audio.wav &
	playing 0 0
	# It waits until nobody has anything of the card open any more.
	echo snd_aloop.0 >$driver/unbind &
	wait_until isnt says "$SINK" pactl list short sinks
	wait $!
	not grep Loopback /proc/asound/cards
	pkill -x 'pw-play|pw-record'
	echo snd_aloop.0 >$driver/bind
	shown "$SINK" sinks
	shown "$SOURCE" sources
	pactl set-sink-volume "$SINK" 100%
	heard_from_sink pw-play audio.wav
}
example taken_away "the card is unbound under PipeWire, and bound again"

# Runs the rest as a recorder of the source, and plays at the other side of the cable.
heard_by() {
	session
	"$@" &
	recorder=$!
	capturing 0 0
	# A graph that has just started may change its pace yet.
	wait_until has_read 0 0 48000
	play_apart hw:Loopback,1,0 S32_LE -b 32
	wait_until has_read 0 0 $(($(field c 0 0 hw_ptr) + 48000))
	end_of $recorder
	exact audio.wav recorded.wav
}
pw_record() { heard_by pw-record --target "$SOURCE" --format s16 --rate 48000 --channels 2 recorded.wav; }
example pw_record "pw-record from the source"
parecord_source() {
	heard_by parecord -d "$SOURCE" --latency-msec=50 --format=s16le --rate=48000 --channels=2 \
		--file-format=wav recorded.wav
}
example parecord_source "parecord, by pipewire-pulse"

# --- With Documentation/wireplumber.conf the card runs interleaved, and both sides fit as they are.

interleaved() {
	mkdir -p ~/.config/wireplumber/wireplumber.conf.d
	cp "$WITH/Documentation/wireplumber.conf" ~/.config/wireplumber/wireplumber.conf.d/loopback.conf
}
to_arecord() {
	interleaved
	session
	arecord -q -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	pw-play audio.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr) + 48000))
	end_of $recorder
	exact audio.wav recorded.wav
}
example to_arecord "wireplumber.conf: pw-play, recorded by arecord"

from_aplay() {
	interleaved
	session
	pw-record --target "$SOURCE" --format s16 --rate 48000 --channels 2 recorded.wav &
	recorder=$!
	capturing 0 0
	wait_until has_read 0 0 48000
	aplay -q -D hw:Loopback,1,0 audio.wav
	wait_until has_read 0 0 $(($(field c 0 0 hw_ptr) + 48000))
	end_of $recorder
	exact audio.wav recorded.wav
}
example from_aplay "wireplumber.conf: aplay, recorded by pw-record"

to_jack() {
	interleaved
	# jack_out, at the other side of PipeWire's cable
	sed 's/hw:Loopback,1,3/hw:Loopback,1,0/' "$WITH/Documentation/asound.conf" >/etc/asound.conf
	session
	JACK_NO_AUDIO_RESERVATION=1 jackd -n two -R -d alsa -C jack_out -r 48000 -p 256 -n 3 >two.jackd 2>&1 &
	wait_until jack_lsp -s two
	JACK_DEFAULT_SERVER=two jack_rec -f recorded.wav -d 8 -b 16 system:capture_1 system:capture_2 &
	recorder=$!
	wait_until says jackrec jack_lsp -s two
	pw-play audio.wav
	wait $recorder
	alike --correlation 0.999 --gain 0.99:1.01 audio.wav recorded.wav
}
example to_jack "wireplumber.conf: pw-play, heard by jackd -d alsa -C jack_out"
rm -rf ~/.config/wireplumber

# The source, all the time, into the sink: what is played at the one cable is heard at the other.
loopback() {
	session
	arecord -q -I -D hw:Loopback,1,0 -f S32_LE -c 2 -r 48000 -t raw recorded &
	recorder=$!
	capturing 1 0
	pw-loopback --capture-props "{ target.object = $SOURCE }" \
		--playback-props "{ target.object = $SINK }" &
	capturing 0 0
	playing 0 0
	# PipeWire matches the one node's rate to the other's: that takes some seconds.
	wait_until has_read 0 0 720000
	play_apart hw:Loopback,1,0 S32_LE -b 32
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr) + 96000))
	end_of $recorder
	joined recorded 32
	alike --correlation 0.99 --wander 20 audio.wav recorded.wav
}
example loopback "pw-loopback from the source to the sink"

# With Pro Audio, both devices of the card are there: a program plays into the one and another
# records from the other, all within PipeWire.
pro_audio() {
	session
	pactl set-card-profile alsa_card.platform-snd_aloop.0 pro-audio
	wait_until says pro-output-0 pactl list short sinks
	wait_until says pro-input-1 pactl list short sources
	output=alsa_output.platform-snd_aloop.0.pro-output-0
	input=alsa_input.platform-snd_aloop.0.pro-input-1
	pactl set-sink-volume $output 100%
	pactl set-source-volume $input 100%
	pw-record --target $input --format s16 --rate 48000 --channels 2 recorded.wav &
	recorder=$!
	capturing 1 0
	wait_until has_read 1 0 48000
	pw-play --target $output audio.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr) + 48000))
	end_of $recorder
	alike --correlation 0.99 --wander 20 audio.wav recorded.wav
}
example pro_audio "profile Pro Audio: from PipeWire through the cable to PipeWire"

report
