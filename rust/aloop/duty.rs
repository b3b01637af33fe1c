// SPDX-License-Identifier: GPL-2.0

//! How much of the time the callbacks of period timers may take.
//!
//! A period can be as short as a microsecond, and thousands can watch one stream, all of whom the
//! callback wakes, with interrupts off. No process is charged with that. So:
//!
//! - After a callback, a stream rests for three times as long as its callbacks usually take: those
//!   of one stream take a quarter of the time.
//! - What those of all streams take goes to one account ([`Account`]), which pays half of the time
//!   of one processor, however many there are. Once it owes more than [`BURST`], streams take
//!   turns, so that as much has been paid off by the time of each. But no stream waits for longer
//!   than it would if all others cost as much as it does itself, and each rested three times as
//!   long as all of them take: those that take little do not wait for those that take much.
//! - Turns are multiples of [`GRID`], so that between them is time for others. Were they spread
//!   evenly, the kernel would find the next timer expired whenever it has dealt with one, and after
//!   some of that would not look at any for as long as it has taken.
//!
//! Periods that end while a stream rests, or waits for its turn, are told of together.
//!
//! A virtual machine may stand still for long in a callback, and that shall not be held against the
//! stream: one that takes far longer than usual is forgiven, if such take a hundredth of the time
//! at most, those of all streams together.
//!
//! It is pure arithmetic: it reads no time by itself and knows no kernel type, so host tests
//! compile this very file.

use crate::units::{
    Delta,
    Instant, //
};
use core::cmp::{
    max,
    min, //
};

/// After a callback, a stream rests for this many times the usual length of its callbacks.
///
/// So these take a quarter of the time at most.
const REST: u64 = 3;

/// How many nanoseconds it takes to pay off a nanosecond of callbacks.
///
/// So the callbacks of all streams together take half of the time of one processor at most.
const SHARE: u64 = 2;

/// How much time to pay off all streams together may owe before they take turns.
///
/// 1 ms pays for 0.5 ms of callbacks ([`SHARE`]), which is what 100 streams take whose periods end
/// at one time.
const BURST: Delta = Delta::from_millis(1);

/// Turns begin at multiples of this time.
const GRID: Delta = Delta::from_micros(250);

/// How late a card may allow its period timers to be, in microseconds at most.
pub(crate) const SLACK_MAX: u32 = 1000;

/// How late a callback may come and still use its turn.
const LATE: Delta = Delta::from_millis(1);

/// The fixed part of the overhead of a callback.
///
/// The overhead is what the interrupt, the queue of timers and the stream's lock take around it.
/// Its other part depends on the processor: it is estimated by the length of the callback, up to
/// [`LITTLE`], times [`AS_MUCH`].
const AROUND: Delta = Delta::from_micros(1);

/// The weight of the part of the overhead that depends on the processor. On `PREEMPT_RT`, a thread
/// is woken for the callback as well.
const AS_MUCH: u64 = if cfg!(CONFIG_PREEMPT_RT) { 2 } else { 1 };

/// How much of the length of a callback counts for its overhead, at most: a callback that does
/// little takes no longer.
const LITTLE: Delta = Delta::from_micros(4);

/// The usual length is a mean of about this many callbacks.
const SMOOTH: u64 = 8;

/// A callback may be forgiven if it takes longer than twice the usual length and this.
const JUMP: Delta = Delta::from_micros(80);

/// A callback may be forgiven if the last one that was is this many times its length ago.
const RARE: u64 = 100;

/// A callback that takes longer counts as one of this length.
const LONGEST: Delta = Delta::from_millis(100);

/// What the callbacks of all streams take.
pub(crate) trait Account {
    /// Returns the time at which all that was charged is paid off, which may have passed.
    fn paid_at(&self) -> Instant;

    /// Charges for a callback, as [`charge`] has it, and returns what [`Account::paid_at`] was
    /// before.
    fn charge(&self, now: Instant, cost: Delta) -> Instant;

    /// Takes back what was charged for a callback that will not be.
    fn refund(&self, cost: Delta);

    /// Returns whether a callback that took `length`, far longer than usual, and has just ended,
    /// may be forgiven: then none is for [`RARE`] times as long.
    fn forgive(&self, ended: Instant, length: Delta) -> bool;

    /// Returns how many streams there are.
    fn streams(&self) -> u64;
}

/// Returns what [`Account::forgive`] returns, if the last callback that was forgiven has ended at
/// `forgiven_at`.
pub(crate) fn is_rare(forgiven_at: Instant, ended: Instant, length: Delta) -> bool {
    (ended - forgiven_at) / RARE >= length
}

