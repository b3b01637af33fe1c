// SPDX-License-Identifier: GPL-2.0

//! Suspend and resume, section 12, and a card that goes and comes back, 13.2.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::serve_all;
use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::SUSPENDED;
use support::config::USUAL;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::NAMES;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::machine::hibernate;
use support::machine::suspend;
use support::machine::Unbind;
use support::pcm::open_control;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::Audio;
use support::signal::Expect;
use support::stamp::Kind;
use support::trace::armed_timers;

use crate::tests::proc;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("power", name, run).limit(60);
    vec![
        test(
            "12.1 a suspend reaches streams with a state to lose",
            suspended_states,
        ),
        test(
            "12.2 what a client of a suspended stream sees",
            suspended_client,
        ),
        test(
            "12.3 RESUME: the stream goes on, its playback suspended first",
            |ctx| resumed(ctx, PLAYER_FIRST),
        ),
        test(
            "12.3 RESUME: the stream goes on, its capture suspended first",
            |ctx| resumed(ctx, CABLE),
        ),
        test("12.3 RESUME of a playback that drains: it ends", |ctx| {
            resumed_drain(ctx, true)
        }),
        test(
            "12.3 RESUME of a playback that drains without wake-ups: it ends",
            |ctx| resumed_drain(ctx, false),
        ),
        test(
            "12.1 a drain of linked playbacks goes on that the core cannot suspend",
            linked_drain,
        )
        .c_defect("17.2"),
        test(
            "12.3 buffers lost after RESUME are counted, without period wake-ups",
            resumed_and_lost,
        )
        .c_defect("3.9"),
        test(
            "9.16 12.1 a suspend and a RESUME are events of who is recorded",
            recorded_until_suspended,
        ),
        test(
            "7.3 12.1 a stream that was paused and suspended is stopped at the time of its DROP",
            dropped_when_suspended,
        ),
        test("12.5 a hibernation is like a suspend", hibernated),
        test("12.4 PREPARE in place of RESUME", prepared_again),
        test(
            "8.1 a processor that goes takes no wake-up along",
            processors_go,
        ),
        test("13.2 unbind with open streams, and bind again", unbind),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 4,
};

/// The core suspends device 1 before device 0. With this cable, that is the playback's.
const PLAYER_FIRST: Cable = Cable {
    device: 1,
    subdevice: 4,
};

fn running(ctx: &Context) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.write(&LONG.signal(LONG.buffer(), 120), 0, LONG.buffer())?;
    rec.start()?;
    play.start()?;
    Ok((play, rec))
}

fn suspended_states(ctx: &Context) -> Outcome {
    let (play, rec) = running(ctx)?;
    play.pause(true)?;
    let other = |subdevice| Cable {
        device: 1,
        subdevice,
    };
    let mut prepared = other(4).playback(ctx)?;
    prepared.configure(&LONG)?;
    let mut setup = other(5).capture(ctx)?;
    setup.setup(&LONG)?;
    suspend()?;
    check_eq!("the paused playback", play.state()?, SUSPENDED);
    check_eq!("the running capture", rec.state()?, SUSPENDED);
    check_eq!("a prepared playback", prepared.state()?, SUSPENDED);
    check_eq!("a capture with parameters", setup.state()?, SETUP);
    prepared.resume()?;
    check_eq!(
        "the prepared playback after RESUME",
        prepared.state()?,
        PREPARED
    );
    Ok(())
}

