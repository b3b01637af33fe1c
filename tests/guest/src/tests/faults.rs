// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail: the first one of an operation, then the second one, and so on until the
//! operation gets by without a fault.
//!
//! Every time the operation has to work all the same, or to fail with an error that says so; and
//! then it has to work at once. What it leaves behind is found by the kernel's leak detector when
//! the guest ends. All this needs a kernel with `CONFIG_FAILSLAB` and `CONFIG_FAIL_PAGE_ALLOC`.

use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::USUAL;
use support::control::Control;
use support::kernel::Errno;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::machine::platform;
use support::pcm::open_control;
use support::pcm::poll;
use support::pcm::Pcm;

use crate::tests::proc;
use crate::tests::source::system_config;
use crate::tests::source::Source;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("faults", name, run).limit(300);
    vec![
        test("16 a fault at each allocation of an open", open),
        test("16 … of an open by a sound timer", open_by_timer),
        test("16 … of HW_PARAMS", parameters),
        test("16 … from open to close of a linked pair", streams),
        test("16 … of a call at the card's controls", controls),
        test("16 … of reading and writing the card's files", files),
        test("16 … of making a card", bind).limit(1800),
        test("16 … of taking a card away", unbind),
        test("16 … of loading the module", load).limit(1800),
    ]
}

/// Lets allocations of this thread fail.
struct Faults(File);

