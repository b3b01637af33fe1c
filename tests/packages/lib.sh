# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the stages share. They run in the machine, as root: . "$(dirname "$0")/../lib.sh"

# shellcheck source=../ktap.sh
. /with/ktap.sh

# What one boot leaves for the next.
KEPT=/var/tmp/kept
mkdir -p "$KEPT"

fail() {
	echo "$*"
	exit 1
}

expect() { # WHAT GOT WANT
	[[ $2 == "$3" ]] || fail "$1: expected '$3', got '$2'"
}

# wait_until SECONDS WHAT COMMAND...: how long a machine takes is up to the host that emulates it, which may have
# eight other things to do. What has not come in SECONDS never will.
wait_until() {
	local seconds=$1 what=$2 end
	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/tmp/waited 2>&1; do
		((SECONDS < end)) || fail "no $what in $seconds s: $* says: $(cat /tmp/waited)"
		sleep 0.2
	done
}

# apt_from FOLDER...: apt has these folders, and nothing else. What is in them is not signed.
apt_from() {
	local folder
	rm -f /etc/apt/sources.list.d/folders.list
	for folder; do
		echo "deb [trusted=yes] file:$folder ./"
	done >/etc/apt/sources.list.d/folders.list
	apt-get -q update
}

# run COMMAND...: what it says is in $KEPT/said, and shown should it fail.
run() {
	"$@" >"$KEPT/said" 2>&1 || {
		local status=$?
		echo "$* ended with status $status:"
		tail -n 60 "$KEPT/said"
		exit 1
	}
}

