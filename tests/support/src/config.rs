// SPDX-License-Identifier: GPL-2.0

//! Names and parameters of a PCM stream.

use std::time::Duration;
use std::time::Instant;

use crate::kernel as k;
use crate::signal::Audio;
use crate::signal::Format;
use crate::signal::S16_LE;

/// Direction of a substream, with ALSA's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    Playback = 0,
    Capture = 1,
}

impl Dir {
    pub const BOTH: [Dir; 2] = [Dir::Playback, Dir::Capture];

    pub fn letter(self) -> char {
        match self {
            Dir::Playback => 'p',
            Dir::Capture => 'c',
        }
    }
}

/// How frames are moved and laid out, with ALSA's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    MmapInterleaved = 0,
    MmapNoninterleaved = 1,
    RwInterleaved = 3,
    RwNoninterleaved = 4,
}

impl Access {
    pub const ALL: [Access; 4] = [
        Access::MmapInterleaved,
        Access::MmapNoninterleaved,
        Access::RwInterleaved,
        Access::RwNoninterleaved,
    ];

    pub fn is_planar(self) -> bool {
        matches!(self, Access::MmapNoninterleaved | Access::RwNoninterleaved)
    }

    pub fn is_mmap(self) -> bool {
        matches!(self, Access::MmapInterleaved | Access::MmapNoninterleaved)
    }
}

pub const OPEN: i32 = 0;
pub const SETUP: i32 = 1;
pub const PREPARED: i32 = 2;
pub const RUNNING: i32 = 3;
pub const XRUN: i32 = 4;
pub const DRAINING: i32 = 5;
pub const PAUSED: i32 = 6;
pub const SUSPENDED: i32 = 7;

/// The name of a stream state.
pub fn state_name(state: i32) -> &'static str {
    [
        "OPEN",
        "SETUP",
        "PREPARED",
        "RUNNING",
        "XRUN",
        "DRAINING",
        "PAUSED",
        "SUSPENDED",
    ]
    .get(state as usize)
    .copied()
    .unwrap_or("DISCONNECTED")
}

/// Parameters of a stream; sizes in frames.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub access: Access,
    pub format: Format,
    pub rate: u32,
    pub channels: usize,
    pub period: u32,
    pub periods: u32,
}

impl Config {
    pub fn buffer(&self) -> usize {
        (self.period * self.periods) as usize
    }

    pub fn frame_bytes(&self) -> usize {
        self.format.bytes * self.channels
    }

    /// How old a position may be that somebody is told, in nanoseconds: positions move in such
    /// steps (rule 8.2).
    pub fn step_ns(&self) -> i64 {
        10_000
    }

    /// How many frames may go by meanwhile, at the fastest rate shift.
    pub fn step_frames(&self) -> u64 {
        (self.step_ns() as u64 * u64::from(self.rate) * 10 / 8).div_ceil(1_000_000_000)
    }

    /// How long the buffer lasts, in nanoseconds.
    pub fn buffer_ns(&self) -> i64 {
        self.buffer() as i64 * 1_000_000_000 / i64::from(self.rate)
    }

    pub fn period_ns(&self) -> i64 {
        i64::from(self.period) * 1_000_000_000 / i64::from(self.rate)
    }

    pub fn signal(&self, frames: usize, seed: u64) -> Audio {
        Audio::signal(
            self.format,
            self.channels,
            self.access.is_planar(),
            frames,
            seed,
        )
    }

    pub fn silence(&self, frames: usize) -> Audio {
        Audio::silent(self.format, self.channels, self.access.is_planar(), frames)
    }

    pub fn nothing(&self) -> Audio {
        self.silence(0)
    }

    /// The parameters as a HW_PARAMS request.
    pub fn request(&self) -> k::HwParams {
        k::HwParams::any()
            .only(k::ACCESS, self.access as u32)
            .only(k::FORMAT, self.format.number)
            .exactly(k::CHANNELS, self.channels as u32)
            .exactly(k::RATE, self.rate)
            .exactly(k::PERIOD_SIZE, self.period)
            .exactly(k::BUFFER_SIZE, self.period * self.periods)
    }
}

/// An address of a substream.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub card: u32,
    pub device: u32,
    pub subdevice: u32,
    pub dir: Dir,
}

impl Address {
    /// The field `name` of one of the substream's files in `/proc/asound`, for looking at a stream
    /// that another thread or process has open.
    fn proc_value(&self, file: &str, name: &str) -> Option<String> {
        let path = format!(
            "/proc/asound/card{}/pcm{}{}/sub{}/{file}",
            self.card,
            self.device,
            self.dir.letter(),
            self.subdevice
        );
        let text = std::fs::read_to_string(path).ok()?;
        let value = |line: &str| {
            let (field, value) = line.split_once(':')?;
            (field.trim() == name).then(|| value.trim().to_string())
        };
        text.lines().find_map(value)
    }

    /// Waits until the field `name` of the status satisfies `accept`.
    pub fn await_proc_status(
        &self,
        name: &str,
        accept: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        self.await_proc("status", name, accept)
    }

    /// Waits until the field `name` of the parameters satisfies `accept`.
    pub fn await_proc_hw_params(
        &self,
        name: &str,
        accept: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        self.await_proc("hw_params", name, accept)
    }

    fn await_proc(
        &self,
        file: &str,
        name: &str,
        accept: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let value = self.proc_value(file, name);
            if value.as_deref().is_some_and(&accept) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{name} is {value:?} after 5 s"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// S16_LE, stereo, 48 kHz, eight periods of 10 ms.
pub const USUAL: Config = Config {
    access: Access::RwInterleaved,
    format: S16_LE,
    rate: 48000,
    channels: 2,
    period: 480,
    periods: 8,
};

/// As `USUAL`, at a rate at which a call takes longer than a frame.
pub const FAST: Config = Config {
    rate: 768_000,
    period: 7680,
    ..USUAL
};

/// As `USUAL`, with a buffer of 320 ms: for tests that stop serving a stream for a while.
pub const LONG: Config = Config {
    periods: 32,
    ..USUAL
};
