// SPDX-License-Identifier: GPL-2.0

//! Exactness of positions and wake-ups. It can only be judged under the counted clock.

use support::cable::wait_for_position;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::control::Control;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: String, run: Box<dyn Fn(&Context) -> Outcome>| {
        let run = move |ctx: &Context| {
            before_all_others()?;
            run(ctx)
        };
        Test::new("timing", name, run).limit(120)
    };
    let mut tests = Vec::new();
    for dir in Dir::BOTH {
        tests.push(
            test(
                format!("8.2 steps of at most 2 frames at 48 kHz, busy {dir:?}"),
                Box::new(move |ctx| steps(ctx, dir)),
            )
            .c_defect("8.2"),
        );
        for period in [480, 1024, 128, 64] {
            tests.push(
                test(
                    format!("8.5 8.6 wake-ups at {period} frames less than 100 us late, {dir:?}"),
                    Box::new(move |ctx| wakeups(ctx, dir, period)),
                )
                .c_defect("8.6"),
            );
        }
    }
    tests.push(
        test(
            "8.2 steps of a player's delay while Rate Shift changes".into(),
            Box::new(delay_under_shifts),
        )
        .c_defect("8.2"),
    );
    for dir in Dir::BOTH {
        for period in [480, 1024, 64] {
            tests.push(
                test(
                    format!("8.7 one wake-up a period of {period} frames if all is taken, {dir:?}"),
                    Box::new(move |ctx| greedy(ctx, dir, period)),
                )
                .c_defect("8.7"),
            );
        }
    }
    for rate in [48000, 96000, 176_400, 192_000, 384_000, 768_000] {
        tests.push(test(
            format!("8.2 reads and writes until there is nothing left end, {rate} Hz"),
            Box::new(move |ctx| until_nothing_is_left(ctx, rate)),
        ));
    }
    for rate in [48000, 44100, 11025, 8000, 768_000] {
        tests.push(
            test(
                format!("8.9 8.10 position within 1 ppm and 2 frames of the time at {rate} Hz"),
                Box::new(move |ctx| slope(ctx, rate, 100_000)),
            )
            .c_defect("8.9"),
        );
    }
    for shift in [101_000, 80000, 120_000, 99_999] {
        tests.push(
            test(
                format!("9.11 Rate Shift {shift} is exact"),
                Box::new(move |ctx| slope(ctx, 48000, shift)),
            )
            .c_defect("8.9"),
        );
    }
    tests.push(
        test(
            "9.11 17.13 a change of Rate Shift keeps the position's phase".into(),
            Box::new(shift_change),
        )
        .c_defect("17.13"),
    );
    tests.push(
        test(
            "7.6 PAUSE loses no time before it".into(),
            Box::new(pause_position),
        )
        .c_defect("7.6"),
    );
    for frames in [192, 384, 576] {
        tests.push(
            test(
                format!("8.8 17.7 a ring of {frames} frames is clean for 2 s"),
                Box::new(move |ctx| small_ring(ctx, frames)),
            )
            .c_defect("8.8"),
        );
    }
    tests.push(
        test(
            "3.6 a ring of two periods of 16 frames is exact".into(),
            Box::new(|ctx| tiny_ring(ctx, 48000, 16, 2)),
        )
        .c_defect("8.8"),
    );
    tests.push(
        test(
            "3.6 the smallest ring of 64 bytes is exact to a busy reader".into(),
            Box::new(smallest_ring),
        )
        .c_defect("8.8"),
    );
    for (rate, channels) in [(768_000, 6), (192_000, 32)] {
        tests.push(test(
            format!("3.4 {rate} Hz, {channels} channels of S32_LE, round both rings"),
            Box::new(move |ctx| fast_ring(ctx, rate, channels)),
        ));
    }
    tests
}

/// Gives this process real-time priority, as audio programs have: what other tasks of the guest do
/// meanwhile is not judged here.
pub(super) fn before_all_others() -> Outcome {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: Changes the scheduling of this process only.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) };
    check_eq!("sched_setscheduler", result, 0);
    Ok(())
}

