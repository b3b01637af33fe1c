// SPDX-License-Identifier: GPL-2.0

//! Streams without period wake-ups: 3.9 done right.
//!
//! The kernel's own trace says when a timer of the driver expires.

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::kernel as k;
use support::kernel::now_ns;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Expect;
use support::stamp::Kind;
use support::trace::Trace;
use support::trace::TIMERS;

use crate::tests::timing::before_all_others;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("wakeups", name, run);
    let mut tests = vec![
        test("3.9 info: NO_PERIOD_WAKEUP", info).c_defect("3.9"),
        test(
            "3.9 without period wake-ups: no timer, no event, each frame",
            unwoken_pair,
        )
        .c_defect("3.9"),
        test(
            "3.9 without period wake-ups: no timer for a large buffer of silence",
            large_silence,
        )
        .c_defect("3.9"),
        // A program that the host holds up at a period's end costs a timer more.
        Test::new(
            "timing",
            "3.9 one side without period wake-ups beside one with them",
            unwoken_beside_woken,
        )
        .c_defect("3.9"),
        test(
            "3.9 without period wake-ups a lost buffer is an XRUN, when somebody asks",
            lost_buffer,
        )
        .c_defect("3.9"),
    ];
    for peer in [false, true] {
        let name = format!(
            "3.9 without period wake-ups DRAIN ends with the last frame{}",
            if peer { ", recorded" } else { "" }
        );
        let run = move |ctx: &Context| before_all_others().and_then(|()| drains(ctx, peer));
        tests.push(Test::new("timing", name, run).c_defect("3.9").limit(60));
    }
    tests
}

pub(super) const CABLE: Cable = Cable {
    device: 1,
    subdevice: 1,
};

/// A buffer of a second.
pub(super) const SECOND: Config = Config {
    periods: 100,
    ..USUAL
};

fn info(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = Pcm::open(CABLE.side(ctx, dir))?;
        let got = pcm.hw_refine(&k::HwParams::any())?.info;
        check!(got & k::INFO_NO_PERIOD_WAKEUP != 0, "info {got:#010x}");
    }
    Ok(())
}

/// How often a timer of the driver expires while `run` runs.
pub(super) fn expiries(ctx: &Context, run: impl FnOnce() -> Outcome) -> Result<usize, Fail> {
    let trace = Trace::begin(&TIMERS)?;
    run()?;
    let events = trace.end()?;
    Ok(events.iter().filter(|e| e.is_timer_of(ctx)).count())
}

/// A session of 2.5 s that is served by the clock, every 0.1 s.
fn serve_by_clock(play: &mut Pcm, rec: &mut Pcm, wakes: bool) -> Outcome {
    let source = play.config().signal(96000, 200);
    let silence = play.config().silence(play.config().buffer());
    let mut heard = rec.config().nothing();
    let buffer = play.config().buffer_ns().min(rec.config().buffer_ns());
    let (mut written, mut served) = (play.write(&source, 0, 48000)?, now_ns());
    rec.start()?;
    play.start()?;
    for _ in 0..25 {
        poll(&mut [], 80);
        let gap = now_ns() - served;
        if gap > buffer / 10 * 9 {
            return Err(Fail::Stalled(format!("not run for {gap} ns")));
        }
        served = now_ns();
        rec.read(&mut heard, 48000)?;
        if written < source.len() {
            written += play.write(&source, written, source.len() - written)?;
        } else {
            play.write(&silence, 0, silence.len())?;
        }
        // All has been read and the position is known: nothing but a new position makes it ready.
        check_eq!("poll of the capture", rec.poll(20).is_some(), wakes);
        // The position of each is exact at any time, whether anybody was woken or not.
        for pcm in [&*play, &*rec] {
            let s = pcm.stamp(Kind::Link)?;
            check_eq!("state", s.state, RUNNING);
            let frames = i128::from(s.audio) * i128::from(pcm.config().rate) / 1_000_000_000;
            check_eq!("position", s.hw_ptr, frames as u64);
        }
    }
    compare(&source, &heard, Expect::Whole)?;
    play.stop()?;
    rec.stop()?;
    Ok(())
}

