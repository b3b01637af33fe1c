// SPDX-License-Identifier: GPL-2.0

//! Starting, stopping, running dry and over, rewinding: sections 5, 6.9 to 6.11, 7.

use std::time::Duration;

use support::cable::record;
use support::cable::serve_all;
use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::cable::End;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::CABLE;

const SECOND: Duration = Duration::from_secs(1);

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("flow", name, run);
    vec![
        test(
            "5.2 a capture ring is silent after PREPARE, DSD included",
            prepared_ring,
        ),
        test(
            "5.2 a recording begins with silence, however much was recorded before",
            recorded_before,
        ),
        test(
            "5.3 capture alone gives silence at the nominal rate",
            capture_alone,
        ),
        test(
            "5.3 a reader that does not read overruns, and recovers",
            overrun,
        ),
        test(
            "5.4 a player alone runs at the nominal rate and drains",
            player_alone,
        ),
        test(
            "5.5 after a stop the recorder hears silence for good",
            |ctx| silence_after_stop(ctx, Access::RwInterleaved),
        ),
        test(
            "5.5 5.6 17.3 after a stop a planar recorder hears silence for good",
            |ctx| silence_after_stop(ctx, Access::RwNoninterleaved),
        )
        .c_defect("5.6"),
        test(
            "5.7 without a stop threshold the ring is played again",
            free_running,
        ),
        test("5.8 17.8 an underrun gives no stale frames", underrun).c_defect("5.8"),
        test("6.9 START is refused when it cannot be", bad_start),
        test(
            "6.10 recorder first: the whole stream is heard",
            recorder_first,
        ),
        test(
            "6.10 player first: the rest of the stream is heard",
            player_first,
        ),
        test("6.11 linked ends start and stop with one call", linked),
        test("6.1 7.2 stop and start again, both ends in turn", restart),
        test(
            "7.2 closing a running player leaves the recorder running",
            close_player,
        ),
        test(
            "7.2 a stopped recorder starts again within the stream",
            restart_recorder,
        ),
    ]
}

fn prepared_ring(ctx: &Context) -> Outcome {
    for format in [signal::S32_LE, signal::DSD_U8, signal::DSD_U16_BE] {
        for access in [Access::MmapInterleaved, Access::MmapNoninterleaved] {
            let cfg = Config {
                access,
                format,
                ..LONG
            };
            // A stream first, so that the ring holds something else.
            let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(cfg.buffer(), 5))?;
            session.tail = 480;
            session.run()?;
            session.verify(Expect::Whole)?;
            let mut rec = session.rec;
            drop(session.play);
            rec.stop()?;
            rec.prepare()?;
            rec.start()?;
            let heard = record(&mut rec, cfg.buffer() + 480)?;
            let sound = heard.first_sound(0);
            check_eq!(
                format!("{} {access:?}: first sound", format.name),
                sound,
                None
            );
        }
    }
    Ok(())
}

/// The pace of a running stream over half a second, by its own positions and time stamps.
fn check_pace(pcm: &support::pcm::Pcm, rate: f64) -> Outcome {
    // The core stamps positions that differ from the last one, so none has a stamp at first.
    wait_for_position(pcm, 1, SECOND)?;
    let first = pcm.status()?;
    wait_for_position(pcm, first.hw_ptr + (rate / 2.0) as u64, 5 * SECOND)?;
    let last = pcm.status()?;
    let seconds = (last.tstamp.ns() - first.tstamp.ns()) as f64 / 1e9;
    let pace = (last.hw_ptr - first.hw_ptr) as f64 / seconds;
    // A jiffy more or less at each end is what the C driver's clock allows.
    let error = (pace / rate - 1.0).abs();
    check!(
        error < 0.02,
        "pace: expected {rate} frames/s, got {pace:.0}"
    );
    Ok(())
}

