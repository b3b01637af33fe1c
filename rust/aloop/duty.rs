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
//!   turns, so that as much has been paid off by the time of each. But none waits for longer than
//!   if all were like itself, and had to rest three times as long as all take: those that take
//!   little do not wait for those that take much.
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
//! compile this very file. All times are in nanoseconds, and saturate.

use core::cmp::{
    max,
    min, //
};

/// How many times as long as callbacks usually take a stream rests after one.
const REST: u64 = 3;

/// How many times as long as they take there has to be for those of all streams together.
const SHARE: u64 = 2;

/// How much all streams together may owe before they take turns: half a millisecond of callbacks,
/// which is what 100 streams take whose periods end at one time.
const BURST: u64 = 1_000_000;

/// What the times of turns are multiples of.
const GRID: u64 = 250_000;

/// How late a turn may be used.
const LATE: u64 = 1_000_000;

/// What the interrupt, the queue of timers and the stream's lock take around a callback: this, and
/// as much as a callback that does little, since it depends on the processor.
const AROUND: u64 = 1_000;

/// How many times as much. On `PREEMPT_RT`, a thread is woken for it as well.
const AS_MUCH: u64 = if cfg!(CONFIG_PREEMPT_RT) { 2 } else { 1 };

/// What such a callback takes at most.
const LITTLE: u64 = 4_000;

/// Of how many callbacks, about, the usual length is a mean.
const SMOOTH: u64 = 8;

/// How much more than twice the usual a callback has to take to be forgiven.
const JUMP: u64 = 80_000;

/// How many times as long as a callback that is forgiven the last such has to lie back.
const RARE: u64 = 100;

/// What a callback is taken to last at most.
const LONGEST: u64 = 100_000_000;

/// What the callbacks of all streams take.
pub(crate) trait Account {
    /// The time at which all that was charged is paid off. It may have passed.
    fn paid_at(&self) -> u64;

    /// Charges for a callback, as [`charge`] has it. Returns what [`Account::paid_at`] was before.
    fn charge(&self, now: u64, cost: u64) -> u64;

    /// Takes that back for a callback that will not be.
    fn refund(&self, cost: u64);

    /// Whether a callback that took `length` far longer than usual, and has just ended, may be
    /// forgiven: then none is for [`RARE`] times as long.
    fn forgive(&self, ended: u64, length: u64) -> bool;

    /// How many streams there are.
    fn streams(&self) -> u64;
}

/// What [`Account::forgive`] returns, if the last callback that was forgiven has ended at
/// `forgiven_at`.
pub(crate) fn is_rare(forgiven_at: u64, ended: u64, length: u64) -> bool {
    ended.saturating_sub(forgiven_at) / RARE >= length
}

/// The time at which an account has paid for a callback, if what was charged before is paid off at
/// `paid_at`.
pub(crate) fn charge(paid_at: u64, now: u64, cost: u64) -> u64 {
    max(paid_at, now).saturating_add(cost.saturating_mul(SHARE))
}

/// What is known of the callbacks of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Duty {
    /// How long they usually take.
    usual: u64,
    /// The time before which the next one is not to begin: the end of a rest, or a turn.
    until: u64,
    /// What was charged for the next one, if that is a turn; otherwise 0.
    charged: u64,
}

impl Duty {
    /// Nothing is known.
    pub(crate) const NEW: Self = Self {
        usual: 0,
        until: 0,
        charged: 0,
    };

    /// The time before which the next callback is not to begin.
    pub(crate) fn until(&self) -> u64 {
        self.until
    }

    /// Whether a callback that was due at `expired_at` waits for its turn, which is then
    /// [`Duty::until`].
    pub(crate) fn is_put_off(&self, expired_at: u64) -> bool {
        self.charged > 0 && expired_at < self.until
    }

    /// The timer has expired, at `now`: decides whether the callback has to wait for its turn.
    /// Afterwards
    /// [`Duty::is_put_off`] says so.
    pub(crate) fn expired(&mut self, now: u64, account: &impl Account) {
        // If it is too late for a turn, the processor could not look after its timers. Now all
        // those have come at once whose turns have been meanwhile: that would go on. They are
        // charged once more, which keeps them apart.
        if self.charged > 0 && now < self.until.saturating_add(LATE) {
            return;
        }
        if is_much(account.paid_at(), now) {
            self.take_turn(now, 0, account);
        }
    }

    /// The timer has been armed for a time. If that is later than a turn that was taken, that is
    /// given up: many could be saved up for one time.
    pub(crate) fn armed(&mut self, at: u64, account: &impl Account) {
        // Most never take one. All processors share the account: it is left alone then.
        if self.charged > 0 && at > self.until {
            account.refund(core::mem::take(&mut self.charged));
        }
    }

    /// Notes a callback that has ended. `length` is how long it has taken, if that is known: others
    /// may have had its processor meanwhile.
    pub(crate) fn rest(&mut self, length: Option<u64>, ended: u64, account: &impl Account) {
        let cost = match length {
            Some(length) => self.note(length, ended, account),
            None => self.cost(),
        };
        let cost = cost.saturating_sub(self.charged);
        self.charged = 0;
        let paid_at = charge(account.charge(ended, cost), ended, cost);
        let rest = self.cost().saturating_mul(REST);
        if is_much(paid_at, ended) {
            self.take_turn(ended, rest, account);
        } else {
            self.until = ended.saturating_add(rest);
        }
    }

    /// Charges for the next callback, which is to begin at its turn, and no sooner than in `rest`.
    fn take_turn(&mut self, now: u64, rest: u64, account: &impl Account) {
        self.charged = self.cost();
        let paid_at = account.charge(now, self.charged);
        let longest = self
            .charged
            .saturating_mul(REST)
            .saturating_mul(account.streams());
        let mut wait = paid_at.saturating_sub(now);
        if wait > longest {
            // Not all at the same time.
            let half = longest / 2;
            wait = half.saturating_add(wait.checked_rem(half).unwrap_or(0));
        }
        let turn = now.saturating_add(max(rest, wait));
        self.until = turn.checked_next_multiple_of(GRID).unwrap_or(turn);
    }

    /// Notes how long a callback has taken. Returns what it costs.
    fn note(&mut self, length: u64, ended: u64, account: &impl Account) -> u64 {
        let is_long = length > self.usual.saturating_mul(2).saturating_add(JUMP);
        if is_long && account.forgive(ended, length) {
            return self.cost();
        }
        let length = min(length, LONGEST);
        self.usual = self
            .usual
            .saturating_sub(self.usual / SMOOTH)
            .saturating_add(length / SMOOTH);
        with_surroundings(length)
    }

    /// What a callback usually costs.
    fn cost(&self) -> u64 {
        with_surroundings(self.usual)
    }
}

/// What a callback costs that takes `length`.
fn with_surroundings(length: u64) -> u64 {
    length
        .saturating_add(min(length, LITTLE).saturating_mul(AS_MUCH))
        .saturating_add(AROUND)
}

/// Whether so much is owed at the time `now` that streams take turns, if all is paid off at
/// `paid_at`.
fn is_much(paid_at: u64, now: u64) -> bool {
    paid_at.saturating_sub(now) > BURST
}
