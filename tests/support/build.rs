// SPDX-License-Identifier: GPL-2.0

//! On an ARM, calls of 32 bits take a program of 32 bits: it becomes a part of this one.

use std::path::Path;
use std::process::Command;

const SOURCE: &str = "src/bits32/calls.c";
const COMPILER: &str = "arm-linux-gnueabihf-gcc";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={SOURCE}");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("aarch64") {
        return;
    }
    let folder = std::env::var("OUT_DIR").expect("cargo says where");
    let program = Path::new(&folder).join("calls");
    let status = Command::new(COMPILER)
        .args(["-static", "-O2", "-s", "-Wall", "-Werror", "-o"])
        .args([program.as_os_str(), SOURCE.as_ref()])
        .status()
        .unwrap_or_else(|e| {
            panic!("{COMPILER}: {e}: install gcc-arm-linux-gnueabihf and libc6-dev-armhf-cross")
        });
    assert!(status.success(), "{SOURCE} does not compile");
}
