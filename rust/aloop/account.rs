// SPDX-License-Identifier: GPL-2.0

//! What the period timers of all cards together take of a processor's time: the account for
//! [`duty`].

use crate::{
    duty::{
        self,
        Account, //
    },
    units::{
        Delta,
        Instant, //
    },
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// What callbacks have taken.
pub(crate) struct Ledger {
    /// The time at which that is paid off, in nanoseconds.
    paid_at: Atomic<u64>,
    /// The time at which the last callback that was forgiven has ended, in nanoseconds.
    forgiven_at: Atomic<u64>,
    /// How many substreams have a share.
    members: Atomic<u64>,
}

impl Ledger {
    /// Nothing has been taken, and nobody has a share.
    pub(crate) const fn new() -> Self {
        Self {
            paid_at: Atomic::new(0),
            forgiven_at: Atomic::new(0),
            members: Atomic::new(0),
        }
    }

    /// Gives one more substream a share.
    pub(crate) fn join(&self) {
        self.members.add(1, Relaxed);
    }

    /// Takes its share from a substream that had one.
    fn leave(&self) {
        self.members.fetch_sub(1, Relaxed);
    }
}

impl Account for &Ledger {
    fn paid_at(&self) -> Instant {
        Instant(self.paid_at.load(Relaxed))
    }

    fn charge(&self, now: Instant, cost: Delta) -> Instant {
        let mut before = Account::paid_at(self);
        loop {
            let after = duty::charge(before, now, cost);
            match self.paid_at.cmpxchg(before.0, after.0, Relaxed) {
                Ok(_) => return before,
                // Another processor has charged something: it does not go on like this.
                Err(present) => before = Instant(present),
            }
        }
    }

    fn refund(&self, cost: Delta) {
        self.paid_at.fetch_sub(duty::time_to_pay(cost).0, Relaxed);
    }

    fn forgive(&self, ended: Instant, length: Delta) -> bool {
        let forgiven_at = Instant(self.forgiven_at.load(Relaxed));
        duty::is_rare(forgiven_at, ended, length)
            // Of two processors, one is forgiven.
            && self.forgiven_at.cmpxchg(forgiven_at.0, ended.0, Relaxed).is_ok()
    }

    fn streams(&self) -> u64 {
        self.members.load(Relaxed)
    }
}

/// That of the callbacks of all cables of all cards.
static ALL: Ledger = Ledger::new();

/// A substream that is open: it has its share.
///
/// Any context may use it.
pub(crate) struct Member(());

impl Member {
    /// Returns one more.
    pub(crate) fn new() -> Self {
        ALL.join();
        Self(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        ALL.leave();
    }
}

impl Account for Member {
    fn paid_at(&self) -> Instant {
        (&ALL).paid_at()
    }

    fn charge(&self, now: Instant, cost: Delta) -> Instant {
        (&ALL).charge(now, cost)
    }

    fn refund(&self, cost: Delta) {
        (&ALL).refund(cost);
    }

    fn forgive(&self, ended: Instant, length: Delta) -> bool {
        (&ALL).forgive(ended, length)
    }

    fn streams(&self) -> u64 {
        (&ALL).streams()
    }
}
