// SPDX-License-Identifier: GPL-2.0

//! The clock.

use kernel::prelude::*;

#[kunit_tests(aloop_clock)]
mod tests {
    use crate::{
        clock::{
            duration,
            Absolute,
            Clock,
            Pace,
            Phase,
            SHIFT_MAX,
            SHIFT_MIN,
            SHIFT_NOMINAL, //
        },
        units::{
            Delta,
            Frames,
            Instant, //
        },
    };

    const SECOND: Delta = Delta::from_secs(1);

    /// So many seconds after the start of the clock.
    fn second(secs: u64) -> Instant {
        Instant::START + SECOND * secs
    }

    /// A second is as many frames as the rate says, however it is cut.
    #[test]
    fn whole_seconds() {
        for rate in [1, 8000, 11025, 44100, 48000, 768_000, u32::MAX] {
            for step in [SECOND, SECOND / 4, Delta(1_000_003), Delta(7_777_777)] {
                let begin = Instant(5);
                let end = begin + SECOND * 2;
                let mut clock = Clock::new(rate, SHIFT_NOMINAL, begin);
                let (mut now, mut frames) = (begin, Frames::ZERO);
                while now < end {
                    now = (now + step).min(end);
                    frames += clock.advance(now);
                }
                assert!(frames == Frames::from(rate) * 2);
            }
        }
    }

    /// `time_of` is the first moment at which so many frames are complete.
    #[test]
    fn first_moment() {
        for rate in [8000, 44100, 768_000] {
            for shift in [SHIFT_MIN, SHIFT_NOMINAL, 100_001, SHIFT_MAX] {
                let mut clock = Clock::new(rate, shift, Instant(1000));
                clock.advance(Instant(123_456_789));
                for ahead in [1, 2, 480, 44100, 1 << 40].map(Frames) {
                    let at = clock.time_of(ahead);
                    let (mut early, mut right) = (clock, clock);
                    assert!(early.advance(Instant(at.0 - 1)) < ahead);
                    assert!(right.advance(at) >= ahead);
                }
            }
        }
    }

    /// Neither an earlier time nor the same shift again moves anything.
    #[test]
    fn no_way_back() {
        let mut clock = Clock::new(48000, SHIFT_NOMINAL, second(1));
        assert_eq!(clock.advance(second(1) + Delta::from_millis(10)).0, 480);
        let before = clock;
        assert_eq!(clock.advance(second(1)).0, 0);
        assert_eq!(clock.advance(Instant::START).0, 0);
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
            let mut clock = Clock::new(48000, SHIFT_NOMINAL, Instant::START);
            clock.set_pace(Pace::of_shift(shift));
            assert_eq!(clock.advance(second(1)).0, frames);
        }
    }

    /// Frames as time: whole seconds, and what is left of one rounded down.
    #[test]
    fn lengths() {
        let whole = |frames, rate| duration(Frames(frames), Phase::ZERO, rate);
        assert!(whole(0, 48000) == Delta::ZERO);
        assert!(whole(480, 48000) == Delta::from_millis(10));
        assert!(whole(44101, 44100) == SECOND + Delta(22675));
        assert!(whole(5, 0) == SECOND * 5);
        assert!(whole(u64::MAX, 1) == Delta(u64::MAX));
        let mut clock = Clock::new(48000, SHIFT_NOMINAL, Instant::START);
        // 1.01 ms are 48.48 frames.
        assert_eq!(clock.advance(Instant(1_010_000)).0, 48);
        assert_eq!(duration(Frames(48), clock.phase(), 48000).0, 1_010_000);
    }

    /// It never stops, and bends where the shift changes.
    #[test]
    fn absolute() {
        let mut clock = Absolute::new();
        assert!(clock.at(second(7)) == Some(SECOND * 7));
        clock.set_pace(Pace::of_shift(SHIFT_MIN), second(8));
        assert!(clock.at(second(12)) == Some(SECOND * 13));
        clock.set_pace(Pace::of_shift(SHIFT_NOMINAL), second(12));
        assert!(clock.at(second(20)) == Some(SECOND * 21));
    }

    /// What does not fit saturates.
    #[test]
    fn extremes() {
        let mut clock = Clock::new(u32::MAX, SHIFT_MIN, Instant::START);
        assert_eq!(clock.time_of(Frames::MAX).0, 3_435_973_837_600_000_000);
        clock.advance(Instant(u64::MAX));
        assert_eq!(clock.time_of(Frames::MAX).0, u64::MAX);
        let none = Clock::new(0, 0, Instant::START);
        assert!(none.time_of(Frames::ZERO) == Instant::START);
    }
}
