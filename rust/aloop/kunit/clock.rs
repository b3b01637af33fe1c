// SPDX-License-Identifier: GPL-2.0

//! The clock.

use kernel::prelude::*;

#[kunit_tests(aloop_clock)]
mod tests {
    use crate::clock::{
        nanos,
        Absolute,
        Clock,
        Pace,
        Phase,
        SHIFT_MAX,
        SHIFT_MIN,
        SHIFT_NOMINAL, //
    };

    const SECOND: u64 = 1_000_000_000;

    /// A second is as many frames as the rate says, however it is cut.
    #[test]
    fn whole_seconds() {
        for rate in [1, 8000, 11025, 44100, 48000, 768_000, u32::MAX] {
            for step in [SECOND, SECOND / 4, 1_000_003, 7_777_777] {
                let mut clock = Clock::new(rate, SHIFT_NOMINAL, 5);
                let (mut now, mut frames) = (5, 0u64);
                while now < 5 + 2 * SECOND {
                    now = (now + step).min(5 + 2 * SECOND);
                    frames += clock.advance(now);
                }
                assert_eq!(frames, 2 * u64::from(rate));
            }
        }
    }

    /// `time_of` is the first moment at which so many frames are complete.
    #[test]
    fn first_moment() {
        for rate in [8000, 44100, 768_000] {
            for shift in [SHIFT_MIN, SHIFT_NOMINAL, 100_001, SHIFT_MAX] {
                let mut clock = Clock::new(rate, shift, 1000);
                clock.advance(123_456_789);
                for ahead in [1, 2, 480, 44100, 1 << 40] {
                    let at = clock.time_of(ahead);
                    let (mut early, mut right) = (clock, clock);
                    assert!(early.advance(at - 1) < ahead);
                    assert!(right.advance(at) >= ahead);
                }
            }
        }
    }

    /// Neither an earlier time nor the same shift again moves anything.
    #[test]
    fn no_way_back() {
        let mut clock = Clock::new(48000, SHIFT_NOMINAL, SECOND);
        assert_eq!(clock.advance(SECOND + 10_000_000), 480);
        let before = clock;
        assert_eq!(clock.advance(SECOND), 0);
        assert_eq!(clock.advance(0), 0);
        clock.set_pace(Pace::of_shift(SHIFT_NOMINAL));
        assert!(clock == before);
    }

    /// A shift of 80000 is 5/4 of the speed, 120000 is 5/6, and what is beyond counts as these.
    #[test]
    fn shifted() {
        for (shift, frames) in [
            (0, 60000),
            (SHIFT_MIN, 60000),
            (SHIFT_MAX, 40000),
            (u32::MAX, 40000),
        ] {
            let mut clock = Clock::new(48000, SHIFT_NOMINAL, 0);
            clock.set_pace(Pace::of_shift(shift));
            assert_eq!(clock.advance(SECOND), frames);
        }
    }

    /// Frames as time: whole seconds, and what is left of one rounded down.
    #[test]
    fn lengths() {
        assert_eq!(nanos(0, Phase::ZERO, 48000), 0);
        assert_eq!(nanos(480, Phase::ZERO, 48000), 10_000_000);
        assert_eq!(nanos(44101, Phase::ZERO, 44100), SECOND + 22675);
        assert_eq!(nanos(5, Phase::ZERO, 0), 5 * SECOND);
        assert_eq!(nanos(u64::MAX, Phase::ZERO, 1), u64::MAX);
        let mut clock = Clock::new(48000, SHIFT_NOMINAL, 0);
        // 1.01 ms are 48.48 frames.
        assert_eq!(clock.advance(1_010_000), 48);
        assert_eq!(nanos(48, clock.phase(), 48000), 1_010_000);
    }

    /// It never stops, and bends where the shift changes.
    #[test]
    fn absolute() {
        let mut clock = Absolute::new();
        assert!(clock.at(7 * SECOND) == Some(7 * SECOND));
        clock.set_pace(Pace::of_shift(SHIFT_MIN), 8 * SECOND);
        assert!(clock.at(12 * SECOND) == Some(13 * SECOND));
        clock.set_pace(Pace::of_shift(SHIFT_NOMINAL), 12 * SECOND);
        assert!(clock.at(20 * SECOND) == Some(21 * SECOND));
    }

    /// What does not fit saturates.
    #[test]
    fn extremes() {
        let mut clock = Clock::new(u32::MAX, SHIFT_MIN, 0);
        assert_eq!(clock.time_of(u64::MAX), 3_435_973_837_600_000_000);
        clock.advance(u64::MAX);
        assert_eq!(clock.time_of(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(0, 0, 0).time_of(0), 0);
    }
}
