// SPDX-License-Identifier: GPL-2.0

//! When the period timer of a stream last expired, and how soon it may again.

use crate::{
    account::Member,
    duty::{
        Account,
        Duty, //
    },
    units::{
        Delta,
        Instant, //
    },
};
use alsa::time::thread_switches;
use core::cmp::max;
use kernel::prelude::*;

/// The least time from one expiry of a period timer to the next.
///
/// A period can be as short as a microsecond. Timers must not fill a processor with interrupts: at
/// periods shorter than this, several end at each.
pub(super) const MIN_INTERVAL: Delta = Delta::from_micros(50);

/// The period timer of a substream that is open.
///
/// It survives PREPARE: whoever prepares a stream anew after each period shall not take more of the
/// time.
pub(super) struct Expiry<A: Account = Member> {
    /// The substream's share of the time.
    member: A,
    /// How long the callbacks take, and when the next may begin.
    duty: Duty,
    /// What the timer was last armed for.
    armed_at: Instant,
    /// Which processor that will interrupt.
    armed_on: u32,
    /// When it last expired.
    expired_at: Instant,
    /// The callbacks that have begun and have not ended.
    callback: Callback,
}

/// The callbacks of a timer that run at present. There can be two: one by the timer, on one
/// processor, and one that was to run at once, on another.
struct Callback {
    /// How many they are.
    count: u32,
    /// When the first of them began.
    began: Instant,
    /// How often the thread that calls back had made way for another by then.
    switches: usize,
    /// Whether they are put off: it is others' turn.
    is_put_off: bool,
}

impl Expiry {
    /// Returns the timer of a substream that has just been opened.
    pub(super) fn new() -> Self {
        Self::of(Member::new())
    }
}

impl<A: Account> Expiry<A> {
    /// Returns the timer of a substream with this share of the time.
    fn of(member: A) -> Self {
        Self {
            member,
            duty: Duty::NEW,
            armed_at: Instant::START,
            armed_on: 0,
            expired_at: Instant::START,
            callback: Callback {
                count: 0,
                began: Instant::START,
                switches: 0,
                is_put_off: false,
            },
        }
    }

    /// Returns the earliest time at which the timer may expire again, which may be past.
    pub(super) fn earliest(&self) -> Instant {
        max(self.expired_at + MIN_INTERVAL, self.duty.until())
    }

    /// Notes that the timer is armed for the time `at`, and will interrupt the processor `cpu`.
    pub(super) fn armed(&mut self, at: Instant, cpu: u32) {
        self.armed_at = at;
        self.armed_on = cpu;
        self.duty.armed(at, &self.member);
    }

    /// Has the timer interrupt the processor `cpu` if it is armed for the time `at`, and returns
    /// whether it would have interrupted another.
    ///
    /// The caller then arms it there.
    pub(super) fn move_to(&mut self, at: Instant, cpu: u32) -> bool {
        let is_apart = self.armed_at == at && self.armed_on != cpu;
        if is_apart {
            self.armed_on = cpu;
        }
        is_apart
    }

    /// Notes that the timer has expired, at the time `now`, and a callback begins, and returns
    /// whether that is put off, which only that of a stream that runs is.
    pub(super) fn callback_begins(&mut self, now: Instant, is_running: bool) -> bool {
        self.expired_at = now;
        let callback = &mut self.callback;
        if callback.count == 0 {
            callback.began = now;
            callback.switches = switches();
            callback.is_put_off = is_running && {
                self.duty.expired(now, &self.member);
                self.duty.is_put_off(now)
            };
        }
        callback.count = callback.count.saturating_add(1);
        is_running && callback.is_put_off
    }

    /// Notes that a callback ends, at the time `now`, and the timer rests, and returns its turn if
    /// the callback was put off: the timer is to expire then.
    pub(super) fn callback_ends(&mut self, now: Instant) -> Option<Instant> {
        let callback = &mut self.callback;
        callback.count = callback.count.saturating_sub(1);
        if callback.count > 0 {
            // Of those that have met, the last one to end stands for all.
            return None;
        }
        if callback.is_put_off {
            return Some(self.duty.until());
        }
        // On PREEMPT_RT it is a thread's work, and whom it has woken may have run at once.
        let is_known = callback.switches == switches();
        let length = is_known.then(|| now - callback.began);
        self.duty.rest(length, now, &self.member);
        None
    }
}

