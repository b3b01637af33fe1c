// SPDX-License-Identifier: GPL-2.0

//! `PCM Notify`: who may choose parameters, and what a playback's START tells and does: 4.4, 6.5,
//! 6.6.

use std::time::Duration;

use support::cable::record;
use support::cable::state_by_peer;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::DRAINING;
use support::config::LONG;
use support::config::PREPARED;
use support::config::SETUP;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::CHANNELS;
use support::elements::FORMAT;
use support::elements::NAMES;
use support::elements::NOTIFY;
use support::elements::RATE;
use support::kernel as k;
use support::kernel::HwParams;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;

use crate::tests::format::everything;
use crate::tests::format::left;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("notify", name, run);
    vec![
        test(
            "4.4 with Notify on a playback is free beside a prepared capture",
            free_playback,
        )
        .c_defect("4.4"),
        test(
            "4.4 with Notify on a capture is pinned to a prepared playback",
            pinned_capture,
        ),
        test(
            "4.4 with Notify off again a playback is pinned to a prepared capture",
            pinned_playback,
        ),
        test(
            "4.1 with Notify on it is the playback that the capture is pinned to",
            playback_rules,
        ),
        test(
            "6.5 with Notify on a playback's START stops the capture and tells what is new",
            start_tells,
        ),
        test(
            "6.5 with Notify on a capture that is linked with a playback stops with it",
            linked_with_a_playback,
        )
        .c_defect("6.5"),
        test(
            "6.5 with Notify on linked captures stop as one does",
            linked_with_a_capture,
        ),
        test(
            "6.6 with Notify on the stopped capture takes the new parameters",
            capture_follows,
        ),
        test(
            "6.6 with Notify off the stopped capture takes the new parameters too",
            capture_follows_unasked,
        )
        .c_defect("4.5"),
        test(
            "17.5 with Notify on a playback changes its rate beside an open capture",
            rate_follows,
        )
        .c_defect("17.5"),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 6,
};

/// Differs from `LONG` in all that a constraint is about.
const OTHER: Config = Config {
    format: signal::S24_3LE,
    rate: 44100,
    channels: 6,
    ..LONG
};

/// Runs `body` with the cable's Notify on, and switches it off again.
fn notifying(ctx: &Context, body: impl FnOnce(&Controls) -> Outcome) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    c.set(NOTIFY, 1)?;
    let result = body(&c);
    c.set(NOTIFY, 0)?;
    result
}

fn only(cfg: &Config) -> (u64, String, String) {
    (
        1 << cfg.format.number,
        format!("[{0} {0}]", cfg.rate),
        format!("[{0} {0}]", cfg.channels),
    )
}

fn free_playback(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        // Both orders: the limits at open, and those at HW_REFINE.
        let early = CABLE.playback(ctx)?;
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&LONG)?;
        check_eq!(
            "left to a playback opened first",
            left(&early)?,
            everything()
        );
        drop(early);
        let mut play = CABLE.playback(ctx)?;
        check_eq!(
            "left to a playback opened second",
            left(&play)?,
            everything()
        );
        play.configure(&OTHER)?;
        let p = rec.hw_refine(&HwParams::any())?;
        check_eq!("left to the capture", p.interval(k::RATE).min, 44100);
        Ok(())
    })
}

fn pinned_capture(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let mut play = CABLE.playback(ctx)?;
        play.configure(&OTHER)?;
        let rec = CABLE.capture(ctx)?;
        check_eq!("left", left(&rec)?, only(&OTHER));
        let other_rate = HwParams::any().exactly(k::RATE, 48000);
        expect_error(
            "HW_PARAMS, another rate",
            rec.hw_params(&other_rate),
            libc::EINVAL,
        )?;
        rec.hw_params(&OTHER.request())?;
        Ok(())
    })
}

fn pinned_playback(ctx: &Context) -> Outcome {
    notifying(ctx, |c| {
        let play = CABLE.playback(ctx)?;
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&OTHER)?;
        c.set(NOTIFY, 0)?;
        check_eq!("left", left(&play)?, only(&OTHER));
        let other_rate = HwParams::any().exactly(k::RATE, 48000);
        expect_error(
            "HW_PARAMS, another rate",
            play.hw_params(&other_rate),
            libc::EINVAL,
        )
    })
}

