#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Documentation/network.rst between two guests. This one plays into Loopback, and snapserver carries
# it; the other (peer-listen.sh) hears it from its own Loopback.
# Long: it runs in real time
# Two guests: peer-listen.sh
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

load enable=1
LIMIT=400

server() {
	cat >snapserver.conf <<-END
		[server]
		datadir = $PWD
		[http]
		enabled = false
		[stream]
		buffer = 5000
		source = alsa:///?name=Loopback&device=hw:Loopback,1,0&sampleformat=48000:16:2&codec=pcm&send_silence=true
	END
	snapserver -c snapserver.conf --logging.sink stderr >server.log 2>&1 &
	capturing 1 0
	# The other guest says when it listens, and when it has heard enough.
	"$CLIENTS/meet" listening
	aplay -q --buffer-time=2000000 -D hw:Loopback,0,0 audio.wav
	"$CLIENTS/meet" played
	"$CLIENTS/meet" heard
	end_of $!
}
example server "what is played into Loopback is carried to another machine by snapserver"

report
