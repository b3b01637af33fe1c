// SPDX-License-Identifier: GPL-2.0

//! Cables that run by the ticks of a sound timer: section 11.

use std::fs;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::record;
use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::XRUN;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::NAMES;
use support::elements::SHIFT;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal::Expect;

use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::system_config;
use crate::tests::source::timer_line;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::source::SECOND;
use crate::tests::source::SLOW;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("source", name, run);
    vec![
        test(
            "11.3 a period that is not a tick is an XRUN of both ends",
            wrong_period,
        ),
        test(
            "9.13 11.3 a player whose period is not a tick tells that it is active no more",
            wrong_period_is_told,
        ),
        test(
            "11.4 the system timer: whole periods, whole stream",
            whole_periods,
        ),
        test(
            "11.4 17.9 the system timer: the nominal speed",
            nominal_speed,
        )
        .c_defect("17.9"),
        test(
            "11.4 a PCM timer: a period at each of its periods",
            by_periods,
        ),
        test(
            "11.6 the timer runs from the first START to the last stop",
            timer_runs,
        ),
        test(
            "11.7 a tick of less than 100 us is EINVAL at START",
            too_fast,
        ),
        test(
            "11.8 17.9 a second cable runs by the same global timer",
            second_cable,
        )
        .c_defect("11.8"),
        test(
            "11.9 a player that drains ends when its timer stops",
            drain_without_ticks,
        ),
        test("11.10 Rate Shift does nothing to ticks", no_shift),
        test(
            "11.11 a PCM timer of the own card: the whole stream",
            own_timer,
        ),
        test(
            "11.11 a PCM timer of another card: the whole stream",
            other_card,
        ),
        test("11.6 one end is closed while ticks arrive", close_one_end),
        test(
            "17.10 ends are closed and opened while ticks arrive",
            close_often,
        ),
        test(
            "7.12 without ticks a blocked transfer is EIO, and goes on later",
            no_ticks,
        ),
        test(
            "7.12 without ticks a DRAIN is EIO, and ends",
            no_ticks_to_drain,
        ),
        test(
            "11.1 afterwards the cable runs by the clock of the system",
            afterwards,
        ),
    ]
}

fn started(ctx: &Context, which: Cable, cfg: &Config) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = which.open(ctx, cfg, cfg)?;
    play.write(&cfg.signal(cfg.buffer(), 110), 0, cfg.buffer())?;
    rec.start()?;
    play.start()?;
    Ok((play, rec))
}

fn wrong_period(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let right = system_config()?;
    for period in [right.period + 16, right.period - 16, right.period * 2] {
        let cfg = Config { period, ..right };
        let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        rec.start()?;
        wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
        check_eq!("the player that does not run", play.state()?, PREPARED);
        play.start()?;
        wait_for_state(&play, XRUN, Duration::from_secs(2))?;
        check_eq!("position of the player", play.status()?.hw_ptr, 0);
        rec.prepare()?;
        check_eq!("the recorder after PREPARE", rec.state()?, PREPARED);
    }
    Ok(())
}

