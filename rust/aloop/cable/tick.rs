// SPDX-License-Identifier: GPL-2.0

//! Cables that run by the ticks of a sound timer.

use super::{
    engine::audible,
    Activity,
    Setup,
    State,
    Time,
    PLAYBACK, //
};
use crate::clock::NSEC_PER_SEC;
use alsa::{
    pcm::{
        self,
        Direction,
        PortTable, //
    },
    timer, //
};

/// A sound timer that a cable runs by.
#[derive(Clone, Copy)]
pub(crate) struct TimerInfo {
    /// Which one.
    pub(crate) id: timer::Id,
    /// The end that was opened first, and opened the timer.
    pub(crate) opened_by: Direction,
}

/// A tick that does not last as long as a period.
pub(crate) struct Mismatch {
    /// The length of the period, in frames.
    pub(crate) period_size: u32,
    /// The frames that fit the tick.
    pub(crate) fitting: u64,
}

impl State {
    /// The timer that the cable runs by has ticked: so many periods have elapsed.
    ///
    /// # Errors
    ///
    /// If a tick is not a period long. Both ends are stopped then.
    pub(crate) fn tick(
        &mut self,
        ports: &PortTable<'_, 2>,
        ticks: u64,
        resolution: u64,
    ) -> Result<(), Mismatch> {
        if !matches!(self.time, Time::Ticks) {
            // It ticked while the last end was being stopped.
            return Ok(());
        }
        let mut period_size = 0;
        let mut mismatch = None;
        for end in [&self.playback, &self.capture] {
            if let (true, Some(Setup { params, .. })) = (end.is_running(), &end.setup) {
                period_size = params.period_size;
                let fitting = frames_in(resolution, params.rate);
                if fitting != u64::from(period_size) {
                    mismatch = Some(Mismatch {
                        period_size,
                        fitting,
                    });
                }
            }
        }
        if let Some(mismatch) = mismatch {
            self.fall_out_of_step(ports);
            return Err(mismatch);
        }
        self.advance(ports, ticks.saturating_mul(period_size.into()));
        self.expire_timers(ports);
        Ok(())
    }

    /// What the timer that the cable runs by ticks with has stopped.
    ///
    /// A player whose last frames are playing out would wait for ever: all that is left is played
    /// at once. Others wait, since the timer may be back soon.
    pub(crate) fn timer_stopped(&mut self, ports: &PortTable<'_, 2>) {
        if !matches!(self.time, Time::Ticks) || !self.playback.is_running() {
            return;
        }
        let (Some(play), Some(setup)) = (ports.get(PLAYBACK), self.playback.setup) else {
            return;
        };
        if play.state() == pcm::State::Draining {
            let period = u64::from(setup.params.period_size.max(1));
            let left = audible(&play, &self.playback, &setup);
            let periods = left.div_ceil(period).max(1);
            self.advance(ports, periods.saturating_mul(period));
            self.expire_timers(ports);
        }
    }

    /// Lets go of both ends; their own timers will stop them.
    fn fall_out_of_step(&mut self, ports: &PortTable<'_, 2>) {
        self.expire_timers(ports);
        for end in [&mut self.playback, &mut self.capture] {
            if end.is_running() {
                end.activity = Activity::OutOfStep;
            }
        }
    }
}

/// How many frames fit a time in nanoseconds best.
fn frames_in(time: u64, rate: u32) -> u64 {
    time.saturating_mul(rate.into())
        .saturating_add(NSEC_PER_SEC / 2)
        / NSEC_PER_SEC
}
