// SPDX-License-Identifier: GPL-2.0

//! How fast a cable goes, and cables that follow the speed of a sound timer.
//!
//! One that follows runs by the system's clock, from its START on and whatever becomes of the
//! source. While that ticks, each tick sets the pace of the cable's clock: see
//! [`follow`](crate::follow).

use super::{
    state::{
        Locked,
        State, //
    },
    time::{
        TickSource,
        Time,
        TimerInfo, //
    },
};
use crate::{
    follow::Follow,
    units::{
        Delta,
        Instant, //
    },
};
use alsa::pcm::Direction;

impl Locked<'_> {
    /// Sets the sound timer that the cable runs by, or follows; `None` for the system's clock.
    ///
    /// Neither side runs.
    pub(crate) fn set_timer(&mut self, timer: Option<TimerInfo>) {
        self.change_pace(self.now, |state| state.note_timer(timer));
    }

    /// Has the source tick from now on, if it can, as time begins to go on.
    pub(super) fn look_for_source(&mut self, ticks: Option<&dyn TickSource>) {
        // What it ticked before is of no use, as ticks have been missed.
        self.rest();
        if let Some(ticks) = ticks {
            // The cable runs, whether it ticks or not.
            let _ = ticks.start();
        }
    }

    /// Handles a tick of the source.
    pub(super) fn follow_source(&mut self, ticks: u64, resolution: Delta) {
        self.update();
        let running = [&self.state.playback, &self.state.capture]
            .into_iter()
            .filter(|side| side.is_running())
            .find_map(|side| side.setup());
        let Some(rate) = running.map(|setup| setup.params.rate) else {
            // It ticked while the last stream was being stopped.
            return;
        };
        let now = self.now;
        self.change_pace(now, |state| {
            if let Some(follow) = &mut state.follow {
                follow.tick(now, ticks, resolution, rate);
            }
        });
    }

    /// Lets the cable go at the speed that the source last had, from the time on at which a tick
    /// was too late, if one was.
    pub(super) fn miss_source(&mut self) {
        let until = self.state.follow.as_ref().and_then(Follow::patience);
        let Some(until) = until.filter(|&until| until < self.now) else {
            return;
        };
        self.update_to(until);
        self.change_pace(until, |state| {
            if let Some(follow) = &mut state.follow {
                follow.miss(until);
            }
        });
    }

    /// Records that the source has said that it stops.
    pub(super) fn lose_source(&mut self) {
        self.update();
        self.rest();
    }

    /// Goes on at the speed that the source last had.
    ///
    /// What the source ticks from now on is another beginning. The cable has been moved to the
    /// present.
    pub(super) fn rest(&mut self) {
        self.change_pace(self.now, |state| {
            if let Some(follow) = &mut state.follow {
                follow.rest();
            }
        });
    }

    /// Does something by which the cable may come to go at another pace, from the time `at` on, to
    /// which it has been moved.
    pub(super) fn change_pace(&mut self, at: Instant, change: impl FnOnce(&mut State)) {
        let before = self.state.pace();
        change(self.state);
        let pace = self.state.pace();
        if pace == before {
            return;
        }
        // A cable in which a side has yet to be let go has not been moved.
        let at = match self.state.let_go {
            Some(_) => self.state.time.moved_at().unwrap_or(at),
            None => at,
        };
        self.state.absolute.set_pace(pace, at);
        if let Time::Clock(clock) = &mut self.state.time {
            clock.set_pace(pace);
            // The periods now end at another time.
            self.arm_again(Direction::Playback);
            // (One that is over is looked at when it was to be, however often the pace changes.)
            if !self.is_over(Direction::Capture) {
                self.arm_again(Direction::Capture);
            }
        }
    }
}