/// The core suspends linked streams only if each of them can be: not if one has been drained
/// already.
fn linked_drain(ctx: &Context) -> Outcome {
    // Long enough to outlast the suspend, in a kernel that checks itself too.
    let cfg = Config {
        periods: 500,
        ..LONG
    };
    let source = cfg.signal(cfg.buffer(), 122);
    let (mut long, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let mut short = Cable {
        device: 0,
        subdevice: 5,
    }
    .playback(ctx)?;
    short.configure(&cfg)?;
    long.write(&source, 0, source.len())?;
    short.write(&source, 0, 480)?;
    long.link(&short)?;
    rec.start()?;
    long.start()?;
    expect_error("DRAIN", long.drain(), libc::EAGAIN)?;
    wait_for_state(&short, SETUP, Duration::from_secs(1))?;
    suspend()?;
    check_eq!("the capture", rec.state()?, SUSPENDED);
    check_eq!("the long playback", long.state()?, DRAINING);
    rec.resume()?;
    let mut heard = cfg.nothing();
    let until = Instant::now() + Duration::from_secs(8);
    while long.state()? == DRAINING && Instant::now() < until {
        rec.read(&mut heard, cfg.buffer())?;
        rec.poll(100);
    }
    check_eq!("the long playback at last", long.state()?, SETUP);
    rec.read(&mut heard, cfg.buffer())?;
    let last = heard
        .last_sound()
        .ok_or("nothing is heard after the suspend".to_string())?;
    let frame =
        |audio: &Audio, at: usize| audio.planes[0][at * audio.unit..][..audio.unit].to_vec();
    check_eq!(
        "the last frame heard",
        frame(&heard, last),
        frame(&source, source.len() - 1)
    );
    Ok(())
}

fn suspended_client(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = running(ctx)?;
    let c = Controls::of(ctx, CABLE)?;
    c.control.subscribe()?;
    suspend()?;
    check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    check_eq!("events", c.events()?, [NAMES[ACTIVE]]);
    check_eq!(
        "bits of the cable",
        proc::cable(ctx, CABLE)?[..3],
        ["  valid: 3", "  running: 3", "  pause: 3"]
    );
    let write = play.write(&LONG.silence(480), 0, 480);
    expect_error("WRITEI", write, libc::ESTRPIPE)?;
    expect_error("READI", rec.read(&mut LONG.nothing(), 480), libc::ESTRPIPE)?;
    check_eq!("poll of the capture", rec.poll(0), Some(0x9));
    check_eq!("poll of the playback", play.poll(0), Some(0xc));
    Ok(())
}

fn recorded_until_suspended(ctx: &Context) -> Outcome {
    let (_play, rec) = running(ctx)?;
    let c = Controls::of(ctx, CABLE)?;
    c.control.subscribe()?;
    suspend()?;
    check_eq!("Capture Active", c.capture_active()?, 0);
    check_eq!("events of the suspend", c.capture_events()?, 1);
    rec.resume()?;
    check_eq!("Capture Active after RESUME", c.capture_active()?, 1);
    check_eq!("events of the RESUME", c.capture_events()?, 1);
    Ok(())
}

fn dropped_when_suspended(ctx: &Context) -> Outcome {
    let (play, rec) = running(ctx)?;
    play.pause(true)?;
    rec.pause(true)?;
    suspend()?;
    for pcm in [&play, &rec] {
        check_eq!(format!("the {:?}", pcm.dir), pcm.state()?, SUSPENDED);
        let before = now_ns();
        pcm.stop()?;
        let after = now_ns();
        let at = pcm.status()?.trigger_tstamp.ns();
        check!(
            (before..=after).contains(&at),
            "the {:?} was stopped {} ns before the call",
            pcm.dir,
            before - at
        );
    }
    Ok(())
}

fn resumed(ctx: &Context, cable: Cable) -> Outcome {
    let mut session = Session::open(ctx, cable, &LONG, LONG.signal(48000, 121))?;
    session.lead = 0;
    session.begin()?;
    wait_for_position(&session.rec, 2000, Duration::from_secs(1))?;
    suspend()?;
    let c = Controls::of(ctx, cable)?;
    c.control.subscribe()?;
    let before = [session.play.status()?.hw_ptr, session.rec.status()?.hw_ptr];
    check_eq!("playback", session.play.state()?, SUSPENDED);
    // The capture first: no frame is played to nobody.
    session.rec.resume()?;
    check_eq!(
        "Slave Active before the playback's RESUME",
        c.get(ACTIVE)?,
        0
    );
    session.play.resume()?;
    session.begin_running();
    let after = [session.play.status()?.hw_ptr, session.rec.status()?.hw_ptr];
    for (a, b) in after.iter().zip(before) {
        check!(
            *a >= b && a - b < 4800,
            "RESUME moved the positions from {before:?} to {after:?}"
        );
    }
    check_eq!(
        "states",
        [session.play.state()?, session.rec.state()?],
        [RUNNING; 2]
    );
    check_eq!("events of RESUME", c.events()?, [NAMES[ACTIVE]]);
    check_eq!("Slave Active", c.get(ACTIVE)?, 1);
    expect_error("a second RESUME", session.play.resume(), libc::EBADFD)?;
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::WithPauses)
}

