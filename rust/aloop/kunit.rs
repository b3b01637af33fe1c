// SPDX-License-Identifier: GPL-2.0

//! Unit tests that run in the kernel, when the module is loaded and the kernel has `CONFIG_KUNIT=y`.
//!
//! The arithmetic of `clock`, `ring` and `source` is tested at length on the host; what stands here
//! is to show that it is the same when compiled for the kernel. `cable` knows kernel types, and is
//! tested here alone: its state is driven without a stream at any port.

use kernel::prelude::*;

#[kunit_tests(aloop_clock)]
mod clock {
    use crate::clock::{
        nanos,
        Absolute,
        Clock,
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
        clock.set_shift(SHIFT_NOMINAL);
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
            clock.set_shift(shift);
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
        clock.set_shift(SHIFT_MIN, 8 * SECOND);
        assert!(clock.at(12 * SECOND) == Some(13 * SECOND));
        clock.set_shift(SHIFT_NOMINAL, 12 * SECOND);
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

#[kunit_tests(aloop_ring)]
mod ring {
    use crate::ring::{
        copy_spans,
        spans,
        written_ahead,
        Geometry,
        SilenceMark, //
    };
    use kernel::prelude::*;

    fn ring(frames: u32, channels: u32, interleaved: bool) -> Result<Geometry> {
        Geometry::new(frames, channels, 2, interleaved).ok_or(EINVAL)
    }

    #[test]
    fn impossible_geometry() {
        assert!(Geometry::new(0, 1, 1, true).is_none());
        assert!(Geometry::new(1, 0, 1, true).is_none());
        assert!(Geometry::new(1, 1, 0, false).is_none());
        assert!(Geometry::new(1 << 30, 1, 4, false).is_none());
        assert!(Geometry::new(u32::MAX, u32::MAX, u32::MAX, true).is_none());
        assert!(Geometry::new(u32::MAX, 1, 1, true).is_some());
    }

    /// A stretch over the end of a ring of planes: two spans a plane, no byte twice, none outside.
    #[test]
    fn wrapped_planes() -> Result {
        let ring = ring(10, 3, false)?;
        let mut seen = [0u8; 60];
        let mut count = 0;
        for span in spans(&ring, 28, 7) {
            count += 1;
            for slot in seen.iter_mut().skip(span.offset).take(span.len) {
                *slot += 1;
            }
        }
        assert_eq!(count, 6);
        for (byte, seen) in seen.iter().enumerate() {
            // Frames 28 to 34 are slots 8, 9, 0 to 4.
            let slot = byte % 20 / 2;
            assert_eq!(*seen, u8::from(slot >= 8 || slot < 5));
        }
        Ok(())
    }

    /// Frames come to lie where they belong, between rings of different lengths.
    #[test]
    fn copied() -> Result {
        let (from, to) = (ring(7, 1, true)?, ring(5, 1, true)?);
        let mut target = [u64::MAX; 5];
        for span in copy_spans(&from, 100, &to, 200, 4) {
            for i in 0..span.len / 2 {
                target[span.to / 2 + i] = (span.from / 2 + i) as u64;
            }
        }
        // 100 to 103 are slots 2 to 5 of the source, 200 to 203 slots 0 to 3 of the target.
        assert!(target == [2, 3, 4, 5, u64::MAX]);
        Ok(())
    }

    #[test]
    fn never_copied() -> Result {
        let mono = ring(8, 1, true)?;
        for other in [
            ring(8, 2, true)?,
            ring(8, 1, false)?,
            Geometry::new(8, 1, 4, true).ok_or(EINVAL)?,
        ] {
            assert_eq!(copy_spans(&mono, 0, &other, 0, 8).count(), 0);
        }
        assert_eq!(copy_spans(&mono, 0, &mono, 0, 0).count(), 0);
        Ok(())
    }

    /// What an application can write into its pointer is never more than a ring ahead.
    #[test]
    fn hostile_pointer() {
        const BOUNDARY: u64 = 1024 << 20;
        assert_eq!(written_ahead(0, 100, BOUNDARY, 1024, 0), 100);
        assert_eq!(written_ahead(0, 100, BOUNDARY, 1024, 60), 40);
        assert_eq!(written_ahead(BOUNDARY - 10, 5, BOUNDARY, 1024, 1014), 15);
        // Overtaken.
        assert_eq!(written_ahead(100, 99, BOUNDARY, 1024, 100), 0);
        for appl in [
            0,
            1,
            1024,
            1025,
            BOUNDARY - 1,
            BOUNDARY,
            u64::MAX - 1,
            u64::MAX,
        ] {
            for pos in [0, 5, u64::MAX] {
                assert!(written_ahead(3, appl, BOUNDARY, 1024, pos) <= 1024);
            }
        }
        assert_eq!(written_ahead(0, 1, 0, 1024, 0), 0);
        assert_eq!(written_ahead(0, 1, BOUNDARY, 0, 0), 0);
    }

    #[test]
    fn silence_mark() {
        let mut mark = SilenceMark::silent();
        assert_eq!(mark.to_clear(100, 0, 50), 0);
        assert_eq!(mark.silent_frames(100, 0), 100);
        mark.data(40);
        assert_eq!(mark.silent_frames(100, 40), 0);
        // Up to 139 the slots may hold sound of the last round.
        assert_eq!(mark.to_clear(100, 40, 1000), 100);
        assert_eq!(mark.to_clear(100, 130, 50), 10);
        assert_eq!(mark.to_clear(100, 140, 50), 0);
        assert_eq!(mark.silent_frames(100, 1000), 100);
    }
}

#[kunit_tests(aloop_source)]
mod source {
    use crate::source::{
        Error,
        Source, //
    };

    /// Of a system with one card, number 3, with the identifier PCH.
    fn parse(text: &[u8]) -> Result<Source, Error> {
        Source::parse(text, |id| (id == b"PCH").then_some(3))
    }

    fn timer(card: i32, device: i32, subdevice: i32) -> Result<Source, Error> {
        Ok(Source::Timer {
            card,
            device,
            subdevice,
        })
    }

    #[test]
    fn system_clock() {
        assert!(parse(b"") == Ok(Source::System));
        assert!(parse(b"hrtimer") == Ok(Source::System));
    }

    #[test]
    fn timers() {
        assert!(parse(b"1") == timer(1, 0, 0));
        assert!(parse(b"-1.3") == timer(-1, 3, 0));
        assert!(parse(b"0x1,010.+2\n") == timer(1, 8, 2));
        assert!(parse(b"hw:PCH.0.1") == timer(3, 0, 1));
        assert!(parse(b"-2147483648") == timer(i32::MIN, 0, 0));
    }

    #[test]
    fn refused() {
        for text in [
            &b"hw:"[..],
            b"hrtimer2",
            b"hw:Intel",
            b"0.x",
            b"0.",
            b"0.0.",
            b"0.1.2.3",
            b"0. 1",
            b"0.1 ",
            b"0.08",
        ] {
            assert!(parse(text) == Err(Error::Invalid));
        }
        for text in [
            &b"2147483648"[..],
            b"-2147483649",
            b"99999999999999999999",
            b"0.0x100000000",
        ] {
            assert!(parse(text) == Err(Error::Range));
        }
    }
}

#[kunit_tests(aloop_params)]
mod params {
    use crate::params;

    /// Whatever the module was loaded with: a value for each slot, and none beyond.
    #[test]
    fn slots() {
        for slot in 0..params::SLOTS {
            assert!(params::index.get(slot).is_some());
            assert!(params::enable.get(slot).is_some());
            assert!(params::pcm_notify.get(slot).is_some());
            assert!(params::pcm_substreams.get(slot).is_some());
        }
        for slot in [params::SLOTS, params::SLOTS + 1, usize::MAX] {
            assert!(params::index.get(slot).is_none());
            assert!(params::enable.get(slot).is_none());
            assert!(params::id.get(slot).is_none());
            assert!(params::timer_source.get(slot).is_none());
            params::index.set(slot, 5);
        }
    }
}

/// The cable's state, with nobody at its ports: nothing is copied, but everything else happens.
#[kunit_tests(aloop_cable)]
mod cable {
    use crate::cable::{
        Activity,
        Cable,
        Habits,
        Setup,
        State,
        TimerInfo, //
    };
    use alsa::{
        pcm::{
            Action,
            Direction::{
                Capture,
                Playback, //
            },
            Format,
            Formats,
            Limits,
            Params,
            PortTable,
            StopState, //
        },
        time::Ktime,
        timer,
    };
    use kernel::{
        prelude::*,
        sync::Arc, //
    };

    const MS: u64 = 1_000_000;

    const CD: Params = Params {
        format: Format::S16_LE,
        rate: 48000,
        channels: 2,
        interleaved: true,
        period_size: 480,
        buffer_size: 1920,
        period_wakeups: true,
    };

    /// Runs `test` with a new cable.
    fn with_cable(test: impl FnOnce(&mut State, &PortTable<'_, 2>) -> Result) -> Result {
        with_habits(Habits::default(), test)
    }

    /// Runs `test` with a new cable that has these habits.
    fn with_habits(
        habits: Habits,
        test: impl FnOnce(&mut State, &PortTable<'_, 2>) -> Result,
    ) -> Result {
        let cable = Arc::pin_init(Cable::new(State::new(false, habits)), GFP_KERNEL)?;
        let mut guard = cable.lock();
        let (state, ports) = guard.split();
        test(state, &ports)
    }

    fn at(ms: u64) -> Ktime {
        Ktime::from_nanos(ms * MS)
    }

    /// Both ends are open, and prepared for `play` and `capt`.
    fn prepared(state: &mut State, play: Params, capt: Params) -> Result {
        for (direction, params) in [(Playback, play), (Capture, capt)] {
            state.open(direction);
            state.prepare(direction, Setup::new(params)?);
        }
        Ok(())
    }

    #[test]
    fn limits_are_the_other_ends() -> Result {
        with_cable(|state, ports| {
            state.open(Playback);
            state.open(Capture);
            assert!(state.limits(Playback) == Limits::NONE);
            assert!(state.limits(Capture) == Limits::NONE);

            state.prepare(Playback, Setup::new(CD)?);
            let limits = Limits::exactly(Format::S16_LE, 48000, 2);
            assert!(state.limits(Playback) == Limits::NONE);
            assert!(state.limits(Capture) == limits);
            assert!(limits.formats == Formats::of(&[Format::S16_LE]));

            state.prepare(Capture, Setup::new(CD)?);
            assert!(state.limits(Playback) == limits);
            state.free(Playback);
            assert!(state.limits(Capture) == Limits::NONE);
            state.close(Capture, ports, at(0));
            assert!(state.limits(Playback) == Limits::NONE);
            Ok(())
        })
    }

    #[test]
    fn notify_frees_the_player_alone() -> Result {
        with_cable(|state, _| {
            prepared(state, CD, CD)?;
            state.notify = true;
            assert!(state.limits(Playback) == Limits::NONE);
            assert!(state.limits(Capture) != Limits::NONE);
            Ok(())
        })
    }

    /// By a sound timer, both ends have the same period, in bytes.
    #[test]
    fn timer_fixes_the_period() -> Result {
        with_cable(|state, _| {
            prepared(state, CD, CD)?;
            state.timer = Some(TimerInfo {
                id: timer::Id {
                    card: -1,
                    device: 0,
                    subdevice: 0,
                },
                opened_by: Playback,
            });
            assert!(state.limits(Capture).period_bytes == (1920, 1920));
            Ok(())
        })
    }

    #[test]
    fn unprepared_does_not_start() -> Result {
        with_cable(|state, ports| {
            for direction in [Playback, Capture] {
                state.open(direction);
                assert!(state.start(direction, ports, at(1), None) == Err(EIO));
                assert!(state.end(direction).activity == Activity::Stopped);
            }
            Ok(())
        })
    }

    #[test]
    fn unlike_capture_does_not_start() -> Result {
        let unlike = [
            Params {
                format: Format::S32_LE,
                ..CD
            },
            Params { rate: 44100, ..CD },
            Params { channels: 1, ..CD },
            Params {
                interleaved: false,
                ..CD
            },
        ];
        for params in unlike {
            with_cable(|state, ports| {
                prepared(state, CD, params)?;
                assert!(state.start(Capture, ports, at(1), None) == Err(EIO));
                assert!(state.capture.activity == Activity::Stopped);
                Ok(())
            })?;
        }
        // Rings and periods may differ.
        with_cable(|state, ports| {
            let params = Params {
                period_size: 100,
                buffer_size: 300,
                ..CD
            };
            prepared(state, CD, params)?;
            state.start(Capture, ports, at(1), None)
        })
    }

    #[test]
    fn player_evicts_an_unlike_capture() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            state.start(Capture, ports, at(0), None)?;
            state.prepare(Playback, Setup::new(Params { rate: 96000, ..CD })?);
            state.start(Playback, ports, at(10), None)?;
            assert!(state.capture.activity == Activity::Evicted);
            assert!(state.playback.activity == Activity::Running);
            // It is where it was when the player came, and stays there.
            state.update(ports, at(20));
            assert_eq!(state.capture.position, 480);
            assert_eq!(state.playback.position, 960);
            assert!(
                state.period_timer(Capture, ports, at(20)) == Action::Stop(StopState::Draining)
            );
            Ok(())
        })
    }

    /// Both ends move by the same clock, from the start of each and not before.
    #[test]
    fn positions() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            state.start(Capture, ports, at(100), None)?;
            state.start(Playback, ports, at(110), None)?;
            state.update(ports, at(125));
            assert_eq!(state.capture.position, 1200);
            assert_eq!(state.playback.position, 720);

            // A time that is past changes nothing.
            state.update(ports, at(120));
            assert_eq!(state.capture.position, 1200);

            state.stop(Playback, Activity::Paused, ports, at(130), None);
            state.update(ports, at(140));
            assert_eq!(state.playback.position, 960);
            assert_eq!(state.capture.position, 1920);
            state.start(Playback, ports, at(150), None)?;
            state.update(ports, at(160));
            assert_eq!(state.playback.position, 1440);
            assert_eq!(state.capture.position, 2880);

            // All stopped: the clock is gone.
            state.stop(Playback, Activity::Stopped, ports, at(170), None);
            state.stop(Capture, Activity::Stopped, ports, at(170), None);
            state.update(ports, at(1000));
            assert_eq!(state.playback.position, 1920);
            assert_eq!(state.capture.position, 3360);
            state.prepare(Capture, Setup::new(CD)?);
            assert_eq!(state.capture.position, 0);
            Ok(())
        })
    }

    #[test]
    fn reported_position_is_in_the_ring() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            state.start(Capture, ports, at(0), None)?;
            for ms in 1..200 {
                let report = state.report_position(Capture, ports, at(ms));
                assert!(report.is_some_and(|report| {
                    u64::from(report.frames) == ms * 48 % 1920 && !report.lost
                }));
            }
            Ok(())
        })
    }

    /// The ends are suspended one after the other, and both stand where the first one was.
    #[test]
    fn suspended_at_one_frame() -> Result {
        for (first, second) in [(Playback, Capture), (Capture, Playback)] {
            with_cable(|state, ports| {
                prepared(state, CD, CD)?;
                state.start(Capture, ports, at(0), None)?;
                state.start(Playback, ports, at(0), None)?;
                state.suspend(first, ports, at(10), None);
                state.suspend(second, ports, at(12), None);
                for direction in [Playback, Capture] {
                    assert_eq!(state.end(direction).position, 480);
                    assert!(state.end(direction).activity == Activity::Paused);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// An end that waits for the other counts as taking part, and does not move.
    #[test]
    fn waits_for_the_peer() -> Result {
        let habits = Habits {
            wait_for_peer: true,
            end_with_peer: false,
        };
        for (first, second) in [(Playback, Capture), (Capture, Playback)] {
            with_habits(habits, |state, ports| {
                prepared(state, CD, CD)?;
                state.start(first, ports, at(0), None)?;
                assert!(state.end(first).activity == Activity::Waiting);
                state.update(ports, at(10));
                assert_eq!(state.end(first).position, 0);
                state.start(second, ports, at(10), None)?;
                state.update(ports, at(20));
                for direction in [first, second] {
                    assert!(state.end(direction).activity == Activity::Running);
                    assert_eq!(state.end(direction).position, 480);
                }
                // Once it has moved, it goes on alone.
                state.stop(second, Activity::Stopped, ports, at(30), None);
                state.update(ports, at(40));
                assert_eq!(state.end(first).position, 1440);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What is no longer running has no period to end.
    #[test]
    fn stopped_ends_no_period() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            assert!(state.period_timer(Capture, ports, at(1)) == Action::None);
            state.start(Capture, ports, at(0), None)?;
            state.stop(Capture, Activity::Stopped, ports, at(41), None);
            assert!(state.period_timer(Capture, ports, at(90)) == Action::None);
            assert_eq!(state.capture.position, 41 * 48);
            Ok(())
        })
    }

    #[test]
    fn shift_acts_at_once() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            state.start(Playback, ports, at(0), None)?;
            assert!(state.set_shift(80_000, ports, at(10)));
            assert!(!state.set_shift(80_000, ports, at(11)));
            state.update(ports, at(18));
            // 10 ms at 48 kHz, 8 ms at 60 kHz.
            assert_eq!(state.playback.position, 480 + 480);
            assert_eq!(state.playback.shift, 80_000);
            assert_eq!(state.capture.shift, 0);
            Ok(())
        })
    }

    #[test]
    fn slave_changes_are_those_of_the_player() -> Result {
        with_cable(|state, _| {
            // 48 kHz, 16 bits, two channels: what is said of the player before there is one.
            prepared(state, CD, CD)?;
            let none = state.note_player();
            assert!(!none.format && !none.rate && !none.channels && !none.access);
            let player = Params {
                format: Format::FLOAT_LE,
                rate: 44100,
                channels: 6,
                interleaved: false,
                ..CD
            };
            state.prepare(Playback, Setup::new(player)?);
            let all = state.note_player();
            assert!(all.format && all.rate && all.channels && all.access && !all.active);
            assert_eq!(state.slave.rate, 44100);
            assert_eq!(state.slave.channels, 6);
            assert_eq!(state.slave.format, 14);
            let none = state.note_player();
            assert!(!none.format && !none.rate && !none.channels && !none.access);
            Ok(())
        })
    }

    #[test]
    fn impossible_setup() {
        for params in [
            Params { channels: 0, ..CD },
            Params {
                buffer_size: 0,
                ..CD
            },
            Params {
                buffer_size: u32::MAX,
                channels: 32,
                ..CD
            },
        ] {
            assert!(Setup::new(params).is_err());
        }
    }
}
