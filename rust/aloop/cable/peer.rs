// SPDX-License-Identifier: GPL-2.0

//! Two habits that a card can be loaded with, for recordings that begin and end with what is
//! played.
//!
//! - *Wait for the peer* (`wait_for_peer`): an end that starts first waits until the other starts.
//!   It counts as running, but no frame of its moves: what a player has written waits in its ring,
//!   and nobody records silence that nobody played. Once it has moved, an end goes on as on any
//!   card, whatever becomes of the other.
//! - *End with the peer* (`end_with_peer`): when a player whose sound was heard is closed, the
//!   recorder hears silence to the end of its period, for there are programs that lose a period
//!   that is not complete; then no more, and when it has read all there is, its stream is stopped,
//!   and with it those that it is linked with. A recorder that waits for more than there is gets
//!   that, in silence.
//!
//! A stream that is prepared anew, as after an xrun, starts anew: it waits, and has heard nobody.

use super::{
    engine::stops_at_its_end,
    port,
    Activity,
    End,
    State,
    CAPTURE, //
};
use crate::ring::left_to_read;
use alsa::{
    pcm::{
        self,
        Direction,
        Port,
        PortTable, //
    },
    time::Ktime, //
};

/// How often those who wait for the drain of a player that waits are told to go on, and how often a
/// capture that is over looks whether all has been read, in nanoseconds.
///
/// The core gives a drain up, with `EIO`, when nothing has happened for 100 ms or longer.
const LOOK: u64 = 20_000_000;

/// What the ends of a card's cables do for each other.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habits {
    /// An end that starts first waits for the other.
    pub(crate) wait_for_peer: bool,
    /// A capture ends when the player is closed that it has heard.
    pub(crate) end_with_peer: bool,
}

impl State {
    /// Whether an end that starts now has to wait.
    pub(super) fn must_wait(&self, direction: Direction) -> bool {
        self.habits.wait_for_peer
            && self.end(direction).position == 0
            && !self.end(direction.opposite()).takes_part()
    }

    /// Lets an end wait for the other.
    pub(super) fn wait(&mut self, direction: Direction, ports: &PortTable<'_, 2>, now: Ktime) {
        self.end_mut(direction).activity = Activity::Waiting;
        // It may be a drain that starts it, which is seen only later.
        if let (Direction::Playback, Some(own)) = (direction, ports.get(port(direction))) {
            look_later(&own, now);
        }
    }

    /// Lets an end go on that has waited for the other, which starts now.
    pub(super) fn end_wait(&mut self, direction: Direction) {
        let end = self.end_mut(direction);
        if end.activity == Activity::Waiting {
            end.activity = Activity::Running;
        }
    }

    /// The capture starts, or goes on: only now it can be seen whether its end concerns it.
    pub(super) fn review_end(&mut self, ports: &PortTable<'_, 2>) {
        let capture = &mut self.capture;
        if capture.end.is_some() && capture.is_never_stopped(ports.get(CAPTURE).as_ref()) {
            capture.end = None;
        }
    }

    /// The player is being closed: sets an end to the recording of it.
    pub(super) fn end_capture(&mut self, ports: &PortTable<'_, 2>, now: Ktime) {
        self.update(ports, now);
        let capture = &mut self.capture;
        let moves = matches!(capture.activity, Activity::Running | Activity::Paused);
        if !self.habits.end_with_peer || !moves || !capture.has_heard {
            return;
        }
        if capture.is_never_stopped(ports.get(CAPTURE).as_ref()) {
            return;
        }
        if let Some(setup) = &capture.setup {
            let period = u64::from(setup.params.period_size);
            // No position comes near 2^64.
            capture.end = capture.position.checked_next_multiple_of(period);
        }
        // It may be at its end already; if not, its timer is armed for that.
        if let Some(port) = ports.get(CAPTURE) {
            port.expire_timer_now();
        }
    }
}

impl End {
    /// Whether it is one that reads what it likes, as dsnoop does: it has asked never to be
    /// stopped. `own` is its port; nothing is known of a capture that is paused, which has none.
    fn is_never_stopped(&self, own: Option<&Port<'_>>) -> bool {
        own.zip(self.setup.as_ref())
            .is_some_and(|(own, setup)| !stops_at_its_end(own, setup))
    }

    /// What is to be done about a capture that is over. `own` is its port.
    pub(super) fn look_for_reader(&mut self, own: &Port<'_>) -> pcm::Action {
        let Some(setup) = &self.setup else {
            return pcm::Action::None;
        };
        let pointers = own.pointers();
        if self.reported != self.position {
            // The core has not been told of the last frames yet.
            pcm::Action::PeriodElapsed
        } else if pointers.hw_ptr == pointers.appl_ptr {
            pcm::Action::Stop(pcm::StopState::Setup)
        } else {
            // A reader that waits for more than there is will not come. It gets as much silence as
            // it lacks; once, for one that always does would go on for ever.
            let left = left_to_read(
                pointers.hw_ptr,
                pointers.appl_ptr,
                pointers.boundary,
                setup.params.buffer_size,
                self.position,
            );
            let wanted = own.wakeup_frames();
            if left >= wanted {
                return pcm::Action::None;
            }
            if self.extended || wanted > setup.params.buffer_size.into() {
                return pcm::Action::Stop(pcm::StopState::Setup);
            }
            self.extended = true;
            self.end = Some(self.position.saturating_add(wanted.saturating_sub(left)));
            pcm::Action::None
        }
    }
}

/// Lets the period timer of a stream expire in a while.
pub(super) fn look_later(port: &Port<'_>, now: Ktime) {
    port.arm_timer(Ktime::from_nanos(now.as_nanos().saturating_add(LOOK)));
}
