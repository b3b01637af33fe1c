#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest: --deterministic --cpus 1 --with tests/ktap.sh --with aloopctl/lib.sh (a program that is late has an underrun)
# guest.sh: tries each command of aloopctl, which is beside this script, with what is right and what
# is wrong, on the driver. The report is KTAP. (fake.sh: on trees that stand for a system.)

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# control NAME DEVICE SUBDEVICE [CARD]
control() { amixer -c "${4:-Loopback}" cget "iface=PCM,name=$1,device=$2,subdevice=$3" | sed -n 's/.*: values=//p'; }
# background COMMAND...: until the test ends.
background() {
	"$@" >/dev/null 2>&1 &
	started="${started:-} $!"
	# shellcheck disable=SC2064,SC2086 # what has been started by now
	trap "kill $started 2>/dev/null; wait" EXIT
}
# until_running FILE: the stream runs.
until_running() {
	tries=0
	until grep -q RUNNING "/proc/asound/Loopback/$1/status"; do
		tries=$((tries + 1))
		[ $tries -lt 3000 ] || fail "the stream of $1 does not run for half a minute"
		usleep 10000
	done
}

# --- without a module

t_unloaded() {
	run 3 list
	complains 'no loopback card.*modprobe snd-aloop-rs'
	run 3 list --json
	says '^\{"cards":\[\]\}$'
	run 3 check
	run 3 watch
	run 3 set 0 --notify on
	run 3 save --file /tmp/none.toml
	[ ! -e /tmp/none.toml ] || fail "a file was written"
	run 6 add x
	complains "isn't loaded.*modprobe snd-aloop-rs"
	run 6 remove x
	run 1 doctor
	says "^WRONG +module: snd-aloop-rs isn't loaded" '-> modprobe snd-aloop-rs$' '^ok +installed: /lib/modules/' '^ok +made for: '
}
t_usage() {
	for arguments in "" fly "list --nix" "list a b" "set" "set 0 --cable 0,3" "set 0 --cable 5,0 --notify on" \
		"set 0 --rate-shift 7" "set 0 --restart --notify on" "check --format X" "check --seconds 0" \
		"check --format S16_LE --channels 0" "check --cable x" "add" "add a/b" "add .." "add x --index 99" \
		"add x --substreams 0" "add x --id a-b" "add x --id card7" "restore --file" "watch --seconds -1"; do
		# shellcheck disable=SC2086 # words
		run 2 $arguments
	done
	run 2 set 0
	complains 'nothing to set'
	run 0 --version
	says "^aloopctl [0-9]+\.[0-9]+"
	run 0 --help
	says '^ +doctor ' '^ +restore '
}

# --- list

t_list() {
	run 0 list
	says '^card 0: Loopback \(Loopback\), snd_aloop_rs$' '^  16 cables are idle$'
	run 0 list Loopback --all
	says '^  cable 0,0  idle$' '^  cable 1,7  idle$'
	run 0 list 0
	run 3 list Nix
	complains "no loopback card 'Nix': there are: Loopback"
	run 3 list 31
}
t_list_programs() {
	background arecord -q -D hw:Loopback,1,1 -f cd -t raw /dev/null
	until_running pcm1c/sub1
	background aplay -q -D hw:Loopback,0,1 -f cd -t raw /dev/zero
	until_running pcm0p/sub1
	usleep 200000
	run 0 list
	says '^  cable 0,1  playback  hw:Loopback,0,1  aplay \([0-9]+\) +RUNNING  S16_LE 44100 Hz 2 channels  for 0\.[0-9] s$' \
		'^             capture   hw:Loopback,1,1  arecord \([0-9]+\)  RUNNING ' '^  15 cables are idle$'
	run 0 list --json
	says '"cable":"0,1","playback":\{"pcm":"hw:Loopback,0,1","program":"aplay","pid":[0-9]+,"state":"RUNNING","format":"S16_LE","rate":44100,"channels":2,'
	# What newer drivers tell is shown if it is there.
	! grep -q 'pins:' /proc/asound/Loopback/cable#0 || {
		run 0 list
		says 'pins format'
	}
}

# --- check

