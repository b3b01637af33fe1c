// SPDX-License-Identifier: GPL-2.0

//! What is heard where nothing is played.

use support::cable::record;
use support::cable::End;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::config::XRUN;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::poll;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::CABLE;

/// Of a buffer that cannot be mapped, no more need be silenced than has been heard.
pub(super) fn recorded_before(ctx: &Context) -> Outcome {
    for access in [Access::RwInterleaved, Access::RwNoninterleaved] {
        for format in [signal::S16_LE, signal::DSD_U8] {
            let cfg = Config {
                access,
                format,
                ..LONG
            };
            let buffer = cfg.buffer();
            let mut rec = CABLE.capture(ctx)?;
            rec.setup(&cfg)?;
            rec.sw_params(u64::MAX)?;
            // The first is for the buffer as HW_PARAMS has left it.
            for frames in [0, 100, buffer / 2 + 7, buffer, buffer + 480, 3 * buffer] {
                rec.prepare()?;
                rec.start()?;
                let what = format!("{access:?}, {format:?}, after {frames} frames");
                let heard = record(&mut rec, buffer)?;
                let is_silent = heard
                    .planes
                    .iter()
                    .flatten()
                    .all(|&byte| byte == heard.silence);
                check!(is_silent, "{what}: no silence");
                rec.stop()?;
                rec.prepare()?;
                rec.start()?;
                let mut play = CABLE.playback(ctx)?;
                play.configure(&cfg)?;
                // It plays its buffer round and round.
                play.sw_params(u64::MAX)?;
                play.write(&cfg.signal(buffer, 52), 0, buffer)?;
                play.start()?;
                if frames > 0 {
                    record(&mut rec, frames)?;
                }
                rec.stop()?;
            }
        }
    }
    Ok(())
}

pub(super) fn silence_after_stop(ctx: &Context, access: Access) -> Outcome {
    let cfg = Config { access, ..LONG };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(4 * cfg.buffer(), 2))?;
    // Stops in the middle of the stream, with a buffer full of it.
    session.begin()?;
    while session.recorded.len() < 2 * cfg.buffer() {
        session.serve()?;
        session.rec.poll(1000);
    }
    let at = session.play.pointers()?.0 as usize;
    session.play.stop()?;
    let queued = session.rec.status()?.avail as usize;
    let most = session.recorded.len() + queued;
    let rest = record(&mut session.rec, 3 * cfg.buffer())?;
    session.recorded.append(&rest, 0..rest.len());
    let begin = session
        .recorded
        .first_sound(0)
        .ok_or("no sound".to_string())?;
    // The source is played to some frame between the two positions that were read.
    let end = session.recorded.last_sound().unwrap_or(begin);
    let heard = end + 1 - begin;
    check!(
        heard >= at && end < most,
        "{heard} frames heard; the playback's position was {at} before the stop, the capture's \
         {most} after it, with {begin} before the sound"
    );
    let mut source = cfg.nothing();
    source.append(&session.source, 0..heard);
    compare(&source, &session.recorded, Expect::Whole)?;
    Ok(())
}

pub(super) fn free_running(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.sw_params(u64::MAX)?;
    let buffer = LONG.buffer();
    let source = LONG.signal(buffer, 3);
    play.write(&source, 0, buffer)?;
    rec.start()?;
    play.start()?;
    let heard = record(&mut rec, buffer * 3)?;
    let begin = heard.first_sound(0).ok_or("no sound".to_string())?;
    let mut want = source.clone();
    want.append(&source, 0..buffer);
    let mut got = LONG.nothing();
    got.append(&heard, begin..(begin + 2 * buffer).min(heard.len()));
    // Only two rounds of the buffer are looked at, so the end of the second is the end.
    compare(&want, &got, Expect::Whole)?;
    Ok(())
}

/// The recorder is moved only when it asks, and then by many times the playback's buffer.
pub(super) fn short_loop(ctx: &Context, access: Access) -> Outcome {
    let short = Config {
        access,
        period: 64,
        periods: 2,
        ..LONG
    };
    let long = Config { access, ..LONG };
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    play.configure_unwoken(&short)?;
    play.sw_params(u64::MAX)?;
    rec.configure_unwoken(&long)?;
    let source = short.signal(128, 53);
    play.write(&source, 0, 128)?;
    rec.start()?;
    play.start()?;
    // A buffer has 320 ms.
    for _ in 0..3 {
        poll(&mut [], 100);
        rec.hwsync()?;
    }
    let mut heard = long.nothing();
    rec.read(&mut heard, 14_000)?;
    let begin = heard.first_sound(0).ok_or("no sound".to_string())?;
    let rounds = (heard.len() - begin) / 128;
    check!(rounds > 100, "{rounds} rounds are heard");
    let (mut want, mut got) = (long.nothing(), long.nothing());
    for _ in 0..rounds {
        want.append(&source, 0..128);
    }
    got.append(&heard, begin..begin + rounds * 128);
    compare(&want, &got, Expect::Whole)?;
    Ok(())
}

pub(super) fn underrun(ctx: &Context) -> Outcome {
    for frames in [5000, 4801, 700] {
        unless_stalled(|| {
            let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(frames, 4))?;
            // The buffer's former content must not be heard after the end.
            let stale = LONG.signal(LONG.buffer(), 44);
            session.play.write(&stale, 0, LONG.buffer())?;
            session.play.stop()?;
            session.play.prepare()?;
            session.end = End::Underrun;
            session.run()?;
            check_eq!("the playback's state", session.play.state()?, XRUN);
            session.verify(Expect::Whole)?;
            let silence = LONG.silence(16);
            expect_error("WRITEI", session.play.write(&silence, 0, 16), libc::EPIPE)?;
            session.play.prepare()?;
            Ok(())
        })?;
    }
    Ok(())
}
