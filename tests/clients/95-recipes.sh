#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The lines of Documentation/recipes.rst, which are taken from the page itself and typed here: cards for
# containers, a microphone for a browser, the desktop's sound recorded, a DAC followed, and so on.
# Guest: --deterministic (a busy host makes no overruns)
# Installs: aloopctl
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

PAGE=$WITH/Documentation/recipes.rst
CONFIGFS=/sys/kernel/config/snd-aloop
UNIT=/usr/local/lib/systemd/system/snd-aloop-rs.service

# What a system has: aloopctl, in root's path, and configfs. Who types is root already.
cp -a "$WITH/aloopctl/usr/local/." /usr/local/
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
modprobe configfs
mount -t configfs none /sys/kernel/config
sudo() { "$@"; }

# As lib.sh's, but a guest of a counted clock pays for each look: there is no hurry here.
wait_until() {
	local end=$((SECONDS + 21))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || fail "not within 20 s: $*"
		nap 0.1
	done
}

# --- the page

# block KIND NAME: the lines of the page's literal block behind ".. KIND: NAME"
block() {
	awk -v mark=".. $1: $2" '
		$0 == mark { marked = 1; next }
		marked && /::$/ { inside = 1; marked = 0; next }
		inside && /^[^ ]/ { exit }
		inside { sub(/^    /, ""); print }' "$PAGE" | grep . || fail "recipes.rst has no block '$1: $2'"
}
# typed NAME: types the lines of a recipe
typed() {
	local lines
	lines=$(block recipe "$1")
	eval "$lines"
}
# in_background NAME: types a recipe of a single command that runs until it is ended; it is $!
in_background() {
	local lines
	lines=$(block recipe "$1")
	eval "exec $lines" &
}
# lines_of NAME: the lines of a recipe are ${lines[0]}, ...: for who waits in between, as people do
lines_of() { mapfile -t lines < <(block recipe "$1"); }
# shows NAME FILE: the file has the lines that the page says are shown, in this order, others between
# them. What differs each time doesn't count: blanks, times, the numbers of processes and nodes, and the
# asterisk of the default.
shows() {
	block shows "$1" | shown_words >page.words
	shown_words <"$2" >file.words
	awk 'NR == FNR { wanted[++n] = $0; next } found < n && $0 == wanted[found + 1] { found++ }
		END { if (found < n) { print "not shown: " wanted[found + 1]; exit 1 } }' page.words file.words ||
		fail "$(cat "$2")"
}
shown_words() {
	sed -E 's/\([0-9]+\)/(N)/; s/[0-9]+\.[0-9] s$/N s/; s/[+-][0-9.]+ ppm/N ppm/; s/^[0-9:.]+Z /TIME /
		s/\*/ /; s/(^|[^0-9A-Za-z])[0-9]+\. /\1N. /; s/[ \t]+/ /g; s/^ //; s/ $//; /^$/d'
}