t_check() {
	run 0 check
	says '^card 0 \(Loopback\), cable 0,7: S16_LE 48000 Hz 2 channels, 96000 frames: exact$' \
		'latency of the card: +[01]\.[0-9] frames' 'from write to read: +[0-9]+ frames'
	run 0 check Loopback --cable 1,3 --format FLOAT_LE --rate 96000 --channels 6 --seconds 0.5 --period 240
	says 'cable 1,3: FLOAT_LE 96000 Hz 6 channels, 48000 frames: exact'
	run 0 check --json --format S24_3LE --channels 1 --rate 8000 --seconds 0.2
	says '"exact":true,"problem":null' '"frames":1600,"right":1600' '"card_frames":\{"median":'
	! grep -q RUNNING /proc/asound/Loopback/pcm*/sub*/status || fail "a stream is left"
}
t_check_wrong() {
	run 1 check --channels 33
	complains "can't be set to 33 channels"
	run 1 check --rate 1
	complains "can't be set to 1 Hz"
	run 3 check Nix
	run 3 check --cable 0,8
	complains 'no cable 0,8: it has 8 of device 0 and 8 of device 1'
}
t_check_busy() {
	background arecord -q -D hw:Loopback,1,5 -f cd -t raw /dev/null
	until_running pcm1c/sub5
	run 5 check --cable 0,5
	complains 'in use: arecord \([0-9]+\) has its capture'
	grep -q RUNNING /proc/asound/Loopback/pcm1c/sub5/status || fail "arecord was disturbed"
	# All others are free.
	background arecord -q -D hw:Loopback,1,7 -f cd -t raw /dev/null
	until_running pcm1c/sub7
	run 0 check --seconds 0.1
	says 'cable 0,6: '
}
t_check_not_exact() {
	# A cable that runs slower than it says is exact all the same; a program that stands still for a
	# moment is not, and neither is a cable that does.
	run 0 set Loopback --cable 0,7 --rate-shift 120000
	run 0 check --seconds 0.3
	says 'exact$'
	run 0 set Loopback --cable 0,7 --rate-shift 100000
	"$ALOOPCTL" check --seconds 1 >"$OUT" 2>"$ERR" &
	usleep 300000
	kill -STOP $!
	usleep 200000
	kill -CONT $!
	! wait $! || fail "frames were lost, and nothing was noticed"
	says 'NOT exact$' 'an (under|over)run .*longer --period'
	# (No timer of this name ticks, as nobody plays on it.)
	echo 0.0.0 >/proc/asound/Loopback/timer_source
	status=0
	"$ALOOPCTL" check --cable 1,7 --seconds 0.2 >"$OUT" 2>"$ERR" || status=$?
	echo >/proc/asound/Loopback/timer_source
	[ "$status" = 1 ] || fail "with a timer that doesn't tick: status $status"
	cat "$OUT" "$ERR" >/tmp/both
	grep -qE 'nothing moves|0\.0\.0|timer' /tmp/both || fail "it doesn't say why"
}

# --- set

t_set() {
	run 0 set Loopback --cable 0,3 --rate-shift 100010
	[ "$(control 'PCM Rate Shift 100000' 1 3)" = 100010 ] || fail "the control isn't set"
	[ "$(control 'PCM Rate Shift 100000' 1 2)" = 100000 ] || fail "another one is set"
	run 0 set 0 --cable 1,0 --cable 1,2 --notify on --rate-shift 99990
	[ "$(control 'PCM Notify' 0 0)$(control 'PCM Notify' 0 1)$(control 'PCM Notify' 0 2)" = onoffon ] ||
		fail "not the controls that were meant"
	run 0 set 0 --notify off --rate-shift 100000
	[ "$(control 'PCM Rate Shift 100000' 0 2)$(control 'PCM Notify' 0 2)" = 100000off ] || fail "not all are set"
	run 3 set 0 --cable 0,30 --notify on
	run 3 set Nix --notify on
	[ -d "$CONFIGFS" ] || {
		run 6 set Loopback --title x
		complains 'has no configfs|no configfs'
	}
}

# --- watch

