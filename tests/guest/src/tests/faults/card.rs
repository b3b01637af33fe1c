// SPDX-License-Identifier: GPL-2.0

//! Allocations of making a card, and of taking it away.

use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::path::PathBuf;

use support::check;
use support::config::LONG;
use support::kernel::Errno;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::machine::platform;
use support::pcm::poll;

use super::calls::live;
use super::calls::write_to;
use super::chosen;
use super::errno;
use super::every;
use super::some;
use super::NO_CARD;
use super::NO_MEMORY;

/// The card, under the number that it has now.
///
/// After some failures the core does not give a number out again: the next card has the next one.
pub(super) fn now(ctx: &Context) -> Result<Context, Fail> {
    let link = fs::read_link(format!("/proc/asound/{}", ctx.card))?;
    let number = link
        .to_str()
        .and_then(|l| l.strip_prefix("card")?.parse().ok());
    Ok(Context {
        card: ctx.card.clone(),
        index: number.ok_or_else(|| format!("no number in {}", link.display()))?,
        module: ctx.module.clone(),
        seed: ctx.seed,
        minutes: ctx.minutes,
        step: ctx.step,
        reference: ctx.reference.clone(),
    })
}

/// Nothing of the card is left, nor of any other: there is one only.
///
/// A kernel that frees late (`DEBUG_KOBJECT_RELEASE`) has the files of a card for some seconds
/// after it has gone.
pub(super) fn is_gone(ctx: &Context) -> Outcome {
    let mut left = remains(ctx)?;
    for _ in 0..100 {
        if left.is_none() {
            return Ok(());
        }
        poll(&mut [], 100);
        left = remains(ctx)?;
    }
    check!(left.is_none(), "{} is there", left.unwrap_or_default());
    Ok(())
}

/// What is there of any card, if anything is.
fn remains(ctx: &Context) -> Result<Option<String>, Fail> {
    let link = format!("/proc/asound/{}", ctx.card);
    if fs::symlink_metadata(&link).is_ok() {
        return Ok(Some(link));
    }
    for folder in ["/sys/class/sound", "/proc/asound", "/dev/snd"] {
        // Without a card, and the modules that it needs, not even these may be there.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let is_card = |kind: &str| {
                let number = name.strip_prefix(kind).unwrap_or("");
                number.starts_with(|c: char| c.is_ascii_digit())
            };
            if ["card", "controlC", "pcmC"].into_iter().any(is_card) {
                return Ok(Some(format!("{folder}/{name}")));
            }
        }
    }
    Ok(None)
}

/// After an attempt to make a card, there is either nothing of it or one that works.
///
/// But for the nodes in `/dev`: whoever adds a device is not told if one could not be made.
pub(super) fn is_whole_or_gone(ctx: &Context, made: bool) -> Outcome {
    if !made {
        return is_gone(ctx);
    }
    let ctx = &now(ctx)?;
    let node = |name: &str| Path::new(&format!("/dev/snd/{name}")).exists();
    let card = ctx.index;
    let mut names = vec![format!("controlC{card}")];
    for device in 0..2 {
        names.extend(["p", "c"].map(|dir| format!("pcmC{card}D{device}{dir}")));
    }
    for name in &names {
        let device = format!("/sys/class/sound/{name}");
        check!(Path::new(&device).exists(), "no {device}");
    }
    if names.iter().all(|name| node(name)) {
        live(ctx, &LONG)?;
    }
    Ok(())
}

/// To make a card takes long, and hundreds of allocations. The attempt in which the next one fails
/// gets further than the last, and shows so that what failed before works now; that it works to the
/// end is looked at after every eighth failure.
pub(super) struct Turn(u32);

impl Turn {
    fn is_due(&mut self) -> bool {
        self.0 += 1;
        self.0 % 8 == 1
    }
}

pub(super) fn bind(ctx: &Context) -> Outcome {
    let ctx = &now(ctx)?;
    let (driver, name) = platform(ctx)?;
    let (bind, unbind) = (driver.join("bind"), driver.join("unbind"));
    write_to(&unbind, &name)?;
    is_gone(ctx)?;
    let mut turn = Turn(0);
    some(
        chosen(ctx),
        &NO_CARD,
        || write_to(&bind, &name),
        |bound| {
            is_whole_or_gone(ctx, bound.is_some())?;
            if bound.is_none() {
                if !turn.is_due() {
                    return Ok(());
                }
                write_to(&bind, &name)?;
                is_whole_or_gone(ctx, true)?;
            }
            write_to(&unbind, &name)?;
            is_gone(ctx)
        },
    )?;
    write_to(&bind, &name)?;
    Ok(live(&now(ctx)?, &LONG)?)
}

