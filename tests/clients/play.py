#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Plays a WAV file of 16 bits to an ALSA device with pyalsaaudio.

usage: play.py DEVICE FILE
"""

import sys
import wave

import alsaaudio

with wave.open(sys.argv[2], "rb") as file:
    pcm = alsaaudio.PCM(
        alsaaudio.PCM_PLAYBACK,
        device=sys.argv[1],
        rate=file.getframerate(),
        channels=file.getnchannels(),
        format=alsaaudio.PCM_FORMAT_S16_LE,
        periodsize=1024,
    )
    while data := file.readframes(1024):
        # The device takes whole periods.
        pcm.write(data.ljust(1024 * file.getnchannels() * 2, b"\0"))
pcm.drain()