/// Returns the time at which an account has paid for a callback, if what was charged before is paid
/// off at `paid_at`.
pub(crate) fn charge(paid_at: Instant, now: Instant, cost: Delta) -> Instant {
    max(paid_at, now) + time_to_pay(cost)
}

/// Returns how long an account pays for a callback.
pub(crate) fn time_to_pay(cost: Delta) -> Delta {
    cost * SHARE
}

/// What is known of the callbacks of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Duty {
    /// How long they usually take.
    usual: Delta,
    /// The time before which the next one is not to begin: the end of a rest, or a turn.
    until: Instant,
    /// What was charged for the next one, if that is a turn; otherwise 0.
    charged: Delta,
}

impl Duty {
    /// Nothing is known.
    pub(crate) const NEW: Self = Self {
        usual: Delta::ZERO,
        until: Instant::START,
        charged: Delta::ZERO,
    };

    /// Returns the time before which the next callback is not to begin.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Returns whether a callback that was due at `expired_at` waits for its turn, which is then
    /// [`Duty::until`].
    pub(crate) fn is_put_off(&self, expired_at: Instant) -> bool {
        !self.charged.is_zero() && expired_at < self.until
    }

    /// Decides whether the callback of a timer that has expired, at `now`, has to wait for its
    /// turn.
    ///
    /// Afterwards [`Duty::is_put_off`] says so.
    pub(crate) fn expired(&mut self, now: Instant, account: &impl Account) {
        // A callback that is later than `LATE` after its turn means that the processor could not
        // look after its timers. All turns that it has missed then come at once, and would go on
        // to do so: charged once more, they are apart again.
        if !self.charged.is_zero() && now < self.until + LATE {
            return;
        }
        if is_much(account.paid_at(), now) {
            self.take_turn(now, Delta::ZERO, account);
        }
    }

    /// Gives up a turn that was taken if the timer has been armed for a later time: many could be
    /// saved up for one time.
    pub(crate) fn armed(&mut self, at: Instant, account: &impl Account) {
        // Most never take one. All processors share the account: it is left alone then.
        if !self.charged.is_zero() && at > self.until {
            account.refund(core::mem::take(&mut self.charged));
        }
    }

    /// Notes a callback that has ended. `length` is how long it has taken, if that is known: others
    /// may have had its processor meanwhile.
    pub(crate) fn rest(&mut self, length: Option<Delta>, ended: Instant, account: &impl Account) {
        let cost = match length {
            Some(length) => self.note(length, ended, account),
            None => self.cost(),
        };
        let cost = cost - self.charged;
        self.charged = Delta::ZERO;
        let paid_at = charge(account.charge(ended, cost), ended, cost);
        let rest = self.cost() * REST;
        if is_much(paid_at, ended) {
            self.take_turn(ended, rest, account);
        } else {
            self.until = ended + rest;
        }
    }

    /// Charges for the next callback, which is to begin at its turn, and no sooner than in `rest`.
    fn take_turn(&mut self, now: Instant, rest: Delta, account: &impl Account) {
        self.charged = self.cost();
        let paid_at = account.charge(now, self.charged);
        let longest = self.charged * REST * account.streams();
        let mut wait = paid_at - now;
        if wait > longest {
            // Not all at the same time.
            let half = longest / 2;
            wait = half + Delta(wait.0.checked_rem(half.0).unwrap_or(0));
        }
        self.until = (now + max(rest, wait)).next_multiple_of(GRID);
    }

    /// Notes how long a callback has taken, and returns what it costs.
    fn note(&mut self, length: Delta, ended: Instant, account: &impl Account) -> Delta {
        let is_long = length > self.usual * 2 + JUMP;
        if is_long && account.forgive(ended, length) {
            return self.cost();
        }
        let length = min(length, LONGEST);
        self.usual = self.usual - self.usual / SMOOTH + length / SMOOTH;
        with_surroundings(length)
    }

    /// Returns what a callback usually costs.
    fn cost(&self) -> Delta {
        with_surroundings(self.usual)
    }
}

/// Returns what a callback costs that takes `length`.
fn with_surroundings(length: Delta) -> Delta {
    length + min(length, LITTLE) * AS_MUCH + AROUND
}

/// Returns whether so much is owed at the time `now` that streams take turns, if all is paid off at
/// `paid_at`.
fn is_much(paid_at: Instant, now: Instant) -> bool {
    paid_at - now > BURST
}
