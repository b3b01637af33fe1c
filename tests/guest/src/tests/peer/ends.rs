// SPDX-License-Identifier: GPL-2.0

//! Recordings that end with what is played: `end_with_peer`.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::elements::Controls;
use support::elements::SHIFT;
use support::kernel::Errno;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Audio;
use support::signal::Expect;

use super::loaded_with;
use super::CABLE;

/// What is recorded: periods of 1024 frames, which the calls of a reader are no multiple of.
pub(super) const RECORDED: Config = Config {
    period: 1024,
    periods: 8,
    ..USUAL
};

/// The same with a buffer that is about as long as the driver waits for a reader at the end.
pub(super) const SHORT: Config = Config {
    period: 240,
    periods: 4,
    ..USUAL
};

/// Plays `source` and closes the device.
fn play(ctx: &Context, source: &Audio) -> Outcome {
    let mut play = Pcm::open_with(CABLE.side(ctx, Dir::Playback), 0)?;
    play.configure(&RECORDED)?;
    play.sw_params_starting_at(source.len().min(8000) as u64)?;
    check_eq!(
        "frames written",
        play.write(source, 0, source.len())?,
        source.len()
    );
    play.drain()?;
    check_eq!("state", play.state()?, SETUP);
    Ok(())
}

/// The playback goes while the capture, which reads what it likes, runs or is paused.
pub(super) fn goes_on(ctx: &Context, is_paused: bool) -> Outcome {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    rec.configure(&RECORDED)?;
    rec.sw_params(u64::MAX)?;
    rec.start()?;
    play.configure(&RECORDED)?;
    play.write(&RECORDED.signal(4096, 0x90e5), 0, 4096)?;
    play.start()?;
    poll(&mut [], 20);
    if is_paused {
        rec.pause(true)?;
    }
    drop(play);
    if is_paused {
        rec.pause(false)?;
    }
    let before = rec.status()?.hw_ptr;
    // Three periods.
    poll(&mut [], 70);
    let s = rec.status()?;
    check_eq!("state", state_name(s.state), state_name(RUNNING));
    check!(
        s.hw_ptr >= before + 3 * 1024,
        "it goes from {before} to {} within 70 ms",
        s.hw_ptr
    );
    Ok(())
}

/// A playback of the signal `seed`, and a capture that runs and has heard 30 ms of it.
fn heard(ctx: &Context, seed: u64) -> Result<(Pcm, Pcm), Fail> {
    let source = RECORDED.signal(4096, seed);
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    rec.configure(&RECORDED)?;
    play.configure(&RECORDED)?;
    play.write(&source, 0, source.len())?;
    rec.start()?;
    play.start()?;
    poll(&mut [], 30);
    Ok((play, rec))
}

/// Reads what there is each `ms` milliseconds until the stream is stopped, which has to be within
/// 400 ms.
fn read_until_setup(rec: &mut Pcm, ms: i32) -> Result<Audio, Fail> {
    let mut heard = RECORDED.nothing();
    for _ in 0..400 / ms {
        poll(&mut [], ms);
        let s = rec.status()?;
        if s.state == SETUP {
            check_eq!("position in its period", s.hw_ptr % 1024, 0);
            check_eq!("frames read", heard.len() as u64, s.hw_ptr);
            return Ok(heard);
        }
        check_eq!("state", state_name(s.state), state_name(RUNNING));
        if s.avail > 0 {
            rec.read(&mut heard, s.avail as usize)?;
        }
    }
    Err(format!("400 ms later it is RUNNING at {}", rec.status()?.hw_ptr).into())
}

/// Closes a playback, and returns how much it has played, or a little less.
fn closed(play: Pcm) -> Result<usize, Fail> {
    let played = play.status()?.hw_ptr as usize;
    check!(played >= 1400, "{played} frames are played in 30 ms");
    // Of what there was to play.
    Ok(played.min(4096))
}

/// What is heard are the first frames of the signal `seed`, all that were `played`.
fn is_heard(seed: u64, played: usize, heard: &Audio) -> Outcome {
    let frames = heard.sounding();
    check!(
        frames >= played,
        "{frames} frames are heard, {played} were played"
    );
    compare(&RECORDED.signal(frames, seed), heard, Expect::Whole)?;
    Ok(())
}

pub(super) fn ends_after_a_pause(ctx: &Context) -> Outcome {
    let (play, mut rec) = heard(ctx, 0x9a3e)?;
    rec.pause(true)?;
    // (A playback plays on meanwhile, and is not heard.)
    drop(play);
    poll(&mut [], 50);
    rec.pause(false)?;
    let heard = read_until_setup(&mut rec, 10)?;
    is_heard(0x9a3e, 1400, &heard)
}

