// SPDX-License-Identifier: GPL-2.0

//! What the card and its parts are called, and how substreams are opened: section 2.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use support::check;
use support::check_eq;
use support::config::Address;
use support::config::Dir;
use support::config::PREPARED;
use support::config::USUAL;
use support::kernel as k;
use support::kernel::text;
use support::kernel::Errno;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::open_control;
use support::pcm::Pcm;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("names", name, run);
    vec![
        test("2.1 the card's driver, names and components", card),
        test(
            "2.2 two devices, both directions, eight substreams each",
            devices,
        ),
        test("2.3 the card in /proc/asound", proc_files),
        test("2.4 device nodes", nodes),
        test("2.5 one timer per substream", timers),
        test("2.7 a second open of a substream is EBUSY", second_open),
        test("2.7 an open with O_APPEND shares a substream", shared),
        test("2.7 a ninth open of a direction is EBUSY", ninth_open),
        test("2.7 a blocking open waits for the substream", blocking_open),
        test("2.8 no preallocation files", no_prealloc),
        test("13.3 the card's id can be changed in sysfs", new_id),
        test("15.3 no other devices and no mixer", nothing_else),
    ]
}

fn card(ctx: &Context) -> Outcome {
    let name = format!("hw:{}", ctx.card);
    let ctl = alsa::Ctl::new(&name, true).map_err(|e| e.to_string())?;
    let info = ctl.card_info().map_err(|e| e.to_string())?;
    let get = |r: alsa::Result<&str>| r.map(str::to_string).map_err(|e| e.to_string());
    check_eq!("id", get(info.get_id())?, ctx.card);
    check_eq!("driver", get(info.get_driver())?, "Loopback");
    check_eq!("name", get(info.get_name())?, "Loopback");
    check_eq!("mixer name", get(info.get_mixername())?, "Loopback Mixer");
    check_eq!("components", get(info.get_components())?, "");
    let long = get(info.get_longname())?;
    let slot = long
        .strip_prefix("Loopback ")
        .and_then(|n| n.parse::<u32>().ok());
    check!(
        slot.is_some_and(|n| (1..=32).contains(&n)),
        "long name: expected \"Loopback N\" with N from 1 to 32, got {long:?}"
    );
    Ok(())
}

fn device_info(ctx: &Context, device: u32, sub: u32, dir: Dir) -> Result<k::Info, Errno> {
    let control = open_control(ctx.index)?;
    // SAFETY: All zeroes is a valid value of this plain structure.
    let mut info: k::Info = unsafe { std::mem::zeroed() };
    (info.device, info.subdevice, info.stream) = (device, sub, dir as i32);
    // SAFETY: The request reads and writes this structure.
    unsafe {
        k::ioctl(
            control.as_raw_fd(),
            "PCM_INFO",
            k::control::PCM_INFO,
            &mut info,
        )?
    };
    Ok(info)
}

fn devices(ctx: &Context) -> Outcome {
    let control = open_control(ctx.index)?;
    let mut found = Vec::new();
    let mut device = -1i32;
    loop {
        // SAFETY: The request reads and writes one int.
        unsafe {
            k::ioctl(
                control.as_raw_fd(),
                "PCM_NEXT_DEVICE",
                k::control::PCM_NEXT_DEVICE,
                &mut device,
            )?
        };
        if device < 0 {
            break;
        }
        found.push(device);
    }
    check_eq!("devices", found, [0, 1]);
    for device in 0..2 {
        for dir in Dir::BOTH {
            for sub in 0..8 {
                let info = device_info(ctx, device, sub, dir)?;
                let at = format!("device {device} {dir:?} substream {sub}");
                check_eq!(format!("{at}: id"), text(&info.id), "Loopback PCM");
                check_eq!(format!("{at}: name"), text(&info.name), "Loopback PCM");
                let want = format!("subdevice #{sub}");
                check_eq!(format!("{at}: subname"), text(&info.subname), want);
                let class = (info.dev_class, info.dev_subclass);
                check_eq!(format!("{at}: class"), class, (0, 0));
                let count = (info.subdevices_count, info.subdevices_avail);
                check_eq!(format!("{at}: substreams and free ones"), count, (8, 8));
            }
            expect_error(
                "a ninth substream",
                device_info(ctx, device, 8, dir),
                libc::ENXIO,
            )?;
        }
    }
    Ok(())
}

fn proc_files(ctx: &Context) -> Outcome {
    let cards = fs::read_to_string("/proc/asound/cards")?;
    let head = format!("{:>2} [{:<15}]: Loopback - Loopback", ctx.index, ctx.card);
    let mut lines = cards.lines().skip_while(|l| *l != head);
    check!(
        lines.next().is_some(),
        "no line {head:?} in cards:\n{cards}"
    );
    let second = lines.next().unwrap_or("");
    let long = second.strip_prefix(&" ".repeat(22)).unwrap_or("");
    check!(
        long.starts_with("Loopback "),
        "second line of the card: {second:?}"
    );

    let pcm = fs::read_to_string("/proc/asound/pcm")?;
    for device in 0..2 {
        let want = format!(
            "{:02}-{device:02}: Loopback PCM : Loopback PCM : playback 8 : capture 8",
            ctx.index
        );
        check!(
            pcm.lines().any(|l| l == want),
            "no line {want:?} in pcm:\n{pcm}"
        );
    }
    let known = ["snd_aloop", "snd_aloop_rs"];
    check!(
        known.contains(&ctx.module.as_str()),
        "module: {:?}",
        ctx.module
    );
    Ok(())
}

