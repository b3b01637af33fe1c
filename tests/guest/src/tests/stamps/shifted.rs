// SPDX-License-Identifier: GPL-2.0

//! Rate Shift and audio time.

use std::time::Duration;

use support::cable::wait_for_position;
use support::check;
use support::check_eq;
use support::config::Dir;
use support::config::RUNNING;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::poll;
use support::stamp::Kind;

use super::config;
use super::prepared;
use super::within_frame;
use super::SECOND;
use crate::tests::timing::with_shift;
use crate::tests::CABLE;

/// Audio time since the start, at a constant shift.
pub(super) fn stretched(ns: i64, shift: i64) -> i64 {
    (i128::from(ns) * 100_000 / i128::from(shift)) as i64
}

/// START to STOP of both sides, the second of which starts between two frames.
pub(super) fn one_reading(ctx: &Context, rate: u32, shift: i64) -> Outcome {
    with_shift(ctx, shift, |_, _| {
        for first in Dir::BOTH {
            let second = Dir::BOTH[1 - first as usize];
            let cfg = config(rate);
            let a = prepared(ctx, CABLE, first, &cfg)?;
            let b = prepared(ctx, CABLE, second, &cfg)?;
            a.start()?;
            wait_for_position(&a, u64::from(rate / 50), Duration::from_secs(1))?;
            b.start()?;
            let start = b.stamp(Kind::Link)?;
            let mut last = [0; 2];
            for round in 0..300 {
                let kind = [Kind::Link, Kind::LinkSynchronized, Kind::Compat][round % 3];
                let s = a.stamp(kind)?;
                check_eq!("state", s.state, RUNNING);
                let what = format!("{first:?}, read {round}");
                within_frame(&what, &s, rate)?;
                let since = s.system - s.trigger;
                check_eq!(
                    format!("{what}: audio time {since} ns after the start"),
                    s.audio,
                    stretched(since, shift)
                );
                let frames = i128::from(since) * i128::from(rate) * 100_000;
                let frames = (frames / (SECOND * i128::from(shift))) as u64;
                check_eq!(
                    format!("{what}: position {since} ns after the start"),
                    s.hw_ptr,
                    frames
                );
                check!(s.audio >= last[0], "{what}: {} after {}", s.audio, last[0]);
                last[0] = s.audio;

                let s = b.stamp(kind)?;
                let what = format!("{second:?}, started second, read {round}");
                within_frame(&what, &s, rate)?;
                let moved = stretched(s.system - start.system, shift);
                check!(
                    (s.audio - start.audio - moved).abs() <= i64::from(shift != 100_000),
                    "{what}: audio time {} ns, by its first stamp {}",
                    s.audio,
                    start.audio + moved
                );
                // It counts the frames that its clock has completed since.
                let ahead = i128::from(s.audio - stretched(s.system - s.trigger, shift));
                check!(
                    (-1..SECOND / i128::from(rate) + 2).contains(&ahead),
                    "{what}: audio time {ahead} ns ahead of the time since its start"
                );
                check!(s.audio >= last[1], "{what}: {} after {}", s.audio, last[1]);
                last[1] = s.audio;
                if round % 10 == 0 {
                    poll(&mut [], 1 + round as i32 % 7);
                }
            }
            a.stop()?;
            // The clock has not stopped with its first side.
            let s = b.stamp(Kind::Link)?;
            let moved = stretched(s.system - start.system, shift);
            check!(
                (s.audio - start.audio - moved).abs() <= i64::from(shift != 100_000),
                "{second:?}, left alone: audio time {} ns, by its first stamp {}",
                s.audio,
                start.audio + moved
            );
            b.stop()?;
        }
        Ok(())
    })
}

pub(super) fn bends(ctx: &Context) -> Outcome {
    with_shift(ctx, 100_000, |control, id| {
        let cfg = config(48000);
        let a = prepared(ctx, CABLE, Dir::Capture, &cfg)?;
        let b = prepared(ctx, CABLE, Dir::Playback, &cfg)?;
        a.start()?;
        b.start()?;
        let mut old = 100_000;
        for shift in [80000, 120_000, 99_999, 100_001, 100_000] {
            for pcm in [&a, &b] {
                for kind in [Kind::Link, Kind::LinkAbsolute] {
                    let before = pcm.stamp(kind)?;
                    control.write(id, shift)?;
                    let after = pcm.stamp(kind)?;
                    poll(&mut [], 20);
                    let later = pcm.stamp(kind)?;
                    control.write(id, old)?;
                    let what = format!("{kind:?} of the {:?}, {old} to {shift}", pcm.dir);
                    // Some time of the old shift, and the rest of the new one.
                    let (dt, got) = (after.system - before.system, after.audio - before.audio);
                    let between = [stretched(dt, old), stretched(dt, shift)];
                    let (low, high) = (between[0].min(between[1]), between[0].max(between[1]));
                    check!(
                        got >= low - 2 && got <= high + 2,
                        "{what}: {got} ns of audio in {dt} ns over the change"
                    );
                    let (dt, got) = (later.system - after.system, later.audio - after.audio);
                    check!(
                        (got - stretched(dt, shift)).abs() <= 1,
                        "{what}: {got} ns of audio in {dt} ns after the change"
                    );
                    if kind == Kind::Link {
                        within_frame(&what, &later, cfg.rate)?;
                    }
                }
            }
            control.write(id, shift)?;
            old = shift;
        }
        Ok(())
    })
}