# fresh: no card, the module loaded as on the page, and something to play
fresh() {
	no_cards
	typed load
	sox -D audio.wav music.wav trim 0 2
}
no_cards() {
	local directory
	for directory in "$CONFIGFS"/*/; do
		[[ ! -d $directory ]] || rmdir "$directory"
	done
	! grep -q '^snd_aloop_rs ' /proc/modules || rmmod snd_aloop_rs
}

whole_page() {
	# Blocks without a mark, and marks without a block.
	awk '/^\.\. (recipe|shows|elsewhere): [a-z-]+$/ { if (mark) print "no block: " mark; mark = $0; next }
		/::$/ && !/^\.\. [a-z-]+::/ { if (!mark) print FNR ": a block without a mark"; mark = ""; next }
		/^\.\. (code|code-block|parsed-literal|literalinclude)::/ { print FNR ": " $0 }' "$PAGE" >wrong
	[[ ! -s wrong ]] || fail "$(cat wrong)"
	grep -oE '^\.\. (recipe|shows|elsewhere): .*' "$PAGE" | sort >marks
	[[ ! $(uniq -d marks) ]] || fail "twice: $(uniq -d marks)"
	(($(grep -c recipe marks) >= 25))
	# What is typed elsewhere is what puts aloopctl here.
	[[ $(grep elsewhere marks) == '.. elsewhere: install' ]]
	sed -nE 's/^.*\b(typed|in_background|lines_of) ([a-z-]+)\b.*$/.. recipe: \2/p
		s/^.*\bshows ([a-z-]+)\b.*$/.. shows: \1/p' "$0" | grep -v ': NAME' | sort -u >used
	diff <(grep -v elsewhere marks) <(grep -xFf marks used) || fail "not typed, or not compared"
}
example whole_page "each block of lines on the page is one that is typed here"

# --- a card for each container

containers() {
	local n nodes part size there recorders=() players=()
	fresh
	typed containers
	cards >by-aloopctl
	(($(grep -c '^[ 0-9]*\[box' by-aloopctl) == 30))
	typed containers-in-box
	# All at once, each something of its own, half of them from the container and half to it.
	head -c $((32 * 48000)) /dev/urandom | split -d -a 2 -b 48000 - part.
	for n in $(seq 2 31); do
		printf -v part 'part.%02d' "$n"
		if ((n % 2)); then
			arecord -q -D "hw:box$n,1,0" -t raw -f dat "heard.$n" &
			recorders+=($!)
			in_box "$n" sh -c "$SEES" sees aplay -q -D "hw:box$n,0,0" -t raw -f dat "$part" >"sees.$n" &
		else
			in_box "$n" sh -c "$SEES" sees arecord -q -D "hw:box$n,0,0" -t raw -f dat "heard.$n" \
				>"sees.$n" &
			recorders+=($!)
			aplay -q -D "hw:box$n,1,0" -t raw -f dat "$part" &
		fi
		players+=($!)
	done
	wait_for "${players[@]}"
	ended "${recorders[@]}"
	# Silence to the end of a period comes behind.
	truncate -s 192000 part.*
	for n in $(seq 2 31); do
		size=$(stat -c %s "heard.$n")
		((size >= 48000)) || fail "box $n: $size bytes were heard"
		printf -v part 'part.%02d' "$n"
		cmp -n "$size" "heard.$n" "$part"
		# Nothing but its own card's.
		read -r nodes <"sees.$n"
		[[ $nodes == "controlC$n pcmC${n}D0c pcmC${n}D0p pcmC${n}D1c pcmC${n}D1p" ]] || fail "box $n: $nodes"
	done
	in_box 7 aplay -l >list
	(($(grep -c '^card 7: box7 \[Box 7\]' list) == 2 && $(grep -c ^card list) == 2)) || fail "$(<list)"
	echo "measured: 30 containers at once, each with what is its own"
	not in_box 7 aplay -q -D hw:box8,0,0 music.wav
	not in_box 7 arecord -q -D hw:8,0,0 -d 1 silence.wav
	# The same cards by hand.
	fresh
	there=$PWD
	typed containers-mkdir
	cd "$there"
	cards | diff by-aloopctl -
}
# In a container: which nodes there are, and then the rest.
SEES='(cd /dev/snd && echo *); exec "$@"'
cards() {
	cat /proc/asound/cards /proc/asound/pcm
	grep . "$CONFIGFS"/*/*
}
# wait_for PROCESS...: each has succeeded
wait_for() {
	local process
	for process; do
		wait "$process"
	done
}
# ended PROCESS...: recorders of which each has ended because its player has (end_with_peer)
ended() {
	local process
	for process; do
		wait "$process" || true
	done
}
# is_heard FILE RECORDING: raw; the one, and silence to the end of a period
is_heard() {
	local size
	size=$(stat -c %s "$1")
	cmp -n "$size" "$1" "$2"
	(($(tail -c "+$((size + 1))" "$2" | tr -d '\0' | wc -c) == 0)) || fail "$2: not only silence afterwards"
}
example containers "30 cards for 30 containers, by aloopctl and by mkdir: each has its own nodes, and hears exactly that"

# Stands for docker: the container has the nodes that were named.
docker() {
	local nodes=()
	[[ $1 == run ]] || fail "docker $1"
	shift
	while [[ $1 == -* ]]; do
		case $1 in
		--rm) ;;
		--device)
			nodes+=("$2")
			shift
			;;
		*) fail "docker run $1" ;;
		esac
		shift
	done
	mkdir nodes
	cp -a "${nodes[@]}" nodes/
	unshare -m sh -c 'mount --bind nodes /dev/snd && exec "$@"' "$@"
}
one_container() {
	local lines
	fresh
	# Two of the thirty.
	lines=$(block recipe containers)
	# shellcheck disable=SC2016 # as it stands on the page
	local numbers='$(seq 2 31)'
	[[ $lines == *"$numbers"* ]]
	eval "${lines/"$numbers"/2 7}"
	typed containers-docker | grep '^card' >list
	(($(grep -c '^card 7: box7 ' list) == 2 && $(wc -l <list) == 2)) || fail "$(cat list)"
	[[ $(ls nodes) == $'controlC7\npcmC7D0p\npcmC7D1c' ]]
	typed containers-in-box
	typed containers-play
	sox -D music.wav -t raw music.raw
	is_heard music.raw heard.raw
	# Another one's card goes, and comes back.
	arecord -q -D hw:box2,1,0 -t raw -f dat beside.raw &
	recorder=$!
	in_box 2 aplay -q -D hw:box2,0,0 music.wav &
	player=$!
	playing 0 0 box2
	typed containers-remove
	not grep box7 /proc/asound/cards
	aloopctl add box7 --index 7
	is_state p 0 0 RUNNING box2
	wait $player
	ended $recorder
	is_heard music.raw beside.raw
}
example one_container "docker's --device, in_box, and a card that goes while another is used"

