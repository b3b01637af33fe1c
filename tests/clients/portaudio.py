#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Plays or records a WAV file of 16 bits, stereo, 48 kHz with PortAudio, by PyAudio.

usage: portaudio.py play|record DEVICE FILE

DEVICE is a name from PortAudio's list of devices. A recording goes on until the program is told to end.
"""

import signal
import sys
import wave

import pyaudio

FORMAT = {"format": pyaudio.paInt16, "channels": 2, "rate": 48000, "frames_per_buffer": 1024}
going = True


def stop(_signal, _frame):
    global going
    going = False


what, name, path = sys.argv[1:]
audio = pyaudio.PyAudio()
devices = {d["name"]: d["index"] for d in map(audio.get_device_info_by_index, range(audio.get_device_count()))}
if name not in devices:
    sys.exit(f"portaudio.py: no device {name!r} (there are: {', '.join(devices)})")
if what == "play":
    stream = audio.open(output=True, output_device_index=devices[name], **FORMAT)
    with wave.open(path, "rb") as file:
        while data := file.readframes(1024):
            stream.write(data)
    # PortAudio stops without waiting for what is in its buffers: silence, then.
    stream.write(b"\0" * 4 * 16384)
    stream.stop_stream()
else:
    signal.signal(signal.SIGTERM, stop)
    stream = audio.open(input=True, input_device_index=devices[name], **FORMAT)
    with wave.open(path, "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
        while going:
            file.writeframes(stream.read(1024))
stream.close()
audio.terminate()
