// SPDX-License-Identifier: GPL-2.0

//! Numbers with a unit: frames, points in time, lengths of time.
//!
//! They saturate, all of them, in every sum, difference and product. None comes near the end of its
//! range by itself (2^64 frames are 760 000 years at 768 kHz, 2^64 nanoseconds 584 years), and
//! where an application makes one up, the greatest there is means as much as any other. What is
//! not there, such as frames before the first, is 0.
//!
//! `clock`, `duty` and `buffer` compute with plain numbers, whose units are in their documentation,
//! and say why nothing wraps there.

use core::{
    cmp::Ordering,
    ops::{
        Add,
        AddAssign,
        Mul,
        Sub, //
    },
};

/// A number of frames; also a position: the frames that a stream has moved since PREPARE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frames(pub(crate) u64);

impl Frames {
    /// No frame, and the position of the first.
    pub(crate) const ZERO: Self = Self(0);

    /// More frames than there will ever be.
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// Returns whether there is any.
    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns how many whole `size` there are in it; 0 if `size` is none.
    pub(crate) fn whole(self, size: Self) -> u64 {
        // Hardly ever are there any: a division costs more than all the rest.
        match self.cmp(&size) {
            Ordering::Less => 0,
            _ => self.0.checked_div(size.0).unwrap_or(0),
        }
    }

    /// Returns the first multiple of `size` that is not before this position.
    pub(crate) fn next_multiple_of(self, size: Self) -> Self {
        Self(self.0.checked_next_multiple_of(size.0).unwrap_or(u64::MAX))
    }
}

impl From<u32> for Frames {
    fn from(frames: u32) -> Self {
        Self(frames.into())
    }
}

impl Add for Frames {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Frames {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Frames {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Frames {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// A point in time: nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) u64);

impl Instant {
    /// The start of the clock, before all that happens.
    pub(crate) const START: Self = Self(0);
}

impl Add<Delta> for Instant {
    type Output = Self;

    fn add(self, delta: Delta) -> Self {
        Self(self.0.saturating_add(delta.0))
    }
}

impl Sub for Instant {
    type Output = Delta;

    fn sub(self, earlier: Self) -> Delta {
        Delta(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Delta(pub(crate) u64);

impl Delta {
    /// No time.
    pub(crate) const ZERO: Self = Self(0);

    /// Returns so many microseconds.
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Returns so many milliseconds.
    pub(crate) const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
}