# --- two programs, to each other

pair() {
	local way recorders=() players=()
	fresh
	typed pair
	# What the one says is not what the other says.
	sox -D music.wav rx.wav reverse
	cp music.wav tx.wav
	for way in rx tx; do
		arecord -q -D "hw:$way,1,0" -f dat "heard.$way.wav" &
		recorders+=($!)
		capturing 1 0 "$way"
	done
	for way in rx tx; do
		aplay -q -D "hw:$way,0,0" "$way.wav" &
		players+=($!)
	done
	wait_for "${players[@]}"
	stop_recorder "${recorders[0]}" 1 0 rx
	stop_recorder "${recorders[1]}" 1 0 tx
	for way in rx tx; do
		exact "$way.wav" "heard.$way.wav"
	done
	# There is no other device to choose.
	(($(aplay -l | grep -c '^card .*: [rt]x ') == 2 && $(arecord -l | grep -c '^card .*: [rt]x ') == 2))
}
example pair "two programs that hear each other, by a card each way"

# --- in step with a DAC

dac() {
	fresh
	# A sound card that is 200 ppm faster than the system's clock, and what is heard from it.
	aloopctl add PCH --substreams 1
	aloopctl set PCH --rate-shift 99980
	arecord -q -D hw:PCH,1,0 -f dat heard.wav &
	recorder=$!
	capturing 1 0 PCH
	lines_of dac
	eval "${lines[0]}"
	eval "${lines[1]}"
	loop=$!
	capturing 1 0 cable
	playing 0 0 PCH
	# It is in phase within 10 s.
	wait_until has_read 1 0 528000 cable
	typed dac-follows >follows
	cat follows
	shows dac-follows follows
	# It is steered all the time: 50 us that a tick comes late are made up for within a second, so that at a
	# moment the speed is 50 ppm off.
	sed -E 's/.*\+([0-9.]+) ppm.*/\1/' follows | awk '{ exit !($1 > 150 && $1 < 250) }'
	# In 15 s, 200 ppm are 144 frames.
	apart
	began=$cable before=$difference doubt=$uncertain
	wait_until has_read 1 0 $((cable + 720000)) cable
	apart
	# Each look is right to half of what it took, and ticks that are 50 us late are 2.4 frames.
	doubt=$(((doubt + uncertain) / 2 + 4))
	echo "measured: after $((cable - began)) frames, $((difference - before)) more or less, of which $doubt by the looks"
	((cable - began >= 700000))
	((difference - before <= doubt && before - difference <= doubt))
	eval "${lines[2]}"
	stop_recorder $recorder 1 0 PCH
	is_state p 0 0 RUNNING PCH
	end_of $loop
	exact music.wav heard.wav
}
# apart: how far the cable is, and by how much it is ahead of the DAC. Nobody can look at both at the same
# moment: what is uncertain is by how much the DAC goes on meanwhile. (No process is started.) A look that
# another process has come into is none.
apart() {
	local first second third
	for _ in {1..50}; do
		first=$(</proc/asound/PCH/pcm0p/sub0/status)
		second=$(</proc/asound/cable/pcm1c/sub0/status)
		third=$(</proc/asound/PCH/pcm0p/sub0/status)
		first=$(position "$first") cable=$(position "$second") third=$(position "$third")
		difference=$((cable - (first + third) / 2))
		uncertain=$((third - first))
		((uncertain >= 30)) || return 0
	done
	fail "each look takes $uncertain frames or so"
}
position() { sed -n 's/^hw_ptr *: //p' <<<"$1"; }
example dac "a cable that follows a DAC: in phase, and exact at the DAC with nothing resampled"

# --- who listens, and who is in the way

