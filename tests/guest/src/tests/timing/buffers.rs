// SPDX-License-Identifier: GPL-2.0

//! Small buffers, and fast ones.

use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::CABLE;

pub(super) fn small_buffer(ctx: &Context, frames: u32) -> Outcome {
    let cfg = Config {
        period: frames / 4,
        periods: 4,
        ..USUAL
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(96000, 90))?;
    session.run()?;
    session.verify(Expect::Whole)
}

pub(super) fn tiny_buffer(ctx: &Context, rate: u32, period: u32, periods: u32) -> Outcome {
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

/// One period per buffer: its wake-up comes when it is too late, so both sides are served without
/// waiting for any.
pub(super) fn smallest_buffer(ctx: &Context) -> Outcome {
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
pub(super) fn fast_buffer(ctx: &Context, rate: u32, channels: usize) -> Outcome {
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

/// What a question takes that moves 10 ms of stereo of 16 bits, in nanoseconds: the least of 40.
fn question(ctx: &Context, play: Access, rec: Access) -> Result<i64, Fail> {
    // No period ends meanwhile.
    let cfg = |access| Config {
        access,
        period: 24000,
        periods: 2,
        ..USUAL
    };
    let (mut p, r) = CABLE.open(ctx, &cfg(play), &cfg(rec))?;
    p.write(&cfg(play).signal(48000, 93), 0, 48000)?;
    r.start()?;
    p.start()?;
    let mut least = i64::MAX;
    for _ in 0..40 {
        poll(&mut [], 10);
        let before = now_ns();
        r.hwsync()?;
        least = least.min(now_ns() - before);
    }
    Ok(least)
}

/// Samples that are turned take longer than those that are copied as they lie, but not twice as
/// long.
pub(super) fn turning(ctx: &Context) -> Outcome {
    use Access::*;
    let plain = question(ctx, RwInterleaved, RwInterleaved)?;
    for (play, rec) in [
        (RwInterleaved, RwNoninterleaved),
        (RwNoninterleaved, RwInterleaved),
    ] {
        let turned = question(ctx, play, rec)?;
        note(&format!(
            "{play:?} to {rec:?}: {turned} ns, {plain} ns as they lie"
        ));
        check!(
            turned < 2 * plain,
            "{play:?} to {rec:?} takes {turned} ns, a copy {plain} ns"
        );
    }
    Ok(())
}
