// SPDX-License-Identifier: GPL-2.0

//! The controls of each cable: section 9.

use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use support::cable::wait_for_position;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::control::Control;
use support::control::Element;
use support::control::Kind;
use support::elements::Controls;
use support::elements::ACCESS;
use support::elements::ACTIVE;
use support::elements::CHANNELS;
use support::elements::FORMAT;
use support::elements::NAMES;
use support::elements::NOTIFY;
use support::elements::RATE;
use support::elements::SHIFT;
use support::kernel as k;
use support::kernel::control::Id;
use support::kernel::control::Info;
use support::kernel::control::INFO;
use support::kernel::control::NO_ID;
use support::kernel::control::TYPE_ENUMERATED;
use support::kernel::Errno;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::open_control;
use support::pcm::Pcm;
use support::signal;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("controls", name, run);
    vec![
        test("9.1 number, order and numbering", layout),
        test("9.2 names, types, ranges and access", description),
        test(
            "9.2 the name of an item ends where it ends, whatever is in the answer's place",
            item_names,
        ),
        test(
            "9.2 values of Rate Shift, Notify and Slave Active at rest",
            at_rest,
        ),
        test("9.3 the Slave controls cannot be written", read_only),
        test(
            "9.4 17.15 Rate Shift is truncated and clamped",
            shift_values,
        ),
        test("9.5 Notify is 0 or 1", notify_values),
        test(
            "9.6 an event for a written value only if it changed",
            written_events,
        ),
        test("9.7 Slave Active follows the playback", active),
        test(
            "9.8 the Slave values are those of the last playback",
            slave_values,
        ),
        test(
            "9.9 17.4 they are so with a prepared capture too",
            slave_values_matching,
        )
        .c_defect("9.9"),
        test(
            "9.10 17.4 the range of Slave Rate includes the highest rate",
            rate_range,
        )
        .c_defect("9.10"),
        test(
            "6.1 9.11 Rate Shift sets the speed, at START and while running",
            shift_speed,
        ),
    ]
}

/// The cable played into by device 0, and its controls, which bear device 1.
pub const CABLE: Cable = Cable {
    device: 0,
    subdevice: 5,
};

fn layout(ctx: &Context) -> Outcome {
    let control = Control::open(ctx.index)?;
    let ids = control.list()?;
    // What comes behind these is the subject of 9.16.
    check_eq!(
        "number ids",
        ids.get(..112),
        Some(&(1..=112).collect::<Vec<u32>>()[..])
    );
    for numid in 1..=112 {
        let e = control.element(numid)?;
        let place = (numid - 1) / 7;
        let got = (
            e.device,
            e.subdevice,
            e.name.as_str(),
            e.index,
            e.iface,
            e.count,
        );
        let name = NAMES[(numid as usize - 1) % 7];
        let want = (place / 8, place % 8, name, 0, 3, 1);
        check_eq!(
            format!("control {numid}: device, subdevice, name, index, interface, count"),
            got,
            want
        );
    }
    Ok(())
}

fn elements(ctx: &Context, which: usize) -> Result<Vec<Element>, Errno> {
    let control = Control::open(ctx.index)?;
    (0..16)
        .map(|n| control.element(n * 7 + which as u32 + 1))
        .collect()
}

fn description(ctx: &Context) -> Outcome {
    use Kind::*;
    let want = [
        (Integer, Some((80000, 120_000, 1)), "rw"),
        (Boolean, None, "rw"),
        (Boolean, None, "r-"),
        (Integer, Some((0, 52, 1)), "r-"),
        (Integer, None, "r-"),
        (Integer, Some((1, 1024, 1)), "r-"),
        (Enumerated, None, "r-"),
    ];
    for (which, (kind, range, access)) in want.into_iter().enumerate() {
        for e in elements(ctx, which)? {
            let name = format!("control {} {}", e.numid, e.name);
            check_eq!(format!("{name}: type"), e.kind, kind);
            check_eq!(format!("{name}: access"), e.access, access);
            if let Some(range) = range {
                check_eq!(format!("{name}: range"), (e.min, e.max, e.step), range);
            }
            if kind == Enumerated {
                check_eq!(
                    format!("{name}: items"),
                    e.items,
                    ["Interleaved", "Non-interleaved"]
                );
            }
        }
    }
    for e in elements(ctx, RATE)? {
        check_eq!("minimum and step of Slave Rate", (e.min, e.step), (0, 1));
    }
    Ok(())
}

