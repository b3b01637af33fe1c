#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""examples.py [--check]: prints a crate that has all examples from the documentation of the abstractions.

Each block of code in the documentation of rust/alsa becomes the body of a function of its own, as in the
documentation tests of the kernel's crates: lines that begin with "# " are compiled and not shown, and one that
ends with `# Ok::<(), Error>(())` may use `?`. Blocks that are marked as `text` are no code. Kbuild compiles the
crate if it is given ALSA_EXAMPLES=1.

With --check, tells which public types, traits and macros have no example, and fails if there are any.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

HEAD = """\
// SPDX-License-Identifier: GPL-2.0

//! The examples from the documentation of `alsa`. Made by tests/examples.py.

#![allow(unused, missing_docs, non_upper_case_globals, clippy::all)]
#![forbid(unsafe_code)]

use kernel::prelude::*;

module! {
    type: Examples,
    name: "alsa_examples",
    authors: ["The snd-aloop-rs developers"],
    description: "Examples",
    license: "GPL",
}

struct Examples;

impl kernel::Module for Examples {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
"""

ITEM = re.compile(r"\s*(?:pub (?:unsafe )?(?:struct|enum|trait|type)|macro_rules!) (\w+)")


class Bad(Exception):
    """What cannot be taken for an example."""


def documented(path):
    """The comments of a file: (the number of the first line, lines, what follows them)."""
    lines = path.read_text().split("\n")
    start = 0
    while start < len(lines):
        mark = re.match(r"\s*//[/!]", lines[start])
        if not mark:
            start += 1
            continue
        end = start
        while end < len(lines) and lines[end].startswith(mark.group()):
            end += 1
        texts = [re.sub(r"^\s*//[/!] ?", "", line) for line in lines[start:end]]
        following = end
        attributes = ""
        while following < len(lines) and re.match(r"\s*#\[", lines[following]):
            attributes += lines[following]
            following += 1
        item = lines[following] if following < len(lines) else ""
        yield start + 1, texts, attributes, item
        start = end


def blocks(path):
    """The examples of a file: (line, lines of code)."""
    for first, texts, _, _ in documented(path):
        code = None
        for number, text in enumerate(texts, first):
            if not text.lstrip().startswith("```"):
                if code is not None:
                    code.append(text)
                continue
            if code is not None:
                if kind == "":
                    yield begin, code
                code = None
                continue
            kind = text.strip().strip("`")
            if kind not in ("", "text"):
                raise Bad(f"{path.relative_to(TOP)}:{number}: a block is code or `text`, not `{kind}`")
            begin, code = number, []
        if code is not None:
            raise Bad(f"{path.relative_to(TOP)}:{begin}: a block without an end")


def crate(paths):
    """The crate's text, and how many examples it has."""
    parts = [HEAD]
    for path in paths:
        for line, code in blocks(path):
            shown = [re.sub(r"^\s*# ?", "", text) if re.match(r"\s*#( |$)", text) else text for text in code]
            tries = shown and shown[-1].strip() == "Ok::<(), Error>(())"
            parts.append(f"\n// {path.relative_to(TOP)}:{line}\nmod example_{len(parts)} {{\n    use kernel::prelude::*;\n")
            parts[-1] += f"\n    fn example(){' -> Result' if tries else ''} {{\n"
            parts[-1] += "".join(f"        {text}\n" if text else "\n" for text in shown)
            parts[-1] += "    }\n}\n"
    return "".join(parts), len(parts) - 1


def without(paths):
    """What is public and has no example."""
    for path in paths:
        for line, texts, attributes, item in documented(path):
            name = ITEM.match(item)
            # What a trait in a module of its own is sealed with, nobody can name.
            if not name or "doc(hidden)" in attributes or item.startswith("    pub trait"):
                continue
            if item.lstrip().startswith("macro_rules!") and "macro_export" not in attributes:
                continue
            if "# Examples" not in texts:
                yield f"{path.relative_to(TOP)}:{line}: no example for {name.group(1)}"


def main():
    """Does what the arguments say."""
    paths = sorted((TOP / "rust" / "alsa").rglob("*.rs"))
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    try:
        text, number = crate(paths)
    except Bad as bad:
        sys.exit(str(bad))
    if not sys.argv[1:]:
        sys.stdout.write(text)
        return 0
    missing = list(without(paths))
    print("\n".join(missing + [f"{number} examples"]))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