/// Of a ring that cannot be mapped, no more need be silenced than has been heard.
fn recorded_before(ctx: &Context) -> Outcome {
    for access in [Access::RwInterleaved, Access::RwNoninterleaved] {
        for format in [signal::S16_LE, signal::DSD_U8] {
            let cfg = Config {
                access,
                format,
                ..LONG
            };
            let ring = cfg.buffer();
            let mut rec = CABLE.recorder(ctx)?;
            rec.setup(&cfg)?;
            rec.sw_params(u64::MAX)?;
            // The first is for the ring as HW_PARAMS has left it.
            for frames in [0, 100, ring / 2 + 7, ring, ring + 480, 3 * ring] {
                rec.prepare()?;
                rec.start()?;
                let what = format!("{access:?}, {format:?}, after {frames} frames");
                let heard = record(&mut rec, ring)?;
                let is_silent = heard
                    .planes
                    .iter()
                    .flatten()
                    .all(|&byte| byte == heard.silence);
                check!(is_silent, "{what}: no silence");
                rec.stop()?;
                rec.prepare()?;
                rec.start()?;
                let mut play = CABLE.player(ctx)?;
                play.configure(&cfg)?;
                // It plays its ring round and round.
                play.sw_params(u64::MAX)?;
                play.write(&cfg.signal(ring, 52), 0, ring)?;
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

fn capture_alone(ctx: &Context) -> Outcome {
    for rate in [8000, 48000] {
        let cfg = Config {
            rate,
            period: rate / 100,
            periods: 100,
            ..USUAL
        };
        let mut rec = CABLE.recorder(ctx)?;
        rec.configure(&cfg)?;
        rec.start()?;
        check_pace(&rec, f64::from(rate))?;
        let heard = record(&mut rec, rate as usize)?;
        check_eq!("first sound", heard.first_sound(0), None);
        check_eq!("state", rec.state()?, RUNNING);
    }
    Ok(())
}

fn overrun(ctx: &Context) -> Outcome {
    let mut rec = CABLE.recorder(ctx)?;
    rec.configure(&USUAL)?;
    rec.start()?;
    wait_for_state(&rec, XRUN, SECOND)?;
    let mut heard = USUAL.nothing();
    expect_error(
        "READI after an overrun",
        rec.read(&mut heard, 16),
        libc::EPIPE,
    )?;
    let events = rec.poll(1000).unwrap_or(0);
    check!(
        events & libc::POLLERR != 0,
        "poll after an overrun: {events:#x}"
    );
    expect_error("START after an overrun", rec.start(), libc::EBADFD)?;
    rec.prepare()?;
    rec.start()?;
    record(&mut rec, 4800).map(|_| ())
}

fn player_alone(ctx: &Context) -> Outcome {
    let mut play = CABLE.player(ctx)?;
    play.configure(&Config {
        periods: 100,
        ..USUAL
    })?;
    let source = play.config().signal(48000, 1);
    let written = play.write(&source, 0, 48000)?;
    check_eq!("frames written", written, 48000);
    play.start()?;
    check_pace(&play, 48000.0)?;
    play.set_blocking(true);
    play.drain()?;
    let status = play.status()?;
    check_eq!("state after DRAIN", status.state, SETUP);
    let seconds = (status.tstamp.ns() - status.trigger_tstamp.ns()) as f64 / 1e9;
    check!(seconds < 1.0, "stopped {seconds} s before DRAIN returned");
    Ok(())
}

fn silence_after_stop(ctx: &Context, access: Access) -> Outcome {
    let cfg = Config { access, ..LONG };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(4 * cfg.buffer(), 2))?;
    // Stops in the middle of the stream, with a ring full of it.
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
        "{heard} frames heard; the player's position was {at} before the stop, the recorder's \
         {most} after it, with {begin} before the sound"
    );
    let mut source = cfg.nothing();
    source.append(&session.source, 0..heard);
    compare(&source, &session.recorded, Expect::Whole)?;
    Ok(())
}

fn free_running(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.sw_params(u64::MAX)?;
    let ring = LONG.buffer();
    let source = LONG.signal(ring, 3);
    play.write(&source, 0, ring)?;
    rec.start()?;
    play.start()?;
    let heard = record(&mut rec, ring * 3)?;
    let begin = heard.first_sound(0).ok_or("no sound".to_string())?;
    let mut want = source.clone();
    want.append(&source, 0..ring);
    let mut got = LONG.nothing();
    got.append(&heard, begin..(begin + 2 * ring).min(heard.len()));
    // Only two rounds of the ring are looked at, so the end of the second is the end.
    compare(&want, &got, Expect::Whole)?;
    Ok(())
}

fn underrun(ctx: &Context) -> Outcome {
    for frames in [5000, 4801, 700] {
        unless_stalled(|| {
            let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(frames, 4))?;
            // The ring's former content must not be heard after the end.
            let stale = LONG.signal(LONG.buffer(), 44);
            session.play.write(&stale, 0, LONG.buffer())?;
            session.play.stop()?;
            session.play.prepare()?;
            session.end = End::Underrun;
            session.run()?;
            check_eq!("the player's state", session.play.state()?, XRUN);
            session.verify(Expect::Whole)?;
            let silence = LONG.silence(16);
            expect_error("WRITEI", session.play.write(&silence, 0, 16), libc::EPIPE)?;
            session.play.prepare()?;
            Ok(())
        })?;
    }
    Ok(())
}

fn bad_start(ctx: &Context) -> Outcome {
    let mut play = CABLE.player(ctx)?;
    expect_error("START in OPEN", play.start(), libc::EBADFD)?;
    play.setup(&USUAL)?;
    expect_error("START in SETUP", play.start(), libc::EBADFD)?;
    play.prepare()?;
    expect_error("START of an empty player", play.start(), libc::EPIPE)?;
    play.prepare()?;
    play.write(&USUAL.signal(480, 1), 0, 480)?;
    play.start()?;
    expect_error("START while running", play.start(), libc::EBADFD)
}

fn recorder_first(ctx: &Context) -> Outcome {
    for lead in [0, 1, 5000] {
        unless_stalled(|| {
            let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(24000, 6))?;
            session.lead = lead;
            session.run()?;
            session.verify(Expect::Whole)
        })?;
    }
    Ok(())
}

