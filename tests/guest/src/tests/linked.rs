// SPDX-License-Identifier: GPL-2.0

//! DRAIN of linked streams. It is one call for all of them: those that are prepared are started by
//! it, if they have something to play, and each ends with its own last frame.

use support::cable::record;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::FAST;
use support::config::LONG;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Audio;
use support::signal::Expect;

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "drain",
            "7.8 DRAIN of linked streams that are prepared, in any order of them",
            |ctx| prepared(ctx, false),
        ),
        Test::new(
            "drain",
            "7.9 17.2 DRAIN of linked streams that are prepared and recorded, in any order of them",
            |ctx| prepared(ctx, true),
        )
        .c_defect("17.2"),
        Test::new(
            "drain",
            "7.9 17.2 DRAIN of linked playbacks: each to its last frame, one ends before the other",
            one_ends_first,
        )
        .c_defect("17.2"),
        Test::new(
            "flow",
            "6.4 6.11 linked streams whose START was refused start at the time of the next",
            |ctx| {
                started_again(ctx, false)?;
                started_again(ctx, true)
            },
        ),
        Test::new(
            "flow",
            "6.11 7.10 linked streams that were drained start anew at the time of the next START",
            started_after_a_drain,
        ),
        Test::new(
            "flow",
            "6.4 6.11 both sides of a cable whose START was refused begin with the first frame",
            |ctx| {
                sides_started_again(ctx, false)?;
                sides_started_again(ctx, true)
            },
        ),
    ]
}

/// A capture that does not match its playback is refused, and with it those that it is linked with.
fn started_again(ctx: &Context, playback_first: bool) -> Outcome {
    let other = Config {
        rate: 44100,
        ..LONG
    };
    let mut play = cable(0).playback(ctx)?;
    let mut rec = cable(1).capture(ctx)?;
    let mut misfit = cable(1).playback(ctx)?;
    play.configure(&LONG)?;
    rec.setup(&LONG)?;
    misfit.setup(&other)?;
    rec.prepare()?;
    misfit.prepare()?;
    play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
    // The core begins with the one that has been linked last.
    match playback_first {
        true => rec.link(&play)?,
        false => play.link(&rec)?,
    }
    expect_error("START", play.start(), libc::EIO)?;
    drop(misfit);
    // So long that a clock of the first START could not be missed.
    poll(&mut [], 200);
    play.start()?;
    for pcm in [&play, &rec] {
        let s = pcm.status()?;
        check_eq!("state", s.state, RUNNING);
        check!(s.hw_ptr < 4800, "{} frames at once", s.hw_ptr);
    }
    Ok(())
}

/// The same of both sides of one cable, with a third stream that is refused: they begin in one frame
/// then, and all is heard. At a rate at which a call takes longer than a frame.
fn sides_started_again(ctx: &Context, playback_first: bool) -> Outcome {
    let cfg = FAST;
    let (mut play, mut rec) = cable(0).open(ctx, &cfg, &cfg)?;
    let mut other = cable(1).capture(ctx)?;
    let mut misfit = cable(1).playback(ctx)?;
    other.setup(&LONG)?;
    misfit.setup(&Config {
        rate: 44100,
        ..LONG
    })?;
    other.prepare()?;
    misfit.prepare()?;
    let source = cfg.signal(cfg.buffer(), 0x11ed);
    play.write(&source, 0, source.len())?;
    // The core begins with the one that has been linked last, and takes back in the same order.
    other.link(match playback_first {
        true => &rec,
        false => &play,
    })?;
    other.link(match playback_first {
        true => &play,
        false => &rec,
    })?;
    expect_error("START", play.start(), libc::EIO)?;
    poll(&mut [], 20);
    // (Its close would stop those that are linked with it.) The two others stay linked.
    other.unlink()?;
    drop((misfit, other));
    play.start()?;
    poll(&mut [], 20);
    let mut heard = cfg.nothing();
    check_eq!("frames read", rec.read(&mut heard, 7680)?, 7680);
    compare(&cfg.signal(7680, 0x11ed), &heard, Expect::Whole)?;
    Ok(())
}

