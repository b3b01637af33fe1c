#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The other guest of 90-network.sh: snapclient plays into Loopback what comes from there, and it is
# heard at the other side of the cable.
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1
LIMIT=400

client() {
	arecord -q --buffer-time=2000000 -D hw:Loopback,1,0 -f S16_LE -c 2 -r 48000 recorded.wav &
	recorder=$!
	capturing 1 0
	# Ample buffers: the host may have other work.
	snapclient -h 10.0.0.1 -s hw:Loopback,0,0 --player alsa:buffer_time=2000,fragments=20 \
		--mixer none --logsink stderr >client.log 2>&1 &
	playing 0 0
	# In step after twenty seconds.
	wait_until has_read 1 0 480000
	wait_until has_read 1 0 960000
	"$CLIENTS/meet" listening
	"$CLIENTS/meet" played
	# Five seconds are on their way yet.
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr) + 384000))
	end_of $recorder
	"$CLIENTS/meet" heard
	cat client.log
	# The client keeps in step by dropping or doubling frames.
	alike --correlation 0.95 --wander 480 audio.wav recorded.wav
}
example client "what was played on another machine is heard from Loopback"

report
