// SPDX-License-Identifier: GPL-2.0

//! What advances the positions of a cable: the system's clock, or the ticks of a sound timer.

use crate::{
    clock::{
        Clock,
        Phase, //
    },
    units::{
        Frames,
        Instant, //
    },
};
use alsa::{
    pcm::Direction,
    time::Ktime,
    timer, //
};
use kernel::prelude::*;

/// A sound timer that drives a cable, or sets the pace of one that runs by the system's clock.
///
/// It is called with the cable's lock held: it must not sleep, take a stream lock, or print.
pub(crate) trait TickSource {
    /// Starts ticking.
    ///
    /// # Errors
    ///
    /// If it cannot.
    fn start(&self) -> Result;

    /// Stops ticking.
    ///
    /// A tick may still be on its way.
    fn stop(&self);
}

/// A sound timer that drives a cable or sets its pace.
#[derive(Clone, Copy)]
pub(crate) struct TimerInfo {
    /// Which one.
    pub(crate) id: timer::Id,
    /// The side that was opened first, and opened the timer.
    pub(crate) opened_by: Direction,
    /// Whether it only sets the pace of the cable, which runs by the system's clock.
    pub(crate) follows: bool,
}

/// What advances the positions of a cable.
pub(super) enum Time {
    /// Nothing: neither side runs.
    Idle,
    /// The system's clock, which both sides read.
    Clock(Clock),
    /// The ticks of a sound timer: by a period at each.
    Ticks,
}

impl Time {
    /// Returns how much of the next frame has gone by at the last move.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Clock(clock) => clock.phase(),
            _ => Phase::ZERO,
        }
    }

    /// Returns when the cable was last moved; `None` if it does not run by the
    /// system's clock.
    pub(super) fn moved_at(&self) -> Option<Instant> {
        match self {
            Self::Clock(clock) => Some(clock.time_of(Frames::ZERO)),
            _ => None,
        }
    }

    /// Returns when a side will be `frames` further on; `None` if the cable does
    /// not run by the system's clock.
    pub(super) fn time_of(&self, frames: Frames) -> Option<Instant> {
        match self {
            Self::Clock(clock) => Some(clock.time_of(frames)),
            _ => None,
        }
    }
}

impl From<Ktime> for Instant {
    fn from(time: Ktime) -> Self {
        Self(time.as_nanos())
    }
}

impl From<Instant> for Ktime {
    fn from(time: Instant) -> Self {
        Self::from_nanos(time.0)
    }
}
