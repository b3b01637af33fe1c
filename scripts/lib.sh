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

# Where the caches are; each script that makes one of them says what its name depends on.
buildroot_dir() {
	printf '%s\n' "$CACHE/buildroot-$(hash_of "$TOP/scripts/buildroot" "$TOP/scripts/packages.list")"
}
kernel_dir() {
	printf '%s\n' "$CACHE/kernel-$(cat -- "$TOP/scripts/kernel-tree" "$(buildroot_dir)/manifest" |
		sha256sum | cut -c1-12)"
}

checker_dir() {
	printf '%s\n' "$CACHE/checker-$(cat -- "$TOP/scripts/checker-kernel" "$TOP/qemu/checker.config" \
		"$(buildroot_dir)/manifest" | sha256sum | cut -c1-12)"
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
	"$TOP/scripts/remove-tree" "$dir".tmp.*
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
