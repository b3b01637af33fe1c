// SPDX-License-Identifier: GPL-2.0

//! Streams that nobody asks about for long, and buffers so large that all at once would be too
//! much.

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::RUNNING;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::stamp::Kind;
use support::trace::Trace;

use crate::tests::timing::before_all_others;

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
            "8.2 half a minute without a question, largest buffers",
            |ctx| unseen(ctx, true),
        )
        .c_defect("8.2"),
        test(
            "3.9 half a minute without a question and without wake-ups",
            |ctx| unseen(ctx, false),
        )
        .c_defect("3.9"),
        test(
            "8.7 a stream that never stops loses no buffer, whatever it waits for",
            thresholds,
        ),
        test("8.4 no copy takes longer because a period is long", |ctx| {
            pieces(ctx, true)
        })
        .c_defect("8.4"),
        test(
            "8.4 no silencing takes longer because a period is long",
            |ctx| pieces(ctx, false),
        )
        .c_defect("8.4"),
        test(
            "8.4 no question takes longer because a buffer is long",
            questions,
        )
        .c_defect("8.4"),
        test(
            "8.4 a question takes no longer because the playback's buffer is short",
            short_buffers,
        ),
        test(
            "5.6 PREPARE of a capture takes no longer because its buffer is long",
            prepares,
        ),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 2,
};

/// How long the longest question for the position of a capture takes, in microseconds.
fn longest_question(rec: &Pcm) -> Result<i64, Fail> {
    let mut longest = 0;
    for wait in [200, 7, 200] {
        poll(&mut [], wait);
        let begun = now_ns();
        rec.stamp(Kind::Link)?;
        longest = longest.max(now_ns() - begun);
    }
    Ok(longest / 1000)
}

/// A playback of a few frames, which plays them round and round: each channel's lie elsewhere.
fn short_buffers(ctx: &Context) -> Outcome {
    let cfg = |buffer: u32| Config {
        access: Access::RwNoninterleaved,
        format: signal::S16_LE,
        channels: 32,
        rate: 768_000,
        period: buffer / 2 / 64,
        periods: 2,
    };
    let mut took = Vec::new();
    for buffer in [PIECE, 128, 3 * 128] {
        let (_, rec) = open(ctx, &cfg(PIECE), false)?;
        let mut play = CABLE.playback(ctx)?;
        play.configure_unwoken(&cfg(buffer))?;
        play.sw_params(u64::MAX)?;
        let source = cfg(buffer).signal(cfg(buffer).buffer(), 300);
        play.write(&source, 0, source.len())?;
        rec.start()?;
        play.start()?;
        took.push(longest_question(&rec)?);
    }
    note(&format!(
        "the playback has 256 KiB: {} us; 2 frames: {} us; 6: {} us",
        took[0], took[1], took[2]
    ));
    check!(
        took[1].max(took[2]) <= took[0] * 4,
        "a question takes {} us with a buffer of 2 frames, {} us with 6, and {} us with 4096",
        took[1],
        took[2],
        took[0]
    );
    Ok(())
}

/// What a capture has not heard need not be silenced.
fn prepares(ctx: &Context) -> Outcome {
    let mut took = Vec::new();
    for periods in [2, 32] {
        let cfg = Config {
            format: signal::S16_LE,
            channels: 32,
            rate: 48_000,
            period: 1024,
            periods,
            ..USUAL
        };
        let mut rec = CABLE.capture(ctx)?;
        rec.setup(&cfg)?;
        let mut longest = 0;
        for turn in 0..4 {
            let begun = now_ns();
            rec.prepare()?;
            longest = longest.max(now_ns() - begun);
            // The first was for a buffer that has just been allocated. Then a little is heard.
            let mut play = CABLE.playback(ctx)?;
            play.configure(&cfg)?;
            play.write(&cfg.signal(100, turn), 0, 100)?;
            rec.start()?;
            play.set_blocking(true);
            play.drain()?;
            rec.stop()?;
        }
        took.push(longest / 1000);
    }
    note(&format!("128 KiB: {} us; 2 MiB: {} us", took[0], took[1]));
    check!(
        took[1] <= took[0] * 2,
        "PREPARE takes {} us with a buffer of 128 KiB, and {} us with 2 MiB",
        took[0],
        took[1]
    );
    Ok(())
}

/// Both sides, which never stop by themselves; the playback plays its buffer round and round.
fn open(ctx: &Context, cfg: &Config, wakes: bool) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    for pcm in [&mut play, &mut rec] {
        if wakes {
            pcm.configure(cfg)?;
        } else {
            pcm.configure_unwoken(cfg)?;
        }
        pcm.sw_params(u64::MAX)?;
    }
    play.write(&cfg.signal(cfg.buffer(), 300), 0, cfg.buffer())?;
    Ok((play, rec))
}

fn unseen(ctx: &Context, wakes: bool) -> Outcome {
    for rate in [768_000, 44101] {
        let cfg = Config {
            format: signal::DSD_U8,
            channels: 1,
            rate,
            period: 1_048_576,
            periods: 2,
            ..USUAL
        };
        let (play, rec) = open(ctx, &cfg, wakes)?;
        rec.link(&play)?;
        rec.start()?;
        poll(&mut [], 33_333);
        for pcm in [&play, &rec] {
            let s = pcm.stamp(Kind::Link)?;
            check_eq!("state", s.state, RUNNING);
            check_eq!(
                format!("{:?} at {rate} Hz: audio time", pcm.dir),
                s.audio,
                s.system - s.trigger
            );
            let frames = i128::from(s.audio) * i128::from(rate) / 1_000_000_000;
            check_eq!(
                format!("{:?} at {rate} Hz: position", pcm.dir),
                s.hw_ptr,
                frames as u64
            );
        }
    }
    Ok(())
}

