// SPDX-License-Identifier: GPL-2.0

//! Streams that are stopped: by the other side, by their own timer, at the moment of something
//! else.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::kernel::now_ns;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::random::Random;
use support::trace::armed_timers;
use support::turns::spin;
use support::turns::spin_until;

use super::test;
use super::Meeting;
use super::LENGTH;
use super::MEETINGS;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "826af7fa62e3 a capture is stopped by its playback's START and by itself",
            evicted_and_stopped,
        ),
        test(
            "e5c33cdc6f40 a capture is stopped by its playback's START and closed",
            evicted_and_closed,
        ),
        test(
            "5ba790f097f6 a stream is paused when its timer stops it: XRUN",
            |ctx| stopped_by_timer(ctx, false),
        ),
        test(
            "5ba790f097f6 a stream is paused when its timer stops it: the end of a drain",
            |ctx| stopped_by_timer(ctx, true),
        ),
        test(
            "67a01afaf3d3 close or PREPARE right after DROP, at the end of a period",
            right_after_drop,
        ),
        test(
            "CVE-2026-43437 DRAIN of linked playbacks, one of which is closed",
            drained_and_closed,
        ),
    ]
}

/// Another rate, so that no capture of `LONG` matches.
const MISFIT: Config = Config {
    rate: 44100,
    ..LONG
};

/// A running capture, and a prepared playback that does not match it.
fn mismatched(ctx: &Context) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    play.setup(&MISFIT)?;
    // However long the guest stands still, it is not stopped for that.
    play.sw_params(u64::MAX)?;
    rec.configure(&LONG)?;
    rec.start()?;
    play.prepare()?;
    play.write(&MISFIT.signal(4800, 60), 0, 4800)?;
    Ok((play, rec))
}

fn evicted_and_stopped(ctx: &Context) -> Outcome {
    let mut meeting = Meeting::new(ctx)?;
    while meeting.goes_on() {
        let (play, mut rec) = mismatched(ctx)?;
        let way = meeting.random.below(4);
        let (started, ()) = meeting.round(
            || play.start(),
            || {
                let _ = match way {
                    0 => rec.stop(),
                    1 => rec.pause(true),
                    2 => rec.stop().and_then(|()| rec.prepare()),
                    _ => rec.stop().and_then(|()| rec.hw_free()),
                };
            },
        )?;
        started?;
        check_eq!(
            "the playback",
            state_name(play.state()?),
            state_name(RUNNING)
        );
        // It may have paused before it could be stopped; it then stays so.
        let state = rec.state()?;
        let may = [
            [DRAINING, SETUP],
            [DRAINING, PAUSED],
            [PREPARED; 2],
            [support::config::OPEN; 2],
        ][way as usize];
        check!(
            may.contains(&state),
            "the capture is {} after way {way}",
            state_name(state)
        );
        if state == PAUSED {
            expect_error("release", rec.pause(false), libc::EIO)?;
        }
    }
    meeting.report()?;
    cable_works(ctx, CABLE)
}

fn evicted_and_closed(ctx: &Context) -> Outcome {
    let mut meeting = Meeting::new(ctx)?;
    while meeting.goes_on() {
        let (play, rec) = mismatched(ctx)?;
        let (started, ()) = meeting.round(|| play.start(), || drop(rec))?;
        started?;
        check_eq!(
            "the playback",
            state_name(play.state()?),
            state_name(RUNNING)
        );
    }
    meeting.report()?;
    cable_works(ctx, CABLE)
}

/// Two periods of 16 frames: a third of a millisecond each.
const TINY: Config = Config {
    period: 16,
    periods: 2,
    ..USUAL
};

/// The timer expires on the processor that has started the stream, and stops it there. Meanwhile
/// the other one pauses it, or stops it itself if it drains: a drain cannot be paused.
fn stopped_by_timer(ctx: &Context, drains: bool) -> Outcome {
    let sides: &[Dir] = if drains { &[Dir::Playback] } else { &Dir::BOTH };
    let mut meeting = Meeting::new(ctx)?;
    let (mut timer_first, mut other_first) = (0, 0);
    while meeting.goes_on_for(meeting.met.min(timer_first).min(other_first)) {
        for &dir in sides {
            let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
            pcm.configure(&TINY)?;
            if dir == Dir::Playback {
                pcm.write(&TINY.silence(TINY.buffer()), 0, TINY.buffer())?;
            }
            // It stops by itself after 0.67 ms.
            let wait = 200_000 + meeting.random.below(700_000) as i64;
            let (started, was) = meeting.round_at_once(
                || {
                    let result = match drains {
                        true => pcm.drain(),
                        false => pcm.start(),
                    };
                    // The timer interrupts this processor.
                    spin(1_000_000);
                    result
                },
                || {
                    spin(wait);
                    if drains {
                        let state = pcm.state()?;
                        pcm.stop().map(|()| state)
                    } else {
                        match pcm.pause(true) {
                            Ok(()) => Ok(PAUSED),
                            Err(_) => pcm.state(),
                        }
                    }
                },
            )?;
            match started {
                Err(e) if e.code != libc::EAGAIN => return Err(e.into()),
                _ => {}
            }
            match was? {
                XRUN | SETUP => timer_first += 1,
                DRAINING => other_first += 1,
                PAUSED => {
                    other_first += 1;
                    check_eq!("state", state_name(pcm.state()?), state_name(PAUSED));
                    pcm.pause(false)?;
                }
                // It had not been started yet, or the two were too close to say.
                _ => {}
            }
            let last = if drains { SETUP } else { XRUN };
            wait_for_state(&pcm, last, Duration::from_secs(2))?;
        }
    }
    note(&format!(
        "the timer was first {timer_first} times, the other call {other_first} times"
    ));
    check!(
        timer_first.min(other_first) >= MEETINGS,
        "one was hardly ever first"
    );
    meeting.report()?;
    cable_works(ctx, CABLE)
}

