// SPDX-License-Identifier: GPL-2.0

//! Frames from time and time from frames, at one rate shift.

use crate::clock::Pace;
use crate::clock::SHIFT_MAX;
use crate::clock::SHIFT_MIN;
use crate::clock::SHIFT_NOMINAL;
use crate::plain::Clock;
use crate::times::den;
use crate::times::frames_in;
use crate::times::rate;
use crate::times::shift;
use crate::times::step;
use crate::times::wild;
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

/// Returns the frames up to `now`, without moving the clock.
fn frames_at(clock: Clock, now: u64) -> u64 {
    let mut clock = clock;
    clock.advance(now)
}

/// The control's meaning in figures: a larger value is slower.
#[test]
fn shift_sets_the_effective_rate() {
    for (shift, frames) in [(100_000, 48_000), (120_000, 40_000), (80_000, 60_000)] {
        assert_eq!(Clock::new(48_000, shift, 7).advance(7 + SECOND), frames);
    }
    // 48000 / 1.01 = 47524.75...
    assert_eq!(Clock::new(48_000, 101_000, 0).advance(SECOND), 47_524);
    assert_eq!(
        Clock::new(48_000, 101_000, 0).advance(101 * SECOND),
        4_800_000
    );
}

#[test]
fn arguments_out_of_range_are_clamped() {
    for (given, used) in [
        (0, 80_000),
        (79_999, 80_000),
        (80_000, 80_000),
        (80_001, 80_001),
        (119_999, 119_999),
        (120_001, 120_000),
        (u32::MAX, 120_000),
    ] {
        let clamped = Clock::new(48_000, used, 0);
        assert_eq!(Clock::new(48_000, given, 0), clamped);
        let mut clock = Clock::new(48_000, SHIFT_NOMINAL, 0);
        clock.set_pace(Pace::of_shift(given));
        assert_eq!(clock, clamped);
        // 100 nominal seconds are so many frames, whatever the clock's fields say of it.
        let frames = 48_000 * 100 * u64::from(SHIFT_NOMINAL) / u64::from(used);
        assert_eq!(clock.advance(100 * SECOND), frames);
    }
    assert_eq!(Clock::new(0, SHIFT_NOMINAL, 0).advance(3 * SECOND), 3);
    let mut fastest = Clock::new(u32::MAX, SHIFT_NOMINAL, 0);
    assert_eq!(fastest.advance(SECOND), u64::from(u32::MAX));
}

