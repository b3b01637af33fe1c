// SPDX-License-Identifier: GPL-2.0

//! What the controls `PCM Slave …` of a cable tell about its playback.

use alsa::pcm::{
    Format,
    Params, //
};

/// What the last playback was like: the values of the controls `PCM Slave …`.
#[derive(Clone, Copy)]
pub(crate) struct Slave {
    /// ALSA's number of the format.
    pub(crate) format: i64,
    /// In Hz.
    pub(crate) rate: i64,
    pub(crate) channels: i64,
    /// The access mode: by frames, or by channels.
    pub(crate) interleaved: bool,
}

impl Slave {
    /// What the controls say before there has been a playback, as in C.
    pub(super) const UNKNOWN: Self = Self {
        format: Format::S16_LE.number() as i64,
        rate: 48000,
        channels: 2,
        interleaved: true,
    };

    /// Returns the values for a stream with these parameters.
    pub(super) fn new(params: &Params) -> Self {
        Self {
            format: params.format.number().into(),
            rate: params.rate.into(),
            channels: params.channels.into(),
            interleaved: params.interleaved,
        }
    }

    /// Returns what is new since `old`.
    pub(super) fn changes_from(&self, old: &Self) -> Changes {
        Changes {
            format: self.format != old.format,
            rate: self.rate != old.rate,
            channels: self.channels != old.channels,
            access: self.interleaved != old.interleaved,
            ..Changes::default()
        }
    }
}

/// Which values of the controls a trigger has changed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Changes {
    pub(crate) format: bool,
    pub(crate) rate: bool,
    pub(crate) channels: bool,
    pub(crate) access: bool,
    /// `PCM Slave Active`.
    pub(crate) active: bool,
    /// `PCM Capture Active`.
    pub(crate) capture_active: bool,
}