# typed NAME: types the lines of the README behind "<!-- typed by tests/packages: NAME -->". `make deb` is what
# this suite has begun with, on the host.
# shellcheck disable=SC2317,SC2329 # the lines call the functions
typed() {
	local lines line
	lines=$(awk -v mark="<!-- typed by tests/packages: $1 -->" '
		$0 == mark { marked = 1; next }
		marked && /^    / { sub(/^    /, ""); print; found = 1; next }
		marked && found { exit }' /with/README.md)
	[[ $lines ]] || fail "README.md has no block '$1'"
	# What a person would say yes to.
	apt() { command apt-get -q -y "$@"; }
	sudo() { "$@"; }
	make() { [[ $* == deb ]]; }
	while IFS= read -r line; do
		eval "$line" || fail "'$line' ended with status $?"
	done <<<"$lines"
}

# newest_in_repository PREFIX SERIES: of the kernels in /repository, the newest one's release.
newest_in_repository() {
	sed -nE "s/^Package: $1-($2[0-9.]*\\+[a-z0-9]+-amd64)\$/\\1/p" /repository/Packages | sort -V | tail -n 1
}

as_user() { runuser -u user -- env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/user "$@"; }

seen_by_user() { as_user wpctl status | grep -q 'Loopback Analog Stereo'; }

card() { # [ID]: aplay lists it, both devices
	local list id=${1:-Loopback}
	list=$(aplay -l) || fail "aplay -l: $list"
	# (No line is no error of its own.)
	(($(grep -c "^card [0-9]*: $id .*device [01]:" <<<"$list" || true) == 2)) || fail "aplay -l has no card $id: $list"
}

subdevices() { find "/proc/asound/$1/pcm0p/" -maxdepth 1 -name 'sub*' | wc -l; }
# mine: the cards that the story "takeover" has in its options are there.
mine() {
	card Mine
	card Other
	expect "substreams of Mine" "$(subdevices Mine)" 4
	expect "substreams of Other" "$(subdevices Other)" 2
}

no_card() { [[ ! -e /proc/asound/Loopback ]] || fail "there is a card Loopback: $(cat /proc/asound/cards)"; }

theirs() {
	[[ -d /sys/module/snd_aloop ]] || fail "snd_aloop is not loaded: $(grep '^snd' /proc/modules)"
	[[ ! -d /sys/module/snd_aloop_rs ]] || fail "our driver is loaded"
}
ours() {
	[[ -d /sys/module/snd_aloop_rs ]] || fail "snd_aloop_rs is not loaded: $(grep '^snd' /proc/modules)"
	[[ ! -d /sys/module/snd_aloop ]] || fail "the C driver is loaded"
}

# hw_ptr DEVICE: how many frames have gone by.
hw_ptr() { sed -n 's/^hw_ptr *: //p' "/proc/asound/Loopback/$1/sub4/status"; }
running() { grep -q RUNNING "/proc/asound/Loopback/$1/sub4/status"; }
longer_than() { (($(stat -c %s "$1") >= $2)); }

# start_recording FILE: records cable 0, 4, until end_recording. Its buffer is 10 s long, so that a busy host
# is no overrun.
start_recording() {
	arecord -q -D hw:Loopback,1,4 -t raw -f dat --period-size=4800 --buffer-size=480000 "$1" \
		2>"$1.errors" &
	recorder=$!
	recording=$1
	wait_until 300 "recording" running pcm1c
}
end_recording() {
	local frames
	kill -0 "$recorder" 2>/dev/null || fail "arecord has ended: $(cat "$recording.errors")"
	frames=$(hw_ptr pcm1c)
	wait_until 300 "recording of $frames frames" longer_than "$recording" $((frames / 4800 * 4800 * 4))
	kill -INT "$recorder"
	wait "$recorder" || true
	[[ ! -s $recording.errors ]] || grep -q '^Aborted by signal' "$recording.errors" ||
		fail "arecord: $(cat "$recording.errors")"
}
# noise BYTES: begins and ends with a frame that is not silent.
noise() {
	printf '\001'
	head -c $(($1 - 2)) /dev/urandom
	printf '\001'
}
# play FILE: two seconds of noise, all of which is written before the first frame is due.
play() {
	noise 384000 >"$1"
	aplay -q -D hw:Loopback,0,4 -t raw -f dat --period-size=4800 --buffer-size=96000 "$1"
	sync_to=$(hw_ptr pcm1c)
	wait_until 300 "recording of what was played" longer_than "$recording" $((sync_to / 4800 * 4800 * 4))
}
# heard PLAYED RECORDED: silence, then every byte of it, then silence.
heard() {
	local first size
	size=$(stat -c %s "$1")
	first=$(cmp "$2" /dev/zero 2>&1 | sed -n 's/.*differ: byte \([0-9]*\),.*/\1/p')
	[[ $first ]] || fail "the recording is silent"
	((first % 4 == 1)) || fail "the sound begins within a frame: byte $first"
	cmp -n "$size" -i "$((first - 1)):0" "$2" "$1" || fail "what was recorded is not what was played"
	cmp -n "$(($(stat -c %s "$2") - first + 1 - size))" -i "$((first - 1 + size)):0" "$2" /dev/zero ||
		fail "there is no silence after it"
}
# exact: what is played is what is recorded, to the sample.
exact() {
	start_recording /tmp/recorded
	play /tmp/played
	end_recording
	heard /tmp/played /tmp/recorded
}

# files: a line for each file, with what it is and, where that is the system's, what is in it. Left out is
# what changes by itself: logs, lists of apt's and dpkg's, what the user's programs remember, sound cards'
# volumes, and what these tests leave.
files() {
	local skip=(/proc /sys /dev /run /tmp /var/tmp /var/log /home /with /out /repository /root
		/var/lib/apt /var/cache/apt /var/lib/dpkg /var/lib/systemd /var/cache/ldconfig /var/lib/alsa
		/etc/apt/sources.list.d /var/backups /var/cache/debconf /lost+found)
	local path prune=()
	for path in "${skip[@]}"; do
		prune+=(-path "$path" -o)
	done
	find / -xdev \( "${prune[@]}" -false \) -prune -o -printf '%y %m %u %p %l\n' | LC_ALL=C sort
	find /etc /boot /lib/modules/ -xdev -type f \
		-not -path '/etc/apt/sources.list.d/*' -not -path '*/kernel/*' -exec sha256sum {} + | LC_ALL=C sort -k 2
}
# units: all that systemd knows, and whether it is started.
units() { systemctl list-unit-files --no-legend --no-pager | sed 's/  */ /g' | LC_ALL=C sort; }

# purge PACKAGE...: these, and what nobody needs any more then. (apt's autoremove spares each package called
# *-modules-RELEASE of the kernel that runs: ours is to be named too.)
purge() {
	run apt-get -q -y purge "$@"
	run apt-get -q -y --purge autoremove
}

# remember: what nothing may be left besides.
remember() {
	files >"$KEPT/files"
	units >"$KEPT/units"
	dpkg-query -W -f '${Package}\n' | LC_ALL=C sort >"$KEPT/packages"
}
# nothing_left: it is as it was at remember.
nothing_left() {
	local status=0
	systemctl daemon-reload
	diff "$KEPT/files" <(files) || status=1
	diff "$KEPT/units" <(units) || status=1
	diff "$KEPT/packages" <(dpkg-query -W -f '${Package}\n' | LC_ALL=C sort) || status=1
	((status == 0)) || fail "(< was there before, > is left)"
}

# Nothing that systemd has started has failed.
nothing_failed() {
	local list
	list=$(systemctl list-units --failed --no-legend --plain --no-pager)
	[[ ! $list ]] || fail "$list"
}

# unload MODULE: which is in use as long as the user's sound servers have the card.
unload() {
	wait_until 600 "session of the user" as_user systemctl --user is-active basic.target
	as_user systemctl --user stop pipewire.socket pipewire-pulse.socket wireplumber pipewire pipewire-pulse
	wait_until 300 "module that is not in use" modprobe -r "$1"
	as_user systemctl --user start pipewire.socket pipewire-pulse.socket wireplumber
}

# tests "$@" <<END: the whole report of a table, as ktap_test_table has it. Each test is a process of its own,
# the script being called again with its name. It ends with the first command that fails, and says so; and how long
# it has taken.
tests() {
	if (($#)); then
		set -E
		trap 'echo "failed: $BASH_COMMAND (line $LINENO)" >&2' ERR
		"$1"
		exit
	fi
	# shellcheck disable=SC2034 # ktap_test_table reads it
	ktap_around=one_test
	ktap_test_table
}
one_test() {
	local begin=$SECONDS status=0
	bash -e "$0" "$1" || status=$?
	echo "($((SECONDS - begin)) s)"
	return "$status"
}
