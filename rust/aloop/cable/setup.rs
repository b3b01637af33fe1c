// SPDX-License-Identifier: GPL-2.0

//! What a side of a cable has been prepared for.

use crate::{
    buffer::{
        spans,
        Geometry,
        Span, //
    },
    clock::NSEC_PER_SEC,
    units::{
        Bytes,
        Delta,
        Frames, //
    },
};
use alsa::pcm::Params;
use core::cmp::min;
use kernel::prelude::*;

/// How long a position stands still at most: see [`Setup::move_interval`].
const MOVE_INTERVAL: Delta = Delta::from_micros(10);

/// The parameters of a substream that has been prepared, and what follows from them.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) params: Params,
    pub(super) geometry: Geometry,
    /// The least time from one move of the cable that a question for the position makes to the
    /// next.
    ///
    /// A program may read, or write, until there is nothing left. Above 100 kHz there are some
    /// frames more whenever it asks, and it would never end: so positions move in steps of ten
    /// microseconds, which are more than such a call takes, but not so long that half of a buffer
    /// goes by. At lower rates, and nominal speed, that is less than a frame. A program that is
    /// woken asks three times or so within that time, and all but the first need move nothing.
    pub(super) move_interval: Delta,
}

impl Setup {
    /// Checks parameters that the core has chosen.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are no frames in a period or a buffer, if a frame would take no bytes, or
    /// a buffer too many.
    pub(crate) fn new(params: Params) -> Result<Self> {
        if params.period_size == 0 {
            return Err(EINVAL);
        }
        let geometry = Geometry::new(
            params.buffer_size,
            params.channels,
            params.format.sample_bytes(),
            params.interleaved,
        );
        let mut setup = Self {
            geometry: geometry.ok_or(EINVAL)?,
            params,
            move_interval: Delta::ZERO,
        };
        setup.move_interval = min(MOVE_INTERVAL, setup.buffer_time() / 2);
        Ok(setup)
    }

    /// Returns the size of the buffer, in bytes.
    pub(super) fn bytes(&self) -> Bytes {
        Bytes(self.geometry.bytes() as u64)
    }

    /// Returns where the first `frames` frames of the buffer are, in bytes.
    pub(crate) fn spans(&self, frames: Frames) -> impl Iterator<Item = Span> {
        spans(&self.geometry, Frames::ZERO, frames)
    }

    /// Returns the size of the buffer, in frames.
    pub(super) fn frames(&self) -> Frames {
        self.geometry.frames()
    }

    /// Returns where in the buffer a position is that is counted since PREPARE, in frames.
    pub(super) fn buffer_position(&self, position: Frames) -> u32 {
        self.geometry.slot(position, Frames::ZERO)
    }

    /// Returns how long the buffer lasts.
    pub(super) fn buffer_time(&self) -> Delta {
        self.time_of(self.frames())
    }

    /// Returns how long a period lasts.
    pub(super) fn period_time(&self) -> Delta {
        self.time_of(self.period())
    }

    /// Returns how long so many frames last, at nominal speed.
    fn time_of(&self, frames: Frames) -> Delta {
        // As long as there are frames in a buffer, which fit into 32 bits, this does not saturate.
        Delta((frames * NSEC_PER_SEC).0) / self.params.rate.into()
    }

    /// Returns the size of a period, in frames: 1 or more.
    pub(super) fn period(&self) -> Frames {
        self.params.period_size.into()
    }

    /// Returns the size of a frame.
    pub(crate) fn frame_bytes(&self) -> Bytes {
        self.sample_bytes() * u64::from(self.geometry.channels())
    }

    /// Returns the size of a period, in bytes.
    pub(super) fn period_bytes(&self) -> Bytes {
        self.frame_bytes() * self.period()
    }

    /// Returns the size of a sample in memory.
    pub(super) fn sample_bytes(&self) -> Bytes {
        self.geometry.sample_bytes().into()
    }

    /// Returns whether what is copied from one side to the other stays as it lies.
    pub(super) fn lies_alike(&self, other: &Self) -> bool {
        self.geometry.lies_alike(&other.geometry)
    }

    /// Returns whether both sides agree on format, rate and channels, so that frames can go from
    /// one to the other.
    ///
    /// How their samples lie in the buffer is a matter of each.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.params.format == other.params.format
            && self.params.rate == other.params.rate
            && self.params.channels == other.params.channels
    }
}
