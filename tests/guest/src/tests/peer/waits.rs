// SPDX-License-Identifier: GPL-2.0

//! Sides that wait for each other: `wait_for_peer`.

use support::cable::state_by_peer;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::RUNNING;
use support::config::USUAL;
use support::elements::Controls;
use support::elements::SHIFT;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Expect;
use support::stamp::Kind;

use super::CABLE;
use crate::tests::format::mismatched_running;
use crate::tests::source::Source;
use crate::tests::who::said_of;

/// Waits for longer than the buffer lasts, and then is heard, or hears, as if it had just been
/// started.
pub(super) fn waits(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = LONG;
    for stop in [cfg.buffer() as u64, u64::MAX] {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        for pcm in [&mut play, &mut rec] {
            if pcm.dir == dir {
                pcm.configure_unwoken(&cfg)?;
                pcm.sw_params(stop)?;
            } else {
                pcm.configure(&cfg)?;
            }
        }
        let source = cfg.signal(cfg.buffer(), 0x3a17);
        play.write(&source, 0, source.len())?;
        let (first, second) = match dir {
            Dir::Playback => (&play, &rec),
            Dir::Capture => (&rec, &play),
        };
        first.start()?;
        // The buffer lasts 320 ms.
        for ms in [10, 140, 140, 500] {
            poll(&mut [], ms);
            let s = first.status()?;
            check_eq!(
                "state of who waits",
                state_name(s.state),
                state_name(RUNNING)
            );
            check_eq!("position of who waits", s.hw_ptr, 0);
        }
        second.start()?;
        poll(&mut [], 150);
        for pcm in [first, second] {
            let s = pcm.status()?;
            check_eq!(
                format!("state of the {:?}", pcm.dir),
                state_name(s.state),
                state_name(RUNNING)
            );
            check!(
                s.hw_ptr >= 7200 && s.hw_ptr < cfg.buffer() as u64,
                "position of the {:?} after 150 ms: {}",
                pcm.dir,
                s.hw_ptr
            );
        }
        let mut heard = cfg.nothing();
        let frames = rec.read(&mut heard, 7200)?;
        check_eq!("frames read", frames, 7200);
        let first = cfg.signal(frames, 0x3a17);
        compare(&first, &heard, Expect::Whole)?;
        if stop == u64::MAX {
            // Buffers that it loses are counted from when it has moved.
            poll(&mut [], 900);
            let waited = if play.dir == dir { &play } else { &rec };
            let s = waited.stamp(Kind::Link)?;
            let frames = i128::from(s.audio) * i128::from(cfg.rate) / 1_000_000_000;
            check!(
                s.hw_ptr > 2 * cfg.buffer() as u64 && s.hw_ptr.abs_diff(frames as u64) <= 1,
                "after lost buffers it is at {}, by its audio time at {frames}",
                s.hw_ptr
            );
        }
    }
    Ok(())
}

/// A tick of the system's sound timer is 4 ms, the first call tells two; nothing but ticks makes
/// anybody look after a stream.
pub(super) fn woken_by_ticks(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    let cfg = Config {
        period: 192,
        periods: 8,
        ..USUAL
    };
    for dir in Dir::BOTH {
        let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        let (first, second) = match dir {
            Dir::Playback => (&play, &rec),
            Dir::Capture => (&rec, &play),
        };
        first.start()?;
        first.pause(true)?;
        // Nobody asks for its position from here on.
        first.pause(false)?;
        second.start()?;
        check!(first.poll(1000).is_some(), "the {dir:?} is not woken");
        check_eq!(
            format!("position of the {dir:?} when it is woken"),
            first.status()?.hw_ptr,
            2 * 192
        );
    }
    Ok(())
}

