// SPDX-License-Identifier: GPL-2.0

//! Calls on the PCM devices.

mod link;
mod map;
mod params;
mod stream;
mod transfer;

pub use map::Map;
pub use map::MAP_DATA;
pub use params::FORMATS;
pub use stream::Config;
pub use stream::Prepared;
pub use stream::Stream;

use crate::background::Job;
use crate::calls::answer;
use crate::calls::bounded;
use crate::calls::ioctl;
use crate::calls::ioctl_bytes;
use crate::calls::ioctl_plain;
use crate::calls::ioctl_raw;
use crate::calls::open;
use crate::calls::Answer;
use crate::calls::GARBAGE;
use crate::input::Kind;
use crate::input::Record;
use crate::pcm::map::MAP_STATUS;
use crate::pcm::params::hw_params;
use crate::rules::QUIET_STAMPS;
use crate::sound::ROOM;
use crate::values::number;
use crate::values::Noise;
use crate::world::World;
use crate::world::SLOTS;
use support::kernel as k;
use support::kernel::request;
use support::kernel::READ;
use support::kernel::WRITE;

/// The parameters that a record asks for, as far as they are the same for a program of 32 bits.
pub fn hw_params_bytes(record: &Record) -> [u8; 536] {
    let params = hw_params(record);
    let mut bytes = [0; 536];
    // SAFETY: A plain structure, without padding before the field `fifo_size`, which is there.
    let all = unsafe { std::slice::from_raw_parts((&raw const params).cast::<u8>(), bytes.len()) };
    bytes.copy_from_slice(all);
    bytes
}

