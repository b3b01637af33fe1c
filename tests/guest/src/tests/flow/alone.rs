// SPDX-License-Identifier: GPL-2.0

//! One side without the other.

use support::cable::record;
use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Outcome;

use super::SECOND;
use crate::tests::CABLE;

/// The pace of a running stream over half a second, by its own positions and time stamps.
pub(super) fn check_pace(pcm: &support::pcm::Pcm, rate: f64) -> Outcome {
    // The core stamps positions that differ from the last one, so none has a stamp at first.
    wait_for_position(pcm, 1, SECOND)?;
    let first = pcm.status()?;
    wait_for_position(pcm, first.hw_ptr + (rate / 2.0) as u64, 5 * SECOND)?;
    let last = pcm.status()?;
    let seconds = (last.tstamp.ns() - first.tstamp.ns()) as f64 / 1e9;
    let pace = (last.hw_ptr - first.hw_ptr) as f64 / seconds;
    // A jiffy more or less at each end is what the C driver's clock allows.
    let error = (pace / rate - 1.0).abs();
    check!(
        error < 0.02,
        "pace: expected {rate} frames/s, got {pace:.0}"
    );
    Ok(())
}

pub(super) fn capture_alone(ctx: &Context) -> Outcome {
    for rate in [8000, 48000] {
        let cfg = Config {
            rate,
            period: rate / 100,
            periods: 100,
            ..USUAL
        };
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&cfg)?;
        rec.start()?;
        check_pace(&rec, f64::from(rate))?;
        let heard = record(&mut rec, rate as usize)?;
        check_eq!("first sound", heard.first_sound(0), None);
        check_eq!("state", rec.state()?, RUNNING);
    }
    Ok(())
}

pub(super) fn overrun(ctx: &Context) -> Outcome {
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&USUAL)?;
    rec.start()?;
    wait_for_state(&rec, XRUN, SECOND)?;
    let mut heard = USUAL.nothing();
    expect_error(
        "READI after an overrun",
        rec.read(&mut heard, 16),
        libc::EPIPE,
    )?;
    let events = rec.poll(1000).unwrap_or(0);
    check!(
        events & libc::POLLERR != 0,
        "poll after an overrun: {events:#x}"
    );
    expect_error("START after an overrun", rec.start(), libc::EBADFD)?;
    rec.prepare()?;
    rec.start()?;
    record(&mut rec, 4800).map(|_| ())
}

pub(super) fn playback_alone(ctx: &Context) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    play.configure(&Config {
        periods: 100,
        ..USUAL
    })?;
    let source = play.config().signal(48000, 1);
    let written = play.write(&source, 0, 48000)?;
    check_eq!("frames written", written, 48000);
    play.start()?;
    check_pace(&play, 48000.0)?;
    play.set_blocking(true);
    play.drain()?;
    let status = play.status()?;
    check_eq!("state after DRAIN", status.state, SETUP);
    let seconds = (status.tstamp.ns() - status.trigger_tstamp.ns()) as f64 / 1e9;
    check!(seconds < 1.0, "stopped {seconds} s before DRAIN returned");
    Ok(())
}
