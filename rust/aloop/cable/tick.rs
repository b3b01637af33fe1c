// SPDX-License-Identifier: GPL-2.0

//! Cables that run by the ticks of a sound timer.

use super::{
    application::audible,
    side::Activity,
    state::Locked,
    time::Time, //
};
use crate::{
    clock::NSEC_PER_SEC,
    units::{
        Delta,
        Frames, //
    },
};
use alsa::pcm::{
    self,
    Direction, //
};

/// A tick that does not last as long as a period.
pub(crate) struct Mismatch {
    /// The length of the period.
    pub(crate) period: Frames,
    /// The frames that fit the tick.
    pub(crate) fitting: Frames,
}

impl Locked<'_> {
    /// Handles ticks of the cable's sound timer: so many periods, of this length, have elapsed.
    ///
    /// # Errors
    ///
    /// If a tick is not a period long. Both sides are stopped then.
    pub(crate) fn tick(&mut self, ticks: u64, resolution: Delta) -> Result<(), Mismatch> {
        if self.state.follow.is_some() {
            self.follow_source(ticks, resolution);
            return Ok(());
        }
        if !matches!(self.state.time, Time::Ticks) {
            // It ticked while the last stream was being stopped.
            return Ok(());
        }
        if !self.settle_by_time() {
            // As if the tick had come before the start.
            return Ok(());
        }
        let mut period = Frames::ZERO;
        let mut mismatch = None;
        for side in [&self.state.playback, &self.state.capture] {
            let Some(running) = side.prepared().filter(|side| side.is_running()) else {
                continue;
            };
            let params = &running.setup.params;
            period = running.setup.period();
            let fitting = frames_in(resolution, params.rate);
            if fitting != period {
                mismatch = Some(Mismatch { period, fitting });
            }
        }
        if let Some(mismatch) = mismatch {
            self.fall_out_of_step();
            return Err(mismatch);
        }
        self.advance(period * ticks);
        self.expire_timers();
        Ok(())
    }

    /// Handles a stop of the device that drives the sound timer (`SNDRV_TIMER_EVENT_MSTOP`).
    ///
    /// A playback that drains would wait for ever: all that is left is played at once. Others wait,
    /// since the timer may be back soon.
    pub(crate) fn timer_stopped(&mut self) {
        if self.state.follow.is_some() {
            self.lose_source();
            return;
        }
        if !matches!(self.state.time, Time::Ticks) {
            return;
        }
        if !self.settle_by_time() {
            return;
        }
        let Some(playback) = self
            .state
            .playback
            .prepared()
            .filter(|side| side.is_running())
        else {
            return;
        };
        let Some(own) = self.stream(Direction::Playback) else {
            return;
        };
        if own.state() == pcm::State::Draining {
            let (setup, position) = (&playback.setup, playback.position());
            let left = audible(&own, setup, &playback.told, position);
            let period = setup.period();
            self.advance(left.next_multiple_of(period).max(period));
            self.expire_timers();
        }
    }

    /// Lets go of both sides; their own timers will stop them.
    fn fall_out_of_step(&mut self) {
        self.expire_timers();
        for side in [&mut self.state.playback, &mut self.state.capture] {
            if side.is_running() {
                side.set_activity(Activity::OutOfStep);
            }
        }
    }
}

/// Returns how many frames fit a time best, at `rate` frames a second.
fn frames_in(time: Delta, rate: u32) -> Frames {
    // In parts of 10^9 of a frame. That saturates if a tick takes hours (6.67 at 768 kHz): what
    // comes out then is more frames than a period can have.
    let parts = (time * rate.into()).0.saturating_add(NSEC_PER_SEC / 2);
    Frames(parts / NSEC_PER_SEC)
}
