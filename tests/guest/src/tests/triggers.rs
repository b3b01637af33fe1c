// SPDX-License-Identifier: GPL-2.0

//! The time of a trigger: 8.9 done right.

use std::time::Duration;

use support::cable::wait_for_state;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Dir;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::kernel::now_ns;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::stamp::Kind;
use support::stamp::Stamp;

use crate::tests::stamps::config;
use crate::tests::stamps::prepared;
use crate::tests::stamps::within_frame;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("stamps", name, run);
    vec![
        test(
            "8.9 trigger_tstamp is that of the last change of state",
            triggers,
        ),
        test("8.9 linked streams have one trigger_tstamp", linked).c_defect("8.9"),
        test(
            "8.9 DRAIN that starts a stream stamps its start",
            drain_starts,
        )
        .c_defect("8.9"),
    ]
}

/// The stamp that `call` leaves lies within it.
fn stamped(pcm: &Pcm, what: &str, call: impl FnOnce() -> Outcome) -> Result<Stamp, Fail> {
    let begun = now_ns();
    call()?;
    let s = pcm.stamp(Kind::Link)?;
    check!(
        s.trigger >= begun && s.trigger <= now_ns(),
        "{what}: stamped {} ns after the call had begun, {} ns before now",
        s.trigger - begun,
        now_ns() - s.trigger
    );
    Ok(s)
}

fn triggers(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = prepared(ctx, CABLE, dir, &config(48000))?;
        let started = stamped(&pcm, "START", || Ok(pcm.start()?))?;
        poll(&mut [], 10);
        check_eq!(
            "trigger_tstamp while it runs",
            pcm.stamp(Kind::Default)?.trigger,
            started.trigger
        );
        let paused = stamped(&pcm, "PAUSE", || Ok(pcm.pause(true)?))?;
        check_eq!("state", paused.state, PAUSED);
        check!(paused.trigger > started.trigger, "PAUSE changed nothing");
        poll(&mut [], 5);
        let released = stamped(&pcm, "release", || Ok(pcm.pause(false)?))?;
        check_eq!("state", released.state, RUNNING);
        check!(released.trigger > paused.trigger, "release changed nothing");
        poll(&mut [], 5);
        let stopped = stamped(&pcm, "DROP", || Ok(pcm.stop()?))?;
        check_eq!("state", stopped.state, SETUP);
        pcm.prepare()?;
        let s = pcm.stamp(Kind::Link)?;
        check_eq!("state", s.state, PREPARED);
        let again = stamped(&pcm, "second START", || Ok(pcm.start()?))?;
        check!(again.trigger > stopped.trigger, "START changed nothing");
    }
    Ok(())
}

/// Both sides of a cable and one of another, of another rate.
fn linked(ctx: &Context) -> Outcome {
    let other = Cable {
        device: 1,
        subdevice: 3,
    };
    let (slow, fast) = (config(11025), config(192_000));
    let streams = [
        prepared(ctx, CABLE, Dir::Playback, &slow)?,
        prepared(ctx, CABLE, Dir::Capture, &slow)?,
        prepared(ctx, other, Dir::Capture, &fast)?,
    ];
    streams[0].link(&streams[1])?;
    streams[0].link(&streams[2])?;
    let same = |what: &str| -> Result<i64, Fail> {
        let first = streams[0].stamp(Kind::Link)?;
        for pcm in &streams[1..] {
            let s = pcm.stamp(Kind::Link)?;
            check_eq!(format!("{what}: state"), s.state, first.state);
            check_eq!(format!("{what}: trigger_tstamp"), s.trigger, first.trigger);
        }
        Ok(first.trigger)
    };
    for by in [1, 2, 0] {
        streams[by].start()?;
        same("START")?;
        for _ in 0..20 {
            poll(&mut [], 2);
            for pcm in &streams {
                let s = pcm.stamp(Kind::Link)?;
                let rate = pcm.config().rate;
                within_frame("linked", &s, rate)?;
                check_eq!("linked: audio time", s.audio, s.system - s.trigger);
            }
        }
        streams[by].pause(true)?;
        streams[by].pause(false)?;
        let released = same("release")?;
        poll(&mut [], 5);
        check_eq!("still", same("later")?, released);
        streams[by].stop()?;
        streams[by].prepare()?;
    }
    Ok(())
}

fn drain_starts(ctx: &Context) -> Outcome {
    let cfg = config(48000);
    let mut play = Pcm::open(CABLE.side(ctx, Dir::Playback))?;
    play.configure(&cfg)?;
    play.write(&cfg.silence(4800), 0, 4800)?;
    let begun = now_ns();
    // It does not wait: the stream was opened so.
    let _ = play.drain();
    let s = play.stamp(Kind::Link)?;
    check!(s.trigger >= begun, "stamped before the call");
    check_eq!("audio time", s.audio, s.system - s.trigger);
    within_frame("DRAIN", &s, cfg.rate)?;
    wait_for_state(&play, SETUP, Duration::from_secs(2))
}
