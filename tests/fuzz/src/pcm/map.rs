// SPDX-License-Identifier: GPL-2.0

//! What is mapped: the buffer, and the pages of the pointers.

use support::kernel as k;

use crate::calls::answer;
use crate::calls::ioctl;
use crate::calls::Answer;
use crate::found;
use crate::input::Record;
use crate::pcm::Config;
use crate::sound;
use crate::values::number;
use crate::world::World;

pub const MAP_DATA: i64 = 0;
pub(super) const MAP_STATUS: i64 = 0x8000_0000;
const MAP_CONTROL: i64 = 0x8100_0000;

pub struct Map {
    pub address: *mut u8,
    len: usize,
    writable: bool,
    offset: i64,
}

impl Map {
    pub fn new(fd: i32, offset: i64, len: usize, protection: i32) -> Result<Self, i32> {
        // SAFETY: A new mapping, where there is room.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                libc::MAP_SHARED,
                fd,
                offset,
            )
        };
        if address == libc::MAP_FAILED {
            return answer(-1).map(|_| unreachable!());
        }
        Ok(Map {
            address: address.cast(),
            len,
            writable: protection & libc::PROT_WRITE != 0,
            offset,
        })
    }
}

impl Map {
    /// Fills what lies behind so many bytes.
    pub fn fill_behind(&self, bytes: usize, value: u8) {
        // SAFETY: So long is the mapping, and it can be written.
        unsafe { self.address.add(bytes).write_bytes(value, self.len - bytes) };
    }

    /// The first byte there that is another one, counted from there.
    pub fn differs_behind(&self, bytes: usize, value: u8) -> Option<usize> {
        (0..self.len - bytes)
            // SAFETY: The place is inside of the mapping.
            .find(|at| unsafe { self.address.add(bytes + at).read_volatile() } != value)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours.
        unsafe { libc::munmap(self.address.cast(), self.len) };
    }
}

impl World<'_> {
    pub(super) fn map(&mut self, record: &Record) -> Answer {
        let stream = self.stream(record)?;
        let sizes = stream.sizes();
        let [which, protection, place, len, ..] = record.bytes;
        let buffer = (sizes.buffer * sizes.frame_bytes).next_multiple_of(4096);
        let (offset, near) = match which % 4 {
            0 if sizes.mapped => (MAP_DATA, buffer),
            1 => (MAP_DATA, buffer),
            0 | 2 => (MAP_CONTROL, 4096),
            _ => (MAP_STATUS, 4096),
        };
        let place = number(place, record.wide, &[0]) / 4096 * 4096;
        let offset = (offset as u64).wrapping_add(place);
        let len = number(len, record.wide >> 8, &[near, 4096]).clamp(1, 4 << 20) as usize;
        let protection = match protection % 8 {
            0..=4 => libc::PROT_READ | libc::PROT_WRITE,
            5 => libc::PROT_READ,
            6 => libc::PROT_WRITE,
            _ => libc::PROT_READ | libc::PROT_EXEC,
        };
        let map = Map::new(stream.fd.0, offset as i64, len, protection)?;
        if stream.maps.len() == 4 {
            stream.maps.remove(0);
        }
        stream.maps.push(map);
        Ok(0)
    }

    pub(super) fn touch(&mut self, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let sound = self.session.sounds.of(slot / 2);
        let stream = self.stream(record)?;
        if stream.maps.is_empty() {
            let mut map = *record;
            map.bytes = [record.bytes[0] & 2, 0, 0, 0, 0, 0];
            self.map(&map)?;
        }
        let stream = self.stream(record)?;
        let Config {
            buffer,
            period,
            boundary,
            ..
        } = stream.sizes();
        let at = stream.hw_ptr();
        let [which, how, much, value, ..] = record.bytes;
        let map = &stream.maps[usize::from(which >> 2) % stream.maps.len()];
        if map.offset >= MAP_CONTROL && map.writable {
            let [period, buffer] = [period, buffer].map(|frames| at.wrapping_add(frames));
            let near = [period, buffer, at, boundary - 1, boundary, 1];
            let value = number(value, record.wide, &near);
            let word = if how % 4 == 3 { 8 } else { 0 };
            // SAFETY: The page of appl_ptr and avail_min is mapped, to be written.
            unsafe {
                map.address
                    .byte_add(word)
                    .cast::<u64>()
                    .write_volatile(value)
            };
        } else if map.offset < MAP_STATUS {
            let from = (record.wide as usize) % map.len;
            let len = (number(much, record.wide >> 8, &[4096, 64]) as usize).min(map.len - from);
            if map.writable && how % 4 != 1 {
                // SAFETY: The buffer is mapped, to be written.
                unsafe { map.address.add(from).write_bytes(sound, len) };
            } else {
                let mut copy = vec![0; len];
                // SAFETY: The buffer is mapped. What the kernel writes meanwhile may come or not.
                unsafe {
                    std::ptr::copy_nonoverlapping(map.address.add(from), copy.as_mut_ptr(), len)
                };
                sound::check(&copy, sound);
            }
        }
        Ok(0)
    }

    pub(super) fn sync_ptr(&mut self, record: &Record) -> Answer {
        let stream = self.stream(record)?;
        let Config {
            buffer,
            period,
            boundary,
            ..
        } = stream.sizes();
        let at = stream.hw_ptr();
        let [flags, pointer, avail, ..] = record.bytes;
        let near = [
            at.wrapping_add(period),
            at.wrapping_add(buffer),
            at,
            at.wrapping_add(1),
            at.wrapping_sub(period),
            boundary - 1,
            boundary,
        ];
        let mut sync = k::SyncPtr {
            flags: u32::from(flags & 7),
            appl_ptr: number(pointer, record.wide, &near),
            avail_min: number(avail, record.wide >> 8, &[period, 1, buffer]),
            ..k::SyncPtr::default()
        };
        let answer = ioctl(stream.fd.0, k::SYNC_PTR, &mut sync)?;
        if stream.config.is_some() && sync.hw_ptr >= boundary {
            found(&format!(
                "hw_ptr is {:#x}, the boundary {boundary:#x}",
                sync.hw_ptr
            ));
        }
        Ok(answer)
    }
}
