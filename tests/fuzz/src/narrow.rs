// SPDX-License-Identifier: GPL-2.0

//! Calls as a program of 32 bits makes them: by their own way into the kernel, with their own
//! structures.

use support::bits32::ioctl32;
use support::bits32::Low;
use support::kernel::request;
use support::kernel::READ;
use support::kernel::WRITE;

use crate::calls::bounded;
use crate::calls::Answer;
use crate::input::Record;
use crate::pcm::hw_params_bytes;
use crate::sound;
use crate::values::number;
use crate::values::Noise;
use crate::world::World;
use crate::world::SLOTS;

/// The structure, the addresses of planes behind it, and the sound behind those.
const BYTES: usize = 1 << 16;
const PLANES: usize = 4096;
const SOUND: usize = 8192;

/// A new piece of memory for all calls.
pub fn low() -> Low {
    Low::new(BYTES).expect("memory below 4 GiB")
}

/// Of the PCM devices: direction, number, size.
const PCM: [(u64, u64, usize); 20] = [
    (READ | WRITE, 0x10, 604),
    (READ | WRITE, 0x11, 604),
    (READ | WRITE, 0x13, 104),
    (READ, 0x20, 108),
    (READ, 0x20, 128),
    (READ | WRITE, 0x24, 108),
    (READ | WRITE, 0x24, 128),
    (READ, 0x21, 4),
    (READ | WRITE, 0x23, 132),
    (READ | WRITE, 0x23, 136),
    (READ, 0x32, 16),
    (WRITE, 0x46, 4),
    (WRITE, 0x49, 4),
    (WRITE, 0x50, 12),
    (READ, 0x51, 12),
    (WRITE, 0x52, 12),
    (READ, 0x53, 12),
    (0, 0x42, 0),
    (0, 0x44, 0),
    (WRITE, 0x45, 4),
];

/// Of the control devices.
const CONTROL: [(u64, usize); 6] = [
    (0x10, 72),
    (0x11, 272),
    (0x12, 708),
    (0x13, 708),
    (0x13, 708),
    (0x1a, 8),
];

impl World<'_> {
    pub(crate) fn narrow(&mut self, record: &Record) -> Answer {
        let [which, how, ..] = record.bytes;
        self.session.low.bytes()[..PLANES].fill(0);
        if which >= 0xc0 {
            return self.narrow_control(record);
        }
        let slot = Self::slot(record);
        let sound = self.session.sounds.of(slot / 2);
        let (dir, nr, len) = PCM[usize::from(which) % PCM.len()];
        let (fd, period, frame_bytes) = self.narrow_stream(record, nr == 0x11)?;
        let size = number(how >> 4, record.wide, &[len as u64]) as usize & 0x3fff;
        let argument = self.session.low.address();
        let low = &mut self.session.low;
        let bytes = low.bytes();
        match nr {
            0x10 | 0x11 => {
                let params = hw_params_bytes(record);
                bytes[..params.len()].copy_from_slice(&params);
            }
            0x50..=0x53 => {
                let fill = if SLOTS[slot].1 { 0 } else { sound };
                bytes[SOUND..].fill(fill);
                let room = (BYTES - SOUND) as u64 / frame_bytes;
                let frames = number(how, record.wide, &[period, 1, room]).min(room) as u32;
                low.set_u32(8, frames);
                let (data, planes) = (low.address() + SOUND as u32, low.address() + PLANES as u32);
                low.set_u32(4, if nr < 0x52 { data } else { planes });
                for channel in 0..32 {
                    low.set_u32(PLANES + 4 * channel, data);
                }
            }
            0x23 => {
                low.set_u32(0, u32::from(how & 7));
                low.set_u32(68, number(how, record.wide, &[period]) as u32);
                low.set_u32(72, number(how >> 4, record.wide >> 8, &[1, period]) as u32);
            }
            0x46 | 0x49 => low.set_u32(0, number(how, record.wide, &[period, 1]) as u32),
            _ => Noise::new(record.wide).fill(&mut bytes[..len]),
        }
        let answer = bounded(|| ioctl32(fd, request(dir, b'A', nr, size) as u32, argument))?;
        if nr == 0x51 && size == len {
            // All else that a program records is looked at too.
            let frames = u64::from(self.session.low.u32_at(0));
            let end = SOUND + (frames * frame_bytes) as usize;
            sound::check(&self.session.low.bytes()[SOUND..end.min(BYTES)], sound);
        }
        Ok(answer.into())
    }

    fn narrow_control(&mut self, record: &Record) -> Answer {
        let [which, how, ..] = record.bytes;
        let (nr, len) = CONTROL[usize::from(which) % CONTROL.len()];
        let size = number(how >> 4, record.wide, &[len as u64]) as usize & 0x3fff;
        let low = &mut self.session.low;
        if nr == 0x10 {
            low.set_u32(4, number(how, record.wide, &[100]) as u32);
            let ids = low.address() + SOUND as u32;
            low.set_u32(16, ids);
        } else {
            // Found by its number, or by a name that is not there.
            low.set_u32(0, number(how, record.wide, &[1, 2, 3, 8, 48, 49]) as u32);
            low.set_u32(
                68,
                number(how >> 2, record.wide >> 8, &[0, 1, 100_000, 80_000]) as u32,
            );
        }
        let argument = low.address();
        let fd = self.session.cards[self.card].fd_to_write();
        bounded(|| ioctl32(fd, request(READ | WRITE, b'U', nr, size) as u32, argument))
            .map(i64::from)
    }
}
