// SPDX-License-Identifier: GPL-2.0

//! What the core makes of a stream without period wake-ups.
//!
//! It then has no other measure than jiffies of how many buffers have gone by, and is wrong where
//! time and frames part: after a pause, at another speed, in a stream that waits for its peer
//! (`peer/waits.rs`). Where a buffer is shorter than a jiffy it counts for ever. It has to be told
//! better.

use support::cable::record;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
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
use support::stamp::Kind;
use support::stamp::Stamp;

use crate::tests::compat::configure_by_32_bits;
use crate::tests::timing::with_shift;
use crate::tests::wakeups::CABLE;
use crate::tests::wakeups::SECOND;
use crate::tests::CABLE as SHIFTED;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("wakeups", name, run);
    vec![
        test(
            "3.9 without period wake-ups a buffer may be shorter than a jiffy",
            short_buffer,
        )
        .c_defect("3.9"),
        test(
            "7.3 7.4 a pause is no xrun, without period wake-ups",
            paused,
        ),
        test(
            "7.4 buffers lost before and after a pause are counted, without period wake-ups",
            lost_around_a_pause,
        )
        .c_defect("3.9"),
        test(
            "6.1 lost buffers are counted at each speed, without period wake-ups",
            lost_at_another_speed,
        )
        .c_defect("3.9"),
        test(
            "7.3 a threshold of several buffers stops a stream when they are lost, without period \
             wake-ups",
            lost_to_the_threshold,
        )
        .c_defect("3.9"),
        test(
            "7.1 lost buffers are counted beside the core's silence, and over a RESET, without \
             period wake-ups",
            lost_and_silenced,
        )
        .c_defect("3.9"),
        // The clock has to be a counted one: it stands idle for 50 minutes.
        Test::new(
            "idle",
            "15.2 lost buffers are counted where the positions of a 32-bit program start anew",
            lost_over_the_boundary,
        )
        .c_defect("3.9")
        .limit(3600),
        test(
            "7.8 3.9 a drain ends with what a REWIND has left, without period wake-ups",
            rewound_in_a_drain,
        ),
        test(
            "5.8 nothing is heard between a lost buffer and the stop for it",
            heard_before_the_stop,
        )
        .c_defect("17.8"),
    ]
}

/// A stream without wake-ups that has been started, and stops when `stop` frames are available.
fn started(ctx: &Context, cable: Cable, dir: Dir, cfg: &Config, stop: u64) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(cable.side(ctx, dir))?;
    pcm.configure_unwoken(cfg)?;
    pcm.sw_params(stop)?;
    if dir == Dir::Playback {
        pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    }
    pcm.start()?;
    Ok(pcm)
}

/// 200 ms are written and begin to drain. Then all but 50 ms of them are taken back.
fn rewound_in_a_drain(ctx: &Context) -> Outcome {
    let cfg = LONG;
    let mut pcm = Pcm::open(CABLE.side(ctx, Dir::Playback))?;
    pcm.configure_unwoken(&cfg)?;
    pcm.write(&cfg.signal(9600, 0xd8a1), 0, 9600)?;
    pcm.start()?;
    expect_error("DRAIN that must not wait", pcm.drain(), libc::EAGAIN)?;
    let begun = pcm.status()?.trigger_tstamp.ns();
    check_eq!("frames taken back", pcm.rewind(7200)?, 7200);
    // It says nothing before the drain has ended, and nobody asks for the position meanwhile.
    check!(pcm.poll(300).is_some(), "the drain does not end");
    let us = (now_ns() - begun) / 1000;
    check!((50_000..60_000).contains(&us), "50 ms end after {us} us");
    check_eq!("state", state_name(pcm.state()?), state_name(SETUP));
    Ok(())
}

/// A pause that is over: in what time the position can have moved.
struct Pause {
    /// Between the last question and the pause.
    before: i64,
    released: i64,
}

