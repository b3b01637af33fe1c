// SPDX-License-Identifier: GPL-2.0

//! When the period timers of a cable expire, and what they do then.
//!
//! ```text
//!  start, drain, wait ─────────────────────────────────────┐
//!  acknowledge (appl_ptr moved) ── Periods::defer() ───────┴► arm() ───────┐
//!                                                                          ├ next_expiry() ► timer
//!  change_pace (rate shift, source) ───────────────────────┬► arm_again() ─┘
//!                                                          │
//!  timer ─► period_timer(): update(), due()                │
//!             │ │                                          │
//!             │ ▼ Action, done without the lock            │
//!             │ snd_pcm_period_elapsed() ─► pointer() … ─► rearm()
//!             │                                            │
//!             └ put off: it is others' turn ───────────────┴ at the turn ────────────► timer
//! ```
//!
//! Where a period's end is decided is one function: [`Periods::wakeup`] (in a cable that runs by
//! ticks a tick is the end of a period: [`Periods::go_on`]).
//!
//! A timer is armed for the next thing that has to happen at a certain time, and for nothing else:
//! see [`Locked::next_expiry`]. What nobody has asked for in the meantime is made up for at the
//! next call, however late.
//!
//! [`Periods::wakeup`]: super::periods::Periods::wakeup
//! [`Periods::go_on`]: super::periods::Periods::go_on

use super::{
    application::{
        deferral,
        has_drained,
        written, //
    },
    setup::Setup,
    side::Activity,
    state::Locked,
    time::Time, //
};
use crate::units::{
    Bytes,
    Delta,
    Frames,
    Instant, //
};
use alsa::pcm::{
    Action,
    Direction,
    RunningStream,
    State,
    StopState, //
};
use core::cmp::{
    max,
    min, //
};
use kernel::cpu::CpuId;

/// How much there may be to copy or to silence before a timer is due, as long as timers are
/// on time: see [`Locked::piece`].
const PIECE: Bytes = Bytes(256 * 1024);

/// The same in samples, if they are copied from interleaved frames to planes, or back: one of them
/// takes as long as the copy of some sixteen bytes.
const TRANSPOSED_PIECE: u64 = PIECE.0 / 16;

/// How often a timer expires that has no event of its own to wait for. There are two cases:
///
/// - A playback drains, and waits for its capture. Those who wait for the end of the drain are
///   woken, and wait again: the core gives a drain up, with `EIO`, if nothing has woken it for
///   100 ms.
/// - A capture is at its end, and its application has not read all of it: it is looked at again.
const LOOK: Delta = Delta::from_millis(20);

