// SPDX-License-Identifier: GPL-2.0

//! How long frames last: what an audio timestamp says of a position.

use crate::clock::Pace;
use crate::clock::Phase;
use crate::clock::SHIFT_MAX;
use crate::clock::SHIFT_MIN;
use crate::clock::SHIFT_NOMINAL;
use crate::plain::nanos;
use crate::plain::Clock;
use crate::times::den;
use crate::times::rate;
use crate::times::shift;
use crate::times::step;
use crate::times::wild;
use crate::times::RATES;
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

/// `rem` parts of a frame that has `den(shift)` parts; `rem` is less.
#[derive(Clone, Copy, Debug)]
struct Part {
    rem: u64,
    shift: u32,
}

impl Part {
    /// As the clock has it: at 1 Hz a frame has gone by as far as nanoseconds have.
    fn phase(self) -> Phase {
        let mut clock = Clock::new(1, self.shift, 0);
        assert_eq!(clock.advance(self.rem), 0);
        clock.phase()
    }

    /// Of what comes to the same for every shift: parts of which a frame has `den(a) * den(b)`.
    fn scaled(self, other: Part) -> u128 {
        u128::from(self.rem) * den(other.shift)
    }
}

/// Any part of a frame, the ends more often.
fn part() -> impl Strategy<Value = Part> {
    (shift(), any::<u64>(), 0..4).prop_map(|(shift, n, kind)| {
        let den = den(shift) as u64;
        let rem = match kind {
            0 => n % den,
            1 => n % 3,
            2 => den - 1 - n % 3,
            _ => n % 10_000_000_000 / 1_000_000_000 * (den / 10),
        };
        Part {
            rem: rem.min(den - 1),
            shift,
        }
    })
}

/// Rates of the driver, and all others that fit.
fn any_rate() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => rate(),
        1 => any::<u32>(),
        1 => 0_u32..4,
        1 => u32::MAX - 3..=u32::MAX,
    ]
}

