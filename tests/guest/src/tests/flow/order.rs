// SPDX-License-Identifier: GPL-2.0

//! In what order sides start and stop.

use support::cable::record;
use support::cable::serve_all;
use support::cable::wait_for_position;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::signal::compare;
use support::signal::Expect;

use super::SECOND;
use crate::tests::CABLE;

pub(super) fn bad_start(ctx: &Context) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    expect_error("START in OPEN", play.start(), libc::EBADFD)?;
    play.setup(&USUAL)?;
    expect_error("START in SETUP", play.start(), libc::EBADFD)?;
    play.prepare()?;
    expect_error("START of an empty playback", play.start(), libc::EPIPE)?;
    play.prepare()?;
    play.write(&USUAL.signal(480, 1), 0, 480)?;
    play.start()?;
    expect_error("START while running", play.start(), libc::EBADFD)
}

pub(super) fn capture_first(ctx: &Context) -> Outcome {
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

pub(super) fn playback_first(ctx: &Context) -> Outcome {
    let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(24000, 6))?;
    session.feed()?;
    session.start_playback()?;
    wait_for_position(&session.play, 2400, SECOND)?;
    session.rec.start()?;
    session.begin_running();
    // Complete when a buffer of silence has followed; the lost beginning does not come again.
    session.tail = 0;
    let lost = 2400;
    while session.recorded.len() < 24000 + LONG.buffer() {
        session.serve()?;
        check!(session.rec.poll(1000).is_some(), "no wake-up for 1 s");
    }
    let (begin, _) = compare(&session.source, &session.recorded, Expect::Tail)?;
    check!(
        begin < 960,
        "the capture heard {begin} frames of silence from a running playback"
    );
    let end = session.recorded.first_sound(24000 - lost + 480);
    check_eq!("sound after the shortened stream", end, None);
    Ok(())
}

pub(super) fn linked(ctx: &Context) -> Outcome {
    let (play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.link(&rec)?;
    let mut session = Session::new(play, rec, LONG.signal(24000, 8));
    session.feed()?;
    session.rec.start()?;
    session.begin_running();
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!(
        "states after START of the capture",
        states,
        (RUNNING, RUNNING)
    );
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::Whole)?;
    session.play.stop()?;
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!("states after DROP of the playback", states, (SETUP, SETUP));
    session.play.prepare()?;
    let states = (session.play.state()?, session.rec.state()?);
    check_eq!(
        "states after PREPARE of the playback",
        states,
        (PREPARED, PREPARED)
    );
    session.play.unlink()?;
    session.rec.start()?;
    check_eq!("the playback after UNLINK", session.play.state()?, PREPARED);
    Ok(())
}

pub(super) fn restart(ctx: &Context) -> Outcome {
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
    // Close and open again, one side at a time.
    drop(play);
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    drop(rec);
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&LONG)?;
    let mut session = Session::new(play, rec, LONG.signal(7000, 20));
    session.run()?;
    session.verify(Expect::Whole)
}

pub(super) fn close_playback(ctx: &Context) -> Outcome {
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
    check_eq!("sound a buffer after the close", heard.first_sound(0), None);
    // A second playback on the same cable is heard whole.
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    let mut session = Session::new(play, rec, LONG.signal(9600, 13));
    session.feed()?;
    session.begin_running();
    session.start_playback()?;
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::Whole)
}

pub(super) fn restart_capture(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(48000, 14))?;
    session.feed()?;
    session.rec.start()?;
    session.start_playback()?;
    wait_for_position(&session.rec, 4800, SECOND)?;
    session.rec.stop()?;
    session.rec.prepare()?;
    session.rec.start()?;
    let heard = record(&mut session.rec, 24000)?;
    let first = heard.first_sound(0);
    check!(
        first.is_some_and(|f| f < 960),
        "first sound at {first:?} of a running playback"
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
        "source frame {at} heard again after the capture's stop"
    );
    check!(
        all[at * 4..].starts_with(part),
        "a break after source frame {at}"
    );
    Ok(())
}