fn unwoken_pair(ctx: &Context) -> Outcome {
    unless_stalled(|| {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.configure_unwoken(&SECOND)?;
        rec.configure_unwoken(&SECOND)?;
        let expired = expiries(ctx, || serve_by_clock(&mut play, &mut rec, false))?;
        // START may be that of a DRAIN, which the driver cannot tell: it looks once whether it was.
        check!(expired <= 1, "{expired} timers in 2.5 s");
        Ok(())
    })
}

/// What is copied into a large buffer is copied in pieces, by a timer; but here is nothing to copy.
fn large_silence(ctx: &Context) -> Outcome {
    // Two mebibytes.
    let cfg = Config {
        period: 65536,
        periods: 8,
        ..USUAL
    };
    let mut rec = CABLE.capture(ctx)?;
    rec.configure_unwoken(&cfg)?;
    let expired = expiries(ctx, || {
        rec.start()?;
        poll(&mut [], 4000);
        rec.hwsync()?;
        Ok(())
    })?;
    check_eq!("timers in 4 s", expired, 0);
    check!(rec.status()?.hw_ptr >= 3 * 48000, "it has not run");
    Ok(())
}

fn unwoken_beside_woken(ctx: &Context) -> Outcome {
    for unwoken in Dir::BOTH {
        unless_stalled(|| {
            let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
            for pcm in [&mut play, &mut rec] {
                if pcm.dir == unwoken {
                    pcm.configure_unwoken(&SECOND)?;
                } else {
                    pcm.configure(&SECOND)?;
                    // Woken by each period, whatever it has taken.
                    pcm.sw_params_waking_at(1)?;
                }
            }
            let wakes = unwoken == Dir::Playback;
            let expired = expiries(ctx, || serve_by_clock(&mut play, &mut rec, wakes))?;
            // One side only, and one or two of the other's at its START.
            let periods = (rec.status()?.hw_ptr / 480) as usize;
            check!(
                expired > periods / 2 && expired <= periods + 2,
                "{unwoken:?} without wake-ups: {expired} timers in {periods} periods"
            );
            Ok(())
        })?;
    }
    Ok(())
}

fn lost_buffer(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let cfg = USUAL;
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure_unwoken(&cfg)?;
        let fill = |pcm: &mut Pcm| -> Outcome {
            if dir == Dir::Playback {
                pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
            }
            Ok(())
        };
        // A little more than a buffer, some more, and so much that the position is the same again.
        for ms in [85, 130, 160, 240] {
            fill(&mut pcm)?;
            pcm.start()?;
            poll(&mut [], ms);
            expect_error(&format!("HWSYNC after {ms} ms"), pcm.hwsync(), libc::EPIPE)?;
            check_eq!(format!("{dir:?} after {ms} ms"), pcm.state()?, XRUN);
            pcm.prepare()?;
        }
        // One that has asked never to be stopped goes on: its own time says how far.
        pcm.sw_params(u64::MAX)?;
        fill(&mut pcm)?;
        pcm.start()?;
        poll(&mut [], 330);
        let s = pcm.stamp(Kind::Link)?;
        check_eq!("state", s.state, RUNNING);
        check_eq!("audio time", s.audio, s.system - s.trigger);
        let frames = i128::from(s.audio) * 48000 / 1_000_000_000;
        check_eq!("position", s.hw_ptr, frames as u64);
    }
    Ok(())
}

/// How late a DRAIN may be, in nanoseconds: as a wake-up.
const LATE: i64 = 100_000;

/// When a playback that is drained has started.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// By the DRAIN.
    Drain,
    /// Just before.
    Before,
    /// Three quarters of its frames before, half of which were written then.
    LongBefore,
}

