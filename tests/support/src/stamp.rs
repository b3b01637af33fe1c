// SPDX-License-Identifier: GPL-2.0

//! The time stamps of a stream: what STATUS_EXT tells of its clock.

use crate::config::Config;
use crate::kernel as k;
use crate::kernel::Errno;
use crate::pcm::Pcm;

/// What a client asks an audio time stamp for, with ALSA's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Compat = 0,
    Default = 1,
    Link = 2,
    LinkAbsolute = 3,
    LinkEstimated = 4,
    LinkSynchronized = 5,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::Compat,
        Kind::Default,
        Kind::Link,
        Kind::LinkAbsolute,
        Kind::LinkEstimated,
        Kind::LinkSynchronized,
    ];
}

/// The clock of time stamps, with ALSA's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Realtime = 0,
    Monotonic = 1,
    MonotonicRaw = 2,
}

/// What one STATUS_EXT has told; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub state: i32,
    pub hw_ptr: u64,
    pub trigger: i64,
    pub system: i64,
    pub audio: i64,
    /// Whether there is a report.
    pub valid: bool,
    /// The number of the `Kind` that it is.
    pub actual: u32,
    /// Nanoseconds, if the report has it.
    pub accuracy: Option<u32>,
}

impl Pcm {
    pub fn stamp(&self, kind: Kind) -> Result<Stamp, Errno> {
        let mut s = k::Status::default();
        s.audio_tstamp_data = kind as u32;
        self.call("STATUS_EXT", k::STATUS_EXT, &mut s)?;
        let report = s.audio_tstamp_data >> 16;
        Ok(Stamp {
            state: s.state,
            hw_ptr: s.hw_ptr,
            trigger: s.trigger_tstamp.ns(),
            system: s.tstamp.ns(),
            audio: s.audio_tstamp.ns(),
            valid: report & 1 != 0,
            actual: (report >> 1) & 0xf,
            accuracy: ((report >> 5) & 1 != 0).then_some(s.audio_tstamp_accuracy),
        })
    }

    /// Chooses the clock of time stamps. SW_PARAMS sets it back to CLOCK_MONOTONIC.
    pub fn stamp_by(&self, clock: Clock) -> Result<(), Errno> {
        let mut number = clock as i32;
        self.call("TTSTAMP", k::TTSTAMP, &mut number).map(|_| ())
    }

    /// As `configure`, for a client that asks for no wake-ups at periods. Not for mmap.
    pub fn configure_unwoken(&mut self, cfg: &Config) -> Result<(), Errno> {
        let mut request = cfg.request();
        request.flags |= k::HW_PARAMS_NO_PERIOD_WAKEUP;
        self.hw_params(&request)?;
        self.cfg = Some(*cfg);
        self.sw_params(cfg.buffer() as u64)?;
        self.prepare()
    }
}