/// Removes the card's nodes: without memory for its name, the kernel leaves a node where it is.
pub(super) fn remove_nodes(ctx: &Context) {
    let card = ctx.index;
    let mut names = vec![format!("controlC{card}")];
    for device in 0..2 {
        names.extend(["p", "c"].map(|dir| format!("pcmC{card}D{device}{dir}")));
    }
    for name in names {
        // That it is not there is as it should be.
        let _ = fs::remove_file(format!("/dev/snd/{name}"));
    }
}

pub(super) fn unbind(ctx: &Context) -> Outcome {
    let ctx = &now(ctx)?;
    let (driver, name) = platform(ctx)?;
    let (bind, unbind) = (driver.join("bind"), driver.join("unbind"));
    every(
        &NO_MEMORY,
        || write_to(&unbind, &name),
        |unbound| {
            if unbound.is_some() {
                remove_nodes(ctx);
                is_gone(ctx)?;
                write_to(&bind, &name)?;
            }
            Ok(())
        },
    )?;
    Ok(live(&now(ctx)?, &LONG)?)
}

/// The file of the module that the card is of.
pub(super) fn module_file(module: &str) -> Result<PathBuf, Fail> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let file = format!("{}.ko", module.replace('_', "-"));
    let path = Path::new("/lib/modules")
        .join(release.trim())
        .join("updates")
        .join(file);
    check!(path.exists(), "no {}", path.display());
    Ok(path)
}

/// A system call that returns nothing but an error.
pub(super) fn checked(call: &'static str, result: libc::c_long) -> Result<(), Errno> {
    if result < 0 {
        return Err(errno(call)(io::Error::last_os_error()));
    }
    Ok(())
}

pub(super) fn load(ctx: &Context) -> Outcome {
    // The tests that a module runs when it is loaded are none of this.
    let filter = "/sys/module/kunit/parameters/filter_glob";
    if Path::new(filter).exists() {
        fs::write(filter, "none")?;
    }
    let file = File::open(module_file(&ctx.module)?)?;
    let name = CString::new(ctx.module.as_str()).expect("no NUL in a name");
    // A kernel that frees late (DEBUG_KOBJECT_RELEASE) has the folder of a driver for some seconds
    // after it has gone, and until then no other of its name can come.
    let settle = || {
        for driver in ["snd_aloop", "snd_aloop_configfs"] {
            let driver = Path::new("/sys/bus/platform/drivers").join(driver);
            while driver.exists() && !driver.join("uevent").exists() {
                poll(&mut [], 100);
            }
        }
    };
    let load = || {
        let fd = file.as_raw_fd();
        let parameters = c"pcm_substreams=1";
        // SAFETY: The arguments are a descriptor and a C string.
        let result = unsafe { libc::syscall(libc::SYS_finit_module, fd, parameters.as_ptr(), 0) };
        checked("finit_module", result)
    };
    let unload = || {
        // SAFETY: The arguments are a C string and flags.
        let result =
            unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) };
        checked("delete_module", result)?;
        settle();
        Ok::<(), Errno>(())
    };
    unload()?;
    let mut turn = Turn(0);
    // Without any card, the module is not loaded: ENODEV. A driver that got no name is EINVAL.
    let errors = [libc::ENOMEM, libc::ENODEV, libc::EINVAL];
    let result = some(chosen(ctx), &errors, load, |loaded| {
        if loaded.is_none() {
            settle();
            let path = format!("/sys/module/{}", ctx.module);
            check!(fs::metadata(&path).is_err(), "{path} is there");
            is_gone(ctx)?;
            if !turn.is_due() {
                return Ok(());
            }
            load()?;
        }
        is_whole_or_gone(ctx, true)?;
        Ok(unload()?)
    });
    // For those that come after.
    let again = load();
    result?;
    again?;
    Ok(live(&now(ctx)?, &LONG)?)
}