/// One running end of the usual cable. A player gets the whole ring of silence first and never
/// stops by itself, so that it can be watched alone.
pub fn running(ctx: &Context, dir: Dir, cfg: &Config) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(CABLE.end(ctx, dir))?;
    pcm.configure(cfg)?;
    if dir == Dir::Playback {
        pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    }
    pcm.sw_params(u64::MAX)?;
    pcm.start()?;
    // The core stamps positions that differ from the last one, so none has a stamp at first.
    wait_for_position(&pcm, 1, std::time::Duration::from_secs(1))?;
    Ok(pcm)
}

fn steps(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let pcm = running(ctx, dir, &cfg)?;
    // What else the machine does between two questions is not the position's fault.
    let frames_in = |ns: i64| ns * i64::from(cfg.rate) / 1_000_000_000;
    let mut by_status = (0, 0);
    let mut last = pcm.status()?;
    while last.hw_ptr < 12000 {
        let now = pcm.status()?;
        check!(
            now.hw_ptr >= last.hw_ptr,
            "position {} after {}",
            now.hw_ptr,
            last.hw_ptr
        );
        let step =
            (now.hw_ptr - last.hw_ptr) as i64 - frames_in(now.tstamp.ns() - last.tstamp.ns());
        by_status = (by_status.0.max(step), by_status.1 + 1);
        last = now;
    }
    let mut by_delay = (0, 0);
    // The delay of a capture grows and that of a playback shrinks, one frame for each.
    let mut asked = now_ns();
    let mut last = pcm.delay()?;
    let first = last;
    while (last - first).abs() < 12000 {
        let before = std::mem::replace(&mut asked, now_ns());
        pcm.hwsync()?;
        let delay = pcm.delay()?;
        let step = (delay - last).abs() - frames_in(now_ns() - before);
        by_delay = (by_delay.0.max(step), by_delay.1 + 1);
        last = delay;
    }
    note(&format!(
        "STATUS: largest step {} frames more than there was time for in {} reads; HWSYNC and DELAY: {} in {}",
        by_status.0, by_status.1, by_delay.0, by_delay.1
    ));
    check!(by_status.0 <= 2, "STATUS: a step of {} frames", by_status.0);
    check!(
        by_delay.0 <= 2,
        "HWSYNC and DELAY: a step of {} frames",
        by_delay.0
    );
    Ok(())
}

/// As a player sees it that keeps in step with something by its delay: that falls as fast as the
/// speed allows, and as slowly, and never jumps.
fn delay_under_shifts(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let frames_in = |ns: i64, shift: i64| ns as f64 * f64::from(cfg.rate) * 1e-4 / shift as f64;
    with_shift(ctx, 100_000, |control, id| {
        let pcm = running(ctx, Dir::Playback, &cfg)?;
        let mut asked = (now_ns(), now_ns());
        let mut last = pcm.delay()?;
        let mut reads = 0;
        for shift in [120_000, 80_000, 100_000, 99_999, 110_000].repeat(8) {
            control.write(id, shift)?;
            let until = now_ns() + 15_000_000;
            while now_ns() < until {
                let begun = now_ns();
                pcm.hwsync()?;
                let delay = pcm.delay()?;
                let ended = now_ns();
                // Between the two looks there was at least, and at most, so much time.
                let least = frames_in(begun - asked.1, 120_000) - 1.0;
                let most = frames_in(ended - asked.0, 80_000) + 1.0;
                let step = (last - delay) as f64;
                check!(
                    least <= step && step <= most,
                    "shift {shift}: the delay went from {last} to {delay}, by {step} frames; {least:.1} to {most:.1} are possible"
                );
                (asked, last) = ((begun, ended), delay);
                reads += 1;
            }
        }
        note(&format!("{reads} looks at the delay"));
        check!(reads > 1000, "only {reads} looks at the delay");
        Ok(())
    })
}

