// SPDX-License-Identifier: GPL-2.0

//! Pause and release of either side: 7.3, 7.4, 7.7.

use std::time::Duration;

use support::cable::record;
use support::cable::serve_all;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::FAST;
use support::config::LONG;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::signal;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("pause", name, run);
    vec![
        test(
            "7.3 7.4 a paused playback goes on with its next frame",
            |ctx| playback(ctx, LONG),
        ),
        test(
            "5.6 7.3 7.4 a paused planar DSD playback goes on with its next frame",
            |ctx| {
                playback(
                    ctx,
                    Config {
                        access: Access::RwNoninterleaved,
                        format: signal::DSD_U16_BE,
                        ..LONG
                    },
                )
            },
        )
        .c_defect("5.6"),
        test("7.3 a paused capture stands still and goes on", capture),
        test(
            "7.3 a paused stream can be dropped and prepared",
            drop_paused,
        ),
        test(
            "7.6 what is played from a release to a DROP is heard, though nobody asks",
            dropped_after_a_release,
        )
        .c_defect("7.6"),
        test(
            "7.3 5.5 a paused playback is not heard when it is dropped or prepared",
            dropped_unheard,
        ),
        test(
            "6.11 linked sides pause and go on without a gap",
            linked_pause,
        ),
        test("7.7 only a running stream can be paused", wrong_state),
    ]
}

fn playback(ctx: &Context, cfg: Config) -> Outcome {
    unless_stalled(|| {
        let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(36000, 40))?;
        session.begin()?;
        let mut pauses = 0;
        for at in [5000, 11111, 20000] {
            while session.play.pointers()?.0 < at || session.recorded.len() < 480 {
                session.serve()?;
                check!(session.rec.poll(1000).is_some(), "no wake-up for 1 s");
            }
            session.play.pause(true)?;
            check_eq!("state", session.play.state()?, PAUSED);
            let before = session.play.status()?.hw_ptr;
            // The capture hears silence meanwhile: at least half a buffer of it.
            let heard = session.recorded.len() + cfg.buffer() / 2;
            while session.recorded.len() < heard {
                session.serve()?;
                check!(
                    session.rec.poll(1000).is_some(),
                    "no wake-up of the capture for 1 s"
                );
            }
            let after = session.play.status()?.hw_ptr;
            check_eq!("position of a paused playback", after, before);
            session.play.pause(false)?;
            check_eq!("state", session.play.state()?, RUNNING);
            pauses += 1;
        }
        let whole = 36000 + 3 * cfg.buffer() * 2;
        while session.recorded.len() < whole {
            session.serve()?;
            check!(session.rec.poll(1000).is_some(), "no wake-up for 1 s");
        }
        let (_, breaks) = compare(&session.source, &session.recorded, Expect::WithPauses)?;
        check_eq!("silent breaks", breaks, pauses);
        Ok(())
    })
}

fn capture(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..LONG
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(48000, 41))?;
    session.feed()?;
    session.rec.start()?;
    session.start_playback()?;
    wait_for_position(&session.rec, 4800, Duration::from_secs(1))?;
    session.rec.pause(true)?;
    check_eq!("state", session.rec.state()?, PAUSED);
    let before = session.rec.status()?.hw_ptr;
    let played = session.play.pointers()?.0;
    wait_for_position(&session.play, played + 4800, Duration::from_secs(1))?;
    check_eq!(
        "position of a paused capture",
        session.rec.status()?.hw_ptr,
        before
    );
    session.rec.pause(false)?;
    check_eq!("state", session.rec.state()?, RUNNING);
    let heard = record(&mut session.rec, before as usize + 9600)?;
    // Two parts of the source: up to the pause, and from some later frame on. The position that
    // was read is the core's, which asked the driver just before it told it to pause.
    let sound = heard.first_sound(0).unwrap_or(0);
    let all = session.source.planes[0].as_slice();
    let got = heard.planes[0].as_slice();
    let same = got[sound * 4..]
        .iter()
        .zip(all)
        .take_while(|(a, b)| a == b)
        .count()
        / 4;
    let end = (sound + same) as u64;
    check!(
        end >= before && end < before + 480,
        "a break at recorded frame {end}; the capture was paused at {before}"
    );
    let second = &got[end as usize * 4..];
    let at = all.windows(64).step_by(4).position(|w| w == &second[..64]);
    let at = at.ok_or("what was recorded after the pause is no part of the source".to_string())?;
    let lost = at as i64 - same as i64;
    check!(
        lost >= 4800 - 200,
        "{lost} frames were lost in a pause of 4800 and more"
    );
    check!(
        all[at * 4..].starts_with(second),
        "a break after source frame {at}"
    );
    Ok(())
}