/// A program asks for one item after another, and has the answers put into one place.
fn item_names(ctx: &Context) -> Outcome {
    let numid = Controls::of(ctx, CABLE)?.id(ACCESS);
    let fd = open_control(ctx.index)?;
    let mut info = Info::of(Id { numid, ..NO_ID });
    // `items`, `item` and `name[64]` lie at the beginning of the value.
    info.value.fill(0x7f7f_7f7f_7f7f_7f7f);
    for (item, want) in [
        (0, "Interleaved"),
        (1, "Non-interleaved"),
        (0, "Interleaved"),
    ] {
        info.value[0] = item << 32;
        // SAFETY: The structure is that of the request.
        unsafe { k::ioctl(fd.as_raw_fd(), "ELEM_INFO", INFO, &mut info) }?;
        check_eq!("type", info.kind, TYPE_ENUMERATED);
        check_eq!(
            "number of items, and the item",
            info.value[0],
            (item << 32) | 2
        );
        let name: Vec<u8> = info.value[1..9]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        check_eq!(format!("the name of item {item}"), k::text(&name), want);
    }
    Ok(())
}

fn rate_range(ctx: &Context) -> Outcome {
    for e in elements(ctx, RATE)? {
        check_eq!("maximum of Slave Rate", e.max, 768_000);
    }
    Ok(())
}

/// The Slave values of a card never played to are checked by `load.sh`, which loads the module.
fn at_rest(ctx: &Context) -> Outcome {
    let control = Control::open(ctx.index)?;
    for (which, want) in [(SHIFT, 100_000), (NOTIFY, 0), (ACTIVE, 0)] {
        for e in elements(ctx, which)? {
            let what = format!("control {} {}", e.numid, e.name);
            check_eq!(what, control.read(e.numid)?, want);
        }
    }
    Ok(())
}

fn read_only(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for which in [ACTIVE, FORMAT, RATE, CHANNELS, ACCESS] {
        let before = c.get(which)?;
        expect_error(NAMES[which], c.set(which, 1 - before.min(1)), libc::EPERM)?;
        check_eq!(NAMES[which], c.get(which)?, before);
    }
    Ok(())
}

/// A kernel with `CONFIG_SND_CTL_INPUT_VALIDATION` refuses by itself what is out of an element's
/// range; what the driver does with it is not to be seen there.
fn core_validates() -> bool {
    let config = Command::new("zcat").arg("/proc/config.gz").output();
    config.is_ok_and(|config| {
        let text = String::from_utf8_lossy(&config.stdout);
        text.lines()
            .any(|l| l == "CONFIG_SND_CTL_INPUT_VALIDATION=y")
    })
}

/// Writes a value that may be out of the range; what the element has to be afterwards is `want`.
fn write_any(c: &Controls, which: usize, write: i64, range: (i64, i64), want: i64) -> Outcome {
    if core_validates() && !(range.0..=range.1).contains(&write) {
        let before = c.get(which)?;
        expect_error("a value out of range", c.set(which, write), libc::EINVAL)?;
        check_eq!(format!("after {write} was refused"), c.get(which)?, before);
    } else {
        c.set(which, write)?;
        check_eq!(format!("after writing {write}"), c.get(which)?, want);
    }
    Ok(())
}

fn shift_values(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for (write, want) in [
        (80000, 80000),
        (120_000, 120_000),
        (100_001, 100_001),
        (79999, 80000),
        (120_001, 120_000),
        (0, 80000),
        (-1, 120_000),
        (i64::MAX, 120_000),
        (i64::MIN, 80000),
        ((1 << 32) + 100_000, 100_000),
    ] {
        write_any(&c, SHIFT, write, (80000, 120_000), want)?;
    }
    let mut pcm = CABLE.playback(ctx)?;
    c.set(SHIFT, 101_000)?;
    pcm.configure(&USUAL)?;
    drop(pcm);
    check_eq!("after open and close", c.get(SHIFT)?, 101_000);
    c.set(SHIFT, 100_000)?;
    Ok(())
}

fn notify_values(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for (write, want) in [(1, 1), (0, 0), (2, 1), (-5, 1), (0, 0)] {
        write_any(&c, NOTIFY, write, (0, 1), want)?;
    }
    Ok(())
}

fn written_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    c.control.subscribe()?;
    let none: [&str; 0] = [];
    for (which, value) in [(SHIFT, 110_000), (NOTIFY, 1), (SHIFT, 100_000), (NOTIFY, 0)] {
        c.set(which, value)?;
        check_eq!("events of a change", c.events()?, [NAMES[which]]);
        c.set(which, value)?;
        check_eq!("events of the same value", c.events()?, none);
    }
    // Clamped to the value that it has.
    c.set(SHIFT, 80000)?;
    c.events()?;
    write_any(&c, SHIFT, 1, (80000, 120_000), 80000)?;
    check_eq!(
        "events of a value clamped to the present one",
        c.events()?,
        none
    );
    c.set(SHIFT, 100_000)?;
    Ok(())
}

