// SPDX-License-Identifier: GPL-2.0

//! Audio time stamps: 8.9 done right.
//!
//! Position, system time and audio time are of one reading of the clock. So what is checked here
//! holds to the nanosecond, in a guest of any speed.

use std::time::Duration;

use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::PAUSED;
use support::config::RUNNING;
use support::config::USUAL;
use support::kernel as k;
use support::kernel::now_ns;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::stamp::Clock;
use support::stamp::Kind;
use support::stamp::Stamp;

use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::timing::with_shift;
use crate::tests::CABLE;

const SECOND: i128 = 1_000_000_000;
const RATES: [u32; 5] = [8000, 11025, 44101, 48000, 768_000];
const BY_FRAMES: u32 = Kind::Default as u32;

pub fn tests() -> Vec<Test> {
    let test = |name: String, run: Box<dyn Fn(&Context) -> Outcome>| {
        Test::new("stamps", name, run).c_defect("8.9")
    };
    let mut tests = vec![test(
        "8.9 info: which audio time stamps there are".into(),
        Box::new(info),
    )];
    for dir in Dir::BOTH {
        tests.push(test(
            format!("8.9 audio time stamps: type, accuracy and value of each, {dir:?}"),
            Box::new(move |ctx| kinds(ctx, dir)),
        ));
        tests.push(test(
            format!("8.9 the clock of time stamps may be any, {dir:?}"),
            Box::new(move |ctx| clocks(ctx, dir)),
        ));
        tests.push(test(
            format!("8.9 no audio time goes back at a PAUSE, {dir:?}"),
            Box::new(move |ctx| pauses(ctx, dir)),
        ));
    }
    for rate in RATES {
        tests.push(test(
            format!("8.9 position and time stamps are one reading of the clock at {rate} Hz"),
            Box::new(move |ctx| one_reading(ctx, rate, 100_000)),
        ));
    }
    for (rate, shift) in [(48000, 80000), (44101, 99_999), (11025, 120_000)] {
        tests.push(test(
            format!("8.9 one reading of the clock with Rate Shift {shift}"),
            Box::new(move |ctx| one_reading(ctx, rate, shift)),
        ));
    }
    tests.push(
        Test::new(
            "stamps",
            "8.9 what is recorded after an overrun is no older than its start, nor than what was before",
            overruns,
        )
        .limit(300),
    );
    tests.extend([
        test(
            "8.9 a change of Rate Shift bends audio time at once, and no more".into(),
            Box::new(bends),
        ),
        test(
            "8.9 LINK_ABSOLUTE goes on over streams".into(),
            Box::new(absolute),
        ),
        test(
            "8.9 by a sound timer there are only frames".into(),
            Box::new(by_ticks),
        ),
    ]);
    tests
}

/// One byte a frame, so that a second fits into the ring at each rate.
pub(super) fn config(rate: u32) -> Config {
    Config {
        format: signal::DSD_U8,
        channels: 1,
        rate,
        period: rate / 8,
        periods: 8,
        ..USUAL
    }
}

/// A prepared end that never stops by itself.
pub(super) fn prepared(ctx: &Context, which: Cable, dir: Dir, cfg: &Config) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(which.end(ctx, dir))?;
    pcm.configure(cfg)?;
    if dir == Dir::Playback {
        pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    }
    pcm.sw_params(u64::MAX)?;
    Ok(pcm)
}

fn info(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = Pcm::open(CABLE.end(ctx, dir))?;
        let got = pcm.hw_refine(&k::HwParams::any())?.info;
        let asked = k::INFO_LINK_TIME
            | k::INFO_LINK_ABSOLUTE_TIME
            | k::INFO_LINK_ESTIMATED_TIME
            | k::INFO_LINK_SYNCHRONIZED_TIME;
        check_eq!(
            "which of LINK, LINK_ABSOLUTE, LINK_ESTIMATED and LINK_SYNCHRONIZED",
            got & asked,
            asked & !k::INFO_LINK_ESTIMATED_TIME
        );
    }
    Ok(())
}

/// The time of a position, rounded down.
fn time_of(frames: u64, rate: u32) -> i64 {
    (i128::from(frames) * SECOND / i128::from(rate)) as i64
}

