#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The commands of README.md: those of the first use are typed here, the others elsewhere.
# Guest: --deterministic (a busy host makes no overruns)
# shellcheck disable=SC2317,SC2329 # example calls the functions
. "$(dirname "$0")/lib.sh"

# block NAME: the lines of README.md's block behind "<!-- typed by ...: NAME -->"
block() {
	awk -v mark=": $1 -->" '
		/^<!-- typed by / && index($0, mark) { marked = 1; next }
		marked && /^    / { sub(/^    /, ""); print; found = 1; next }
		marked && found { exit }' "$WITH/README.md" | grep . || fail "README.md has no block '$1'"
}

first_use() {
	local lines
	load enable=1
	# As on a CD.
	converted audio.wav music.wav -r 44100
	lines=$(block first)
	eval "$lines"
	wait
	exact music.wav recorded.wav
}
example first_use "README: the first use"

whole_page() {
	local recipe
	# A block of lines without a mark, and a mark without a block.
	awk '/^<!-- typed by / { if (marked) print "no block: " marked; marked = $0; next }
		/^    / { if (!inside && !marked) print FNR ": nobody types this"; inside = 1; marked = ""; next }
		/./ { inside = 0 }' "$WITH/README.md" >wrong
	[[ ! -s wrong ]] || fail "$(cat wrong)"
	diff - <(sed -n 's/^<!-- typed by \(.*\) -->$/\1/p' "$WITH/README.md") <<-END
		tests/packages: install
		tests/packages: boot
		tests/clients: first
		tests/clients: desktop
		tests/packages: replace
		tests/packages: back
		tests/packages: remove
		CI
	END
	# What the desktop plays is recorded as in the recipe, whose lines 95-recipes.sh types.
	recipe=$(sed -n '/^\.\. recipe: desktop$/,/^[^ .:]/s/^    //p' "$WITH/Documentation/recipes.rst")
	[[ $recipe ]] || fail "recipes.rst has no recipe 'desktop'"
	diff <(block desktop) <(echo "$recipe")
}
example whole_page "README: each block of lines is one that is typed"

report
