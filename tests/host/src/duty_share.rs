// SPDX-License-Identifier: GPL-2.0

//! Callbacks of a stream, played through as events: they take no more than their share of the time, and
//! those that take less are not held up.

use crate::duty::Duty;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

/// Lets a stream run from 0 to `end`, whose callbacks take the time that `length` says for each. Returns
/// how long they took from `start` on, and how late the latest came then.
fn run(period: u64, start: u64, end: u64, mut length: impl FnMut(u64) -> u64) -> (u64, u64) {
    let (mut took, mut late) = (0, 0);
    let (mut due, mut free, mut duty) = (period, 0, Duty::NEW);
    for number in 0.. {
        let begun = due.max(free);
        if begun >= end {
            break;
        }
        let length = length(number);
        free = duty.rest(begun, begun + length);
        if begun >= start {
            took += length;
            late = late.max(begun - due);
        }
        // Periods that have ended meanwhile are told of together.
        due = ((begun + length) / period + 1) * period;
    }
    (took, late)
}

proptest! {
    /// However short the periods and long the callbacks, be it only some of them: they take a quarter of the
    /// time, and a hundredth that is forgiven.
    #[test]
    fn a_quarter(
        period in 1_000_u64..500_000,
        lengths in proptest::collection::vec(
            prop_oneof![10_000_u64..20_000, 10_000_u64..2_000_000], 1..40,
        ),
    ) {
        let (start, end) = (SECOND, 5 * SECOND);
        let (took, _) = run(period, start, end, |i| lengths[i as usize % lengths.len()]);
        // The mean lags behind by some callbacks.
        let most = (end - start) * 26 / 100 + 16 * lengths.iter().max().unwrap_or(&0);
        prop_assert!(took <= most, "they take {took} ns of {}", end - start);
    }

    /// Streams whose callbacks take a fifth of a period, or less, are called on time.
    #[test]
    fn little_is_not_held_up(period in 50_000_u64..5_000_000, part in 5_u64..100) {
        let (_, late) = run(period, 0, SECOND, |_| period / part);
        prop_assert_eq!(late, 0);
    }

    /// A virtual machine that stands still in a callback, however long: the stream is not held up by that.
    #[test]
    fn a_stall_is_forgiven(length in 0_u64..50_000, stall in 200_000..100 * SECOND) {
        let mut duty = Duty::NEW;
        // It has been up for some time.
        let mut now = 100 * stall;
        let mut usual = 0;
        for _ in 0..100 {
            now += length;
            usual = duty.rest(now - length, now) - now;
            now += 1_000_000;
        }
        now += stall;
        prop_assert_eq!(duty.rest(now - stall, now) - now, usual);
        // The next one, soon after, is not.
        now += stall;
        prop_assert!(duty.rest(now - stall, now) - now > usual);
    }

    /// Nothing of it panics, and no rest is endless.
    #[test]
    fn saturates(times in proptest::collection::vec(any::<(u64, u64)>(), 1..20)) {
        let mut duty = Duty::NEW;
        for (begun, ended) in times {
            let rested = duty.rest(begun, ended);
            prop_assert!(rested >= ended);
            prop_assert!(rested - ended <= 3 * 100_000_000);
        }
    }
}