/// `audio` lies in the frame that begins at `hw_ptr`.
pub(super) fn within_frame(what: &str, s: &Stamp, rate: u32) -> Outcome {
    // In 1/rate ns; audio time is rounded down to whole nanoseconds.
    let ahead = i128::from(s.audio) * i128::from(rate) - i128::from(s.hw_ptr) * SECOND;
    check!(
        ahead > -i128::from(rate) && ahead < SECOND,
        "{what}: audio time {} ns at frame {}: {:.3} frames ahead",
        s.audio,
        s.hw_ptr,
        ahead as f64 / 1e9
    );
    Ok(())
}

/// Each kind after each other one: none leaves a trace.
fn kinds(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = config(48000);
    let pcm = prepared(ctx, CABLE, dir, &cfg)?;
    pcm.start()?;
    for first in Kind::ALL {
        for second in Kind::ALL {
            for kind in [first, second] {
                let s = pcm.stamp(kind)?;
                let what = format!("{kind:?} after {first:?}");
                let by_clock = match kind {
                    Kind::Compat => {
                        check_eq!(format!("{what}: valid"), s.valid, false);
                        true
                    }
                    Kind::Default | Kind::LinkEstimated => {
                        check_eq!(format!("{what}: type"), s.actual, BY_FRAMES);
                        check_eq!(format!("{what}: accuracy"), s.accuracy, None);
                        false
                    }
                    _ => {
                        check_eq!(format!("{what}: type"), s.actual, kind as u32);
                        check_eq!(format!("{what}: accuracy in ns"), s.accuracy, Some(1));
                        kind != Kind::LinkAbsolute
                    }
                };
                check_eq!(format!("{what}: valid"), s.valid, kind != Kind::Compat);
                if by_clock {
                    within_frame(&what, &s, cfg.rate)?;
                    check_eq!(
                        format!("{what}: time since the start"),
                        s.audio,
                        s.system - s.trigger
                    );
                } else if kind != Kind::LinkAbsolute {
                    check_eq!(
                        format!("{what}: audio time"),
                        s.audio,
                        time_of(s.hw_ptr, cfg.rate)
                    );
                }
                poll(&mut [], 1);
            }
        }
    }
    Ok(())
}

fn clocks(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = config(44101);
    for clock in [Clock::Realtime, Clock::Monotonic, Clock::MonotonicRaw] {
        let pcm = prepared(ctx, CABLE, dir, &cfg)?;
        pcm.stamp_by(clock)?;
        pcm.start()?;
        for _ in 0..50 {
            poll(&mut [], 3);
            for kind in [Kind::Link, Kind::LinkSynchronized] {
                let s = pcm.stamp(kind)?;
                check_eq!(format!("{clock:?}: {kind:?}"), s.actual, kind as u32);
                within_frame(&format!("{kind:?}"), &s, cfg.rate)?;
                // Nobody corrects the guest's clocks: the two go alike but for what their scales
                // round.
                let since = s.system - s.trigger;
                let apart = (s.audio - since).abs();
                let most = match clock {
                    Clock::MonotonicRaw => since / 1_000_000 + 2,
                    _ => 0,
                };
                check!(
                    apart <= most,
                    "{clock:?}, {kind:?}: audio time {}, {since} ns after the start",
                    s.audio
                );
            }
        }
    }
    Ok(())
}

/// Audio time since the start, at a constant shift.
fn stretched(ns: i64, shift: i64) -> i64 {
    (i128::from(ns) * 100_000 / i128::from(shift)) as i64
}

