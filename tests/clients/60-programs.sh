#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Programs that play and record by themselves: each at least once through a cable.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1

# Runs the rest as a recorder of the cable's side 1,SUBSTREAM, and plays audio.wav at the other side.
heard_by() { # SUBSTREAM RECORDER...
	local substream=$1
	shift
	"$@" &
	capturing 1 "$substream"
	aplay -q -D "hw:Loopback,0,$substream" audio.wav
	stop_recorder $! 1 "$substream"
	exact audio.wav recorded.wav
}
# Runs the rest as a player into the cable's side 0,SUBSTREAM, and records at the other side.
played_by() { # SUBSTREAM PLAYER...
	local substream=$1
	shift
	arecord -q -D "hw:Loopback,1,$substream" -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 "$substream"
	"$@"
	stop_recorder $! 1 "$substream"
	exact audio.wav recorded.wav
}

ffmpeg_out() {
	played_by 0 ffmpeg -nostdin -loglevel error -i audio.wav -f alsa hw:Loopback,0,0
}
example ffmpeg_out "ffmpeg plays: -i FILE -f alsa hw:Loopback,0,0"
ffmpeg_in() {
	heard_by 0 ffmpeg -nostdin -loglevel error -f alsa -sample_rate 48000 -channels 2 \
		-i hw:Loopback,1,0 recorded.wav
}
example ffmpeg_in "ffmpeg records: -f alsa -i hw:Loopback,1,0 FILE"

gstreamer_out() {
	played_by 1 gst-launch-1.0 -q filesrc location=audio.wav ! wavparse ! \
		alsasink device=hw:Loopback,0,1
}
example gstreamer_out "GStreamer plays: alsasink"
gstreamer_in() {
	gst-launch-1.0 -q -e alsasrc device=hw:Loopback,1,1 ! \
		audio/x-raw,format=S16LE,rate=48000,channels=2 ! wavenc ! filesink location=recorded.wav &
	recorder=$!
	capturing 1 1
	aplay -q -D hw:Loopback,0,1 audio.wav
	wait_until has_read 1 1 $(($(field c 1 1 hw_ptr) + 48000))
	# With -e, it completes its file.
	end_of $recorder INT
	exact audio.wav recorded.wav
}
example gstreamer_in "GStreamer records: alsasrc"

sox_out() { AUDIODRIVER=alsa AUDIODEV=hw:Loopback,0,2 played_by 2 play -q audio.wav; }
example sox_out "sox plays: AUDIODEV=hw:Loopback,0,2 play FILE"
sox_in() {
	sox -q -c 2 -r 48000 -b 16 -t alsa hw:Loopback,1,2 recorded.wav &
	capturing 1 2
	aplay -q -D hw:Loopback,0,2 audio.wav
	stop_recorder $! 1 2
	exact audio.wav recorded.wav
}
example sox_in "sox records: sox -t alsa hw:Loopback,1,2 FILE"