/// A substream of a group, each on a cable of its own.
#[derive(Clone, Copy, Debug)]
enum Member {
    /// With so many frames in its buffer, maybe none.
    Playback(usize),
    Capture,
}

use Member::Capture;
use Member::Playback;

/// In the order in which they are linked, which is the one in which the core goes through them.
const GROUPS: [&[Member]; 12] = [
    &[Playback(8000), Capture],
    &[Capture, Playback(8000)],
    &[Playback(8000), Playback(0)],
    &[Playback(0), Playback(8000)],
    &[Playback(8000), Playback(0), Capture],
    &[Playback(8000), Capture, Playback(0)],
    &[Playback(0), Playback(8000), Capture],
    &[Playback(0), Capture, Playback(8000)],
    &[Capture, Playback(8000), Playback(0)],
    &[Capture, Playback(0), Playback(8000)],
    &[Capture, Playback(8000), Playback(0), Playback(3001)],
    &[Playback(0), Playback(3001), Capture, Playback(8000)],
];

fn cable(number: usize) -> Cable {
    Cable {
        device: 0,
        subdevice: number as u32,
    }
}

/// A capture of what is played on a cable, with a buffer of two seconds, that runs.
fn listen(ctx: &Context, cable: Cable) -> Result<Pcm, Fail> {
    let mut rec = cable.capture(ctx)?;
    rec.configure(&Config {
        periods: 200,
        ..USUAL
    })?;
    rec.start()?;
    Ok(rec)
}

/// A playback, the capture that hears it if there is one, and what is played.
struct Playing {
    play: Pcm,
    rec: Option<Pcm>,
    source: Audio,
}

impl Playing {
    /// Prepares a playback with `frames` frames in its buffer.
    fn prepare(
        ctx: &Context,
        number: usize,
        cfg: &Config,
        frames: usize,
        wakes: bool,
        heard: bool,
    ) -> Result<Self, Fail> {
        let cable = cable(number);
        let mut play = Pcm::open(cable.side(ctx, Dir::Playback))?;
        if wakes {
            play.configure(cfg)?;
        } else {
            play.configure_unwoken(cfg)?;
        }
        let source = cfg.signal(frames, 0x11d0 + number as u64);
        check_eq!("frames written", play.write(&source, 0, frames)?, frames);
        let rec = if heard {
            Some(listen(ctx, cable)?)
        } else {
            None
        };
        Ok(Playing { play, rec, source })
    }

    /// The playback has come to its end, and all of it is heard.
    fn verify(&mut self) -> Outcome {
        let state = self.play.state()?;
        check_eq!("state", state_name(state), state_name(SETUP));
        let frames = self.source.len();
        let Some(rec) = &mut self.rec else {
            return Ok(());
        };
        // All that it has heard so far, however long before the START it began, and a little more.
        let heard = rec.status()?.hw_ptr as usize;
        let heard = record(rec, heard + 1000)?;
        if frames == 0 {
            check_eq!("first sound", heard.first_sound(0), None);
        } else {
            compare(&self.source, &heard, Expect::Whole)?;
        }
        Ok(())
    }
}

/// Drains all that are linked, and judges what is heard.
fn drain(playbacks: &mut [Playing]) -> Outcome {
    let longest = playbacks.iter().map(|p| p.source.len()).max().unwrap_or(0);
    let first = &playbacks[0].play;
    first.set_blocking(true);
    let begun = now_ns();
    first.drain()?;
    // Who is linked with streams that are prepared waits for the others too.
    let took = (now_ns() - begun) * 48000 / 1_000_000_000;
    for (number, playback) in playbacks.iter_mut().enumerate() {
        playback.verify().map_err(|e| match e {
            Fail::Wrong(why) => format!(
                "playback {number} of {} frames, DRAIN took the time of {took}: {why}",
                playback.source.len()
            )
            .into(),
            other => other,
        })?;
    }
    check!(
        took + 480 >= longest as i64,
        "DRAIN of {longest} frames took the time of {took}"
    );
    Ok(())
}

