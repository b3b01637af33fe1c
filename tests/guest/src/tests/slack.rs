// SPDX-License-Identifier: GPL-2.0

//! A card with `timer_slack`, on which period timers may be late: 8.12.

use std::fs;

use support::cable::Cable;
use support::check;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::trace::Trace;
use support::trace::INTERRUPTS;
use support::trace::TIMERS;

use crate::tests::timers::expired_together;
use crate::tests::timing;
use crate::tests::timing::us;
use crate::tests::timing::Lateness;

pub fn tests() -> Vec<Test> {
    let test = |name: String, run: Box<dyn Fn(&Context) -> Outcome>| {
        let run = move |ctx: &Context| {
            made_with_it(ctx)?;
            timing::before_all_others()?;
            run(ctx)
        };
        Test::new("slack", name, run).limit(60)
    };
    let mut tests = Vec::new();
    for dir in Dir::BOTH {
        // The period in frames at 48 kHz, and how late that may be: 1 ms, or a quarter of it.
        for (period, late) in [(480, 1000), (96, 500), (24, 125)] {
            tests.push(test(
                format!("8.12 wake-ups at {period} frames {late} us late at most, {dir:?}"),
                Box::new(move |ctx| lateness(ctx, dir, period, late)),
            ));
        }
        tests.push(test(
            format!("8.12 8.2 positions are as without it, {dir:?}"),
            Box::new(move |ctx| timing::steps(ctx, dir)),
        ));
    }
    tests.push(test(
        "8.12 cables whose periods end apart share interrupts".into(),
        Box::new(shared),
    ));
    tests
}

/// The parameter, or the attribute of the card's directory, is what this group is about.
fn made_with_it(ctx: &Context) -> Outcome {
    let attribute = format!("/sys/kernel/config/snd-aloop/{}/timer_slack", ctx.card);
    let parameter = "/sys/module/snd_aloop_rs/parameters/timer_slack";
    let text = fs::read_to_string(attribute).or_else(|_| fs::read_to_string(parameter))?;
    match text.trim().split(',').next() {
        Some("1000") => Ok(()),
        _ => Err(Fail::Wrong("the card has no timer_slack=1000".into())),
    }
}

/// Serves a stream a period at a time. Wake-ups come within so many microseconds; and since no other
/// timer expires in between, most of them late.
fn lateness(ctx: &Context, dir: Dir, period: u32, late: i64) -> Outcome {
    // What it takes from an expiry to a program that has waited for it, at most: as in `timing`.
    const WAKE: i64 = 100;
    let Lateness {
        first,
        median,
        last,
    } = timing::lateness(ctx, dir, period)?;
    check!(first >= 0, "a wake-up {:.1} us early", us(-first));
    check!(
        median >= late * 1000 / 2,
        "median: {:.1} us late: the timer is not to hurry",
        us(median)
    );
    check!(
        last < (late + WAKE) * 1000,
        "worst: {:.1} us late",
        us(last)
    );
    Ok(())
}

/// Playbacks on all 16 cables, whose periods of 10 ms end at as many times.
fn shared(ctx: &Context) -> Outcome {
    let cfg = Config {
        period: 480,
        periods: 4,
        ..USUAL
    };
    let silence = cfg.silence(cfg.buffer());
    let mut playbacks = Vec::new();
    for number in 0..16 {
        let cable = Cable {
            device: number % 2,
            subdevice: number / 2,
        };
        let mut playback = Pcm::open(cable.side(ctx, Dir::Playback))?;
        playback.configure(&cfg)?;
        playback.write(&silence, 0, cfg.buffer())?;
        playbacks.push(playback);
    }
    for playback in &mut playbacks {
        playback.start()?;
        let next = now_ns() + 10_000_000 / 16;
        while now_ns() < next {}
    }
    let trace = Trace::begin(&[TIMERS[0], TIMERS[1], INTERRUPTS[0], INTERRUPTS[1]])?;
    let end = now_ns() + 1_000_000_000;
    while now_ns() < end {
        // Nothing but periods wakes it: a timer of its own would bring others along.
        let mut fds: Vec<_> = playbacks.iter().map(Pcm::pollfd).collect();
        check!(poll(&mut fds, 1000), "no period ends for 1 s");
        for (playback, fd) in playbacks.iter_mut().zip(fds) {
            if fd.revents != 0 {
                playback.write(&silence, 0, 480)?;
            }
        }
    }
    let (timers, interrupts) = expired_together(ctx, &trace.end()?);
    note(&format!("{timers} timers, {interrupts} interrupts"));
    check!(timers > 1400, "only {timers} timers");
    // Each waits for 1 ms, in which one other is due: half as many. The kernel's tick, 250 times a
    // second, has those expire by themselves that wait just then.
    check!(
        interrupts <= timers / 2 + 300,
        "{interrupts} interrupts for {timers} timers"
    );
    Ok(())
}