fn playback_rules(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.setup(&OTHER)?;
        rec.setup(&LONG)?;
        rec.prepare()?;
        play.prepare()?;
        check_eq!("left to the capture", left(&rec)?, only(&OTHER));
        Ok(())
    })
}

/// A running capture, and a prepared playback that differs from it.
fn mismatched(ctx: &Context) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    play.setup(&OTHER)?;
    rec.configure(&LONG)?;
    rec.start()?;
    play.prepare()?;
    play.write(&OTHER.signal(OTHER.buffer(), 90), 0, OTHER.buffer())?;
    wait_for_position(&rec, 960, Duration::from_secs(1))?;
    Ok((play, rec))
}

fn start_tells(ctx: &Context) -> Outcome {
    notifying(ctx, |c| {
        // What is there before: `LONG`, without a capture.
        let mut before = CABLE.playback(ctx)?;
        before.configure(&LONG)?;
        before.write(&LONG.silence(480), 0, 480)?;
        before.start()?;
        drop(before);
        let (play, rec) = mismatched(ctx)?;
        c.control.subscribe()?;
        play.start()?;
        state_by_peer(&rec, DRAINING)?;
        check_eq!("Slave values", c.slave()?, [32, 44100, 6, 0]);
        check_eq!("Slave Active", c.get(ACTIVE)?, 1);
        let want = [FORMAT, RATE, CHANNELS, ACTIVE].map(|which| NAMES[which]);
        check_eq!("events", c.events()?, want);
        Ok(())
    })
}

/// Another cable.
const ANOTHER: Cable = Cable {
    device: 1,
    subdevice: 6,
};

/// A client that has linked its capture with its playback, as jackd does.
fn linked_with_a_playback(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (play, rec) = mismatched(ctx)?;
        let mut own = ANOTHER.playback(ctx)?;
        own.configure(&LONG)?;
        own.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        own.start()?;
        rec.link(&own)?;
        play.start()?;
        // Draining, its playback would count as running for ever, where nothing moves.
        for pcm in [&rec, &own] {
            state_by_peer(pcm, SETUP)?;
        }
        own.prepare()?;
        Ok(())
    })
}

fn linked_with_a_capture(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (play, rec) = mismatched(ctx)?;
        let mut own = ANOTHER.capture(ctx)?;
        own.configure(&LONG)?;
        own.start()?;
        rec.link(&own)?;
        play.start()?;
        for pcm in [&rec, &own] {
            state_by_peer(pcm, DRAINING)?;
        }
        Ok(())
    })
}

/// The stopped capture starts again with the playback's parameters, and hears it.
fn follow(play: &Pcm, rec: &mut Pcm) -> Outcome {
    play.start()?;
    rec.stop()?;
    rec.configure(&OTHER)?;
    check_eq!("capture", rec.state()?, PREPARED);
    rec.start()?;
    let heard = record(rec, 960)?;
    check!(
        heard.first_sound(0).is_some(),
        "nothing is heard of the playback"
    );
    Ok(())
}

fn capture_follows(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (play, mut rec) = mismatched(ctx)?;
        follow(&play, &mut rec)
    })
}

fn capture_follows_unasked(ctx: &Context) -> Outcome {
    let (play, mut rec) = mismatched(ctx)?;
    follow(&play, &mut rec)
}

/// What alsaloop's slave mode does: the capture stays open from one playback to the next.
fn rate_follows(ctx: &Context) -> Outcome {
    notifying(ctx, |c| {
        let mut rec = CABLE.capture(ctx)?;
        for cfg in [OTHER, LONG] {
            let mut play = CABLE.playback(ctx)?;
            play.configure(&cfg)?;
            play.write(&cfg.signal(cfg.buffer(), 91), 0, cfg.buffer())?;
            play.start()?;
            check_eq!("Slave Rate", c.get(RATE)?, i64::from(cfg.rate));
            rec.configure(&cfg)?;
            rec.start()?;
            let heard = record(&mut rec, 960)?;
            check!(
                heard.first_sound(0).is_some(),
                "nothing is heard at {} Hz",
                cfg.rate
            );
            drop(play);
            rec.stop()?;
        }
        Ok(())
    })
}
