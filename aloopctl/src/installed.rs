// SPDX-License-Identifier: GPL-2.0

//! Where the module is, for each kernel.

use crate::root::Root;

/// Where the module can be, under /lib/modules/RELEASE.
const FOLDERS: [&str; 4] = ["updates", "updates/dkms", "extra", "kernel/sound/drivers"];

const NAMES: [&str; 4] = [
    "snd-aloop-rs.ko",
    "snd-aloop-rs.ko.xz",
    "snd-aloop-rs.ko.zst",
    "snd-aloop-rs.ko.gz",
];

/// Returns the path of the module for a kernel.
pub fn find(root: &Root, release: &str) -> Option<String> {
    let folders = FOLDERS.iter();
    let mut paths = folders
        .flat_map(|folder| NAMES.iter().map(move |name| (folder, name)))
        .map(|(folder, name)| format!("/lib/modules/{release}/{folder}/{name}"));
    paths.find(|path| root.exists(path))
}
