// SPDX-License-Identifier: GPL-2.0

//! The speed of a cable, and what changes it.

use support::cable::wait_for_position;
use support::check;
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

use super::running;
use super::with_shift;

/// Positions with their time stamps in seconds, for about `seconds`.
pub fn observe(pcm: &Pcm, seconds: f64) -> Result<Vec<(f64, f64)>, Fail> {
    let mut points = Vec::new();
    let begun = pcm.status()?.tstamp.ns();
    let mut wait = 1;
    loop {
        let status = pcm.status()?;
        let at = (status.tstamp.ns() - begun) as f64 / 1e9;
        points.push((at, status.hw_ptr as f64));
        if at > seconds {
            return Ok(points);
        }
        // Uneven spacing, so that the rounding to frames averages out.
        wait = wait * 5 % 23;
        poll(&mut [], wait);
    }
}

/// Least squares: slope in frames per second, and the span of the deviations in frames.
pub fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (
        points.iter().map(|p| p.0).sum::<f64>() / n,
        points.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let slope = sxy / sxx;
    let deviations = points.iter().map(|p| p.1 - my - slope * (p.0 - mx));
    let (low, high) = deviations.fold((f64::MAX, f64::MIN), |(l, h), d| (l.min(d), h.max(d)));
    (slope, high - low)
}

pub(super) fn slope(ctx: &Context, rate: u32, shift: i64) -> Outcome {
    with_shift(ctx, shift, |_, _| {
        let cfg = Config {
            rate,
            period: rate / 50,
            ..USUAL
        };
        let rec = running(ctx, Dir::Capture, &cfg)?;
        // The longer a frame, the longer it takes until its rounding averages out.
        let seconds = 8.0 * (48000.0 / f64::from(rate)).max(1.0);
        let points = observe(&rec, seconds)?;
        let (got, span) = fit(&points);
        let want = f64::from(rate) * 100_000.0 / shift as f64;
        let ppm = (got / want - 1.0) * 1e6;
        note(&format!(
            "{} points: {ppm:+.3} ppm, deviations span {span:.2} frames",
            points.len()
        ));
        check!(ppm.abs() < 1.0, "{ppm:+.3} ppm off");
        // The stamp is taken some microseconds after the position.
        let limit = 2.0 + f64::from(rate) * 20e-6;
        check!(
            span < limit,
            "deviations span {span:.2} frames, limit {limit:.2}"
        );
        Ok(())
    })
}

pub(super) fn shift_change(ctx: &Context) -> Outcome {
    with_shift(ctx, 100_000, |control, id| {
        let rec = running(ctx, Dir::Capture, &USUAL)?;
        let mut before = observe(&rec, 1.0)?;
        for shift in [120_000, 80000, 100_000] {
            let first = rec.status()?;
            control.write(id, shift)?;
            // It may take a period to act: what happens within it is bounded by both speeds.
            wait_for_position(&rec, first.hw_ptr + 960, std::time::Duration::from_secs(1))?;
            let after = observe(&rec, 1.0)?;
            let (got, span) = fit(&after);
            let want = 48000.0 * 100_000.0 / shift as f64;
            check!(
                (got / want - 1.0).abs() < 20e-6,
                "{shift}: {got:.2} frames/s"
            );
            check!(span < 3.0, "{shift}: deviations span {span:.2} frames");
            let last = before[before.len() - 1].1;
            check!(after[0].1 > last, "position {} after {last}", after[0].1);
            before = after;
        }
        Ok(())
    })
}

pub(super) fn pause_position(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = running(ctx, dir, &USUAL)?;
        for wait in [7, 13, 22] {
            let begun = pcm.status()?;
            poll(&mut [], wait);
            let paused = now_ns();
            pcm.pause(true)?;
            poll(&mut [], 5);
            let released = now_ns();
            pcm.pause(false)?;
            // The core asks a paused driver for no position: what came before shows now.
            let after = pcm.status()?;
            let ran = paused - begun.tstamp.ns() + after.tstamp.ns() - released;
            let ran = ran as f64 / 1e9 * 48000.0;
            let moved = (after.hw_ptr - begun.hw_ptr) as f64;
            check!(
                (moved - ran).abs() <= 2.5,
                "{dir:?}: {moved} frames around a pause in {ran:.2} frames' time"
            );
        }
    }
    Ok(())
}
