// SPDX-License-Identifier: GPL-2.0

//! How one side constrains the other, and what happens when they do not match: sections 4 and 6.

use std::sync::mpsc;
use std::time::Duration;

use support::cable::cable_works;
use support::cable::state_by_peer;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::kernel as k;
use support::kernel::HwParams;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("format", name, run);
    vec![
        test(
            "4.1 4.2 a prepared side fixes format, rate and channels of the other",
            peer_is_pinned,
        ),
        test("4.1 HW_PARAMS alone constrains nobody", params_alone),
        test("4.3 access, period and buffer stay free", free_sizes),
        test("4.5 a side can change its own parameters", own_change).c_defect("4.5"),
        test("4.5 a closed side constrains nobody", closed_side).c_defect("4.5"),
        test(
            "6.2 a side starts whatever the other is set to and not prepared for",
            unprepared_peer,
        ),
        test(
            "6.4 START of a capture that does not match is EIO",
            capture_start,
        ),
        test("6.4 a read that would start it is EIO too", capture_read),
        test(
            "4.7 6.5 START of a playback that does not match stops the capture",
            playback_start,
        ),
        test(
            "6.5 a capture that only is prepared is left alone",
            prepared_capture,
        ),
        test(
            "6.6 a blocked reader gets what it had, then EBADFD",
            blocked_reader,
        ),
        test("6.8 17.1 the check is made at pause release too", release),
        test("6.6 after a mismatch both sides work again", afterwards),
    ]
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 2,
};

/// As `LONG`, but another value of one of the three properties that must match.
fn others() -> [(&'static str, Config); 3] {
    [
        (
            "rate",
            Config {
                rate: 44100,
                ..LONG
            },
        ),
        (
            "format",
            Config {
                format: signal::S32_LE,
                ..LONG
            },
        ),
        (
            "channels",
            Config {
                channels: 1,
                ..LONG
            },
        ),
    ]
}

/// Format, rate and channels that HW_REFINE leaves.
pub fn left(pcm: &Pcm) -> Result<(u64, String, String), Fail> {
    let p = pcm.hw_refine(&HwParams::any())?;
    let text = |param| p.interval(param).to_string();
    Ok((p.mask(k::FORMAT), text(k::RATE), text(k::CHANNELS)))
}

const ALL_FORMATS: u64 = 0x001f_0003_0000_cccc;

pub fn everything() -> (u64, String, String) {
    (ALL_FORMATS, "[8000 768000]".into(), "[1 32]".into())
}

/// The sides of a cable, one of which is looked at while the other acts.
fn sides(ctx: &Context, acting: Dir) -> Result<(Pcm, Pcm), Fail> {
    let (play, rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    Ok(match acting {
        Dir::Playback => (play, rec),
        Dir::Capture => (rec, play),
    })
}

fn peer_is_pinned(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let (mut acting, peer) = sides(ctx, dir)?;
        check_eq!("left at first", left(&peer)?, everything());
        let cfg = Config {
            format: signal::S24_3LE,
            rate: 44100,
            channels: 6,
            ..LONG
        };
        acting.configure(&cfg)?;
        let want = (1 << 32, "[44100 44100]".to_string(), "[6 6]".to_string());
        check_eq!(
            format!("left to the peer of a prepared {dir:?}"),
            left(&peer)?,
            want
        );
        for (what, request) in [
            ("another rate", HwParams::any().exactly(k::RATE, 48000)),
            ("another format", HwParams::any().only(k::FORMAT, 2)),
            ("other channels", HwParams::any().exactly(k::CHANNELS, 2)),
        ] {
            expect_error(
                &format!("HW_REFINE: {what}"),
                peer.hw_refine(&request),
                libc::EINVAL,
            )?;
            expect_error(
                &format!("HW_PARAMS: {what}"),
                peer.hw_params(&request),
                libc::EINVAL,
            )?;
        }
        peer.hw_params(&cfg.request())?;
    }
    Ok(())
}

fn params_alone(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let (mut acting, peer) = sides(ctx, dir)?;
        acting.setup(&LONG)?;
        check_eq!("left to the peer", left(&peer)?, everything());
    }
    Ok(())
}

fn free_sizes(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let (mut acting, mut peer) = sides(ctx, dir)?;
        acting.configure(&LONG)?;
        let p = peer.hw_refine(&HwParams::any())?;
        check_eq!("access", p.mask(k::ACCESS), 0x1b);
        check_eq!(
            "period",
            p.interval(k::PERIOD_SIZE).to_string(),
            "[16 262144]"
        );
        check_eq!(
            "buffer",
            p.interval(k::BUFFER_SIZE).to_string(),
            "[16 524288]"
        );
        peer.configure(&Config {
            access: Access::MmapNoninterleaved,
            period: 333,
            periods: 3,
            ..LONG
        })?;
    }
    Ok(())
}

fn own_change(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let (mut acting, peer) = sides(ctx, dir)?;
        for (_, other) in others() {
            acting.configure(&LONG)?;
            acting.hw_free()?;
            check_eq!("left to the peer after HW_FREE", left(&peer)?, everything());
            acting.configure(&other)?;
            acting.hw_free()?;
        }
    }
    Ok(())
}

fn closed_side(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let (mut acting, peer) = sides(ctx, dir)?;
        acting.configure(&LONG)?;
        drop(acting);
        check_eq!(
            "left to the peer after the close",
            left(&peer)?,
            everything()
        );
    }
    Ok(())
}

/// Both sides prepared with parameters that do not match. Neither was when the other chose.
fn mismatched(ctx: &Context, play: &Config, rec: &Config) -> Result<(Pcm, Pcm), Fail> {
    let (mut p, mut r) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    p.setup(play)?;
    r.setup(rec)?;
    r.prepare()?;
    p.prepare()?;
    Ok((p, r))
}

