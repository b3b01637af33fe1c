// SPDX-License-Identifier: GPL-2.0

//! The end of a stream: 7.8 to 7.10, and 17.2 done right.

use std::time::Duration;

use support::cable::record;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::cable::End;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::DRAINING;
use support::config::LONG;
use support::config::SETUP;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;
use support::signal::compare;
use support::signal::Expect;
use support::signal::Format;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("drain", name, run);
    let whole = |name: &str, access: Access, format: Format| {
        Test::new("drain", name, move |ctx| {
            whole_stream(ctx, access, format, false)
        })
        .c_defect("17.2")
    };
    vec![
        test("7.8 DRAIN waits until the last frame is played", states),
        test(
            "7.8 DRAIN that must not wait returns EAGAIN and goes on",
            nonblocking,
        ),
        test(
            "7.8 DRAIN of a short buffer is heard once, however late it is served",
            short_buffer,
        )
        .c_defect("17.2"),
        test("7.8 DRAIN of a buffer of a frame or two ends", tiny_buffer).c_defect("8.8"),
        test("7.10 DRAIN of a capture with frames in its buffer", capture),
        whole(
            "7.9 17.2 DRAIN: the whole stream, then silence",
            Access::RwInterleaved,
            signal::S16_LE,
        ),
        Test::new(
            "drain",
            "7.9 17.2 DRAIN of a stream that never stops: the whole stream, then silence",
            |ctx| whole_stream(ctx, Access::RwInterleaved, signal::S16_LE, true),
        )
        .c_defect("17.2"),
        whole(
            "7.9 17.2 DRAIN of a planar stream: the whole stream, then silence",
            Access::RwNoninterleaved,
            signal::S32_LE,
        ),
        whole(
            "7.9 17.2 DRAIN of a DSD stream: the whole stream, then silence",
            Access::MmapInterleaved,
            signal::DSD_U8,
        ),
        whole(
            "7.9 17.2 DRAIN of a planar DSD stream: the whole stream, then silence",
            Access::MmapNoninterleaved,
            signal::DSD_U16_BE,
        ),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 6,
};

/// Streams of odd lengths, so that the end falls anywhere in a period, in buffers of two sizes.
///
/// A stream that `never_stops` plays its buffer round and round, but in a drain.
fn whole_stream(ctx: &Context, access: Access, format: Format, never_stops: bool) -> Outcome {
    for (frames, play, rec) in [
        (5000, (1024, 8), (1024, 8)),
        (700, (1024, 8), (480, 20)),
        (9601, (480, 10), (1024, 8)),
        (20001, (1000, 8), (441, 16)),
        (64, (480, 10), (480, 10)),
    ] {
        let cfg = |(period, periods)| Config {
            access,
            format,
            period,
            periods,
            ..LONG
        };
        unless_stalled(|| {
            let (p, r) = CABLE.open(ctx, &cfg(play), &cfg(rec))?;
            let mut session = Session::new(p, r, cfg(play).signal(frames, frames as u64));
            if never_stops {
                session.play.sw_params(u64::MAX)?;
            }
            // The playback buffer holds something else where the stream does not reach.
            let stale = cfg(play).signal(cfg(play).buffer(), 0xdead);
            session.play.write(&stale, 0, stale.len())?;
            session.play.stop()?;
            session.play.prepare()?;
            session.end = End::Drain;
            session.tail = 2 * cfg(rec).buffer();
            session.run()?;
            check_eq!("state of the playback", session.play.state()?, SETUP);
            session.verify(Expect::Whole)
        })
        .map_err(|e| match e {
            Fail::Wrong(text) => {
                format!("{frames} frames, buffers {play:?} and {rec:?}: {text}").into()
            }
            other => other,
        })?;
    }
    Ok(())
}

