// SPDX-License-Identifier: GPL-2.0

//! What `cable#C` says of who has a side, and of what has happened to it: 10.7.

use std::fs;
use std::time::Duration;

use support::cable::state_by_peer;
use support::cable::wait_for_state;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::elements::Controls;
use support::elements::NOTIFY;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::signal;

use crate::tests::format::mismatched_running;
use crate::tests::proc::all_lines;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("proc", name, run);
    vec![
        test("10.7 a side names its program", program),
        test("10.7 a program's name stays in its line", strange_name),
        test("10.7 a side says what it forbids the other", pins),
        test("10.7 xruns are counted, and nothing else", xruns),
        test("10.7 evictions are counted on both sides", evictions),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 6,
};

/// What stands behind a label in the block of one side.
fn said(ctx: &Context, dir: Dir, label: &str) -> Result<String, Fail> {
    said_of(ctx, CABLE, dir, label)
}

/// The same, of any cable.
pub fn said_of(ctx: &Context, cable: Cable, dir: Dir, label: &str) -> Result<String, Fail> {
    let lines = all_lines(ctx, cable)?;
    let block = lines.iter().skip_while(|l| l.trim() != format!("{dir:?}"));
    let mut found = block
        .skip(1)
        .take_while(|l| l.starts_with("    "))
        .filter_map(|l| l.trim().strip_prefix(label));
    let value = found
        .next()
        .ok_or_else(|| format!("no {label} of the {dir:?} in {lines:?}"))?;
    check!(found.next().is_none(), "{label} twice in {lines:?}");
    Ok(value.trim().to_string())
}

fn program(ctx: &Context) -> Outcome {
    let name = fs::read_to_string("/proc/self/comm")?;
    let want = format!("{} ({})", name.trim_end(), std::process::id());
    let _play = CABLE.playback(ctx)?;
    check_eq!("the playback", said(ctx, Dir::Playback, "program:")?, want);
    check!(
        said(ctx, Dir::Capture, "program:").is_err(),
        "a side that nobody has opened has a program"
    );
    // It is the program, not the thread that opens.
    let rec = std::thread::scope(|scope| scope.spawn(|| CABLE.capture(ctx)).join())
        .map_err(|_| "the thread panicked".to_string())??;
    check_eq!("the capture", said(ctx, Dir::Capture, "program:")?, want);
    drop(rec);
    check!(
        said(ctx, Dir::Capture, "program:").is_err(),
        "a side that is closed has a program"
    );
    Ok(())
}

/// A program may call itself what it likes. What it says there is no other line of the file.
fn strange_name(ctx: &Context) -> Outcome {
    let before = fs::read_to_string("/proc/self/comm")?;
    fs::write("/proc/self/comm", "a\n    xruns: 9")?;
    let opened = CABLE.playback(ctx);
    fs::write("/proc/self/comm", before.trim_end())?;
    let _play = opened?;
    let said = said(ctx, Dir::Playback, "program:")?;
    let want = format!("a\\n    xruns: 9 ({})", std::process::id());
    check_eq!("program", said, want);
    Ok(())
}

fn pins(ctx: &Context) -> Outcome {
    let controls = Controls::of(ctx, CABLE)?;
    let cfg = Config {
        format: signal::S24_3LE,
        rate: 44100,
        channels: 6,
        ..LONG
    };
    for dir in Dir::BOTH {
        let mut pcm = match dir {
            Dir::Playback => CABLE.playback(ctx)?,
            Dir::Capture => CABLE.capture(ctx)?,
        };
        let pinned = "format S24_3LE, rate 44100, channels 6";
        check_eq!("when it is open", said(ctx, dir, "pins:")?, "nothing");
        pcm.setup(&cfg)?;
        check_eq!("after HW_PARAMS", said(ctx, dir, "pins:")?, "nothing");
        pcm.prepare()?;
        check_eq!("after PREPARE", said(ctx, dir, "pins:")?, pinned);
        controls.set(NOTIFY, 1)?;
        let with_notify = said(ctx, dir, "pins:");
        controls.set(NOTIFY, 0)?;
        // A capture does not limit the playback then.
        let want = match dir {
            Dir::Playback => pinned,
            Dir::Capture => "nothing",
        };
        check_eq!(format!("of the {dir:?} with Notify on"), with_notify?, want);
        pcm.hw_free()?;
        check_eq!("after HW_FREE", said(ctx, dir, "pins:")?, "nothing");
    }
    Ok(())
}

fn xruns(ctx: &Context) -> Outcome {
    let is = |what: &str, dir: Dir, want: &str| -> Outcome {
        check_eq!(what, said(ctx, dir, "xruns:")?, want);
        Ok(())
    };
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&USUAL)?;
    for want in ["1", "2"] {
        rec.start()?;
        wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
        is("after an overrun", Dir::Capture, want)?;
        rec.prepare()?;
    }
    rec.start()?;
    rec.stop()?;
    is("after a DROP", Dir::Capture, "2")?;
    // It is late who has asked to be stopped before the buffer is full, and nobody who never is.
    rec.sw_params(480)?;
    rec.prepare()?;
    rec.start()?;
    wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
    is(
        "after an overrun of half a buffer or less",
        Dir::Capture,
        "3",
    )?;
    rec.sw_params(u64::MAX)?;
    rec.prepare()?;
    rec.start()?;
    poll(&mut [], 200);
    rec.stop()?;
    is("after the DROP of one that never stops", Dir::Capture, "3")?;
    drop(rec);

    let mut play = CABLE.playback(ctx)?;
    play.configure(&USUAL)?;
    play.write(&USUAL.signal(960, 1), 0, 960)?;
    play.start()?;
    wait_for_state(&play, XRUN, Duration::from_secs(2))?;
    is("after an underrun", Dir::Playback, "1")?;
    play.prepare()?;
    play.write(&USUAL.signal(960, 1), 0, 960)?;
    expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
    wait_for_state(&play, SETUP, Duration::from_secs(2))?;
    is("after a drain", Dir::Playback, "1")?;
    drop(play);
    let mut play = CABLE.playback(ctx)?;
    is("of one that is opened anew", Dir::Playback, "0")?;
    // Without wake-ups the core finds that whole buffers have gone by.
    play.configure_unwoken(&USUAL)?;
    play.write(&USUAL.signal(960, 1), 0, 960)?;
    play.start()?;
    poll(&mut [], 500);
    expect_error("HWSYNC", play.hwsync(), libc::EPIPE)?;
    check_eq!("its state", play.state()?, XRUN);
    is("after lost buffers", Dir::Playback, "1")
}

fn evictions(ctx: &Context) -> Outcome {
    let other = Config {
        rate: 44100,
        ..LONG
    };
    let (play, rec) = mismatched_running(ctx, CABLE, &other, &LONG)?;
    for dir in Dir::BOTH {
        check_eq!("before", said(ctx, dir, "evictions:")?, "0");
    }
    play.start()?;
    state_by_peer(&rec, DRAINING)?;
    for dir in Dir::BOTH {
        check_eq!("after", said(ctx, dir, "evictions:")?, "1");
        check_eq!("xruns", said(ctx, dir, "xruns:")?, "0");
    }
    Ok(())
}
