// SPDX-License-Identifier: GPL-2.0

//! Where the periods of a stream end.

use super::setup::Setup;
use crate::units::Frames;
use core::cmp::max;

/// The present period of a stream.
pub(super) struct Periods {
    /// The position at which it ends.
    end: Frames,
    /// A later position at which the core is to be told of the end of the present period, or of the
    /// one before.
    deferred: Option<Frames>,
}

impl Periods {
    /// Returns the first period of a stream that has been prepared.
    pub(super) fn first(setup: &Setup) -> Self {
        Self {
            end: setup.period(),
            deferred: None,
        }
    }

    /// Returns the position at which the core is to be told next of the end of a period.
    pub(super) fn next_wakeup(&self) -> Frames {
        self.deferred.unwrap_or(self.end)
    }

    /// Returns from which position on the application waits if the stream is at `position`: the end
    /// of the present period, or where the stream is, if it is past that and nobody has been told.
    pub(super) fn end_from(&self, position: Frames) -> Frames {
        max(self.end, position)
    }

    /// Sets the position at which the core is told of the end of the present period, if that is a
    /// later one, and returns whether that is news.
    pub(super) fn defer(&mut self, deferred: Option<Frames>) -> bool {
        let is_new = deferred != self.deferred;
        self.deferred = deferred;
        is_new
    }

    /// Goes on to the period in which `position` is, and returns whether the core is to be told now
    /// that a period has ended.
    ///
    /// It is told at the end of the period; but if the application then has to wait for a few
    /// frames more, when those are there (`deferral` returns that position, given the one from
    /// which on it waits). An application that takes all there is at each wake-up gets a frame or
    /// two of the next period, if only because it takes time. At the end of that it lacks as many,
    /// the core wakes nobody, and it would wait for another period.
    ///
    /// What it has taken is mostly known before (see [`Periods::defer`]), and the timer armed for
    /// the right time. An application that moves its pointer in mapped memory, or waits in a read
    /// or write, says nothing.
    pub(super) fn wakeup(
        &mut self,
        position: Frames,
        setup: &Setup,
        deferral: impl FnOnce(Frames) -> Option<Frames>,
    ) -> bool {
        if self.next_wakeup() > position {
            return false;
        }
        if self.deferred.is_none() {
            self.deferred = deferral(self.end_from(position));
            self.go_on(position, setup);
            if self.deferred.is_some() {
                return false;
            }
        }
        self.deferred = None;
        self.go_on(position, setup);
        true
    }

    /// Goes on to the period in which `position` is, and returns whether that is a later one.
    pub(super) fn go_on(&mut self, position: Frames, setup: &Setup) -> bool {
        if position < self.end {
            return false;
        }
        self.end = (position + Frames(1)).next_multiple_of(setup.period());
        true
    }
}
