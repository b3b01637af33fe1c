// SPDX-License-Identifier: GPL-2.0

//! `PCM Notify`: who may choose parameters, and what a player's START tells and does: 4.4, 6.5,
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
            "4.4 with Notify on a player is free beside a prepared recorder",
            free_player,
        )
        .c_defect("4.4"),
        test(
            "4.4 with Notify on a recorder is pinned to a prepared player",
            pinned_recorder,
        ),
        test(
            "4.4 with Notify off again a player is pinned to a prepared recorder",
            pinned_player,
        ),
        test(
            "4.1 with Notify on it is the player that the recorder is pinned to",
            player_rules,
        ),
        test(
            "6.5 with Notify on a player's START stops the recorder and tells what is new",
            start_tells,
        ),
        test(
            "6.5 with Notify on a recorder that is linked with a player stops with it",
            linked_with_a_player,
        )
        .c_defect("6.5"),
        test(
            "6.5 with Notify on linked recorders stop as one does",
            linked_with_a_recorder,
        ),
        test(
            "6.6 with Notify on the stopped recorder takes the new parameters",
            recorder_follows,
        ),
        test(
            "6.6 with Notify off the stopped recorder takes the new parameters too",
            recorder_follows_unasked,
        )
        .c_defect("4.5"),
        test(
            "17.5 with Notify on a player changes its rate beside an open recorder",
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

fn free_player(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        // Both orders: the limits at open, and those at HW_REFINE.
        let early = CABLE.playback(ctx)?;
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&LONG)?;
        check_eq!("left to a player opened first", left(&early)?, everything());
        drop(early);
        let mut play = CABLE.playback(ctx)?;
        check_eq!("left to a player opened second", left(&play)?, everything());
        play.configure(&OTHER)?;
        let p = rec.hw_refine(&HwParams::any())?;
        check_eq!("left to the recorder", p.interval(k::RATE).min, 44100);
        Ok(())
    })
}

fn pinned_recorder(ctx: &Context) -> Outcome {
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

fn pinned_player(ctx: &Context) -> Outcome {
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

fn player_rules(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.setup(&OTHER)?;
        rec.setup(&LONG)?;
        rec.prepare()?;
        play.prepare()?;
        check_eq!("left to the recorder", left(&rec)?, only(&OTHER));
        Ok(())
    })
}

/// A running recorder, and a prepared player that differs from it.
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
        // What is there before: `LONG`, without a recorder.
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

/// A client that has linked its recorder with its player, as jackd does.
fn linked_with_a_player(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (play, rec) = mismatched(ctx)?;
        let mut own = ANOTHER.playback(ctx)?;
        own.configure(&LONG)?;
        own.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        own.start()?;
        rec.link(&own)?;
        play.start()?;
        // Draining, its player would count as running for ever, where nothing moves.
        for pcm in [&rec, &own] {
            state_by_peer(pcm, SETUP)?;
        }
        own.prepare()?;
        Ok(())
    })
}

fn linked_with_a_recorder(ctx: &Context) -> Outcome {
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

/// The stopped recorder starts again with the player's parameters, and hears it.
fn follow(play: &Pcm, rec: &mut Pcm) -> Outcome {
    play.start()?;
    rec.stop()?;
    rec.configure(&OTHER)?;
    check_eq!("recorder", rec.state()?, PREPARED);
    rec.start()?;
    let heard = record(rec, 960)?;
    check!(
        heard.first_sound(0).is_some(),
        "nothing is heard of the player"
    );
    Ok(())
}

fn recorder_follows(ctx: &Context) -> Outcome {
    notifying(ctx, |_| {
        let (play, mut rec) = mismatched(ctx)?;
        follow(&play, &mut rec)
    })
}

fn recorder_follows_unasked(ctx: &Context) -> Outcome {
    let (play, mut rec) = mismatched(ctx)?;
    follow(&play, &mut rec)
}

/// What alsaloop's slave mode does: the recorder stays open from one player to the next.
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