impl Faults {
    fn new() -> Result<Self, Fail> {
        const DEBUGFS: &str = "/sys/kernel/debug";
        for (knob, value) in [
            ("failslab/ignore-gfp-wait", "N"),
            ("failslab/verbose", "0"),
            ("fail_page_alloc/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-highmem", "N"),
            ("fail_page_alloc/min-order", "0"),
            ("fail_page_alloc/verbose", "0"),
        ] {
            fs::write(format!("{DEBUGFS}/{knob}"), value)
                .map_err(|e| format!("{knob}: {e}: this kernel cannot inject faults"))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")?;
        Ok(Faults(file))
    }

    /// Runs `call`, in which the `n`-th allocation fails. Returns whether there were so many.
    fn inject<T>(&self, n: u32, call: impl FnOnce() -> T) -> Result<(T, bool), Fail> {
        let text = n.to_string();
        self.0.write_all_at(text.as_bytes(), 0)?;
        let result = call();
        let mut left = [0; 16];
        let length = self.0.read_at(&mut left, 0)?;
        self.0.write_all_at(b"0", 0)?;
        Ok((result, left[..length].starts_with(b"0")))
    }
}

/// What a failed allocation shows as.
const NO_MEMORY: [i32; 1] = [libc::ENOMEM];

/// The same where a card is made: the core gives a device no name, and then finds that it has none.
const NO_CARD: [i32; 2] = [libc::ENOMEM, libc::EINVAL];

/// The same where a control device is opened: the core then says `ENODEV` in some cases.
const NO_CONTROL: [i32; 2] = [libc::ENOMEM, libc::ENODEV];

/// Runs `attempt` with a fault at its first allocation, its second one, and so on. `after` is run
/// after each, without faults, and gets what the attempt returned: it checks, and cleans up.
fn every<T>(
    errors: &[i32],
    attempt: impl FnMut() -> Result<T, Errno>,
    after: impl FnMut(Option<T>) -> Outcome,
) -> Outcome {
    some(1..100_000, errors, attempt, after)
}

/// The allocations at which an attempt fails that takes long: each `ctx.step`-th, from where the
/// seed says.
fn chosen(ctx: &Context) -> impl Iterator<Item = u32> {
    let step = u64::from(ctx.step);
    let first = (1 + ctx.seed % step) as u32;
    (first..100_000).step_by(ctx.step as usize)
}

/// As `every`, with a fault at each allocation of `numbers` in turn.
fn some<T>(
    numbers: impl IntoIterator<Item = u32>,
    errors: &[i32],
    mut attempt: impl FnMut() -> Result<T, Errno>,
    mut after: impl FnMut(Option<T>) -> Outcome,
) -> Outcome {
    let faults = Faults::new()?;
    let (mut count, mut failed) = (0, 0);
    for n in numbers {
        let (result, injected) = faults.inject(n, &mut attempt)?;
        let result = match result {
            Ok(value) => Some(value),
            Err(e) => {
                check!(injected, "without a fault: {e}");
                check!(errors.contains(&e.code), "allocation {n} fails: {e}");
                failed += 1;
                None
            }
        };
        after(result).map_err(|e| at(n, e))?;
        if !injected {
            note(&format!(
                "{count} faults, {failed} errors, {n} allocations at most"
            ));
            check!(count > 0, "no allocation was seen");
            return Ok(());
        }
        count += 1;
    }
    Err(Fail::Wrong("no end after 100000 faults".into()))
}

/// Says after which fault it was.
fn at(n: u32, fail: Fail) -> Fail {
    let name = |text| format!("after a fault at allocation {n}: {text}");
    match fail {
        Fail::Wrong(text) => Fail::Wrong(name(text)),
        Fail::Stalled(text) => Fail::Stalled(name(text)),
        skip => skip,
    }
}

fn errno(call: &'static str) -> impl Fn(io::Error) -> Errno {
    move |e| Errno {
        call,
        code: e.raw_os_error().unwrap_or(0),
    }
}

/// Nobody has the cable open.
fn is_free(ctx: &Context, cable: Cable) -> Outcome {
    check_eq!("cable", proc::cable(ctx, cable)?, ["  inactive"]);
    Ok(())
}

fn open(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let device = CABLE.end(ctx, dir).device;
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

fn open_by_timer(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let device = CABLE.end(ctx, dir).device;
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

fn parameters(ctx: &Context) -> Outcome {
    let large = Config {
        channels: 8,
        period: 4096,
        periods: 8,
        ..USUAL
    };
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.end(ctx, dir))?;
        // From nothing to a ring, and from a ring to a larger one.
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
fn live(ctx: &Context, cfg: &Config) -> Result<(), Errno> {
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

fn streams(ctx: &Context) -> Outcome {
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

fn controls(ctx: &Context) -> Outcome {
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

fn files(ctx: &Context) -> Outcome {
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
    let result = every(&NO_MEMORY, write, |_| {
        let text = proc::read(ctx, "timer_source")?;
        check!(
            ["\n", "-1.0.0\n"].contains(&text.as_str()),
            "timer_source: {text:?}"
        );
        proc::write(ctx, "timer_source", "\n")
    });
    proc::write(ctx, "timer_source", "\n")?;
    result
}

/// A write to a file of sysfs is one system call, and one of its own.
fn write_to(path: &Path, text: &str) -> Result<(), Errno> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(errno("open"))?;
    file.write_all(text.as_bytes()).map_err(errno("write"))
}

/// The card, under the number that it has now.
///
/// After some failures the core does not give a number out again: the next card has the next one.
fn now(ctx: &Context) -> Result<Context, Fail> {
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
fn is_gone(ctx: &Context) -> Outcome {
    let link = format!("/proc/asound/{}", ctx.card);
    check!(fs::symlink_metadata(&link).is_err(), "{link} is there");
    for folder in ["/sys/class/sound", "/proc/asound", "/dev/snd"] {
        // Without a card, and the modules that it needs, not even these may be there.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let is_card = |kind: &str| {
                let number = name.strip_prefix(kind).unwrap_or("");
                number.starts_with(|c: char| c.is_ascii_digit())
            };
            check!(
                !["card", "controlC", "pcmC"].into_iter().any(is_card),
                "{folder}/{name} is there"
            );
        }
    }
    Ok(())
}

/// After an attempt to make a card, there is either nothing of it or one that works.
///
/// But for the nodes in `/dev`: whoever adds a device is not told if one could not be made.
fn is_whole_or_gone(ctx: &Context, made: bool) -> Outcome {
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
struct Turn(u32);

impl Turn {
    fn is_due(&mut self) -> bool {
        self.0 += 1;
        self.0 % 8 == 1
    }
}

fn bind(ctx: &Context) -> Outcome {
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
fn remove_nodes(ctx: &Context) {
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

fn unbind(ctx: &Context) -> Outcome {
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
fn module_file(module: &str) -> Result<PathBuf, Fail> {
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
fn checked(call: &'static str, result: libc::c_long) -> Result<(), Errno> {
    if result < 0 {
        return Err(errno(call)(io::Error::last_os_error()));
    }
    Ok(())
}

fn load(ctx: &Context) -> Outcome {
    // The tests that a module runs when it is loaded are none of this.
    let filter = "/sys/module/kunit/parameters/filter_glob";
    if Path::new(filter).exists() {
        fs::write(filter, "none")?;
    }
    let file = File::open(module_file(&ctx.module)?)?;
    let name = CString::new(ctx.module.as_str()).expect("no NUL in a name");
    // A kernel that frees late (DEBUG_KOBJECT_RELEASE) has the folder of the driver for some
    // seconds after it has gone, and until then no other of its name can come.
    let settle = || {
        let driver = Path::new("/sys/bus/platform/drivers/snd_aloop");
        while driver.exists() && !driver.join("uevent").exists() {
            poll(&mut [], 100);
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
