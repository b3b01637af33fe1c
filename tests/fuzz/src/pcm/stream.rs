// SPDX-License-Identifier: GPL-2.0

//! What is known of an open stream.

use crate::calls::Fd;
use crate::pcm::Map;
use crate::rules::Stamp;

/// What HW_PARAMS has settled.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(super) buffer: u64,
    pub(super) period: u64,
    /// ALSA's number of it.
    pub format: u32,
    pub rate: u64,
    pub channels: u64,
    pub(super) frame_bytes: u64,
    pub interleaved: bool,
    /// The buffer can be mapped.
    pub(super) mapped: bool,
    pub(super) boundary: u64,
}

/// What is known of what a side has been prepared for.
#[derive(Clone, Copy, Debug)]
pub enum Prepared {
    /// It has not been since it was opened, or its parameters have been freed.
    Not,
    For(Config),
    Unknown,
}

/// An open substream.
pub struct Stream {
    pub fd: Fd,
    /// Another descriptor, opened with O_APPEND.
    pub(super) shared: Option<Fd>,
    /// The page from which the state is read.
    pub(super) status: Map,
    pub config: Option<Config>,
    pub prepared: Prepared,
    /// It may be linked with others: calls on them may be calls on it.
    pub linked: bool,
    /// Its position and its clock may have been set since PREPARE, or have stood still.
    pub odd_clock: bool,
    /// What it last told of its clock.
    pub stamp: Option<Stamp>,
    pub(super) maps: Vec<Map>,
}

impl Stream {
    /// `SNDRV_PCM_STATE_…`.
    pub fn state(&self) -> i32 {
        // SAFETY: The page is mapped, and begins with the state.
        unsafe { self.status.address.cast::<i32>().read_volatile() }
    }

    pub fn hw_ptr(&self) -> u64 {
        // SAFETY: The page is mapped; `hw_ptr` is its third word of 4 bytes.
        unsafe {
            self.status
                .address
                .byte_add(8)
                .cast::<u64>()
                .read_volatile()
        }
    }

    /// The last configuration, or a usual one for a substream that has none.
    pub(super) fn sizes(&self) -> Config {
        self.config.unwrap_or(Config {
            buffer: 1024,
            period: 256,
            format: 2,
            rate: 48_000,
            channels: 2,
            frame_bytes: 4,
            interleaved: true,
            mapped: true,
            boundary: 1 << 62,
        })
    }

    /// The side has been prepared.
    pub(super) fn note_prepared(&mut self) {
        self.prepared = self.config.map_or(Prepared::Unknown, Prepared::For);
        self.odd_clock = self.linked;
        self.stamp = None;
    }

    /// Anything may have been done to it.
    pub fn know_nothing(&mut self) {
        self.prepared = Prepared::Unknown;
        self.odd_clock = true;
        self.stamp = None;
    }
}