impl Pause {
    /// Pauses a stream for `ms` milliseconds; returns the last position before it, too. (That in
    /// the pause is brought up to date by the release.)
    fn of(pcm: &Pcm, ms: i32) -> Result<(u64, Self), Fail> {
        let asked = now_ns();
        let position = pcm.status()?.hw_ptr;
        pcm.pause(true)?;
        let before = now_ns() - asked;
        poll(&mut [], ms);
        let released = now_ns();
        pcm.pause(false)?;
        Ok((position, Pause { before, released }))
    }

    /// So many frames there can have been played until now.
    fn most(&self, rate: u32) -> i64 {
        (self.before + now_ns() - self.released) * i64::from(rate) / 1_000_000_000
    }
}

/// Buffers of 0.2 to 3.8 ms; a jiffy has 4 ms at most kernels' 250 Hz, and never less than 1 ms.
fn short_buffer(ctx: &Context) -> Outcome {
    for (rate, period, periods) in [
        (48000, 16, 2),
        (192_000, 16, 2),
        (48000, 16, 3),
        (48000, 60, 3),
    ] {
        let cfg = Config {
            rate,
            period,
            periods,
            ..USUAL
        };
        let buffer = cfg.buffer() as u64;
        for dir in Dir::BOTH {
            let what = format!("{dir:?} with a buffer of {buffer} frames at {rate} Hz");
            let pcm = started(ctx, CABLE, dir, &cfg, buffer)?;
            poll(&mut [], 20);
            expect_error(&format!("{what}, lost: HWSYNC"), pcm.hwsync(), libc::EPIPE)?;
            check_eq!(
                format!("{what}, lost: state"),
                state_name(pcm.state()?),
                state_name(XRUN)
            );
            drop(pcm);

            // One that has asked never to be stopped goes on: its own time says how far.
            let pcm = started(ctx, CABLE, dir, &cfg, u64::MAX)?;
            for _ in 0..5 {
                poll(&mut [], 7);
                let s = pcm.stamp(Kind::Link)?;
                check_eq!(
                    format!("{what}: state"),
                    state_name(s.state),
                    state_name(RUNNING)
                );
                counts_all(&what, &s, rate, 100_000)?;
            }
            let (before, pause) = Pause::of(&pcm, 20)?;
            let s = pcm.status()?;
            let most = pause.most(rate) + 1;
            check_eq!(
                format!("{what}, released: state"),
                state_name(s.state),
                state_name(RUNNING)
            );
            check!(
                s.hw_ptr >= before && s.hw_ptr <= before + most as u64,
                "{what}: released, from {before} to {}, and there was time for {most} frames",
                s.hw_ptr
            );
        }
    }
    Ok(())
}

/// Pauses that are shorter and longer than the buffer.
fn paused(ctx: &Context) -> Outcome {
    let cfg = SECOND;
    // The C driver goes by jiffies of 4 ms, and counts one of them before the release.
    let slack = if ctx.is_c_driver() { 2 * 192 } else { 1 };
    for dir in Dir::BOTH {
        for stop in [cfg.buffer() as u64, u64::MAX] {
            let pcm = started(ctx, CABLE, dir, &cfg, stop)?;
            for ms in [20, 1200, 20] {
                poll(&mut [], 10);
                let (before, pause) = Pause::of(&pcm, ms)?;
                for wait in [0, 30] {
                    poll(&mut [], wait);
                    let s = pcm.status()?;
                    let what = format!("{dir:?}, released after {ms} ms");
                    check_eq!(
                        format!("{what}: state"),
                        state_name(s.state),
                        state_name(RUNNING)
                    );
                    let most = pause.most(48000) + slack;
                    check!(
                        s.hw_ptr >= before && s.hw_ptr <= before + most as u64,
                        "{what}: from {before} to {}, and there was time for {most} frames",
                        s.hw_ptr
                    );
                }
            }
        }
    }
    Ok(())
}

