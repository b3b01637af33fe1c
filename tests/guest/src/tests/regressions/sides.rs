// SPDX-License-Identifier: GPL-2.0

//! The two sides of a cable: one is opened or set up while the other is.

use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

use support::cable::cable_works;
use support::cable::record;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::FAST;
use support::config::LONG;
use support::config::OPEN;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::SUSPENDED;
use support::config::USUAL;
use support::config::XRUN;
use support::control::Control;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::NAMES;
use support::kernel as k;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::machine::suspend;
use support::pcm::Pcm;
use support::signal;
use support::signal::part_of;
use support::signal::Expect;
use support::trace::armed_timers;

use super::test;
use super::Meeting;
use crate::tests::format::everything;
use crate::tests::format::left;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "8e6b1a72a75b a playback starts while its capture is being opened",
            |ctx| started_while_opened(ctx, Dir::Playback),
        ),
        test(
            "8e6b1a72a75b a capture starts while its playback is being opened",
            |ctx| started_while_opened(ctx, Dir::Capture),
        ),
        test(
            "898dfe4687f4 HW_PARAMS and PREPARE of both sides at once",
            both_set_up,
        ),
        test(
            "168632a495f4 the number in an event is the element's, on each cable",
            numbers_in_events,
        ),
        test(
            "a04707b50020dd3fe3f7 events of a playback that starts and stops, and listeners that \
             come and go",
            listeners,
        ),
        test(
            "3e48940abee8 no hole in a recording while many ask for its position",
            many_ask,
        ),
        test(
            "edac894389f2 306a4f3ca7f3 a suspend with streams in every state",
            suspended,
        ),
        test("17.1 the check is made at RESUME too", resume),
        test(
            "12.3 linked streams of which one cannot go on stay suspended",
            |ctx| {
                half_resumed(ctx, true, None)?;
                half_resumed(ctx, false, None)
            },
        ),
        test(
            "12.3 linked streams of which one cannot go on stay suspended beside another driver's",
            resumed_beside_another_driver,
        ),
    ]
}

fn started_while_opened(ctx: &Context, dir: Dir) -> Outcome {
    let (starts, opens) = match dir {
        Dir::Playback => (Dir::Playback, CABLE.side(ctx, Dir::Capture)),
        Dir::Capture => (Dir::Capture, CABLE.side(ctx, Dir::Playback)),
    };
    let mut pcm = Pcm::open(CABLE.side(ctx, starts))?;
    pcm.configure(&LONG)?;
    pcm.sw_params(u64::MAX)?;
    let silence = LONG.silence(480);
    let mut meeting = Meeting::new(ctx)?;
    let mut starts_meanwhile = 0;
    while meeting.goes_on() {
        let is_open = AtomicBool::new(false);
        // The first substream: no other is taken.
        let (started, opened) = meeting.round_at_once(
            || {
                let mut starts = 0;
                while starts == 0 || !is_open.load(Ordering::Relaxed) {
                    pcm.stop()?;
                    pcm.prepare()?;
                    if pcm.dir == Dir::Playback {
                        pcm.write(&silence, 0, 480)?;
                    }
                    pcm.start()?;
                    starts += 1;
                }
                Ok::<_, k::Errno>(starts)
            },
            || {
                let opened = Pcm::open_any(opens.card, opens.device, opens.dir, libc::O_NONBLOCK);
                is_open.store(true, Ordering::Relaxed);
                opened
            },
        )?;
        starts_meanwhile += started? - 1;
        let mut other = opened?;
        check_eq!("substream", other.info()?.subdevice, 0);
        other.configure(&LONG)?;
        drop(other);
        check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
    }
    note(&format!(
        "{starts_meanwhile} times it started before the other was open"
    ));
    check!(starts_meanwhile > 10, "it hardly ever started meanwhile");
    meeting.report()?;
    drop(pcm);
    cable_works(ctx, CABLE)
}

