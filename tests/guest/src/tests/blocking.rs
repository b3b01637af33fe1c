// SPDX-License-Identifier: GPL-2.0

//! Reads and writes that wait: how long. It can only be judged under the counted clock.

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

use crate::tests::timing::before_all_others;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    Dir::BOTH
        .into_iter()
        .map(|dir| {
            let name = format!(
                "8.6 a {} that waits for less than avail_min does not wait for that",
                if dir == Dir::Playback {
                    "write"
                } else {
                    "read"
                }
            );
            let run = move |ctx: &Context| before_all_others().and_then(|()| waits(ctx, dir));
            Test::new("timing", name, run).limit(60)
        })
        .chain(Dir::BOTH.map(|dir| {
            let name = format!(
                "8.7 a {} that begins in the middle of a period ends when a period is there",
                if dir == Dir::Playback {
                    "write"
                } else {
                    "read"
                }
            );
            let run = move |ctx: &Context| before_all_others().and_then(|()| lags(ctx, dir));
            Test::new("timing", name, run).c_defect("8.7").limit(60)
        }))
        .collect()
}

/// Who takes all there is in the middle of a period, and then waits for a period, lacks some frames
/// at the end of the present one. In a call that may wait, the core says only then what it waits
/// for.
fn lags(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = USUAL;
    let (period, buffer) = (cfg.period as usize, cfg.buffer());
    for into_period in [1, 3, 8] {
        let what = format!("{into_period} ms into a period");
        let mut pcm = Pcm::open_with(CABLE.side(ctx, dir), 0)?;
        pcm.configure(&cfg)?;
        let start = if dir == Dir::Playback {
            buffer as u64
        } else {
            1
        };
        pcm.set_thresholds(start, buffer as u64, period as u64)?;
        let source = cfg.silence(buffer);
        let transfer = |pcm: &mut Pcm, frames: usize| match dir {
            Dir::Playback => pcm.write(&source, 0, frames),
            Dir::Capture => pcm.read(&mut cfg.nothing(), frames),
        };
        match dir {
            Dir::Playback => transfer(&mut pcm, buffer)?,
            Dir::Capture => {
                pcm.start()?;
                0
            }
        };
        let mut wanted = 0;
        let mut ended = Vec::new();
        for _ in 0..20 {
            poll(&mut [], into_period);
            let there = pcm.status()?.avail as usize;
            if there > 0 {
                transfer(&mut pcm, there)?;
            }
            transfer(&mut pcm, period)?;
            wanted += there + period;
            ended.push((now_ns(), wanted));
        }
        let begun = pcm.status()?.trigger_tstamp.ns();
        // When the device was at that position.
        let late = |(time, frames): (i64, usize)| {
            time - begun - frames as i64 * 1_000_000_000 / i64::from(cfg.rate)
        };
        let latest = ended.into_iter().map(late).max().unwrap_or(i64::MAX);
        note(&format!(
            "{what}: at most {:.0} us late",
            latest as f64 / 1e3
        ));
        check!(
            latest <= 200_000,
            "{what}: a call has ended {latest} ns late"
        );
    }
    Ok(())
}

/// A buffer of two periods: who waits for more than the next end of one is too late, or nearly so.
const CFG: Config = Config {
    period: 1024,
    periods: 2,
    ..USUAL
};

fn waits(ctx: &Context, dir: Dir) -> Outcome {
    let buffer = CFG.buffer() as u64;
    // The C driver wakes with the second jiffy after the end of the period at the latest.
    let late = if ctx.is_c_driver() {
        8_000_000
    } else {
        100_000
    };
    for (avail_min, frames) in [(2040, 512), (1500, 512), (2048, 256)] {
        let what = format!("avail_min {avail_min}, {frames} frames a call");
        let mut pcm = Pcm::open_with(CABLE.side(ctx, dir), 0)?;
        pcm.configure(&CFG)?;
        let start = if dir == Dir::Playback { buffer } else { 1 };
        pcm.set_thresholds(start, buffer, avail_min)?;
        let source = CFG.silence(frames);
        let mut longest = 0;
        for call in 0..100 {
            let begun = now_ns();
            let moved = match dir {
                Dir::Playback => pcm.write(&source, 0, frames),
                Dir::Capture => pcm.read(&mut CFG.nothing(), frames),
            }
            .map_err(|e| Fail::Wrong(format!("{what}: call {call}: {e}")))?;
            check!(moved == frames, "{what}: call {call} has moved {moved}");
            longest = longest.max(now_ns() - begun);
        }
        note(&format!("{what}: at most {:.2} ms", longest as f64 / 1e6));
        check!(
            longest <= CFG.period_ns() + late,
            "{what}: a call took {longest} ns, a period has {}",
            CFG.period_ns()
        );
    }
    Ok(())
}