fn resumed_drain(ctx: &Context, wakes: bool) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    if wakes {
        play.configure(&LONG)?;
    } else {
        play.configure_unwoken(&LONG)?;
    }
    play.write(&LONG.signal(LONG.buffer(), 123), 0, LONG.buffer())?;
    play.start()?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    suspend()?;
    check_eq!("state", play.state()?, SUSPENDED);
    play.resume()?;
    check_eq!("state after RESUME", play.state()?, DRAINING);
    // Nobody asks: it has to end by itself.
    check!(play.poll(2000).is_some(), "no end of the drain for 2 s");
    check_eq!("state at its end", play.state()?, SETUP);
    check_eq!("timers armed", armed_timers(ctx)?, 0);
    Ok(())
}

/// The core takes the time of the suspend for time in which buffers went by.
fn resumed_and_lost(ctx: &Context) -> Outcome {
    let cfg = USUAL;
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure_unwoken(&cfg)?;
        pcm.sw_params(u64::MAX)?;
        if dir == Dir::Playback {
            pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        }
        pcm.start()?;
        suspend()?;
        check_eq!("state", pcm.state()?, SUSPENDED);
        pcm.resume()?;
        let resumed = pcm.stamp(Kind::Link)?;
        for ms in [0, 330, 20] {
            poll(&mut [], ms);
            let s = pcm.stamp(Kind::Link)?;
            let frames = (s.system - resumed.system) * i64::from(cfg.rate) / 1_000_000_000;
            // The first one was in the midst of a frame.
            check!(
                (s.hw_ptr - resumed.hw_ptr).abs_diff(frames as u64) <= 1,
                "{dir:?}: {} frames in the time of {frames}",
                s.hw_ptr - resumed.hw_ptr
            );
        }
    }
    Ok(())
}

/// It takes seconds until the devices are reached, and the streams run on meanwhile: so these never
/// stop by themselves.
fn hibernated(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = running(ctx)?;
    play.sw_params(u64::MAX)?;
    rec.sw_params(u64::MAX)?;
    let mut prepared = PLAYER_FIRST.playback(ctx)?;
    prepared.configure(&LONG)?;
    hibernate()?;
    let c = Controls::of(ctx, CABLE)?;
    check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    let before = [play.status()?, rec.status()?];
    for (pcm, status) in [&play, &rec].into_iter().zip(before) {
        let dir = pcm.dir;
        check_eq!(format!("the {dir:?}"), status.state, SUSPENDED);
        expect_error("START", pcm.start(), libc::EBADFD)?;
        pcm.resume()?;
        check_eq!(format!("the {dir:?} after RESUME"), pcm.state()?, RUNNING);
        let at = pcm.status()?.hw_ptr;
        check!(
            at >= status.hw_ptr && at - status.hw_ptr < 4800,
            "RESUME moved the {dir:?} from {} to {at}",
            status.hw_ptr
        );
        expect_error("a second RESUME", pcm.resume(), libc::EBADFD)?;
        wait_for_position(pcm, at + 4800, Duration::from_secs(1))?;
    }
    check_eq!("Slave Active", c.get(ACTIVE)?, 1);
    prepared.resume()?;
    check_eq!("the prepared playback", prepared.state()?, PREPARED);
    drop((play, rec, prepared));
    cable_works(ctx, CABLE)
}

