// SPDX-License-Identifier: GPL-2.0

//! A side of the short stream that goes through a cable afterwards.

use support::kernel as k;

use super::width;
use super::Aftermath;
use super::Shape;
use super::MARK;
use super::RATE;
use crate::calls::ioctl;
use crate::calls::ioctl_plain;
use crate::calls::Fd;
use crate::pcm::Map;
use crate::pcm::MAP_DATA;
use crate::rules;
use crate::rules::within_frame;
use crate::rules::DRAINING;
use crate::rules::RUNNING;

/// A side that is open.
pub(super) struct Side<'a> {
    pub(super) all: &'a Aftermath,
    pub(super) fd: Fd,
    pub(super) shape: &'a Shape,
    pub(super) capture: bool,
    pub(super) map: Option<Map>,
}

impl Side<'_> {
    pub(super) fn call(&self, name: &str, request: u64) {
        if let Err(errno) = ioctl_plain(self.fd.0, request) {
            self.fail(name, errno);
        }
    }

    fn fail(&self, name: &str, errno: i32) -> ! {
        let who = if self.capture { "capture" } else { "playback" };
        self.all
            .tell(&format!("{name} of the {who}: error {errno}"))
    }

    pub(super) fn start(&self) {
        self.call("START", k::START);
    }

    pub(super) fn configure(&mut self) {
        let access = match (self.all.planar, self.shape.mapped) {
            (false, true) => 0,
            (true, true) => 1,
            (false, false) => 3,
            (true, false) => 4,
        };
        let mut params = k::HwParams::any()
            .only(k::ACCESS, access)
            .only(k::FORMAT, self.all.format)
            .exactly(k::CHANNELS, self.all.channels as u32)
            .exactly(k::RATE, RATE as u32)
            .exactly(k::PERIOD_SIZE, self.shape.period as u32)
            .exactly(k::PERIODS, self.shape.periods as u32);
        if let Err(errno) = ioctl(self.fd.0, k::HW_PARAMS, &mut params) {
            self.fail("HW_PARAMS", errno);
        }
        let buffer = self.shape.buffer();
        let mut params = k::SwParams {
            tstamp_mode: 1,
            tstamp_type: 1,
            period_step: 1,
            proto: 0x2_0012,
            avail_min: 1,
            start_threshold: i64::MAX as u64,
            stop_threshold: buffer,
            ..k::SwParams::default()
        };
        if let Err(errno) = ioctl(self.fd.0, k::SW_PARAMS, &mut params) {
            self.fail("SW_PARAMS", errno);
        }
        if self.shape.mapped {
            let bytes = (buffer * self.all.frame_bytes()) as usize;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            match Map::new(
                self.fd.0,
                MAP_DATA,
                bytes.next_multiple_of(4096),
                protection,
            ) {
                Ok(map) => {
                    map.fill_behind(bytes, MARK);
                    self.map = Some(map);
                }
                Err(errno) => self.fail("mmap", errno),
            }
        }
        self.call("PREPARE", k::PREPARE);
    }

    /// [2017] Nothing is written behind the buffer, in the page that it ends in.
    pub(super) fn judge_margin(&self) {
        let bytes = (self.shape.buffer() * self.all.frame_bytes()) as usize;
        if let Some(at) = self
            .map
            .as_ref()
            .and_then(|map| map.differs_behind(bytes, MARK))
        {
            self.all.tell(&format!(
                "byte {at} behind the capture's buffer was written"
            ));
        }
    }

    pub(super) fn status(&self) -> k::Status {
        let mut status = k::Status::default();
        status.audio_tstamp_data = rules::LINK;
        if let Err(errno) = ioctl(self.fd.0, k::STATUS_EXT, &mut status) {
            self.fail("STATUS_EXT", errno);
        }
        status
    }

    pub(super) fn judge_clock(&self) {
        let status = self.status();
        if matches!(status.state, RUNNING | DRAINING)
            && status.audio_tstamp_data >> 17 & 0xf == rules::LINK
        {
            let slot = self.all.cable * 2 + usize::from(self.capture);
            within_frame(slot, status.audio_tstamp.ns(), status.hw_ptr, RATE);
        }
    }

    /// `None` if the side is beyond a position. The core does not notice if a playback comes to
    /// what is being written, or a capture to what is being read.
    pub(super) fn is_in_time(&self, most: u64) -> Option<()> {
        (self.status().hw_ptr <= most).then_some(())
    }

    /// Moves frames to or from `bytes`, which has so many for each channel of a planar stream, or
    /// for all.
    fn transfer(&self, bytes: &mut [u8], frames: u64) -> Option<u64> {
        let areas = if self.all.planar {
            self.all.channels as usize
        } else {
            1
        };
        let each = bytes.len() / areas;
        let addresses: Vec<*mut u8> = bytes
            .chunks_mut(each.max(1))
            .map(<[u8]>::as_mut_ptr)
            .collect();
        let mut argument = k::Xfer {
            result: 0,
            buf: if self.all.planar {
                addresses.as_ptr() as *mut _
            } else {
                addresses[0].cast()
            },
            frames,
        };
        let request = match (self.capture, self.all.planar) {
            (false, false) => k::WRITEI,
            (false, true) => k::WRITEN,
            (true, false) => k::READI,
            (true, true) => k::READN,
        };
        match ioctl(self.fd.0, request, &mut argument) {
            Ok(_) => Some(argument.result as u64),
            Err(libc::EAGAIN) => Some(0),
            Err(libc::EPIPE) => None,
            Err(errno) => self.fail("a transfer", errno),
        }
    }

    /// What there is, in frames that have all channels.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        let (width, channels) = (width(self.all.format) as usize, self.all.channels as usize);
        let buffer = self.shape.buffer();
        if self.map.is_some() {
            let sync = self.sync(None)?;
            let count = sync.hw_ptr - sync.appl_ptr;
            if count > buffer {
                return None;
            }
            let mut frames = vec![0; (count * self.all.frame_bytes()) as usize];
            self.each_sample(sync.appl_ptr, count, |at, sample| {
                // SAFETY: The sample is inside of the buffer, which is mapped.
                unsafe { sample.copy_to_nonoverlapping(frames[at..].as_mut_ptr(), width) };
            });
            self.sync(Some(sync.hw_ptr))?;
            return Some(frames);
        }
        let mut bytes = vec![0xee; buffer as usize * width * channels];
        let got = self.transfer(&mut bytes, buffer)? as usize;
        if !self.all.planar {
            bytes.truncate(got * width * channels);
            return Some(bytes);
        }
        let each = bytes.len() / channels;
        let mut frames = Vec::with_capacity(got * width * channels);
        for frame in 0..got {
            for channel in 0..channels {
                let from = channel * each + frame * width;
                frames.extend(&bytes[from..from + width]);
            }
        }
        Some(frames)
    }

    /// Writes as much as there is room for, from a frame on.
    pub(super) fn write(&self, from: u64) -> Option<u64> {
        let (width, channels) = (width(self.all.format), self.all.channels);
        let count = (self.all.frames - from).min(self.shape.buffer());
        if self.map.is_some() {
            let sync = self.sync(None)?;
            let room = (sync.hw_ptr + self.shape.buffer()).checked_sub(sync.appl_ptr)?;
            let count = count.min(room);
            let first = from * self.all.frame_bytes();
            self.each_sample(sync.appl_ptr, count, |at, sample| {
                for byte in 0..width {
                    let at = first + at as u64 + byte;
                    let value = self
                        .all
                        .byte(at / (width * channels), at % (width * channels));
                    // SAFETY: As above.
                    unsafe { sample.add(byte as usize).write_volatile(value) };
                }
            });
            self.sync(Some(sync.appl_ptr + count))?;
            return Some(count);
        }
        let mut bytes = vec![0; (count * width * channels) as usize];
        for frame in 0..count {
            for at in 0..width * channels {
                let to = if self.all.planar {
                    at / width * count * width + frame * width + at % width
                } else {
                    frame * width * channels + at
                };
                bytes[to as usize] = self.all.byte(from + frame, at);
            }
        }
        self.transfer(&mut bytes, count)
    }

    /// The pointers of a mapped stream, or a new one of the application's.
    fn sync(&self, appl_ptr: Option<u64>) -> Option<k::SyncPtr> {
        let mut sync = k::SyncPtr {
            flags: match appl_ptr {
                Some(_) => k::SYNC_PTR_AVAIL_MIN,
                None => k::SYNC_PTR_HWSYNC | k::SYNC_PTR_APPL | k::SYNC_PTR_AVAIL_MIN,
            },
            appl_ptr: appl_ptr.unwrap_or(0),
            ..k::SyncPtr::default()
        };
        match ioctl(self.fd.0, k::SYNC_PTR, &mut sync) {
            Ok(_) => Some(sync),
            Err(libc::EPIPE) => None,
            Err(errno) => self.fail("SYNC_PTR", errno),
        }
    }

    /// Calls `what` with each sample of the mapped buffer from a frame on: where it is among the
    /// bytes of the frames, and its address.
    fn each_sample(&self, from: u64, count: u64, mut what: impl FnMut(usize, *mut u8)) {
        let Some(map) = &self.map else {
            return;
        };
        let (width, channels) = (width(self.all.format), self.all.channels);
        let buffer = self.shape.buffer();
        for frame in 0..count {
            let place = (from + frame) % buffer;
            for channel in 0..channels {
                let offset = if self.all.planar {
                    (channel * buffer + place) * width
                } else {
                    (place * channels + channel) * width
                };
                let at = (frame * channels + channel) * width;
                // SAFETY: The offset is inside of the buffer, which is mapped.
                what(at as usize, unsafe { map.address.add(offset as usize) });
            }
        }
    }
}
