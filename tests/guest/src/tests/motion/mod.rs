// SPDX-License-Identifier: GPL-2.0

//! How positions and wake-ups of a cable's two sides relate: sections 8, 14 and 17. As with
//! `timing`, it can only be judged under the counted clock.

mod day_clock;
mod slow_open;

use std::thread;
use std::time::Duration;

use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::RUNNING;
use support::config::USUAL;
use support::kernel::log::Log;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::proc;
use crate::tests::timing::before_all_others;
use crate::tests::timing::fit;
use crate::tests::timing::observe;
use crate::tests::CABLE;
use day_clock::clock_is_set;
use slow_open::slow_open;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| {
        let run = move |ctx: &Context| {
            before_all_others()?;
            run(ctx)
        };
        Test::new("timing", name, run).limit(120)
    };
    vec![
        test(
            "8.5 a clock of the day that is set by hours holds up no stream",
            clock_is_set,
        ),
        test(
            "8.1 17.16 a playback's position is never ahead of the time",
            |ctx| never_ahead(ctx, Dir::Playback),
        )
        .c_defect("17.16"),
        test(
            "8.1 17.16 a capture's position is never ahead of the time",
            |ctx| never_ahead(ctx, Dir::Capture),
        )
        .c_defect("17.16"),
        test(
            "8.3 both sides are moved by the same frames",
            moved_together,
        ),
        test(
            "8.4 the position in the buffer stays below its size",
            in_the_buffer,
        ),
        test(
            "8.11 17.12 a minute in which nobody asks is caught up with",
            minute_unasked,
        ),
        test("8.10 17.6 both sides run at 11025 Hz", |ctx| {
            both_sides_speed(ctx, 11025)
        })
        .c_defect("17.6"),
        test(
            "14.2 a slow open of one cable does not hold up another",
            slow_open,
        )
        .c_defect("14.2"),
        test(
            "14.4 a period of one side wakes only that side",
            own_wakeups,
        ),
    ]
}

const OTHER: Cable = Cable {
    device: 0,
    subdevice: 1,
};

fn never_ahead(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = Config {
        rate: 192_000,
        period: 1920,
        periods: 100,
        ..USUAL
    };
    // At different phases of whatever the driver counts by.
    for wait in [0, 1, 2, 3, 5] {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure(&cfg)?;
        if dir == Dir::Playback {
            pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        }
        poll(&mut [], wait);
        let begun = now_ns();
        pcm.start()?;
        for read in 0..300 {
            let at = pcm.status()?.hw_ptr as i64;
            let passed = now_ns() - begun;
            check!(
                at * 1_000_000_000 <= passed * i64::from(cfg.rate),
                "read {read}: at {at} frames after {passed} ns"
            );
            if read % 50 == 49 {
                poll(&mut [], wait);
            }
        }
    }
    Ok(())
}

/// Sides with other buffers and periods, started at once.
fn moved_together(ctx: &Context) -> Outcome {
    let of_playback = Config {
        rate: 44100,
        period: 441,
        periods: 24,
        ..USUAL
    };
    let of_capture = Config {
        period: 512,
        periods: 41,
        ..of_playback
    };
    let (mut play, rec) = CABLE.open(ctx, &of_playback, &of_capture)?;
    let buffer = of_playback.buffer();
    play.write(&of_playback.silence(buffer), 0, buffer)?;
    play.sw_params(u64::MAX)?;
    play.link(&rec)?;
    play.start()?;
    let mut wait = 1;
    for read in 0..400 {
        let before = play.status()?.hw_ptr;
        let at = rec.status()?.hw_ptr;
        let after = play.status()?.hw_ptr;
        check!(
            (before..=after).contains(&at),
            "read {read}: the capture is at {at}, the playback at {before} before and {after} after"
        );
        wait = wait * 5 % 23;
        if read % 10 == 0 {
            poll(&mut [], wait);
        }
        // The capture never overruns.
        if at >= 15000 {
            return Ok(());
        }
    }
    Ok(())
}

