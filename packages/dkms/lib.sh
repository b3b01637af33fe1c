# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What check, prepare-tree and build share. They run on the machine of whoever installed the package, with
# its tools, and know nothing of the repository. Before it is sourced, `release` is set.

# For tests: another root than /.
root=${SND_ALOOP_RS_ROOT:-}
headers=$root/lib/modules/${release:?}/build
config=$headers/include/config/auto.conf
[[ -e $config ]] || config=$headers/.config
trees=$root/var/lib/snd-aloop-rs/tree
tree=$trees/$release

# option NAME: its value in the kernel's configuration, without quotes.
option() { sed -n "s/^CONFIG_$1=//p" "$config" | tr -d '"'; }
# version_of PACKAGE: the version whose files are there, or nothing. That may be one that dpkg has yet to
# configure: the kernel's packages call dkms while they are configured themselves. (dpkg-query fails for a package
# that it has never heard of, and is missing where there is no dpkg.)
version_of() {
	{ dpkg-query ${root:+--admindir="$root/var/lib/dpkg"} -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null || :; } |
		sed -nE 's/^(installed|unpacked|half-configured|triggers-awaited|triggers-pending) //p'
}

# The headers are a small makefile that includes that of the common ones, as far as they have any source.
source_of_headers() {
	local src
	src=$(sed -n 's/^include \(\/.*\)\/Makefile$/\1/p' "$headers/Makefile" 2>/dev/null)
	printf '%s\n' "${src:-$headers}"
}
# Whether the headers have the kernel's crates, as those of Arch and of Ubuntu (linux-lib-rust-RELEASE) do.
headers_have_crates() { [[ -e $headers/rust/libkernel.rmeta || -e $(source_of_headers)/rust/libkernel.rmeta ]]; }

# shellcheck disable=SC2034 # theirs
series=$(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$release")
headers_version=$(version_of "linux-headers-$release")
# Which headers a tree was made of.
tree_is_ready() { [[ $headers_version && $(cat "$tree/.made-of" 2>/dev/null) == "$headers_version" ]]; }

# The C compiler of the kernel's own major version.
compiler() {
	local major cc
	major=$(($(option GCC_VERSION) / 10000))
	for cc in gcc "gcc-$major"; do
		if [[ $("$cc" -dumpversion 2>/dev/null | cut -d. -f1) == "$major" ]]; then
			printf '%s\n' "$cc"
			return
		fi
	done
	return 1
}
