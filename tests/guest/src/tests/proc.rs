// SPDX-License-Identifier: GPL-2.0

//! The card's own files in `/proc/asound/cardN/`: section 10.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use support::cable::record;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::elements::Controls;
use support::elements::SHIFT;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("proc", name, run);
    vec![
        test("10.1 the files and their modes", modes),
        test("10.2 cables that nobody has opened", unopened),
        test("10.3 a side that only is open", opened),
        test("10.4 a side that is prepared", prepared),
        test(
            "10.4 planar and DSD sides that are prepared",
            prepared_others,
        ),
        test("7.1 7.4 10.2 the bits valid, running and pause", bits),
        test("10.3 buffer_pos is the position", position),
        test("10.3 silent_size", silent_size),
        test("10.3 rate_shift is that of the last START", rate_shift),
        test("10.5 timer_source is kept and shown", timer_source),
    ]
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 2,
};

pub fn read(ctx: &Context, name: &str) -> Result<String, Fail> {
    Ok(fs::read_to_string(format!(
        "/proc/asound/card{}/{name}",
        ctx.index
    ))?)
}

pub fn write(ctx: &Context, name: &str, text: &str) -> Result<(), Fail> {
    Ok(fs::write(
        format!("/proc/asound/card{}/{name}", ctx.index),
        text,
    )?)
}

/// The lines about a cable, without its head, and without those that only one driver has: the C
/// driver's tell of jiffies, ours are those of 10.7.
pub fn cable(ctx: &Context, cable: Cable) -> Result<Vec<String>, Fail> {
    const NOT_BOTH: [&str; 9] = [
        "update_pending:",
        "irq_pos:",
        "period_frac:",
        "last_jiffies:",
        "timer_expires:",
        "program:",
        "pins:",
        "xruns:",
        "evictions:",
    ];
    let mut lines = all_lines(ctx, cable)?;
    lines.retain(|l| !NOT_BOTH.iter().any(|name| l.trim().starts_with(name)));
    Ok(lines)
}

/// The lines about a cable, without its head.
pub fn all_lines(ctx: &Context, cable: Cable) -> Result<Vec<String>, Fail> {
    let text = read(ctx, &format!("cable#{}", cable.device))?;
    let head = format!("Cable {} substream {}:", cable.device, cable.subdevice);
    let mut lines = text.lines().skip_while(|l| *l != head);
    check!(lines.next().is_some(), "no line {head:?} in:\n{text}");
    Ok(lines
        .take_while(|l| !l.starts_with("Cable "))
        .map(str::to_string)
        .collect())
}

/// The value of `label` in the block of one side of `CABLE`.
fn value(ctx: &Context, dir: Dir, label: &str) -> Result<u64, Fail> {
    value_of(ctx, CABLE, dir, label)
}

/// The value of `label` in the block of one side of a cable.
pub fn value_of(ctx: &Context, which: Cable, dir: Dir, label: &str) -> Result<u64, Fail> {
    let lines = cable(ctx, which)?;
    let found = lines
        .iter()
        .skip_while(|l| l.trim() != format!("{dir:?}"))
        .find_map(|l| l.trim().strip_prefix(label)?.trim().parse().ok());
    found.ok_or_else(|| format!("no {label} of the {dir:?} in {lines:?}").into())
}

fn modes(ctx: &Context) -> Outcome {
    for (name, mode) in [
        ("cable#0", 0o444),
        ("cable#1", 0o444),
        ("timer_source", 0o644),
    ] {
        let file = fs::metadata(format!("/proc/asound/card{}/{name}", ctx.index))?;
        check_eq!(
            format!("mode of {name}"),
            file.permissions().mode() & 0o7777,
            mode
        );
    }
    Ok(())
}

fn unopened(ctx: &Context) -> Outcome {
    for device in 0..2 {
        let want: Vec<String> = (0..8)
            .map(|s| format!("Cable {device} substream {s}:\n  inactive\n"))
            .collect();
        let name = format!("cable#{device}");
        check_eq!(name, read(ctx, &name)?, want.concat());
    }
    Ok(())
}

/// What the block of a side says: buffer_size, buffer_pos, silent_size, period_size, bytes_per_sec,
/// sample_align, rate_shift; `None` for a side that is not open.
type Block = Option<[u64; 7]>;