/// Returns how often the thread that calls back has made way for another.
///
/// There is such a thread on `PREEMPT_RT` only: an interrupt makes way for nobody.
fn switches() -> usize {
    if cfg!(CONFIG_PREEMPT_RT) {
        thread_switches()
    } else {
        0
    }
}

#[kunit_tests(aloop_expiry)]
mod tests {
    use super::*;
    use crate::account::Ledger;

    /// Some time.
    const THEN: Instant = Instant(1_000_000_000);

    /// So many milliseconds later.
    fn after(ms: u64) -> Instant {
        THEN + Delta::from_millis(ms)
    }

    /// A callback that is put off comes again at its turn, whatever else there is to do.
    #[test]
    fn put_off_until_its_turn() {
        let ledger = Ledger::new();
        ledger.join();
        ledger.join();
        let mut costly = Expiry::of(&ledger);
        assert!(!costly.callback_begins(after(0), true));
        assert!(costly.callback_ends(after(50)).is_none());
        let mut other = Expiry::of(&ledger);
        let now = after(51);
        assert!(other.callback_begins(now, true));
        let turn = other.callback_ends(now);
        assert!(turn.is_some_and(|turn| turn > now && turn <= after(300)));
        // One that does not run is not put off: it has to be stopped, maybe.
        assert!(!other.callback_begins(now, false));
        assert!(other.callback_ends(now).is_none());
        // Nor if it is stopped while a callback that was put off is about to end.
        assert!(other.callback_begins(now, true));
        assert!(!other.callback_begins(now, false));
        assert!(other.callback_ends(now).is_none());
        assert!(other.callback_ends(now).is_some());
    }

    /// Two callbacks that meet rest once, when the last of them has ended, for as long as both
    /// have taken.
    #[test]
    fn two_that_meet_rest_once() {
        let ledger = Ledger::new();
        let mut expiry = Expiry::of(&ledger);
        let begun = after(1000);
        assert!(!expiry.callback_begins(begun, true));
        assert!(!expiry.callback_begins(begun + Delta::from_micros(10), true));
        assert!(expiry
            .callback_ends(begun + Delta::from_micros(20))
            .is_none());
        assert!(expiry.duty.until() == Instant::START);
        let ended = begun + Delta::from_micros(80);
        assert!(expiry.callback_ends(ended).is_none());
        // A mean of eight, and the surroundings: three times 80 / 8 and 5 us.
        let rest = expiry.duty.until() - ended;
        assert!(rest >= Delta::from_micros(30) && rest <= Delta::from_micros(60));
    }

    /// A timer expires again when the least interval has passed, and when it has rested from the
    /// callback: whichever is later.
    #[test]
    fn earliest_is_after_each_rest() {
        let ledger = Ledger::new();
        let mut expiry = Expiry::of(&ledger);
        let short = after(1500);
        assert!(!expiry.callback_begins(short, true));
        assert!(expiry
            .callback_ends(short + Delta::from_micros(1))
            .is_none());
        assert!(expiry.earliest() == short + MIN_INTERVAL);
        let long = after(1510);
        assert!(!expiry.callback_begins(long, true));
        let ended = long + Delta::from_micros(75);
        assert!(expiry.callback_ends(ended).is_none());
        assert!(expiry.earliest() > ended + Delta::from_micros(20));
    }

    /// Two timers that are due at one time interrupt one processor.
    #[test]
    fn due_at_one_time() {
        let ledger = Ledger::new();
        let mut expiry = Expiry::of(&ledger);
        expiry.armed(after(1), 0);
        assert!(!expiry.move_to(after(1), 0));
        assert!(!expiry.move_to(after(2), 1));
        assert!(expiry.move_to(after(1), 1));
        assert!(!expiry.move_to(after(1), 1));
    }
}