fn prepared_again(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = running(ctx)?;
    suspend()?;
    play.prepare()?;
    rec.prepare()?;
    check_eq!("states", [play.state()?, rec.state()?], [PREPARED; 2]);
    play.write(&LONG.signal(4800, 122), 0, 4800)?;
    rec.start()?;
    play.start()?;
    let c = Controls::of(ctx, CABLE)?;
    check_eq!("Slave Active", c.get(ACTIVE)?, 1);
    wait_for_position(&rec, 4800, Duration::from_secs(1))?;
    let mut heard = LONG.nothing();
    rec.read(&mut heard, 4800)?;
    check!(heard.first_sound(0).is_some(), "nothing is heard");
    drop((play, rec));
    cable_works(ctx, CABLE)
}

/// A stream is served by the second processor, which then is taken away, several times.
fn processors_go(ctx: &Context) -> Outcome {
    const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
    if !Path::new(ONLINE).exists() {
        return Err(Fail::Skip(
            "it needs two processors, one of which can go".into(),
        ));
    }
    // A second: to take one away takes long.
    let cfg = Config {
        periods: 100,
        ..USUAL
    };
    let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(48000, 130))?;
    let serve = |session: &mut Session| -> Outcome {
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            session.serve()?;
            check!(session.rec.poll(100).is_some(), "no wake-up for 100 ms");
        }
        Ok(())
    };
    let mut rounds = || -> Outcome {
        for round in 0..4 {
            pin(1)?;
            if round == 0 {
                session.begin()?;
            }
            serve(&mut session)?;
            pin(0)?;
            fs::write(ONLINE, "0")?;
            serve(&mut session)?;
            fs::write(ONLINE, "1")?;
        }
        serve_all(std::slice::from_mut(&mut session))
    };
    let outcome = rounds();
    fs::write(ONLINE, "1")?;
    outcome?;
    session.verify(Expect::Whole)
}

fn unbind(ctx: &Context) -> Outcome {
    let (mut play, rec) = running(ctx)?;
    rec.pause(true)?;
    let control = open_control(ctx.index)?;
    // One that sleeps in a read.
    let mut sleeper = Pcm::open_with(
        Cable {
            device: 1,
            subdevice: 6,
        }
        .side(ctx, Dir::Capture),
        0,
    )?;
    sleeper.configure(&LONG)?;
    sleeper.sw_params(u64::MAX)?;
    sleeper.start()?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut heard = LONG.nothing();
        let result = sleeper.read(&mut heard, 480_000);
        let _ = send.send((result, sleeper));
    });
    let mut unbind = Unbind::begin(ctx)?;
    let (result, sleeper) = receive
        .recv_timeout(Duration::from_secs(5))
        .map_err(|_| "a reader still sleeps 5 s after unbind".to_string())?;
    check!(
        result.map_or(true, |frames| frames < 480_000),
        "the reader got all that it asked for"
    );
    drop(sleeper);
    expect_error("STATUS", play.status().map(drop), libc::ENODEV)?;
    expect_error("START", rec.start(), libc::ENODEV)?;
    let write = play.write(&LONG.silence(480), 0, 480);
    expect_error("WRITEI", write, libc::ENODEV)?;
    // POLLNVAL cannot be asked for, and a kernel does not report it here.
    let revents = play.poll(0).unwrap_or(0);
    check!(revents & libc::POLLERR != 0, "poll: {revents:#x}");
    drop((play, rec));
    check!(
        unbind.waits(),
        "unbind is done, with the control device open"
    );
    drop(control);
    unbind.end_and_bind(ctx)?;
    let id = fs::read_to_string(format!("/proc/asound/card{}/id", ctx.index))?;
    check_eq!("id of the fresh card", id.trim(), ctx.card);
    let c = Controls::of(ctx, CABLE)?;
    check_eq!("Slave values", c.slave()?, [2, 48000, 2, 0]);
    cable_works(ctx, CABLE)
}
