// SPDX-License-Identifier: GPL-2.0

//! The version is that of the repository, and stands in one place only.

use std::path::Path;

fn main() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../VERSION");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", file.display());
    let version = std::fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{}: {e}: build in the repository", file.display()));
    println!("cargo:rustc-env=ALOOPCTL_VERSION={}", version.trim());
}