fn nodes(ctx: &Context) -> Outcome {
    let card = ctx.index;
    let mut names = vec![format!("controlC{card}")];
    for device in 0..2 {
        names.push(format!("pcmC{card}D{device}p"));
        names.push(format!("pcmC{card}D{device}c"));
    }
    for name in names {
        let path = format!("/dev/snd/{name}");
        let kind = fs::metadata(&path).map(|m| m.file_type().is_char_device());
        check!(matches!(kind, Ok(true)), "{path}: {kind:?}");
    }
    let third = format!("/dev/snd/pcmC{card}D2p");
    check!(!Path::new(&third).exists(), "{third} exists");
    Ok(())
}

fn timers(ctx: &Context) -> Outcome {
    let timers = fs::read_to_string("/proc/asound/timers")?;
    for device in 0..2 {
        for sub in 0..8 {
            for (dir, word) in [(0, "Playback"), (1, "Capture")] {
                let number = sub * 2 + dir;
                let name = format!("PCM {word} {}-{device}-{number}", ctx.index);
                let line = timers.lines().find(|l| l.contains(&format!("{name} ")));
                let line = line.ok_or(format!("no timer {name:?} in /proc/asound/timers"))?;
                check!(line.contains("SLAVE"), "not a slave timer: {line}");
            }
        }
    }
    Ok(())
}

fn second_open(ctx: &Context) -> Outcome {
    for device in 0..2 {
        for dir in Dir::BOTH {
            let at = Address {
                card: ctx.index,
                device,
                subdevice: 5,
                dir,
            };
            let first = Pcm::open(at)?;
            let what = format!("device {device} {dir:?}");
            expect_error(&what, Pcm::open(at), libc::EBUSY)?;
            drop(first);
            Pcm::open(at)?;
        }
    }
    Ok(())
}

fn ninth_open(ctx: &Context) -> Outcome {
    for device in 0..2 {
        for dir in Dir::BOTH {
            let open = || Pcm::open_any(ctx.index, device, dir, libc::O_NONBLOCK);
            let mut eight = Vec::new();
            for want in 0..8 {
                let pcm = open()?;
                check_eq!("substream chosen by the core", pcm.info()?.subdevice, want);
                eight.push(pcm);
            }
            expect_error("the ninth", open(), libc::EBUSY)?;
            drop(eight.remove(3));
            check_eq!("the one set free", open()?.info()?.subdevice, 3);
        }
    }
    Ok(())
}

fn blocking_open(ctx: &Context) -> Outcome {
    let at = Address {
        card: ctx.index,
        device: 1,
        subdevice: 2,
        dir: Dir::Capture,
    };
    let first = Pcm::open(at)?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(Pcm::open_with(at, 0).map(drop)));
    let early = receive.recv_timeout(Duration::from_millis(200));
    check!(
        early.is_err(),
        "the open did not wait: {:?}",
        early.map(|r| r.is_ok())
    );
    drop(first);
    match receive.recv_timeout(Duration::from_secs(5)) {
        Ok(result) => result.map_err(Fail::from),
        Err(_) => Err(Fail::Wrong("still waiting 5 s after the close".into())),
    }
}

fn no_prealloc(ctx: &Context) -> Outcome {
    for device in 0..2 {
        for dir in Dir::BOTH {
            let sub = format!(
                "/proc/asound/card{}/pcm{device}{}/sub0",
                ctx.index,
                dir.letter()
            );
            check!(Path::new(&sub).join("info").exists(), "no {sub}/info");
            for name in ["prealloc", "prealloc_max"] {
                check!(!Path::new(&sub).join(name).exists(), "{sub}/{name} exists");
            }
        }
    }
    Ok(())
}

fn new_id(ctx: &Context) -> Outcome {
    let file = format!("/sys/class/sound/card{}/id", ctx.index);
    check_eq!("id in sysfs", fs::read_to_string(&file)?.trim(), ctx.card);
    fs::write(&file, "Renamed")?;
    let link = fs::read_link("/proc/asound/Renamed");
    let changed = fs::read_to_string(format!("/proc/asound/card{}/id", ctx.index));
    fs::write(&file, &ctx.card)?;
    check_eq!("id in /proc", changed?.trim(), "Renamed");
    check_eq!(
        "link in /proc/asound",
        link?.to_string_lossy(),
        format!("card{}", ctx.index)
    );
    check_eq!("id again", fs::read_to_string(&file)?.trim(), ctx.card);
    Ok(())
}

fn nothing_else(ctx: &Context) -> Outcome {
    let mut nodes: Vec<String> = fs::read_dir(format!("/sys/class/sound/card{}", ctx.index))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    nodes.retain(|name| name.contains(&format!("C{}", ctx.index)));
    nodes.sort();
    let card = ctx.index;
    let want = [
        format!("controlC{card}"),
        format!("pcmC{card}D0c"),
        format!("pcmC{card}D0p"),
        format!("pcmC{card}D1c"),
        format!("pcmC{card}D1p"),
    ];
    check_eq!("devices", nodes, want);
    let name = format!("hw:{card}");
    let mixer = alsa::Mixer::new(&name, true).map_err(|e| e.to_string())?;
    check_eq!("simple mixer elements", mixer.iter().count(), 0);
    Ok(())
}

fn shared(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let at = Address {
            card: ctx.index,
            device: 0,
            subdevice: 5,
            dir,
        };
        let append = libc::O_NONBLOCK | libc::O_APPEND;
        let unopened = Pcm::open_with(at, append).map(drop);
        expect_error("sharing what nobody has open", unopened, libc::EBADFD)?;
        let mut first = Pcm::open(at)?;
        let second = Pcm::open_with(at, append)?;
        first.configure(&USUAL)?;
        check_eq!("state that both see", second.state()?, PREPARED);
        drop(first);
        check_eq!("state after the first's close", second.state()?, PREPARED);
    }
    Ok(())
}
