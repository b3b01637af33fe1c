// SPDX-License-Identifier: GPL-2.0

//! A tick is a period.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::XRUN;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::CAPTURE_ACTIVE;
use support::elements::NAMES;
use support::elements::SHIFT;
use support::kernel::log::Log;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Outcome;

use super::started;
use super::through;
use super::users::positions;
use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::source::SLOW;

/// The log from now on, when what other tests have had logged is so long ago that it does not keep
/// more from it: the driver prints ten messages in five seconds.
pub fn log_after_others() -> std::io::Result<Log> {
    thread::sleep(Duration::from_secs(5));
    Log::from_now()
}

pub(super) fn wrong_period(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let right = system_config()?;
    let tick = u64::from(right.period) * 1_000_000_000 / u64::from(right.rate);
    let mut log = log_after_others()?;
    for period in [right.period + 16, right.period - 16, right.period * 2] {
        let cfg = Config { period, ..right };
        let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        rec.start()?;
        wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
        check_eq!("the playback that does not run", play.state()?, PREPARED);
        // Of this round: with this period.
        let message = format!(
            "Period size ({period} frames) of loopback device is not corresponding to timer \
             resolution ({tick} nsec = {} frames) of card timer -1,0,0. Use period size of {0} frames",
            right.period
        );
        check!(log.says(&message), "no '{message}' in the log");
        play.start()?;
        wait_for_state(&play, XRUN, Duration::from_secs(2))?;
        check_eq!("position of the playback", play.status()?.hw_ptr, 0);
        rec.prepare()?;
        check_eq!("the capture after PREPARE", rec.state()?, PREPARED);
        play.prepare()?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        rec.start()?;
        play.start()?;
        for pcm in [&play, &rec] {
            wait_for_state(pcm, XRUN, Duration::from_secs(2))?;
            check_eq!(
                format!("position of the {:?} of both", pcm.dir),
                pcm.status()?.hw_ptr,
                0
            );
        }
    }
    Ok(())
}

pub(super) fn wrong_period_is_told(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let right = system_config()?;
    let c = Controls::of(ctx, CABLE)?;
    let cfg = Config {
        period: right.period * 2,
        ..right
    };
    let mut play = CABLE.playback(ctx)?;
    play.configure(&cfg)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    play.start()?;
    c.control.subscribe()?;
    wait_for_state(&play, XRUN, Duration::from_secs(2))?;
    check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    check_eq!("events of the XRUN", c.events()?, [NAMES[ACTIVE]]);
    Ok(())
}

pub(super) fn wrong_period_is_told_of_a_capture(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let right = system_config()?;
    let c = Controls::of(ctx, CABLE)?;
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&Config {
        period: right.period * 2,
        ..right
    })?;
    rec.start()?;
    check_eq!("Capture Active", c.capture_active()?, 1);
    c.control.subscribe()?;
    wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
    check_eq!("Capture Active after the XRUN", c.capture_active()?, 0);
    check_eq!("events of the XRUN", c.all_events()?, [CAPTURE_ACTIVE]);
    Ok(())
}

pub(super) fn whole_periods(ctx: &Context) -> Outcome {
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

pub(super) fn nominal_speed(ctx: &Context) -> Outcome {
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

pub(super) fn by_periods(ctx: &Context) -> Outcome {
    // Opened before there is a source: it runs by the clock of the system.
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let (play, rec) = started(ctx, CABLE, &SLOW)?;
    check_eq!("positions before", positions(&play, &rec)?, [0, 0]);
    clock.start()?;
    for period in 1..=5u64 {
        wait_for_position(&clock, period * 4800, Duration::from_secs(2))?;
        wait_for_position(&rec, period * 4800, Duration::from_millis(80))?;
        check_eq!(
            format!("positions after period {period}"),
            positions(&play, &rec)?,
            [period * 4800; 2]
        );
    }
    clock.stop()?;
    check_eq!(
        "positions after the stop",
        positions(&play, &rec)?,
        [24000; 2]
    );
    check_eq!("states", [play.state()?, rec.state()?], [RUNNING; 2]);
    Ok(())
}

pub(super) fn uneven_periods(ctx: &Context) -> Outcome {
    for (period, rate) in [(1024, 48000), (1024, 44100), (1000, 11025)] {
        let cfg = Config {
            period,
            rate,
            periods: 8,
            ..LONG
        };
        let clock = master(ctx, &cfg)?;
        clock.start()?;
        let _source = Source::set(ctx, &master_of(ctx.index))?;
        through(ctx, &cfg)?;
        check_eq!("the source", clock.state()?, RUNNING);
    }
    Ok(())
}

pub(super) fn too_fast(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.3.0")?;
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.write(&LONG.silence(960), 0, 960)?;
    let mut log = log_after_others()?;
    for (what, pcm) in [("playback", &play), ("capture", &rec)] {
        expect_error(&format!("START of the {what}"), pcm.start(), libc::EINVAL)?;
        let message = "snd_timer_start(-1,3,0) failed with -22";
        check!(log.says(message), "no '{message}' in the log");
        check_eq!(format!("{what} after START"), pcm.state()?, PREPARED);
    }
    Ok(())
}

pub(super) fn no_shift(ctx: &Context) -> Outcome {
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
