#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh [--quick] [--real-time]: measures both drivers in one boot. A line for each row on stdout;
# the points of the plots, and the kernel's symbols, go to /out.
set -eu

here=$(dirname "$0")
options=$*
bench() {
	# shellcheck disable=SC2086 # options are words
	"$here/aloop-bench" $options --traces /out/traces "$@"
}

modprobe -a snd-pcm snd-timer
bench timer
case " $options " in
*" --real-time "*) ;;
*)
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
	;;
esac

# The second card of the C driver runs by the system's sound timer.
modprobe snd-aloop enable=1,1 id=C,Cticks timer_source=,-1.0.0
modprobe snd-aloop-rs id=Rust
grep -q '^-1.0.0' /proc/asound/Cticks/timer_source
for measurement in position stamps wakeups latency; do
	bench --card C --card Rust "$measurement"
	bench --card Cticks --ticks "$measurement"
done
case " $options " in
*" --real-time "*)
	bench --card C --card Rust xruns
	exit
	;;
esac
insmod "$here/aloop-bench-floor.ko"
cat /proc/kallsyms >/out/kallsyms
bench memcpy
bench --card C --card Rust work
bench --card C --card Rust speed
bench --card Cticks --ticks speed
bench --card C --card Rust xruns
bench --card Cticks --ticks xruns