fn states(ctx: &Context) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    play.set_blocking(true);
    let frames = 9600;
    play.write(&LONG.signal(frames, 50), 0, frames)?;
    play.start()?;
    let begun = play.status()?;
    play.drain()?;
    let ended = play.status()?;
    check_eq!("state", ended.state, SETUP);
    let ms = (ended.tstamp.ns() - begun.trigger_tstamp.ns()) as f64 / 1e6;
    check!(
        ms >= 190.0,
        "DRAIN of 200 ms of frames returned after {ms:.1} ms"
    );
    check!(ms < 1000.0, "DRAIN of 200 ms of frames took {ms:.1} ms");
    play.prepare()?;
    // A prepared playback with frames is started by DRAIN; an empty one is done at once.
    play.write(&LONG.signal(480, 51), 0, 480)?;
    play.drain()?;
    check_eq!("state", play.state()?, SETUP);
    play.prepare()?;
    play.drain()?;
    check_eq!("state after DRAIN of nothing", play.state()?, SETUP);
    Ok(())
}

fn nonblocking(ctx: &Context) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    play.write(&LONG.signal(9600, 52), 0, 9600)?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    check_eq!("state", play.state()?, DRAINING);
    let silence = LONG.silence(16);
    expect_error(
        "WRITEI while draining",
        play.write(&silence, 0, 16),
        libc::EBADFD,
    )?;
    expect_error("PREPARE while draining", play.prepare(), libc::EBUSY)?;
    wait_for_state(&play, SETUP, Duration::from_secs(2))
}

/// Buffers that last a millisecond or two: now and then the guest is held up for longer, and the
/// core, which knows positions modulo the buffer, does not see how far the playback has come.
fn short_buffer(ctx: &Context) -> Outcome {
    for round in 0..60 {
        let (rate, period) = [(48000, 32), (48000, 64), (192_000, 64)][round % 3];
        let cfg = |period, periods| Config {
            rate,
            period,
            periods,
            ..LONG
        };
        let (mut play, mut rec) = CABLE.open(ctx, &cfg(period, 2), &cfg(1024, 32))?;
        let frames = 2 * period as usize;
        let source = cfg(period, 2).signal(frames, 0xd00d + round as u64);
        play.write(&source, 0, frames)?;
        rec.start()?;
        play.set_blocking(true);
        play.drain()?;
        check_eq!("state of the playback", play.state()?, SETUP);
        let heard = record(&mut rec, 4096)?;
        compare(&source, &heard, Expect::Whole).map_err(|why| {
            format!("round {round}, two periods of {period} frames at {rate} Hz: {why}")
        })?;
    }
    Ok(())
}

/// The core tells positions in a buffer apart; in one of a single frame there is nothing to tell.
fn tiny_buffer(ctx: &Context) -> Outcome {
    for (periods, rate, wakes) in [
        (1, 48000, true),
        (1, 768_000, true),
        (1, 768_000, false),
        (2, 768_000, true),
        (2, 768_000, false),
    ] {
        let cfg = Config {
            rate,
            channels: 32,
            period: 1,
            periods,
            ..LONG
        };
        let mut play = CABLE.playback(ctx)?;
        if wakes {
            play.configure(&cfg)?;
        } else {
            play.configure_unwoken(&cfg)?;
        }
        // So that no write starts it.
        play.set_thresholds(3, cfg.buffer() as u64, 1)?;
        let frames = cfg.buffer();
        check_eq!(
            "frames written",
            play.write(&cfg.signal(frames, 7), 0, frames)?,
            frames
        );
        expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
        wait_for_state(&play, SETUP, Duration::from_secs(1)).map_err(|e| match e {
            Fail::Wrong(why) => {
                format!("{frames} frames at {rate} Hz, wake-ups {wakes}: {why}").into()
            }
            other => other,
        })?;
    }
    Ok(())
}

fn capture(ctx: &Context) -> Outcome {
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&LONG)?;
    rec.start()?;
    check!(rec.poll(1000).is_some(), "no wake-up for 1 s");
    rec.set_blocking(true);
    rec.drain()?;
    check_eq!("state with frames in the buffer", rec.state()?, DRAINING);
    let mut heard = LONG.nothing();
    expect_error("READI", rec.read(&mut heard, 16), libc::EBADFD)?;
    rec.prepare()?;
    rec.start()?;
    Ok(())
}
