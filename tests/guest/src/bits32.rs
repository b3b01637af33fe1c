// SPDX-License-Identifier: GPL-2.0

//! Calls as a program of 32 bits makes them: by their own way into the kernel. The fuzzer uses
//! this, too.
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

impl Low {
    pub fn u32_at(&mut self, offset: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes()[offset..offset + 4]);
        u32::from_ne_bytes(word)
    }

    pub fn set_u32(&mut self, offset: usize, value: u32) {
        self.bytes()[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }
}