impl Locked<'_> {
    /// Arms the period timer of a stream for the next thing that it is needed for, if there is any.
    pub(super) fn arm(&mut self, direction: Direction) {
        if let Some(at) = self.next_expiry(direction, Delta::ZERO) {
            self.arm_from_earliest(direction, at);
        }
    }

    /// Arms the period timer of a stream after a change of pace, or at the end of a callback.
    ///
    /// Unlike [`Locked::arm`], it has a capture that is over looked at after [`LOOK`], not at once.
    pub(super) fn arm_again(&mut self, direction: Direction) {
        if let Some(at) = self.next_expiry(direction, LOOK) {
            self.arm_from_earliest(direction, at);
        }
    }

    /// Arms the period timer of a stream for a time, or as soon afterwards as it may expire.
    fn arm_from_earliest(&mut self, direction: Direction, at: Instant) {
        if let Some(open) = self.state.side_mut(direction).opened_mut() {
            let earliest = open.expiry.earliest();
            // One that has to rest, or waits for its turn, is late already.
            let slack = if at < earliest {
                Delta::ZERO
            } else {
                self.slack(direction)
            };
            self.arm_at(direction, max(at, earliest), slack);
        }
    }

    /// Returns how late the period timer of a stream may be: as late as the card says, but no later
    /// than a quarter of a period, so that an application that is in time stays so.
    fn slack(&self, direction: Direction) -> Delta {
        let slack = self.state.habits().timer_slack;
        if slack.is_zero() {
            return slack;
        }
        let prepared = self.state.side(direction).prepared();
        prepared.map_or(Delta::ZERO, |prepared| {
            min(slack, prepared.setup.period_time() / 4)
        })
    }

    /// Arms the period timer of a stream for a time, or for up to `slack` later, and moves the
    /// timer of the other side to this processor if it is due at the same time.
    fn arm_at(&mut self, direction: Direction, at: Instant, slack: Delta) {
        let own = self.stream(direction);
        let Some((own, open)) = own.zip(self.state.side_mut(direction).opened_mut()) else {
            return;
        };
        let cpu = CpuId::current().as_u32();
        own.arm_timer_with_slack(at.into(), slack.0);
        open.expiry.armed(at, cpu);

        // Two timers that are due at the same time cost one interrupt, if it is that of one
        // processor.
        let opposite = direction.opposite();
        if !self.state.side(opposite).is_running() {
            return;
        }
        let other = self.state.side_mut(opposite).opened_mut();
        if other.is_some_and(|other| other.expiry.move_to(at, cpu)) {
            // Its period may be shorter.
            let slack = self.slack(opposite);
            if let Some(other) = self.stream(opposite) {
                other.arm_timer_with_slack(at.into(), slack.0);
            }
        }
    }

    /// Returns when the period timer of a stream is needed next, if ever.
    ///
    /// The time may be past.
    ///
    /// A capture that is over is looked at in `look`.
    fn next_expiry(&self, direction: Direction, look: Delta) -> Option<Instant> {
        let now = self.now;
        let own = self.stream(direction)?;
        let prepared = self.state.side(direction).prepared()?;
        match prepared.activity() {
            Activity::Running => {
                if let Some(until) = prepared.held_until(now) {
                    return Some(until);
                }
                if prepared.told.is_drained() && prepared.is_behind() {
                    // The core is told the rest of it.
                    return Some(now);
                }
                if self.is_over(direction) {
                    return Some(now + look);
                }
                self.state.time.time_of(self.next_event(direction, &own)?)
            }
            // One that is prepared is just being started, maybe by a drain, which is seen only
            // later.
            Activity::Waiting
                if direction == Direction::Playback && own.state() != State::Running =>
            {
                Some(now + LOOK)
            }
            _ => None,
        }
    }

    /// Returns in how many frames something has to be done for a stream that runs, if ever:
    ///
    /// - the end of the present period, if the application wants to be told of it, or a little
    ///   later;
    /// - otherwise, the last frame of a drain: somebody waits for that;
    /// - the end of a capture that ends with its playback;
    /// - for a capture whose buffer is being filled, the time at which [`PIECE`] bytes have to be
    ///   copied or silenced. So that, which happens with interrupts off, does not take as long as a
    ///   period may.
    fn next_event(&self, direction: Direction, own: &RunningStream<'_>) -> Option<Frames> {
        let prepared = self.state.side(direction).prepared()?;
        let (setup, position) = (&prepared.setup, prepared.position());
        let mut next = Frames::MAX;
        if setup.params.period_wakeups {
            next = prepared.periods.next_wakeup() - position;
        } else if direction == Direction::Playback && own.state() != State::Running {
            // In a drain. A stream that does not run yet is just being started or resumed, maybe in
            // one.
            next = written(own, setup, &prepared.told, position);
        }
        if direction == Direction::Capture {
            if self.has_much_to_fill(setup, position) {
                // (A frame has a byte at least: of none, no number of frames is a piece.)
                next = min(next, self.piece(setup).frames(setup.frame_bytes()));
            }
            if let Some(left) = self.state.ending.left(position) {
                next = min(next, left);
            }
        }
        (next < Frames::MAX).then_some(next)
    }

    /// Returns how much of the buffer of the capture there may be to fill before a timer is
    /// due.
    fn piece(&self, setup: &Setup) -> Bytes {
        match self.state.playback.setup() {
            Some(other) if !other.lies_alike(setup) => setup.sample_bytes() * TRANSPOSED_PIECE,
            _ => PIECE,
        }
    }

    /// Returns whether the buffer of the capture is large, and being filled with sound or silence.
    fn has_much_to_fill(&self, setup: &Setup, position: Frames) -> bool {
        let state = &self.state;
        let to_clear = || {
            state
                .silence
                .to_clear(setup.frames(), position, Frames::MAX)
        };
        setup.bytes() > self.piece(setup) && (state.playback.is_running() || !to_clear().is_zero())
    }

    /// Records that the application of a stream has moved `appl_ptr`, forward or (by a rewind)
    /// backward.
    pub(crate) fn acknowledge(&mut self, direction: Direction) {
        let own = self.stream(direction);
        let by_clock = matches!(self.state.time, Time::Clock(_));
        let Some((own, prepared)) = own.zip(self.state.side_mut(direction).prepared_mut()) else {
            return;
        };
        if !by_clock || !prepared.is_running() {
            return;
        }
        if !prepared.setup.params.period_wakeups {
            if own.state() == State::Draining {
                // Its last frame is another one.
                self.arm(direction);
            }
            return;
        }
        let (setup, position) = (&prepared.setup, prepared.position());
        let end = prepared.periods.end_from(position);
        let deferred = deferral(direction, &own, setup, &prepared.told, position, end);
        if prepared.periods.defer(deferred) {
            self.arm(direction);
        }
    }

    /// Handles the expiry of the period timer of a stream, and returns what the core has to do
    /// about the stream.
    pub(crate) fn period_timer(&mut self, direction: Direction) -> Action {
        let now = self.now;
        let is_running = self.state.side(direction).is_running();
        let Some(open) = self.state.side_mut(direction).opened_mut() else {
            return Action::None;
        };
        let is_put_off = open.expiry.callback_begins(now, is_running);
        if self.is_waited_for(direction) {
            return Action::Settle;
        }
        if is_put_off {
            // It is others' turn.
            return Action::None;
        }
        self.update();
        let own = self.stream(direction);
        let is_draining = || {
            own.as_ref()
                .is_some_and(|own| own.state() == State::Draining)
        };
        match self.state.side(direction).activity() {
            Activity::Running => own
                .as_ref()
                .map_or(Action::None, |own| self.due(direction, own)),
            Activity::Waiting if is_draining() => Action::KeepDraining,
            Activity::Evicted => Action::Stop(StopState::Draining),
            Activity::OutOfStep => Action::Stop(StopState::Xrun),
            Activity::Stopped | Activity::Paused(_) | Activity::Waiting => Action::None,
        }
    }

    /// Returns what the core has to do about a stream that runs, at its present position.
    fn due(&mut self, direction: Direction, own: &RunningStream<'_>) -> Action {
        let by_ticks = matches!(self.state.time, Time::Ticks);
        let is_over = self.is_over(direction);
        let Some(prepared) = self.state.side_mut(direction).prepared_mut() else {
            return Action::None;
        };
        if prepared.held_until(self.now).is_some() {
            return Action::None;
        }
        let position = prepared.position();
        let (setup, told) = (&prepared.setup, &mut prepared.told);
        if has_drained(Some(own), setup, told, position) {
            told.set_drained();
            return Action::PeriodElapsed;
        }
        if is_over {
            // The end is that of a period, even if the position has been asked for since.
            if prepared.periods.go_on(position, setup) && setup.params.period_wakeups {
                return Action::PeriodElapsed;
            }
            return self.look_for_reader(own);
        }
        let is_due = if !setup.params.period_wakeups {
            let is_drained =
                own.state() == State::Draining && written(own, setup, told, position).is_zero();
            if is_drained {
                // The core then asks for the position and finds the stream drained.
                told.set_drained();
            }
            is_drained
        } else if by_ticks {
            // A tick is the end of a period: there is nothing in between to wait for.
            prepared.periods.go_on(position, setup)
        } else {
            prepared.periods.wakeup(position, setup, |end| {
                deferral(direction, own, setup, told, position, end)
            })
        };
        if is_due {
            Action::PeriodElapsed
        } else {
            Action::None
        }
    }

    /// Lets the period timers of the streams that run expire at once.
    pub(super) fn expire_timers(&self) {
        for direction in [Direction::Playback, Direction::Capture] {
            if self.state.side(direction).is_running() {
                if let Some(own) = self.stream(direction) {
                    own.expire_timer_now();
                }
            }
        }
    }

    /// Arms the period timer of a stream again at the end of a callback, when what
    /// [`Locked::period_timer`] has asked for has been done.
    pub(crate) fn rearm(&mut self, direction: Direction) {
        let now = self.now;
        // Also if the callback has stopped the stream, so that it is not found any more.
        let turn = self
            .state
            .side_mut(direction)
            .opened_mut()
            .and_then(|open| open.expiry.callback_ends(now));
        if let Some(turn) = turn {
            // Whatever it was that has expired: only its turn makes it come again, as a tick does
            // not.
            self.arm_at(direction, turn, Delta::ZERO);
        } else {
            self.arm_again(direction);
        }
    }
}