/// Where nobody records, no other stream has set the time of the cable.
fn prepared(ctx: &Context, heard: bool) -> Outcome {
    for group in GROUPS {
        let (mut playbacks, mut captures, mut order) = (Vec::new(), Vec::new(), Vec::new());
        for (number, member) in group.iter().enumerate() {
            match *member {
                Playback(frames) => {
                    let playing = Playing::prepare(ctx, number, &LONG, frames, true, heard)?;
                    order.push(playing.play.share()?);
                    playbacks.push(playing);
                }
                Capture => {
                    let mut rec = cable(number).capture(ctx)?;
                    rec.configure(&LONG)?;
                    order.push(rec.share()?);
                    captures.push(rec);
                }
            }
        }
        for other in &order[1..] {
            order[0].link(other)?;
        }
        drain(&mut playbacks).map_err(|e| match e {
            Fail::Wrong(why) => format!("{group:?}: {why}").into(),
            other => other,
        })?;
    }
    Ok(())
}

/// Full buffers: the core, which knows positions modulo the buffer, may not see the end of the
/// first.
fn one_ends_first(ctx: &Context) -> Outcome {
    for (period, periods) in [(1024, 8), (4096, 2), (8192, 1)] {
        for wakes in [true, false] {
            for shorter_first in [true, false] {
                let cfg = |times: u32| Config {
                    period,
                    periods: periods * times,
                    ..USUAL
                };
                let times = if shorter_first { [1, 4] } else { [4, 1] };
                let mut playbacks = Vec::new();
                for (number, times) in times.into_iter().enumerate() {
                    let cfg = cfg(times);
                    playbacks.push(Playing::prepare(
                        ctx,
                        number,
                        &cfg,
                        cfg.buffer(),
                        wakes,
                        true,
                    )?);
                }
                playbacks[0].play.link(&playbacks[1].play)?;
                playbacks[0].play.start()?;
                drain(&mut playbacks).map_err(|e| match e {
                    Fail::Wrong(why) => format!(
                        "{periods} periods of {period}, and buffers {times:?} times as long, {} \
                         wake-ups: {why}",
                        if wakes { "with" } else { "without" }
                    )
                    .into(),
                    other => other,
                })?;
            }
        }
    }
    Ok(())
}

/// The capture keeps frames that nobody has read, so that its drain leaves it as it is.
fn started_after_a_drain(ctx: &Context) -> Outcome {
    let mut play = cable(0).playback(ctx)?;
    let mut rec = cable(1).capture(ctx)?;
    play.configure(&LONG)?;
    rec.configure(&LONG)?;
    play.link(&rec)?;
    for round in 0..3 {
        play.write(&LONG.silence(4800), 0, 4800)?;
        play.start()?;
        poll(&mut [], 50);
        expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
        poll(&mut [], 300);
        check_eq!(
            format!("round {round}: the playback"),
            state_name(play.state()?),
            state_name(SETUP)
        );
        play.prepare()?;
        rec.prepare()?;
        play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        let before = now_ns();
        play.start()?;
        for pcm in [&play, &rec] {
            let s = pcm.status()?;
            check_eq!(
                format!("round {round}: the {:?}", pcm.dir),
                state_name(s.state),
                state_name(RUNNING)
            );
            check!(
                s.hw_ptr < 480 && s.trigger_tstamp.ns() >= before,
                "round {round}: the {:?} is at {}, started {} ns before the call",
                pcm.dir,
                s.hw_ptr,
                before - s.trigger_tstamp.ns()
            );
        }
        play.stop()?;
        play.prepare()?;
        rec.prepare()?;
    }
    Ok(())
}
