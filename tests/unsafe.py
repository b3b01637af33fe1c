#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""unsafe.py: counts the unsafe blocks of the abstractions.

Says how many blocks `unsafe { ... }` a file of rust/alsa has to 100 lines of code, that is lines with
anything but comments, and how many the crate has; what unit tests have is counted with the rest. Exit
status 1 if that is more than is allowed, or if there is any in another folder.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

# To 100 lines of code.
IN_A_FILE = 12.0
IN_THE_CRATE = 7.0

# What is no code, or might look like some.
NO_CODE = re.compile(
    r"""
    //[^\n]*
  | /\*.*?\*/
  | [bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
  | [bc]?"(?:\\.|[^"\\])*"
  | b?'(?:\\[^']+|[^\\'])'
    """,
    re.VERBOSE | re.DOTALL,
)
BLOCK = re.compile(r"\bunsafe\s*\{")


def count(path):
    """The unsafe blocks and the lines of code of a file."""

    def blank(match):
        text = match.group()
        return "" if text.startswith("/") else '""' + "\n" * text.count("\n")

    code = NO_CODE.sub(blank, path.read_text())
    return len(BLOCK.findall(code)), sum(1 for line in code.split("\n") if line.strip())


def main():
    """Counts and judges."""
    bad = []
    blocks = lines = 0
    for path in sorted((TOP / "rust" / "alsa").rglob("*.rs")):
        counted = count(path)
        blocks += counted[0]
        lines += counted[1]
        share = 100 * counted[0] / max(counted[1], 1)
        name = path.relative_to(TOP)
        print(f"{name}: {counted[0]} in {counted[1]} lines, {share:.1f} %")
        if share > IN_A_FILE:
            bad.append(f"{name}: more than {IN_A_FILE:.0f} unsafe blocks to 100 lines")
    share = 100 * blocks / max(lines, 1)
    print(f"rust/alsa: {blocks} in {lines} lines, {share:.1f} %")
    if share > IN_THE_CRATE:
        bad.append(f"rust/alsa: more than {IN_THE_CRATE:.0f} unsafe blocks to 100 lines")
    for folder in ("rust/aloop", "samples"):
        for path in sorted((TOP / folder).rglob("*.rs")):
            if count(path)[0]:
                bad.append(f"{path.relative_to(TOP)}: an unsafe block outside of the abstractions")
    for text in bad:
        print(text)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