t_watch() {
	"$ALOOPCTL" watch --seconds 2 >"$OUT" 2>"$ERR" &
	usleep 500000
	head -c 38400 /dev/zero | aplay -q -D hw:Loopback,0,2 -f S16_LE -r 96000 -c 2 -t raw
	"$ALOOPCTL" set 0 --cable 0,2 --rate-shift 100020
	"$ALOOPCTL" set 0 --cable 0,2 --rate-shift 100000
	wait $! || fail "watch: status $?"
	says 'Z PCM Slave Rate: Loopback cable 0,2 ' 'PCM Slave Active: Loopback cable 0,2 plays S16_LE 96000 Hz 2 channels$' \
		'PCM Slave Active: Loopback cable 0,2 silent ' 'PCM Rate Shift 100000: .* rate shift 100020'
	run 0 watch --json --all --seconds 0.1
	[ "$(wc -l <"$OUT")" = 16 ] || fail "not 16 cables"
	says '^\{"time":[0-9.]+,"card":0,"id":"Loopback","cable":"1,7","changed":null,"active":false,'
	run 3 watch Nix
}
t_watch_recorded() {
	"$ALOOPCTL" watch Loopback --all >"$OUT" 2>"$ERR" &
	watch=$!
	# When all have been told of, it hears events.
	until [ "$(wc -l <"$OUT")" -ge 16 ]; do
		usleep 10000
	done
	! grep -q recorded "$OUT" || fail "nobody records"
	arecord -q -D hw:Loopback,1,6 -f cd -t raw -s 4410 /dev/null
	until grep -q 'PCM Capture Active: .* channels$' "$OUT"; do
		usleep 10000
	done
	kill $watch
	wait $watch
	says 'Z PCM Capture Active: Loopback cable 0,6 silent .* channels recorded$'
	[ "$(grep -c 'PCM Capture Active' "$OUT")" = 2 ] || fail "not one event each"
	run 0 watch Loopback --json --all --seconds 0.1
	says '"recorded":false'
}
t_watch_cards() {
	"$ALOOPCTL" watch --seconds 6 --json >"$OUT" 2>"$ERR" &
	usleep 500000
	# (The module can't be unloaded while somebody has a control device open.)
	echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind
	usleep 500000
	echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind
	usleep 1500000
	head -c 9600 /dev/zero | aplay -q -D hw:Loopback,0,0 -f S16_LE -r 48000 -c 1 -t raw
	wait $! || fail "watch: status $?"
	complains 'the card Loopback has gone'
	says '"cable":"0,0","changed":"PCM Slave Active","active":true'
}

# --- save and restore

t_save() {
	run 0 set 0 --cable 0,3 --rate-shift 100010
	run 0 set 0 --cable 1,1 --notify on
	run 0 save --file /tmp/etc/cards.toml
	says 'cables that are set: 2$'
	grep -q '^rate_shift = 100010$' /tmp/etc/cards.toml || fail "not in the file: $(cat /tmp/etc/cards.toml)"
	[ "$(ls -A /tmp/etc)" = cards.toml ] || fail "something is left: $(ls -A /tmp/etc)"
	run 0 restore --file /tmp/etc/cards.toml
	says '^cable 0,3 of Loopback: is so already$'
	run 0 set 0 --notify off --rate-shift 100000
	run 0 restore --file /tmp/etc/cards.toml
	says '^cable 0,3 of Loopback: set$' '^cable 1,1 of Loopback: set$'
	[ "$(control 'PCM Rate Shift 100000' 1 3)" = 100010 ] || fail "the control isn't set"
	run 0 set 0 --cable 0,3 --rate-shift 90000
	run 1 restore --file /tmp/etc/cards.toml
	says '^cable 0,3 of Loopback: differs: PCM Rate Shift 100000 is 90000, not 100010 \(--force'
	run 0 restore --force --file /tmp/etc/cards.toml --json
	says '"what":"cable 0,3 of Loopback","outcome":"set"'
	run 3 save --file /proc/x
}
t_restore_broken() {
	run 0 set 0 --notify off --rate-shift 100000
	printf '[[cables]]\ncard = "Loopback"\ncable = "0,0"\nrate_shift = 90000\n\n%s\n' 'cables = = 1' >/tmp/broken.toml
	run 1 restore --file /tmp/broken.toml
	complains '^aloopctl: /tmp/broken.toml:6:[0-9]+: .*nothing has been changed'
	printf '[[cables]]\ncard = "Loopback"\ncable = "0,0"\nrate_shift = 90000\n[[cables]]\ncard = "Loopback"\ncable = "0,9x"\n' >/tmp/broken.toml
	run 1 restore --file /tmp/broken.toml
	complains "/tmp/broken.toml:7:9: '0,9x' is no cable"
	printf '\n\377\n' >/tmp/broken.toml
	run 1 restore --file /tmp/broken.toml
	complains '/tmp/broken.toml:2: this is no text'
	[ "$(control 'PCM Rate Shift 100000' 1 0)" = 100000 ] || fail "something was set"
	run 3 restore --file /tmp/no/such.toml
	printf '[[cables]]\ncard = "Nix"\ncable = "0,0"\nnotify = true\n' >/tmp/missing.toml
	run 3 restore --file /tmp/missing.toml
	says '^cable 0,0 of Nix: failed'
	: >/tmp/empty.toml
	run 0 restore --file /tmp/empty.toml
}