/// The core sets the time of the last position back by 1000 s when it pauses: as many buffers may
/// not be counted later. Nor may those be forgotten that nobody had asked for before.
fn lost_around_a_pause(ctx: &Context) -> Outcome {
    let rate = USUAL.rate;
    for (period, periods) in [(1200, 4), (96, 2)] {
        let cfg = Config {
            period,
            periods,
            ..USUAL
        };
        for dir in Dir::BOTH {
            for (before, after) in [(5, 130), (230, 0), (480, 330)] {
                let pcm = started(ctx, CABLE, dir, &cfg, u64::MAX)?;
                let started = pcm.stamp(Kind::Link)?.trigger;
                poll(&mut [], before);
                let mut took = 0;
                let mut pause = |on| {
                    let begun = now_ns();
                    pcm.pause(on)?;
                    took += now_ns() - begun;
                    Ok::<(), Fail>(())
                };
                pause(true)?;
                // Of a stream that does not run, the core asks for no position.
                let paused = pcm.stamp(Kind::Link)?.trigger;
                poll(&mut [], 20);
                pause(false)?;
                poll(&mut [], after);
                let s = pcm.stamp(Kind::Link)?;
                let ran = (paused - started) + (s.system - s.trigger);
                let frames = i128::from(ran) * i128::from(rate) / 1_000_000_000;
                check_eq!("state", state_name(s.state), state_name(RUNNING));
                // Each part ends within a frame. The core takes a call's time at its end: in a
                // kernel that checks itself, that may be some frames later.
                let slack = took * i64::from(rate) / 1_000_000_000;
                check!(
                    s.hw_ptr.abs_diff(frames as u64) <= 1 + slack as u64,
                    "{dir:?}, {before} ms, a pause, {after} ms: at {}, and it ran for {frames} \
                     frames",
                    s.hw_ptr
                );
            }
        }
    }
    Ok(())
}