fn wrong_period_is_told(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let right = system_config()?;
    let c = Controls::of(ctx, CABLE)?;
    let cfg = Config {
        period: right.period * 2,
        ..right
    };
    let mut play = CABLE.player(ctx)?;
    play.configure(&cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    play.start()?;
    c.control.subscribe()?;
    wait_for_state(&play, XRUN, Duration::from_secs(2))?;
    check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    check_eq!("events of the XRUN", c.events()?, [NAMES[ACTIVE]]);
    Ok(())
}

/// Plays a stream through `CABLE` and checks each position on the way.
fn through(ctx: &Context, cfg: &Config) -> Outcome {
    unless_stalled(|| {
        let mut session = Session::open(ctx, CABLE, cfg, cfg.signal(cfg.buffer() * 3 / 2, 111))?;
        session.run()?;
        for pcm in [&session.play, &session.rec] {
            let at = pcm.status()?.hw_ptr;
            let period = u64::from(cfg.period);
            check!(at > 0 && at % period == 0, "position {at}, period {period}");
        }
        session.verify(Expect::Whole)
    })
}

fn whole_periods(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let (play, rec) = started(ctx, CABLE, &cfg)?;
    let until = Instant::now() + Duration::from_millis(200);
    let mut last = 0;
    while Instant::now() < until {
        for pcm in [&play, &rec] {
            let at = pcm.status()?.hw_ptr;
            check!(at % u64::from(cfg.period) == 0, "position {at}");
            last = at;
        }
    }
    check!(last > 0, "no tick in 200 ms");
    drop((play, rec));
    through(ctx, &cfg)
}

fn nominal_speed(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let (play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
    drop(play);
    let mut rec = rec;
    rec.sw_params(u64::MAX)?;
    rec.start()?;
    wait_for_position(&rec, 1, Duration::from_secs(1))?;
    let (begun, first) = (Instant::now(), rec.status()?.hw_ptr);
    wait_for_position(&rec, first + 24000, Duration::from_secs(3))?;
    let (took, moved) = (begun.elapsed().as_secs_f64(), rec.status()?.hw_ptr - first);
    let speed = moved as f64 / took;
    // A tick or two of uncertainty in half a second.
    check!(
        (speed / 48000.0 - 1.0).abs() < 0.05,
        "{speed:.0} frames/s instead of 48000"
    );
    Ok(())
}

fn by_periods(ctx: &Context) -> Outcome {
    // Opened before there is a source: it runs by the clock of the system.
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let (play, rec) = started(ctx, CABLE, &SLOW)?;
    check_eq!("positions before", positions(&play, &rec)?, [0, 0]);
    clock.start()?;
    let mut ticks = 0;
    for period in 1..=5u64 {
        wait_for_position(&clock, period * 4800, Duration::from_secs(2))?;
        wait_for_position(&rec, period * 4800, Duration::from_millis(80))?;
        check_eq!(
            format!("positions after period {period}"),
            positions(&play, &rec)?,
            [period * 4800; 2]
        );
        ticks += 1;
    }
    clock.stop()?;
    check_eq!("ticks", ticks, 5);
    check_eq!(
        "positions after the stop",
        positions(&play, &rec)?,
        [24000; 2]
    );
    check_eq!("states", [play.state()?, rec.state()?], [RUNNING; 2]);
    Ok(())
}

fn positions(play: &Pcm, rec: &Pcm) -> Result<[u64; 2], Fail> {
    Ok([play.status()?.hw_ptr, rec.status()?.hw_ptr])
}

/// Those who have the system timer open, with what it does for them.
fn clients() -> Result<Vec<String>, Fail> {
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
fn is_ticking() -> Result<bool, Fail> {
    Ok(clients()?.iter().any(|l| l.ends_with(": running")))
}

fn timer_runs(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let is = |what: &str, want: bool| -> Outcome {
        check_eq!(format!("the timer runs {what}"), is_ticking()?, want);
        Ok(())
    };
    is("at first", false)?;
    let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    is("with prepared ends", false)?;
    play.start()?;
    is("with the player", true)?;
    rec.start()?;
    is("with both", true)?;
    play.pause(true)?;
    is("with the recorder", true)?;
    rec.stop()?;
    is("with no end", false)?;
    play.pause(false)?;
    is("after the release", true)?;
    drop(play);
    is("after the close", false)?;
    check_eq!("clients with an end open", clients()?.len(), 1);
    drop(rec);
    let none: [String; 0] = [];
    check_eq!("clients after the last close", clients()?, none);
    Ok(())
}

fn too_fast(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.3.0")?;
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.write(&LONG.silence(960), 0, 960)?;
    for (what, pcm) in [("player", &play), ("recorder", &rec)] {
        expect_error(&format!("START of the {what}"), pcm.start(), libc::EINVAL)?;
        check_eq!(format!("{what} after START"), pcm.state()?, PREPARED);
    }
    Ok(())
}

fn second_cable(ctx: &Context) -> Outcome {
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

fn drain_without_ticks(ctx: &Context) -> Outcome {
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut play = CABLE.player(ctx)?;
    play.configure(&SLOW)?;
    play.write(&SLOW.signal(4800, 112), 0, 4800)?;
    clock.start()?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    check_eq!("before the stop", play.state()?, DRAINING);
    check!(
        clock.status()?.hw_ptr < 4800,
        "the guest stood still for a period of 100 ms"
    );
    clock.stop()?;
    wait_for_state(&play, SETUP, Duration::from_secs(1))
}

fn no_shift(ctx: &Context) -> Outcome {
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let c = Controls::of(ctx, CABLE)?;
    c.set(SHIFT, 80_000)?;
    let result = (|| {
        let (play, rec) = started(ctx, CABLE, &SLOW)?;
        clock.start()?;
        wait_for_position(&clock, 3 * 4800, Duration::from_secs(2))?;
        wait_for_position(&rec, 3 * 4800, Duration::from_millis(80))?;
        check_eq!("positions", positions(&play, &rec)?, [3 * 4800; 2]);
        Ok(())
    })();
    c.set(SHIFT, 100_000)?;
    result
}

fn by_timer_of(ctx: &Context, other: &Context) -> Outcome {
    let clock = master(other, &LONG)?;
    clock.start()?;
    let _source = Source::set(ctx, &master_of(other.index))?;
    through(ctx, &LONG)?;
    check_eq!("the other stream", clock.state()?, RUNNING);
    Ok(())
}

fn own_timer(ctx: &Context) -> Outcome {
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

fn other_card(ctx: &Context) -> Outcome {
    let others = other_cards(ctx)?;
    if others.is_empty() {
        return Err(Fail::Skip("there is no other loopback card".into()));
    }
    others.iter().try_for_each(|other| by_timer_of(ctx, other))
}

fn close_one_end(ctx: &Context) -> Outcome {
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
        check_eq!("the end that stays", stays.state()?, RUNNING);
    }
    Ok(())
}

fn close_often(ctx: &Context) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("the C driver may crash".into()));
    }
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let begin = |dir| -> Result<Pcm, Fail> {
        let mut pcm = Pcm::open(CABLE.end(ctx, dir))?;
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

fn no_ticks(ctx: &Context) -> Outcome {
    let clock = master(ctx, &LONG)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut rec = Pcm::open_with(CABLE.end(ctx, Dir::Capture), 0)?;
    rec.configure(&LONG)?;
    rec.start()?;
    let mut heard = LONG.nothing();
    let begun = Instant::now();
    expect_error("READI", rec.read(&mut heard, 480), libc::EIO)?;
    let took = begun.elapsed();
    check!(
        took > Duration::from_millis(300) && took < Duration::from_millis(1500),
        "EIO after {took:?} instead of 1.1 times 320 ms"
    );
    check_eq!("state", rec.state()?, RUNNING);
    clock.start()?;
    check_eq!("frames read once it ticks", rec.read(&mut heard, 480)?, 480);
    Ok(())
}

/// The core gives it up after as long as a transfer, and stops the player.
fn no_ticks_to_drain(ctx: &Context) -> Outcome {
    let _clock = master(ctx, &LONG)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut play = Pcm::open_with(CABLE.end(ctx, Dir::Playback), 0)?;
    play.configure(&LONG)?;
    play.write(&LONG.silence(480), 0, 480)?;
    expect_error("DRAIN", play.drain(), libc::EIO)?;
    check_eq!("state", play.state()?, SETUP);
    check_eq!("position", play.status()?.hw_ptr, 0);
    Ok(())
}

fn afterwards(ctx: &Context) -> Outcome {
    let source = Source::set(ctx, "-1.0.0")?;
    drop(CABLE.player(ctx)?);
    drop(source);
    let mut rec = CABLE.recorder(ctx)?;
    check_eq!("timer", timer_line(ctx, CABLE)?, None);
    rec.configure(&LONG)?;
    rec.start()?;
    record(&mut rec, 960)?;
    drop(rec);
    cable_works(ctx, CABLE)
}