/// The lines of a cable with these bits and blocks, exactly.
fn lines(bits: [u32; 3], play: Block, rec: Block) -> Vec<String> {
    let mut lines: Vec<String> = ["valid", "running", "pause"]
        .iter()
        .zip(bits)
        .map(|(name, bit)| format!("  {name}: {bit}"))
        .collect();
    for (name, block) in [("Playback", play), ("Capture", rec)] {
        lines.push(format!("  {name}"));
        let Some(block) = block else {
            lines.push("    inactive".into());
            continue;
        };
        let labels = [
            "buffer_size:\t",
            "buffer_pos:\t\t",
            "silent_size:\t",
            "period_size:\t",
            "bytes_per_sec:\t",
            "sample_align:\t",
            "rate_shift:\t\t",
        ];
        lines.extend(
            labels
                .iter()
                .zip(block)
                .map(|(label, value)| format!("    {label}{value}")),
        );
    }
    lines
}

fn opened(ctx: &Context) -> Outcome {
    let zeroes = Some([0; 7]);
    let play = CABLE.playback(ctx)?;
    check_eq!(
        "playback",
        cable(ctx, CABLE)?,
        lines([0, 0, 0], zeroes, None)
    );
    let rec = CABLE.capture(ctx)?;
    check_eq!("both", cable(ctx, CABLE)?, lines([0, 0, 0], zeroes, zeroes));
    drop(play);
    check_eq!(
        "capture",
        cable(ctx, CABLE)?,
        lines([0, 0, 0], None, zeroes)
    );
    drop(rec);
    check_eq!("none", cable(ctx, CABLE)?, ["  inactive"]);
    Ok(())
}

fn prepared(ctx: &Context) -> Outcome {
    let cfg = Config {
        period: 16,
        periods: 1024,
        ..LONG
    };
    let mut play = CABLE.playback(ctx)?;
    play.setup(&cfg)?;
    check_eq!(
        "after HW_PARAMS",
        cable(ctx, CABLE)?,
        lines([0, 0, 0], Some([0; 7]), None)
    );
    play.prepare()?;
    let playback = Some([65536, 0, 0, 64, 192_000, 4, 0]);
    check_eq!(
        "playback",
        cable(ctx, CABLE)?,
        lines([1, 0, 0], playback, None)
    );
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&cfg)?;
    // The buffer of a prepared capture is silent.
    let capture = Some([65536, 0, 65536, 64, 192_000, 4, 0]);
    check_eq!(
        "both",
        cable(ctx, CABLE)?,
        lines([3, 0, 0], playback, capture)
    );
    play.hw_free()?;
    check_eq!("valid after HW_FREE", &cable(ctx, CABLE)?[0], "  valid: 2");
    Ok(())
}

fn prepared_others(ctx: &Context) -> Outcome {
    for (format, channels, rate, bytes) in [
        (signal::S24_3LE, 6, 44100, 18),
        (signal::DSD_U8, 2, 352_800, 2),
        (signal::S32_LE, 32, 768_000, 128),
    ] {
        for access in support::config::Access::ALL {
            let cfg = Config {
                access,
                format,
                channels,
                rate,
                period: 480,
                periods: 4,
            };
            let mut rec = CABLE.capture(ctx)?;
            rec.configure(&cfg)?;
            let buffer = 1920 * bytes;
            let want = [
                buffer,
                0,
                buffer,
                480 * bytes,
                u64::from(rate) * bytes,
                bytes,
                0,
            ];
            check_eq!(
                format!("{} {access:?}", format.name),
                cable(ctx, CABLE)?,
                lines([2, 0, 0], None, Some(want))
            );
        }
    }
    Ok(())
}

fn running(ctx: &Context, cfg: &Config) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = CABLE.open(ctx, cfg, cfg)?;
    play.write(&cfg.signal(cfg.buffer(), 100), 0, cfg.buffer())?;
    rec.start()?;
    play.start()?;
    Ok((play, rec))
}

fn bits(ctx: &Context) -> Outcome {
    let is = |what: &str, want: [u32; 3]| -> Outcome {
        let want = ["valid", "running", "pause"]
            .iter()
            .zip(want)
            .map(|(name, bit)| format!("  {name}: {bit}"));
        check_eq!(what, cable(ctx, CABLE)?[..3], want.collect::<Vec<_>>());
        Ok(())
    };
    let (play, mut rec) = running(ctx, &LONG)?;
    is("both running", [3, 3, 0])?;
    play.pause(true)?;
    is("playback paused", [3, 3, 1])?;
    rec.pause(true)?;
    is("both paused", [3, 3, 3])?;
    play.pause(false)?;
    is("playback released", [3, 3, 2])?;
    play.stop()?;
    is("playback stopped", [3, 2, 2])?;
    rec.stop()?;
    is("both stopped", [3, 0, 0])?;
    rec.hw_free()?;
    is("capture without parameters", [1, 0, 0])
}