/// Whatever comes first, one side at least gets what it wants, and is what the other then has to
/// match.
fn both_set_up(ctx: &Context) -> Outcome {
    let misfit = Config {
        format: signal::S24_3LE,
        rate: 44100,
        channels: 6,
        ..LONG
    };
    let wanted = |cfg: &Config| {
        (
            1u64 << cfg.format.number,
            format!("[{0} {0}]", cfg.rate),
            format!("[{0} {0}]", cfg.channels),
        )
    };
    let mut meeting = Meeting::new(ctx)?;
    let (mut both, mut one) = (0, 0);
    while meeting.goes_on() {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        let same = meeting.random.once_in(3);
        let cfg = if same { LONG } else { misfit };
        let results = meeting.round(|| play.configure(&LONG), || rec.configure(&cfg))?;
        // The limits that the other side then has.
        let got = (left(&rec)?, left(&play)?);
        match results {
            (Ok(()), Ok(())) => {
                both += 1;
                check_eq!("left to the two", got, (wanted(&LONG), wanted(&cfg)));
                match same {
                    true => rec.start()?,
                    false => expect_error("START", rec.start(), libc::EIO)?,
                }
            }
            (Ok(()), Err(e)) if !same && e.code == libc::EINVAL => {
                one += 1;
                check_eq!("left to the two", got, (wanted(&LONG), everything()));
            }
            (Err(e), Ok(())) if !same && e.code == libc::EINVAL => {
                one += 1;
                check_eq!("left to the two", got, (everything(), wanted(&cfg)));
            }
            (a, b) => {
                let text =
                    |r: Result<(), k::Errno>| r.map_or_else(|e| e.to_string(), |()| "set".into());
                check!(false, "playback: {}, capture: {}", text(a), text(b));
            }
        }
    }
    note(&format!("both were set {both} times, one {one} times"));
    meeting.report()?;
    cable_works(ctx, CABLE)
}

/// An element's number is by its place; its name, device and substream say what it is about.
fn numbers_in_events(ctx: &Context) -> Outcome {
    let other = Config {
        access: Access::RwNoninterleaved,
        format: signal::S32_LE,
        rate: 44100,
        channels: 3,
        ..LONG
    };
    let control = Control::open(ctx.index)?;
    for number in 0..16 {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        for cfg in [other, LONG] {
            let mut play = cable.playback(ctx)?;
            play.configure(&cfg)?;
            // It must not run dry before its events are read.
            play.sw_params(u64::MAX)?;
            play.write(&cfg.silence(480), 0, 480)?;
            control.subscribe()?;
            control.events()?;
            play.start()?;
            let mut names = Vec::new();
            for (numid, _) in control.events()? {
                let element = control.element(numid)?;
                check_eq!(
                    format!("device and substream of the event's element {numid}"),
                    (element.device, element.subdevice),
                    (cable.device ^ 1, cable.subdevice)
                );
                names.push(element.name);
            }
            if cfg.rate == LONG.rate {
                check_eq!(
                    format!("events of the START on cable {number}"),
                    names,
                    [3, 4, 5, 6, ACTIVE].map(|which| NAMES[which])
                );
            }
        }
    }
    Ok(())
}

/// A trigger sends events with the stream lock held and interrupts off.
fn listeners(ctx: &Context) -> Outcome {
    let mut meeting = Meeting::new(ctx)?;
    let c = Controls::of(ctx, CABLE)?;
    c.control.subscribe()?;
    let (mut rounds, mut events) = (0u64, 0);
    while meeting.goes_on() {
        let cfg = Config {
            rate: if rounds % 2 == 0 { 44100 } else { 48000 },
            ..LONG
        };
        let mut play = CABLE.playback(ctx)?;
        play.configure(&cfg)?;
        play.write(&cfg.silence(480), 0, 480)?;
        let index = ctx.index;
        let (played, listened) = meeting.round(
            || play.start().and_then(|()| play.stop()),
            || {
                let control = Control::open(index)?;
                control.subscribe()?;
                control.events().map(drop)
            },
        )?;
        played?;
        listened?;
        rounds += 1;
        let heard = c.events()?;
        check!(
            heard.contains(&NAMES[ACTIVE]) && (rounds == 1 || heard.contains(&"PCM Slave Rate")),
            "round {rounds}: events {heard:?}"
        );
        events += heard.len();
    }
    note(&format!("{events} events"));
    meeting.report()
}

