// SPDX-License-Identifier: GPL-2.0

//! What PREPARE costs: a program's way back after an xrun.

use std::time::Duration;

use support::config::Dir;
use support::kernel::now_ns;

use crate::row::measured;
use crate::row::Card;
use crate::row::Failed;
use crate::row::Plan;
use crate::row::Row;
use crate::stream::usual;
use crate::stream::Stream;
use crate::stream::Wish;
use crate::work::Window;

/// What comes right before PREPARE.
#[derive(Clone, Copy)]
enum After {
    /// The parameters, and nobody on the other side: so each stream begins.
    HwParams,
    /// An xrun, while the other side runs on.
    Xrun,
    /// DROP of a running stream, while the other side runs on.
    Drop,
}

/// How long PREPARE takes, for each side of a cable; and how many instructions, for one more of
/// them.
///
/// A PREPARE that waits for something is idle meanwhile: that takes time and few instructions. What
/// it waits for may be another processor, so these rows are worth a guest with two.
pub fn prepare(plan: &Plan, card: &Card) {
    for (dir, side) in [(Dir::Playback, "playback"), (Dir::Capture, "capture")] {
        for (after, name) in [
            (After::HwParams, "HW_PARAMS"),
            (After::Xrun, "xrun"),
            (After::Drop, "DROP"),
        ] {
            let row = Row::new("prepare")
                .with("driver", &card.id)
                .with("side", side)
                .with("after", name);
            measured(row, 120.0, |row| one(plan, card, dir, after, row))
        }
    }
}

fn one(plan: &Plan, card: &Card, dir: Dir, after: After, row: Row) -> Result<Row, Failed> {
    let cfg = usual(if plan.ticks { 192 } else { 480 }, 4);
    let stream = Stream::open(card, 0, dir, cfg, Wish::default())?;
    let _other = match after {
        After::HwParams => None,
        After::Xrun | After::Drop => {
            let far = match dir {
                Dir::Playback => Dir::Capture,
                Dir::Capture => Dir::Playback,
            };
            let free = Wish {
                free_running: true,
                no_period_wakeup: false,
            };
            let other = Stream::open(card, 0, far, cfg, free)?;
            other.start()?;
            Some(other)
        }
    };
    let mut data = vec![0; cfg.buffer() * cfg.frame_bytes()];
    let mut times = Vec::new();
    for _ in 0..plan.seconds(200.0, 50.0, 10.0) as usize {
        lead_up(&stream, after, &mut data)?;
        times.push(timed(&stream)?);
    }
    // One more is counted, a moment later: nobody holds the stream's lock any more, as who stopped
    // it may have done. The timer's tick, which is ten times as much, is not to come between.
    loop {
        lead_up(&stream, after, &mut data)?;
        // A window is named after its millisecond.
        std::thread::sleep(Duration::from_millis(1));
        let window = Window::begin()?;
        let took = timed(&stream)?;
        let row = window.end(row.clone())?;
        times.push(took);
        times.sort_unstable();
        if took <= times[times.len() * 3 / 4] {
            return Ok(row.with_spread("time", &mut times));
        }
    }
}

fn timed(stream: &Stream) -> Result<i64, Failed> {
    let begun = now_ns();
    stream.prepare()?;
    Ok(now_ns() - begun)
}

/// All up to PREPARE.
fn lead_up(stream: &Stream, after: After, data: &mut [u8]) -> Result<(), Failed> {
    if matches!(after, After::HwParams) {
        return Ok(stream.set_hw_params()?);
    }
    // A capture has nothing to be written.
    if stream.dir() == Dir::Playback {
        stream.transfer(data, stream.cfg.buffer())?;
    }
    stream.start()?;
    if matches!(after, After::Drop) {
        std::thread::sleep(Duration::from_millis(5));
        return Ok(stream.stop()?);
    }
    if !stream.wait_for_error(1000) {
        return Err(Failed("no xrun for 1 s".into()));
    }
    Ok(())
}
