// SPDX-License-Identifier: GPL-2.0

//! The clock that no start sets back.

use crate::clock::Pace;
use crate::clock::SHIFT_NOMINAL;
use crate::plain::Absolute;
use crate::times::den;
use crate::times::shift;
use crate::times::step;
use crate::times::wild;
use crate::times::Position;
use crate::times::FRAME;
use crate::times::LOSS;
use proptest::collection::vec;
use proptest::prelude::*;

/// Its frames last a nanosecond.
const RATE: u32 = 1_000_000_000;

proptest! {
    /// At nominal speed it shows the system's time.
    #[test]
    fn nominal_is_monotonic_time(times in vec(wild(), 1..50), changes in vec(wild(), 0..5)) {
        let mut clock = Absolute::new();
        let mut changes = changes;
        changes.sort_unstable();
        for change in changes {
            // No change of speed: no trace.
            clock.set_pace(Pace::of_shift(SHIFT_NOMINAL), change);
            prop_assert_eq!(clock.at(change), Some(change));
            for &time in times.iter().filter(|&&time| time >= change) {
                prop_assert_eq!(clock.at(time), Some(time));
            }
        }
        for time in times {
            prop_assert_eq!(Absolute::new().at(time), Some(time));
        }
    }

    /// What it showed before the last change but one is forgotten, and nothing else.
    #[test]
    fn knows_since_the_last_change_but_one(
        shift in shift(), changes in vec(0_u64..u64::MAX, 1..5), time in wild(),
    ) {
        let mut clock = Absolute::new();
        for &change in &changes {
            clock.set_pace(Pace::of_shift(shift), change);
        }
        // Those that came in order.
        let (mut last, mut before) = (0, 0);
        for change in changes.into_iter() {
            if change > last {
                (before, last) = (last, change);
            }
        }
        prop_assert_eq!(clock.changed_at(), last);
        prop_assert_eq!(clock.at(time).is_some(), time >= before);
    }

    /// One change: the exact quotient from there on.
    #[test]
    fn one_change_is_exact(shift in shift(), at in wild(), after in step()) {
        let mut clock = Absolute::new();
        clock.set_pace(Pace::of_shift(shift), at);
        let stretched = u128::from(after) * 1_000_000_000 / den(shift);
        if let Some(now) = at.checked_add(after) {
            let want = u64::try_from(u128::from(at) + stretched).unwrap_or(u64::MAX);
            prop_assert_eq!(clock.at(now), Some(want));
        }
    }

    /// After any number of changes it shows the sum of its pieces: never ahead, and behind by no
    /// more than the rounding of each change; and it never goes backwards.
    #[test]
    fn shows_the_sum_of_its_pieces(
        start in 0_u64..1 << 60, pieces in vec((vec(step(), 0..4), shift()), 1..100),
    ) {
        let mut clock = Absolute::new();
        let mut exact = Position::default();
        exact.add(start, RATE, SHIFT_NOMINAL);
        let (mut now, mut shift, mut changes, mut last) = (start, SHIFT_NOMINAL, 0, 0);
        for (steps, next) in pieces {
            for step in steps {
                now += step;
                exact.add(step, RATE, shift);
                let shown = clock.at(now).unwrap();
                prop_assert!(shown >= last, "{} after {}", shown, last);
                last = shown;
                let fixed = u128::from(shown) * FRAME;
                prop_assert!(fixed <= exact.fixed + exact.pieces, "{} ahead", shown);
                prop_assert!(exact.fixed < fixed + FRAME + changes * LOSS, "{} behind", shown);
            }
            let before = clock.at(now);
            clock.set_pace(Pace::of_shift(next), now);
            prop_assert_eq!(clock.at(now), before);
            changes += u128::from(next != shift);
            shift = next;
        }
    }

    /// A question for a time before the last change has an answer that was right before it, or
    /// none; a change that comes with such a
    /// time acts from the last one on. Nothing goes backwards.
    #[test]
    fn times_out_of_order_do_no_harm(calls in vec((wild(), wild(), any::<u32>()), 1..50)) {
        let mut clock = Absolute::new();
        let (mut changed, mut shown) = (0, 0);
        for (now, ask, shift) in calls {
            clock.set_pace(Pace::of_shift(shift), now);
            changed = changed.max(now);
            let at_change = clock.at(changed).unwrap();
            prop_assert!(at_change >= shown, "{} after {}", at_change, shown);
            shown = at_change;
            let answer = clock.at(ask);
            match answer {
                None => prop_assert!(ask < changed),
                Some(answer) if ask < changed => prop_assert!(answer <= at_change),
                Some(answer) => prop_assert!(answer >= at_change),
            }
        }
    }
}
