// SPDX-License-Identifier: GPL-2.0

//! Calls as a program of 32 bits makes them: by their own way into the kernel. The fuzzer uses this, too.
//!
//! `Low` is memory that an address of 32 bits reaches, `ioctl32` a call that is given one.

#[cfg(target_arch = "aarch64")]
#[path = "bits32/arm.rs"]
mod machine;
#[cfg(target_arch = "x86_64")]
#[path = "bits32/x86.rs"]
mod machine;

pub use machine::ioctl32;
pub use machine::Low;
