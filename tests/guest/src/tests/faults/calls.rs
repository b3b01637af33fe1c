// SPDX-License-Identifier: GPL-2.0

//! Allocations of the calls at a card that is there.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use support::cable::Cable;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::USUAL;
use support::control::Control;
use support::kernel::Errno;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::open_control;
use support::pcm::Pcm;

use super::errno;
use super::every;
use super::NO_CONTROL;
use super::NO_MEMORY;
use crate::tests::proc;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::CABLE;

/// Nobody has the cable open.
pub(super) fn is_free(ctx: &Context, cable: Cable) -> Outcome {
    check_eq!("cable", proc::cable(ctx, cable)?, ["  inactive"]);
    Ok(())
}

pub(super) fn open(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let device = CABLE.side(ctx, dir).device;
        let open = || Pcm::open_any(ctx.index, device, dir, libc::O_NONBLOCK);
        every(&NO_MEMORY, open, |pcm| {
            drop(pcm);
            is_free(ctx, CABLE)?;
            drop(open()?);
            is_free(ctx, CABLE)
        })?;
    }
    Ok(live(ctx, &LONG)?)
}

pub(super) fn open_by_timer(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let device = CABLE.side(ctx, dir).device;
        let open = || Pcm::open_any(ctx.index, device, dir, libc::O_NONBLOCK);
        every(&NO_MEMORY, open, |pcm| {
            drop(pcm);
            is_free(ctx, CABLE)?;
            open()?.configure(&cfg)?;
            is_free(ctx, CABLE)
        })?;
    }
    drop(source);
    Ok(live(ctx, &LONG)?)
}

pub(super) fn parameters(ctx: &Context) -> Outcome {
    let large = Config {
        channels: 8,
        period: 4096,
        periods: 8,
        ..USUAL
    };
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        // From nothing to a buffer, and from a buffer to a larger one.
        for (before, cfg) in [(None, USUAL), (Some(USUAL), large)] {
            let set = |cfg: &Config| pcm.hw_params(&cfg.request());
            if let Some(before) = before {
                set(&before)?;
            }
            let mut shared = pcm.share()?;
            every(
                &NO_MEMORY,
                || set(&cfg),
                |_| {
                    shared.configure(&cfg)?;
                    shared.hw_free()?;
                    if let Some(before) = before {
                        set(&before).map(drop)?;
                    }
                    Ok(())
                },
            )?;
            if before.is_some() {
                pcm.hw_free()?;
            }
        }
    }
    Ok(live(ctx, &LONG)?)
}

/// All that two linked streams do. They are closed whatever happens.
pub(super) fn live(ctx: &Context, cfg: &Config) -> Result<(), Errno> {
    let (mut play, mut rec) = CABLE.open(ctx, cfg, cfg)?;
    play.link(&rec)?;
    play.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    play.start()?;
    rec.status()?;
    play.pause(true)?;
    play.pause(false)?;
    match rec.read(&mut cfg.nothing(), 16) {
        // The machine was slow.
        Err(e) if e.code == libc::EPIPE => {}
        result => result.map(drop)?,
    }
    play.unlink()?;
    rec.stop()?;
    match play.drain() {
        Err(e) if e.code == libc::EAGAIN => {}
        result => result?,
    }
    rec.hw_free()
}

pub(super) fn streams(ctx: &Context) -> Outcome {
    for access in [Access::RwInterleaved, Access::MmapNoninterleaved] {
        let cfg = Config { access, ..LONG };
        // Somebody listens: a START makes events.
        let control = Control::open(ctx.index)?;
        control.subscribe()?;
        every(
            &NO_CONTROL,
            || live(ctx, &cfg),
            |_| {
                is_free(ctx, CABLE)?;
                live(ctx, &cfg)?;
                control.events()?;
                is_free(ctx, CABLE)
            },
        )?;
    }
    Ok(live(ctx, &LONG)?)
}

pub(super) fn controls(ctx: &Context) -> Outcome {
    let node = || open_control(ctx.index);
    every(&NO_CONTROL, node, |_| Ok(node().map(drop)?))?;
    let control = Control::open(ctx.index)?;
    let ids = control.list()?;
    let ids = ids
        .get(..7)
        .ok_or(Fail::Wrong("fewer than seven controls".into()))?;
    let shift = ids[0];
    let all = || {
        control.list()?;
        for id in ids {
            control.element(*id)?;
            control.read(*id)?;
        }
        control.write(shift, 100_001)?;
        control.write(shift, 100_000)?;
        control.subscribe()?;
        control.events()
    };
    every(&NO_MEMORY, all, |_| {
        all()?;
        check_eq!("Rate Shift", control.read(shift)?, 100_000);
        Ok(())
    })
}

pub(super) fn files(ctx: &Context) -> Outcome {
    for name in ["cable#0", "cable#1", "timer_source"] {
        let path = format!("/proc/asound/card{}/{name}", ctx.index);
        let whole = proc::read(ctx, name)?;
        let read = || {
            let mut text = String::with_capacity(2 * whole.len() + 4096);
            let mut file = File::open(&path).map_err(errno("open"))?;
            file.read_to_string(&mut text).map_err(errno("read"))?;
            Ok(text)
        };
        every(&NO_MEMORY, read, |text| {
            if let Some(text) = text {
                check_eq!(name, text, whole);
            }
            check_eq!(name, proc::read(ctx, name)?, whole);
            Ok(())
        })?;
    }
    let path = format!("/proc/asound/card{}/timer_source", ctx.index);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(errno("open"))?;
        file.write_all(b"-1.0.0\n").map_err(errno("write"))
    };
    // A write that succeeds is kept, and one that fails changes nothing.
    let result = every(&NO_MEMORY, write, |done| {
        let wanted = if done.is_some() { "-1.0.0\n" } else { "\n" };
        check_eq!("timer_source", proc::read(ctx, "timer_source")?, wanted);
        proc::write(ctx, "timer_source", "\n")
    });
    proc::write(ctx, "timer_source", "\n")?;
    result
}

/// A write to a file of sysfs is one system call, and one of its own.
pub(super) fn write_to(path: &Path, text: &str) -> Result<(), Errno> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(errno("open"))?;
    file.write_all(text.as_bytes()).map_err(errno("write"))
}
