# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# How the shell scripts report: in KTAP, by functions that are called as those of the kernel's
# selftests (kselftest/ktap_helpers.sh). On the host it is sourced from here, in a guest from beside
# the script (qemu/run --with tests/ktap.sh): so it is for any POSIX shell.
#
#   ktap_print_header             begins a report
#   ktap_set_plan N               before the tests, if their number is known
#   ktap_print_msg TEXT           remarks on the next result, one a line: they stand before it
#   ktap_test_pass NAME, ktap_test_fail NAME, ktap_test_skip NAME WHY
#   ktap_test_status STATUS NAME [TEXT]
#                                 passes if the status is 0 or empty; otherwise the text is remarked
#   ktap_test_result NAME COMMAND...
#                                 passes if the command succeeds, which runs in a shell of its own;
#                                 what it says is remarked
#   ktap_test_table               the whole report of a table on stdin: for each line "WORD NAME" it
#                                 runs t_WORD, or "$ktap_around t_WORD" if that is set. If $ktap_only
#                                 has words, only those tests; one that the table has not is a failure
#   ktap_wait PID                 waits for a child, as wait does; but one that is still there after a
#                                 minute is killed, which is said, and the status is 124
#   ktap_bail_out TEXT            no test can run: ends the script
#   ktap_finished                 ends the report; fails if a test has
#
# A report has a plan at its beginning or its end, and who reads it compares: a script that has died
# on the way has failed.

ktap_number=0 ktap_failed=0 ktap_skipped=0 ktap_plan='' ktap_around='' ktap_only=''

ktap_print_header() {
	ktap_number=0 ktap_failed=0 ktap_skipped=0 ktap_plan=
	echo "TAP version 13"
}

ktap_set_plan() {
	ktap_plan=$1
	echo "1..$1"
}

ktap_print_msg() { printf '%s\n' "$*" | tr -d '\r' | sed 's/^/# /'; }

ktap_test_pass() {
	ktap_number=$((ktap_number + 1))
	echo "ok $ktap_number - $1"
}

ktap_test_fail() {
	ktap_number=$((ktap_number + 1)) ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_number - $1"
}

ktap_test_skip() {
	ktap_number=$((ktap_number + 1)) ktap_skipped=$((ktap_skipped + 1))
	echo "ok $ktap_number - $1 # SKIP $2"
}

ktap_test_status() {
	if [ "${1:-0}" -eq 0 ]; then
		ktap_test_pass "$2"
	else
		[ ! "${3:-}" ] || ktap_print_msg "$3"
		ktap_test_fail "$2"
	fi
}

ktap_wait() {
	ktap_tries=0
	# One that has ended is a zombie until it is waited for.
	while grep -q '^State:[[:space:]]*[^Z]' "/proc/$1/status" 2>/dev/null; do
		ktap_tries=$((ktap_tries + 1))
		[ $ktap_tries -lt 600 ] || {
			echo "process $1 does not end: $(tr '\0' ' ' <"/proc/$1/cmdline")"
			kill -KILL "$1"
			return 124
		}
		sleep 0.1
	done
	wait "$1"
}

ktap_test_result() {
	ktap_name=$1 ktap_status=0
	shift
	# By way of a file: from a pipe, all would have to be read that a background program of a test
	# that has failed may yet say.
	ktap_file=$(mktemp)
	("$@") >"$ktap_file" 2>&1 || ktap_status=$?
	ktap_said=$(cat "$ktap_file")
	rm -f "$ktap_file"
	[ ! "$ktap_said" ] || ktap_print_msg "$ktap_said"
	ktap_test_status "$ktap_status" "$ktap_name"
}

ktap_test_table() {
	ktap_table=$(cat)
	ktap_print_header
	if [ "$ktap_only" ]; then
		ktap_all=$ktap_table ktap_table=
		for ktap_word in $ktap_only; do
			ktap_rest=$(printf '%s\n' "$ktap_all" | grep "^$ktap_word ") ||
				ktap_bail_out "no test is called $ktap_word"
			ktap_table="${ktap_table:+$ktap_table
}$ktap_rest"
		done
	fi
	ktap_set_plan "$(printf '%s\n' "$ktap_table" | wc -l)"
	while read -r ktap_word ktap_rest; do
		# (Nobody reads the rest of the table in place of this loop.)
		# shellcheck disable=SC2086 # one word or none
		ktap_test_result "$ktap_rest" $ktap_around "t_$ktap_word" </dev/null
	done <<-END
		$ktap_table
	END
	ktap_finished
}

ktap_bail_out() {
	echo "Bail out! $*"
	exit 1
}

ktap_finished() {
	[ "$ktap_plan" ] || ktap_set_plan "$ktap_number"
	ktap_print_msg "$((ktap_number - ktap_failed - ktap_skipped)) passed, $ktap_failed failed, $ktap_skipped skipped"
	[ "$ktap_failed" -eq 0 ]
}
