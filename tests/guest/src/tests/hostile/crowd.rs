// SPDX-License-Identifier: GPL-2.0

//! Many streams, and many who watch them.

use std::time::Duration;

use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::config::RUNNING;
use support::kernel::is_realtime;
use support::kernel::now_ns;
use support::kernel::pin;
use support::kernel::Pauses;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::timer::UserTimer;

use super::beside::be_urgent;
use super::beside::leave;
use super::beside::Watched;
use super::drained::LATE;
use super::HASTY;
use crate::tests::source::running_slave;
use crate::tests::source::system_config;
use crate::tests::source::Source;

pub(super) fn watched(ctx: &Context, streams: u32, most: fn(i64) -> i64) -> Outcome {
    let streams = (0..streams)
        .map(|number| {
            let cable = Cable {
                device: number / 8,
                subdevice: number % 8,
            };
            Watched::new(Pcm::open(cable.side(ctx, Dir::Capture))?)
        })
        .collect::<Result<Vec<_>, Fail>>()?;
    leave(
        |half| {
            for stream in streams.iter().skip(half).step_by(2) {
                stream.pcm.start()?;
            }
            Ok(())
        },
        most,
        LATE,
    )?;
    for Watched { pcm, .. } in &streams {
        check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
        check!(poll(&mut [pcm.pollfd()], 0), "nobody is woken");
    }
    Ok(())
}

/// Whoever prepares a stream anew after each wake-up gets no more of them for that: a callback takes
/// a quarter of the time. A DROP takes as long, since it wakes the same watchers.
pub(super) fn prepared_anew(ctx: &Context) -> Outcome {
    const COUNT: i64 = 200;
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    // What else there is to do must not come between.
    be_urgent()?;
    let Watched { pcm, .. } = &Watched::new(Pcm::open(cable.side(ctx, Dir::Capture))?)?;
    let (mut begun, mut drops) = (0, 0);
    // The driver knows what the callbacks take after the first half.
    for number in -COUNT..COUNT {
        if number == 0 {
            (begun, drops) = (now_ns(), 0);
        }
        pcm.start()?;
        check!(pcm.poll(1000).is_some(), "no wake-up for a second");
        let woken = now_ns();
        pcm.stop()?;
        drops += now_ns() - woken;
        pcm.prepare()?;
    }
    let (apart, drop) = ((now_ns() - begun) / COUNT, drops / COUNT);
    note(&format!(
        "wake-ups {:.1} us apart, a DROP takes {:.1} us",
        apart as f64 / 1e3,
        drop as f64 / 1e3
    ));
    check!(
        apart * 2 > drop * 7,
        "wake-ups are {apart} ns apart, and each takes about {drop} ns"
    );
    Ok(())
}

/// How long a computation may take if half of one processor is taken, and some more for how that is
/// measured. Of a guest whose clock counts instructions, several processors are as much as one.
pub(super) fn half(alone: i64) -> i64 {
    alone * 2 * 11 / 10
}

/// As many streams as there can be, of all cards of the driver, with the shortest periods that one
/// channel can have. It wants 32 cards, and two processors.
pub(super) fn crowd(ctx: &Context) -> Outcome {
    let modules = std::fs::read_to_string("/proc/asound/modules")?;
    let cards: Vec<u32> = modules
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(_, module)| module.trim() == ctx.module)
        .filter_map(|(number, _)| number.parse().ok())
        .collect();
    check_eq!("cards", cards.len(), 32);
    let files = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    // SAFETY: The call reads the limit.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files) };
    check_eq!("setrlimit", result, 0);
    let cfg = Config {
        periods: 16,
        ..HASTY
    };
    let mut streams = Vec::new();
    let mut dear = None;
    for card in cards {
        for number in 0..32 {
            let pcm = Pcm::open(Address {
                card,
                device: number / 16,
                subdevice: number / 2 % 8,
                dir: Dir::BOTH[number as usize % 2],
            })?;
            if dear.is_none() && number == 1 {
                dear = Some(Watched::new(pcm)?);
                continue;
            }
            streams.push(pcm);
        }
    }
    for pcm in &mut streams {
        pcm.setup(&cfg)?;
        pcm.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
        pcm.prepare()?;
        if pcm.dir == Dir::Playback {
            pcm.write(&cfg.signal(cfg.buffer(), 1), 0, cfg.buffer())?;
        }
    }
    let dear = dear.ok_or("no card".to_string())?;
    let all: Vec<&Pcm> = streams.iter().chain([&dear.pcm]).collect();
    leave(
        |half| {
            for pcm in all.iter().skip(half).step_by(2) {
                pcm.start()?;
            }
            Ok(())
        },
        half,
        LATE,
    )?;
    for pcm in all {
        check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
    }
    Ok(())
}

