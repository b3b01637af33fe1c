// SPDX-License-Identifier: GPL-2.0

//! The state of a cable of which the core knows no stream: nothing is copied, but everything else
//! happens.

use kernel::prelude::*;

#[kunit_tests(aloop_cable)]
mod tests {
    use crate::cable::{
        Activity,
        Cable,
        Habits,
        Locked,
        Setup,
        State,
        TimerInfo, //
    };
    use crate::units::Delta;
    use alsa::{
        kext::task::Program,
        pcm::{
            Action,
            AudioClock,
            Direction::{
                self,
                Capture,
                Playback, //
            },
            Format,
            Formats,
            Limits,
            Params,
            SharedGuard,
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
        mapped: false,
        period_wakeups: true,
    };

    /// A cable whose lock is held.
    struct Bench<'a>(SharedGuard<'a, State>);

    impl Bench<'_> {
        /// The cable at a time in milliseconds.
        fn at(&mut self, ms: u64) -> Locked<'_> {
            self.at_ns(ms * MS)
        }

        /// The cable at a time in nanoseconds.
        fn at_ns(&mut self, ns: u64) -> Locked<'_> {
            Locked::new(&mut self.0, Ktime::from_nanos(ns))
        }

        fn state(&mut self) -> &mut State {
            &mut self.0
        }

        fn position(&self, direction: Direction) -> u64 {
            self.0.side(direction).position().0
        }

        fn activity(&self, direction: Direction) -> Activity {
            self.0.side(direction).activity()
        }

        /// Opens a side.
        fn open(&mut self, direction: Direction) -> Result {
            let program = Arc::new(Program::current(), GFP_ATOMIC)?;
            self.state().open(direction, program);
            Ok(())
        }

        /// Opens both sides, and prepares them for `play` and `capt`.
        fn prepare(&mut self, play: Params, capt: Params) -> Result {
            for (direction, params) in [(Playback, play), (Capture, capt)] {
                self.open(direction)?;
                self.state().prepare(direction, Setup::new(params)?);
            }
            Ok(())
        }
    }

    /// Runs `test` with a new cable.
    fn with_cable(test: impl FnOnce(&mut Bench<'_>) -> Result) -> Result {
        with_habits(Habits::default(), test)
    }

    /// Runs `test` with a new cable that has these habits.
    fn with_habits(habits: Habits, test: impl FnOnce(&mut Bench<'_>) -> Result) -> Result {
        let cable = Arc::pin_init(Cable::new(State::new(false, habits)), GFP_KERNEL)?;
        let mut bench = Bench(cable.lock());
        test(&mut bench)
    }

    /// The system timer, by which a cable runs, or whose speed it follows.
    fn system_timer(follows: bool) -> TimerInfo {
        TimerInfo {
            id: timer::Id {
                card: -1,
                device: 0,
                subdevice: 0,
            },
            opened_by: Playback,
            follows,
        }
    }

    #[test]
    fn limits_are_the_other_sides() -> Result {
        with_cable(|cable| {
            cable.open(Playback)?;
            cable.open(Capture)?;
            assert!(cable.state().limits(Playback) == Limits::NONE);
            assert!(cable.state().limits(Capture) == Limits::NONE);

            cable.state().prepare(Playback, Setup::new(CD)?);
            let limits = Limits::exactly(Format::S16_LE, 48000, 2);
            assert!(cable.state().limits(Playback) == Limits::NONE);
            assert!(cable.state().limits(Capture) == limits);
            assert!(limits.formats == Formats::of(&[Format::S16_LE]));

            cable.state().prepare(Capture, Setup::new(CD)?);
            assert!(cable.state().limits(Playback) == limits);
            cable.state().free(Playback);
            assert!(cable.state().limits(Capture) == Limits::NONE);
            cable.at(0).close(Capture);
            assert!(cable.state().limits(Playback) == Limits::NONE);
            Ok(())
        })
    }

    #[test]
    fn notify_frees_the_playback_alone() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.state().set_notify(true);
            assert!(cable.state().limits(Playback) == Limits::NONE);
            assert!(cable.state().limits(Capture) != Limits::NONE);
            Ok(())
        })
    }

    /// By a sound timer, both sides have the same period, in bytes.
    #[test]
    fn timer_fixes_the_period() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).set_timer(Some(system_timer(false)));
            assert!(cable.state().limits(Capture).period_bytes == (1920..=1920));
            Ok(())
        })
    }

    /// What a cable is to run by may change while nobody has it open, from each to each; and the
    /// clock that never stops is as fast as the cable.
    #[test]
    fn runs_by_one_and_then_another() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).set_shift(80_000);
            for (ms, timer, pace) in [
                (1000, Some(system_timer(false)), None),
                (2000, Some(system_timer(true)), Some(100)),
                (3000, Some(system_timer(false)), None),
                (4000, None, Some(125)),
                (5000, Some(system_timer(true)), Some(100)),
                (6000, None, Some(125)),
            ] {
                cable.at(ms).set_timer(timer);
                assert!(cable.state().follow().is_some() == timer.is_some_and(|t| t.follows));
                let Some(pace) = pace else {
                    continue;
                };
                cable.prepare(CD, CD)?;
                cable.at(ms).start(Capture, None)?;
                let mut times = [0; 2];
                for (time, after) in times.iter_mut().zip([20, 30]) {
                    assert!(cable.at(ms + after).pointer(Capture).is_some());
                    let shown = cable.state().audio_time(Capture, AudioClock::LinkAbsolute);
                    *time = shown.map_or(0, |shown| shown.audio);
                }
                let passed = times[1] - times[0];
                assert!(passed.abs_diff(10 * MS * pace / 100) < 1000);
                cable.at(ms + 200).stop(Capture, None);
            }
            Ok(())
        })
    }

    /// A cable that follows a source has any period, runs before that ticks, and goes with it
    /// without a jump. What it misses it goes on without.
    #[test]
    fn follows_a_source() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).set_timer(Some(system_timer(true)));
            assert!(cable.state().limits(Capture).period_bytes == Limits::NONE.period_bytes);
            cable.at(0).start(Capture, None)?;
            cable.at(1000).update();
            assert!(cable.position(Capture) == 48000);
            // A tick of 10 ms of sound each 9.9 ms, for 5 seconds.
            for tick in 0..500 {
                let now = 1_000_000_000 + tick * 9_900_000;
                let before = cable.position(Capture);
                assert!(cable.at_ns(now).tick(1, Delta::from_millis(10)).is_ok());
                assert!((before..before + 500).contains(&cable.position(Capture)) || tick == 0);
            }
            let before = cable.position(Capture);
            // 99 s by the system's clock are 100 s of the source.
            cable.at(1000 + 499 * 99 / 10 + 99_000).update();
            let moved = cable.position(Capture) - before;
            assert!(moved.abs_diff(4_800_000) < 480);
            // No rate shift changes that.
            cable.at(200_000).set_shift(120_000);
            let before = cable.position(Capture);
            cable.at(200_990).update();
            assert!((cable.position(Capture) - before).abs_diff(48000) < 6);
            // Nor does it run with one.
            assert_eq!(cable.0.side(Capture).shift(), 0);
            Ok(())
        })
    }

    /// A source that is followed again may still be as fast as it was. Of another, nothing is
    /// known.
    #[test]
    fn speed_of_a_source_is_kept() -> Result {
        with_cable(|cable| {
            let source = system_timer(true);
            let other = TimerInfo {
                id: timer::Id {
                    device: 3,
                    ..source.id
                },
                ..source
            };
            cable.prepare(CD, CD)?;
            cable.at(0).set_timer(Some(source));
            cable.at(0).start(Capture, None)?;
            // A tick of 10 ms of sound each 9.9 ms, for 5 seconds.
            for tick in 0..500 {
                assert!(cable
                    .at_ns(tick * 9_900_000)
                    .tick(1, Delta::from_millis(10))
                    .is_ok());
            }
            cable.at(4950).stop(Capture, None);
            for (timer, speed) in [(source, 10_101_010), (other, 0), (source, 0)] {
                cable.at(5000).set_timer(Some(timer));
                let known = cable.state().follow().map(|follow| follow.speed());
                // To 10 ppm.
                assert!(known.is_some_and(|known| known.abs_diff(speed) < 10_000));
            }
            Ok(())
        })
    }

    #[test]
    fn unprepared_does_not_start() -> Result {
        with_cable(|cable| {
            for direction in [Playback, Capture] {
                cable.open(direction)?;
                assert!(cable.at(1).start(direction, None) == Err(EIO));
                assert!(cable.activity(direction) == Activity::Stopped);
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
        ];
        for params in unlike {
            with_cable(|cable| {
                cable.prepare(CD, params)?;
                assert!(cable.at(1).start(Capture, None) == Err(EIO));
                assert!(cable.activity(Capture) == Activity::Stopped);
                Ok(())
            })?;
        }
        // Buffers, periods and the places of samples may differ.
        with_cable(|cable| {
            let params = Params {
                interleaved: false,
                period_size: 100,
                buffer_size: 300,
                ..CD
            };
            cable.prepare(CD, params)?;
            cable.at(1).start(Capture, None)
        })
    }

    #[test]
    fn playback_evicts_an_unlike_capture() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).start(Capture, None)?;
            cable
                .state()
                .prepare(Playback, Setup::new(Params { rate: 96000, ..CD })?);
            cable.at(10).start(Playback, None)?;
            assert!(cable.activity(Capture) == Activity::Evicted);
            assert!(cable.activity(Playback) == Activity::Running);
            // It is where it was when the playback came, and stays there.
            cable.at(20).update();
            assert_eq!(cable.position(Capture), 480);
            assert_eq!(cable.position(Playback), 960);
            assert!(cable.at(20).period_timer(Capture) == Action::Stop(StopState::Draining));
            Ok(())
        })
    }

    /// Both sides move by the same clock, from the start of each and not before.
    #[test]
    fn positions() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(100).start(Capture, None)?;
            cable.at(110).start(Playback, None)?;
            cable.at(125).update();
            assert_eq!(cable.position(Capture), 1200);
            assert_eq!(cable.position(Playback), 720);

            // A time that is past changes nothing.
            cable.at(120).update();
            assert_eq!(cable.position(Capture), 1200);

            cable.at(130).pause(Playback, None);
            cable.at(140).update();
            assert_eq!(cable.position(Playback), 960);
            assert_eq!(cable.position(Capture), 1920);
            cable.at(150).start(Playback, None)?;
            cable.at(160).update();
            assert_eq!(cable.position(Playback), 1440);
            assert_eq!(cable.position(Capture), 2880);

            // All stopped: the clock is gone.
            cable.at(170).stop(Playback, None);
            cable.at(170).stop(Capture, None);
            cable.at(1000).update();
            assert_eq!(cable.position(Playback), 1920);
            assert_eq!(cable.position(Capture), 3360);
            cable.state().prepare(Capture, Setup::new(CD)?);
            assert_eq!(cable.position(Capture), 0);
            Ok(())
        })
    }

    #[test]
    fn reported_position_is_in_the_buffer() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).start(Capture, None)?;
            for ms in 1..200 {
                let report = cable.at(ms).pointer(Capture);
                assert!(report.is_some_and(|report| {
                    u64::from(report.frames) == ms * 48 % 1920 && report.lost_buffers == 0
                }));
            }
            Ok(())
        })
    }

    /// The sides are suspended one after the other, and both stand where the first one was.
    #[test]
    fn suspended_at_one_frame() -> Result {
        for (first, second) in [(Playback, Capture), (Capture, Playback)] {
            with_cable(|cable| {
                cable.prepare(CD, CD)?;
                cable.at(0).start(Capture, None)?;
                cable.at(0).start(Playback, None)?;
                cable.at(10).suspend(first, None);
                cable.at(12).suspend(second, None);
                for direction in [Playback, Capture] {
                    assert_eq!(cable.position(direction), 480);
                    assert!(matches!(cable.activity(direction), Activity::Paused(_)));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A side that waits for the other counts as taking part, and does not move.
    #[test]
    fn waits_for_the_peer() -> Result {
        let habits = Habits {
            wait_for_peer: true,
            ..Habits::default()
        };
        for (first, second) in [(Playback, Capture), (Capture, Playback)] {
            with_habits(habits, |cable| {
                cable.prepare(CD, CD)?;
                cable.at(0).start(first, None)?;
                assert!(cable.activity(first) == Activity::Waiting);
                cable.at(10).update();
                assert_eq!(cable.position(first), 0);
                cable.at(10).start(second, None)?;
                cable.at(20).update();
                for direction in [first, second] {
                    assert!(cable.activity(direction) == Activity::Running);
                    assert_eq!(cable.position(direction), 480);
                }
                // Once it has moved, it goes on alone.
                cable.at(30).stop(second, None);
                cable.at(40).update();
                assert_eq!(cable.position(first), 1440);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What is no longer running has no period to end.
    #[test]
    fn stopped_ends_no_period() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            assert!(cable.at(1).period_timer(Capture) == Action::None);
            cable.at(0).start(Capture, None)?;
            cable.at(41).stop(Capture, None);
            assert!(cable.at(90).period_timer(Capture) == Action::None);
            assert_eq!(cable.position(Capture), 41 * 48);
            Ok(())
        })
    }

    #[test]
    fn shift_acts_at_once() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).start(Playback, None)?;
            assert!(cable.at(10).set_shift(80_000));
            assert!(!cable.at(11).set_shift(80_000));
            cable.at(18).update();
            // 10 ms at 48 kHz, 8 ms at 60 kHz.
            assert_eq!(cable.position(Playback), 480 + 480);
            assert_eq!(cable.0.side(Playback).shift(), 80_000);
            assert_eq!(cable.0.side(Capture).shift(), 0);
            Ok(())
        })
    }

    /// The time of a trigger is older than its lock: the shift may have been changed between.
    #[test]
    fn no_start_is_before_a_change_of_shift() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            assert!(cable.at(5).set_shift(80_000));
            cable.at(4).start(Capture, None)?;
            // Within the first frame.
            let asked = 5 * MS + 4_000;
            let report = cable.at_ns(asked).pointer(Capture).ok_or(EINVAL)?;
            assert_eq!(report.frames, 0);
            let time = cable.state().audio_time(Capture, AudioClock::LinkAbsolute);
            // A quarter faster.
            let audio = 5 * MS + 5_000;
            assert!(time.is_some_and(|time| time.system.as_nanos() == asked && time.audio == audio));
            Ok(())
        })
    }

    /// A question just after another one finds the position of that one, and its time.
    #[test]
    fn positions_move_in_steps() -> Result {
        with_cable(|cable| {
            cable.prepare(CD, CD)?;
            cable.at(0).start(Capture, None)?;
            let mut ask = |ns: u64| {
                let report = cable.at_ns(ns).pointer(Capture).ok_or(EINVAL)?;
                let time = cable
                    .state()
                    .audio_time(Capture, AudioClock::Link)
                    .ok_or(EINVAL)?;
                Ok::<_, Error>((report.frames, time.system.as_nanos()))
            };
            // The 48th frame ends at 1 ms.
            assert!(ask(MS - 1)? == (47, MS - 1));
            assert!(ask(MS)? == (47, MS - 1));
            assert!(ask(MS + 9_998)? == (47, MS - 1));
            assert!(ask(MS + 9_999)? == (48, MS + 9_999));
            Ok(())
        })
    }

    #[test]
    fn slave_changes_are_those_of_the_playback() -> Result {
        with_cable(|cable| {
            // 48 kHz, 16 bits, two channels: what is said of the playback before there is one.
            cable.prepare(CD, CD)?;
            let none = cable.state().note_playback();
            assert!(!none.format && !none.rate && !none.channels && !none.access);
            let playback = Params {
                format: Format::FLOAT_LE,
                rate: 44100,
                channels: 6,
                interleaved: false,
                ..CD
            };
            cable.state().prepare(Playback, Setup::new(playback)?);
            let all = cable.state().note_playback();
            assert!(all.format && all.rate && all.channels && all.access && !all.active);
            assert_eq!(cable.0.slave().rate, 44100);
            assert_eq!(cable.0.slave().channels, 6);
            assert_eq!(cable.0.slave().format, 14);
            let none = cable.state().note_playback();
            assert!(!none.format && !none.rate && !none.channels && !none.access);
            Ok(())
        })
    }

    #[test]
    fn impossible_setup() {
        for params in [
            Params { channels: 0, ..CD },
            Params {
                period_size: 0,
                ..CD
            },
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