/// It neither ends where the first one has ended, nor with a playback that it has not heard.
pub(super) fn ends_once(ctx: &Context) -> Outcome {
    let (play, mut rec) = heard(ctx, 0x0ce1)?;
    drop(play);
    let end = read_until_setup(&mut rec, 10)?.len() as u64;
    rec.prepare()?;
    rec.start()?;
    // On a card that has `wait_for_peer` as well.
    let peer = match loaded_with(ctx, "wait_for_peer") {
        Ok(()) => {
            let mut peer = CABLE.playback(ctx)?;
            peer.configure(&RECORDED)?;
            peer.sw_params(u64::MAX)?;
            peer.write(&RECORDED.silence(4096), 0, 4096)?;
            peer.start()?;
            Some(peer)
        }
        Err(_) => None,
    };
    let mut heard = RECORDED.nothing();
    let mut read_to = |frame: u64, what: &str| -> Outcome {
        while (heard.len() as u64) < frame {
            check!(rec.poll(500).is_some(), "{what}: no wake-up for 500 ms");
            let s = rec.status()?;
            check_eq!(what, state_name(s.state), state_name(RUNNING));
            rec.read(&mut heard, s.avail as usize)?;
        }
        Ok(())
    };
    read_to(end + 2 * 1024, "past the end of before")?;
    if peer.is_none() {
        drop(CABLE.playback(ctx)?);
    }
    read_to(end + 5 * 1024, "when another playback has been there")
}

/// Woken by 1000 frames, it reads 100: the end is put off until it has read what was played.
pub(super) fn ends_for_a_slow_reader(ctx: &Context) -> Outcome {
    let (play, mut rec) = heard(ctx, 0x510e)?;
    rec.set_thresholds(1, RECORDED.buffer() as u64, 1000)?;
    let played = closed(play)?;
    let mut heard = RECORDED.nothing();
    // More than what the buffer and two periods have.
    for _ in 0..40 {
        check!(rec.poll(1000).is_some(), "not woken for a second");
        if let Err(e) = rec.read(&mut heard, 100) {
            check_eq!("the end", e.code, libc::EBADFD);
            check_eq!("state", state_name(rec.state()?), state_name(SETUP));
            return is_heard(0x510e, played, &heard);
        }
    }
    Err(format!("it goes on after {} frames", heard.len()).into())
}

/// No such number of frames will ever be there; and it comes after the end.
pub(super) fn ends_for_a_reader_by_the_clock(ctx: &Context) -> Outcome {
    for ms in [7, 50, 100] {
        let (play, mut rec) = heard(ctx, 0xc10c)?;
        rec.set_thresholds(1, RECORDED.buffer() as u64, 1 << 40)?;
        let played = closed(play)?;
        is_heard(0xc10c, played, &read_until_setup(&mut rec, ms)?)?;
    }
    // One that never comes is given as long as its buffer lasts, 170 ms, and no longer.
    let (play, mut rec) = heard(ctx, 0xc10c)?;
    rec.set_thresholds(1, RECORDED.buffer() as u64, 1 << 40)?;
    drop(play);
    poll(&mut [], 150);
    check_eq!(
        "state 150 ms later",
        state_name(rec.state()?),
        state_name(RUNNING)
    );
    wait_for_state(&rec, SETUP, Duration::from_millis(100))
}

/// Each change moves timers, but not the time at which somebody looks after a recording that is
/// over.
pub(super) fn ends_at_changing_speed(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let (play, mut rec) = heard(ctx, 0x5b1f)?;
    drop(play);
    let mut heard = RECORDED.nothing();
    let mut state = RUNNING;
    for round in 0..80 {
        c.set(SHIFT, 100_000 + round % 2)?;
        poll(&mut [], 5);
        let s = rec.status()?;
        state = s.state;
        if state != RUNNING {
            break;
        }
        // Whole periods, as most do.
        if s.avail >= 1024 {
            rec.read(&mut heard, 1024)?;
        }
    }
    c.set(SHIFT, 100_000)?;
    check_eq!("state 400 ms later", state_name(state), state_name(SETUP));
    Ok(())
}

/// The first one goes during the pause, in which the next one starts (and waits, if they do).
pub(super) fn goes_on_after_a_pause(ctx: &Context) -> Outcome {
    let (play, mut rec) = heard(ctx, 0x0ff1)?;
    rec.pause(true)?;
    drop(play);
    let mut next = CABLE.playback(ctx)?;
    next.configure(&RECORDED)?;
    next.sw_params(u64::MAX)?;
    next.write(&RECORDED.signal(8192, 0x0ff2), 0, 8192)?;
    next.start()?;
    rec.pause(false)?;
    let mut heard = RECORDED.nothing();
    while heard.len() < 6 * 1024 {
        check!(rec.poll(500).is_some(), "no wake-up for 500 ms");
        let s = rec.status()?;
        check_eq!(
            "state while the next one plays",
            state_name(s.state),
            state_name(RUNNING)
        );
        rec.read(&mut heard, s.avail as usize)?;
    }
    Ok(())
}

/// It waits for a period, and comes when there is just that, for the last time, and has been for
/// long.
pub(super) fn ends_for_a_late_reader(ctx: &Context) -> Outcome {
    let (play, mut rec) = heard(ctx, 0x1a7e)?;
    rec.set_thresholds(1, RECORDED.buffer() as u64, 1024)?;
    let played = closed(play)?;
    let end = rec.status()?.hw_ptr.next_multiple_of(1024);
    let mut heard = RECORDED.nothing();
    rec.read(&mut heard, end as usize - 1024)?;
    poll(&mut [], 150);
    check_eq!("position", rec.status()?.hw_ptr, end);
    check_eq!(
        "frames of the last period",
        rec.read(&mut heard, 1024)?,
        1024
    );
    is_heard(0x1a7e, played, &heard)?;
    wait_for_state(&rec, SETUP, Duration::from_millis(300))
}