# --- doctor

t_doctor() {
	run 0 doctor
	says '^ok +module: snd-aloop-rs [0-9.]+ is loaded' '^ok +cards: 0 \(Loopback\)' '^ok +permissions: '
	mkdir -p /etc/modprobe.d
	echo 'options snd-aloop pcm_substreams=2' >/etc/modprobe.d/old.conf
	run 1 doctor
	says '^WRONG +modprobe: /etc/modprobe.d/old.conf' '-> .*options snd-aloop-rs pcm_substreams=2 '
	rm /etc/modprobe.d/old.conf
	run 0 doctor --json
	says '^\{"fine":true,'
}

# --- other users, and readers that go

t_denied() {
	echo 'ann:x:1000:1000::/tmp:/bin/sh' >>/etc/passwd
	# as_ann STATUS ARGUMENT...
	as_ann() {
		wanted=$1 status=0
		shift
		su ann -c "$ALOOPCTL $*" >"$OUT" 2>"$ERR" </dev/null || status=$?
		[ "$status" = "$wanted" ] || fail "aloopctl $*: status $status, not $wanted"
	}
	as_ann 0 list
	as_ann 4 set 0 --notify on
	complains 'Permission denied: be in the group audio'
	as_ann 4 watch
	as_ann 4 check
	as_ann 4 save --file /tmp/ann.toml
	as_ann 1 doctor
	says "^WRONG +permissions: /dev/snd/controlC0" '-> sudo usermod -aG audio ann'
}
t_closed_pipe() {
	for arguments in "list --all" "list --json" "--help" "check --help" doctor "watch --all --seconds 0.2" \
		"check --seconds 0.1"; do
		# shellcheck disable=SC2086 # words
		"$ALOOPCTL" $arguments 2>"$ERR" | true
		! grep -q panicked "$ERR" || fail "aloopctl $arguments: it panicked"
	done
	status=0
	"$ALOOPCTL" list >/dev/full 2>"$ERR" || status=$?
	[ "$status" = 1 ] || fail "on a full disk: status $status"
	complains "can't be written"
	# With nothing to write to at all, it still ends by itself. (A panic is 101, a signal more.)
	status=0
	"$ALOOPCTL" list >&- 2>&- || status=$?
	[ "$status" -le 1 ] || fail "without any output: status $status"
	# Nobody hears an error either.
	{
		"$ALOOPCTL" list Nix 2>&1 >/dev/null
		echo $? >/tmp/status
	} | true
	[ "$(cat /tmp/status)" = 3 ] || fail "an error that nobody hears: status $(cat /tmp/status)"
}
t_generate() {
	run 0 generate /tmp/generated
	for file in aloopctl.1 aloopctl-check.1 aloopctl.bash _aloopctl aloopctl.fish; do
		[ -s "/tmp/generated/$file" ] || fail "no $file"
	done
	grep -q 'EXIT STATUS' /tmp/generated/aloopctl.1 || fail "the manual has no statuses"
	! grep -qE -- '--root|generate' /tmp/generated/aloopctl.1 || fail "the manual has what is hidden"
	run 3 generate /proc/x/y
}

# --- the other driver