/// Takes all there is, again and again, until there is no more. In the time that it takes, the
/// stream goes on.
fn until_nothing_is_left(ctx: &Context, rate: u32) -> Outcome {
    for access in [Access::RwInterleaved, Access::MmapInterleaved] {
        for dir in Dir::BOTH {
            let cfg = Config {
                access,
                rate,
                period: rate / 100,
                ..USUAL
            };
            let mut pcm = running(ctx, dir, &cfg)?;
            let silence = cfg.silence(cfg.buffer());
            let mut heard = cfg.nothing();
            let mut most = 0;
            for _ in 0..20 {
                poll(&mut [], 10);
                let mut calls = 0;
                loop {
                    calls += 1;
                    let moved = match dir {
                        Dir::Capture => pcm.read(&mut heard, cfg.buffer())?,
                        Dir::Playback => pcm.write(&silence, 0, cfg.buffer())?,
                    };
                    if moved == 0 {
                        break;
                    }
                    check!(calls < 16, "{access:?} {dir:?}: {calls} calls, and no end");
                }
                most = most.max(calls);
            }
            note(&format!("{access:?} {dir:?}: {most} calls at most"));
        }
    }
    Ok(())
}

/// Serves a stream exactly one period per wake-up and notes how late each came.
fn wakeups(ctx: &Context, dir: Dir, period: u32) -> Outcome {
    const COUNT: usize = 200;
    let cfg = Config {
        period,
        periods: 4,
        ..USUAL
    };
    let mut pcm = Pcm::open(CABLE.end(ctx, dir))?;
    pcm.configure(&cfg)?;
    let silence = cfg.silence(cfg.buffer());
    if dir == Dir::Playback {
        pcm.write(&silence, 0, cfg.buffer())?;
    }
    // The time before START: no time spent in the call is taken off the lateness.
    let begun = now_ns();
    pcm.start()?;
    let mut late = Vec::with_capacity(COUNT);
    let mut heard = cfg.nothing();
    for number in 1..=COUNT as i64 {
        check!(pcm.poll(1000).is_some(), "wake-up {number}: none for 1 s");
        let now = now_ns();
        let ideal = begun + number * i64::from(period) * 1_000_000_000 / 48000;
        late.push(now - ideal);
        let frames = period as usize;
        let moved = match dir {
            Dir::Playback => pcm.write(&silence, 0, frames),
            Dir::Capture => pcm.read(&mut heard, frames),
        };
        check_eq!(format!("frames moved at wake-up {number}"), moved?, frames);
    }
    late.sort_unstable();
    let us = |ns: i64| ns as f64 / 1000.0;
    let (first, median, last) = (late[0], late[COUNT / 2], late[COUNT - 1]);
    note(&format!(
        "late by {:.1} us at least, {:.1} us in the median, {:.1} us at most",
        us(first),
        us(median),
        us(last)
    ));
    check!(first >= 0, "a wake-up {:.1} us early", us(-first));
    check!(us(median) < 100.0, "median: {:.1} us late", us(median));
    check!(us(last) < 100.0, "worst: {:.1} us late", us(last));
    Ok(())
}

