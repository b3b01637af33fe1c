#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh [ALOOP-TEST-OPTION]...: runs aloop-test on the C driver and on ours in one boot, and leaves
# the reports in /out, C.ktap and Rust.ktap, and the lists of the tests' groups, C.list and Rust.list.
# A test that fails is no failure here: what is expected of which driver is judged on the host.
set -eu

here=$(dirname "$0")
modprobe snd-aloop id=C
modprobe snd-aloop-rs id=Rust
for card in C Rust; do
	"$here/aloop-test" --card "$card" --list "$@" >"/out/$card.list"
	status=0
	"$here/aloop-test" --card "$card" "$@" >"/out/$card.ktap" || status=$?
	if [ "$status" -gt 1 ]; then
		echo "aloop-test --card $card ended with status $status" >&2
		exit "$status"
	fi
	tail -n 1 "/out/$card.ktap"
done
