#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The module is built by dkms: first where the kernel's source is not installed, then where it is.
# Machine: long
# Tree: 7.2
# Minutes: 90
# shellcheck disable=SC2317,SC2329 # the table calls the functions
. "$(dirname "$0")/../lib.sh"

without_rust=$(newest_in_repository linux-image '6\.12')

# told RELEASE WORDS: one line of what was said is about the module for this kernel, with these words, and none
# looks like a failure of ours.
told() {
	local lines
	lines=$(grep -F 'snd-aloop-rs: no module is built for Linux' "$KEPT/said" | grep -F "Linux $1:" | sort -u) ||
		fail "nothing says that no module is built for $1: $(tail -n 40 "$KEPT/said")"
	(($(wc -l <<<"$lines") == 1)) || fail "more than one line: $lines"
	grep -qE "$2" <<<"$lines" || fail "the line does not say '$2': $lines"
	echo "$lines"
}
module_of() { find "/lib/modules/$1/" -name 'snd-aloop-rs.ko*'; }

t_no_source() {
	# The machine's key is dkms' own, which makes it for the first module that it builds, and keeps it.
	run dkms generate_mok
	remember
	run apt_from /with/packages-1 /repository
	run apt-get -q -y install snd-aloop-rs-dkms
	told "$(uname -r)" 'apt-get install linux-source-7\.2='
	expect "modules" "$(module_of "$(uname -r)")" ""
	nothing_failed
}
t_without_rust() {
	run apt-get -q -y install "linux-image-$without_rust" "linux-headers-$without_rust"
	told "$without_rust" 'without Rust'
	expect "its status" "$(dpkg-query -W -f '${db:Status-Status}' "linux-image-$without_rust")" installed
	expect "modules" "$(module_of "$without_rust")" ""
	nothing_failed
}
t_source() {
	local version
	version=$(dpkg-query -W -f '${Version}' "linux-headers-$(uname -r)")
	mkdir -p /var/lib/snd-aloop-rs
	tar -C /var/lib/snd-aloop-rs -xf /with/tree.tar
	run apt-get -q -y install "linux-source-7.2=$version"
	dkms status
	[[ $(module_of "$(uname -r)") ]] ||
		fail "there is no module: $(tail -n 40 "$KEPT/said" /var/lib/dkms/snd-aloop-rs/*/build/make.log)"
	expect "modules of the other kernel" "$(module_of "$without_rust")" ""
	[[ $(modinfo -F filename snd-aloop-rs) == *updates/dkms/* ]] || fail "$(modinfo -F filename snd-aloop-rs)"
	modprobe snd-aloop-rs
	card
	ours
	exact
}
# A newer version is built with the same tree; when no module can be built any more, the old one stays.
t_kept() {
	local before
	before=$(modinfo -F filename snd-aloop-rs)
	run apt-get -q -y purge linux-source-7.2
	run apt_from /with/packages-1 /with/packages-2 /repository
	run apt-get -q -y install snd-aloop-rs-dkms
	[[ $(module_of "$(uname -r)") ]] || fail "the module $before has gone: $(tail -n 40 "$KEPT/said")"
	unload snd-aloop-rs
	modprobe snd-aloop-rs
	card
}
t_purge() {
	purge 'snd-aloop-rs*' "linux-image-$without_rust" "linux-headers-$without_rust"
	nothing_left
	nothing_failed
}

tests "$@" <<'END'
no_source without linux-source, dkms leaves the kernel alone, and one line says what to install
without_rust a kernel without Rust is installed with its headers, dkms leaves it alone, and one line says why
source when linux-source is installed, the module is built; the card is there and exact
kept an upgrade of the package without linux-source leaves the kernel a module
purge apt purge leaves nothing, and no trees
END