fn position(ctx: &Context) -> Outcome {
    let (play, rec) = running(ctx, &LONG)?;
    wait_for_position(&rec, 2000, Duration::from_secs(1))?;
    for (pcm, dir) in [(&play, Dir::Playback), (&rec, Dir::Capture)] {
        let before = pcm.status()?.hw_ptr;
        let bytes = value(ctx, dir, "buffer_pos:")?;
        let after = pcm.status()?.hw_ptr;
        check!(after < LONG.buffer() as u64, "round the buffer already");
        check!(
            bytes % 4 == 0 && (before..=after).contains(&(bytes / 4)),
            "buffer_pos of the {dir:?}: {bytes} bytes, at frame {before} to {after}"
        );
    }
    Ok(())
}

fn silent_size(ctx: &Context) -> Outcome {
    let buffer = (LONG.buffer() * LONG.frame_bytes()) as u64;
    let (play, mut rec) = running(ctx, &LONG)?;
    wait_for_position(&play, 2000, Duration::from_secs(1))?;
    play.pause(true)?;
    rec.pause(true)?;
    // Playback before the pause of the capture: less than the buffer has been silent since.
    let size = value(ctx, Dir::Capture, "silent_size:")?;
    check!(
        size < buffer,
        "{size} bytes of {buffer} are silent right after sound"
    );
    check_eq!(
        "silent_size of the playback",
        value(ctx, Dir::Playback, "silent_size:")?,
        0
    );
    rec.pause(false)?;
    record(&mut rec, 3 * LONG.buffer())?;
    check_eq!(
        "silent_size after more than a buffer of silence",
        value(ctx, Dir::Capture, "silent_size:")?,
        buffer
    );
    // A recording that begins anew does so with a silent buffer.
    play.pause(false)?;
    wait_for_position(&play, 4000, Duration::from_secs(1))?;
    rec.stop()?;
    let size = value(ctx, Dir::Capture, "silent_size:")?;
    check!(
        size < buffer,
        "{size} bytes of {buffer} are silent after the second sound"
    );
    rec.prepare()?;
    check_eq!(
        "silent_size after another PREPARE",
        value(ctx, Dir::Capture, "silent_size:")?,
        buffer
    );
    Ok(())
}

fn rate_shift(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    c.set(SHIFT, 101_000)?;
    let result = (|| {
        let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
        let is = |what: &str, want: [u64; 2]| -> Outcome {
            let got = [
                value(ctx, Dir::Playback, "rate_shift:")?,
                value(ctx, Dir::Capture, "rate_shift:")?,
            ];
            check_eq!(format!("rate_shift {what}"), got, want);
            Ok(())
        };
        is("of prepared sides", [0, 0])?;
        play.write(&LONG.silence(9600), 0, 9600)?;
        play.start()?;
        is("after the playback's START", [101_000, 0])?;
        play.stop()?;
        c.set(SHIFT, 100_000)?;
        is("after the playback's stop", [101_000, 0])?;
        rec.start()?;
        is("after the capture's START", [101_000, 100_000])?;
        play.prepare()?;
        is("after PREPARE", [101_000, 100_000])
    })();
    c.set(SHIFT, 100_000)?;
    result
}

fn timer_source(ctx: &Context) -> Outcome {
    let result = (|| {
        check_eq!("at first", read(ctx, "timer_source")?, "\n");
        let long = "a".repeat(63);
        for (text, want) in [
            ("-1.0.0\n", "-1.0.0"),
            ("  x:0,1,2 \t\n", "x:0,1,2"),
            ("first\nsecond\n", "first"),
            ("no end", "no end"),
            (&format!("{}\n", "a".repeat(80)), &long),
            ("not checked at all!\n", "not checked at all!"),
            ("\n", ""),
        ] {
            write(ctx, "timer_source", text)?;
            check_eq!(
                format!("after writing {text:?}"),
                read(ctx, "timer_source")?,
                format!("{want}\n")
            );
        }
        Ok(())
    })();
    write(ctx, "timer_source", "\n")?;
    result
}
