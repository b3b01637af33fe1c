// SPDX-License-Identifier: GPL-2.0

//! A timer that does not tick.

use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::record;
use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::RUNNING;
use support::config::SETUP;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Expect;

use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::timer_line;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::source::SLOW;

pub(super) fn drain_without_ticks(ctx: &Context) -> Outcome {
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut play = CABLE.playback(ctx)?;
    play.configure(&SLOW)?;
    play.write(&SLOW.signal(4800, 112), 0, 4800)?;
    clock.start()?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    check_eq!("before the stop", play.state()?, DRAINING);
    check!(
        clock.status()?.hw_ptr < 4800,
        "the guest stood still for a period of 100 ms"
    );
    clock.stop()?;
    wait_for_state(&play, SETUP, Duration::from_secs(1))
}

/// All of it at once, since nothing will tick any more.
pub(super) fn drain_of_several_periods(ctx: &Context) -> Outcome {
    let clock = master(ctx, &SLOW)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let (mut play, mut rec) = CABLE.open(ctx, &SLOW, &SLOW)?;
    let source = SLOW.signal(3 * 4800 + 2400, 114);
    play.write(&source, 0, source.len())?;
    rec.start()?;
    clock.start()?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    clock.stop()?;
    wait_for_state(&play, SETUP, Duration::from_secs(1))?;
    let mut heard = SLOW.nothing();
    rec.hwsync()?;
    let there = rec.status()?.avail as usize;
    rec.read(&mut heard, there)?;
    compare(&source, &heard, Expect::Whole)?;
    Ok(())
}

/// A source that pauses will go on.
pub(super) fn drain_during_a_pause(ctx: &Context) -> Outcome {
    let clock = master(ctx, &LONG)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    play.write(&LONG.signal(20 * 480, 113), 0, 20 * 480)?;
    clock.start()?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    clock.pause(true)?;
    check_eq!("when the source pauses", play.state()?, DRAINING);
    let at = play.status()?.hw_ptr;
    check!(at < 20 * 480, "the guest stood still for 200 ms");
    let over = wait_for_state(&play, SETUP, Duration::from_millis(300));
    check!(over.is_err(), "the drain ends while the source pauses");
    let state = play.state()?;
    check_eq!("300 ms later", state, DRAINING);
    check_eq!("position then", play.status()?.hw_ptr, at);
    clock.pause(false)?;
    wait_for_state(&play, SETUP, Duration::from_secs(1))
}

pub(super) fn no_ticks(ctx: &Context) -> Outcome {
    let clock = master(ctx, &LONG)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut rec = Pcm::open_with(CABLE.side(ctx, Dir::Capture), 0)?;
    rec.configure(&LONG)?;
    rec.start()?;
    let mut heard = LONG.nothing();
    let begun = Instant::now();
    expect_error("READI", rec.read(&mut heard, 480), libc::EIO)?;
    let took = begun.elapsed();
    check!(
        took > Duration::from_millis(300) && took < Duration::from_millis(1500),
        "EIO after {took:?} instead of 1.1 times 320 ms"
    );
    check_eq!("state", rec.state()?, RUNNING);
    clock.start()?;
    check_eq!("frames read once it ticks", rec.read(&mut heard, 480)?, 480);
    Ok(())
}

/// The core gives it up after as long as a transfer, and stops the playback.
pub(super) fn no_ticks_to_drain(ctx: &Context) -> Outcome {
    let _clock = master(ctx, &LONG)?;
    let _source = Source::set(ctx, &master_of(ctx.index))?;
    let mut play = Pcm::open_with(CABLE.side(ctx, Dir::Playback), 0)?;
    play.configure(&LONG)?;
    play.write(&LONG.silence(480), 0, 480)?;
    expect_error("DRAIN", play.drain(), libc::EIO)?;
    check_eq!("state", play.state()?, SETUP);
    check_eq!("position", play.status()?.hw_ptr, 0);
    Ok(())
}

pub(super) fn afterwards(ctx: &Context) -> Outcome {
    let source = Source::set(ctx, "-1.0.0")?;
    drop(CABLE.playback(ctx)?);
    drop(source);
    let mut rec = CABLE.capture(ctx)?;
    check_eq!("timer", timer_line(ctx, CABLE)?, None);
    rec.configure(&LONG)?;
    rec.start()?;
    record(&mut rec, 960)?;
    drop(rec);
    cable_works(ctx, CABLE)
}