/// Each question brings the cable up to date: at the same time as others, and as its timers.
fn many_ask(ctx: &Context) -> Outcome {
    for period in [16, 480] {
        let cfg = Config {
            period,
            periods: 15360 / period,
            ..USUAL
        };
        unless_stalled(|| {
            let mut session = Session::open(ctx, CABLE, &cfg, cfg.signal(96_000, 0x3e48))?;
            let sides = [session.play.share()?, session.rec.share()?];
            let over = AtomicBool::new(false);
            let asked = AtomicU64::new(0);
            thread::scope(|scope| -> Outcome {
                let (over, asked) = (&over, &asked);
                let ask = move |pcm: &Pcm| {
                    while !over.load(Ordering::Relaxed) {
                        // Each may come when the stream does not run.
                        let _ = pcm.hwsync();
                        let _ = pcm.status();
                        let _ = pcm.delay();
                        asked.fetch_add(3, Ordering::Relaxed);
                        // The other processor has a stream to serve.
                        thread::yield_now();
                    }
                };
                for pcm in &sides {
                    scope.spawn(move || ask(pcm));
                }
                let result = session.run();
                over.store(true, Ordering::Relaxed);
                result
            })?;
            let asked = asked.into_inner();
            note(&format!("periods of {period} frames: {asked} questions"));
            check!(asked > 1000, "{asked} questions only");
            session.verify(Expect::Whole)
        })?;
    }
    Ok(())
}

/// A stream in each state, on either side, each on a cable of its own.
fn suspended(ctx: &Context) -> Outcome {
    const STATES: [i32; 7] = [OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED];
    let cfg = Config {
        periods: 100,
        ..LONG
    };
    let mut pcms = Vec::new();
    for (number, state) in (0..).zip(STATES) {
        for dir in Dir::BOTH {
            let cable = Cable {
                device: dir as u32,
                subdevice: number,
            };
            let mut pcm = Pcm::open(cable.side(ctx, dir))?;
            if state != OPEN {
                pcm.setup(&cfg)?;
            }
            if ![OPEN, SETUP].contains(&state) {
                pcm.prepare()?;
            }
            if ![OPEN, SETUP, PREPARED].contains(&state) {
                if dir == Dir::Playback {
                    pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
                }
                pcm.start()?;
            }
            match state {
                XRUN => pcm.xrun()?,
                PAUSED => pcm.pause(true)?,
                DRAINING => {
                    if dir == Dir::Capture {
                        check!(pcm.poll(1000).is_some(), "no wake-up for 1 s");
                    }
                    match pcm.drain() {
                        Err(e) if e.code != libc::EAGAIN => return Err(e.into()),
                        _ => {}
                    }
                }
                _ => {}
            }
            check_eq!("state before", state_name(pcm.state()?), state_name(state));
            pcms.push((state, cable, dir, pcm));
        }
    }
    suspend()?;
    for (state, cable, dir, pcm) in &pcms {
        let what = format!("{dir:?} that was {}", state_name(*state));
        let now = pcm.state()?;
        let stays = [OPEN, SETUP].contains(state);
        let want = if stays { *state } else { SUSPENDED };
        check_eq!(what, state_name(now), state_name(want));
        if *dir == Dir::Playback {
            let active = Controls::of(ctx, *cable)?.get(ACTIVE)?;
            check_eq!(format!("Slave Active of a {what}"), active, 0);
        }
        if stays {
            expect_error(&what, pcm.resume(), libc::EBADFD)?;
            continue;
        }
        pcm.resume()?;
        check_eq!(
            format!("{what}, after RESUME"),
            state_name(pcm.state()?),
            state_name(*state)
        );
        if *dir == Dir::Playback {
            let active = Controls::of(ctx, *cable)?.get(ACTIVE)?;
            let want = i64::from([RUNNING, DRAINING].contains(state));
            check_eq!(
                format!("Slave Active of a {what}, after RESUME"),
                active,
                want
            );
        }
    }
    drop(pcms);
    for device in 0..2 {
        for subdevice in 0..7 {
            cable_works(ctx, Cable { device, subdevice })?;
        }
    }
    Ok(())
}

/// A capture that was running when the system was suspended, and a playback that has come since.
fn resume(ctx: &Context) -> Outcome {
    for misfit in [
        Config {
            channels: 1,
            ..LONG
        },
        Config {
            format: signal::S32_LE,
            ..LONG
        },
        Config {
            rate: 44100,
            ..LONG
        },
    ] {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.setup(&misfit)?;
        rec.configure(&LONG)?;
        rec.start()?;
        suspend()?;
        check_eq!(
            "the capture",
            state_name(rec.state()?),
            state_name(SUSPENDED)
        );
        play.prepare()?;
        play.write(&misfit.signal(4800, 0x171), 0, 4800)?;
        play.start()?;
        expect_error("RESUME", rec.resume(), libc::EIO)?;
        check_eq!(
            "the playback",
            state_name(play.state()?),
            state_name(RUNNING)
        );
        check!(rec.state()? != RUNNING, "the capture runs");
        rec.stop()?;
    }
    cable_works(ctx, CABLE)
}