# driver: whose the cards are
driver() {
	for name in snd_aloop snd_aloop_rs; do
		[ ! -d "/sys/module/$name" ] || echo "$name"
	done
}
t_takeover() {
	file=/etc/modprobe.d/snd-aloop-rs-takeover.conf
	mkdir -p /etc/modprobe.d
	echo 'options snd-aloop id=Taken pcm_substreams=3' >/etc/modprobe.d/user.conf
	trap 'rm -f /etc/modprobe.d/user.conf $file; rmmod $(driver); modprobe snd-aloop-rs' EXIT
	rmmod snd_aloop_rs
	modprobe snd-aloop
	[ "$(driver)" = snd_aloop ] || fail "loaded: $(driver)"
	run 1 doctor
	says '^WRONG +C driver: snd-aloop is loaded' '-> aloopctl takeover --now ' '^ok +takeover: no'
	# The file is written, and what is loaded stays.
	run 0 takeover
	says 'snd_aloop is loaded, and stays until .* rmmod snd_aloop && modprobe snd-aloop$'
	[ "$(driver)" = snd_aloop ] || fail "loaded: $(driver)"
	run 1 doctor
	says '^WRONG +C driver: .*before .aloopctl takeover' '^ok +takeover: yes' '^ok +modprobe: .*pcm_substreams=3. holds'
	run 0 takeover --now
	says 'already$'
	[ "$(driver)" = snd_aloop_rs ] || fail "loaded: $(driver)"
	run 0 list Taken
	says '^card 0: Taken \(Loopback\), snd_aloop_rs$' '^  6 cables are idle$'
	run 0 doctor
	# Someone records: it is not taken from him, but the next load is the C driver's.
	arecord -q -D hw:Taken,1,0 -f cd -t raw /dev/null &
	until grep -q RUNNING /proc/asound/Taken/pcm1c/sub0/status; do
		usleep 10000
	done
	run 5 handback --now
	complains 'rmmod snd_aloop_rs: it failed: programs that use its cards have to end first'
	[ "$(driver)" = snd_aloop_rs ] || fail "loaded: $(driver)"
	[ ! -e "$file" ] || fail "$file is left"
	kill $!
	wait $! 2>/dev/null
	run 0 handback --now --json
	says '"changed":false,.*"still_loaded":false'
	[ "$(driver)" = snd_aloop ] || fail "loaded: $(driver)"
	run 0 list Taken
	says '^card 0: Taken \(Loopback\), snd_aloop$' '^  6 cables are idle$'
	# Nothing is edited that somebody else has written.
	echo '# mine' >"$file"
	run 5 takeover
	run 5 handback
	complains 'is not as .aloopctl takeover. writes it'
	grep -qx '# mine' "$file" || fail "it was changed"
}
# --- cards of configfs, in the kernel

