// SPDX-License-Identifier: GPL-2.0

//! Buffers of unlike, smallest and largest sizes.

use std::time::Duration;
use std::time::Instant;

use support::cable::wait_for_position;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::config::RUNNING;
use support::config::USUAL;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("geometry", name, run);
    vec![
        test(
            "4.3 6.3 two sides with different periods and buffers",
            |ctx| unlike(ctx, [Access::RwInterleaved, Access::MmapInterleaved]),
        ),
        test(
            "4.3 6.3 two planar sides with different periods and buffers",
            |ctx| unlike(ctx, [Access::RwNoninterleaved, Access::MmapNoninterleaved]),
        ),
        test("3.6 the largest buffer, two periods of 1 MiB", largest),
        test("3.6 1024 periods of 64 bytes", many_periods),
        test("3.6 one period per buffer", one_period),
        test("3.6 the smallest buffer starts, moves and stops", smallest).c_defect("8.8"),
    ]
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 4,
};

fn through(ctx: &Context, play: &Config, rec: &Config, frames: usize) -> Outcome {
    unless_stalled(|| {
        let (p, r) = CABLE.open(ctx, play, rec)?;
        let mut session = Session::new(p, r, play.signal(frames, 0xbeef));
        session.run()?;
        session.verify(Expect::Whole)
    })
}

/// The playback has the first way of access and the capture the second; in the end it is the other
/// way round.
fn unlike(ctx: &Context, [one, other]: [Access; 2]) -> Outcome {
    // Period and number of periods, of the playback and of the capture.
    let shapes = [
        ((480, 10), (1000, 5)),
        ((256, 32), (4096, 2)),
        ((4800, 2), (128, 50)),
        ((1111, 7), (1777, 3)),
        ((5000, 1), (640, 8)),
        ((37, 200), (4801, 2)),
    ];
    let runs = shapes.map(|shape| (one, other, shape));
    for (play, rec, ((pp, pn), (rp, rn))) in runs.into_iter().chain([(other, one, shapes[0])]) {
        let cfg = |access, period, periods| Config {
            access,
            format: signal::S24_3LE,
            channels: 3,
            period,
            periods,
            ..USUAL
        };
        let (p, r) = (cfg(play, pp, pn), cfg(rec, rp, rn));
        through(ctx, &p, &r, 3 * p.buffer().max(r.buffer()))?;
    }
    Ok(())
}

fn largest(ctx: &Context) -> Outcome {
    // 262144 bytes of each of the four channels' samples of 2 bytes in one period of 1 MiB.
    for access in [Access::RwInterleaved, Access::MmapNoninterleaved] {
        let cfg = Config {
            access,
            rate: 768_000,
            channels: 4,
            period: 131_072,
            periods: 2,
            ..USUAL
        };
        check_eq!("bytes", cfg.buffer() * cfg.frame_bytes(), 2_097_152);
        through(ctx, &cfg, &cfg, cfg.buffer() * 9 / 4)?;
    }
    Ok(())
}

fn many_periods(ctx: &Context) -> Outcome {
    let cfg = Config {
        rate: 96000,
        period: 16,
        periods: 1024,
        ..USUAL
    };
    through(ctx, &cfg, &cfg, cfg.buffer() * 2)
}

fn one_period(ctx: &Context) -> Outcome {
    // The playback's only wake-up comes when the buffer is empty, so the whole stream is in it at
    // the start.
    let one = Config {
        period: 9600,
        periods: 1,
        ..USUAL
    };
    through(ctx, &one, &USUAL, 9600)?;
    // The capture's comes when its buffer is full: what is read before makes room for what comes
    // until the rest is read.
    let (mut play, mut rec) = CABLE.open(ctx, &LONG, &one)?;
    rec.sw_params_waking_at(1)?;
    let source = LONG.signal(LONG.buffer(), 0x36);
    play.write(&source, 0, source.len())?;
    rec.link(&play)?;
    rec.start()?;
    poll(&mut [], 150);
    let mut heard = one.nothing();
    let before = rec.read(&mut heard, 9600)?;
    check!(
        (7000..9000).contains(&before),
        "{before} frames after 150 ms"
    );
    let until = Instant::now() + Duration::from_millis(100);
    check!(rec.poll(1000).is_some(), "no wake-up for a second");
    check!(
        Instant::now() < until,
        "no wake-up at the end of the period"
    );
    check_eq!(
        "the rest",
        rec.read(&mut heard, 9600 - before)?,
        9600 - before
    );
    compare(&LONG.signal(9600, 0x36), &heard, Expect::Whole)?;
    Ok(())
}

fn smallest(ctx: &Context) -> Outcome {
    for access in Access::ALL {
        let cfg = Config {
            access,
            period: 16,
            periods: 1,
            ..USUAL
        };
        check_eq!("bytes", cfg.buffer() * cfg.frame_bytes(), 64);
        let (mut p, mut r) = CABLE.open(ctx, &cfg, &cfg)?;
        // The buffer lasts 333 µs, which cannot be served in real time: both go on regardless.
        p.sw_params(u64::MAX)?;
        r.sw_params(u64::MAX)?;
        let written = p.write(&cfg.signal(16, 3), 0, 16)?;
        check_eq!("frames written", written, 16);
        r.start()?;
        p.start()?;
        let begun = std::time::Instant::now();
        for pcm in [&p, &r] {
            wait_for_position(pcm, 4800, Duration::from_secs(5))?;
            check_eq!("state", pcm.state()?, RUNNING);
        }
        let took = begun.elapsed();
        check!(
            took >= Duration::from_millis(85),
            "4800 frames at 48 kHz in {took:?} instead of 100 ms"
        );
        p.stop()?;
        r.stop()?;
        p.prepare()?;
        r.prepare()?;
    }
    Ok(())
}
