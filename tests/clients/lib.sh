# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the examples share; sourced by each of them, in the guest:
#
#     example FUNCTION WHAT    runs FUNCTION, in a new folder with audio.wav (speech, 48 kHz, 16
#                              bits, stereo) in it, and reports in KTAP whether all of its commands
#                              succeeded
#     report                   ends the report
#
# A script's arguments are the functions to be run; none: all.
#
# and, for the functions, what a person would do by looking and listening: running, stop_recorder,
# exact, alike and so on. MODULE=snd-aloop in the environment has the examples run on the C driver.

MODULE=${MODULE:-snd-aloop-rs}
WITH=/with
CLIENTS=$WITH/clients
export HOME=/root XDG_RUNTIME_DIR=/run/user/0 LC_ALL=C.UTF-8
mkdir -p "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
# shellcheck source=../ktap.sh
. "$WITH/ktap.sh"
only=" $* "
# Nothing ever comes from here: a sleep that starts no process.
mkfifo /tmp/never
exec {never}<>/tmp/never
nap() { read -rt "$1" -u "$never" || true; }
mkfifo /tmp/judge.request /tmp/judge.reply
setsid "$CLIENTS/judge" /tmp/judge.request /tmp/judge.reply </dev/null &
disown
ktap_print_header

# --- the report

example() { # FUNCTION WHAT
	local function=$1 what=$2 status folder process watch began=$EPOCHREALTIME busy
	[[ $only == "  " || $only == *" $function "* ]] || return 0
	busy=$(busy)
	folder=$(mktemp -d /tmp/example.XXXXXX)
	cp "$WITH/audio.wav" "$folder/"
	: >/tmp/example.log
	# Not in a condition: there, a failing command wouldn't end it.
	(
		cd "$folder" || exit
		set -eE
		trap 'echo "failed: $BASH_COMMAND"' ERR
		"$function"
	) >>/tmp/example.log 2>&1 </dev/null &
	process=$!
	(
		sleep "${LIMIT:-120}" || exit
		echo "out of time: ${LIMIT:-120} s" >>/tmp/example.log
		pkill -P $process
		kill $process
	) 2>/dev/null &
	watch=$!
	wait $process
	status=$?
	pkill -P $watch
	kill $watch 2>/dev/null
	wait $watch 2>/dev/null
	clear_away
	# What was measured is worth to be seen in any case.
	if ((status == 0)); then
		grep -E '(exact|alike|measured): ' /tmp/example.log | sed "s,^,# ,"
		# Time in the guest; what its processor was busy for is what a --deterministic one
		# costs.
		ktap_print_msg "$function: $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) ms, busy for $(($(busy) - busy)) ms"
	else
		ktap_print_msg "$(cat /tmp/example.log)"
		# What the programs had to say.
		ktap_print_msg "$(find "$folder" -maxdepth 1 \( -name '*.log' -o -name '*.jackd' \) -exec tail -vn 20 {} + 2>&1)"
	fi
	ktap_test_status "$status" "$what"
	rm -rf "$folder"
}
# Milliseconds, since the start, in which the processors had work; by the tick, so roughly.
busy() { awk '/^cpu / { print ($2 + $3 + $4 + $7 + $8) * 10 }' /proc/stat; }
report() {
	((ktap_number)) || ktap_bail_out "no example of the name$only"
	ktap_finished
}
fail() {
	echo "$*"
	exit 1
}
# Ends what an example left behind: servers, and all who use a sound device. Who was told to end
# takes its time, and a server that is there still keeps the next of its name from starting: so they
# are waited for.
SERVERS='pipewire|wireplumber|pipewire-pulse|jackd|snapserver|snapclient|mpd'
clear_away() {
	local round
	for round in TERM KILL; do
		pkill "-$round" -x "$SERVERS"
		gone pgrep -x "$SERVERS" && break
	done
	for round in TERM TERM KILL; do
		fuser -k "-$round" -s /dev/snd/* /dev/dsp* /dev/adsp* /dev/audio* /dev/mixer* 2>/dev/null || break
		gone fuser -s /dev/snd/* /dev/dsp* /dev/adsp* /dev/audio* /dev/mixer* && break
	done
	rm -f /root/.asoundrc /etc/asound.conf
}
# gone COMMAND...: waits until it fails, 5 s at most
gone() {
	local end=$((SECONDS + 6))
	while "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		nap 0.1
	done
}

# --- the card

# Loads the module anew, with parameters.
load() { # [PARAMETER=VALUE]...
	rmmod snd_pcm_oss snd_mixer_oss 2>/dev/null || true
	if grep -q '^snd_aloop' /proc/modules; then
		rmmod "$(sed -n 's/^\(snd_aloop[^ ]*\) .*/\1/p' /proc/modules)"
	fi
	modprobe "$MODULE" "$@"
}
# until COMMAND...: waits until it succeeds, 20 s at most. /proc can't be waited on: so it is looked
# at again and again.
wait_until() {
	local end=$((SECONDS + 21))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || fail "not within 20 s: $*"
		nap 0.02
	done
}
# says TEXT COMMAND...: the command's output has it
says() { "${@:2}" 2>&1 | grep -q -- "$1"; }
# field C|P DEVICE SUBSTREAM NAME [CARD]: of the substream's status: state, hw_ptr, ...
field() { value "/proc/asound/${5:-Loopback}/pcm$2$1/sub$3/status" "$4"; }
# param C|P DEVICE SUBSTREAM NAME [CARD]: format, rate, channels, ... that the substream runs with
param() { value "/proc/asound/${5:-Loopback}/pcm$2$1/sub$3/hw_params" "$4"; }
# value FILE NAME: the first word after "NAME:". The file is read at once: to read on, line by line,
# would meet another text, in which a number may have got longer.
value() {
	local name word rest
	while read -r name word rest; do
		# Some names stand apart from their colons.
		[[ $word != : ]] || word=${rest%% *}
		[[ ${name%:} != "$2" ]] || printf '%s\n' "$word"
	done <<<"$(<"$1")"
}
is_state() { [[ $(field "$1" "$2" "$3" state "${5:-}") == "$4" ]]; }
isnt() { ! "$@"; }
has_read() { (($(field c "$1" "$2" appl_ptr "${4:-}") >= $3)); }
# capturing|playing DEVICE SUBSTREAM [CARD]: waits until a program does so there.
capturing() { wait_until is_state c "$1" "$2" RUNNING "${3:-}"; }
playing() { wait_until is_state p "$1" "$2" RUNNING "${3:-}"; }
# stop_recorder PROCESS DEVICE SUBSTREAM [CARD]: the player has ended. Waits until the recorder has
# read all that was played and a tenth of a second more, then ends it as Ctrl-C does.
stop_recorder() {
	local rate end
	rate=$(param c "$2" "$3" rate "${4:-}")
	end=$(($(field c "$2" "$3" hw_ptr "${4:-}") + rate / 10))
	wait_until has_read "$2" "$3" "$end" "${4:-}"
	end_of "$1"
}
# end_of PROCESS: ends it as Ctrl-C does, which a shell's background jobs ignore: TERM.
end_of() {
	kill -"${2:-TERM}" "$1"
	# A recorder completes its file, and reports the signal.
	wait "$1" || true
}
cset() { # CARD NAME DEVICE SUBDEVICE VALUE
	amixer -q -c "$1" cset "iface=PCM,name='$2',device=$3,subdevice=$4" "$5"
}
cget() { # CARD NAME DEVICE SUBDEVICE
	amixer -c "$1" cget "iface=PCM,name='$2',device=$3,subdevice=$4" | sed -n 's/^ *: values=//p'
}

