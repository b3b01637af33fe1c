// SPDX-License-Identifier: GPL-2.0

//! The driver's functions in plain numbers: frames, and times in nanoseconds.
//!
//! The tests compute what is right in another way than the driver, in 128 bits or by counting.
//! There the units, which saturate, would only be in the way.

use crate::buffer;
use crate::buffer::CopySpan;
use crate::buffer::CopyStep;
use crate::buffer::Geometry;
use crate::buffer::Pointers;
use crate::buffer::Span;
use crate::clock;
use crate::clock::Pace;
use crate::clock::Phase;
use crate::units::Frames;
use crate::units::Instant;
use crate::units::Pointer;

/// [`clock::Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock(clock::Clock);

impl Clock {
    pub(crate) fn new(rate: u32, shift: u32, now: u64) -> Self {
        Self(clock::Clock::new(rate, shift, Instant(now)))
    }

    pub(crate) fn with_pace(rate: u32, pace: Pace, now: u64) -> Self {
        Self(clock::Clock::with_pace(rate, pace, Instant(now)))
    }

    pub(crate) fn in_phase(self, phase: Phase) -> Self {
        Self(self.0.in_phase(phase))
    }

    pub(crate) fn advance(&mut self, now: u64) -> u64 {
        self.0.advance(Instant(now)).0
    }

    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.0.set_pace(pace);
    }

    pub(crate) fn phase(&self) -> Phase {
        self.0.phase()
    }

    pub(crate) fn time_of(&self, ahead: u64) -> u64 {
        self.0.time_of(Frames(ahead)).0
    }
}

/// [`clock::Absolute`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absolute(clock::Absolute);

impl Absolute {
    pub(crate) fn new() -> Self {
        Self(clock::Absolute::new())
    }

    pub(crate) fn at(&self, now: u64) -> Option<u64> {
        self.0.at(Instant(now)).map(|audio| audio.0)
    }

    pub(crate) fn changed_at(&self) -> u64 {
        self.0.changed_at().0
    }

    pub(crate) fn set_pace(&mut self, pace: Pace, now: u64) {
        self.0.set_pace(pace, Instant(now));
    }
}

/// [`clock::duration`].
pub(crate) fn nanos(frames: u64, phase: Phase, rate: u32) -> u64 {
    clock::duration(Frames(frames), phase, rate).0
}

/// [`buffer::spans`].
pub(crate) fn spans(buffer: &Geometry, pos: u64, frames: u64) -> impl Iterator<Item = Span> {
    buffer::spans(buffer, Frames(pos), Frames(frames))
}

/// [`buffer::copy_steps`].
pub(crate) fn copy_steps(
    from: &Geometry,
    from_pos: u64,
    to: &Geometry,
    to_pos: u64,
    frames: u64,
) -> impl Iterator<Item = CopyStep> {
    buffer::copy_steps(from, Frames(from_pos), to, Frames(to_pos), Frames(frames))
}

/// [`buffer::copy_span`].
pub(crate) fn copy_span(
    from: &Geometry,
    from_pos: u64,
    to: &Geometry,
    to_pos: u64,
    frames: u64,
) -> Option<CopySpan> {
    buffer::copy_span(from, Frames(from_pos), to, Frames(to_pos), Frames(frames))
}

fn pointers(hw_ptr: u64, appl_ptr: u64, boundary: u64) -> Pointers {
    Pointers {
        hw_ptr: Pointer(hw_ptr),
        appl_ptr: Pointer(appl_ptr),
        boundary: Frames(boundary),
    }
}

/// [`Pointers::written_ahead`], of a position that the core has been told of.
pub(crate) fn written_ahead(hw: u64, appl: u64, boundary: u64, buffer: u64, pos: u64) -> u64 {
    written_since(hw, appl, boundary, buffer, (pos, pos))
}

/// [`Pointers::written_ahead`], of the position that the core has been told of, and a later one.
pub(crate) fn written_since(
    hw: u64,
    appl: u64,
    boundary: u64,
    buffer: u64,
    (told, pos): (u64, u64),
) -> u64 {
    let pointers = pointers(hw, appl, boundary);
    pointers
        .written_ahead(Frames(buffer), Frames(told), Frames(pos))
        .0
}

/// [`Pointers::left_to_read`], of a position that the core has been told of.
pub(crate) fn left_to_read(hw: u64, appl: u64, boundary: u64, buffer: u64, pos: u64) -> u64 {
    left_since(hw, appl, boundary, buffer, (pos, pos))
}

/// [`Pointers::left_to_read`], of the position that the core has been told of, and a later one.
pub(crate) fn left_since(
    hw: u64,
    appl: u64,
    boundary: u64,
    buffer: u64,
    (told, pos): (u64, u64),
) -> u64 {
    let pointers = pointers(hw, appl, boundary);
    pointers
        .left_to_read(Frames(buffer), Frames(told), Frames(pos))
        .0
}

/// [`Pointers::available`].
pub(crate) fn available(hw: u64, appl: u64, boundary: u64, space: u64) -> u64 {
    pointers(hw, appl, boundary).available(Frames(space)).0
}

/// [`buffer::SilenceMark`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SilenceMark(buffer::SilenceMark);

impl SilenceMark {
    pub(crate) fn silent() -> Self {
        Self(buffer::SilenceMark::silent())
    }

    pub(crate) fn unknown() -> Self {
        Self(buffer::SilenceMark::unknown())
    }

    pub(crate) fn data(&mut self, end: u64) {
        self.0.data(Frames(end));
    }

    pub(crate) fn silent_frames(self, buffer: impl Into<u64>, pos: u64) -> u64 {
        self.0.silent_frames(Frames(buffer.into()), Frames(pos)).0
    }

    pub(crate) fn sound_frames(self, buffer: impl Into<u64>) -> u64 {
        self.0.sound_frames(Frames(buffer.into())).0
    }

    pub(crate) fn to_clear(self, buffer: impl Into<u64>, pos: u64, frames: u64) -> u64 {
        let buffer = Frames(buffer.into());
        self.0.to_clear(buffer, Frames(pos), Frames(frames)).0
    }
}
