// SPDX-License-Identifier: GPL-2.0

//! The state of a cable, with nobody at its ports: nothing is copied, but everything else happens.

use kernel::prelude::*;

#[kunit_tests(aloop_cable)]
mod tests {
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
            AudioClock,
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
        mapped: false,
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
                    u64::from(report.frames) == ms * 48 % 1920 && report.lost_rings == 0
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

    /// The time of a trigger is older than its lock: the shift may have been changed between.
    #[test]
    fn no_start_is_before_a_change_of_shift() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            assert!(state.set_shift(80_000, ports, at(5)));
            state.start(Capture, ports, at(4), None)?;
            // Within the first frame.
            let asked = Ktime::from_nanos(5 * MS + 4_000);
            let report = state.report_position(Capture, ports, asked).ok_or(EINVAL)?;
            assert_eq!(report.frames, 0);
            let time = state.audio_time(Capture, AudioClock::LinkAbsolute);
            // A quarter faster.
            let audio = 5 * MS + 5_000;
            assert!(time.is_some_and(|time| time.system == asked && time.audio == audio));
            Ok(())
        })
    }

    /// A question just after another one finds the position of that one, and its time.
    #[test]
    fn positions_move_in_steps() -> Result {
        with_cable(|state, ports| {
            prepared(state, CD, CD)?;
            state.start(Capture, ports, at(0), None)?;
            let mut ask = |ns: u64| {
                let now = Ktime::from_nanos(ns);
                let report = state.report_position(Capture, ports, now).ok_or(EINVAL)?;
                let time = state.audio_time(Capture, AudioClock::Link).ok_or(EINVAL)?;
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
