// SPDX-License-Identifier: GPL-2.0

//! Cables that run by sound timers, and the timers' own device.

use std::time::Duration;

use support::cable::cable_works;
use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::XRUN;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::timer::UserTimer;

use super::test;
use super::LENGTH;
use crate::tests::races::all_work;
use crate::tests::races::race_for;
use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::source::CABLE;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "2b96f44164236dda0f3b mmap, HW_PARAMS, open and timer ioctls at once",
            at_once,
        ),
        test(
            "561a74f84100162990b2 linked streams that ticks stop",
            ticks_stop_linked,
        ),
        test(
            "561a74f84100162990b2 streams linked with the one whose timer they run by",
            linked_with_master,
        ),
        test(
            "17.13 a late timer does not move the periods that follow",
            periods_stay,
        ),
    ]
}

/// The cable's sides, which run by the system's timer, are opened and set up; the buffer of another
/// stream is mapped; and an application has the timers of both.
fn at_once(ctx: &Context) -> Outcome {
    let tick = system_config()?;
    let source = Source::set(ctx, "-1.0.0")?;
    let mapped = CABLE.side(ctx, Dir::Capture);
    let opened = CABLE.side(ctx, Dir::Playback);
    let card = ctx.index;
    race_for(
        ctx,
        LENGTH,
        vec![
            (
                "mmap",
                Box::new(move |worker| {
                    let cfg = Config {
                        access: Access::MmapInterleaved,
                        ..tick
                    };
                    let mut pcm = Pcm::open(mapped)?;
                    while worker.goes_on() {
                        let made = pcm.configure(&cfg);
                        if worker.tried(made)? {
                            worker.tried(pcm.start())?;
                        }
                        let freed = pcm.stop().and_then(|()| pcm.hw_free());
                        worker.tried(freed)?;
                    }
                    Ok(())
                }),
            ),
            (
                "open and HW_PARAMS",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let mut pcm = Pcm::open(opened)?;
                        for _ in 0..3 {
                            let made = pcm.configure(&tick);
                            if worker.tried(made)? {
                                let written = pcm.write(&tick.silence(480), 0, 480);
                                worker.tried(written)?;
                                worker.tried(pcm.start())?;
                            }
                            worker.tried(pcm.stop())?;
                        }
                    }
                    Ok(())
                }),
            ),
            (
                "timer ioctls",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let timer = UserTimer::open()?;
                        let device = worker.random.below(2) as u32;
                        let subdevice = 2 + worker.random.below(2) as u32;
                        let selected = timer.select(card, device, subdevice);
                        if worker.tried(selected)? {
                            worker.tried(timer.start())?;
                            worker.tried(timer.stop())?;
                        }
                    }
                    Ok(())
                }),
            ),
        ],
    )?;
    drop(source);
    all_work(ctx, &[CABLE])
}

/// A tick is handled, and what it stops stopped with all that it is linked with.
fn ticks_stop_linked(ctx: &Context) -> Outcome {
    let right = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let wrong = Config {
        period: right.period + 16,
        ..right
    };
    for (cfg, drains, last) in [
        (wrong, false, XRUN),
        (right, false, XRUN),
        (right, true, SETUP),
    ] {
        for playback_first in [false, true] {
            let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
            let frames = if drains { 2400 } else { cfg.buffer() };
            play.write(&cfg.silence(frames), 0, frames)?;
            match playback_first {
                true => rec.link(&play)?,
                false => play.link(&rec)?,
            }
            play.start()?;
            // On a busy host it may have been stopped already.
            let state = rec.state()?;
            check!(
                state == RUNNING || state == last,
                "the capture is {} after START",
                state_name(state)
            );
            if drains {
                play.set_blocking(true);
                play.drain()?;
            }
            wait_for_state(&play, last, Duration::from_secs(3))?;
            // Drained, a capture ends with what it has.
            if !drains {
                wait_for_state(&rec, last, Duration::from_secs(3))?;
            }
        }
    }
    Ok(())
}

/// The end of a period of one stream, at which its lock is held, is the tick of the others, which
/// have that lock too.
fn linked_with_master(ctx: &Context) -> Outcome {
    let clock = master(ctx, &LONG)?;
    let source = Source::set(ctx, &master_of(ctx.index))?;
    for _ in 0..5 {
        let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
        play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        clock.link(&play)?;
        clock.link(&rec)?;
        clock.start()?;
        for pcm in [&play, &rec, &clock] {
            check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
        }
        wait_for_position(&rec, 4800, Duration::from_secs(2))?;
        // The playback runs dry, and takes the others with it.
        wait_for_state(&play, XRUN, Duration::from_secs(3))?;
        check!(rec.state()? == XRUN, "the capture goes on");
        drop((play, rec));
        clock.prepare()?;
    }
    drop((clock, source));
    cable_works(ctx, CABLE)
}

/// Who has a stream's sound timer is told of each period, whatever he reads. A timer is a little
/// late each time; that must not add up.
fn periods_stay(ctx: &Context) -> Outcome {
    // Periods of 5 ms, of so many frames that some microseconds are several.
    let cfg = Config {
        rate: 768_000,
        channels: 1,
        period: 3840,
        periods: 8,
        ..LONG
    };
    let at = CABLE.side(ctx, Dir::Capture);
    let mut rec = Pcm::open(at)?;
    rec.configure(&cfg)?;
    rec.sw_params(u64::MAX)?;
    let mut timer = UserTimer::open()?;
    timer.select(at.card, at.device, at.subdevice * 2 + 1)?;
    timer.start()?;
    rec.start()?;
    let mut late = Vec::new();
    for _ in 0..600 {
        timer.wait()?;
        late.push(rec.status()?.hw_ptr % u64::from(cfg.period));
    }
    // What each of them is late by adds up if the next is counted from there: by and by, until it
    // is a period and begins again.
    let mut medians = Vec::new();
    for quarter in late.chunks_mut(150) {
        quarter.sort_unstable();
        medians.push(quarter[quarter.len() / 2]);
    }
    note(&format!(
        "{medians:?} frames late in the middle of a quarter of the time, {:?} at most",
        late.iter().max()
    ));
    // In the first, an emulator has yet to translate what it runs.
    for &median in &medians[1..] {
        check!(
            median < u64::from(cfg.period) / 4,
            "{median} frames after the end of a period of {}",
            cfg.period
        );
    }
    Ok(())
}
