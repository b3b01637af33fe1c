#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --with tests/ktap.sh (a stream that is served too late does not run when it is looked at)
# memory.sh: tests how much memory a card takes that nobody uses, beside the C driver's, and a cable
# that runs. The kernel's own trace of what is allocated says who asked for it. The report is KTAP.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=../ktap.sh
. "$(dirname "$0")/ktap.sh"

TRACE=/sys/kernel/tracing
LIMIT=65536

fail() {
	echo "$*"
	exit 1
}

events() { # 0|1
	for event in kmalloc kmem_cache_alloc kfree kmem_cache_free; do
		echo "$1" >"$TRACE/events/kmem/$event/enable"
	done
}

# traced COMMAND...: runs it, and prints for each module, and for "kernel", how many bytes are left
# of what it has allocated meanwhile: "MODULE BYTES OBJECTS".
# On some architectures the trace has the kernel's helper for Rust in place of who has called it; there is no
# driver in Rust here but ours.
traced() {
	echo >"$TRACE/trace"
	echo 1 >"$TRACE/tracing_on"
	"$@" >/dev/null
	echo 0 >"$TRACE/tracing_on"
	# What is overwritten before it is read, only the statistics tell.
	! grep -q '^\(commit \)\?overrun: [1-9]' "$TRACE"/per_cpu/cpu*/stats ||
		fail "the kernel's trace is incomplete"
	awk '
		function field(name,  i) {
			for (i = 1; i <= NF; i++)
				if (index($i, name "=") == 1) return substr($i, length(name) + 2)
		}
		/ (kmalloc|kmem_cache_alloc): / {
			at = field("ptr")
			bytes[at] = field("bytes_alloc")
			who[at] = "kernel"
			if (match($0, /call_site=[^ ]* \[[^]]*\]/)) {
				who[at] = substr($0, RSTART, RLENGTH - 1)
				sub(/.*\[/, "", who[at])
			} else if (field("call_site") ~ /^rust_helper_/) who[at] = "snd_aloop_rs"
			# The name is looked up when the trace is read: this one has none any more.
			else if (field("call_site") ~ /^0x/) who[at] = "gone"
		}
		/ (kfree|kmem_cache_free): / { delete bytes[field("ptr")] }
		END {
			for (at in bytes) { sum[who[at]] += bytes[at]; count[who[at]]++ }
			for (module in sum) print module, sum[module], count[module]
		}' "$TRACE/trace"
}

# of FILE MODULE...: the bytes that these modules have left, by the output of traced.
of() {
	file=$1
	shift
	awk -v modules=" $* " 'index(modules, " " $1 " ") { sum += $2 } END { print sum + 0 }' "$file"
}

# one_card MODULE: what the second of two cards has added is what one card takes. Leaves own (the
# driver) and core (ALSA).
one_card() {
	module=$1
	traced modprobe "$module" enable=1 >/tmp/one
	rmmod "$module"
	traced modprobe "$module" enable=1,1 >/tmp/two
	rmmod "$module"
	symbol=$(echo "$module" | tr - _)
	own=$(($(of /tmp/two "$symbol") - $(of /tmp/one "$symbol")))
	core=$(($(of /tmp/two snd snd_pcm snd_timer) - $(of /tmp/one snd snd_pcm snd_timer)))
}

# The core's part has the C driver's own data in it, which it allocates with the card.
t_idle() {
	one_card snd-aloop
	c=$((own + core))
	one_card snd-aloop-rs
	echo "a card that nobody uses: ours $own bytes and $core of ALSA's core; C's with the core $c"
	[ "$own" -gt 0 ] || fail "the driver takes nothing: the trace is at fault"
	[ "$own" -lt "$LIMIT" ] || fail "the driver takes $own bytes, limit $LIMIT"
	[ $((own + core - c)) -lt "$LIMIT" ] || fail "$((own + core - c)) bytes more than C, limit $LIMIT"
}

