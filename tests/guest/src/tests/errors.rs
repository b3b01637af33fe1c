// SPDX-License-Identifier: GPL-2.0

//! Calls that must fail, clients that behave badly, and the card after them: section 16.

use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::OPEN;
use support::config::RUNNING;
use support::config::USUAL;
use support::kernel as k;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Call;
use support::pcm::Pcm;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("errors", name, run);
    vec![
        test(
            "16 calls on a stream without parameters are EBADFD",
            without_params,
        ),
        test(
            "4.8 HW_PARAMS and HW_FREE while running are EBADFD",
            params_while_running,
        ),
        test(
            "4.8 HW_PARAMS of a mapped buffer is EBADFD",
            params_while_mapped,
        ),
        test("5.1 PREPARE while running is EBUSY", prepare_while_running),
        test("3.2 a transfer of the wrong layout is EINVAL", wrong_layout),
        test(
            "4.6 a refused HW_PARAMS leaves a usable stream",
            refused_params,
        ),
        test(
            "5.3 a read that is never fed gives silence in time",
            never_fed,
        ),
        test("7.2 a killed client leaves a usable cable", killed_client),
        test(
            "7.2 opened and closed a hundred times in every state",
            open_and_close,
        ),
        test("2.6 in the end every cable works", every_cable),
    ]
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 3,
};

fn without_params(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        check_eq!("state", pcm.state()?, OPEN);
        let calls: [(&str, Call); 6] = [
            ("PREPARE", Pcm::prepare),
            ("START", Pcm::start),
            ("DROP", Pcm::stop),
            ("DRAIN", Pcm::drain),
            ("HWSYNC", Pcm::hwsync),
            ("RESUME", Pcm::resume),
        ];
        for (name, call) in calls {
            let what = format!("{name} of an open {dir:?}");
            expect_error(&what, call(&pcm), libc::EBADFD)?;
        }
        expect_error("DELAY", pcm.delay(), libc::EBADFD)?;
        expect_error("HW_FREE", pcm.hw_free(), libc::EBADFD)?;
        pcm.cfg = Some(USUAL);
        let result = match dir {
            Dir::Playback => pcm.write(&USUAL.silence(16), 0, 16),
            Dir::Capture => pcm.read(&mut USUAL.nothing(), 16),
        };
        expect_error("a transfer", result, libc::EBADFD)?;
    }
    Ok(())
}

fn running(ctx: &Context, cfg: &Config) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = CABLE.open(ctx, cfg, cfg)?;
    play.write(&cfg.signal(cfg.buffer(), 80), 0, cfg.buffer())?;
    rec.start()?;
    play.start()?;
    Ok((play, rec))
}

fn params_while_running(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = running(ctx, &LONG)?;
    for pcm in [&mut play, &mut rec] {
        expect_error("HW_PARAMS", pcm.hw_params(&USUAL.request()), libc::EBADFD)?;
        expect_error("HW_FREE", pcm.hw_free(), libc::EBADFD)?;
        check_eq!("state", pcm.state()?, RUNNING);
    }
    Ok(())
}

fn params_while_mapped(ctx: &Context) -> Outcome {
    let cfg = Config {
        access: Access::MmapInterleaved,
        ..USUAL
    };
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure(&cfg)?;
        expect_error("HW_PARAMS", pcm.hw_params(&LONG.request()), libc::EBADFD)?;
    }
    Ok(())
}

fn prepare_while_running(ctx: &Context) -> Outcome {
    let (play, rec) = running(ctx, &LONG)?;
    expect_error("PREPARE of the playback", play.prepare(), libc::EBUSY)?;
    expect_error("PREPARE of the capture", rec.prepare(), libc::EBUSY)?;
    check_eq!("states", (play.state()?, rec.state()?), (RUNNING, RUNNING));
    Ok(())
}

fn wrong_layout(ctx: &Context) -> Outcome {
    let planar = Config {
        access: Access::RwNoninterleaved,
        ..USUAL
    };
    for (real, pretended) in [(USUAL, planar), (planar, USUAL)] {
        let (mut play, mut rec) = CABLE.open(ctx, &real, &real)?;
        play.cfg = Some(pretended);
        rec.cfg = Some(pretended);
        let write = play.write(&pretended.silence(16), 0, 16);
        expect_error("a write", write, libc::EINVAL)?;
        rec.start()?;
        let read = rec.read(&mut pretended.nothing(), 16);
        expect_error("a read", read, libc::EINVAL)?;
    }
    Ok(())
}

fn refused_params(ctx: &Context) -> Outcome {
    let mut play = CABLE.playback(ctx)?;
    play.configure(&USUAL)?;
    let request = USUAL.request().exactly(k::RATE, 1_000_000);
    expect_error("HW_PARAMS", play.hw_params(&request), libc::EINVAL)?;
    check_eq!("state", play.state()?, OPEN);
    play.configure(&LONG)?;
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&LONG)?;
    let mut session = Session::new(play, rec, LONG.signal(9600, 81));
    session.run()?;
    session.verify(support::signal::Expect::Whole)
}

fn never_fed(ctx: &Context) -> Outcome {
    let cfg = LONG;
    let mut rec = Pcm::open_with(CABLE.side(ctx, Dir::Capture), 0)?;
    rec.configure(&cfg)?;
    // There is a playback, too, but it never plays.
    let mut play = CABLE.playback(ctx)?;
    play.configure(&cfg)?;
    rec.start()?;
    let begun = Instant::now();
    let mut heard = cfg.nothing();
    let frames = rec.read(&mut heard, 24000)?;
    let took = begun.elapsed();
    check_eq!("frames", frames, 24000);
    check_eq!("first sound", heard.first_sound(0), None);
    check!(
        took > Duration::from_millis(480) && took < Duration::from_millis(1500),
        "24000 frames at 48 kHz took {took:?} instead of 0.5 s"
    );
    Ok(())
}

fn killed_client(ctx: &Context) -> Outcome {
    for _ in 0..5 {
        // SAFETY: This process has only this thread.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let stream = || -> Outcome {
                let mut session = Session::open(ctx, CABLE, &USUAL, USUAL.signal(480_000, 82))?;
                session.run()
            };
            let _ = stream();
            std::process::exit(0);
        }
        let moved = |value: &str| value.parse::<u64>().is_ok_and(|v| v > 2400);
        let waited = CABLE
            .side(ctx, Dir::Playback)
            .await_proc_status("hw_ptr", moved);
        // SAFETY: `pid` is our own child, and is reaped here.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
        waited?;
        cable_works(ctx, CABLE)?;
    }
    Ok(())
}

fn open_and_close(ctx: &Context) -> Outcome {
    for round in 0..100 {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        if round % 5 > 0 {
            play.setup(&LONG)?;
            rec.setup(&LONG)?;
        }
        if round % 5 > 1 {
            play.prepare()?;
            rec.prepare()?;
        }
        if round % 5 > 2 {
            play.write(&LONG.silence(480), 0, 480)?;
            play.start()?;
            rec.start()?;
        }
        if round % 5 > 3 {
            play.pause(true)?;
            rec.pause(true)?;
        }
        match round % 3 {
            0 => drop(play),
            1 => drop(rec),
            _ => {}
        }
    }
    cable_works(ctx, CABLE)
}

fn every_cable(ctx: &Context) -> Outcome {
    for device in 0..2 {
        for subdevice in 0..8 {
            cable_works(ctx, Cable { device, subdevice })?;
        }
    }
    Ok(())
}
