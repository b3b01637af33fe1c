# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests/planted/run and tests/planted/mutate share: a copy of the sources, a change in it, and
# the suites that should find that. Source it behind tests/lib.sh.

# The options for qemu/run, for each GUEST. Of two processors that wait for each other with their
# interrupts off, only a third one can tell.
declare -A guests=(
	[stock]="--deterministic"
	[stock-smp]="--deterministic --cpus 2"
	[checker]="--kernel checker --deterministic"
	[checker-faults]="--kernel checker --deterministic --faults"
	[checker-smp]="--kernel checker --deterministic --cpus 3"
)

# How long a suite may take, in seconds of a processor: several times what it needs.
limit=300
# What the guests run (see tests/guest/build).
program=

# copy_sources TREE: copies the sources to where they can be changed, and sets tree.
copy_sources() {
	tree=$1
	# Another time of change than before: whatever was built from a changed file is built again.
	scripts/remove-tree "$tree/rust"
	mkdir -p -- "$tree"
	git ls-files -z --cached --others --exclude-standard | tar --null -cT - | tar -xmC "$tree"
}

# plant PATCH, pull PATCH: changes the copy, and changes it back.
plant() { scripts/in-root patch -p1 -F0 -s -f -d "$tree" <"$1"; }
pull() { scripts/in-root patch -R -p1 -F0 -s -f -d "$tree" <"$1"; }

# build GUEST LOG
build() {
	case $1 in
	host)
		"$tree/tests/cargo" test -p aloop-host-tests --no-run >"$2" 2>&1
		;;
	kunit) ;;
	checker*) "$tree/scripts/build-module" --kernel checker >"$2" 2>&1 ;;
	*) "$tree/scripts/build-module" >"$2" 2>&1 ;;
	esac
}

# until_found LOG COMMAND...: runs it, its output in LOG, but no longer than until a test has failed
# or the kernel says in LOG.kernel that something hangs: such a guest may not end by itself. Returns
# 124 if it takes too long; on a host that is busy, or gives this little of its time, only what it
# has had of a processor tells.
hangs='rcu.*detected stall|soft lockup|hard LOCKUP|hung_task:|blocked for more than'
until_found() {
	local log=$1 child late='' status=0
	shift
	setsid setpriv --pdeathsig TERM "$@" >"$log" 2>&1 </dev/null &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		(($(processor_time "$child") < limit)) || late=1
		if [[ $late ]] || grep -q '^not ok' "$log" || grep -qE "$hangs" "$log.kernel" 2>/dev/null; then
			kill -TERM "$child" 2>/dev/null || true
			break
		fi
		sleep 1
	done
	wait "$child" || status=$?
	[[ ! $late ]] || status=124
	return "$status"
}
# processor_time GROUP: what the processes of a group have had, in seconds
processor_time() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | awk -v group="$1" -v second="$(getconf CLK_TCK)" \
		'$3 == group { ticks += $12 + $13 } END { print int(ticks / second) }'
}

# run_suite LOG GUEST [WHAT [ARGUMENTS]]: sets found to what was found, empty if all is well.
# Returns 2 if it cannot be built, and 1 if a command ended with a status that is not that of a
# failed test: found says so.
run_suite() {
	local log=$1 guest=$2 what=${3:-} arguments=() status=0 options=() command parameters
	read -ra arguments <<<"${4:-}"
	found=
	rm -f "$log" "$log.kernel"
	build "$guest" "$log" || {
		found="cannot be built: $log"
		return 2
	}
	case $guest in
	host)
		# A loop that never ends takes a processor, and may take all memory besides.
		(ulimit -v 4000000 -t "$limit" && export PROPTEST_FAILURE_PERSISTENCE=off &&
			"$tree/tests/cargo" test -p aloop-host-tests --no-fail-fast) >"$log" 2>&1 || status=$?
		found=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | head -n 1)
		[[ $found ]] || ((status == 0)) || {
			found="status $status: $log"
			return 1
		}
		return
		;;
	kunit)
		"$tree/tests/kunit" >"$log" 2>&1 || status=$?
		;;
	*)
		read -ra options <<<"${guests[$guest]:?no guest $guest}"
		if [[ $what == *.sh ]]; then
			read -ra command < <(sed -n 's/^# Guest: \([^(]*\).*/\1/p' "tests/guest/$what"; echo)
			options+=("${command[@]}" --with "tests/guest/$what")
			command=(sh "/with/$what")
		else
			options+=(--suspend)
			parameters=
			[[ $what == default ]] || {
				arguments=(--group "$what" "${arguments[@]}")
				parameters=$(group_parameters "$what")
			}
			# shellcheck disable=SC2016 # the guest's shell expands it
			command=(sh -c 'modprobe snd-aloop-rs $1 && shift && exec /with/aloop-test "$@"' sh
				"$parameters" "${arguments[@]}")
			# shellcheck disable=SC2016
			[[ $what != probe ]] || command=(sh -c 'modprobe snd-aloop id=C &&
				modprobe snd-aloop-rs id=Rust &&
				exec /with/aloop-test --card Rust --reference C "$@"' sh "${arguments[@]}")
		fi
		until_found "$log" "$tree/qemu/run" -q --timeout "$((10 * limit))" \
			--log "$log.kernel" --with "$program" \
			"${options[@]}" -- "${command[@]}" || status=$?
		;;
	esac
	found=$(tr -d '\r' <"$log" | sed -n 's/^not ok [0-9]* - //p' | head -n 1)
	[[ ! $found ]] || return 0
	[[ ! -e $log.kernel ]] || found=$(tr -d '\r' <"$log.kernel" | grep -E -m 1 "$hangs" || true)
	[[ ! $found ]] || {
		found="the kernel: ${found#*] }"
		return
	}
	case $status in
	0) ;;
	120)
		found="the kernel: $(sed -n 's/^[0-9]*:\[ *[0-9.]*\] *//p' "$log" | head -n 1)"
		;;
	*)
		found="status $status: $log"
		return 1
		;;
	esac
}
