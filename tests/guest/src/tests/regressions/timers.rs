// SPDX-License-Identifier: GPL-2.0

//! Cables that run by sound timers, and the timers' own device.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::cable::wait_for_position;
use crate::cable::wait_for_state;
use crate::check;
use crate::check_eq;
use crate::config::state_name;
use crate::config::Access;
use crate::config::Config;
use crate::config::Dir;
use crate::config::RUNNING;
use crate::config::SETUP;
use crate::config::XRUN;
use crate::kernel as k;
use crate::kernel::Errno;
use crate::ktap::note;
use crate::ktap::Context;
use crate::ktap::Outcome;
use crate::ktap::Test;
use crate::pcm::Pcm;
use crate::tests::cable_works;
use crate::tests::races::all_work;
use crate::tests::races::race_for;
use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::LONG;

use super::test;
use super::LENGTH;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "2b96f44164236dda0f3b mmap, HW_PARAMS, open and timer ioctls at once",
            at_once,
        ),
        test(
            "561a74f84100162990b2 linked streams that ticks stop",
            ticks_stop_linked,
        ),
        test(
            "561a74f84100162990b2 streams linked with the one whose timer they run by",
            linked_with_master,
        ),
        test(
            "17.13 a late timer does not move the periods that follow",
            periods_stay,
        ),
    ]
}

/// `struct snd_timer_select` of `<sound/asound.h>`: class, class of slave, card, device, subdevice.
#[repr(C)]
struct Select {
    id: [i32; 5],
    reserved: [u8; 32],
}

/// `struct snd_timer_params`.
#[repr(C)]
struct Params {
    flags: u32,
    ticks: u32,
    queue_size: u32,
    reserved: u32,
    filter: u32,
    more: [u8; 60],
}

const SELECT: u64 = 0x4034_5410;
const PARAMS: u64 = 0x4050_5412;
const START: u64 = 0x54a0;
const STOP: u64 = 0x54a1;

const _: () = assert!(size_of::<Select>() == 52 && size_of::<Params>() == 80);

/// A timer opened by an application.
struct UserTimer(File);

impl UserTimer {
    fn open() -> std::io::Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/snd/timer")
            .map(UserTimer)
    }

    fn call<T>(&self, name: &'static str, request: u64, arg: &mut T) -> Result<i32, Errno> {
        // SAFETY: Each caller passes the structure that the request is made for.
        unsafe { k::ioctl(self.0.as_raw_fd(), name, request, arg) }
    }

    /// Chooses the timer of a substream: class PCM, class of slave APPLICATION.
    fn select(&self, card: u32, device: u32, subdevice: u32) -> Result<(), Errno> {
        let mut select = Select {
            id: [3, 1, card as i32, device as i32, subdevice as i32],
            reserved: [0; 32],
        };
        self.call("TIMER_SELECT", SELECT, &mut select)?;
        let mut params = Params {
            flags: 1, // AUTO
            ticks: 1,
            queue_size: 64,
            reserved: 0,
            filter: 0,
            more: [0; 60],
        };
        self.call("TIMER_PARAMS", PARAMS, &mut params).map(drop)
    }

    /// Waits for a tick.
    fn wait(&mut self) -> std::io::Result<()> {
        // `struct snd_timer_read`: resolution and ticks.
        self.0.read_exact(&mut [0; 8])
    }
}

/// The cable's ends, which run by the system's timer, are opened and set up; the ring of another stream
/// is mapped; and an application has the timers of both.
fn at_once(ctx: &Context) -> Outcome {
    let tick = system_config()?;
    let source = Source::set(ctx, "-1.0.0")?;
    let mapped = CABLE.end(ctx, Dir::Capture);
    let opened = CABLE.end(ctx, Dir::Playback);
    let card = ctx.index;
    race_for(
        ctx,
        LENGTH,
        vec![
            (
                "mmap",
                Box::new(move |worker| {
                    let cfg = Config {
                        access: Access::MmapInterleaved,
                        ..tick
                    };
                    let mut pcm = Pcm::open(mapped)?;
                    while worker.goes_on() {
                        let made = pcm.configure(&cfg);
                        if worker.tried(made)? {
                            worker.tried(pcm.start())?;
                        }
                        let freed = pcm.stop().and_then(|()| pcm.hw_free());
                        worker.tried(freed)?;
                    }
                    Ok(())
                }),
            ),
            (
                "open and HW_PARAMS",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let mut pcm = Pcm::open(opened)?;
                        for _ in 0..3 {
                            let made = pcm.configure(&tick);
                            if worker.tried(made)? {
                                let written = pcm.write(&tick.silence(480), 0, 480);
                                worker.tried(written)?;
                                worker.tried(pcm.start())?;
                            }
                            worker.tried(pcm.stop())?;
                        }
                    }
                    Ok(())
                }),
            ),
            (
                "timer ioctls",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let timer = UserTimer::open()?;
                        let device = worker.random.below(2) as u32;
                        let subdevice = 2 + worker.random.below(2) as u32;
                        let selected = timer.select(card, device, subdevice);
                        if worker.tried(selected)? {
                            worker.tried(timer.call("TIMER_START", START, &mut 0u8))?;
                            worker.tried(timer.call("TIMER_STOP", STOP, &mut 0u8))?;
                        }
                    }
                    Ok(())
                }),
            ),
        ],
    )?;
    drop(source);
    all_work(ctx, &[CABLE])
}

