// SPDX-License-Identifier: GPL-2.0

//! Two habits that a card can have, by a parameter or an attribute, for recordings that begin and
//! end with what is played.
//!
//! - *Wait for the peer* (`wait_for_peer`): a side that starts first waits until the other starts.
//!   It counts as running, but moves no frames: what has been written waits in the buffer of the
//!   playback, and nobody records silence that nobody played. Once it has moved, a side goes on as
//!   on any card, whatever becomes of the other.
//! - *End with the peer* (`end_with_peer`): when a playback that was heard is closed, the capture
//!   hears silence to the end of its period, for there are programs that lose a period that is not
//!   complete; then no more, and when its application has read all there is, the capture is
//!   stopped, and with it those that it is linked with. An application that waits for more than
//!   there is gets that, in silence, until it has read what was played.
//!
//! A stream that is prepared anew, as after an xrun, starts anew: it waits, and has heard nobody.
//!
//! A playback of the emulation of OSS waits for nobody, as its process could not be killed while it
//! exits.

use super::{
    application::{
        left_to_read,
        stops_at_its_end, //
    },
    side::Activity,
    state::Locked, //
};
use crate::units::Frames;
use alsa::pcm::{
    Action,
    Direction,
    RunningStream,
    StopState, //
};
use core::cmp::min;

impl Locked<'_> {
    /// Returns whether a stream that starts now has to wait.
    pub(super) fn must_wait(&self, direction: Direction) -> bool {
        self.state.habits().wait_for_peer
            && self.state.side(direction).position().is_zero()
            && !self.state.side(direction.opposite()).takes_part()
            && !self.stream(direction).is_some_and(|own| own.plays_by_oss())
    }

    /// Lets a stream wait for the other side.
    pub(super) fn wait(&mut self, direction: Direction) {
        let now = self.now;
        self.state.side_mut(direction).begin(Activity::Waiting, now);
        // It may be a drain that starts it, which is seen only later.
        self.arm(direction);
    }

    /// Has one that waits for this stream, which starts now, let go when the trigger is through
    /// ([`Locked::settle`]): from the same frame on, as nothing moves before.
    ///
    /// Not at once, since the stream may be stopped at once: DROP, PREPARE and close let one that
    /// is paused go on before they stop it, and of linked streams that start, one may fail. Nobody
    /// has played or recorded anything then.
    pub(super) fn end_wait(&mut self, direction: Direction) {
        let other = direction.opposite();
        if self.state.side(other).activity() != Activity::Waiting {
            return;
        }
        self.state.let_go = Some(other);
        if let Some(own) = self.stream(direction) {
            own.expire_timer_now();
        }
    }

    /// Returns whether the other side waits for this stream, which has started, and has yet to be
    /// let go.
    pub(super) fn is_waited_for(&self, direction: Direction) -> bool {
        self.state.let_go == Some(direction.opposite())
    }

    /// Lets the other side go, if it waits for this stream, which has started.
    ///
    /// The stream lock of this stream is held: whatever the core does in one go is over.
    pub(crate) fn settle(&mut self, direction: Direction) {
        if self.is_waited_for(direction) {
            self.let_go();
        }
    }

    /// Lets a side go that has yet to be let go, unless the other has only just started. Returns
    /// whether none is left.
    ///
    /// For those who have not the lock of the stream that has started.
    #[inline]
    pub(super) fn settle_by_time(&mut self) -> bool {
        let Some(direction) = self.state.let_go else {
            return true;
        };
        let other = self.state.side(direction.opposite());
        let is_over = !other.has_just_begun(self.now);
        if is_over {
            self.let_go();
        }
        is_over
    }

    /// Decides about a side that has yet to be let go, as the one of this direction is stopped: it
    /// waits on if the other has only just started. Otherwise it has run since then.
    ///
    /// Returns whether the cable may be moved: not if it is the one that has only just started. It
    /// stays where it was then, as nobody has heard it.
    pub(super) fn wait_on(&mut self, direction: Direction) -> bool {
        if self.settle_by_time() {
            return true;
        }
        let is_to_stay = self.is_waited_for(direction);
        self.state.let_go = None;
        !is_to_stay
    }

    /// Lets a side go that has waited, from the frame on in which the other has started.
    pub(super) fn let_go(&mut self) {
        let Some(direction) = self.state.let_go.take() else {
            return;
        };
        if direction == Direction::Playback {
            // It is heard, even if the recording was to end.
            self.state.ending.clear();
        }
        let side = self.state.side_mut(direction);
        if side.activity() == Activity::Waiting {
            side.set_activity(Activity::Running);
            self.note_shift();
            self.arm(direction);
        }
    }

    /// Forgets the end of a recording for a capture that starts, or goes on, and is never stopped.
    ///
    /// Only now can it be seen whether it is one.
    pub(super) fn review_ending(&mut self) {
        if self.state.ending.is_set() && self.is_never_stopped() {
            self.state.ending.clear();
        }
    }

    /// Sets an end to the recording of a playback that is being closed.
    pub(super) fn end_recording(&mut self) {
        self.update();
        let moves = matches!(
            self.state.capture.activity(),
            Activity::Running | Activity::Paused(_)
        );
        if !self.state.habits().end_with_peer || !moves || !self.state.ending.has_heard() {
            return;
        }
        if self.is_never_stopped() || self.state.ending.is_set() {
            return;
        }
        if let Some(capture) = self.state.capture.prepared() {
            self.state.ending.set(capture.position(), &capture.setup);
        }
        // It may be at its end already; if not, its timer is armed for that.
        if let Some(own) = self.stream(Direction::Capture) {
            own.expire_timer_now();
        }
    }

    /// Returns whether a stream is a capture that has come to its end.
    pub(super) fn is_over(&self, direction: Direction) -> bool {
        direction == Direction::Capture && self.state.ending.is_over(self.state.capture.position())
    }

    /// Returns whether the capture is one that reads what it likes, as dsnoop does: it has asked
    /// never to be stopped.
    ///
    /// Nothing is known of one that is paused, and is not found.
    fn is_never_stopped(&self) -> bool {
        self.stream(Direction::Capture)
            .zip(self.state.capture.setup())
            .is_some_and(|(own, setup)| !stops_at_its_end(&own, setup))
    }

    /// Returns what the core has to do about a capture that is over.
    pub(super) fn look_for_reader(&mut self, own: &RunningStream<'_>) -> Action {
        let Some(capture) = self.state.capture.prepared() else {
            return Action::None;
        };
        if capture.is_behind() {
            // The core has not been told of the last frames yet.
            return Action::PeriodElapsed;
        }
        let (setup, position) = (&capture.setup, capture.position());
        let left = left_to_read(own, setup, &capture.told, position);
        if left.is_zero() {
            return Action::Stop(StopState::Setup);
        }
        if !stops_at_its_end(own, setup) {
            // It has said so since then.
            self.state.ending.clear();
            return Action::None;
        }
        let read = position - left;
        let wanted = Frames(own.wakeup_frames());
        if wanted.is_zero() || wanted >= min(setup.frames(), Frames(own.stop_threshold())) {
            // It goes by its own clock, or by signals, and comes while its buffer lasts.
            let patience = setup.buffer_time();
            if self.state.ending.has_gone(read, self.now, patience) {
                return Action::Stop(StopState::Setup);
            }
            return Action::None;
        }
        if left >= wanted {
            return Action::None;
        }
        // A reader that waits for more than there is will not come. It gets as much silence as it
        // lacks, until it has read what was played.
        if !self.state.ending.extend(position + (wanted - left), read) {
            return Action::Stop(StopState::Setup);
        }
        Action::None
    }
}
