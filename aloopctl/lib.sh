# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034 # who sources it uses what it sets
# What both scripts share that try the commands of aloopctl: guest.sh and fake.sh. Beside it are ktap.sh
# and the program, $ALOOPCTL.

# shellcheck source=../tests/ktap.sh
. "${KTAP:-$(dirname "$0")/ktap.sh}"

ALOOPCTL=${ALOOPCTL:-$(dirname "$0")/aloopctl}
CONFIGFS=/sys/kernel/config/snd-aloop
# What the last run has said.
OUT=${OUT:-/tmp/aloopctl.out}
ERR=${ERR:-/tmp/aloopctl.err}

fail() {
	echo "$*"
	echo "stdout: $(head -n 20 "$OUT")"
	echo "stderr: $(head -n 20 "$ERR")"
	exit 1
}

# run STATUS ARGUMENT...: aloopctl ends with this status, and doesn't panic.
run() {
	wanted=$1 status=0
	shift
	"$ALOOPCTL" "$@" >"$OUT" 2>"$ERR" </dev/null || status=$?
	[ "$status" = "$wanted" ] || fail "aloopctl $*: status $status, not $wanted"
	! grep -q panicked "$ERR" || fail "aloopctl $*: it panicked"
	# An error is told, and in one place.
	[ "$wanted" = 0 ] || [ "$wanted" = 1 ] || [ -s "$ERR" ] || fail "aloopctl $*: not a word"
}
# says PATTERN..., complains PATTERN...: lines of what the last run has said.
says() {
	for pattern; do
		grep -qE -- "$pattern" "$OUT" || fail "nothing like '$pattern'"
	done
}
complains() {
	for pattern; do
		grep -qE -- "$pattern" "$ERR" || fail "no error like '$pattern'"
	done
}