/// A running capture, and a prepared playback that does not match it.
pub fn mismatched_running(
    ctx: &Context,
    cable: Cable,
    play: &Config,
    rec: &Config,
) -> Result<(Pcm, Pcm), Fail> {
    let (mut p, mut r) = (
        cable.playback(ctx)?,
        Pcm::open_with(cable.side(ctx, Dir::Capture), 0)?,
    );
    p.setup(play)?;
    r.configure(rec)?;
    r.start()?;
    p.prepare()?;
    p.write(&play.signal(4800, 60), 0, 4800)?;
    Ok((p, r))
}

fn capture_start(ctx: &Context) -> Outcome {
    for (what, other) in others() {
        let (_play, rec) = mismatched(ctx, &LONG, &other)?;
        expect_error(&format!("START, other {what}"), rec.start(), libc::EIO)?;
        check_eq!("state", rec.state()?, PREPARED);
    }
    // Not once the playback has gone.
    let (play, rec) = mismatched(ctx, &LONG, &others()[0].1)?;
    drop(play);
    rec.start()?;
    Ok(())
}

fn capture_read(ctx: &Context) -> Outcome {
    let (_play, mut rec) = mismatched(ctx, &LONG, &others()[0].1)?;
    rec.sw_params_starting_at(1)?;
    let mut heard = rec.config().nothing();
    expect_error("READI", rec.read(&mut heard, 480), libc::EIO)?;
    check_eq!("state", rec.state()?, PREPARED);
    Ok(())
}

fn playback_start(ctx: &Context) -> Outcome {
    for (what, other) in others() {
        let (play, mut rec) = mismatched_running(ctx, CABLE, &other, &LONG)?;
        wait_for_position(&rec, 960, Duration::from_secs(1))?;
        play.start()?;
        note(&format!("other {what}"));
        state_by_peer(&rec, DRAINING)?;
        check_eq!("playback", play.state()?, RUNNING);
        let mut heard = LONG.nothing();
        expect_error("READI", rec.read(&mut heard, 480), libc::EBADFD)?;
        rec.prepare()?;
        expect_error("START after PREPARE", rec.start(), libc::EIO)?;
        wait_for_position(&play, 2400, Duration::from_secs(1))?;
    }
    Ok(())
}

fn prepared_capture(ctx: &Context) -> Outcome {
    let (mut play, rec) = mismatched(ctx, &others()[0].1, &LONG)?;
    play.write(&play.config().signal(4800, 61), 0, 4800)?;
    play.start()?;
    check_eq!("states", (play.state()?, rec.state()?), (RUNNING, PREPARED));
    Ok(())
}

fn blocked_reader(ctx: &Context) -> Outcome {
    let (play, mut rec) = mismatched_running(ctx, CABLE, &others()[0].1, &LONG)?;
    let at = CABLE.side(ctx, Dir::Capture);
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut heard = LONG.nothing();
        let first = rec.read(&mut heard, 48000);
        let second = rec.read(&mut heard, 480);
        let _ = send.send((first, second, rec));
    });
    let consumed = |value: &str| value.parse::<u64>().is_ok_and(|v| v > 0);
    at.await_proc_status("appl_ptr", consumed)?;
    play.start()?;
    let (first, second, rec) = receive
        .recv_timeout(Duration::from_secs(5))
        .map_err(|_| "the reader is still blocked after 5 s".to_string())?;
    let frames = first?;
    check!(
        frames > 0 && frames < 48000,
        "{frames} frames read instead of a short count"
    );
    expect_error("the next READI", second, libc::EBADFD)?;
    // The core ends the draining of a reader that was blocked; one that polls stays DRAINING.
    check_eq!("state", rec.state()?, SETUP);
    Ok(())
}

fn release(ctx: &Context) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("the C driver makes no check there".into()));
    }
    let (play, rec) = mismatched_running(ctx, CABLE, &others()[0].1, &LONG)?;
    wait_for_position(&rec, 2000, Duration::from_secs(1))?;
    rec.pause(true)?;
    let at = rec.status()?.hw_ptr;
    play.start()?;
    check_eq!("the paused capture", rec.state()?, PAUSED);
    expect_error("release", rec.pause(false), libc::EIO)?;
    check_eq!("the playback", play.state()?, RUNNING);
    // It stays where it is, and goes on from there when it may.
    drop(play);
    rec.pause(false)?;
    let moved = rec.status()?.hw_ptr.wrapping_sub(at);
    check!(moved < 480, "{moved} frames at once");
    wait_for_position(&rec, at + 960, Duration::from_secs(1))?;
    Ok(())
}

fn afterwards(ctx: &Context) -> Outcome {
    let (play, rec) = mismatched_running(ctx, CABLE, &others()[0].1, &LONG)?;
    play.start()?;
    state_by_peer(&rec, DRAINING)?;
    drop((play, rec));
    cable_works(ctx, CABLE)
}

fn unprepared_peer(ctx: &Context) -> Outcome {
    for (what, other) in others() {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        rec.setup(&LONG)?;
        play.configure(&other)?;
        play.write(&other.signal(4800, 62), 0, 4800)?;
        play.start()?;
        check_eq!(format!("playback, other {what}"), play.state()?, RUNNING);
        check_eq!("capture", rec.state()?, SETUP);
        drop((play, rec));
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        play.setup(&LONG)?;
        rec.configure(&other)?;
        rec.start()?;
        wait_for_position(&rec, 960, Duration::from_secs(1))?;
        check_eq!(format!("capture, other {what}"), rec.state()?, RUNNING);
        check_eq!("playback", play.state()?, SETUP);
    }
    Ok(())
}
