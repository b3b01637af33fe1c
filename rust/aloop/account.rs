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

/// The time at which what their callbacks have taken is paid off, in nanoseconds.
static PAID_AT: Atomic<u64> = Atomic::new(0);

/// The time at which the last callback that was forgiven has ended, in nanoseconds.
static FORGIVEN_AT: Atomic<u64> = Atomic::new(0);

/// How many substreams are open, of all cables of all cards.
static MEMBERS: Atomic<u64> = Atomic::new(0);

/// A substream that is open: it has its share.
///
/// Any context may use it.
pub(crate) struct Member(());

impl Member {
    /// Returns one more.
    pub(crate) fn new() -> Self {
        MEMBERS.add(1, Relaxed);
        Self(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        MEMBERS.fetch_sub(1, Relaxed);
    }
}

impl Account for Member {
    fn paid_at(&self) -> Instant {
        Instant(PAID_AT.load(Relaxed))
    }

    fn charge(&self, now: Instant, cost: Delta) -> Instant {
        let mut before = self.paid_at();
        loop {
            let after = duty::charge(before, now, cost);
            match PAID_AT.cmpxchg(before.0, after.0, Relaxed) {
                Ok(_) => return before,
                // Another processor has charged something: it does not go on like this.
                Err(present) => before = Instant(present),
            }
        }
    }

    fn refund(&self, cost: Delta) {
        PAID_AT.fetch_sub(duty::time_to_pay(cost).0, Relaxed);
    }

    fn forgive(&self, ended: Instant, length: Delta) -> bool {
        let forgiven_at = Instant(FORGIVEN_AT.load(Relaxed));
        duty::is_rare(forgiven_at, ended, length)
            // Of two processors, one is forgiven.
            && FORGIVEN_AT.cmpxchg(forgiven_at.0, ended.0, Relaxed).is_ok()
    }

    fn streams(&self) -> u64 {
        MEMBERS.load(Relaxed)
    }
}