/// START to STOP of both ends, the second of which starts between two frames.
fn one_reading(ctx: &Context, rate: u32, shift: i64) -> Outcome {
    with_shift(ctx, shift, |_, _| {
        for first in Dir::BOTH {
            let second = Dir::BOTH[1 - first as usize];
            let cfg = config(rate);
            let a = prepared(ctx, CABLE, first, &cfg)?;
            let b = prepared(ctx, CABLE, second, &cfg)?;
            a.start()?;
            wait_for_position(&a, u64::from(rate / 50), Duration::from_secs(1))?;
            b.start()?;
            let start = b.stamp(Kind::Link)?;
            let mut last = [0; 2];
            for round in 0..300 {
                let kind = [Kind::Link, Kind::LinkSynchronized, Kind::Compat][round % 3];
                let s = a.stamp(kind)?;
                check_eq!("state", s.state, RUNNING);
                let what = format!("{first:?}, read {round}");
                within_frame(&what, &s, rate)?;
                let since = s.system - s.trigger;
                check_eq!(
                    format!("{what}: audio time {since} ns after the start"),
                    s.audio,
                    stretched(since, shift)
                );
                let frames = i128::from(since) * i128::from(rate) * 100_000;
                let frames = (frames / (SECOND * i128::from(shift))) as u64;
                check_eq!(
                    format!("{what}: position {since} ns after the start"),
                    s.hw_ptr,
                    frames
                );
                check!(s.audio >= last[0], "{what}: {} after {}", s.audio, last[0]);
                last[0] = s.audio;

                let s = b.stamp(kind)?;
                let what = format!("{second:?}, started second, read {round}");
                within_frame(&what, &s, rate)?;
                let moved = stretched(s.system - start.system, shift);
                check!(
                    (s.audio - start.audio - moved).abs() <= i64::from(shift != 100_000),
                    "{what}: audio time {} ns, by its first stamp {}",
                    s.audio,
                    start.audio + moved
                );
                // It counts the frames that its clock has completed since.
                let ahead = i128::from(s.audio - stretched(s.system - s.trigger, shift));
                check!(
                    (-1..SECOND / i128::from(rate) + 2).contains(&ahead),
                    "{what}: audio time {ahead} ns ahead of the time since its start"
                );
                check!(s.audio >= last[1], "{what}: {} after {}", s.audio, last[1]);
                last[1] = s.audio;
                if round % 10 == 0 {
                    poll(&mut [], 1 + round as i32 % 7);
                }
            }
            a.stop()?;
            // The clock has not stopped with its first end.
            let s = b.stamp(Kind::Link)?;
            let moved = stretched(s.system - start.system, shift);
            check!(
                (s.audio - start.audio - moved).abs() <= i64::from(shift != 100_000),
                "{second:?}, left alone: audio time {} ns, by its first stamp {}",
                s.audio,
                start.audio + moved
            );
            b.stop()?;
        }
        Ok(())
    })
}

fn bends(ctx: &Context) -> Outcome {
    with_shift(ctx, 100_000, |control, id| {
        let cfg = config(48000);
        let a = prepared(ctx, CABLE, Dir::Capture, &cfg)?;
        let b = prepared(ctx, CABLE, Dir::Playback, &cfg)?;
        a.start()?;
        b.start()?;
        let mut old = 100_000;
        for shift in [80000, 120_000, 99_999, 100_001, 100_000] {
            for pcm in [&a, &b] {
                for kind in [Kind::Link, Kind::LinkAbsolute] {
                    let before = pcm.stamp(kind)?;
                    control.write(id, shift)?;
                    let after = pcm.stamp(kind)?;
                    poll(&mut [], 20);
                    let later = pcm.stamp(kind)?;
                    control.write(id, old)?;
                    let what = format!("{kind:?} of the {:?}, {old} to {shift}", pcm.dir);
                    // Some time of the old shift, and the rest of the new one.
                    let (dt, got) = (after.system - before.system, after.audio - before.audio);
                    let between = [stretched(dt, old), stretched(dt, shift)];
                    let (low, high) = (between[0].min(between[1]), between[0].max(between[1]));
                    check!(
                        got >= low - 2 && got <= high + 2,
                        "{what}: {got} ns of audio in {dt} ns over the change"
                    );
                    let (dt, got) = (later.system - after.system, later.audio - after.audio);
                    check!(
                        (got - stretched(dt, shift)).abs() <= 1,
                        "{what}: {got} ns of audio in {dt} ns after the change"
                    );
                    if kind == Kind::Link {
                        within_frame(&what, &later, cfg.rate)?;
                    }
                }
            }
            control.write(id, shift)?;
            old = shift;
        }
        Ok(())
    })
}

fn absolute(ctx: &Context) -> Outcome {
    with_shift(ctx, 100_000, |_, _| {
        let kind = Kind::LinkAbsolute;
        // How far the cable's clock is from the system's: nothing, unless Rate Shift was used
        // before.
        let mut apart = None;
        for rate in [8000, 44101, 768_000] {
            let cfg = config(rate);
            for dir in Dir::BOTH {
                let pcm = prepared(ctx, CABLE, dir, &cfg)?;
                for _ in 0..2 {
                    pcm.start()?;
                    for pause in [true, false] {
                        poll(&mut [], 5);
                        let s = pcm.stamp(kind)?;
                        check_eq!("type", s.actual, kind as u32);
                        check_eq!(
                            format!("{dir:?} at {rate} Hz: time stamp less audio time"),
                            s.system - s.audio,
                            *apart.get_or_insert(s.system - s.audio)
                        );
                        if pause {
                            pcm.pause(true)?;
                            poll(&mut [], 5);
                            pcm.pause(false)?;
                        }
                    }
                    pcm.stop()?;
                    pcm.prepare()?;
                }
            }
        }
        Ok(())
    })
}

