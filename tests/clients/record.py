#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Records from an ALSA device with pyalsaaudio, 16 bits, stereo, 48 kHz, until it is told to end.

usage: record.py DEVICE FILE
"""

import signal
import sys
import wave

import alsaaudio

going = True


def stop(_signal, _frame):
    global going
    going = False


signal.signal(signal.SIGTERM, stop)
pcm = alsaaudio.PCM(
    alsaaudio.PCM_CAPTURE,
    device=sys.argv[1],
    rate=48000,
    channels=2,
    format=alsaaudio.PCM_FORMAT_S16_LE,
    periodsize=1024,
)
with wave.open(sys.argv[2], "wb") as file:
    file.setparams((2, 2, 48000, 0, "NONE", ""))
    while going:
        length, data = pcm.read()
        if length < 0:
            sys.exit("record.py: overrun")
        file.writeframes(data)