/// The core is told of each buffer before it is over, also if it wakes nobody.
fn thresholds(ctx: &Context) -> Outcome {
    for (period, periods) in [
        (480, 2),
        (100, 3),
        (480, 8),
        (64, 1),
        (192, 1),
        (480, 1),
        (960, 1),
    ] {
        let cfg = Config {
            period,
            periods,
            ..USUAL
        };
        let buffer = cfg.buffer() as u64;
        for avail_min in [
            1,
            u64::from(period),
            buffer - 1,
            buffer,
            buffer + 1,
            1 << 40,
        ] {
            for dir in Dir::BOTH {
                let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
                pcm.configure(&cfg)?;
                pcm.sw_params_waking_at(avail_min)?;
                let what = format!("{dir:?}, {periods} periods of {period}, avail_min {avail_min}");
                if dir == Dir::Playback {
                    pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
                }
                pcm.start()?;
                let mut heard = cfg.nothing();
                // It takes all there is, at times that have nothing to do with periods, and waits
                // long. (On PREEMPT_RT it keeps the driver's thread from its processor until then:
                // not for longer than the buffer lasts.)
                let most = (cfg.period_ns() * i64::from(periods) / 2).min(7_000_000);
                for wait in [3, 57, 1, 101] {
                    let until = now_ns() + 1_234_567 * wait % most;
                    while now_ns() < until {}
                    match dir {
                        Dir::Playback => pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?,
                        Dir::Capture => pcm.read(&mut heard, cfg.buffer())?,
                    };
                    poll(&mut [], wait as i32);
                    let s = pcm.stamp(Kind::Link)?;
                    check_eq!(format!("{what}: state"), s.state, RUNNING);
                    let frames = i128::from(s.audio) * 48000 / 1_000_000_000;
                    check_eq!(format!("{what}: position"), s.hw_ptr, frames as u64);
                }
            }
        }
    }
    Ok(())
}

/// 32 channels of S32_LE at 192 kHz: 25 MB a second.
fn heavy(period_bytes: u32, buffer_bytes: u32) -> Config {
    Config {
        format: signal::S32_LE,
        channels: 32,
        rate: 192_000,
        period: period_bytes / 128,
        periods: buffer_bytes / period_bytes,
        ..USUAL
    }
}

const MIB: u32 = 1 << 20;

/// The most that may be moved in one piece.
const PIECE: u32 = MIB / 4;

/// How long the longest callback of a timer of the driver takes within 0.4 s, in microseconds: so
/// long interrupts are off.
fn longest_callback(ctx: &Context, cfg: &Config, sound: bool) -> Result<f64, Fail> {
    let (play, rec) = open(ctx, cfg, true)?;
    rec.start()?;
    play.start()?;
    if !sound {
        // Once round, so that there is something to silence.
        poll(&mut [], 200);
    }
    let trace = Trace::begin(&["timer/hrtimer_expire_entry", "timer/hrtimer_expire_exit"])?;
    if !sound {
        play.pause(true)?;
    }
    poll(&mut [], 400);
    let events = trace.end()?;
    let (mut entered, mut longest, mut count) = (None, 0.0f64, 0);
    for event in &events {
        if event.is_timer_of(ctx) {
            entered = Some(event.time);
            count += 1;
        } else if let Some(time) = entered.take() {
            longest = longest.max((event.time - time) * 1e6);
        }
    }
    check!(count > 3, "{count} callbacks in 0.4 s");
    Ok(longest)
}

fn pieces(ctx: &Context, sound: bool) -> Outcome {
    let short = longest_callback(ctx, &heavy(PIECE, 2 * MIB), true)?;
    let long = longest_callback(ctx, &heavy(MIB, 2 * MIB), sound)?;
    note(&format!(
        "periods of 256 KiB: {short:.0} us at most; of 1 MiB: {long:.0} us"
    ));
    check!(
        long <= short * 1.25,
        "{long:.0} us with interrupts off, {short:.0} us for 256 KiB"
    );
    Ok(())
}

/// The position of a buffer that nobody has asked for since it was round.
fn questions(ctx: &Context) -> Outcome {
    let mut took = Vec::new();
    for (buffer, sound) in [(PIECE, true), (2 * MIB, true), (2 * MIB, false)] {
        let cfg = heavy(buffer / 2, buffer);
        let (play, rec) = open(ctx, &cfg, false)?;
        rec.start()?;
        play.start()?;
        poll(&mut [], 200);
        if !sound {
            play.pause(true)?;
        }
        took.push(longest_question(&rec)?);
    }
    note(&format!(
        "256 KiB: {} us; 2 MiB: {} us, of silence {} us",
        took[0], took[1], took[2]
    ));
    let limit = took[0] * 5 / 4;
    check!(
        took[1] <= limit && took[2] <= limit,
        "a question takes {} us, with silence {} us, where {} us move 256 KiB",
        took[1],
        took[2],
        took[0]
    );
    Ok(())
}