/// Drains of all lengths, from both states, waited for in DRAIN and by poll.
fn drains(ctx: &Context, peer: bool) -> Outcome {
    let mut worst = 0;
    for (rate, period, periods) in [
        (48000, 480, 8),
        (48000, 4800, 1),
        (44101, 11000, 2),
        (8000, 80, 100),
        // No more: what is copied in one go shall not be what takes long.
        (192_000, 64, 100),
    ] {
        let cfg = Config {
            rate,
            period,
            periods,
            ..USUAL
        };
        let buffer = cfg.buffer();
        for frames in [1, 33, period as usize, buffer / 2 + 1, buffer - 1, buffer] {
            for (start, blocking) in [
                (Start::Drain, false),
                (Start::Drain, true),
                (Start::Before, false),
                (Start::Before, true),
                (Start::LongBefore, true),
            ] {
                // Less than a millisecond may be over before DRAIN comes.
                let least = match start {
                    Start::Drain => 0,
                    Start::Before => rate as usize / 1000,
                    Start::LongBefore => buffer,
                };
                if frames < least {
                    continue;
                }
                let what = format!(
                    "{frames} frames at {rate} Hz, {periods} periods of {period}, {}, {}",
                    match start {
                        Start::Drain => "PREPARED",
                        Start::Before => "RUNNING",
                        Start::LongBefore => "RUNNING for long",
                    },
                    if blocking { "DRAIN" } else { "poll" },
                );
                let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
                let long = Config {
                    period: rate / 10,
                    periods: 20,
                    ..cfg
                };
                play.configure_unwoken(&cfg)?;
                let source = cfg.signal(frames, 210);
                // What is written after the START, the timer that this arms knows nothing of.
                let first = match start {
                    Start::LongBefore => frames / 2,
                    _ => frames,
                };
                play.write(&source, 0, first)?;
                if peer {
                    rec.configure(&long)?;
                    rec.start()?;
                }
                let mut begun = now_ns();
                if start != Start::Drain {
                    play.start()?;
                    begun = play.status()?.trigger_tstamp.ns();
                }
                if start == Start::LongBefore {
                    play.write(&source, first, frames - first)?;
                    poll(&mut [], (frames * 750 / rate as usize) as i32);
                }
                play.set_blocking(blocking);
                match play.drain() {
                    Err(e) if !blocking && e.code == libc::EAGAIN => {}
                    other => other?,
                }
                if !blocking {
                    check!(play.poll(3000).is_some(), "{what}: no event for 3 s");
                }
                let returned = now_ns();
                let s = play.status()?;
                check_eq!(format!("{what}: state"), s.state, SETUP);
                let late = |time| time - begun - frames as i64 * 1_000_000_000 / i64::from(rate);
                let (stopped, back) = (late(s.trigger_tstamp.ns()), late(returned));
                // Beside a capture it begins in the middle of a frame, and ends with one.
                let early = if peer {
                    1_000_000_000 / i64::from(rate) + 1
                } else {
                    0
                };
                check!(
                    stopped >= -early && back < LATE,
                    "{what}: stopped {stopped} ns after its last frame, back after {back} ns"
                );
                worst = worst.max(back);
                // Where it was when that was noticed, if somebody asked.
                let most = frames as u64 + (LATE * i64::from(rate) / 1_000_000_000) as u64;
                check!(s.hw_ptr <= most, "{what}: position {}", s.hw_ptr);
                if peer {
                    let mut heard = long.nothing();
                    while heard.len() < frames + period as usize * 2 + 1000 {
                        check!(rec.poll(2000).is_some(), "{what}: no wake-up for 2 s");
                        rec.read(&mut heard, long.buffer())?;
                    }
                    compare(&source, &heard, Expect::Whole)
                        .map_err(|why| format!("{what}: {why}"))?;
                }
            }
        }
    }
    note(&format!("at most {:.1} us late", worst as f64 / 1e3));
    Ok(())
}
