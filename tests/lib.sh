# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests' scripts share, on the host. Source it behind scripts/lib.sh:
#
#     . "$(dirname "$0")/lib.sh"

# group_field GROUP N: a field of the group's line in tests/groups.
group_field() {
	awk -F ' *[|] *' -v group="$1" -v field="$2" '
		/^[^#]/ && $1 == group { found = 1; print $field }
		END { exit !found }' "$TOP/tests/groups" || die "no group $1 (see tests/groups)"
}

# default_groups: those that aloop-test runs if it is given neither a group nor a name.
default_groups() { awk -F ' *[|] *' '/^[^#]/ && $2 == "yes" { print $1 }' "$TOP/tests/groups"; }

# guest_options KERNEL GROUP...: what qemu/run has to be told for a guest in which these groups run,
# a word a line. KERNEL is a release, or the name of a checker kernel: some groups want another
# processor there.
guest_options() {
	local kernel=$1 group cpus=1 number spare=0 options=() words word
	shift
	[[ $kernel != *-rt* && $kernel != checker* ]] || spare=1
	for group; do
		number=$(group_field "$group" 3) || return
		[[ $number != *+* ]] || number=$((${number%+*} + spare * ${number#*+}))
		((number <= cpus)) || cpus=$number
		words=$(group_field "$group" 4) || return
		for word in $words; do
			[[ " ${options[*]} " == *" $word "* ]] || options+=("$word")
		done
	done
	printf '%s\n' "${options[@]}" --cpus "$cpus"
}

# group_parameters GROUP: the parameters of the module that it wants, in one line.
group_parameters() { group_field "$1" 5; }
