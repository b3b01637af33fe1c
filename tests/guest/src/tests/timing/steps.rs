// SPDX-License-Identifier: GPL-2.0

//! In what steps a position moves.

use support::check;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::poll;

use super::running;
use super::with_shift;

/// How long a position stands still at most, in nanoseconds: rule 8.2.
const STILL: i64 = 10_000;

pub fn steps(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let pcm = running(ctx, dir, &cfg)?;
    // What else the machine does between two questions is not the position's fault.
    let frames_in = |ns: i64| ns * i64::from(cfg.rate) / 1_000_000_000;
    let mut by_status = (0, 0);
    let mut last = pcm.status()?;
    while last.hw_ptr < 12000 {
        let now = pcm.status()?;
        check!(
            now.hw_ptr >= last.hw_ptr,
            "position {} after {}",
            now.hw_ptr,
            last.hw_ptr
        );
        let step =
            (now.hw_ptr - last.hw_ptr) as i64 - frames_in(now.tstamp.ns() - last.tstamp.ns());
        by_status = (by_status.0.max(step), by_status.1 + 1);
        last = now;
    }
    let mut by_delay = (0, 0);
    // The delay of a capture grows and that of a playback shrinks, one frame for each.
    let mut asked = now_ns();
    let mut last = pcm.delay()?;
    let first = last;
    while (last - first).abs() < 12000 {
        let before = std::mem::replace(&mut asked, now_ns());
        pcm.hwsync()?;
        let delay = pcm.delay()?;
        let step = (delay - last).abs() - frames_in(now_ns() - before);
        by_delay = (by_delay.0.max(step), by_delay.1 + 1);
        last = delay;
    }
    note(&format!(
        "STATUS: largest step {} frames more than there was time for in {} reads; HWSYNC and \
         DELAY: {} in {}",
        by_status.0, by_status.1, by_delay.0, by_delay.1
    ));
    check!(by_status.0 <= 2, "STATUS: a step of {} frames", by_status.0);
    check!(
        by_delay.0 <= 2,
        "HWSYNC and DELAY: a step of {} frames",
        by_delay.0
    );
    Ok(())
}

/// As a program that plays sees it, which keeps in step with something by its delay: that falls as
/// fast as the speed allows, and as slowly, and never jumps.
pub(super) fn delay_under_shifts(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let frames_in = |ns: i64, shift: i64| ns as f64 * f64::from(cfg.rate) * 1e-4 / shift as f64;
    with_shift(ctx, 100_000, |control, id| {
        let pcm = running(ctx, Dir::Playback, &cfg)?;
        let mut asked = (now_ns(), now_ns());
        let mut last = pcm.delay()?;
        let mut reads = 0;
        for shift in [120_000, 80_000, 100_000, 99_999, 110_000].repeat(8) {
            control.write(id, shift)?;
            let until = now_ns() + 15_000_000;
            while now_ns() < until {
                let begun = now_ns();
                pcm.hwsync()?;
                let delay = pcm.delay()?;
                let ended = now_ns();
                // Between the two looks there was at least, and at most, so much time. What either
                // has found may have been true up to STILL before it.
                let least = frames_in(begun - asked.1 - STILL, 120_000) - 1.0;
                let most = frames_in(ended - asked.0 + STILL, 80_000) + 1.0;
                let step = (last - delay) as f64;
                check!(
                    least <= step && step <= most,
                    "shift {shift}: the delay went from {last} to {delay}, by {step} frames; \
                     {least:.1} to {most:.1} are possible"
                );
                (asked, last) = ((begun, ended), delay);
                reads += 1;
            }
        }
        note(&format!("{reads} looks at the delay"));
        check!(reads > 1000, "only {reads} looks at the delay");
        Ok(())
    })
}

/// Takes all there is, again and again, until there is no more. In the time that it takes, the
/// stream goes on.
pub(super) fn until_nothing_is_left(ctx: &Context, rate: u32) -> Outcome {
    for access in [Access::RwInterleaved, Access::MmapInterleaved] {
        for dir in Dir::BOTH {
            let cfg = Config {
                access,
                rate,
                period: rate / 100,
                ..USUAL
            };
            let mut pcm = running(ctx, dir, &cfg)?;
            let silence = cfg.silence(cfg.buffer());
            let mut heard = cfg.nothing();
            let mut most = 0;
            for _ in 0..20 {
                poll(&mut [], 10);
                let mut calls = 0;
                loop {
                    calls += 1;
                    let moved = match dir {
                        Dir::Capture => pcm.read(&mut heard, cfg.buffer())?,
                        Dir::Playback => pcm.write(&silence, 0, cfg.buffer())?,
                    };
                    if moved == 0 {
                        break;
                    }
                    check!(calls < 16, "{access:?} {dir:?}: {calls} calls, and no end");
                }
                most = most.max(calls);
            }
            note(&format!("{access:?} {dir:?}: {most} calls at most"));
        }
    }
    Ok(())
}