# Both sides of a cable, from open until they run; players has their processes.
play() {
	arecord -q -D hw:Loopback,1,0 -f cd --buffer-size=48000 -t raw /dev/null &
	players=$!
	aplay -q -D hw:Loopback,0,0 -f cd --buffer-size=48000 -t raw /dev/zero &
	players="$players $!"
	for place in pcm1c pcm0p; do
		tries=0
		until grep -q RUNNING "/proc/asound/Loopback/$place/sub0/status"; do
			tries=$((tries + 1))
			[ "$tries" -lt 1000 ] || fail "$place does not run"
			sleep 0.01
		done
	done
}
one_cable() { # MODULE
	modprobe "$1"
	traced play >/tmp/cable
	# shellcheck disable=SC2086 # two
	kill -KILL $players
	# shellcheck disable=SC2086
	wait $players 2>/dev/null
	rmmod "$1"
	symbol=$(echo "$1" | tr - _)
	own=$(of /tmp/cable "$symbol")
	core=$(of /tmp/cable snd snd_pcm snd_timer)
}
t_cable() {
	one_cable snd-aloop
	c=$((own + core))
	one_cable snd-aloop-rs
	echo "a cable that runs, without its buffers: ours $own bytes and $core of ALSA's core; C's with the core $c"
	[ "$own" -gt 0 ] || fail "the driver takes nothing: the trace is at fault"
	[ "$own" -lt 8192 ] || fail "the driver takes $own bytes, limit 8192"
}

t_unload() {
	load_and_unload() {
		modprobe snd-aloop-rs enable=1,1,1
		play
		# shellcheck disable=SC2086 # two
		kill -KILL $players
		# shellcheck disable=SC2086
		wait $players 2>/dev/null
		rmmod snd-aloop-rs
	}
	traced load_and_unload >/tmp/nothing
	grep -q '^kernel' /tmp/nothing || fail "the trace is at fault"
	left=$(of /tmp/nothing snd_aloop_rs gone)
	[ "$left" = 0 ] || fail "$left bytes are left after an unload: $(cat /tmp/nothing)"
}

# Taken away while it is played through, and closed afterwards.
t_directory() {
	directory=/sys/kernel/config/snd-aloop/Loopback
	{ modprobe configfs && mount -t configfs none /sys/kernel/config; } || fail "no configfs"
	make_and_remove() {
		modprobe snd-aloop-rs enable=0
		for _ in 1 2 3; do
			mkdir "$directory"
			echo 1 >"$directory/live"
			play
			rmdir "$directory"
			# shellcheck disable=SC2086 # two
			wait $players
		done
		rmmod snd-aloop-rs
	}
	traced make_and_remove >/tmp/nothing
	grep -q '^kernel' /tmp/nothing || fail "the trace is at fault"
	for module in snd_aloop_rs gone configfs snd snd_pcm; do
		left=$(of /tmp/nothing "$module")
		[ "$left" = 0 ] || fail "$left bytes of $module are left: $(cat /tmp/nothing)"
	done
}

mount -t tracefs tracefs "$TRACE" 2>/dev/null
echo 0 >"$TRACE/tracing_on"
echo 16384 >"$TRACE/buffer_size_kb"
echo 0 >"$TRACE/options/hash-ptr"
modprobe snd-pcm
events 1

# apart TEST: the next one begins without modules, even if this one has failed.
leave() {
	status=$?
	[ "$status" -eq 0 ] || rmmod snd-aloop snd-aloop-rs 2>/dev/null
	exit "$status"
}
apart() {
	trap leave EXIT
	"$1"
}

status=0
ktap_around=apart
ktap_test_table <<'END' || status=1
idle 8.1 a card that nobody uses takes less than 64 KiB
cable 8.1 a cable that runs takes less than 8 KiB beside its buffers
unload 13.1 nothing is left after an unload
directory 20.5 nothing is left of a card that was taken away while it was open
END
events 0
exit $status
