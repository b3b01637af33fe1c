// SPDX-License-Identifier: GPL-2.0

//! The timer device: request numbers and classes of `<sound/asound.h>`, 64 bit.

use super::request;
use super::NONE;
use super::READ;
use super::WRITE;

/// The number of a request to the timer device.
pub const fn timer(dir: u64, nr: u64, size: usize) -> u64 {
    request(dir, b'T', nr, size)
}

pub const TREAD: [u64; 2] = [timer(WRITE, 0x02, 4), timer(WRITE, 0xa4, 4)];
pub const SELECT: u64 = timer(WRITE, 0x10, 52);
pub const PARAMS: u64 = timer(WRITE, 0x12, 80);
pub const START: u64 = timer(NONE, 0xa0, 0);
pub const STOP: u64 = timer(NONE, 0xa1, 0);
pub const CONTINUE: u64 = timer(NONE, 0xa2, 0);
pub const PAUSE: u64 = timer(NONE, 0xa3, 0);
pub const NEXT_DEVICE: u64 = timer(READ | WRITE, 0x01, 20);
pub const GINFO: u64 = timer(READ | WRITE, 0x03, 248);
pub const GSTATUS: u64 = timer(READ | WRITE, 0x05, 80);
pub const INFO: u64 = timer(READ, 0x11, 232);
pub const STATUS: u64 = timer(READ, 0x14, 96);

pub const CLASS_GLOBAL: i32 = 1;
pub const CLASS_PCM: i32 = 3;
