// SPDX-License-Identifier: GPL-2.0

//! How a recording ends with what is played: see [`peer`](super::peer).

use super::setup::Setup;
use crate::units::Frames;

/// How a recording ends, from PREPARE on.
pub(super) struct Ending {
    /// Whether the capture has heard a playback.
    has_heard: bool,
    /// The position at which the capture stays, if it is to end.
    last: Option<Frames>,
    /// Whether that has been put off for its reader.
    is_extended: bool,
}

impl Ending {
    /// No end: nobody has been heard.
    pub(super) const NONE: Self = Self {
        has_heard: false,
        last: None,
        is_extended: false,
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
        self.last = Some(position.next_multiple_of(setup.period()));
    }

    /// Puts the end off to `last` for a reader, unless it has been put off before, and returns
    /// whether it is put off now.
    pub(super) fn extend(&mut self, last: Frames) -> bool {
        let may_be = !self.is_extended;
        if may_be {
            self.is_extended = true;
            self.last = Some(last);
        }
        may_be
    }

    /// Forgets the end.
    ///
    /// An extension stays used up: there is none after that.
    pub(super) fn clear(&mut self) {
        self.last = None;
    }

    /// Forgets the end and its extension, as there is another playback: a later end may be extended
    /// again.
    pub(super) fn cancel(&mut self) {
        self.last = None;
        self.is_extended = false;
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