/// A playback, and a capture of another cable that does not match its playback any more.
///
/// Whichever of the two the core comes to first: the playback is not heard, by a capture that runs,
/// and goes on later. At a rate at which a call takes longer than a frame.
fn half_resumed(ctx: &Context, playback_first: bool, foreign: Option<&Pcm>) -> Outcome {
    let cfg = FAST;
    let other = Cable {
        device: 0,
        subdevice: 5,
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let mut misfit = other.capture(ctx)?;
    let mut changed = other.playback(ctx)?;
    changed.setup(&Config {
        rate: 44100,
        ..LONG
    })?;
    misfit.setup(&LONG)?;
    misfit.prepare()?;
    // The core begins with the one that has been linked last.
    match playback_first {
        true => misfit.link(&play)?,
        false => play.link(&misfit)?,
    }
    if let Some(foreign) = foreign {
        misfit.link(foreign)?;
    }
    let source = cfg.signal(cfg.buffer(), 122);
    play.write(&source, 0, source.len())?;
    play.start()?;
    suspend()?;
    for pcm in [&play, &misfit].into_iter().chain(foreign) {
        check_eq!(format!("the {:?}", pcm.dir), pcm.state()?, SUSPENDED);
    }
    changed.prepare()?;
    let c = Controls::of(ctx, CABLE)?;
    let at = play.status()?.hw_ptr as usize;
    rec.resume()?;
    rec.start()?;
    expect_error("RESUME", play.resume(), libc::EIO)?;
    if let Some(foreign) = foreign {
        // To the core it is suspended, but its driver has begun, whose timer outlives a close then.
        foreign.unlink()?;
        check_eq!("the other driver's", foreign.state()?, SUSPENDED);
        foreign.resume()?;
        foreign.stop()?;
    }
    for pcm in [&play, &misfit] {
        check_eq!(
            format!("the {:?} after RESUME", pcm.dir),
            pcm.state()?,
            SUSPENDED
        );
    }
    check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    check_eq!("timers armed", armed_timers(ctx)?, 1);
    // Longer than the capture would keep silent about its position if the system were suspended,
    // and than its buffer lasts.
    let heard = record(&mut rec, 2 * cfg.buffer())?;
    check_eq!(
        "what is heard of a suspended stream",
        heard.first_sound(0),
        None
    );
    misfit.unlink()?;
    play.resume()?;
    check_eq!("Slave Active after RESUME", c.get(ACTIVE)?, 1);
    let (first, heard) = part_of(&source, &record(&mut rec, cfg.period as usize)?)?;
    // The core has not been told of all that was played before the suspend.
    check!(
        (at..at + 7680).contains(&first) && heard > 4000,
        "suspended at {at}, it goes on with {first}, and {heard} frames are heard"
    );
    Ok(())
}

/// The core has begun with a stream of another driver, whose data are not ours to touch.
fn resumed_beside_another_driver(ctx: &Context) -> Outcome {
    run("modprobe", &["snd-dummy", "id=Foreign"])?;
    let result = foreign_capture().and_then(|foreign| half_resumed(ctx, true, Some(&foreign)));
    run("rmmod", &["snd-dummy"])?;
    result
}

/// A prepared capture of `snd-dummy` that never stops.
fn foreign_capture() -> Result<Pcm, Fail> {
    let card = fs::read_link("/proc/asound/Foreign")?;
    let number = card
        .to_str()
        .and_then(|name| name.strip_prefix("card")?.parse().ok())
        .ok_or_else(|| format!("{} is no card", card.display()))?;
    let mut pcm = Pcm::open_any(number, 0, Dir::Capture, libc::O_NONBLOCK)?;
    pcm.setup(&LONG)?;
    pcm.sw_params(u64::MAX)?;
    pcm.prepare()?;
    Ok(pcm)
}

fn run(program: &str, arguments: &[&str]) -> Outcome {
    let status = Command::new(program).args(arguments).status()?;
    check!(status.success(), "{program} {arguments:?}: {status}");
    Ok(())
}
