// SPDX-License-Identifier: GPL-2.0

//! Cables that follow the speed of a sound timer.
//!
//! Such a cable runs by the system's clock, from its START on and whatever becomes of the source.
//! While that ticks, each tick sets the pace of the cable's clock: see [`follow`](crate::follow).

use super::{
    state::Locked,
    time::{
        TickSource,
        TimerInfo, //
    },
};
use crate::{
    clock::Pace,
    follow::Follow,
    units::Instant, //
};

impl Locked<'_> {
    /// Sets the sound timer that the cable runs by, or follows; `None` for the system's clock.
    /// Neither side runs.
    pub(crate) fn set_timer(&mut self, timer: Option<TimerInfo>) {
        let before = self.state.pace();
        self.state.note_timer(timer);
        self.set_pace_from(before);
    }

    /// Time begins to go on: has the source tick from now on, if it can.
    pub(super) fn look_for_source(&mut self, ticks: Option<&dyn TickSource>) {
        // What it ticked before is of no use, as ticks have been missed.
        self.rest();
        if let Some(ticks) = ticks {
            // The cable runs, whether it ticks or not.
            let _ = ticks.start();
        }
    }

    /// The source has ticked.
    pub(super) fn follow_source(&mut self, ticks: u64, resolution: u64) {
        self.update();
        let running = [&self.state.playback, &self.state.capture]
            .into_iter()
            .filter(|side| side.is_running())
            .find_map(|side| side.setup());
        let Some(rate) = running.map(|setup| setup.params.rate) else {
            // It ticked while the last stream was being stopped.
            return;
        };
        let (now, before) = (self.now.0, self.state.pace());
        if let Some(follow) = &mut self.state.follow {
            follow.tick(now, ticks, resolution, rate);
        }
        self.set_pace_from(before);
    }

    /// If the source should have ticked in the meantime, the cable has gone on at the speed that
    /// the source last had, from the time on at which it was too late.
    pub(super) fn miss_source(&mut self) {
        let until = self.state.follow.as_ref().and_then(Follow::patience);
        let Some(until) = until.map(Instant).filter(|&until| until < self.now) else {
            return;
        };
        let now = self.now;
        self.now = until;
        self.update_to(until);
        let before = self.state.pace();
        if let Some(follow) = &mut self.state.follow {
            follow.miss(until.0);
        }
        self.set_pace_from(before);
        self.now = now;
    }

    /// The source has said that it stops.
    pub(super) fn lose_source(&mut self) {
        self.update();
        self.rest();
    }

    /// Goes on at the speed that the source last had, from the time on to which the cable has been
    /// moved. What the source ticks from now on is another beginning.
    pub(super) fn rest(&mut self) {
        let before = self.state.pace();
        if let Some(follow) = &mut self.state.follow {
            follow.rest();
        }
        self.set_pace_from(before);
    }

    /// Has the clocks go at the present pace, if that is another than `before`.
    fn set_pace_from(&mut self, before: Pace) {
        let pace = self.state.pace();
        if pace != before {
            self.set_pace(pace);
        }
    }
}
