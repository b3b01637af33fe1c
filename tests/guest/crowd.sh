#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic (what is left of the processor's time is judged by how long a computation takes)
# crowd.sh: tests what all streams of as many cards as there can be leave of the machine. Its report
# is that of the group crowd of aloop-test.
set -eu

# 32 times 1.
modprobe snd-aloop-rs enable="$(printf '1,%.0s' $(seq 31))1"
exec "$(dirname "$0")/aloop-test" --group crowd
