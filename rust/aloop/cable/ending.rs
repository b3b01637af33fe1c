// SPDX-License-Identifier: GPL-2.0

//! How a recording ends with what is played: see [`peer`](super::peer).

use super::setup::Setup;
use crate::units::{
    Delta,
    Frames,
    Instant, //
};

/// How a recording ends, from PREPARE on.
pub(super) struct Ending {
    /// Whether the capture has heard a playback.
    has_heard: bool,
    /// The position at which the capture stays, if it is to end.
    last: Option<Frames>,
    /// The same before it was put off for the reader: what comes behind is silence for it.
    due: Frames,
    /// How far a reader that nothing wakes has read, and when it was first seen there.
    seen: Option<(Frames, Instant)>,
}

impl Ending {
    /// No end: nobody has been heard.
    pub(super) const NONE: Self = Self {
        has_heard: false,
        last: None,
        due: Frames::ZERO,
        seen: None,
    };

    /// Notes that the capture hears a playback.
    pub(super) fn hear(&mut self) {
        self.has_heard = true;
    }

    /// Returns whether the capture has heard a playback.
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// Returns whether the recording is to end, or has ended.
    pub(super) fn is_set(&self) -> bool {
        self.last.is_some()
    }

    /// Sets the end of the recording to that of the period in which `position` is.
    pub(super) fn set(&mut self, position: Frames, setup: &Setup) {
        self.due = position.next_multiple_of(setup.period());
        self.last = Some(self.due);
        self.seen = None;
    }

    /// Puts the end off to `last` for a reader, which has read up to `read`, and returns whether it
    /// is put off now: not for one that has read all up to the end that was set.
    pub(super) fn extend(&mut self, last: Frames, read: Frames) -> bool {
        let may_be = read < self.due;
        if may_be {
            self.last = Some(last);
        }
        may_be
    }

    /// Returns whether a reader that nothing wakes, and that has read up to `read`, has been there
    /// for `patience` or longer.
    pub(super) fn has_gone(&mut self, read: Frames, now: Instant, patience: Delta) -> bool {
        match self.seen {
            Some((before, since)) if before == read => now >= since + patience,
            _ => {
                self.seen = Some((read, now));
                false
            }
        }
    }

    /// Forgets the end.
    pub(super) fn clear(&mut self) {
        self.last = None;
    }

    /// Returns how many frames there are left from `position` on; `None` if there is no end.
    pub(super) fn left(&self, position: Frames) -> Option<Frames> {
        self.last.map(|last| last - position)
    }

    /// Returns whether a capture that is at `position` is over.
    pub(super) fn is_over(&self, position: Frames) -> bool {
        self.left(position).is_some_and(Frames::is_zero)
    }
}