/// In one division; cut off where 64 bits end. No product here leaves 128 bits.
fn exact(frames: u64, part: Part, rate: u32) -> u64 {
    let den = den(part.shift);
    let parts = u128::from(frames) * den + u128::from(part.rem);
    let ns = parts * u128::from(SECOND) / (den * u128::from(rate.max(1)));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[test]
fn a_second_is_a_second() {
    for rate in RATES {
        assert_eq!(nanos(0, Phase::ZERO, rate), 0);
        assert_eq!(nanos(rate.into(), Phase::ZERO, rate), SECOND);
        // A day, and a frame.
        let frames = 86_400 * u64::from(rate) + 1;
        let frame = SECOND / u64::from(rate);
        assert_eq!(nanos(frames, Phase::ZERO, rate), 86_400 * SECOND + frame);
    }
    // Half a frame, at any speed of the clock.
    for shift in [SHIFT_MIN, SHIFT_NOMINAL, SHIFT_MAX] {
        let half = Part {
            rem: den(shift) as u64 / 2,
            shift,
        };
        assert_eq!(nanos(1, half.phase(), 8000), 187_500);
    }
    assert_eq!(nanos(7, Phase::ZERO, 0), 7 * SECOND);
    assert_eq!(nanos(u64::MAX, Phase::ZERO, 8000), u64::MAX);
}

proptest! {
    /// The exact quotient, rounded down, whatever the numbers are.
    #[test]
    fn nanos_is_the_exact_quotient(
        frames in prop_oneof![wild(), 0_u64..1 << 44], part in part(), rate in any_rate(),
    ) {
        prop_assert_eq!(nanos(frames, part.phase(), rate), exact(frames, part, rate));
        let zero = Part { rem: 0, shift: SHIFT_NOMINAL };
        prop_assert_eq!(nanos(frames, Phase::ZERO, rate), exact(frames, zero, rate));
    }

    /// Just before 64 bits end and just after.
    #[test]
    fn nanos_saturates_at_the_very_end(
        rate in any_rate(), part in part(), off in -3_i64..=3,
    ) {
        let last = u128::from(u64::MAX) * u128::from(rate.max(1)) / u128::from(SECOND);
        if let Ok(frames) = u64::try_from(last.saturating_add_signed(off.into())) {
            prop_assert_eq!(nanos(frames, part.phase(), rate), exact(frames, part, rate));
        }
    }

    /// A later position has no earlier time, also if the phases are of different shifts.
    #[test]
    fn nanos_is_monotonic(
        frames in wild(), more in prop_oneof![Just(0_u64), 0_u64..3, wild()],
        a in part(), b in part(), rate in any_rate(),
    ) {
        let (a, b) = if a.scaled(b) <= b.scaled(a) { (a, b) } else { (b, a) };
        let time = nanos(frames, a.phase(), rate);
        prop_assert!(time <= nanos(frames, b.phase(), rate));
        if let Some(later) = frames.checked_add(more.max(1)) {
            prop_assert!(nanos(frames, b.phase(), rate) <= nanos(later, a.phase(), rate));
        }
    }

    /// `phase` is what is left of the one exact quotient.
    #[test]
    fn phase_is_the_remainder(
        rate in rate(), shift in shift(), start in 0_u64..1 << 62, steps in vec(step(), 1..30),
    ) {
        let mut clock = Clock::new(rate, shift, start);
        prop_assert_eq!(clock.phase(), Part { rem: 0, shift }.phase());
        let mut elapsed = 0;
        for step in steps {
            elapsed += step;
            clock.advance(start + elapsed);
            let rem = u128::from(elapsed) * u128::from(rate) % den(shift);
            prop_assert_eq!(clock.phase(), Part { rem: rem as u64, shift }.phase());
        }
    }

    /// At nominal speed position and phase are the time that has gone by, to the nanosecond: so the
    /// difference of system time and audio time is one number as long as the stream runs. At
    /// another speed audio time is the whole part of that time, stretched.
    #[test]
    fn link_time_is_the_time_gone_by(
        rate in rate(), shift in shift(), start in 0_u64..1 << 62, steps in vec(step(), 1..50),
    ) {
        for shift in [SHIFT_NOMINAL, shift] {
            let mut clock = Clock::new(rate, shift, start);
            let (mut elapsed, mut position) = (0, 0);
            for &step in &steps {
                elapsed += step;
                position += clock.advance(start + elapsed);
                let audio = nanos(position, clock.phase(), rate);
                let stretched = u128::from(elapsed) * u128::from(SECOND) / den(shift);
                prop_assert_eq!(u128::from(audio), stretched);
                if shift == SHIFT_NOMINAL {
                    prop_assert_eq!(audio, elapsed);
                }
            }
        }
    }

    /// Through any changes of shift, the time of a position stays within the frame that has begun:
    /// never before the position's own time (rounded down), and less than a frame after it.
    #[test]
    fn link_time_stays_within_the_frame(
        rate in rate(), first in shift(), pieces in vec((step(), shift()), 1..60),
    ) {
        let mut clock = Clock::new(rate, first, 0);
        let (mut now, mut position, mut last) = (0, 0_u64, 0);
        for (step, next) in pieces {
            now += step;
            position += clock.advance(now);
            let audio = nanos(position, clock.phase(), rate);
            let own = nanos(position, Phase::ZERO, rate);
            prop_assert!(audio >= own, "{} ns before the position's {}", audio, own);
            // In units of 1/rate ns, a frame is a second.
            let end = (u128::from(position) + 1) * u128::from(SECOND);
            prop_assert!(u128::from(audio) * u128::from(rate) < end);
            prop_assert!(audio >= last, "{} after {}", audio, last);
            clock.set_pace(Pace::of_shift(next));
            // A change moves neither by a nanosecond more than the rounding that it may do.
            let changed = nanos(position, clock.phase(), rate);
            prop_assert!(changed <= audio && audio - changed <= 1);
            last = changed;
        }
    }
}

proptest! {
    /// A clock that goes on in the phase of another, at the same speed, completes its frames when
    /// the other would have.
    #[test]
    fn a_begun_frame_goes_on(
        rate in rate(), shift in shift(), before in step(), pause in step(), after in step(),
    ) {
        let mut unbroken = Clock::new(rate, shift, 0);
        let frames = unbroken.advance(before);
        let start = before + pause;
        let mut resumed = Clock::new(rate, shift, start).in_phase(unbroken.phase());
        prop_assert_eq!(resumed.phase(), unbroken.phase());
        let more = resumed.advance(start + after);
        let mut whole = Clock::new(rate, shift, 0);
        prop_assert_eq!(frames + more, whole.advance(before + after));
    }

    /// At another speed, it has less than a part of a frame less, and not more.
    #[test]
    fn a_begun_frame_is_begun_at_any_speed(rate in rate(), part in part(), other in shift()) {
        let phase = Clock::new(rate, other, 0).in_phase(part.phase()).phase();
        // As frames of a second: what has gone by, in nanoseconds.
        let (was, is) = (nanos(0, part.phase(), 1), nanos(0, phase, 1));
        prop_assert!(is <= was && was - is <= 2, "{} after {}", is, was);
    }

    /// A stream that has just been prepared begins with a frame.
    #[test]
    fn no_frame_is_begun_at_first(rate in rate(), shift in shift(), now in wild()) {
        let clock = Clock::new(rate, shift, now);
        prop_assert_eq!(clock, clock.in_phase(Phase::ZERO));
    }
}