/// Streams that a program for live music would have: the limit is not for them.
pub(super) fn well_behaved(ctx: &Context) -> Outcome {
    const PERIODS: u64 = 1500;
    let cfg = Config {
        format: signal::S16_LE,
        rate: 48_000,
        channels: 2,
        period: 16,
        periods: 64,
        ..HASTY
    };
    // With its interrupt, and a thread on PREEMPT_RT, a callback takes 6 us, or 13, of a processor
    // of 500 million instructions a second; a cable has 6000 in a second.
    let cables = if is_realtime()? { 4 } else { 8 };
    // As such a program does. The machine may still be busy with what was before.
    be_urgent()?;
    // Others do as much, whatever they may do with it.
    let mut others = Vec::new();
    for number in 1..cables {
        for dir in Dir::BOTH {
            let cable = Cable {
                device: 0,
                subdevice: number,
            };
            let mut pcm = Pcm::open(cable.side(ctx, dir))?;
            pcm.setup(&cfg)?;
            pcm.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
            pcm.prepare()?;
            pcm.start()?;
            others.push(pcm);
        }
    }
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    let mut rec = Pcm::open(cable.side(ctx, Dir::Capture))?;
    rec.configure(&cfg)?;
    rec.sw_params_waking_at_a_period()?;
    let mut play = Pcm::open(cable.side(ctx, Dir::Playback))?;
    play.configure(&cfg)?;
    play.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
    let mut pauses = Pauses::read()?;
    play.start()?;
    rec.start()?;
    let mut heard = cfg.nothing();
    // How much there is at first says how long this program took to come here.
    check!(rec.poll(1000).is_some(), "no wake-up for a second");
    rec.read(&mut heard, cfg.buffer())?;
    let mut frames = 0;
    while frames < PERIODS * 16 {
        check!(rec.poll(1000).is_some(), "no wake-up for a second");
        let got = rec.read(&mut heard, cfg.buffer())?;
        frames += got as u64;
        // A period, and what has come while it was read.
        if got < 32 {
            continue;
        }
        // What other tests do makes pauses long, for as long as the machine runs.
        let since = Pauses::read()?;
        let pause = if since.count > pauses.count {
            since.length
        } else {
            0
        };
        pauses = since;
        check!(
            (got as u64) < 32 + pause * u64::from(cfg.rate) / 1_000_000_000,
            "at {frames} frames, a wake-up after {got}, where a period has 16, and a pause of the \
             kernel's timers was {pause} ns"
        );
        note(&format!(
            "at {frames} frames, a wake-up after {got}, and a pause of the kernel's timers"
        ));
        // What has come while that was found out.
        check!(rec.poll(1000).is_some(), "no wake-up for a second");
        frames += rec.read(&mut heard, cfg.buffer())? as u64;
    }
    Ok(())
}

/// What ticks call is, on a real-time kernel, run by a thread of less priority than such a program
/// has: one that closes must not wait for it in its way.
pub(super) fn urgent_close(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    be_urgent()?;
    // The thread is one of the processor on which the timer is started.
    pin(0)?;
    for round in 0..200 {
        // The core would have the slave tick with the cable, and close that when neither is called.
        let slave = if round % 2 == 1 {
            Some(running_slave()?)
        } else {
            None
        };
        let mut rec = Pcm::open(Address {
            card: ctx.index,
            device: 1,
            subdevice: 0,
            dir: Dir::Capture,
        })?;
        rec.configure(&cfg)?;
        rec.sw_params_waking_at_a_period()?;
        rec.start()?;
        let mut fds = vec![rec.pollfd()];
        fds.extend(slave.iter().map(UserTimer::pollfd));
        check!(poll(&mut fds, 1000), "no wake-up for a second");
        // It has been woken by a tick, and not slept since.
        drop(rec);
    }
    Ok(())
}

/// A cable that runs by ticks waits for its turn as all others, when streams owe much of the processor's time;
/// but when that has come, no tick lets its timer expire.
pub(super) fn by_ticks(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let side = |number: u32, dir| {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        cable.side(ctx, dir)
    };
    // Each takes a quarter, by itself: together they want six times as much as all streams may have.
    let debtors = (1..13)
        .map(|number| Watched::new(Pcm::open(side(number, Dir::Capture))?))
        .collect::<Result<Vec<_>, Fail>>()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let mut rec = Pcm::open(side(0, Dir::Capture))?;
    // Its DRAIN waits.
    let mut play = Pcm::open_with(side(0, Dir::Playback), 0)?;
    rec.configure(&cfg)?;
    play.configure(&cfg)?;
    for debtor in &debtors {
        debtor.pcm.start()?;
    }
    wait_for_position(
        &debtors[0].pcm,
        u64::from(HASTY.rate) / 10,
        Duration::from_secs(10),
    )?;
    rec.start()?;
    let mut heard = cfg.nothing();
    while heard.len() < 50 * cfg.period as usize {
        check!(
            rec.poll(1000).is_some(),
            "after {} frames no wake-up for a second",
            heard.len()
        );
        rec.read(&mut heard, cfg.buffer())?;
    }
    for _ in 0..5 {
        play.prepare()?;
        play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        play.start()?;
        play.drain()?;
    }
    for debtor in &debtors {
        let state = state_name(debtor.pcm.state()?);
        check_eq!("state", state, state_name(RUNNING));
    }
    Ok(())
}