/// Buffers of three jiffies and of less than one, which last longer or shorter than they say.
fn lost_at_another_speed(ctx: &Context) -> Outcome {
    for shift in [80_000, 120_000] {
        with_shift(ctx, shift, |_, _| {
            for (period, periods) in [(288, 2), (64, 2)] {
                let cfg = Config {
                    period,
                    periods,
                    ..USUAL
                };
                for dir in Dir::BOTH {
                    let pcm = started(ctx, SHIFTED, dir, &cfg, u64::MAX)?;
                    for ms in [3, 50, 700, 20] {
                        poll(&mut [], ms);
                        let what = format!("{dir:?} at {shift}, after {ms} ms");
                        counts_all(&what, &pcm.stamp(Kind::Link)?, cfg.rate, shift)?;
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A buffer of 40 ms, and a stream that has to be stopped when it is three buffers behind.
fn lost_to_the_threshold(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 4,
        ..USUAL
    };
    let buffer = cfg.buffer() as u64;
    for dir in Dir::BOTH {
        // A playback begins with a buffer that is full.
        let pcm = started(ctx, CABLE, dir, &cfg, 3 * buffer)?;
        for ms in [60, 40] {
            poll(&mut [], ms);
            let what = format!("{dir:?}, {ms} ms later");
            counts_all(&what, &pcm.stamp(Kind::Link)?, cfg.rate, 100_000)?;
        }
        poll(&mut [], 130);
        expect_error("HWSYNC", pcm.hwsync(), libc::EPIPE)?;
        check_eq!("state", state_name(pcm.state()?), state_name(XRUN));
    }
    Ok(())
}

fn lost_and_silenced(ctx: &Context) -> Outcome {
    let cfg = USUAL;
    let buffer = cfg.buffer() as u64;
    let frames = |ns: i64| ns as u64 * 48000 / 1_000_000_000;
    for ms in [30, 90, 330, 1010] {
        let mut play = CABLE.playback(ctx)?;
        play.configure_unwoken(&cfg)?;
        play.sw_params_with_silence()?;
        let before = now_ns();
        play.start()?;
        let started = now_ns();
        poll(&mut [], ms);
        let asked = now_ns();
        let at = play.status()?.hw_ptr;
        let (least, most) = (frames(asked - started), frames(now_ns() - before) + 1);
        check!(
            (least..=most).contains(&at),
            "{ms} ms, with silence: at {at}, and there was time for {least} to {most} frames"
        );
        // Starts anew in the buffer in which it is; the rest goes on.
        poll(&mut [], ms);
        let asked = now_ns();
        play.reset()?;
        let reset = now_ns();
        let at = play.status()?.hw_ptr;
        let most = frames(now_ns() - before) + 1;
        let gone = frames(asked - started) / buffer * buffer;
        let whole = frames(reset - before) / buffer * buffer;
        check!(
            gone != whole || at <= most - gone && at >= frames(asked - started) - gone,
            "{ms} ms, RESET: at {at}, and {gone} frames in whole buffers of {most}"
        );
        check!(at < 2 * buffer, "RESET leaves the position at {at}");
    }
    Ok(())
}

/// The boundary is 2^30 frames: 23 minutes at 768 kHz.
fn lost_over_the_boundary(ctx: &Context) -> Outcome {
    let cfg = Config {
        format: signal::DSD_U8,
        channels: 1,
        rate: 768_000,
        period: 1 << 18,
        periods: 4,
        ..USUAL
    };
    const BOUNDARY: i128 = 1 << 30;
    let mut pcm = Pcm::open(CABLE.side(ctx, Dir::Capture))?;
    configure_by_32_bits(&mut pcm, &cfg, k::HW_PARAMS_NO_PERIOD_WAKEUP)?;
    pcm.sw_params(u64::MAX)?;
    pcm.start()?;
    let mut round = 0;
    // Just before the first one, into the first buffer after it, into another, far over the second
    // one, and a buffer or two more.
    for seconds in [1390, 9, 11, 1500, 3] {
        poll(&mut [], seconds * 1000);
        let s = pcm.stamp(Kind::Link)?;
        check_eq!("state", state_name(s.state), state_name(RUNNING));
        let frames = i128::from(s.system - s.trigger) * i128::from(cfg.rate) / 1_000_000_000;
        round = frames / BOUNDARY;
        check_eq!(
            format!("position after {frames} frames"),
            i128::from(s.hw_ptr),
            frames % BOUNDARY
        );
    }
    check_eq!("times that it started anew", round, 2);
    Ok(())
}

/// Each frame since the START is in the position, at a constant speed.
fn counts_all(what: &str, s: &Stamp, rate: u32, shift: i64) -> Outcome {
    let state = state_name(s.state);
    check_eq!(format!("{what}: state"), state, state_name(RUNNING));
    let since = s.system - s.trigger;
    let frames = i128::from(since) * i128::from(rate) * 100_000;
    let frames = frames / (1_000_000_000 * i128::from(shift));
    check_eq!(
        format!("{what}: position {since} ns after the START"),
        s.hw_ptr,
        frames as u64
    );
    Ok(())
}

/// A playback plays its buffer out unseen; the first question stops it. That takes the core a
/// microsecond, in which a frame or two go by: these were played before.
fn heard_before_the_stop(ctx: &Context) -> Outcome {
    let cfg = Config {
        format: signal::S16_LE,
        channels: 1,
        rate: 768_000,
        period: 1920,
        periods: 4,
        ..USUAL
    };
    let buffer = cfg.buffer();
    for round in 0..100 {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.configure_unwoken(&cfg)?;
        play.sw_params(buffer as u64)?;
        // Its buffer is so large that it loses nothing meanwhile.
        rec.configure(&Config { periods: 32, ..cfg })?;
        rec.start()?;
        play.write(&cfg.signal(buffer, round), 0, buffer)?;
        play.start()?;
        poll(&mut [], 13);
        expect_error("HWSYNC after a lost buffer", play.hwsync(), libc::EPIPE)?;
        let heard = record(&mut rec, 3 * buffer / 2)?;
        let Some(begin) = heard.first_sound(0) else {
            return Err(Fail::Wrong("nothing is heard".into()));
        };
        let sound = heard.first_sound(begin + buffer);
        check!(
            sound.is_none(),
            "round {round}: {buffer} frames were played from {begin} on, and there is sound at {}",
            sound.unwrap_or(0)
        );
    }
    Ok(())
}
