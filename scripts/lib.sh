# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the project's scripts share. Source it: . "$(dirname "$0")/lib.sh"

# The clone, without symbolic links: it is mounted at this very path in the build root.
TOP=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# Whatever takes long to make is kept outside the clone, named by a hash of what it was made from.
CACHE=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/snd-aloop-rs

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Neither Kbuild nor a colon-separated path list survives these.
[[ $TOP != *[[:space:]:]* ]] ||
	die "the clone's path must have no space and no colon in it: $TOP"
[[ $CACHE == /* && $CACHE != *[[:space:]:]* ]] ||
	die "the cache's path must be absolute, without space and colon: $CACHE (set XDG_CACHE_HOME)"

# hash_of FILE... : a short name for the content of these files.
hash_of() { cat -- "$@" | sha256sum | cut -c1-12; }

# host_arch: this machine's architecture, in Debian's words.
host_arch() {
	command -v dpkg >/dev/null || die "no dpkg here: this needs Debian 12 or later, or what is made of it"
	dpkg --print-architecture
}

# archive_version SUITE ARCH PACKAGE: the newest version that the archive has.
archive_version() {
	local index
	index=$("$TOP/scripts/archive" index "$1" "$2") || return
	awk -v package="$3" '$1 == package { print $2 }' "$index" | sort -V | tail -n 1
}

# Where the caches are; each script that makes one of them says what its name depends on.
# buildroot_dir [SUITE]: a suite that moves has new compilers now and then, and a new root with them.
buildroot_dir() {
	local suite=${1:-trixie} files=("$TOP/scripts/buildroot")
	if [[ $suite == trixie ]]; then
		printf '%s\n' "$CACHE/buildroot-$(hash_of "${files[@]}" "$TOP/scripts/packages.list")"
	else
		printf '%s\n' "$CACHE/buildroot-$suite-$({
			cat -- "${files[@]}" "$TOP/scripts/compilers.list"
			for package in rustc bindgen; do
				archive_version "$suite" "$(host_arch)" "$package"
			done
		} | sha256sum | cut -c1-12)"
	fi
}

# kernel_dir SUITE RELEASE VERSION ARCH TOOLS: of one of Debian's kernels (see scripts/kernel).
kernel_dir() {
	printf '%s\n' "$CACHE/kernel-$2-$({
		cat -- "$TOP/scripts/kernel-tree"
		echo "$@"
		buildroot_dir "$5"
	} | sha256sum | cut -c1-12)"
}

# make_arguments ARCH: what make has to be told, in a kernel's tree, to build for ARCH with the tools of
# the build root; one line.
make_arguments() {
	local cross=''
	[[ $1 == "$(host_arch)" ]] || cross=1
	case $1 in
	amd64) echo "${cross:+ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu-}" ;;
	# The kernel has a part for programs of 32 bits, which another compiler makes.
	arm64) echo "${cross:+ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- }CROSS_COMPILE_COMPAT=arm-linux-gnueabihf-" ;;
	*) die "nobody has tried kernels for $1 yet: Documentation/kernels.rst says how" ;;
	esac
}

# need_disk DIR MIB WHAT: there has to be room, before anything is begun.
need_disk() {
	local dir=$1 free
	mkdir -p -- "$dir"
	free=$(df -Pk -- "$dir" | awk 'NR == 2 { print int($4 / 1024) }')
	((free >= $2)) ||
		die "$3 needs $2 MB in $dir, where $free MB are free: $(($2 - free)) MB are missing. $(
			[[ $dir == "$CACHE"* ]] && echo "XDG_CACHE_HOME names another place for the cache; 'make distclean' empties it." ||
				echo "TMPDIR names another place."
		)"
}

# apt_settings: the host's way to the archive, as lines of apt's configuration. Mirrors that stand still
# are in use: old lists are taken (scripts/archive says so). Signatures are checked in any case.
apt_settings() {
	local name value
	echo 'Acquire::Check-Valid-Until "false"'
	for name in Acquire::http::Proxy Acquire::https::Proxy Acquire::http::Proxy-Auto-Detect \
		Acquire::Check-Date; do
		value=$(apt-config shell v "$name" | sed -n "s/^v='\(.*\)'\$/\1/p")
		[[ ! $value ]] || printf '%s "%s"\n' "$name" "$value"
	done
}

# apt_source SUITE ADDRESS: the line of a sources.list.
apt_source() {
	local keyring
	for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		[[ ! -e $keyring ]] || break
	done
	printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "${2%/}" "$1"
}

# entry_begin DIR: takes the lock of a cache entry. Returns 1 if the entry is there already,
# otherwise makes an empty $ENTRY_TMP to be filled and handed to entry_commit. Should this process
# be killed meanwhile, by whatever signal, a process of its own session removes $ENTRY_TMP: it waits
# for the lock, which is free once the last process of this run has gone.
entry_begin() {
	local dir=$1
	while :; do
		mkdir -p -- "${dir%/*}"
		exec {ENTRY_LOCK}>"$dir.lock"
		if ! flock -n "$ENTRY_LOCK"; then
			say "waiting for another run that makes $dir"
			flock "$ENTRY_LOCK"
		fi
		# The caches, with this lock, may have been removed meanwhile.
		[[ $dir.lock -ef /proc/$$/fd/$ENTRY_LOCK ]] && break
		exec {ENTRY_LOCK}>&-
	done
	if [[ -d $dir ]]; then
		exec {ENTRY_LOCK}>&-
		return 1
	fi
	"$TOP/scripts/remove-tree" "$dir".tmp.* "$dir".removing.*
	ENTRY_DIR=$dir
	ENTRY_TMP=$dir.tmp.$$
	mkdir -- "$ENTRY_TMP"
	remove_when_free "$dir.lock" "$ENTRY_LOCK" "$ENTRY_TMP"
}

# entry_commit DIR: the finished $ENTRY_TMP becomes DIR, in one step.
entry_commit() {
	mv -T -- "$ENTRY_TMP" "$1"
	exec {ENTRY_LOCK}>&-
}

# remove_when_free LOCKFILE FD PATH...: removes the paths once nobody holds the lock any more. FD is
# this process's own descriptor of LOCKFILE.
remove_when_free() {
	local lock=$1 fd=$2
	shift 2
	setsid flock "$lock" "$TOP/scripts/remove-tree" "$@" \
		</dev/null >/dev/null 2>&1 {fd}>&- &
}

# progress LOG WHAT: shows the time and the last line of LOG as long as this process lives; ends
# with progress_end. On a terminal in place, elsewhere a line every 20 s.
progress() {
	say "$2"
	say "  log: $1"
	PROGRESS_START=$SECONDS
	(
		trap 'kill $! 2>/dev/null; exit 0' TERM
		[[ ! ${ENTRY_LOCK:-} ]] || exec {ENTRY_LOCK}>&-
		every=20
		[[ ! -t 2 ]] || every=1
		while sleep "$every" & wait "$!" && kill -0 "$$" 2>/dev/null; do
			last=$(tail -c 400 -- "$1" 2>/dev/null | tr '\r' '\n' | tr -cd '\n[:print:]' |
				grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-88) || true
			if [[ -t 2 ]]; then
				printf '\r\033[K  %3d s  %s' "$((SECONDS - PROGRESS_START))" "$last" >&2
			else
				printf '  %3d s  %s\n' "$((SECONDS - PROGRESS_START))" "$last" >&2
			fi
		done
	) &
	PROGRESS_PID=$!
}

progress_end() {
	kill "$PROGRESS_PID" 2>/dev/null || true
	wait "$PROGRESS_PID" 2>/dev/null || true
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
	say "  ${1:-done} in $((SECONDS - PROGRESS_START)) s"
}

# show_log_end LOG: the end of a log on stderr, before an error message.
show_log_end() {
	say "--- end of $1"
	tail -n "${2:-25}" -- "$1" | tr '\r' '\n' >&2 || true
	say "---"
}

# run_long LOG WHAT COMMAND...: shows WHAT, and how far COMMAND is by the last line of LOG, where its
# output goes. The command runs in a session of its own. It ends, with all that it has started, when this
# process is told to end, or is killed; nothing is waited for longer than 10 s then. Returns its status.
# (The caller ends the display, by progress_end.)
run_long() {
	local log=$1 what=$2 status=0 watcher
	shift 2
	mkdir -p -- "${log%/*}"
	: >"$log"
	progress "$log" "$what"
	LONG_PID=
	trap 'stop_long 130' INT
	trap 'stop_long 143' TERM HUP
	setsid "$@" </dev/null >>"$log" 2>&1 &
	LONG_PID=$!
	# Should this process be killed, somebody else has to do it.
	# shellcheck disable=SC2016
	(
		[[ ! ${ENTRY_LOCK:-} ]] || exec {ENTRY_LOCK}>&-
		exec setsid sh -c 'tail --pid="$1" -f /dev/null; kill -- "-$2"; sleep 10; kill -s KILL -- "-$2"' \
			sh "$$" "$LONG_PID" </dev/null >/dev/null 2>&1
	) &
	watcher=$!
	wait "$LONG_PID" || status=$?
	{ kill -- "-$watcher" && wait "$watcher"; } 2>/dev/null || true
	trap - INT TERM HUP
	return "$status"
}
# shellcheck disable=SC2317,SC2329 # a trap calls it
stop_long() {
	trap '' INT TERM HUP
	# Some of what follows may have ended already.
	set +e
	kill -KILL "$PROGRESS_PID" 2>/dev/null
	say "  stopped"
	if [[ $LONG_PID ]]; then
		kill -- "-$LONG_PID" 2>/dev/null
		timeout 10 tail --pid="$LONG_PID" -f /dev/null
		kill -KILL -- "-$LONG_PID" 2>/dev/null
	fi
	exit "$1"
}

# run_mmdebstrap LOG WHAT SUITE TARGET OPTION...: makes a root file system of a suite of Debian's, taken from
# where the host's apt takes it (see scripts/mirror), with mmdebstrap's options. TARGET is a folder, or
# /dev/null where hooks take what is wanted. Needs the lock of entry_begin. Dies if it can't be done.
run_mmdebstrap() {
	local log=$1 what=$2 suite=$3 target=$4 mirror scratch line options=() sources=()
	shift 4
	while read -r line; do
		options+=("--aptopt=$line")
	done < <(apt_settings)
	mirror=$("$TOP/scripts/mirror")
	[[ ! $mirror ]] || sources=("$(apt_source "$suite" "$mirror")")
	# mmdebstrap works here. What it leaves when it is killed goes with the lock.
	scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/snd-aloop-rs.XXXXXX")
	chmod 755 "$scratch"
	remove_when_free "$ENTRY_DIR.lock" "$ENTRY_LOCK" "$scratch"
	# By way of a tar archive, so that all files belong to the one who unpacks it, root or not.
	# shellcheck disable=SC2016 # the inner shell's
	if ! TMPDIR=$scratch run_long "$log" "$what from ${mirror:-the default mirror}" bash -c 'set -euo pipefail
		target=$1
		shift
		[[ $target != /dev/null ]] || exec mmdebstrap "$@"
		# Whoever writes must not be left alone with what comes behind the end of the archive.
		mmdebstrap "$@" | { tar -x -C "$target" --no-same-owner --exclude="./dev/*" && cat >/dev/null; }' bash "$target" \
		"${options[@]}" "$@" "$suite" "$([[ $target == /dev/null ]] && echo /dev/null || echo -)" "${sources[@]}"; then
		progress_end failed
		show_log_end "$log"
		die "mmdebstrap could not do it (log: $log). If the mirror ${mirror:-} is not the right one, name another: MIRROR=address make ..."
	fi
	"$TOP/scripts/remove-tree" "$scratch"
}