proptest! {
    /// However time is cut into calls, their sum is the one exact quotient.
    #[test]
    fn frames_do_not_depend_on_how_time_is_cut(
        rate in rate(), shift in shift(), start in 0_u64..1 << 62, steps in vec(step(), 0..200),
    ) {
        let mut clock = Clock::new(rate, shift, start);
        let mut elapsed = 0_u64;
        let mut total = 0_u128;
        for step in steps {
            elapsed += step;
            total += u128::from(clock.advance(start + elapsed));
            prop_assert_eq!(total, frames_in(elapsed.into(), rate, shift));
            prop_assert_eq!(clock.time_of(0), start + elapsed);
        }
    }

    /// `time_of` is the first nanosecond at which the frames are there, from any phase.
    #[test]
    fn time_of_is_the_exact_inverse(
        rate in rate(), shift in shift(), warm_up in vec(step(), 0..4),
        ahead in prop_oneof![1_u64..100, 1_u64..10_000_000, 1_u64..1 << 44],
    ) {
        let mut clock = Clock::new(rate, shift, 0);
        let mut now = 0;
        for step in warm_up {
            now += step;
            clock.advance(now);
        }
        // A multiple of the rate is its own case in the arithmetic.
        for ahead in [ahead, ahead.next_multiple_of(rate.into())] {
            let time = clock.time_of(ahead);
            prop_assert!(time > now);
            prop_assert!(frames_at(clock, time) >= ahead);
            prop_assert!(frames_at(clock, time - 1) < ahead);
            // At no rate here does a nanosecond hold two frames.
            prop_assert_eq!(frames_at(clock, time), ahead);
        }
    }

    /// Waking up at each period's end, late by anything, finds each period complete.
    #[test]
    fn periods_end_where_the_formula_says(
        rate in rate(), shift in shift(), start in 0_u64..1 << 60, period in 1_u64..100_000,
        late in vec(0_u64..50_000_000, 1..60),
    ) {
        let mut clock = Clock::new(rate, shift, start);
        let mut position = 0;
        for late in late {
            let edge = (position / period + 1) * period;
            let time = clock.time_of(edge - position);
            let exact = (u128::from(edge) * den(shift)).div_ceil(u128::from(rate));
            prop_assert_eq!(u128::from(time - start), exact);
            position += clock.advance(time + late);
            prop_assert!(position >= edge);
        }
    }

    /// A time that is not after the last one gives nothing and leaves no trace.
    #[test]
    fn time_going_backwards_changes_nothing(
        rate in rate(), shift in shift(), start in step(), steps in vec((step(), wild()), 1..50),
    ) {
        let mut clock = Clock::new(rate, shift, start);
        let mut now = start;
        for (step, back) in steps {
            now += step;
            clock.advance(now);
            let before = format!("{clock:?}");
            // `now` itself, and something before it.
            for earlier in [now, now - back % (now + 1)] {
                prop_assert_eq!(clock.advance(earlier), 0);
                prop_assert_eq!(format!("{clock:?}"), before.clone());
            }
        }
    }

    /// A later frame doesn't come earlier, and none comes before the present.
    #[test]
    fn time_of_is_monotonic(
        rate in any::<u32>(), shift in shift(), start in wild(), now in wild(),
        ahead in vec(wild(), 2..20),
    ) {
        let mut clock = Clock::new(rate, shift, start);
        clock.advance(now);
        let mut ahead = ahead;
        ahead.push(0);
        ahead.sort_unstable();
        let times: Vec<u64> = ahead.iter().map(|&ahead| clock.time_of(ahead)).collect();
        prop_assert!(times.is_sorted());
        prop_assert_eq!(times[0], start.max(now));
    }

    /// At any rate, shift and stall the clock does what unbounded arithmetic does, cut off where 64
    /// bits end; and it doesn't panic.
    #[test]
    fn extremes_do_not_overflow(
        rate in prop_oneof![
            any::<u32>(), 0_u32..3, u32::MAX - 3..=u32::MAX, Just(8_000), Just(768_000),
        ],
        shift in any::<u32>(),
        start in wild(),
        // Sorted calls cover stalls of all sizes; the others go back in time now and then.
        sorted in any::<bool>(),
        calls in vec((wild(), wild(), prop_oneof![shift(), any::<u32>()]), 0..30),
    ) {
        let mut calls = calls;
        if sorted {
            calls.sort_unstable();
        }
        let cut_off = |n: u128| n.min(u64::MAX.into()) as u64;
        let mut clock = Clock::new(rate, shift, start);
        let rate = u128::from(rate.max(1));
        let mut full = den(shift.clamp(SHIFT_MIN, SHIFT_MAX));
        let (mut last, mut rem) = (start, 0);

        for (now, ahead, shift) in calls {
            let mut frames = 0;
            if now > last {
                let num = u128::from(now - last) * rate + rem;
                (frames, rem, last) = (num / full, num % full, now);
            }
            prop_assert_eq!(clock.advance(now), cut_off(frames));

            clock.set_pace(Pace::of_shift(shift));
            let new = den(shift.clamp(SHIFT_MIN, SHIFT_MAX));
            rem = rem * new / full;
            full = new;

            let wait = (u128::from(ahead) * full).saturating_sub(rem).div_ceil(rate);
            prop_assert_eq!(clock.time_of(ahead), cut_off(u128::from(last) + wait));
        }
    }

    /// The longest stall of all, from the first to the last nanosecond, in one call.
    #[test]
    fn the_longest_stall_is_exact(rate in rate(), shift in shift()) {
        let frames = frames_in(u64::MAX.into(), rate, shift);
        prop_assert_eq!(u128::from(Clock::new(rate, shift, 0).advance(u64::MAX)), frames);
    }
}
