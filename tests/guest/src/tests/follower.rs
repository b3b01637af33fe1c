// SPDX-License-Identifier: GPL-2.0

//! `alsaloop` in its slave mode, 17.5: it watches the controls of its capture side, and sets itself
//! up anew for each playback. It runs under the counted clock, with the other tests of `timing`.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::cable::record;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;
use support::signal::part_of;

use crate::tests::ticks::other_cards;

pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "timing",
        "17.5 alsaloop follows playbacks that differ in rate, format and channels",
        follow,
    )
    .c_defect("17.5")
    .limit(120)]
}

/// Of this card from the playback to alsaloop, of the other card from alsaloop to the capture.
const CABLE: Cable = Cable {
    device: 0,
    subdevice: 5,
};

/// A running alsaloop, which ends with the test.
struct Alsaloop(Child);

impl Alsaloop {
    fn begin(from: &Context, to: &Context) -> Result<Self, Fail> {
        let capture = format!("hw:{},1,{}", from.index, CABLE.subdevice);
        let playback = format!("hw:{},0,{}", to.index, CABLE.subdevice);
        let child = Command::new("alsaloop")
            .args(["--cdevice", &capture, "--pdevice", &playback])
            .args(["--slave", "on", "--sync", "none", "--tlatency", "200000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Alsaloop(child))
    }
}

impl Drop for Alsaloop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(ctx: &Context) -> Outcome {
    let others = other_cards(ctx)?;
    // One of ours if there is one: the far side is to be beyond doubt.
    let Some(other) = others
        .iter()
        .find(|card| !card.is_c_driver())
        .or(others.first())
    else {
        return Err(Fail::Skip("there is no other loopback card".into()));
    };
    let mut alsaloop = Alsaloop::begin(ctx, other)?;
    for (seed, (rate, format, channels)) in [
        (48000, signal::S16_LE, 2),
        (44100, signal::S16_LE, 2),
        (96000, signal::S16_LE, 2),
        (96000, signal::S32_LE, 2),
        (48000, signal::S32_LE, 6),
        (48000, signal::S16_LE, 2),
    ]
    .into_iter()
    .enumerate()
    {
        let cfg = Config {
            format,
            rate,
            channels,
            period: rate / 100,
            ..LONG
        };
        let what = format!("{rate} Hz, {}, {channels} channels", format.name);
        one(ctx, other, &cfg, seed as u64).map_err(|e| match e {
            Fail::Wrong(text) => Fail::Wrong(format!("{what}: {text}")),
            other => other,
        })?;
        let ended = alsaloop.0.try_wait()?;
        check!(ended.is_none(), "{what}: alsaloop has ended: {ended:?}");
    }
    Ok(())
}

/// Plays for four seconds, and records from the far side what alsaloop passes on.
fn one(ctx: &Context, other: &Context, cfg: &Config, seed: u64) -> Outcome {
    let source = cfg.signal(cfg.rate as usize * 4, 160 + seed);
    let mut play = Pcm::open_with(CABLE.side(ctx, Dir::Playback), 0)?;
    play.configure(cfg)?;
    let buffer = cfg.buffer();
    check_eq!(
        "frames written first",
        play.write(&source, 0, buffer)?,
        buffer
    );
    play.start()?;
    let (send, receive) = mpsc::channel();
    let all = source.clone();
    thread::spawn(move || {
        let written = play.write(&all, buffer, all.len() - buffer);
        let _ = send.send(written);
        drop(play);
    });
    let far = CABLE.side(other, Dir::Playback);
    // alsaloop may still play to the end of what came before.
    far.await_proc_hw_params("rate", |rate| {
        rate.split(' ').next() == Some(&cfg.rate.to_string())
    })?;
    far.await_proc_hw_params("format", |format| format == cfg.format.name)?;
    far.await_proc_hw_params("channels", |n| n == cfg.channels.to_string())?;
    far.await_proc_status("state", |state| state == "RUNNING")?;
    let mut rec = CABLE.capture(other)?;
    rec.configure(cfg)?;
    rec.start()?;
    let heard = record(&mut rec, cfg.rate as usize)?;
    let (begin, length) = part_of(&source, &heard)?;
    note(&format!(
        "{} Hz: {length} frames of the source, from {begin} on",
        cfg.rate
    ));
    check!(
        length >= cfg.rate as usize / 2,
        "only {length} frames of the source are heard, of {}",
        heard.len()
    );
    drop(rec);
    receive
        .recv_timeout(Duration::from_secs(10))
        .map_err(|_| "the playback is not done after 10 s".to_string())??;
    // Slave Active is off now: alsaloop stops, too.
    far.await_proc_status("state", |state| state != "RUNNING")
        .or_else(|why| {
            if why.contains("None") {
                Ok(())
            } else {
                Err(why)
            }
        })?;
    Ok(())
}
