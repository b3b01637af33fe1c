// SPDX-License-Identifier: GPL-2.0

//! What starts and stops the sides of a cable.

use super::{
    application::is_late,
    ending::Ending,
    setup::Setup,
    side::{
        Activity,
        Side, //
    },
    state::Locked,
    time::{
        TickSource,
        Time, //
    },
};
use crate::{
    clock::{
        Clock,
        Phase, //
    },
    units::Delta,
};
use alsa::pcm::Direction;
use core::cmp::max;
use kernel::prelude::*;

/// How long a stream holds still after the other side has been suspended.
///
/// It is suspended itself within microseconds, unless the system's suspend fails just then.
const HOLD: Delta = Delta::from_millis(100);

impl Locked<'_> {
    /// Starts a stream, or lets it go on after a pause or a suspend.
    ///
    /// # Errors
    ///
    /// `EIO` for a side that has not been prepared, and for a capture that does not match the
    /// playback (see [`Locked::check_match`]). For a cable that runs by `ticks`, what starting
    /// those returns.
    pub(crate) fn start(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) -> Result {
        // The time of a trigger is from before the lock was taken. If the rate shift has been
        // changed since, the absolute clock knows no time before that any more, and would be
        // asked for the time of this start (`Absolute::at`).
        self.now = max(self.now, self.state.absolute.changed_at());
        self.wait_on(direction);
        self.update();
        let setup = *self.state.side(direction).setup().ok_or(EIO)?;
        self.check_match(direction, &setup)?;
        if self.must_wait(direction) {
            self.wait(direction);
            return Ok(());
        }
        self.start_time(direction, &setup, ticks)?;
        self.begin_run(direction);
        Ok(())
    }

    /// Sees to it that a stream which starts matches the other side.
    ///
    /// # Errors
    ///
    /// `EIO` for a capture that does not match the playback that has been prepared. A playback is
    /// not refused: it evicts a capture that does not match it.
    fn check_match(&mut self, direction: Direction, setup: &Setup) -> Result {
        match direction {
            Direction::Capture => {
                if !is_match(&self.state.playback, setup) {
                    return Err(EIO);
                }
            }
            Direction::Playback => {
                if !is_match(&self.state.capture, setup) && self.state.capture.takes_part() {
                    self.evict();
                }
            }
        }
        Ok(())
    }

    /// Lets a stream run, as time goes on already, and then one that has waited for it.
    fn begin_run(&mut self, direction: Direction) {
        for side in [&mut self.state.playback, &mut self.state.capture] {
            side.take_held();
        }
        match direction {
            // It is heard, even if the recording was to end.
            Direction::Playback => self.state.ending.clear(),
            Direction::Capture => self.review_ending(),
        }
        let now = self.now;
        self.state.side_mut(direction).begin(Activity::Running, now);
        self.end_wait(direction);
        self.note_shift();
        self.arm(direction);
        // From now on there is something to copy.
        self.arm(direction.opposite());
    }

    /// Lets go of a capture that the playback which starts does not match.
    ///
    /// At once: whoever starts the playback expects the capture to have stopped. The stream lock of
    /// one side is never taken to do something about the other: its own timer, made to expire, will
    /// stop it.
    fn evict(&mut self) {
        self.state.capture.set_activity(Activity::Evicted);
        for side in [&mut self.state.capture, &mut self.state.playback] {
            if let Some(open) = side.opened_mut() {
                open.incidents.evictions = open.incidents.evictions.saturating_add(1);
            }
        }
        if let Some(capture) = self.stream(Direction::Capture) {
            capture.expire_timer_now();
        }
        self.state.drop_idle_clock();
    }

    /// Lets time go on, if it does not yet, for a stream that starts.
    fn start_time(
        &mut self,
        direction: Direction,
        setup: &Setup,
        ticks: Option<&dyn TickSource>,
    ) -> Result {
        // Two sides that run match each other: the clock that there may be has the right rate.
        if !matches!(self.state.time, Time::Idle) {
            return Ok(());
        }
        if self.state.follow.is_some() {
            self.look_for_source(ticks);
        }
        self.state.time = match ticks {
            Some(ticks) if self.state.follow.is_none() => {
                ticks.start()?;
                Time::Ticks
            }
            _ => {
                let clock = Clock::with_pace(setup.params.rate, self.state.pace(), self.now);
                // After a pause, the begun frame goes on as well.
                let phase = match self.state.side(direction).activity() {
                    Activity::Paused(phase) => phase,
                    _ => Phase::ZERO,
                };
                Time::Clock(clock.in_phase(phase))
            }
        };
        Ok(())
    }

    /// Suspends a stream, with the whole system.
    ///
    /// The core suspends the sides of a cable one after the other. What the second one plays
    /// meanwhile nobody hears, and of what it records nobody has played: so it goes back to the
    /// frame at which the first was suspended. Nobody has seen it further on: applications do not
    /// run, and its period timer holds still for a while.
    pub(crate) fn suspend(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) {
        if self.wait_on(direction) {
            self.update();
        }
        let phase = self.state.time.phase();
        let until = self.now + HOLD;
        let held = self.state.side_mut(direction).take_held();
        if let Some(other) = self
            .state
            .side_mut(direction.opposite())
            .prepared_mut()
            .filter(|other| other.is_running())
        {
            other.hold(phase, until);
        }
        self.pause_here(direction, ticks);
        if let Some((held, prepared)) = held.zip(self.state.side_mut(direction).prepared_mut()) {
            prepared.go_back(&held);
        }
    }

    /// Stops a stream so that it can go on where it is.
    pub(crate) fn pause(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) {
        if self.wait_on(direction) {
            // What has elapsed until now has been heard.
            self.update();
        }
        self.pause_here(direction, ticks);
    }

    /// Stops a stream where it is, so that it can go on there.
    fn pause_here(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) {
        let phase = self.state.time.phase();
        self.come_to_rest(direction, Activity::Paused(phase), ticks);
    }

    /// Stops a stream.
    pub(crate) fn stop(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) {
        self.note_xrun(direction);
        let may_move = self.wait_on(direction);
        let side = self.state.side(direction);
        // DROP, PREPARE and close let one that is paused go on before they stop it: of that nobody
        // is to hear. (To be told when that is over, as a side that waits is, costs a grace period
        // of RCU at the close.)
        if may_move && side.is_running() && !side.has_just_gone_on(self.now) {
            self.update();
        }
        self.come_to_rest(direction, Activity::Stopped, ticks);
    }

    /// Undoes the start of a stream, or of what came after a pause or a suspend, since one that is
    /// linked with it can't be started: it is as if it had not.
    ///
    /// Nor is the other side moved, which may have started in one go with it. What a playback was to
    /// others is not undone: a capture that it has evicted is stopped, an end that a recording was
    /// to have is forgotten, and the controls tell what it is like.
    pub(crate) fn undo_start(&mut self, direction: Direction, ticks: Option<&dyn TickSource>) {
        if self.is_waited_for(direction) {
            self.state.let_go = None;
        }
        let has_not_started = self.state.side_mut(direction).undo_begin();
        if has_not_started && direction == Direction::Capture {
            // It has heard nobody.
            self.state.ending = Ending::NONE;
        }
        self.rest_if_idle(ticks);
    }

    /// Counts a stop by the core, which it makes since the application of the stream is late.
    ///
    /// The core does not say why it stops a stream. It has just looked for an xrun, or has been
    /// told of one.
    fn note_xrun(&mut self, direction: Direction) {
        let own = self.stream(direction);
        let side = self.state.side_mut(direction);
        let late = own.zip(side.prepared()).is_some_and(|(own, prepared)| {
            prepared.is_overrun() || is_late(direction, &own, &prepared.setup)
        });
        if let (true, Some(open)) = (late, side.opened_mut()) {
            open.incidents.xruns = open.incidents.xruns.saturating_add(1);
        }
    }

    /// Lets a stream rest, and with it time, if the other side does too.
    fn come_to_rest(
        &mut self,
        direction: Direction,
        activity: Activity,
        ticks: Option<&dyn TickSource>,
    ) {
        self.state.side_mut(direction).set_activity(activity);
        self.rest_if_idle(ticks);
    }

    /// Lets time rest if no side runs.
    fn rest_if_idle(&mut self, ticks: Option<&dyn TickSource>) {
        self.state.drop_idle_clock();
        if !matches!(self.state.time, Time::Idle) {
            return;
        }
        if let Some(ticks) = ticks {
            ticks.stop();
        }
        if self.state.follow.is_some() {
            // Nobody is there to follow the source.
            self.rest();
        }
    }

    /// Records that the application has written all that there will be, and waits for its end.
    pub(crate) fn drain(&mut self, direction: Direction) {
        if direction == Direction::Capture {
            // Its application reads what is there.
            return;
        }
        self.update();
        if let Some(playback) = self.state.playback.prepared_mut() {
            playback.periods.defer(None);
        }
        self.arm(Direction::Playback);
    }

    /// Records that the substream has been closed.
    pub(crate) fn close(&mut self, direction: Direction) {
        if direction == Direction::Playback {
            self.end_recording();
        } else {
            self.state.ending = Ending::NONE;
        }
        self.state.side_mut(direction).close();
        self.state.let_go = None;
        self.state.drop_idle_clock();
    }

    /// Sets `PCM Rate Shift 100000`, which acts at once, and returns whether it is a new value.
    pub(crate) fn set_shift(&mut self, shift: u32) -> bool {
        if self.state.shift == shift {
            return false;
        }
        self.update();
        // One that follows a sound timer stays with that.
        self.change_pace(self.now, |state| state.shift = shift);
        self.note_shift();
        true
    }

    /// Remembers with which shift the streams run.
    pub(super) fn note_shift(&mut self) {
        if matches!(self.state.time, Time::Clock(_)) && self.state.follow.is_none() {
            let shift = self.state.shift;
            self.state.playback.note_shift(shift);
            self.state.capture.note_shift(shift);
        }
    }
}

/// Returns whether a side, if it has been prepared, matches a stream of these parameters.
fn is_match(side: &Side, setup: &Setup) -> bool {
    side.setup().is_none_or(|other| other.matches(setup))
}