/// A recorder that is stopped for seconds now and then, as by SIGSTOP. What it reads is as old as
/// programs reckon: the time stamp, less what was left to read by then. That is right to a frame: a
/// position is the last frame before the time stamp, by up to one.
fn overruns(ctx: &Context) -> Outcome {
    let mut rec = CABLE.recorder(ctx)?;
    rec.configure(&USUAL)?;
    rec.start()?;
    let mut newest = 0;
    for round in 0..30 {
        for _ in 0..20 {
            check!(rec.poll(1000).is_some(), "round {round}: nothing to read");
            let s = rec.status()?;
            let left = s.avail as i64 * 1_000_000_000 / i64::from(USUAL.rate);
            let oldest = s.tstamp.ns() - left;
            let frame = 1_000_000_000 / i64::from(USUAL.rate) + 1;
            let start = s.trigger_tstamp.ns();
            check!(
                oldest + frame >= start,
                "round {round}: recorded {} ns before it started",
                start - oldest
            );
            check!(
                oldest + frame >= newest,
                "round {round}: {} ns older than what was read before",
                newest - oldest
            );
            let mut heard = USUAL.nothing();
            let got = rec.read(&mut heard, s.avail as usize)?;
            check_eq!("frames read", got as u64, s.avail);
            newest = oldest + got as i64 * 1_000_000_000 / i64::from(USUAL.rate);
        }
        poll(&mut [], 5000);
        let mut lost = USUAL.nothing();
        expect_error("READI after 5 s", rec.read(&mut lost, 480), libc::EPIPE)?;
        rec.prepare()?;
        rec.start()?;
    }
    Ok(())
}

/// Around a PAUSE audio time stands still, and goes on from where it was. At 8 kHz a frame is long.
fn pauses(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = config(8000);
    let pcm = prepared(ctx, CABLE, dir, &cfg)?;
    pcm.start()?;
    for round in 0..60 {
        for kind in [Kind::Link, Kind::LinkAbsolute] {
            let before = pcm.stamp(kind)?;
            pcm.pause(true)?;
            let paused = now_ns();
            check_eq!("state", pcm.state()?, PAUSED);
            if round % 4 == 0 {
                poll(&mut [], 5);
            }
            pcm.pause(false)?;
            let after = pcm.stamp(kind)?;
            check!(
                after.audio >= before.audio,
                "pause {round}: {kind:?} time {} ns after {}",
                after.audio,
                before.audio
            );
            if kind == Kind::Link {
                within_frame("after a pause", &after, cfg.rate)?;
                // It ran until some time within the call, and from the release on.
                let ran = after.audio - before.audio - (after.system - after.trigger);
                check!(
                    ran >= 0 && ran <= paused - before.system,
                    "pause {round}: {ran} ns of audio before it, in {} ns",
                    paused - before.system
                );
            }
        }
        // Another part of a frame each time.
        let until = now_ns() + 1000 * (round * 37 % 300);
        while now_ns() < until {}
    }
    Ok(())
}

fn by_ticks(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let cfg = system_config()?;
    let mut rec = Pcm::open(crate::tests::source::CABLE.end(ctx, Dir::Capture))?;
    rec.configure(&cfg)?;
    rec.sw_params(u64::MAX)?;
    rec.start()?;
    wait_for_position(&rec, u64::from(cfg.period), Duration::from_secs(2))?;
    for kind in Kind::ALL {
        let s = rec.stamp(kind)?;
        if kind != Kind::Compat {
            check_eq!(format!("{kind:?}: type"), s.actual, BY_FRAMES);
            check_eq!(format!("{kind:?}: accuracy"), s.accuracy, None);
        }
        check_eq!(
            format!("{kind:?}: audio time"),
            s.audio,
            time_of(s.hw_ptr, cfg.rate)
        );
    }
    Ok(())
}
