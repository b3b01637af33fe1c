// SPDX-License-Identifier: GPL-2.0

//! Calls as a program of 32 bits makes them: by their own way into the kernel. The fuzzer uses
//! this, too.
//!
//! `Low` is memory that an address of 32 bits reaches, `ioctl32` a call that is given one.

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub use arm::ioctl32;
#[cfg(target_arch = "aarch64")]
pub use arm::Low;
#[cfg(target_arch = "x86_64")]
pub use x86::ioctl32;
#[cfg(target_arch = "x86_64")]
pub use x86::Low;

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