fn drop_paused(ctx: &Context) -> Outcome {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.write(&LONG.signal(9600, 42), 0, 9600)?;
    rec.start()?;
    play.start()?;
    play.pause(true)?;
    rec.pause(true)?;
    play.stop()?;
    rec.stop()?;
    check_eq!("states", (play.state()?, rec.state()?), (SETUP, SETUP));
    play.prepare()?;
    rec.prepare()?;
    check_eq!(
        "states",
        (play.state()?, rec.state()?),
        (PREPARED, PREPARED)
    );
    let mut session = Session::new(play, rec, LONG.signal(9600, 43));
    session.run()?;
    session.verify(Expect::Whole)?;
    // PREPARE straight from PAUSED.
    session.rec.pause(true)?;
    session.rec.prepare()?;
    session.rec.start()?;
    record(&mut session.rec, 960).map(|_| ())
}

/// At a rate at which a call takes longer than a frame.
fn dropped_unheard(ctx: &Context) -> Outcome {
    let cfg = FAST;
    // Its timer is not to come between.
    let quiet = Config {
        period: cfg.period * 4,
        periods: 2,
        ..cfg
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &quiet)?;
    rec.start()?;
    for round in 0..20 {
        let source = cfg.signal(cfg.buffer(), 0xd0 + round);
        play.write(&source, 0, source.len())?;
        play.start()?;
        // The C driver moves by jiffies.
        poll(&mut [], 40);
        play.pause(true)?;
        poll(&mut [], 10);
        let mut heard = cfg.nothing();
        let avail = rec.status()?.avail as usize;
        rec.read(&mut heard, avail)?;
        check!(
            heard.last_sound().is_some(),
            "nothing is heard before the pause"
        );
        // PREPARE does so straight from PAUSED, too.
        if round % 2 == 0 {
            play.stop()?;
        }
        play.prepare()?;
        poll(&mut [], 10);
        let mut after = cfg.nothing();
        let avail = rec.status()?.avail as usize;
        rec.read(&mut after, avail)?;
        let sound = after.last_sound();
        check!(
            sound.is_none(),
            "round {round}: frame {sound:?} of {avail} is sound"
        );
    }
    Ok(())
}

fn wrong_state(ctx: &Context) -> Outcome {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    for (what, pcm) in [("playback", &play), ("capture", &rec)] {
        let text = format!("PAUSE of a prepared {what}");
        expect_error(&text, pcm.pause(true), libc::EBADFD)?;
    }
    play.write(&LONG.signal(9600, 44), 0, 9600)?;
    play.start()?;
    expect_error(
        "release of a running playback",
        play.pause(false),
        libc::EBADFD,
    )?;
    play.pause(true)?;
    expect_error("second PAUSE", play.pause(true), libc::EBADFD)?;
    play.pause(false)?;
    Ok(())
}

fn linked_pause(ctx: &Context) -> Outcome {
    unless_stalled(|| {
        let cable = Cable {
            device: 0,
            subdevice: 7,
        };
        let mut session = Session::open(ctx, cable, &LONG, LONG.signal(48000, 130))?;
        session.play.link(&session.rec)?;
        session.lead = 0;
        session.feed()?;
        session.play.start()?;
        session.begin_running();
        for pause in 1..=20 {
            while session.recorded.len() < pause * 1000 {
                session.serve()?;
            }
            session.play.pause(true)?;
            check_eq!("the capture", session.rec.state()?, PAUSED);
            session.play.pause(false)?;
        }
        serve_all(std::slice::from_mut(&mut session))?;
        session.verify(Expect::Whole)
    })
}

fn dropped_after_a_release(ctx: &Context) -> Outcome {
    // No timer comes between.
    let cfg = Config {
        period: 24_000,
        periods: 2,
        ..LONG
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let source = cfg.signal(cfg.buffer(), 0xd4);
    play.write(&source, 0, source.len())?;
    rec.start()?;
    play.start()?;
    poll(&mut [], 20);
    play.pause(true)?;
    let before = play.status()?.hw_ptr;
    play.pause(false)?;
    poll(&mut [], 50);
    play.stop()?;
    rec.hwsync()?;
    let mut heard = cfg.nothing();
    let there = rec.status()?.avail as usize;
    rec.read(&mut heard, there)?;
    let frames = heard.sounding();
    // All but a millisecond.
    check!(
        frames as u64 + 48 >= before + 2400,
        "{frames} frames are heard: {before} before the pause, and 50 ms after the release"
    );
    Ok(())
}
