#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh [--only LIST] [--quick] [--real-time]: measures both drivers in one boot: all, or only
# the measurements of a list with commas (see aloop-bench --help; idle and load are not to be had
# alone). A line for each row on stdout; the points of the plots, and the kernel's symbols, go to
# /out.
set -eu

here=$(dirname "$0")
only=''
if [ "${1:-}" = --only ]; then
	only=$2
	shift 2
fi
options=$*
bench() {
	# shellcheck disable=SC2086 # options are words
	"$here/aloop-bench" $options --traces /out/traces "$@"
}
wanted() {
	case ,${only:-$1}, in
	*,"$1",*) ;;
	*) return 1 ;;
	esac
}
cards() {
	wanted "$1" || return 0
	bench --card C --card Rust "$1"
}
# On PREEMPT_RT, a program of real-time priority that closes a stream of that card hangs its processor:
# Documentation/upstream/timer-close.rst.
ticks() {
	wanted "$1" || return 0
	! grep -q PREEMPT_RT /proc/version || return 0
	bench --card Cticks --ticks "$1"
}

modprobe -a snd-pcm snd-timer
# What the others are compared with.
bench timer
real_time=''
case " $options " in
*" --real-time "*) real_time=1 ;;
esac
if [ ! "$real_time$only" ]; then
	bench idle none
	bench load C snd-aloop
	bench load C-unsigned "$here/unsigned/snd-aloop.ko"
	bench load Rust snd-aloop-rs
	modprobe snd-aloop
	bench idle C
	rmmod snd-aloop
	modprobe snd-aloop-rs
	bench idle Rust
	rmmod snd-aloop-rs
fi

# The second card of the C driver runs by the system's sound timer.
modprobe snd-aloop enable=1,1 id=C,Cticks timer_source=,-1.0.0
# The second card of ours may wake up a millisecond late.
modprobe snd-aloop-rs enable=1,1 id=Rust,Late timer_slack=0,1000
grep -q '^-1.0.0' /proc/asound/Cticks/timer_source
for measurement in position stamps wakeups latency; do
	cards "$measurement"
	ticks "$measurement"
done
if [ "$real_time" ]; then
	cards xruns
	exit
fi
insmod "$here/aloop-bench-floor.ko"
cat /proc/kallsyms >/out/kallsyms
cards prepare
ticks prepare
if wanted memcpy; then
	bench memcpy
fi
cards work
if wanted work; then
	bench --card Late late
fi
for measurement in speed xruns; do
	cards "$measurement"
	ticks "$measurement"
done
