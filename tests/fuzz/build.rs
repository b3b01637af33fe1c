// SPDX-License-Identifier: GPL-2.0

//! Links LLVM's libFuzzer, which comes with clang's run-time libraries and brings `main()`.

use std::path::Path;
use std::path::PathBuf;

const LIBRARY: &str = "clang_rt.fuzzer-x86_64";

/// The folders under `dir`, the last by name first.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.sort();
    found.reverse();
    found
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let library = folders(Path::new("/usr/lib/llvm-19/lib/clang"))
        .into_iter()
        .map(|version| version.join("lib/linux"))
        .find(|dir| dir.join(format!("lib{LIBRARY}.a")).exists())
        .unwrap_or_else(|| {
            panic!("no lib{LIBRARY}.a: install the package libclang-rt-19-dev");
        });
    println!("cargo:rustc-link-search=native={}", library.display());
    println!("cargo:rustc-link-lib=static={LIBRARY}");
    println!("cargo:rustc-link-lib=dylib=stdc++");
}