# --- what was heard

# judge PROGRAM [ARGUMENT]...: runs one of the programs in Python that judge recordings
judge() {
	local reply status
	printf '%s\0' "$PWD" "$@" >/tmp/judge.request
	reply=$(</tmp/judge.reply)
	status=${reply##*$'\n'}
	reply=${reply%$'\n'*}
	[[ ! $reply ]] || printf '%s\n' "${reply%$'\n'}"
	return "$status"
}
# exact SOURCE RECORDING: silence, then every frame of the source, bit by bit, then silence.
exact() {
	local size
	size=$(stat -c %s "$2") || fail "no recording $2"
	((size > 44)) || fail "$2: nothing was recorded"
	mend "$2"
	judge "$WITH/compare-wav" "$1" "$2"
}
alike() {
	mend "${*: -1}"
	judge "$CLIENTS/alike" "$@"
}
# mend FILE: arecord that is ended just when a read has got nothing yet says "Interrupted system
# call", and leaves the length in its file's header open. The frames are all there.
mend() {
	local length
	[[ -e $1 ]] || return 0
	length=$(od -An -tu4 -j4 -N4 "$1")
	((length + 8 > $(stat -c %s "$1"))) || return 0
	sox -D --ignore-length "$1" mended.wav
	mv mended.wav "$1"
}
not() { ! ("$@") || fail "succeeded, but should not: $*"; }
# Some programs (PipeWire, JACK) run a device without interleaving. The other side of the cable may do
# the same: aplay and arecord have -I for it, with a file for each channel.
# joined NAME BITS: NAME.0 and NAME.1 of arecord -I -t raw, 48 kHz, become recorded.wav
joined() {
	sox -D -M -r 48000 -c 1 -b "$2" -e signed-integer -t raw "$1.0" \
		-r 48000 -c 1 -b "$2" -e signed-integer -t raw "$1.1" -b 16 recorded.wav
}
# play_apart DEVICE FORMAT [SOX-FORMAT]...: plays audio.wav with aplay -I; the options say the same
# format to sox
play_apart() {
	local device=$1 format=$2
	shift 2
	sox -D audio.wav "$@" -t raw left.raw remix 1
	sox -D audio.wav "$@" -t raw right.raw remix 2
	aplay -q -I -D "$device" -f "$format" -c 2 -r 48000 left.raw right.raw
}
# converted SOURCE TARGET [SOX-FORMAT]... [-- SOX-EFFECT...]: a WAV file like the source, but of
# other rate, channels or bits, or changed by an effect; without silence at its ends.
converted() {
	local source=$1 target=$2 format=()
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		format+=("$1")
		shift
	done
	sox -D "$source" "${format[@]}" untrimmed.wav "${@:2}"
	judge "$CLIENTS/trim" untrimmed.wav "$target"
	rm untrimmed.wav
}
