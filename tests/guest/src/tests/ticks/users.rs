// SPDX-License-Identifier: GPL-2.0

//! Who runs by a timer, and for how long.

use std::fs;
use std::time::Duration;
use std::time::Instant;

use support::cable::state_by_peer;
use support::cable::wait_for_position;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::RUNNING;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::Pcm;
use support::signal;

use super::started;
use super::through;
use crate::tests::format::mismatched_running;
use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::source::SECOND;

pub(super) fn positions(play: &Pcm, rec: &Pcm) -> Result<[u64; 2], Fail> {
    Ok([play.status()?.hw_ptr, rec.status()?.hw_ptr])
}

/// Those who have the system timer open, with what it does for them.
pub(super) fn clients() -> Result<Vec<String>, Fail> {
    let text = fs::read_to_string("/proc/asound/timers")?;
    Ok(text
        .lines()
        .skip_while(|l| !l.starts_with("G0:"))
        .skip(1)
        .take_while(|l| l.starts_with("  Client"))
        .map(str::to_string)
        .collect())
}

/// Whether somebody has the system timer running.
pub(super) fn is_ticking() -> Result<bool, Fail> {
    Ok(clients()?.iter().any(|l| l.ends_with(": running")))
}

pub(super) fn timer_runs(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let is = |what: &str, want: bool| -> Outcome {
        check_eq!(format!("the timer runs {what}"), is_ticking()?, want);
        Ok(())
    };
    is("at first", false)?;
    let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    is("with prepared sides", false)?;
    play.start()?;
    is("with the playback", true)?;
    rec.start()?;
    is("with both", true)?;
    play.pause(true)?;
    is("with the capture", true)?;
    rec.stop()?;
    is("with no side", false)?;
    play.pause(false)?;
    is("after the release", true)?;
    drop(play);
    is("after the close", false)?;
    check_eq!("clients with a side open", clients()?.len(), 1);
    drop(rec);
    let none: [String; 0] = [];
    check_eq!("clients after the last close", clients()?, none);
    Ok(())
}

/// The timer runs for the capture that it stops, and for the playback from then on.
pub(super) fn evicted(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let other = Config {
        format: signal::S32_LE,
        ..cfg
    };
    let (play, rec) = mismatched_running(ctx, CABLE, &other, &cfg)?;
    wait_for_position(&rec, 1, Duration::from_secs(1))?;
    play.start()?;
    state_by_peer(&rec, DRAINING)?;
    wait_for_position(&play, u64::from(cfg.period) * 3, Duration::from_secs(1))?;
    check_eq!("the timer runs", is_ticking()?, true);
    Ok(())
}

/// It is the last side that runs, and then none does.
pub(super) fn paused(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        let pcm = match dir {
            Dir::Playback => &play,
            Dir::Capture => &rec,
        };
        pcm.start()?;
        for pause in [true, false, true] {
            pcm.pause(pause)?;
            check_eq!(
                format!("{dir:?}: the timer runs, paused {pause}"),
                is_ticking()?,
                !pause
            );
        }
    }
    Ok(())
}

/// A playback begins, one that is linked with it can't, and then neither has begun.
pub(super) fn refused_start(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let mut play = CABLE.playback(ctx)?;
    play.configure(&cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    let mut other = SECOND.playback(ctx)?;
    other.setup(&Config { rate: 44100, ..cfg })?;
    let mut misfit = SECOND.capture(ctx)?;
    misfit.configure(&cfg)?;
    other.prepare()?;
    // The core begins with the one that has been linked last.
    misfit.link(&play)?;
    check_eq!("the timer runs before", is_ticking()?, false);
    expect_error("START", play.start(), libc::EIO)?;
    check_eq!(
        "the timer runs after a START that is refused",
        is_ticking()?,
        false
    );
    misfit.unlink()?;
    play.start()?;
    check_eq!("the timer runs after START", is_ticking()?, true);
    Ok(())
}

pub(super) fn second_cable(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let (first, _rec) = started(ctx, CABLE, &cfg)?;
    wait_for_position(&first, 1, Duration::from_secs(1))?;
    let (play, rec) = started(ctx, SECOND, &cfg)?;
    check_eq!("states", [play.state()?, rec.state()?], [RUNNING; 2]);
    wait_for_position(&rec, 1000, Duration::from_secs(1))?;
    // The first goes on without the second.
    drop((play, rec));
    let at = first.status()?.hw_ptr;
    wait_for_position(&first, at + 1000, Duration::from_secs(1))
}

pub(super) fn by_timer_of(ctx: &Context, other: &Context) -> Outcome {
    let clock = master(other, &LONG)?;
    clock.start()?;
    let _source = Source::set(ctx, &master_of(other.index))?;
    through(ctx, &LONG)?;
    check_eq!("the other stream", clock.state()?, RUNNING);
    Ok(())
}

pub(super) fn own_timer(ctx: &Context) -> Outcome {
    by_timer_of(ctx, ctx)
}

/// All other loopback cards, be they of this driver or another.
pub fn other_cards(ctx: &Context) -> Result<Vec<Context>, Fail> {
    let modules = fs::read_to_string("/proc/asound/modules")?;
    let card = |line: &str| {
        let (number, module) = line.trim().split_once(' ')?;
        let index = number.parse().ok().filter(|&n: &u32| n != ctx.index)?;
        module.trim().starts_with("snd_aloop").then_some(Context {
            card: String::new(),
            index,
            module: module.trim().into(),
            seed: ctx.seed,
            minutes: ctx.minutes,
            step: ctx.step,
            reference: None,
        })
    };
    Ok(modules.lines().filter_map(card).collect())
}

pub(super) fn other_card(ctx: &Context) -> Outcome {
    let others = other_cards(ctx)?;
    if others.is_empty() {
        return Err(Fail::Skip("there is no other loopback card".into()));
    }
    others.iter().try_for_each(|other| by_timer_of(ctx, other))
}

pub(super) fn close_one_side(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    for closes in Dir::BOTH {
        let (mut play, mut rec) = started(ctx, CABLE, &cfg)?;
        play.sw_params(u64::MAX)?;
        rec.sw_params(u64::MAX)?;
        wait_for_position(&rec, 1, Duration::from_secs(1))?;
        let stays = match closes {
            Dir::Playback => {
                drop(play);
                rec
            }
            Dir::Capture => {
                drop(rec);
                play
            }
        };
        let at = stays.status()?.hw_ptr;
        wait_for_position(&stays, at + 2000, Duration::from_secs(1))?;
        check_eq!("the side that stays", stays.state()?, RUNNING);
    }
    Ok(())
}

pub(super) fn close_often(ctx: &Context) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("the C driver may crash".into()));
    }
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let begin = |dir| -> Result<Pcm, Fail> {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure(&cfg)?;
        pcm.sw_params(u64::MAX)?;
        if dir == Dir::Playback {
            pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        }
        pcm.start()?;
        Ok(pcm)
    };
    let mut rec = begin(Dir::Capture)?;
    for round in 0..100 {
        let play = begin(Dir::Playback)?;
        // At another moment of the tick each time.
        let until = Instant::now() + Duration::from_micros(round * 97 % 8000);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        if round % 2 == 0 {
            drop(play);
        } else {
            drop(rec);
            rec = begin(Dir::Capture)?;
            drop(play);
        }
    }
    let at = rec.status()?.hw_ptr;
    wait_for_position(&rec, at + 1000, Duration::from_secs(1))
}