/// An application that takes all there is, which is a frame or two more than a period, is not woken
/// by the end of the next period. It must not have to wait for another.
fn greedy(ctx: &Context, dir: Dir, period: u32) -> Outcome {
    const COUNT: usize = 200;
    let cfg = Config {
        period,
        periods: 4,
        ..USUAL
    };
    let mut pcm = Pcm::open(CABLE.end(ctx, dir))?;
    pcm.configure(&cfg)?;
    pcm.sw_params_waking_at_a_period()?;
    let silence = cfg.silence(cfg.buffer());
    if dir == Dir::Playback {
        pcm.write(&silence, 0, cfg.buffer())?;
    }
    pcm.start()?;
    let mut heard = cfg.nothing();
    let mut gaps = Vec::with_capacity(COUNT);
    let mut before = now_ns();
    for number in 1..=COUNT {
        check!(pcm.poll(1000).is_some(), "wake-up {number}: none for 1 s");
        let now = now_ns();
        gaps.push(now - before);
        before = now;
        // It is a slow one: by the time that it looks, there is one more.
        let mut frames = 0;
        while frames <= period as usize {
            frames = pcm.status()?.avail as usize;
        }
        let moved = match dir {
            Dir::Playback => pcm.write(&silence, 0, frames),
            Dir::Capture => pcm.read(&mut heard, frames),
        };
        check_eq!(format!("frames moved at wake-up {number}"), moved?, frames);
    }
    gaps.sort_unstable();
    let longest = gaps[COUNT - 1] * 48000 / 1_000_000_000;
    note(&format!("{longest} frames at most from one to the next"));
    check!(
        longest < i64::from(period) + 16,
        "from one wake-up to the next: {longest} frames"
    );
    Ok(())
}

/// Runs something with the Rate Shift of `CABLE` set, and sets it back.
pub(super) fn with_shift<T>(
    ctx: &Context,
    shift: i64,
    run: impl FnOnce(&Control, u32) -> Result<T, Fail>,
) -> Result<T, Fail> {
    let control = Control::open(ctx.index)?;
    let id = control.find("PCM Rate Shift 100000", CABLE.device ^ 1, CABLE.subdevice)?;
    control.write(id, shift)?;
    let result = run(&control, id);
    control.write(id, 100_000)?;
    result
}

/// Positions with their time stamps in seconds, for about `seconds`.
pub fn observe(pcm: &Pcm, seconds: f64) -> Result<Vec<(f64, f64)>, Fail> {
    let mut points = Vec::new();
    let begun = pcm.status()?.tstamp.ns();
    let mut wait = 1;
    loop {
        let status = pcm.status()?;
        let at = (status.tstamp.ns() - begun) as f64 / 1e9;
        points.push((at, status.hw_ptr as f64));
        if at > seconds {
            return Ok(points);
        }
        // Uneven spacing, so that the rounding to frames averages out.
        wait = wait * 5 % 23;
        poll(&mut [], wait);
    }
}

/// Least squares: slope in frames per second, and the span of the deviations in frames.
pub fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (
        points.iter().map(|p| p.0).sum::<f64>() / n,
        points.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let slope = sxy / sxx;
    let deviations = points.iter().map(|p| p.1 - my - slope * (p.0 - mx));
    let (low, high) = deviations.fold((f64::MAX, f64::MIN), |(l, h), d| (l.min(d), h.max(d)));
    (slope, high - low)
}

fn slope(ctx: &Context, rate: u32, shift: i64) -> Outcome {
    with_shift(ctx, shift, |_, _| {
        let cfg = Config {
            rate,
            period: rate / 50,
            ..USUAL
        };
        let rec = running(ctx, Dir::Capture, &cfg)?;
        // The longer a frame, the longer it takes until its rounding averages out.
        let seconds = 8.0 * (48000.0 / f64::from(rate)).max(1.0);
        let points = observe(&rec, seconds)?;
        let (got, span) = fit(&points);
        let want = f64::from(rate) * 100_000.0 / shift as f64;
        let ppm = (got / want - 1.0) * 1e6;
        note(&format!(
            "{} points: {ppm:+.3} ppm, deviations span {span:.2} frames",
            points.len()
        ));
        check!(ppm.abs() < 1.0, "{ppm:+.3} ppm off");
        // The stamp is taken some microseconds after the position.
        let limit = 2.0 + f64::from(rate) * 20e-6;
        check!(
            span < limit,
            "deviations span {span:.2} frames, limit {limit:.2}"
        );
        Ok(())
    })
}

