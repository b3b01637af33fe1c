// SPDX-License-Identifier: GPL-2.0

//! Reading and writing.

use std::time::Duration;

use support::kernel as k;

use crate::calls::answer;
use crate::calls::bounded;
use crate::calls::ioctl;
use crate::calls::Answer;
use crate::found;
use crate::input::Record;
use crate::pcm::Config;
use crate::sound;
use crate::sound::ROOM;
use crate::values::number;
use crate::world::World;
use crate::world::SLOTS;

/// `SNDRV_PCM_STATE_RUNNING`.
const RUNNING: i32 = 3;

impl World<'_> {
    /// READI, READN, WRITEI or WRITEN of so many frames; `how` says what is odd about it.
    pub(super) fn transfer(&mut self, record: &Record, frames: u64, how: u8) -> Answer {
        let slot = Self::slot(record);
        let capture = SLOTS[slot].1;
        // The kernel goes by the substream, whichever of the two is asked for.
        let asks_to_read = capture ^ (how & 0xc0 == 0xc0);
        let sound = self.session.sounds.of(slot / 2);
        let address = if capture {
            self.session.buffer.address()
        } else {
            self.session.sounds.address(slot / 2)
        };
        let stream = self.stream(record)?;
        let (fd, sizes, known) = (stream.fd.0, stream.sizes(), stream.config.is_some());
        let interleaved = sizes.interleaved ^ (how & 0x30 == 0x30);
        let areas = if interleaved { 1 } else { sizes.channels };
        let bytes = frames.saturating_mul(sizes.frame_bytes / areas);
        let room = ROOM / areas as usize;
        // Usually where there is room for it. Otherwise the memory ends too soon.
        let start = match how % 16 {
            0..=11 => 0,
            12 => room - 1,
            13 => room - 4096 + 64,
            14 => room / 2,
            _ => room,
        };
        let len = (bytes.min(ROOM as u64) as usize).min(room - start);
        if capture {
            for area in 0..areas as usize {
                self.session.buffer.clear(area * room + start, len);
            }
        }
        // What would run into the next area is let in where there is one area only.
        let frames = if areas > 1 {
            frames.min((room - start) as u64 * areas / sizes.frame_bytes)
        } else {
            frames
        };
        let addresses: [u64; 128] = std::array::from_fn(|area| {
            let area = area % areas as usize;
            // A channel that is left out is silent, or not wanted.
            let left_out = how & 0x40 != 0 && area == usize::from(how & 15);
            if left_out && areas > 1 {
                0
            } else {
                address + (area * room + start) as u64
            }
        });
        let mut argument = k::Xfer {
            result: 0,
            buf: if interleaved {
                addresses[0] as *mut _
            } else {
                addresses.as_ptr() as *mut _
            },
            frames,
        };
        let request = match (asks_to_read, interleaved) {
            (false, true) => k::WRITEI,
            (true, true) => k::READI,
            (false, false) => k::WRITEN,
            (true, false) => k::READN,
        };
        bounded(|| ioctl(fd, request, &mut argument))?;
        let done = argument.result;
        if done < 0 || done as u64 > frames {
            found(&format!("{done} frames of {frames} were transferred"));
        }
        if capture && known {
            let got = (done as u64 * sizes.frame_bytes / areas) as usize;
            for (area, &address) in addresses.iter().enumerate().take(areas as usize) {
                if address != 0 && len == bytes as usize {
                    let from = area * room + start;
                    self.session.buffer.judge(from, got, sound);
                    // Where the next area is far enough.
                    if start + len + sound::MARGIN <= room {
                        self.session.buffer.judge_margin(from + len);
                    }
                }
            }
        }
        Ok(done)
    }

    pub(super) fn transfer_call(&mut self, record: &Record) -> Answer {
        let Config { buffer, period, .. } = self.stream(record)?.sizes();
        let [how, much, ..] = record.bytes;
        let near = [period, buffer / 2, buffer, 1, period * 2, period / 2, 0];
        // Usually nothing is odd.
        let how = if how < 0xa0 { 0 } else { how };
        self.transfer(record, number(much, record.wide, &near), how)
    }

    /// read, write, readv, writev.
    pub(super) fn plain(&mut self, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let (read, sound) = (
            self.session.buffer.address(),
            self.session.sounds.address(slot / 2),
        );
        let stream = self.stream(record)?;
        let (fd, sizes) = (stream.fd.0, stream.sizes());
        let [how, much, count, ..] = record.bytes;
        let capture = SLOTS[slot].1 ^ (how & 0xf0 == 0xf0);
        let address = if capture { read } else { sound };
        let frames = number(much, record.wide, &[sizes.period, sizes.buffer, 1]);
        let bytes = frames.wrapping_mul(sizes.frame_bytes).min(ROOM as u64) as usize;
        let bytes = bytes.saturating_sub(usize::from(how & 0xc0 == 0x80));
        if how % 4 == 0 {
            return bounded(|| {
                // SAFETY: The buffers are as long as `ROOM`.
                answer(unsafe {
                    if capture {
                        libc::read(fd, address as *mut _, bytes) as i64
                    } else {
                        libc::write(fd, address as *const _, bytes) as i64
                    }
                })
            });
        }
        let areas = number(count, record.wide >> 8, &[sizes.channels]).min(1024) as usize;
        let each = bytes / areas.max(1);
        let vector: Vec<libc::iovec> = (0..areas)
            .map(|area| libc::iovec {
                iov_base: (address + (area * each) as u64) as *mut _,
                iov_len: each,
            })
            .collect();
        bounded(|| {
            // SAFETY: The vector's pieces lie in buffers as long as `ROOM`.
            answer(unsafe {
                if capture {
                    libc::readv(fd, vector.as_ptr(), areas as i32) as i64
                } else {
                    libc::writev(fd, vector.as_ptr(), areas as i32) as i64
                }
            })
        })
    }

    /// Lets sound flow through a cable, for as many periods as take it round its buffers: nothing
    /// of that comes about by chance.
    pub(super) fn flow(&mut self, record: &Record) -> Answer {
        let both = [0, 1].map(|side| Record {
            slot: record.slot & !1 | side,
            ..*record
        });
        let [periods, how, ..] = record.bytes;
        let usual = Record {
            bytes: [0; 6],
            wide: 0,
            ..*record
        };
        // With the parameters that there are, if sound flows already.
        let [play, capture] = [
            self.stream(&both[0])?.state(),
            self.stream(&both[1])?.state(),
        ];
        if play != RUNNING && capture != RUNNING {
            self.pair(if how & 1 == 0 { &usual } else { record })?;
        }
        let mut moved = 0;
        for _ in 0..1 + periods % 12 {
            let sizes = both.map(|side| self.stream(&side).map(|stream| stream.sizes()));
            let [Ok(play), Ok(capture)] = sizes else {
                break;
            };
            moved += self.transfer(&both[0], play.period, 0).unwrap_or(0);
            moved += self.transfer(&both[1], capture.period, 0).unwrap_or(0);
            let time = play.period * 1_000_000 / play.rate;
            std::thread::sleep(Duration::from_micros(time.min(10_000)));
        }
        Ok(moved)
    }
}