pub fn playing(ctx: &Context, cfg: &Config) -> Result<Pcm, Fail> {
    let mut play = CABLE.playback(ctx)?;
    play.configure(cfg)?;
    let frames = cfg.buffer();
    play.write(&cfg.signal(frames, 70), 0, frames)?;
    Ok(play)
}

fn active(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let is = |what: &str, want: i64| -> Outcome {
        check_eq!(format!("Slave Active {what}"), c.get(ACTIVE)?, want);
        Ok(())
    };
    is("of a closed playback", 0)?;
    let play = playing(ctx, &LONG)?;
    is("of a prepared playback", 0)?;
    play.start()?;
    is("of a running playback", 1)?;
    play.pause(true)?;
    is("of a paused playback", 0)?;
    play.pause(false)?;
    is("of a released playback", 1)?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    is("of a draining playback", 1)?;
    wait_for_state(&play, SETUP, Duration::from_secs(2))?;
    is("of a drained playback", 0)?;
    drop(play);
    let play = playing(ctx, &USUAL)?;
    play.start()?;
    wait_for_state(&play, XRUN, Duration::from_secs(2))?;
    is("of a playback in XRUN", 0)?;
    drop(play);
    let play = playing(ctx, &LONG)?;
    play.start()?;
    drop(play);
    is("of a playback closed while running", 0)?;
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&LONG)?;
    rec.start()?;
    is("with a capture only", 0)
}

pub fn unlike() -> [(Config, [i64; 4]); 3] {
    [
        (
            Config {
                access: Access::MmapNoninterleaved,
                format: signal::S32_LE,
                rate: 96000,
                channels: 4,
                ..LONG
            },
            [10, 96000, 4, 1],
        ),
        (
            Config {
                rate: 384_000,
                format: signal::DSD_U8,
                channels: 1,
                periods: 100,
                ..LONG
            },
            [48, 384_000, 1, 0],
        ),
        (LONG, [2, 48000, 2, 0]),
    ]
}

fn slave_values(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for (cfg, want) in unlike() {
        let before = c.slave()?;
        let play = playing(ctx, &cfg)?;
        check_eq!("before START", c.slave()?, before);
        play.start()?;
        check_eq!("after START", c.slave()?, want);
        play.stop()?;
        drop(play);
        check_eq!("after close", c.slave()?, want);
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&USUAL)?;
        rec.start()?;
        check_eq!("after a capture's START", c.slave()?, want);
    }
    Ok(())
}

fn slave_values_matching(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for (cfg, want) in unlike() {
        let play = playing(ctx, &cfg)?;
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&cfg)?;
        rec.start()?;
        play.start()?;
        check_eq!("after START", c.slave()?, want);
    }
    Ok(())
}

fn shift_speed(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let mut rec = CABLE.capture(ctx)?;
    // A buffer that a short stop of the guest does not lap unseen.
    rec.configure(&LONG)?;
    rec.sw_params(u64::MAX)?;
    // The first position has no time stamp: the core stamps those that differ from the last.
    let pace = |rec: &Pcm, shift: i64| -> Outcome {
        let want = 48000.0 * 100_000.0 / shift as f64;
        let first = rec.status()?;
        wait_for_position(rec, first.hw_ptr + 16000, Duration::from_secs(3))?;
        let last = rec.status()?;
        let seconds = (last.tstamp.ns() - first.tstamp.ns()) as f64 / 1e9;
        let got = (last.hw_ptr - first.hw_ptr) as f64 / seconds;
        // The speeds lie 17 % apart; jiffies blur each by 2 %.
        let error = (got / want - 1.0).abs();
        check!(
            error < 0.03,
            "Rate Shift {shift}: expected {want:.0} frames/s, got {got:.0}"
        );
        Ok(())
    };
    let result = (|| {
        c.set(SHIFT, 120_000)?;
        rec.start()?;
        wait_for_position(&rec, 1, Duration::from_secs(1))?;
        pace(&rec, 120_000)?;
        for shift in [100_000, 80000] {
            c.set(SHIFT, shift)?;
            // It acts within a period.
            let at = rec.status()?.hw_ptr;
            wait_for_position(&rec, at + 2400, Duration::from_secs(2))?;
            pace(&rec, shift)?;
        }
        // It outlives PREPARE, and both sides.
        rec.stop()?;
        rec.prepare()?;
        rec.start()?;
        wait_for_position(&rec, 1, Duration::from_secs(1))?;
        pace(&rec, 80000)?;
        drop(rec);
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&LONG)?;
        rec.sw_params(u64::MAX)?;
        rec.start()?;
        wait_for_position(&rec, 1, Duration::from_secs(1))?;
        pace(&rec, 80000)
    })();
    c.set(SHIFT, 100_000)?;
    result
}