/// What a stopped stream leaves is given back at once, on another processor than that on which its
/// timer was to expire.
fn right_after_drop(ctx: &Context) -> Outcome {
    let mut meeting = Meeting::new(ctx)?;
    let (mut rounds, mut at_an_end) = (0, 0);
    while meeting.goes_on_for(meeting.met.min(at_an_end)) {
        let mut pcms = Vec::new();
        for dir in Dir::BOTH {
            let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
            pcm.configure(&TINY)?;
            pcm.sw_params(u64::MAX)?;
            if dir == Dir::Playback {
                pcm.write(&TINY.silence(TINY.buffer()), 0, TINY.buffer())?;
            }
            pcms.push(pcm);
        }
        let closes = meeting.random.once_in(2);
        let started = std::sync::atomic::AtomicBool::new(false);
        let running = &started;
        let wait = 340_000 + meeting.random.below(700_000) as i64;
        // Descriptors that stay open while the other thread drops its own.
        let shared = [pcms[0].share()?, pcms[1].share()?];
        let (begun, dropped) = meeting.round_at_once(
            || {
                let result = shared.iter().try_for_each(Pcm::start);
                running.store(true, std::sync::atomic::Ordering::Release);
                let begun = shared[0].status().map(|s| s.trigger_tstamp.ns());
                if closes {
                    drop(shared);
                }
                spin(1_200_000);
                result.and(begun)
            },
            || {
                spin_until(|| running.load(std::sync::atomic::Ordering::Acquire));
                spin(wait);
                let begun = now_ns();
                for pcm in &pcms {
                    pcm.stop()?;
                    if !closes {
                        pcm.prepare()?;
                    }
                }
                drop(pcms);
                Ok::<_, support::kernel::Errno>((begun, now_ns()))
            },
        )?;
        let (begun, (from, to)) = (begun?, dropped?);
        rounds += 1;
        let period = |time: i64| (time - begun) / TINY.period_ns();
        at_an_end += u64::from(period(from) != period(to));
    }
    note(&format!(
        "{rounds} rounds, a period ended meanwhile in {at_an_end}"
    ));
    check!(at_an_end >= MEETINGS, "hardly ever at the end of a period");
    meeting.report()?;
    check_eq!("timers armed", armed_timers(ctx)?, 0);
    cable_works(ctx, CABLE)
}

/// Who drains waits for each of the linked streams in turn, on a queue of that stream's.
fn drained_and_closed(ctx: &Context) -> Outcome {
    const OTHER: Cable = Cable {
        device: 1,
        subdevice: 3,
    };
    let mut random = Random::of(ctx.seed);
    let until = Instant::now() + LENGTH;
    let (mut rounds, mut met) = (0, 0);
    while Instant::now() < until {
        let (mut leader, mut member) = (CABLE.playback(ctx)?, OTHER.playback(ctx)?);
        let frames = random.one_of(&[[480, 4800], [4800, 480]]);
        for (pcm, frames) in [&mut leader, &mut member].into_iter().zip(frames) {
            pcm.configure(&LONG)?;
            pcm.write(&LONG.silence(frames), 0, frames)?;
        }
        match random.once_in(2) {
            true => leader.link(&member)?,
            false => member.link(&leader)?,
        }
        leader.start()?;
        leader.set_blocking(true);
        let wait = Duration::from_micros(random.below(15_000));
        let (begun, drained, closed_at) = thread::scope(|scope| {
            let closer = scope.spawn(move || {
                thread::sleep(wait);
                // Before the close: what it wakes may be back before it.
                let closed_at = now_ns();
                drop(member);
                closed_at
            });
            let begun = now_ns();
            let drained = leader.drain().map(|()| now_ns());
            (begun, drained, closer.join())
        });
        rounds += 1;
        met += u64::from(closed_at.is_ok_and(|at| begun < at && drained.is_ok_and(|end| at < end)));
        drained?;
        check_eq!("the leader", state_name(leader.state()?), state_name(SETUP));
    }
    note(&format!(
        "{rounds} rounds, in {met} the other was closed before the drain had ended"
    ));
    check!(met > 5, "hardly ever closed during the drain");
    cable_works(ctx, CABLE)?;
    cable_works(ctx, OTHER)
}