fn shift_change(ctx: &Context) -> Outcome {
    with_shift(ctx, 100_000, |control, id| {
        let rec = running(ctx, Dir::Capture, &USUAL)?;
        let mut before = observe(&rec, 1.0)?;
        for shift in [120_000, 80000, 100_000] {
            let first = rec.status()?;
            control.write(id, shift)?;
            // It may take a period to act: what happens within it is bounded by both speeds.
            wait_for_position(&rec, first.hw_ptr + 960, std::time::Duration::from_secs(1))?;
            let after = observe(&rec, 1.0)?;
            let (got, span) = fit(&after);
            let want = 48000.0 * 100_000.0 / shift as f64;
            check!(
                (got / want - 1.0).abs() < 20e-6,
                "{shift}: {got:.2} frames/s"
            );
            check!(span < 3.0, "{shift}: deviations span {span:.2} frames");
            let last = before[before.len() - 1].1;
            check!(after[0].1 > last, "position {} after {last}", after[0].1);
            before = after;
        }
        Ok(())
    })
}

fn pause_position(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = running(ctx, dir, &USUAL)?;
        for wait in [7, 13, 22] {
            let begun = pcm.status()?;
            poll(&mut [], wait);
            let paused = now_ns();
            pcm.pause(true)?;
            poll(&mut [], 5);
            let released = now_ns();
            pcm.pause(false)?;
            // The core asks a paused driver for no position: what came before shows now.
            let after = pcm.status()?;
            let ran = paused - begun.tstamp.ns() + after.tstamp.ns() - released;
            let ran = ran as f64 / 1e9 * 48000.0;
            let moved = (after.hw_ptr - begun.hw_ptr) as f64;
            check!(
                (moved - ran).abs() <= 2.5,
                "{dir:?}: {moved} frames around a pause in {ran:.2} frames' time"
            );
        }
    }
    Ok(())
}

fn small_ring(ctx: &Context, frames: u32) -> Outcome {
    let cfg = Config {
        period: frames / 4,
        periods: 4,
        ..USUAL
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(96000, 90))?;
    session.run()?;
    session.verify(Expect::Whole)
}

fn tiny_ring(ctx: &Context, rate: u32, period: u32, periods: u32) -> Outcome {
    for access in [Access::RwInterleaved, Access::MmapNoninterleaved] {
        let cfg = Config {
            access,
            rate,
            period,
            periods,
            ..USUAL
        };
        let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(9600, 91))?;
        session.run()?;
        session.verify(Expect::Whole)?;
    }
    Ok(())
}

/// One period per buffer: its wake-up comes when it is too late, so both ends are served without
/// waiting for any.
fn smallest_ring(ctx: &Context) -> Outcome {
    let cfg = Config {
        rate: 8000,
        channels: 1,
        period: 32,
        periods: 1,
        ..USUAL
    };
    check_eq!("bytes", cfg.buffer() * cfg.frame_bytes(), 64);
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(4000, 92))?;
    session.lead = 0;
    session.begin()?;
    let until = now_ns() + 3_000_000_000;
    while session.recorded.len() < 4200 {
        session.serve()?;
        let recorded = session.recorded.len();
        check!(
            now_ns() < until,
            "{recorded} frames recorded in 3 s instead of 0.5 s"
        );
    }
    compare(&session.source, &session.recorded, Expect::Whole)?;
    Ok(())
}

/// Streams too fast to be refilled in real time, for several rounds. (Twice this speed is more than
/// the counted processor can copy.)
fn fast_ring(ctx: &Context, rate: u32, channels: usize) -> Outcome {
    for access in Access::ALL {
        let cfg = Config {
            access,
            format: signal::S32_LE,
            rate,
            channels,
            period: 2_097_152 / (8 * 4 * channels) as u32,
            periods: 8,
        };
        let cable = Cable {
            device: 1,
            subdevice: 0,
        };
        let frames = cfg.buffer() * 9 / 4;
        let mut session = Session::open(ctx, cable, &cfg, cfg.signal(frames, 93))?;
        session.tail = 480;
        session.run()?;
        session.verify(Expect::Whole)?;
    }
    Ok(())
}