mpd_out() {
	mkdir music
	cp audio.wav music/
	tail -c +200001 audio.wav | head -c $((4096 * 64)) >bits
	dsf bits >music/bits.dsf
	cat >mpd.conf <<-END
		music_directory "$PWD/music"
		db_file "$PWD/mpd.db"
		bind_to_address "$PWD/mpd.socket"
		audio_output {
			type "alsa"
			name "Loopback"
			device "hw:Loopback,0,3"
			mixer_type "none"
		}
	END
	mpd --no-daemon mpd.conf &
	mpd=$!
	wait_until [ -S mpd.socket ]
	export MPD_HOST=$PWD/mpd.socket
	mpc -q update --wait
	mpd_plays audio.wav S16_LE 2 48000
	sox -D -t raw -r 48000 -c 2 -b 16 -e signed-integer recorded.raw recorded.wav
	exact audio.wav recorded.wav
	mpd_plays bits.dsf DSD_U8 1 352800
	dsd_wav bits played.wav
	dsd_wav recorded.raw recorded.wav
	exact played.wav recorded.wav
	end_of $mpd
}
mpd_plays() { # FILE FORMAT CHANNELS RATE
	arecord -q -t raw -D hw:Loopback,1,3 -f "$2" -c "$3" -r "$4" recorded.raw &
	recorder=$!
	capturing 1 3
	mpc -q add "$1"
	mpc -q play
	playing 0 3
	mpc idle player
	wait_until isnt playing_now 0 3
	stop_recorder $recorder 1 3
	mpc -q clear
}
playing_now() { is_state p "$1" "$2" RUNNING; }
# DSD has a bit for a sample, 2822400 a second; eight of them are a byte, a frame of one channel.
# Any bits will do. dsf FILE: a file of one channel with these bytes, of which there have to be
# whole blocks of 4096.
dsf() {
	local size
	size=$(stat -c %s "$1")
	printf 'DSD '
	# Its own length and the file's; no tags.
	le 28:8 $((92 + size)):8 0:8
	printf 'fmt '
	# Version, format, kind and number of channels, rate, the high bit first, samples, size of a
	# block.
	le 52:8 1:4 0:4 1:4 1:4 2822400:4 8:4 $((size * 8)):8 4096:4 0:4
	printf 'data'
	le $((12 + size)):8
	cat "$1"
}
le() { # VALUE:BYTES..., the low byte first
	local field value bytes
	for field; do
		for ((value = ${field%:*}, bytes = ${field#*:}; bytes > 0; bytes--, value >>= 8)); do
			printf '%b' "\\x$(printf %02x $((value & 255)))"
		done
	done
}
# For `exact`, to which silence is zero: that of DSD is 0x69.
dsd_wav() { tr '\000\151' '\151\000' <"$1" | sox -D -t raw -r 352800 -c 1 -b 8 -e unsigned-integer - "$2"; }
example mpd_out "mpd plays: audio_output with device hw:Loopback,0,3; DSD as it is"

speaker_test() {
	arecord -q -D hw:Loopback,1,4 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 4
	speaker-test -D hw:Loopback,0,4 -c 2 -r 48000 -F S16_LE -t sine -f 480 -l 1
	stop_recorder $! 1 4
	# Each channel has its turn, at 80 % of full scale.
	judge "$CLIENTS/tone" recorded.wav 0 480 -1.94 2.9
	judge "$CLIENTS/tone" recorded.wav 1 480 -1.94 2.9
}
example speaker_test "speaker-test -t sine: left, then right"

speaker_wav() {
	arecord -q -D hw:Loopback,1,4 -f S16_LE -c 2 -r 48000 recorded.wav &
	capturing 1 4
	speaker-test -D hw:Loopback,0,4 -c 2 -r 48000 -F S16_LE -t wav -l 1
	stop_recorder $! 1 4
	for word in Left:1 Right:2; do
		sox recorded.wav channel.wav remix "${word#*:}"
		alike --correlation 0.999 "/usr/share/sounds/alsa/Front_${word%:*}.wav" channel.wav
	done
}
example speaker_wav "speaker-test -t wav: the words"

alsabat_tone() {
	alsabat -P hw:Loopback,0,5 -C hw:Loopback,1,5 -f S16_LE -c 2 -r 48000 -F 997 -n 2s | tee said
	grep -c 'PASS: Peak detected at target frequency' said
	# Without the cable, it hears nothing.
	not alsabat -P hw:Loopback,0,5 -C hw:Loopback,1,6 -f S16_LE -c 2 -r 48000 -F 997 -n 1s
}
example alsabat_tone "alsabat -P hw:Loopback,0,5 -C hw:Loopback,1,5"

python() { heard_by 6 "$CLIENTS/record.py" hw:Loopback,1,6 recorded.wav; }
example python "Python records with pyalsaaudio"
python_out() { played_by 6 "$CLIENTS/play.py" hw:Loopback,0,6 audio.wav; }
example python_out "Python plays with pyalsaaudio"

# PortAudio takes the first substream that is free.
portaudio_out() { played_by 0 "$CLIENTS/portaudio.py" play "Loopback: PCM (hw:0,0)" audio.wav; }
portaudio_in() { heard_by 0 "$CLIENTS/portaudio.py" record "Loopback: PCM (hw:0,1)" recorded.wav; }
example portaudio_out "PortAudio (PyAudio) plays"
example portaudio_in "PortAudio (PyAudio) records"

snapcast() {
	# The server reads the one cable, the client plays into another.
	cat >snapserver.conf <<-END
		[server]
		datadir = $PWD
		[http]
		enabled = false
		[stream]
		source = alsa:///?name=Loopback&device=hw:Loopback,1,0&sampleformat=48000:16:2&codec=pcm&send_silence=true
	END
	snapserver -c snapserver.conf --logging.sink stderr &
	capturing 1 0
	arecord -q -D hw:Loopback,1,7 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 7
	snapclient -h 127.0.0.1 -s hw:Loopback,0,7 --mixer none --logsink stderr &
	playing 0 7
	# The client is in step after some seconds.
	wait_until has_read 1 7 480000
	aplay -q -D hw:Loopback,0,0 audio.wav
	# The server holds a second.
	wait_until has_read 1 7 $(($(field c 1 7 hw_ptr) + 144000))
	end_of $recorder
	# The client keeps in step by dropping or doubling frames.
	alike --correlation 0.98 --wander 30 audio.wav recorded.wav
}
example snapcast "snapserver reads alsa://, snapclient plays"

# cpal knows devices by the names that aplay -L lists: that is substream 0, if it is free.
cpal_out() { played_by 0 "$WITH/cpal-loop" play hw:CARD=Loopback,DEV=0 audio.wav; }
example cpal_out "a Rust program plays with cpal"
cpal_in() { heard_by 0 "$WITH/cpal-loop" record hw:CARD=Loopback,DEV=1 recorded.wav; }
example cpal_in "a Rust program records with cpal"

report