/// Both sides have run. One is paused, the other starts anew and waits, and the first one is dropped,
/// prepared, or closed: who waits has not moved then, and begins with the other.
pub(super) fn waits_on(ctx: &Context, paused: Dir) -> Outcome {
    let cfg = LONG;
    for way in ["DROP", "PREPARE", "close"] {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        let source = cfg.signal(cfg.buffer(), 0x9a5e);
        rec.configure(&cfg)?;
        play.configure(&cfg)?;
        play.write(&source, 0, source.len())?;
        rec.start()?;
        play.start()?;
        poll(&mut [], 20);
        let (first, mut second) = match paused {
            Dir::Playback => (play, rec),
            Dir::Capture => (rec, play),
        };
        first.pause(true)?;
        second.stop()?;
        second.prepare()?;
        if second.dir == Dir::Playback {
            second.write(&source, 0, source.len())?;
        }
        second.start()?;
        poll(&mut [], 20);
        check_eq!(
            format!("{way}: position before"),
            second.status()?.hw_ptr,
            0
        );
        let mut first = match way {
            "DROP" => first.stop().map(|()| first)?,
            "PREPARE" => first.prepare().map(|()| first)?,
            _ => {
                drop(first);
                let mut first = Pcm::open(CABLE.side(ctx, paused))?;
                first.configure(&cfg)?;
                first
            }
        };
        for _ in 0..3 {
            poll(&mut [], 20);
            let s = second.status()?;
            check_eq!(
                format!("{way}: state"),
                state_name(s.state),
                state_name(RUNNING)
            );
            check_eq!(format!("{way}: position of who waits"), s.hw_ptr, 0);
        }
        first.prepare()?;
        if first.dir == Dir::Playback {
            first.write(&source, 0, source.len())?;
        }
        first.start()?;
        poll(&mut [], 150);
        let (play, mut rec) = match paused {
            Dir::Playback => (first, second),
            Dir::Capture => (second, first),
        };
        let s = play.status()?;
        check_eq!(
            format!("{way}: state in the end"),
            state_name(s.state),
            state_name(RUNNING)
        );
        let mut heard = cfg.nothing();
        check_eq!(
            format!("{way}: frames read"),
            rec.read(&mut heard, 7200)?,
            7200
        );
        let first = cfg.signal(7200, 0x9a5e);
        compare(&first, &heard, Expect::Whole).map_err(|why| format!("{way}: {why}"))?;
    }
    Ok(())
}

pub(super) fn evicted_while_it_waits(ctx: &Context) -> Outcome {
    let other = Config {
        rate: 44100,
        ..LONG
    };
    let (play, rec) = mismatched_running(ctx, CABLE, &other, &LONG)?;
    check_eq!(
        "position of the capture that waits",
        rec.status()?.hw_ptr,
        0
    );
    play.start()?;
    state_by_peer(&rec, DRAINING)?;
    check_eq!(
        "state of the playback",
        state_name(play.state()?),
        state_name(RUNNING)
    );
    Ok(())
}

/// It is changed between the START of one side and that of the other.
pub(super) fn shift_of_who_waited(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for dir in Dir::BOTH {
        let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
        play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        let (first, second) = match dir {
            Dir::Playback => (&play, &rec),
            Dir::Capture => (&rec, &play),
        };
        first.start()?;
        c.set(SHIFT, 101_000)?;
        let said = second.start().map_err(Fail::from).and_then(|()| {
            poll(&mut [], 20);
            let of = |dir| said_of(ctx, CABLE, dir, "rate_shift:");
            Ok([of(Dir::Playback)?, of(Dir::Capture)?])
        });
        c.set(SHIFT, 100_000)?;
        check_eq!("rate_shift of both", said?, ["101000", "101000"]);
    }
    Ok(())
}

/// Whoever plays when somebody records sees a recorder that waits for them.
pub(super) fn active_while_it_waits(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    rec.configure(&LONG)?;
    play.configure(&LONG)?;
    play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
    c.control.subscribe()?;
    rec.start()?;
    check_eq!("Capture Active while it waits", c.capture_active()?, 1);
    check_eq!("events of its START", c.capture_events()?, 1);
    play.start()?;
    poll(&mut [], 20);
    check!(rec.status()?.hw_ptr > 0, "it does not move with its peer");
    check_eq!("Capture Active when it runs", c.capture_active()?, 1);
    check_eq!("events of the playback's START", c.capture_events()?, 0);
    rec.stop()?;
    check_eq!("Capture Active after DROP", c.capture_active()?, 0);
    check_eq!("events of the DROP", c.capture_events()?, 1);
    Ok(())
}
