// SPDX-License-Identifier: GPL-2.0

//! Thirty days at every rate, in calls of all sizes: not a frame is gained or lost.

use crate::clock::SHIFT_NOMINAL;
use crate::plain::Clock;
use crate::times::den;
use crate::times::frames_in;
use crate::times::rate;
use crate::times::shift;
use crate::times::RATES;
use proptest::prelude::*;

/// In ns.
const THIRTY_DAYS: u64 = 30 * 24 * 3600 * 1_000_000_000;

/// A small generator (xorshift64), so that a run is known by its seed.
struct Random(u64);

impl Random {
    /// Returns a number in `1..=max`.
    fn up_to(&mut self, max: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % max + 1
    }
}

/// Runs a clock for thirty days and returns what went wrong, if anything, and the number of calls.
///
/// Stretches of a busy reader's calls and of period timers that are late take turns with stalls of
/// up to `stall` ns. The position is compared with the formula at every call.
fn thirty_days(rate: u32, shift: u32, seed: u64, stall: u64) -> Result<u64, String> {
    let mut random = Random(seed | 1);
    let start = random.up_to(1 << 60);
    let end = start + THIRTY_DAYS;
    let mut clock = Clock::new(rate, shift, start);
    let (mut now, mut total, mut calls) = (start, 0_u64, 0_u64);

    let mut at = |clock: &mut Clock, now: u64| {
        total += clock.advance(now);
        calls += 1;
        let exact = frames_in((now - start).into(), rate, shift);
        if u128::from(total) == exact {
            Ok(calls)
        } else {
            Err(format!(
                "{rate} Hz, shift {shift}, seed {seed}: after {} ns at {total} instead of {exact}",
                now - start
            ))
        }
    };

    while now < end {
        for _ in 0..random.up_to(20) {
            now = end.min(now + random.up_to(50_000));
            at(&mut clock, now)?;
        }
        let period = random.up_to(5_000);
        for _ in 0..random.up_to(20) {
            now = end.min(clock.time_of(period) + random.up_to(100_000) - 1);
            at(&mut clock, now)?;
        }
        now = end.min(now + random.up_to(stall));
        at(&mut clock, now)?;
    }

    // The last frame of the thirty days comes when it is due, counted from the first.
    let whole = frames_in(THIRTY_DAYS.into(), rate, shift) as u64;
    let due = (u128::from(whole + 1) * den(shift)).div_ceil(u128::from(rate));
    if u128::from(clock.time_of(1) - start) != due {
        return Err(format!(
            "{rate} Hz, shift {shift}, seed {seed}: the next frame is not due {due}"
        ));
    }
    at(&mut clock, end)
}

#[test]
fn thirty_days_at_each_rate() {
    for rate in RATES {
        let calls = thirty_days(rate, SHIFT_NOMINAL, u64::from(rate), 3_600_000_000_000).unwrap();
        // About one stall per half hour, with some twenty calls after each.
        assert!(calls > 20_000, "{rate} Hz: only {calls} calls");
    }
}

proptest! {
    #[test]
    fn thirty_days_at_any_rate_and_shift(
        rate in rate(), shift in shift(), seed in any::<u64>(),
        stall in 6 * 3_600_000_000_000_u64..7 * 24 * 3_600_000_000_000,
    ) {
        if let Err(message) = thirty_days(rate, shift, seed, stall) {
            prop_assert!(false, "{}", message);
        }
    }
}