/// The driver's own word for where it is, and the core's complaint if it were outside.
fn in_the_buffer(ctx: &Context) -> Outcome {
    let mut log = Log::from_now()?;
    let cfg = Config {
        period: 333,
        periods: 3,
        ..USUAL
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    play.sw_params(u64::MAX)?;
    rec.sw_params(u64::MAX)?;
    play.start()?;
    rec.start()?;
    let bytes = (cfg.buffer() * cfg.frame_bytes()) as u64;
    let mut rounds = [0; 2];
    let mut last = [0; 2];
    while rounds.iter().any(|&r| r < 100) {
        for (side, dir) in Dir::BOTH.into_iter().enumerate() {
            let at = proc::value_of(ctx, CABLE, dir, "buffer_pos:")?;
            check!(at < bytes, "the {dir:?} is at byte {at} of {bytes}");
            check!(at % 4 == 0, "the {dir:?} is at byte {at}, within a frame");
            rounds[side] += u32::from(at < last[side]);
            last[side] = at;
        }
        let ask = [&play, &rec].map(Pcm::status);
        for status in ask {
            check_eq!("state", status?.state, RUNNING);
        }
    }
    while let Some(line) = log.next_line() {
        check!(
            !line.contains("invalid position"),
            "the core complains: {line}"
        );
    }
    Ok(())
}

/// One period lasts longer than the minute: no timer of a period asks, either.
fn minute_unasked(ctx: &Context) -> Outcome {
    let cfg = Config {
        rate: 8000,
        channels: 1,
        period: 524_288,
        periods: 2,
        ..LONG
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let mut source = cfg.signal(400_000, 150);
    play.write(&source, 0, 400_000)?;
    play.write(&cfg.silence(500_000), 0, 500_000)?;
    play.link(&rec)?;
    let begun = now_ns();
    play.start()?;
    thread::sleep(Duration::from_secs(60));
    let before = now_ns() - begun;
    let at = rec.status()?.hw_ptr as i64;
    let after = now_ns() - begun;
    // Whether it moves by frames or by jiffies is tested elsewhere.
    let slack = if ctx.is_c_driver() {
        10_000_000
    } else {
        150_000
    };
    let frames = |ns: i64| ns * 8000 / 1_000_000_000;
    check!(
        (frames(before - slack)..=frames(after + slack)).contains(&at),
        "position {at} after {before} to {after} ns at 8 kHz"
    );
    let mut heard = cfg.nothing();
    check_eq!("frames read", rec.read(&mut heard, 470_000)?, 470_000);
    compare(&source, &heard, Expect::Whole)?;
    source.planes.clear();
    check_eq!("playback", play.state()?, RUNNING);
    Ok(())
}

/// The capture first and the playback at several distances, so that each side has a phase of its
/// own.
fn both_sides_speed(ctx: &Context, rate: u32) -> Outcome {
    let cfg = Config {
        rate,
        period: rate / 50,
        ..USUAL
    };
    for distance in [1, 3, 6] {
        let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        play.sw_params(u64::MAX)?;
        rec.sw_params(u64::MAX)?;
        rec.start()?;
        poll(&mut [], distance);
        play.start()?;
        for pcm in [&rec, &play] {
            wait_for_position(pcm, 1, Duration::from_secs(1))?;
            // The longer a frame, the longer it takes until its rounding averages out.
            let seconds = 4.0 * (48000.0 / f64::from(rate)).max(1.0);
            let (got, _) = fit(&observe(pcm, seconds)?);
            let ppm = (got / f64::from(rate) - 1.0) * 1e6;
            note(&format!("{distance} ms, {:?}: {ppm:+.3} ppm", pcm.dir));
            check!(ppm.abs() < 2.0, "{distance} ms: {ppm:+.3} ppm off");
        }
    }
    Ok(())
}

/// The playback's periods are ten to one of the capture's.
fn own_wakeups(ctx: &Context) -> Outcome {
    let of_playback = Config {
        period: 480,
        periods: 40,
        ..USUAL
    };
    let of_capture = Config {
        period: 4800,
        periods: 4,
        ..USUAL
    };
    let (mut play, mut rec) = CABLE.open(ctx, &of_playback, &of_capture)?;
    play.write(
        &of_playback.silence(of_playback.buffer()),
        0,
        of_playback.buffer(),
    )?;
    play.sw_params(u64::MAX)?;
    // Ready with the first frame: what wakes it then is not the number of frames.
    rec.sw_params_waking_at(1)?;
    let begun = now_ns();
    rec.start()?;
    play.start()?;
    let mut heard = of_capture.nothing();
    for period in 1..=5 {
        check!(rec.poll(1000).is_some(), "no wake-up for 1 s");
        let passed = (now_ns() - begun) as f64 / 1e6;
        let least = f64::from(period) * 100.0;
        check!(
            passed >= least - 5.0,
            "wake-up {period} of the capture after {passed:.1} ms instead of {least} ms"
        );
        let frames = rec.read(&mut heard, of_capture.buffer())?;
        check!(frames >= 4500, "{frames} frames at wake-up {period}");
    }
    Ok(())
}