listens() {
	fresh
	typed studio
	says 'values=off' typed listens
	in_background listens-watch >watch.log
	watch=$!
	# Both cables are told of at the beginning, when it hears events already.
	wait_until says 'Z now: studio cable 1,0 silent' cat watch.log
	not grep -w recorded watch.log
	arecord -q -D hw:studio,1,0 -f dat heard.wav &
	recorder=$!
	capturing 1 0 studio
	says 'values=on' typed listens
	wait_until grep -w recorded watch.log
	aplay -q -D hw:studio,0,0 music.wav
	stop_recorder $recorder 1 0 studio
	says 'values=off' typed listens
	wait_until says 'PCM Capture Active: .* channels$' cat watch.log
	end_of $watch
	shows listens-watch watch.log
	# One event at the beginning and one at the end.
	(($(grep -c 'PCM Capture Active: ' watch.log) == 2))
	grep 'studio cable 0,0 plays S16_LE 48000 Hz 2 channels recorded$' watch.log
	exact music.wav heard.wav
}
example listens "the player hears that somebody records: the control, and aloopctl watch"

pins() {
	fresh
	typed studio
	in_background pins-first
	recorder=$!
	capturing 1 0 studio
	not typed pins-refused
	is_state c 1 0 RUNNING studio
	typed pins-list >list
	shows pins-list list
	typed pins-cable >cable
	grep "program:.*arecord ($recorder)" cable
	grep 'pins:.*format S16_LE, rate 44100, channels 2' cable
	typed pins-plug
	stop_recorder $recorder 1 0 studio
	# alsa-lib converts rates linearly.
	alike --correlation 0.95 --gain 0.9:1.03 --wander 40 music.wav heard.wav
}
example pins "a player is refused: who has chosen, and what; plughw: converts"

notify() {
	fresh
	typed studio
	sox -D music.wav -r 44100 cd.wav
	# Over before the recorder is back.
	sox -D cd.wav short.wav trim 0 0.3
	lines_of notify
	eval "${lines[0]}"
	eval "${lines[1]}" &
	loop=$!
	capturing 1 0 studio
	# A player with another rate is not refused, and ends the recording; the next one has that rate.
	aplay -q -D hw:studio,0,0 music.wav
	wait_until records_at 48000
	aplay -q -D hw:studio,0,0 short.wav
	wait_until records_at 44100
	# Nor is one that fits then.
	aplay -q -D hw:studio,0,0 cd.wav
	wait_until has_read 1 0 $(($(field c 1 0 hw_ptr studio) + 44100)) studio
	kill $loop
	recorder=$(pgrep -x arecord)
	kill "$recorder"
	gone pgrep -x arecord
	exact cd.wav again.wav
	says '"rate":44100' aloopctl watch studio --json --all --seconds 0.1
}
records_at() { [[ $(param c 1 0 rate studio) == "$1" ]] && is_state c 1 0 RUNNING studio; }
example notify "PCM Notify: the player chooses, and the recorder begins anew"

access() {
	fresh
	typed studio
	lines_of access
	eval "${lines[0]}"
	recorder=$!
	capturing 1 0 studio
	[[ $(param c 1 0 access studio) == RW_NONINTERLEAVED ]]
	eval "${lines[1]}"
	stop_recorder $recorder 1 0 studio
	joined heard 16
	exact music.wav recorded.wav
}
example access "arecord -I beside aplay"

# --- cards at boot

# Stands for systemd, which is not there.
systemctl() {
	case $* in
	'enable snd-aloop-rs')
		[[ -e $UNIT ]] || fail "no $UNIT"
		enabled=1
		;;
	'--user restart wireplumber')
		pkill -x wireplumber
		gone pgrep -x wireplumber
		wireplumber >>wireplumber.log 2>&1 &
		;;
	*) fail "systemctl $*" ;;
	esac
}
boot() {
	fresh
	typed studio
	aloopctl set studio --cable 0,0 --rate-shift 100010
	enabled=
	typed boot
	[[ $enabled ]]
	cards >before
	# What the unit runs: first the module comes, and then the cards.
	no_cards
	eval "$(sed -n 's/^ExecStartPre=-//p' $UNIT)"
	not grep Loopback /proc/asound/cards
	eval "$(sed -n 's/^ExecStart=//p' $UNIT)"
	typed boot-check >check
	rm /etc/modprobe.d/snd-aloop-rs.conf
	cards | diff before -
	[[ $(cget studio "PCM Rate Shift 100000" 1 0) == 100010 ]]
	grep '^card 0: studio (Studio), snd_aloop_rs$' check
	grep '^card 0 (studio), cable .*: exact$' check
}
example boot "save, enable, and at boot the cards are there"

