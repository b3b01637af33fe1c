// SPDX-License-Identifier: GPL-2.0

//! Numbers with a unit: frames, bytes, points in time, lengths of time, and ALSA's pointers.
//!
//! [`Frames`], [`Bytes`], [`Instant`] and [`Delta`] saturate, in every sum, difference and product.
//! None comes near the end of its range by itself (2^64 frames are 760 000 years at 768 kHz, 2^64
//! nanoseconds 584 years), and where an application makes one up, the greatest there is means as
//! much as any other. What is not there, such as frames before the first, is 0; so is the quotient
//! of a division by 0.
//!
//! [`Instant`] and [`Delta`] are not those of `kernel::time`: a sum of these that overflows is a
//! panic, or wraps, as the kernel is configured. And host tests compile this file.
//!
//! A [`Pointer`] has no end: it is a remainder, and so is the difference of two.
//!
//! What is given to the driver's functions, and what they return, has its unit. Where more is to be
//! computed than these types can do (the remainders of `clock`, the fixed point of `follow`, the
//! slots of `buffer`), that is done inside, with plain numbers, and says why nothing wraps there.
//! Plain are also what a buffer's geometry is made of, and what it gives: slots of frames, offsets
//! and lengths in bytes.

use core::{
    cmp::Ordering,
    num::NonZeroU64,
    ops::{
        Add,
        AddAssign,
        Div,
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

    /// Returns whether there is none.
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

    /// Returns the first multiple of `size` that is not before this position; [`Frames::MAX`] if
    /// there is none.
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

/// One of ALSA's pointers, `hw_ptr` or `appl_ptr`: a number of frames modulo the boundary.
///
/// It may be any number, for the application can write its own: it stands for its remainder.
///
/// Two of the same place may be unequal numbers: what tells is [`Pointer::after`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointer(pub(crate) u64);

impl Pointer {
    /// Returns how many frames after `other` it is, modulo `boundary`: fewer than that.
    pub(crate) fn after(self, other: Self, boundary: NonZeroU64) -> Frames {
        // Mostly they are below `boundary`: a division takes longer than all the rest.
        let (this, other) = if self.0 < boundary.get() && other.0 < boundary.get() {
            (self.0, other.0)
        } else {
            (self.0 % boundary, other.0 % boundary)
        };

        // Both are below `boundary`, so where the difference wraps, adding it brings that back.
        Frames(if this >= other {
            this.wrapping_sub(other)
        } else {
            this.wrapping_sub(other).wrapping_add(boundary.get())
        })
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    /// No byte.
    pub(crate) const ZERO: Self = Self(0);

    /// Returns how many whole frames of `frame` bytes there are in it; none if `frame` is 0.
    pub(crate) fn frames(self, frame: Self) -> Frames {
        Frames(self.0.checked_div(frame.0).unwrap_or(0))
    }
}

impl From<u32> for Bytes {
    fn from(bytes: u32) -> Self {
        Self(bytes.into())
    }
}

impl Mul<u64> for Bytes {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// So many frames of this size.
impl Mul<Frames> for Bytes {
    type Output = Self;

    fn mul(self, frames: Frames) -> Self {
        self * frames.0
    }
}

/// A point in time: nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) u64);

impl Instant {
    /// The start of the clock, before all that happens.
    pub(crate) const START: Self = Self(0);

    /// Returns the first multiple of `step`, counted from the start of the clock, that is not
    /// before this time; the end of the clock if there is none.
    pub(crate) fn next_multiple_of(self, step: Delta) -> Self {
        Self(self.0.checked_next_multiple_of(step.0).unwrap_or(u64::MAX))
    }
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

    /// Returns so many seconds.
    pub(crate) const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Returns whether it is no time.
    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for Delta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Delta {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Delta {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Div<u64> for Delta {
    type Output = Self;

    fn div(self, parts: u64) -> Self {
        Self(self.0.checked_div(parts).unwrap_or(0))
    }
}