# is_kept CARD: the controls of a cable are as they were set.
is_kept() {
	[ "$(control 'PCM Rate Shift 100000' 1 1 "$1")$(control 'PCM Notify' 1 1 "$1")" = 100010on ] ||
		fail "the controls of $1 are not as they were"
	[ "$(control 'PCM Rate Shift 100000' 1 0 "$1")$(control 'PCM Notify' 1 0 "$1")" = 100000off ] ||
		fail "controls of $1 are set that were not"
}
t_real_add() {
	number=$("$ALOOPCTL" add studio --substreams 2 --title "My studio" --wait-for-peer=off 2>"$ERR") || fail "add: status $?"
	[ "$(cat "/proc/asound/card$number/id")" = studio ] || fail "the card $number is not there"
	run 0 list studio
	says "^card $number: studio \(My studio\), snd_aloop_rs$" '^  4 cables are idle$'
	run 0 check studio --seconds 0.2
	run 0 add studio2 --wait-for-peer --end-with-peer --channels-max 64 --direction 0-to-1
	run 0 check studio2 --seconds 0.2 --channels 64
	says 'cable 0,7: .* 64 channels, .* exact$'
	run 3 check studio2 --cable 1,0
	run 0 remove studio2
	run 5 add studio
	complains 'there is such a card already'
	run 5 set studio --substreams 3
	# The controls go with the card, and are set again.
	run 0 set studio --cable 0,1 --rate-shift 100010 --notify on
	run 0 set studio --substreams 3 --restart
	is_kept studio
	run 0 set studio --id New --restart
	is_kept New
	run 0 set New --id studio --restart
	run 0 list studio
	says '^  6 cables are idle$'
	run 0 save --file /tmp/real.toml
	run 0 remove studio
	run 3 list studio
	run 3 remove studio
	run 0 restore --file /tmp/real.toml
	says '^card studio: made$'
	run 0 restore --file /tmp/real.toml
	says '^card studio: is so already$'
	run 0 list studio
	says '^  6 cables are idle$'
	run 0 remove studio
}
# Those that ask for a number get it, whoever stands first.
t_real_numbers() {
	[ ! -e /proc/asound/card1 ] || fail "there is a card 1: $(cat /proc/asound/cards)"
	printf '[cards.ann]\n[cards.bob]\nindex = 1\n' >/tmp/numbers.toml
	run 0 restore --file /tmp/numbers.toml
	says '^card bob: made$' '^card ann: made$'
	[ "$(cat /proc/asound/card1/id)" = bob ] || fail "card 1 is $(cat /proc/asound/card1/id)"
	run 0 remove ann
	run 0 remove bob
}
t_real_wrong() {
	# What the kernel refuses is not left half made.
	status=0
	"$ALOOPCTL" add bad --timer-source 'no such timer at all' >"$OUT" 2>"$ERR" || status=$?
	[ "$status" = 0 ] || {
		complains 'was refused: '
		[ ! -e "$CONFIGFS/bad" ] || fail "the directory is left"
	}
	[ "$status" != 0 ] || run 0 remove bad
	# The number is the first card's.
	run 5 add bad --index 0
	complains "live: '1' was refused: .*another card has its number"
	[ ! -e "$CONFIGFS/bad" ] || fail "the directory is left"
	# A card that can't be made anew is as it was.
	run 0 add bad --substreams 3
	printf '[cards.bad]\nindex = 0\n' >/tmp/bad.toml
	run 1 restore --file /tmp/bad.toml
	for arguments in "restore --force --file /tmp/bad.toml" "set bad --index 0 --restart"; do
		# shellcheck disable=SC2086 # words
		run 5 $arguments
		complains 'the card is as it was'
		[ "$(cat "$CONFIGFS/bad/live" "$CONFIGFS/bad/index" "$CONFIGFS/bad/substreams" | xargs)" = "1 -1 3" ] ||
			fail "$arguments: not as it was: $(grep . "$CONFIGFS"/bad/*)"
		run 0 check bad --seconds 0.1
	done
	# Nor does one go live that was not.
	echo 0 >"$CONFIGFS/bad/live"
	run 5 restore --force --file /tmp/bad.toml
	[ ! -e "$CONFIGFS/bad" ] || [ "$(cat "$CONFIGFS/bad/live")" = 0 ] || fail "it is live"
	[ ! -e "$CONFIGFS/bad" ] || run 0 remove bad
	run 6 set Loopback --title x
	complains "made by the module's parameters"
}

ktap_print_header
while read -r word rest; do
	[ "$word" != LOAD ] || {
		modprobe snd-aloop-rs || ktap_bail_out "modprobe: status $?"
		mount -t configfs none /sys/kernel/config 2>/dev/null
		continue
	}
	case $word in
	real_*)
		# Where there is one, it has to be ours.
		[ -d "$CONFIGFS" ] || grep -q 'configfs$' /proc/filesystems || {
			ktap_test_skip "$rest" "the driver has no configfs"
			continue
		}
		;;
	esac
	ktap_test_result "$rest" "t_$word" </dev/null
done <<'END'
unloaded without a module: what is missing is told
usage wrong arguments are refused
LOAD
list list: cards and cables that nobody uses
list_programs list: who uses a cable
check check: exact, through several formats
check_wrong check: what the card can't do
check_busy check: a cable in use is left alone
check_not_exact check: a cable that is slow, and one that stands still
set set: controls of one cable, of some, of all
watch watch: events of players and controls
watch_recorded watch: somebody records
watch_cards watch: a card goes and comes
save save and restore: controls of cables
restore_broken restore: a broken file changes nothing
doctor doctor: a system that works, and an old line of modprobe's
denied a user who may not
closed_pipe whoever stops reading, and a full disk
generate manual and completions
real_add add, list, check, set, save, restore, remove: a card of configfs
real_numbers restore: cards that ask for a number
real_wrong add and set: what the kernel refuses
takeover takeover and handback: the C driver's cards and options, there and back
END
ktap_finished