/// One playback goes, and the next one starts in the same period of the capture.
pub(super) fn goes_on_with_another(ctx: &Context) -> Outcome {
    // 200 ms.
    let long = Config {
        period: 9600,
        ..RECORDED
    };
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&long)?;
    rec.start()?;
    for seed in [1, 2] {
        let mut play = CABLE.playback(ctx)?;
        play.configure(&RECORDED)?;
        let source = RECORDED.signal(RECORDED.buffer(), seed);
        play.write(&source, 0, source.len())?;
        play.start()?;
        poll(&mut [], 60);
        if seed == 1 {
            continue;
        }
        check!(rec.status()?.hw_ptr < 9600, "the second one was too late");
        poll(&mut [], 300);
        let s = rec.status()?;
        check_eq!("state", state_name(s.state), state_name(RUNNING));
        check!(s.hw_ptr > 9600 + 4800, "it has stopped at {}", s.hw_ptr);
        let mut heard = long.nothing();
        rec.read(&mut heard, s.hw_ptr as usize)?;
        let sound = heard.last_sound();
        check!(
            sound.is_some_and(|last| last > 9600),
            "the last sound is in frame {sound:?}"
        );
    }
    Ok(())
}

/// A capture that looks by itself what there is: its stream's timer has nothing to do before the
/// playback goes.
pub(super) fn ends_unwoken(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    rec.configure_unwoken(&RECORDED)?;
    rec.start()?;
    play.configure(&RECORDED)?;
    let source = RECORDED.signal(RECORDED.buffer(), 0x3e9d);
    play.write(&source, 0, source.len())?;
    play.start()?;
    poll(&mut [], 30);
    drop(play);
    let mut heard = RECORDED.nothing();
    let mut looks = 0;
    let last = loop {
        let s = rec.status()?;
        if s.state != RUNNING {
            break s;
        }
        check!(looks < 30, "300 ms later it is RUNNING at {}", s.hw_ptr);
        looks += 1;
        if s.avail > 0 {
            rec.read(&mut heard, s.avail as usize)?;
        }
        poll(&mut [], 10);
    };
    check_eq!("state", state_name(last.state), state_name(SETUP));
    check_eq!("position in its period", last.hw_ptr % 1024, 0);
    check_eq!("frames read", heard.len() as u64, last.hw_ptr);
    let sound = heard.last_sound();
    check!(
        sound.is_some_and(|last| last >= 1300),
        "of 30 ms the last sound is in frame {sound:?}"
    );
    Ok(())
}

/// Reads to the end: all that there was, and the error that ended it.
fn read_all(rec: &mut Pcm, frames: usize, by_poll: bool) -> (Audio, Errno) {
    let mut heard = USUAL.nothing();
    loop {
        if by_poll {
            rec.poll(-1);
        }
        if let Err(e) = rec.read(&mut heard, frames) {
            return (heard, e);
        }
    }
}

/// The playback comes and goes at other places in the period of the capture each time.
pub(super) fn ends(ctx: &Context, cfg: &Config, frames: usize, by_poll: bool) -> Outcome {
    for length in [5000, 6001, 9333, 14000, 14666, 15003] {
        let what = format!("{length} frames");
        let source = RECORDED.signal(length, 0xe2d + length as u64);
        let mut rec = Pcm::open_with(CABLE.side(ctx, Dir::Capture), 0)?;
        rec.configure(cfg)?;
        let buffer = cfg.buffer() as u64;
        // Woken when there is as much as is read, which in the end there may never be.
        rec.set_thresholds(1, buffer, frames as u64)?;
        rec.start()?;
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            let outcome = read_all(&mut rec, frames, by_poll);
            let _ = send.send((outcome, rec));
        });
        play(ctx, &source).map_err(|e| match e {
            Fail::Wrong(why) => format!("{what}: the playback: {why}").into(),
            other => other,
        })?;
        let ((heard, error), rec) = receive.recv_timeout(Duration::from_secs(2)).map_err(|_| {
            format!("{what}: the reader still waits 2 s after the playback was closed")
        })?;
        check_eq!(format!("{what}: the end"), error.code, libc::EBADFD);
        compare(&source, &heard, Expect::Whole).map_err(|why| format!("{what}: {why}"))?;
        // Not a frame more than was to be read.
        check_eq!(
            format!("{what}: position in the end"),
            rec.status()?.hw_ptr,
            heard.len() as u64
        );
        let last = heard.last_sound().unwrap_or(0);
        let rest = heard.len() - 1 - last;
        check!(
            // To the end of the playback's period, with which its drain ends, and of the capture's;
            // and its program takes some time to close it.
            rest <= 2 * RECORDED.period as usize + frames,
            "{what}: {rest} frames of silence after the last"
        );
    }
    Ok(())
}
