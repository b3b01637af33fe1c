#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh [MODULE]: runs the kernel's own ALSA selftests pcm-test and mixer-test, built into the
# folder of this script, in a guest on a card of MODULE (snd-aloop-rs unless given), and judges
# their lines: both exit with 0 whatever they found. The report is KTAP; the exit status is 1 if a
# test failed.

# One test for each of pcm-test's, and one for each control: mixer-test's seven on it together.
PCM_TESTS=28
# Two controls are written booleans whose name doesn't end in "Switch". The name is the C driver's,
# and what programs look for: the complaint has to be there.
MISNAMED='PCM Notify'
MISNAMED_TEXT="$MISNAMED is a writeable boolean but not a Switch"

MODULE=${1:-snd-aloop-rs}
HERE=$(cd "$(dirname "$0")" && pwd)
# Those of two cables: seven each, and one more that the C driver has not.
case $MODULE in
snd-aloop) CONTROLS=14 ;;
*) CONTROLS=16 ;;
esac

stop() {
	echo "Bail out! $*"
	exit 1
}

for file in pcm-test mixer-test pcm-test.conf conf.d; do
	[ -e "$HERE/$file" ] || stop "no $HERE/$file: it is made by tests/selftests/build"
done

# run NAME: its report is in /tmp/NAME, as comments also in the output. It reads its configuration
# from the working folder.
run() {
	(cd "$HERE" && exec "./$1") >"/tmp/$1" 2>&1
	run_status=$?
	sed 's/^/# /' "/tmp/$1"
	[ $run_status -eq 0 ] || stop "$1 ended with status $run_status"
}

# Each test of pcm-test; none may be left out, by it or by this script.
judge_pcm() {
	awk -v planned="$PCM_TESTS" '
		/^1\.\./ { plan = substr($1, 4) }
		/^(not )?ok [0-9]+/ {
			seen++
			good = $1 == "ok" && !/# SKIP/ && seen <= planned
			name = $0
			sub(/^(not )?ok [0-9]+ (# SKIP )?/, "", name)
			if (/# SKIP/) print "# skipped by pcm-test"
			print (good ? "ok " : "not ok ") seen " - pcm-test: " name
		}
		END {
			if (plan != planned) print "# pcm-test planned " plan " tests instead of " planned
			for (; seen < planned;) print "not ok " ++seen " - pcm-test: not run"
		}' "/tmp/pcm-test"
}

# mixer-test names a control after its tests have begun: "ok 2 name.Loopback.13" comes after
# "# Loopback.13 PCM Slave Access Mode". What it skips has to be a write to a control that says of
# itself that it is not writeable.
judge_mixer() {
	awk -v first="$((PCM_TESTS + 1))" -v controls="$CONTROLS" -v misnamed="$MISNAMED" \
		-v complaint="$MISNAMED_TEXT" '
		function wrong(control, text) { flaws[control] = flaws[control] "# " text "\n" }
		/^1\.\./ { plan = substr($1, 4) }
		/^# [^ ]+\.[0-9]+ / && $2 !~ /^[0-9]+\./ && !/^# Card / {
			control = $2
			sub(/.*\./, "", control)
			name[control] = $0
			sub(/^# [^ ]+ /, "", name[control])
		}
		/ is not writeable$/ { locked[control]++ }
		index($0, complaint) { complaints[control]++ }
		# A remark other than these belongs to a failure, which has a line of its own.
		/^(not )?ok [0-9]+/ {
			test = $NF
			control = test
			sub(/.*\./, "", control)
			sub(/\..*/, "", test)
			seen++
			count[control]++
			if ($1 == "not" && test == "name") misnamings[control]++
			else if ($1 == "not") wrong(control, test " failed")
			if (/# SKIP/ && test !~ /^write_/) wrong(control, test " was skipped")
			if (/# SKIP/) skips[control]++
		}
		END {
			for (control = 0; control < controls; control++) {
				if (count[control] != 7) wrong(control, count[control] + 0 " of 7 tests ran")
				if (skips[control] + 0 != locked[control] + 0)
					wrong(control, skips[control] + 0 " tests were skipped")
				known = name[control] == misnamed ? 1 : 0
				if (misnamings[control] + 0 != known || complaints[control] + 0 != known)
					wrong(control, misnamings[control] + 0 " complaints about its name instead of " known)
				if (known) notify++
				if (control == 0 && plan != controls * 7)
					wrong(control, "mixer-test planned " plan " tests instead of " controls * 7)
				if (control == controls - 1 && notify != 2)
					wrong(control, notify + 0 " controls " misnamed " instead of 2")
				if (control == controls - 1 && seen != controls * 7)
					wrong(control, seen + 0 " tests ran instead of " controls * 7)
				printf "%s", flaws[control]
				printf "%sok %d - mixer-test: %s (control %d)\n", flaws[control] != "" ? "not " : "",
					first + control, name[control], control
			}
		}' "/tmp/mixer-test"
}

# One substream: pcm-test takes 2 s for each of its seven tests of each.
modprobe "$MODULE" pcm_substreams=1 || stop "modprobe $MODULE: status $?"
[ "$(grep -c '\]: ' /proc/asound/cards)" = 1 ] ||
	stop "the selftests take every card, and there is more than one: $(cat /proc/asound/cards)"
run pcm-test
run mixer-test

echo "KTAP version 1"
echo "1..$((PCM_TESTS + CONTROLS))"
{
	judge_pcm
	judge_mixer
} | tee /tmp/judged
! grep -q '^not ok' /tmp/judged
