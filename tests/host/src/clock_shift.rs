// SPDX-License-Identifier: GPL-2.0

//! A change of the rate shift keeps the phase.

use crate::clock::Pace;
use crate::clock::SHIFT_MAX;
use crate::clock::SHIFT_MIN;
use crate::plain::Clock;
use crate::times::den;
use crate::times::rate;
use crate::times::shift;
use crate::times::step;
use crate::times::Position;
use crate::times::FRAME;
use crate::times::LOSS;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    /// What is left of the begun frame takes as long as the new speed says, to the nanosecond.
    ///
    /// A rate of a few Hz makes a nanosecond as small as the rounding in question.
    #[test]
    fn phase_survives_a_change(
        rate in prop_oneof![1_u32..5, rate()], from in shift(), to in shift(), ns in step(),
    ) {
        let mut clock = Clock::new(rate, from, 0);
        clock.advance(ns);
        clock.set_pace(Pace::of_shift(to));

        let rate = u128::from(rate);
        let left = den(from) - u128::from(ns) * rate % den(from);
        // `left / den(from)` of a frame, at `rate` frames per `den(to)` ns; then the same with the
        // smallest part of a frame, 1/rate ns, more.
        let soonest = (left * den(to)).div_ceil(den(from) * rate);
        let latest = (left * den(to) + den(from)).div_ceil(den(from) * rate);
        let next = u128::from(clock.time_of(1) - ns);
        prop_assert!(
            (soonest..=latest).contains(&next),
            "{} not in {}..={}", next, soonest, latest
        );
        if from == to {
            prop_assert_eq!(next, soonest);
        }
    }

    /// After any number of changes the position is the sum of its pieces: never ahead, and behind
    /// by no more than the documented loss per change. No change makes it jump.
    #[test]
    fn position_is_the_sum_of_its_pieces(
        rate in prop_oneof![1_u32..5, rate()], first in shift(),
        pieces in vec((step(), vec(step(), 0..3), shift()), 1..100),
    ) {
        let mut clock = Clock::new(rate, first, 0);
        let mut shift = first;
        let mut exact = Position::default();
        let (mut now, mut total, mut changes) = (0, 0, 0);

        for (step, more, next) in pieces {
            for step in std::iter::once(step).chain(more) {
                now += step;
                exact.add(step, rate, shift);
                total += u128::from(clock.advance(now));
                // The oracle rounds too, by less than 1 for each piece.
                prop_assert!(total * FRAME <= exact.fixed + exact.pieces);
                prop_assert!(exact.fixed < (total + 1) * FRAME + changes * LOSS);
            }

            clock.set_pace(Pace::of_shift(next));
            changes += u128::from(next != shift);
            shift = next;
            prop_assert_eq!(clock.time_of(0), now);
            prop_assert_eq!(clock.advance(now), 0);
            // Neither earlier than the next nanosecond nor later than a whole frame takes.
            let wait = u128::from(clock.time_of(1) - now);
            prop_assert!(wait >= 1);
            prop_assert!(wait <= den(next).div_ceil(rate.into()));
        }
    }

    /// Turning the control as fast as one can, within one frame, doesn't stop the clock.
    #[test]
    fn a_storm_of_changes_costs_next_to_nothing(
        rate in rate(), shifts in vec(SHIFT_MIN..=SHIFT_MAX, 1000..1001), step in 1_u64..20_000,
    ) {
        let mut clock = Clock::new(rate, shifts[0], 0);
        let mut exact = Position::default();
        let mut total = 0;
        for (i, pair) in (1..).zip(shifts.windows(2)) {
            total += u128::from(clock.advance(i * step));
            exact.add(step, rate, pair[0]);
            clock.set_pace(Pace::of_shift(pair[1]));
        }
        prop_assert!(total * FRAME <= exact.fixed + exact.pieces);
        prop_assert!(exact.fixed < (total + 1) * FRAME + 1000 * LOSS);
    }
}
