#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""rust-project.py FILE MODULES ROOT: completes the rust-project.json FILE that the kernel's generator has
made, and prints it. MODULES is the folder in which the modules have been built, ROOT the build root.

The generator finds no crate whose makefile is not beside it, lets none know another crate of the same module,
and names the standard library as the build root sees it.
"""

import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

# Name, root and which other crates of ours each knows, as in Kbuild.
CRATES = (
    ("alsa", "rust/alsa/alsa.rs", ()),
    ("aloop", "rust/aloop/aloop.rs", ("alsa",)),
    ("null", "samples/null.rs", ("alsa",)),
)
# What the kernel gives each crate of a module.
KERNEL = ("core", "kernel", "pin_init", "zerocopy", "zerocopy_derive")


def compat(modules):
    """The cfgs by which alsa knows which kernel it is for, from the command that it was built by."""
    command = (modules / "rust/alsa/.alsa.o.cmd").read_text()
    return re.findall(r"--cfg=(alsa_\w+)", command)


def complete(project, modules, root):
    """Adds our crates, and has all paths be the host's."""
    crates = project["crates"]
    index = {crate["display_name"]: number for number, crate in enumerate(crates)}
    cfg = crates[index["kernel"]]["cfg"] + ["MODULE"]
    for name, file, knows in CRATES:
        index[name] = len(crates)
        crates.append(
            {
                "display_name": name,
                "root_module": str(TOP / file),
                "is_workspace_member": True,
                # Not all kernels have them all.
                "deps": [
                    {"crate": index[dep], "name": dep} for dep in KERNEL + knows if dep in index
                ],
                "cfg": cfg + (compat(modules) if name == "alsa" else []),
                "edition": "2021",
                "env": {
                    "ALSA_OBJTREE": str(modules / "rust/alsa"),
                    "RUST_MODFILE": "This is only for rust-analyzer",
                },
                "source": {
                    "include_dirs": [str((TOP / file).parent), str(modules / "rust/alsa")],
                    "exclude_dirs": [],
                },
            }
        )
    for crate in crates:
        if crate["root_module"].startswith("/usr/"):
            crate["root_module"] = str(root) + crate["root_module"]
        # What is only read is nobody's workspace.
        if not crate["root_module"].startswith(f"{TOP}/"):
            crate["is_workspace_member"] = False
    project["sysroot"] = str(root / "usr")
    return project


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    file, modules, root = map(pathlib.Path, sys.argv[1:])
    project = complete(json.loads(file.read_text()), modules, root)
    roots = [crate["root_module"] for crate in project["crates"]]
    missing = [root for root in roots if not pathlib.Path(root).exists()]
    if missing:
        sys.exit("rust-project.py: no such file: " + ", ".join(missing))
    json.dump(project, sys.stdout, sort_keys=True, indent=4)
    print()


if __name__ == "__main__":
    main()