/// A tick is handled, and what it stops stopped with all that it is linked with.
fn ticks_stop_linked(ctx: &Context) -> Outcome {
    let right = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let wrong = Config {
        period: right.period + 16,
        ..right
    };
    for (cfg, drains, last) in [
        (wrong, false, XRUN),
        (right, false, XRUN),
        (right, true, SETUP),
    ] {
        for player_first in [false, true] {
            let (mut play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
            let frames = if drains { 2400 } else { cfg.buffer() };
            play.write(&cfg.silence(frames), 0, frames)?;
            match player_first {
                true => rec.link(&play)?,
                false => play.link(&rec)?,
            }
            play.start()?;
            // On a busy host it may have been stopped already.
            let state = rec.state()?;
            check!(
                state == RUNNING || state == last,
                "the recorder is {} after START",
                state_name(state)
            );
            if drains {
                play.set_blocking(true);
                play.drain()?;
            }
            wait_for_state(&play, last, Duration::from_secs(3))?;
            // Drained, a recorder ends with what it has.
            if !drains {
                wait_for_state(&rec, last, Duration::from_secs(3))?;
            }
        }
    }
    Ok(())
}

/// The end of a period of one stream, at which its lock is held, is the tick of the others, which have
/// that lock too.
fn linked_with_master(ctx: &Context) -> Outcome {
    let clock = master(ctx, &LONG)?;
    let source = Source::set(ctx, &master_of(ctx.index))?;
    for _ in 0..5 {
        let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
        play.write(&LONG.silence(LONG.buffer()), 0, LONG.buffer())?;
        clock.link(&play)?;
        clock.link(&rec)?;
        clock.start()?;
        for pcm in [&play, &rec, &clock] {
            check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
        }
        wait_for_position(&rec, 4800, Duration::from_secs(2))?;
        // The player runs dry, and takes the others with it.
        wait_for_state(&play, XRUN, Duration::from_secs(3))?;
        check!(rec.state()? == XRUN, "the recorder goes on");
        drop((play, rec));
        clock.prepare()?;
    }
    drop((clock, source));
    cable_works(ctx, CABLE)
}

/// Who has a stream's sound timer is told of each period, whatever he reads. A timer is a little late each
/// time; that must not add up.
fn periods_stay(ctx: &Context) -> Outcome {
    // Periods of 5 ms, of so many frames that some microseconds are several.
    let cfg = Config {
        rate: 768_000,
        channels: 1,
        period: 3840,
        periods: 8,
        ..LONG
    };
    let at = CABLE.end(ctx, Dir::Capture);
    let mut rec = Pcm::open(at)?;
    rec.configure(&cfg)?;
    rec.sw_params(u64::MAX)?;
    let mut timer = UserTimer::open()?;
    timer.select(at.card, at.device, at.subdevice * 2 + 1)?;
    timer.call("TIMER_START", START, &mut 0u8)?;
    rec.start()?;
    let mut late = Vec::new();
    for _ in 0..600 {
        timer.wait()?;
        late.push(rec.status()?.hw_ptr % u64::from(cfg.period));
    }
    late.sort_unstable();
    let median = late[late.len() / 2];
    note(&format!(
        "{median} frames late in the middle, {} at most",
        late[late.len() - 1]
    ));
    check!(
        median < u64::from(cfg.period) / 4,
        "{median} frames after the end of a period of {}",
        cfg.period
    );
    Ok(())
}