impl World<'_> {
    /// A substream for a call of 32 bits, its frames in a period, and bytes in a frame.
    /// `configures`: what is known of it will not be true any more.
    pub fn narrow_stream(
        &mut self,
        record: &Record,
        configures: bool,
    ) -> Result<(i32, u64, u64), i32> {
        let stream = self.stream(record)?;
        let sizes = stream.sizes();
        if configures {
            stream.config = None;
        }
        stream.know_nothing();
        let fd = stream.fd.0;
        self.note_linked(Self::slot(record));
        Ok((fd, sizes.period, sizes.frame_bytes.max(1)))
    }

    /// The substream that a record names. If it is closed, it is opened first, and mostly got
    /// ready: calls that find nothing to work on are wasted.
    fn stream(&mut self, record: &Record) -> Result<&mut Stream, i32> {
        let slot = Self::slot(record);
        if self.streams[slot].is_none() {
            self.open(slot, libc::O_NONBLOCK)?;
            let early = matches!(
                record.kind(),
                Kind::Setup | Kind::Pair | Kind::Flow | Kind::Refine | Kind::Params | Kind::Free
            );
            if !early && record.bytes[5] % 8 != 7 {
                self.setup(&Record {
                    bytes: [0; 6],
                    wide: 0,
                    ..*record
                })?;
            }
        }
        self.streams[slot].as_mut().ok_or(libc::EBADF)
    }

    pub fn fd(&mut self, record: &Record) -> Result<i32, i32> {
        Ok(self.stream(record)?.fd.0)
    }

    fn open(&mut self, slot: usize, flags: i32) -> Answer {
        let (device, capture, subdevice) = SLOTS[slot];
        self.session.cards[self.card].prefer(subdevice)?;
        let letter = if capture { 'c' } else { 'p' };
        let path = format!("/dev/snd/pcmC{}D{device}{letter}", self.card);
        let fd = bounded(|| open(&path, libc::O_RDWR | flags))?;
        let status = Map::new(fd.0, MAP_STATUS, 4096, libc::PROT_READ)?;
        self.streams[slot] = Some(Stream {
            fd,
            shared: None,
            status,
            config: None,
            prepared: Prepared::Not,
            linked: false,
            odd_clock: false,
            stamp: None,
            maps: Vec::new(),
        });
        Ok(0)
    }

    /// Opens, or opens again, or opens a second time.
    fn open_call(&mut self, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let [flags, how, ..] = record.bytes;
        let flags = match flags % 8 {
            0..=3 => libc::O_NONBLOCK,
            4 | 5 => 0,
            6 => libc::O_NONBLOCK | libc::O_SYNC,
            _ => libc::O_NONBLOCK | libc::O_NOATIME,
        };
        let Some(stream) = &mut self.streams[slot] else {
            return self.open(slot, flags);
        };
        if how % 4 == 3 {
            stream.shared = None;
            return Ok(0);
        }
        let (device, capture, subdevice) = SLOTS[slot];
        self.session.cards[self.card].prefer(subdevice)?;
        let letter = if capture { 'c' } else { 'p' };
        let path = format!("/dev/snd/pcmC{}D{device}{letter}", self.card);
        // It is taken, unless it is shared.
        let append = if how % 4 == 2 { 0 } else { libc::O_APPEND };
        let fd = bounded(|| open(&path, libc::O_RDWR | append | flags))?;
        if append != 0 {
            stream.shared = Some(fd);
        }
        Ok(0)
    }

    fn setup(&mut self, record: &Record) -> Answer {
        let fd = self.fd(record)?;
        let _ = ioctl_plain(fd, k::DROP);
        self.params(record)?;
        self.stamp_times(record);
        self.prepare(record)
    }

    /// PREPARE, of those too that are linked with it.
    fn prepare(&mut self, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let fd = self.fd(record)?;
        let answer = bounded(|| ioctl_plain(fd, k::PREPARE));
        if answer.is_ok() || !matches!(answer, Err(libc::EBADFD | libc::EBUSY)) {
            self.note_linked(slot);
        }
        if let Some(stream) = &mut self.streams[slot] {
            match answer {
                Ok(_) => stream.note_prepared(),
                Err(libc::EBADFD | libc::EBUSY) => {}
                Err(_) => stream.know_nothing(),
            }
        }
        answer
    }

    /// What the kernel has chosen, but with time stamps.
    fn stamp_times(&mut self, record: &Record) {
        if self.quiet & QUIET_STAMPS != 0 {
            return;
        }
        let Ok(stream) = self.stream(record) else {
            return;
        };
        if let Some(config) = stream.config {
            let mut params = k::SwParams {
                tstamp_mode: 1,
                tstamp_type: 1,
                period_step: 1,
                proto: 0x2_0012,
                avail_min: config.period,
                start_threshold: 1,
                stop_threshold: config.buffer,
                ..k::SwParams::default()
            };
            let _ = ioctl(stream.fd.0, k::SW_PARAMS, &mut params);
        }
    }

    fn poll(&mut self, record: &Record) -> Answer {
        let fd = self.fd(record)?;
        let [events, time, ..] = record.bytes;
        let mut poll = libc::pollfd {
            fd,
            events: match events % 4 {
                0 => libc::POLLIN | libc::POLLOUT,
                1 => libc::POLLIN,
                2 => libc::POLLOUT,
                _ => !0,
            },
            revents: 0,
        };
        // SAFETY: One structure, as said.
        bounded(|| answer(unsafe { libc::poll(&mut poll, 1, i32::from(time % 20)) }.into()))
    }

    fn background(&mut self, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let (sound, read) = (
            self.session.sounds.address(slot / 2),
            self.session.behind.address(),
        );
        let stream = self.stream(record)?;
        let (fd, sizes) = (stream.fd.0, stream.sizes());
        let [which, much, ..] = record.bytes;
        let near = [sizes.buffer, sizes.period, sizes.buffer * 2];
        // With room for all channels wherever they are.
        let frames = number(much, record.wide, &near).min(ROOM as u64 / 128);
        let job = match which % 4 {
            0 if SLOTS[slot].1 => Job::Call(fd, k::READI, [0, read, frames]),
            0 => Job::Call(fd, k::WRITEI, [0, sound, frames]),
            1 => Job::Call(fd, k::DRAIN, [0; 3]),
            2 => Job::Poll(fd, 15),
            _ => Job::Call(fd, k::HWSYNC, [0; 3]),
        };
        self.session.worker.submit(job);
        // The other thread's turn.
        std::thread::sleep(std::time::Duration::from_micros(100));
        Ok(0)
    }

    /// Any request at all, on garbage.
    fn raw(&mut self, record: &Record) -> Answer {
        const KNOWN: [(u64, usize); 32] = [
            (0x00, 4),
            (0x01, 288),
            (0x02, 4),
            (0x03, 4),
            (0x04, 4),
            (0x10, 608),
            (0x11, 608),
            (0x12, 0),
            (0x13, 136),
            (0x20, 152),
            (0x21, 8),
            (0x22, 0),
            (0x23, 136),
            (0x24, 152),
            (0x32, 24),
            (0x40, 0),
            (0x41, 0),
            (0x42, 0),
            (0x43, 0),
            (0x44, 0),
            (0x45, 4),
            (0x46, 8),
            (0x47, 0),
            (0x48, 0),
            (0x49, 8),
            (0x50, 24),
            (0x51, 24),
            (0x52, 24),
            (0x53, 24),
            (0x60, 4),
            (0x61, 0),
            (0x7f, 8),
        ];
        let [which, dir, size, ..] = record.bytes;
        let (nr, len) = KNOWN[usize::from(which) % KNOWN.len()];
        let size = number(size & 15, record.wide, &[len as u64]) as usize & 0x3fff;
        let mut garbage = [0; GARBAGE];
        Noise::new(record.wide).fill(&mut garbage[..1024]);
        let dir = match (dir % 4, nr) {
            (0, 0x10..=0x13 | 0x23 | 0x24) => READ | WRITE,
            (0, 0x00 | 0x01 | 0x20 | 0x21 | 0x32 | 0x51 | 0x53) => READ,
            (0, _) if len > 0 => WRITE,
            (dir, _) => u64::from(dir),
        };
        let stream = self.stream(record)?;
        if nr == 0x11 {
            // Who knows what it settles.
            stream.config = None;
        }
        stream.know_nothing();
        let fd = stream.fd.0;
        self.note_linked(Self::slot(record));
        if nr == 0x60 {
            for stream in self.streams.iter_mut().flatten() {
                stream.linked = true;
                stream.know_nothing();
            }
        }
        bounded(|| ioctl_bytes(fd, request(dir, b'A', nr, size), &mut garbage))
    }

    fn number_call(&mut self, record: &Record, request: u64, near: &[u64]) -> Answer {
        let mut value = number(record.bytes[0], record.wide, near);
        ioctl(self.fd(record)?, request, &mut value)
    }

    pub fn perform_pcm(&mut self, kind: Kind, record: &Record) -> Answer {
        let slot = Self::slot(record);
        let [first, second, ..] = record.bytes;
        let plain = |request: u64, world: &mut Self| {
            let fd = world.fd(record)?;
            bounded(|| ioctl_plain(fd, request))
        };
        match kind {
            Kind::Setup => self.setup(record),
            Kind::Pair => self.pair(record),
            Kind::Open => self.open_call(record),
            Kind::Close => {
                let was_open = self.streams[slot].take().is_some();
                was_open.then_some(0).ok_or(libc::EBADF)
            }
            Kind::Refine => ioctl(self.fd(record)?, k::HW_REFINE, &mut hw_params(record)),
            Kind::Params => self.params(record),
            Kind::Free => {
                let stream = self.stream(record)?;
                let answer = ioctl_plain(stream.fd.0, k::HW_FREE);
                match answer {
                    Ok(_) => {
                        stream.config = None;
                        stream.prepared = Prepared::Not;
                    }
                    Err(libc::EBADFD | libc::EBUSY) => {}
                    Err(_) => stream.know_nothing(),
                }
                answer
            }
            Kind::Software => self.software(record),
            Kind::Prepare => self.prepare(record),
            Kind::Reset => {
                let answer = plain(k::RESET, self);
                self.note_odd_clock(slot);
                answer
            }
            Kind::Start => plain(k::START, self),
            Kind::Drop => plain(k::DROP, self),
            Kind::Drain => plain(k::DRAIN, self),
            Kind::Pause => {
                let argument = number(second, record.wide, &[u64::from(first % 2 == 0)]);
                // SAFETY: The argument is a number.
                let answer = unsafe { ioctl_raw(self.fd(record)?, k::PAUSE, argument) };
                self.note_odd_clock(slot);
                answer
            }
            Kind::Rewind | Kind::Forward => {
                let sizes = self.stream(record)?.sizes();
                let near = [sizes.period, 1, sizes.buffer, sizes.boundary, 16];
                let request = if kind == Kind::Rewind {
                    k::REWIND
                } else {
                    k::FORWARD
                };
                self.number_call(record, request, &near)
            }
            Kind::Resume => plain(k::RESUME, self),
            Kind::Xrun => plain(k::XRUN, self),
            Kind::Link => {
                let other = match second {
                    0..0xe0 => self.fd(&Record {
                        slot: record.slot ^ 1 ^ (first & 6),
                        ..*record
                    })?,
                    _ => number(second, record.wide, &[0, 1, 2, u64::MAX]) as i32,
                };
                let fd = self.fd(record)?;
                self.link(fd, other as u64)
            }
            Kind::Unlink => plain(k::UNLINK, self),
            Kind::Status => {
                let fd = match (&self.stream(record)?.shared, first % 2) {
                    (Some(shared), 1) => shared.0,
                    _ => self.fd(record)?,
                };
                ioctl(fd, k::STATUS, &mut k::Status::default())
            }
            Kind::StatusExt => {
                let mut status = k::Status::default();
                status.audio_tstamp_data =
                    number(second, record.wide, &[(first & 31).into()]) as u32;
                ioctl(self.fd(record)?, k::STATUS_EXT, &mut status)
            }
            Kind::Delay => self.number_call(record, k::DELAY, &[0]),
            Kind::Hwsync => plain(k::HWSYNC, self),
            Kind::SyncPtr => self.sync_ptr(record),
            Kind::ChannelInfo => {
                let mut info = k::ChannelInfo {
                    channel: number(first, record.wide, &[0, 1, 31, 32]) as u32,
                    ..k::ChannelInfo::default()
                };
                ioctl(self.fd(record)?, k::CHANNEL_INFO, &mut info)
            }
            Kind::Info => ioctl(self.fd(record)?, k::INFO, &mut [0u8; 288]),
            Kind::Version => {
                let mut version = number(second, record.wide, &[0x2_0012, 0, 0x2_000f]) as u32;
                let request = [k::PVERSION, k::USER_PVERSION][usize::from(first % 2)];
                ioctl(self.fd(record)?, request, &mut version)
            }
            Kind::Stamp => {
                self.stream(record)?.stamp = None;
                self.number_call(record, k::TTSTAMP, &[0, 1, 2, 3])
            }
            Kind::Transfer => self.transfer_call(record),
            Kind::Plain => self.plain(record),
            Kind::Map => self.map(record),
            Kind::Touch => self.touch(record),
            Kind::Unmap => {
                self.stream(record)?.maps.clear();
                Ok(0)
            }
            Kind::Poll => self.poll(record),
            Kind::Sleep => {
                let milliseconds = [1, 5, 10, 20, 2][usize::from(first) % 5];
                std::thread::sleep(std::time::Duration::from_millis(milliseconds));
                Ok(0)
            }
            Kind::Background => self.background(record),
            Kind::Flow => self.flow(record),
            _ => self.raw(record),
        }
    }
}
