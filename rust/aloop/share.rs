// SPDX-License-Identifier: GPL-2.0

//! What the period timers of all cards together take of a processor's time: the account for
//! [`duty`].

use crate::duty::{
    self,
    Account, //
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
    fn paid_at(&self) -> u64 {
        PAID_AT.load(Relaxed)
    }

    fn charge(&self, now: u64, cost: u64) -> u64 {
        let mut before = PAID_AT.load(Relaxed);
        loop {
            match PAID_AT.cmpxchg(before, duty::charge(before, now, cost), Relaxed) {
                Ok(_) => return before,
                // Another processor has charged something: it does not go on like this.
                Err(present) => before = present,
            }
        }
    }

    fn refund(&self, cost: u64) {
        PAID_AT.fetch_sub(duty::charge(0, 0, cost), Relaxed);
    }

    fn forgive(&self, ended: u64, length: u64) -> bool {
        let forgiven_at = FORGIVEN_AT.load(Relaxed);
        duty::is_rare(forgiven_at, ended, length)
            // Of two processors, one is forgiven.
            && FORGIVEN_AT.cmpxchg(forgiven_at, ended, Relaxed).is_ok()
    }

    fn streams(&self) -> u64 {
        MEMBERS.load(Relaxed)
    }
}
