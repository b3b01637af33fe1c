// SPDX-License-Identifier: GPL-2.0

//! Audio time over what interrupts a stream.

use std::time::Duration;

use support::cable::wait_for_position;
use support::check;
use support::check_eq;
use support::config::Dir;
use support::config::PAUSED;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;
use support::stamp::Kind;

use super::config;
use super::prepared;
use super::time_of;
use super::within_frame;
use super::BY_FRAMES;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::timing::with_shift;
use crate::tests::CABLE;

pub(super) fn absolute(ctx: &Context) -> Outcome {
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

/// A capture whose program is stopped for seconds now and then, as by SIGSTOP. What it reads is as
/// old as programs reckon: the time stamp, less what was left to read by then. That is right to a
/// frame: a position is the last frame before the time stamp, by up to one.
pub(super) fn overruns(ctx: &Context) -> Outcome {
    let mut rec = CABLE.capture(ctx)?;
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
///
/// Where the other side runs, so does the cable's clock.
pub(super) fn pauses(ctx: &Context, dir: Dir, beside_another: bool) -> Outcome {
    let cfg = config(8000);
    let pcm = prepared(ctx, CABLE, dir, &cfg)?;
    let other = match dir {
        Dir::Playback => Dir::Capture,
        Dir::Capture => Dir::Playback,
    };
    let peer = match beside_another {
        true => Some(prepared(ctx, CABLE, other, &cfg)?),
        false => None,
    };
    if let Some(peer) = &peer {
        peer.start()?;
    }
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
            // Where it stands still until the frame is over in which the pause began, that is no news to
            // the core, whose time stamp stands still with it.
            let is_news = after.audio != before.audio || after.system != before.system;
            check!(
                is_news || beside_another,
                "pause {round}: {kind:?} time stands still after it"
            );
            check_eq!("type", after.actual, kind as u32);
            if kind == Kind::Link && is_news {
                within_frame("after a pause", &after, cfg.rate)?;
                // It ran until some time within the call, and from the release on; beside another
                // side, which fixes when frames begin, to a frame.
                let ran = after.audio - before.audio - (after.system - after.trigger);
                let frame = if beside_another { 125_000 } else { 0 };
                check!(
                    ran >= -frame && ran <= paused - before.system + frame,
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

pub(super) fn by_ticks(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let cfg = system_config()?;
    let mut rec = Pcm::open(crate::tests::source::CABLE.side(ctx, Dir::Capture))?;
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
