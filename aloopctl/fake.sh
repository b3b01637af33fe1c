#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fake.sh: tries commands of aloopctl on trees that stand for a system: no driver is wanted, and no guest.
# ALOOPCTL names the program. The report is KTAP.

# Tests are called by their names in the table below.
# shellcheck disable=SC2317,SC2329

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
OUT=$folder/out ERR=$folder/err FAKE=$folder/system
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

fake() {
	rm -rf "$FAKE"
	mkdir -p "$FAKE/$CONFIGFS" "$FAKE/sys/module/snd_aloop_rs" "$FAKE/proc/asound"
}
# attribute NAME FILE
attribute() { cat "$FAKE/$CONFIGFS/$1/$2" 2>&1; }
t_fake_add() {
	fake
	run 0 --root "$FAKE" add studio --id Studio --index 3 --title "My studio" --substreams 4 --channels-max 2 \
		--device0-name In --device1-name Out --direction 0-to-1 --pcm-notify --wait-for-peer --end-with-peer=off \
		--timer-source follow:PCH.0 --timer-slack 500
	while read -r file value; do
		[ "$(attribute studio "$file")" = "$value" ] || fail "$file is '$(attribute studio "$file")'"
	done <<-END
		id Studio
		index 3
		name My studio
		substreams 4
		channels_max 2
		device0_name In
		device1_name Out
		direction 0-to-1
		pcm_notify 1
		wait_for_peer 1
		end_with_peer 0
		timer_source follow:PCH.0
		timer_slack 500
		live 1
	END
	run 2 --root "$FAKE" add my-card
	complains "'my-card' has no identifier.*--id ID"
	[ ! -e "$FAKE/$CONFIGFS/my-card" ] || fail "the directory is left"
	run 0 --root "$FAKE" add my-card --id Mine
	run 0 --root "$FAKE" remove my-card
	run 0 --root "$FAKE" add plain
	[ "$(ls "$FAKE/$CONFIGFS/plain")" = live ] || fail "what was not asked for was written"
	run 5 --root "$FAKE" add plain
	complains 'there is such a card already'
	run 0 --root "$FAKE" remove plain
	[ ! -e "$FAKE/$CONFIGFS/plain" ] || fail "it is there"
	run 3 --root "$FAKE" remove plain
	complains "no card 'plain': there are: studio"
	run 5 --root "$FAKE" set studio --title x
	complains 'is live.*--restart'
	run 0 --root "$FAKE" set studio --title x --restart
	[ "$(attribute studio name)$(attribute studio live)" = x1 ] || fail "not set, or not live"
}
t_fake_restore() {
	fake
	run 0 --root "$FAKE" add one --id One --substreams 2
	run 0 --root "$FAKE" add two
	run 0 --root "$FAKE" save
	file=$FAKE/etc/snd-aloop-rs/cards.toml
	grep -q '^\[cards.one\]$' "$file" || fail "not in the file: $(cat "$file")"
	run 0 --root "$FAKE" restore
	says '^card one: is so already$' '^card two: is so already$'
	run 0 --root "$FAKE" remove two
	run 0 --root "$FAKE" restore
	says '^card one: is so already$' '^card two: made$'
	echo 5 >"$FAKE/$CONFIGFS/one/substreams"
	run 1 --root "$FAKE" restore
	says "^card one: differs: substreams is '5', not '2' \(--force"
	[ "$(attribute one substreams)" = 5 ] || fail "it was changed all the same"
	run 0 --root "$FAKE" restore --force
	says '^card one: rebuilt$'
	[ "$(attribute one substreams)" = 2 ] || fail "it was not changed"
	# Cards of before that are not there any more are kept in a file of before.
	run 0 --root "$FAKE" remove two
	run 0 --root "$FAKE" save
	complains "had cards that are not there.*what it was before is .*cards.toml.old"
	! grep -q '^\[cards.two\]$' "$file" || fail "it is saved, though it has been removed"
	for name in one two; do
		grep -q "^\[cards.$name\]$" "$file.old" || fail "$name is not in $file.old"
	done
	# Whether they are there can't always be seen: nothing is lost then.
	cp "$file" "$folder/before"
	mv "$FAKE/$CONFIGFS" "$folder/away"
	mkdir -p "$FAKE/proc/asound/card0"
	: >"$FAKE/proc/asound/card0/cable#0"
	printf ' 0 [One            ]: Loopback - Loopback\n                      Loopback 1\n' \
		>"$FAKE/proc/asound/cards"
	run 5 --root "$FAKE" save
	complains 'it has cards, and whether they are there'
	cmp -s "$file" "$folder/before" || fail "the file has changed"
	mv "$folder/away" "$FAKE/$CONFIGFS"
	# A file that is broken at its end changes nothing.
	printf '[cards.three]\n' >"$file"
	printf '[cards.four]\nsubstreams = 99\n' >>"$file"
	run 1 --root "$FAKE" restore
	complains 'cards.toml:3:14: it is 1 to 32, and not 99: nothing has been changed'
	[ ! -e "$FAKE/$CONFIGFS/three" ] || fail "a card was made"
}
t_fake_missing() {
	fake
	rm -r "${FAKE:?}/$CONFIGFS"
	echo 'nodev	sysfs' >"$FAKE/proc/filesystems"
	run 6 --root "$FAKE" add x
	complains 'has no configfs: the kernel may be without it'
	echo 'nodev	configfs' >>"$FAKE/proc/filesystems"
	run 6 --root "$FAKE" add x
	complains "isn't mounted: as root: mount -t configfs none /sys/kernel/config"
	echo 'configfs /sys/kernel/config configfs rw 0 0' >"$FAKE/proc/mounts"
	run 6 --root "$FAKE" add x
	complains 'has no configfs: the kernel may be without it'
	rm -r "${FAKE:?}/sys/module"
	run 6 --root "$FAKE" add x
	complains "isn't loaded"
}
t_fake_doctor() {
	fake
	release=7.9.1
	mkdir -p "$FAKE"/proc/sys/kernel "$FAKE"/boot "$FAKE"/lib/modules/7.9.0/updates "$FAKE"/sys/module/snd_aloop \
		"$FAKE"/sys/kernel/security "$FAKE"/sys/firmware/efi/efivars
	rm -r "${FAKE:?}"/sys/module/snd_aloop_rs
	echo $release >"$FAKE"/proc/sys/kernel/osrelease
	echo '# CONFIG_RUST is not set' >"$FAKE"/boot/config-$release
	: >"$FAKE"/lib/modules/7.9.0/updates/snd-aloop-rs.ko
	echo 'none [integrity] confidentiality' >"$FAKE"/sys/kernel/security/lockdown
	printf '\6\0\0\0\1' >"$FAKE"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
	run 1 --root "$FAKE" doctor
	says '^WRONG +kernel: 7.9.1 was built without Rust' "^WRONG +module: snd-aloop-rs isn't loaded" \
		'^WRONG +installed: the module is installed for 7.9.0, not for 7.9.1' \
		'^ok +Secure Boot: on' 'lockdown: the level is integrity' '^WRONG +C driver: snd-aloop is loaded'
}

t_fake_takeover() {
	fake
	mkdir -p "$FAKE"/lib/modules/6.12.0 "$FAKE"/lib/modules/7.9.0/updates
	: >"$FAKE"/lib/modules/6.12.0/modules.dep
	: >"$FAKE"/lib/modules/7.9.0/modules.dep
	run 6 --root "$FAKE" takeover
	complains 'snd-aloop-rs is not installed'
	[ ! -e "$FAKE"/etc/modprobe.d ] || fail "something was written"
	: >"$FAKE"/lib/modules/7.9.0/updates/snd-aloop-rs.ko
	run 0 --root "$FAKE" takeover
	complains 'Linux 6.12.0 has no snd-aloop-rs'
	run 0 --root "$FAKE" handback
	[ -z "$(ls "$FAKE"/etc/modprobe.d)" ] || fail "something is left"
	run 0 --root "$FAKE" handback
	says 'nothing to hand back'
}

ktap_print_header
while read -r word rest; do
	ktap_test_result "$rest" "t_fake_$word" </dev/null
done <<'END'
add add, remove, set: the files of configfs
restore save and restore: the files of configfs
missing add: what is missing is told
doctor doctor: a system with all kinds of faults
takeover takeover and handback: the file, and kernels without the module
END
ktap_finished
