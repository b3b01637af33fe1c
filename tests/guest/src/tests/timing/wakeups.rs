// SPDX-License-Identifier: GPL-2.0

//! How late wake-ups come, and how many.

use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;

use super::with_shift;
use crate::tests::CABLE;

/// How late wake-ups came, in nanoseconds.
pub struct Lateness {
    pub first: i64,
    pub median: i64,
    pub last: i64,
}

/// Returns a time in microseconds, as it is shown.
pub fn us(ns: i64) -> f64 {
    ns as f64 / 1000.0
}

/// Serves a stream exactly one period per wake-up, and notes how late they came.
pub fn lateness(ctx: &Context, dir: Dir, period: u32) -> Result<Lateness, Fail> {
    const COUNT: usize = 200;
    let cfg = Config {
        period,
        periods: 4,
        ..USUAL
    };
    let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
    pcm.configure(&cfg)?;
    let silence = cfg.silence(cfg.buffer());
    if dir == Dir::Playback {
        pcm.write(&silence, 0, cfg.buffer())?;
    }
    // The time before START: no time spent in the call is taken off the lateness.
    let begun = now_ns();
    pcm.start()?;
    let mut late = Vec::with_capacity(COUNT);
    let mut heard = cfg.nothing();
    for number in 1..=COUNT as i64 {
        check!(pcm.poll(1000).is_some(), "wake-up {number}: none for 1 s");
        let now = now_ns();
        let ideal = begun + number * i64::from(period) * 1_000_000_000 / 48000;
        late.push(now - ideal);
        let frames = period as usize;
        let moved = match dir {
            Dir::Playback => pcm.write(&silence, 0, frames),
            Dir::Capture => pcm.read(&mut heard, frames),
        };
        check_eq!(format!("frames moved at wake-up {number}"), moved?, frames);
    }
    late.sort_unstable();
    let (first, median, last) = (late[0], late[COUNT / 2], late[COUNT - 1]);
    note(&format!(
        "late by {:.1} us at least, {:.1} us in the median, {:.1} us at most",
        us(first),
        us(median),
        us(last)
    ));
    Ok(Lateness {
        first,
        median,
        last,
    })
}

/// Wake-ups come at the ends of periods, and hardly later.
pub(super) fn wakeups(ctx: &Context, dir: Dir, period: u32) -> Outcome {
    let Lateness {
        first,
        median,
        last,
    } = lateness(ctx, dir, period)?;
    check!(first >= 0, "a wake-up {:.1} us early", us(-first));
    check!(us(median) < 100.0, "median: {:.1} us late", us(median));
    check!(us(last) < 100.0, "worst: {:.1} us late", us(last));
    Ok(())
}

/// An application that takes all there is, which is a frame or two more than a period, is not woken
/// by the end of the next period. It must not have to wait for another.
pub(super) fn greedy(ctx: &Context, dir: Dir, period: u32) -> Outcome {
    const COUNT: usize = 200;
    let cfg = Config {
        period,
        periods: 4,
        ..USUAL
    };
    let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
    pcm.configure(&cfg)?;
    pcm.sw_params_waking_at_a_period()?;
    let silence = cfg.silence(cfg.buffer());
    if dir == Dir::Playback {
        pcm.write(&silence, 0, cfg.buffer())?;
    }
    pcm.start()?;
    let mut heard = cfg.nothing();
    let mut gaps = Vec::with_capacity(COUNT);
    let mut before = now_ns();
    for number in 1..=COUNT {
        check!(pcm.poll(1000).is_some(), "wake-up {number}: none for 1 s");
        let now = now_ns();
        gaps.push(now - before);
        before = now;
        // It is a slow one: by the time that it looks, there is one more.
        let mut frames = 0;
        while frames <= period as usize {
            frames = pcm.status()?.avail as usize;
        }
        let moved = match dir {
            Dir::Playback => pcm.write(&silence, 0, frames),
            Dir::Capture => pcm.read(&mut heard, frames),
        };
        check_eq!(format!("frames moved at wake-up {number}"), moved?, frames);
    }
    gaps.sort_unstable();
    let longest = gaps[COUNT - 1] * 48000 / 1_000_000_000;
    note(&format!("{longest} frames at most from one to the next"));
    check!(
        longest < i64::from(period) + 16,
        "from one wake-up to the next: {longest} frames"
    );
    Ok(())
}

/// A period of 120 ms becomes shorter, and longer again, while somebody waits for its end.
pub(super) fn shift_moves_the_end(ctx: &Context, dir: Dir) -> Outcome {
    const NS: i64 = 1_000_000_000;
    let cfg = Config {
        period: 4800,
        periods: 4,
        ..USUAL
    };
    // The speeds in frames a second, before and after.
    for (before, after) in [
        ((120_000, 40_000), (80_000, 60_000)),
        ((80_000, 60_000), (120_000, 40_000)),
    ] {
        let ((shift, slow), (next, fast)) = (before, after);
        with_shift(ctx, shift, |control, id| {
            let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
            pcm.configure(&cfg)?;
            if dir == Dir::Playback {
                pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
            }
            pcm.start()?;
            let begun = pcm.status()?.trigger_tstamp.ns();
            poll(&mut [], 5);
            let changed = now_ns();
            control.write(id, next)?;
            check!(pcm.poll(1000).is_some(), "no wake-up for a second");
            let now = now_ns();
            // What is left of the period at the change, in frames times nanoseconds.
            let left = 4800 * NS - (changed - begun) * slow;
            let late = now - changed - left / fast;
            note(&format!("{shift} to {next}: {:.1} us late", us(late)));
            // The change itself comes a little after its time was taken.
            check!(
                (-20_000..100_000).contains(&late),
                "{shift} to {next}: the period's end came {:.1} us late",
                us(late)
            );
            Ok(())
        })?;
    }
    Ok(())
}
