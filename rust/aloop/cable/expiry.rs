// SPDX-License-Identifier: GPL-2.0

//! When the period timer of a stream last expired, and how soon it may again.

use crate::{
    duty::Duty,
    share::Member,
    units::{
        Delta,
        Instant, //
    },
};
use alsa::time::thread_switches;
use core::cmp::max;

/// The least time from one expiry of a period timer to the next.
///
/// A period can be as short as a microsecond. Timers must not fill a processor with interrupts: at
/// periods shorter than this, several end at each.
pub(super) const MIN_INTERVAL: Delta = Delta::from_micros(50);

/// The period timer of a substream that is open.
///
/// It survives PREPARE: whoever prepares a stream anew after each period shall not take more of the
/// time.
pub(super) struct Expiry {
    /// The substream's share of the time.
    member: Member,
    /// How long the callbacks take, and when the next may begin.
    duty: Duty,
    /// What the timer was last armed for.
    armed_at: Instant,
    /// Which processor that will interrupt.
    armed_on: u32,
    /// When it last expired.
    expired_at: Instant,
    /// The callback that has begun then and has not ended.
    callback: Option<Callback>,
}

/// A callback of the timer.
struct Callback {
    /// How often the thread that calls back had made way for another by then.
    switches: usize,
    /// Whether it is put off: it is others' turn.
    is_put_off: bool,
}

impl Expiry {
    /// The timer of a substream that has just been opened.
    pub(super) fn new() -> Self {
        Self {
            member: Member::new(),
            duty: Duty::NEW,
            armed_at: Instant::START,
            armed_on: 0,
            expired_at: Instant::START,
            callback: None,
        }
    }

    /// Returns the earliest time at which the timer may expire again.
    pub(super) fn earliest(&self) -> Instant {
        max(self.expired_at + MIN_INTERVAL, Instant(self.duty.until()))
    }

    /// Notes that the timer is armed for the time `at`, and will interrupt the processor `cpu`.
    pub(super) fn armed(&mut self, at: Instant, cpu: u32) {
        self.armed_at = at;
        self.armed_on = cpu;
        self.duty.armed(at.0, &self.member);
    }

    /// Notes that the timer will interrupt the processor `cpu`, if it is armed for the time `at`.
    /// Returns whether it is, and would have interrupted another.
    pub(super) fn join(&mut self, at: Instant, cpu: u32) -> bool {
        let is_apart = self.armed_at == at && self.armed_on != cpu;
        if is_apart {
            self.armed_on = cpu;
        }
        is_apart
    }

    /// Notes that the timer has expired, at the time `now`. Returns whether the callback is put
    /// off, which only that of a stream that runs is.
    pub(super) fn begin(&mut self, now: Instant, is_running: bool) -> bool {
        self.expired_at = now;
        let mut is_put_off = false;
        if is_running {
            self.duty.expired(now.0, &self.member);
            is_put_off = self.duty.is_put_off(now.0);
        }
        self.callback = Some(Callback {
            switches: switches(),
            is_put_off,
        });
        is_put_off
    }

    /// Notes that the callback ends, at the time `now`: the timer rests.
    pub(super) fn end(&mut self, now: Instant) {
        // Of two that have met, the first one to end stands for both.
        let Some(callback) = self.callback.take().filter(|callback| !callback.is_put_off) else {
            return;
        };
        // On PREEMPT_RT it is a thread's work, and whom it has woken may have run at once.
        let is_known = callback.switches == switches();
        let length = is_known.then(|| (now - self.expired_at).0);
        self.duty.rest(length, now.0, &self.member);
    }
}

/// How often the thread that calls back has made way for another. There is one on `PREEMPT_RT`
/// only: an interrupt makes way for nobody.
fn switches() -> usize {
    if cfg!(CONFIG_PREEMPT_RT) {
        thread_switches()
    } else {
        0
    }
}
