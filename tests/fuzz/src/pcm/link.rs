// SPDX-License-Identifier: GPL-2.0

//! Streams that are linked, and the two sides of a cable.

use support::kernel as k;

use crate::calls::ioctl_plain;
use crate::calls::ioctl_raw;
use crate::calls::Answer;
use crate::input::Record;
use crate::world::World;

impl World<'_> {
    /// A call on a stream may have been one on those that are linked with it.
    pub(super) fn note_linked(&mut self, slot: usize) {
        if !self.streams[slot].as_ref().is_some_and(|s| s.linked) {
            return;
        }
        for stream in self.streams.iter_mut().flatten() {
            if stream.linked {
                stream.know_nothing();
            }
        }
    }

    /// A stream, and those that are linked with it, may have stood still, or been set back.
    pub(super) fn note_odd_clock(&mut self, slot: usize) {
        let linked = self.streams[slot].as_ref().is_some_and(|s| s.linked);
        for (number, stream) in self.streams.iter_mut().enumerate() {
            if let Some(stream) = stream {
                if number == slot || linked && stream.linked {
                    stream.odd_clock = true;
                    stream.stamp = None;
                }
            }
        }
    }

    pub(super) fn link(&mut self, fd: i32, other: u64) -> Answer {
        // SAFETY: The argument is a number.
        let answer = unsafe { ioctl_raw(fd, k::LINK, other) };
        if answer.is_ok() {
            self.note_link();
        }
        answer
    }

    /// Streams may be linked from now on: any number may be that of a descriptor.
    pub fn note_link(&mut self) {
        for stream in self.streams.iter_mut().flatten() {
            stream.linked = true;
        }
    }

    /// Any calls may have been made on a stream.
    pub fn forget_all(&mut self, slot: usize) {
        if let Some(stream) = &mut self.streams[slot] {
            stream.config = None;
            stream.know_nothing();
        }
        self.note_linked(slot);
    }

    /// Both sides of the cable of a record, running.
    pub(super) fn pair(&mut self, record: &Record) -> Answer {
        let both = [0, 1].map(|side| Record {
            slot: record.slot & !1 | side,
            ..*record
        });
        for side in &both {
            self.setup(side)?;
        }
        let fds = [self.fd(&both[0])?, self.fd(&both[1])?];
        if record.wide & 1 != 0 {
            self.link(fds[0], fds[1] as u64)?;
        }
        let size = self.stream(&both[0])?.sizes().period * 2;
        self.transfer(&both[0], size, 0)?;
        if record.wide & 2 != 0 && record.wide & 1 == 0 {
            ioctl_plain(fds[1], k::START)?;
        }
        if self.stream(&both[0])?.state() == 2 {
            ioctl_plain(fds[0], k::START)?;
        }
        if record.wide & 3 == 0 {
            ioctl_plain(fds[1], k::START)?;
        }
        Ok(0)
    }
}
