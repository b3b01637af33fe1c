// SPDX-License-Identifier: GPL-2.0

//! What is played, and what may be recorded.
//!
//! Every byte that is played into a cable is the same; an input later it is another one. A
//! recording has these bytes and silence. Anything else comes from another cable, from what the
//! buffer held before, or from memory that is none of the card's.

use crate::found;

/// The bytes of a buffer, behind which lies a page that nobody may touch.
pub const ROOM: usize = 256 * 1024;
const PAGE: usize = 4096;
/// So many bytes behind a recording are looked at, too.
pub const MARGIN: usize = 64;
/// No sound and no silence: where it stands, nothing was recorded.
const UNTOUCHED: u8 = 0xee;
const SILENCE: [u8; 2] = [0x00, 0x69];
/// One for each cable, for inputs that are even and odd.
const SOUNDS: [[u8; 3]; 2] = [[0x21, 0x22, 0x23], [0x31, 0x32, 0x33]];

pub struct Buffer(*mut u8);

// SAFETY: The memory is mapped until the process ends.
unsafe impl Send for Buffer {}

impl Buffer {
    pub fn new(fill: u8) -> Self {
        // SAFETY: A new mapping of our own; its last page is closed.
        unsafe {
            let address = libc::mmap(
                std::ptr::null_mut(),
                ROOM + PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert!(address != libc::MAP_FAILED, "no memory");
            libc::memset(address, fill.into(), ROOM);
            libc::mprotect(address.byte_add(ROOM), PAGE, libc::PROT_NONE);
            Buffer(address.cast())
        }
    }

    pub fn address(&self) -> u64 {
        self.0 as u64
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: The memory is there, and the kernel writes it during calls only.
        unsafe { std::slice::from_raw_parts_mut(self.0, ROOM) }
    }

    /// Prepares for a recording of at most `len` bytes from `from` on.
    pub fn clear(&mut self, from: usize, len: usize) {
        let end = (from + len + MARGIN).min(ROOM);
        self.bytes()[from.min(end)..end].fill(UNTOUCHED);
    }

    /// Looks at a recording.
    pub fn judge(&mut self, from: usize, len: usize, sound: u8) {
        check(&self.bytes()[from..from + len], sound);
    }

    /// Looks at what lies behind the buffer of a recording.
    pub fn judge_margin(&mut self, end: usize) {
        let margin = &self.bytes()[end..end + MARGIN];
        if let Some(at) = margin.iter().position(|&byte| byte != UNTOUCHED) {
            found(&format!("byte {at} behind the end of a buffer was written"));
        }
    }
}

/// Looks at bytes that were recorded.
pub fn check(bytes: &[u8], sound: u8) {
    let wrong = bytes
        .iter()
        .position(|byte| *byte != sound && !SILENCE.contains(byte));
    if let Some(at) = wrong {
        found(&format!(
            "byte {at} of {} recorded is {:#04x}: neither silence nor {sound:#04x}, which was \
             played",
            bytes.len(),
            bytes[at],
        ));
    }
}

/// Buffers of each sound.
pub struct Sounds {
    buffers: [[Buffer; 3]; 2],
    odd: usize,
}

impl Sounds {
    pub fn new() -> Self {
        Sounds {
            buffers: SOUNDS.map(|sounds| sounds.map(Buffer::new)),
            odd: 0,
        }
    }

    /// The next input has other sounds.
    pub fn change(&mut self) {
        self.odd ^= 1;
    }

    /// What is played into a cable.
    pub fn of(&self, cable: usize) -> u8 {
        SOUNDS[self.odd][cable]
    }

    /// The address of a buffer full of it.
    pub fn address(&self, cable: usize) -> u64 {
        self.buffers[self.odd][cable].address()
    }
}