# --- with a desktop

. "$(dirname "$0")/desktop.sh"

session() {
	rm -rf ~/.local/state "$XDG_RUNTIME_DIR"/pipewire-*
	pipewire >pipewire.log 2>&1 &
	wait_until [ -S "$XDG_RUNTIME_DIR/pipewire-0" ]
	wireplumber >wireplumber.log 2>&1 &
	wait_until says WirePlumber wpctl status
}
# shown TEXT: until the desktop shows it
shown() { (wait_until says "$1" wpctl status) || fail "$(wpctl status)"; }
# nodes Sinks|Sources: how many the desktop shows
nodes() {
	wpctl status | awk -v what=" $1:" '/^Audio/ { audio = 1 } /^Video/ { audio = 0 }
		/[├└]─/ { on = audio && index($0, what) } on && /\[vol:/ { n++ } END { print n + 0 }'
}
# heard_on SECONDS CARD [SUBSTREAM]: the recorder has read so much more
heard_on() { wait_until has_read 1 0 $(($(field c 1 0 hw_ptr "$2") + $1 * 48000)) "$2"; }

microphone() {
	fresh
	session
	typed microphone
	shown 'Browser (microphone)'
	typed microphone-status >status
	cat status
	shows microphone-status status
	(($(nodes Sinks) == 1))
	(($(nodes Sources) == 1))
	in_background microphone-record
	recorder=$!
	capturing 1 0 mic
	heard_on 1 mic
	typed microphone-play
	heard_on 1 mic
	end_of $recorder
	exact music.wav heard.wav
}
example microphone "a desktop shows one sink and one microphone, by the names that were given"

alone() {
	fresh
	session
	typed studio
	aloopctl add other --title Other --substreams 1
	shown 'Studio '
	shown 'Other '
	trap 'rm -r ~/.config/wireplumber' EXIT
	typed alone
	(wait_until isnt says 'Studio ' wpctl status) || fail "$(wpctl status)"
	shown 'Other '
	not grep RUNNING /proc/asound/studio/pcm*/sub*/status
}
example alone "a card that WirePlumber is told to leave alone"

desktop() {
	SPEAKERS=alsa_output.platform-snd_aloop.speakers.playback.0.0
	fresh
	session
	# A card that stands for the loudspeakers, which are the default.
	aloopctl add speakers --title Loudspeakers --direction 0-to-1
	shown Loudspeakers
	pw-metadata 0 default.configured.audio.sink "{ \"name\": \"$SPEAKERS\" }"
	sox -D music.wav later.wav pad 1.5
	pw-play later.wav &
	player=$!
	playing 0 0 speakers

	lines_of desktop
	((${#lines[@]} == 3))
	eval "${lines[0]}"
	shown 'Recorder '
	eval "${lines[1]}"
	eval "exec ${lines[2]}" &
	recorder=$!
	capturing 1 0 recorder
	# What plays already goes there.
	playing 0 0 recorder
	wait $player
	heard_on 1 recorder
	end_of $recorder
	exact music.wav desktop.wav

	# By arecord, and heard at the loudspeakers.
	wait_until grep closed /proc/asound/recorder/pcm1c/sub0/status
	for first in recorder player; do
		[[ $first == recorder ]] || {
			pw-play later.wav &
			player=$!
			playing 0 0 recorder
		}
		in_background desktop-arecord
		recorder=$!
		capturing 1 0 recorder
		[[ $first == player ]] || {
			pw-play later.wav &
			player=$!
		}
		wait $player
		heard_on 1 recorder
		end_of $recorder
		exact music.wav desktop.wav
	done
	in_background desktop-hear
	loop=$!
	arecord -q -D hw:speakers,1,0 -f dat loud.wav &
	recorder=$!
	capturing 1 0 speakers
	playing 0 0 speakers
	# PipeWire matches the one clock to the other: that takes some seconds.
	heard_on 6 speakers
	pw-play music.wav
	heard_on 2 speakers
	end_of $recorder
	end_of $loop
	alike --correlation 0.99 --wander 20 music.wav loud.wav

	typed desktop-end
	(wait_until isnt says 'Recorder ' wpctl status) || fail "$(wpctl status)"
	not grep recorder /proc/asound/cards
}
example desktop "what the desktop plays is recorded: three lines, arecord, and the loudspeakers"

no_cards
report