fn player_first(ctx: &Context) -> Outcome {
    let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(24000, 6))?;
    session.feed()?;
    session.start_player()?;
    wait_for_position(&session.play, 2400, SECOND)?;
    session.rec.start()?;
    session.begin_running();
    // Complete when a ring of silence has followed; the lost beginning does not come again.
    session.tail = 0;
    let lost = 2400;
    while session.recorded.len() < 24000 + LONG.buffer() {
        session.serve()?;
        check!(session.rec.poll(1000).is_some(), "no wake-up for 1 s");
    }
    let (begin, _) = compare(&session.source, &session.recorded, Expect::Tail)?;
    check!(
        begin < 960,
        "the recorder heard {begin} frames of silence from a running player"
    );
    let end = session.recorded.first_sound(24000 - lost + 480);
    check_eq!("sound after the shortened stream", end, None);
    Ok(())
}

fn linked(ctx: &Context) -> Outcome {
    let (play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.link(&rec)?;
    let mut session = Session::new(play, rec, LONG.signal(24000, 8));
    session.feed()?;
    session.rec.start()?;
    session.begin_running();
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!(
        "states after START of the recorder",
        states,
        (RUNNING, RUNNING)
    );
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::Whole)?;
    session.play.stop()?;
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!("states after DROP of the player", states, (SETUP, SETUP));
    session.play.prepare()?;
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!(
        "states after PREPARE of the player",
        states,
        (PREPARED, PREPARED)
    );
    session.play.unlink()?;
    session.rec.start()?;
    check_eq!("the player after UNLINK", session.play.state()?, PREPARED);
    Ok(())
}

fn restart(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = CABLE.open(ctx, &LONG, &LONG)?;
    for round in 0..4u64 {
        let mut session = Session::new(play, rec, LONG.signal(7000, 9 + round));
        session.tail = 960;
        session.run()?;
        session.verify(Expect::Whole)?;
        session.play.stop()?;
        session.rec.stop()?;
        check_eq!("state", session.rec.state()?, SETUP);
        (play, rec) = (session.play, session.rec);
        play.prepare()?;
        rec.prepare()?;
        let position = play.status()?.hw_ptr;
        check_eq!("position after PREPARE", position, 0);
    }
    // Close and open again, one end at a time.
    drop(play);
    let mut play = CABLE.player(ctx)?;
    play.configure(&LONG)?;
    drop(rec);
    let mut rec = CABLE.recorder(ctx)?;
    rec.configure(&LONG)?;
    let mut session = Session::new(play, rec, LONG.signal(7000, 20));
    session.run()?;
    session.verify(Expect::Whole)
}

fn close_player(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = CABLE.open(ctx, &LONG, &LONG)?;
    let source = LONG.signal(LONG.buffer(), 12);
    play.write(&source, 0, LONG.buffer())?;
    rec.start()?;
    play.start()?;
    wait_for_position(&play, 4800, SECOND)?;
    drop(play);
    check_eq!("state", rec.state()?, RUNNING);
    let mut heard = record(&mut rec, LONG.buffer())?;
    heard = record(&mut rec, LONG.buffer() - heard.len() + LONG.buffer())?;
    check_eq!("sound a ring after the close", heard.first_sound(0), None);
    // A second player on the same cable is heard whole.
    let mut play = CABLE.player(ctx)?;
    play.configure(&LONG)?;
    let mut session = Session::new(play, rec, LONG.signal(9600, 13));
    session.feed()?;
    session.begin_running();
    session.start_player()?;
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::Whole)
}

fn restart_recorder(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(48000, 14))?;
    session.feed()?;
    session.rec.start()?;
    session.start_player()?;
    wait_for_position(&session.rec, 4800, SECOND)?;
    session.rec.stop()?;
    session.rec.prepare()?;
    session.rec.start()?;
    let heard = record(&mut session.rec, 24000)?;
    let first = heard.first_sound(0);
    check!(
        first.is_some_and(|f| f < 960),
        "first sound at {first:?} of a running player"
    );
    let mut rest = cfg.nothing();
    let begin = first.unwrap_or(0);
    rest.append(&heard, begin..heard.len());
    // A part of the source, without a break.
    let all = session.source.planes[0].as_slice();
    let part = rest.planes[0].as_slice();
    let at = all.windows(64).step_by(4).position(|w| w == &part[..64]);
    let at = at.ok_or(Fail::Wrong(
        "what was recorded is no part of the source".into(),
    ))?;
    check!(
        at >= 4800 - 480,
        "source frame {at} heard again after the recorder's stop"
    );
    check!(
        all[at * 4..].starts_with(part),
        "a break after source frame {at}"
    );
    Ok(())
}
