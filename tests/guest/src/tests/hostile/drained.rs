// SPDX-License-Identifier: GPL-2.0

//! A drain whose steps take a processor for themselves.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use support::cable::Cable;
use support::check;
use support::config::Config;
use support::config::LONG;
use support::kernel::is_realtime;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::shared;
use support::shared::Page;

/// A playback that nobody has asked for a while has gone round its buffer some hundred thousand
/// times; a DRAIN tells the core so, step by step, and it goes on for as long as there are frames
/// in the buffer. Another processor sees to it that there always are: for that, both have to run at
/// the same time, which a busy host does not grant each time.
pub(super) fn drained_for_ever(ctx: &Context) -> Outcome {
    if is_realtime()? {
        return Err(Fail::Skip(
            "the steps are a thread's there, and keep no interrupt".into(),
        ));
    }
    pin(0)?;
    let (mut met, mut most, mut longest) = (0, 0, 0);
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(240) {
        rounds += 1;
        let (told, gap) = drain_with_company(ctx)?;
        // A hundred thousand steps and more take seconds. (If the host has had other work for so
        // long, the stream has hardly moved.)
        check!(
            gap < 500_000_000 || told < 5000,
            "a processor did nothing else for {:.1} s, and was told of {told} frames",
            gap as f64 / 1e9
        );
        (most, longest) = (most.max(told), longest.max(gap));
        // That is more than the first step.
        met += i32::from(told >= 3);
        if met == 4 {
            note(&format!(
                "told of {most} frames; the processor was away for {:.1} ms at most",
                longest as f64 / 1e6
            ));
            return Ok(());
        }
    }
    Err(format!("in {rounds} rounds, the processors ran at the same time in {met} only").into())
}

/// Drains a playback of a buffer of two frames, with another processor that goes ahead of it.
/// Returns the position that was last told, and the longest time that this processor was away, in
/// nanoseconds.
pub(super) fn drain_with_company(ctx: &Context) -> Result<(u64, i64), Fail> {
    // 50 us; the steps of a shorter one take their time.
    let cfg = Config {
        rate: 40_000,
        channels: 32,
        period: 1,
        periods: 2,
        ..LONG
    };
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    let mut play = cable.playback(ctx)?;
    play.configure_unwoken(&cfg)?;
    play.set_thresholds(u64::MAX, u64::MAX, 1)?;
    play.write(&cfg.signal(2, 7), 0, 2)?;
    let status = Page::of(&play, shared::STATUS)?;
    let over = AtomicBool::new(false);
    let gap = std::thread::scope(|scope| -> Result<i64, Fail> {
        let (over, play) = (&over, &play);
        let ahead = scope.spawn(move || -> Outcome {
            pin(1)?;
            let status = Page::of(play, shared::STATUS)?;
            let control = Page::of(play, shared::CONTROL)?;
            while !over.load(Ordering::Relaxed) {
                control.set_word(shared::APPL_PTR, status.word(shared::HW_PTR) + 2);
            }
            Ok(())
        });
        let drain = || -> Result<i64, Fail> {
            play.start()?;
            std::thread::sleep(Duration::from_secs(4));
            expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
            let (mut last, mut gap) = (now_ns(), 0);
            let until = last + 100_000_000;
            while last < until {
                let now = now_ns();
                gap = gap.max(now - last);
                last = now;
            }
            Ok(gap)
        };
        let drained = drain();
        over.store(true, Ordering::Relaxed);
        ahead
            .join()
            .map_err(|_| Fail::from("a panic".to_string()))??;
        drained
    })?;
    Ok((status.word(shared::HW_PTR), gap))
}

/// How late others may be woken beside streams as hostile as can be, in nanoseconds.
pub(super) const LATE: i64 = 1_000_000;
