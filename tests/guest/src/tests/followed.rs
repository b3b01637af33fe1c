// SPDX-License-Identifier: GPL-2.0

//! Cables that follow the speed of a sound timer: 11.12 to 11.15.
//!
//! The source is a playback of another card, whose rate shift makes it fast or slow: how fast it is
//! is known exactly. What is compared are the audio times of both, which are those of their frames.

use std::time::Duration;

use support::cable::cable_works;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::elements::Controls;
use support::elements::SHIFT;
use support::kernel as k;
use support::kernel::HwParams;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::stamp::Kind;

use crate::tests::proc::all_lines;
use crate::tests::source::master;
use crate::tests::source::master_of;
use crate::tests::source::timer_line;
use crate::tests::source::Source;
use crate::tests::source::CABLE;
use crate::tests::source::MASTER;
use crate::tests::source::SECOND;
use crate::tests::source::SLOW;
use crate::tests::ticks::log_after_others;
use crate::tests::ticks::other_cards;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("source", name, run);
    let timed =
        |name: &str, run: fn(&Context) -> Outcome| Test::new("follow", name, run).limit(200);
    vec![
        test("11.12 a cable that follows starts at once", at_once),
        test(
            "11.12 a source that is not there is no error",
            absent_source,
        ),
        test(
            "11.12 periods are free in a cable that follows",
            free_periods,
        ),
        test("11.12 a cable does not follow itself", itself),
        test("11.12 the log says whom a cable does not follow", logged),
        test(
            "3.9 11.12 a cable that follows has streams without period wake-ups",
            without_wakeups,
        ),
        timed("11.13 a source 1000 ppm too fast, 1 minute", |ctx| {
            in_phase(ctx, 99_900, 60)
        }),
        timed("11.13 a source 1000 ppm too slow, 1 minute", |ctx| {
            in_phase(ctx, 100_100, 60)
        }),
        timed("11.13 a source 300 ppm too fast, 1 hour", |ctx| {
            in_phase(ctx, 99_970, 3600)
        })
        .limit(4000),
        timed("11.13 a source of another rate", other_rate),
        timed("11.14 a source that stops, and goes on", stops),
        timed("11.14 a source that pauses", pauses),
        timed(
            "11.13 a source that tells of several ticks at once",
            system_timer,
        ),
        timed("11.15 audio time is that of the frames", audio_time),
    ]
}

/// How long the source may take to be followed, in seconds.
const LOCK: u64 = 10;

/// A frame at 48 kHz, in nanoseconds.
const FRAME: f64 = 1e9 / 48000.0;

/// What the file of the cables says of what the cable follows.
fn follows(ctx: &Context) -> Result<String, Fail> {
    let lines = all_lines(ctx, CABLE)?;
    let found = lines
        .iter()
        .find_map(|l| l.strip_prefix("    follows:\t\t"));
    Ok(found
        .ok_or_else(|| format!("nothing is followed: {lines:?}"))?
        .to_string())
}

/// A capture that is never stopped, running.
fn capture(ctx: &Context) -> Result<Pcm, Fail> {
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&SLOW)?;
    rec.sw_params(u64::MAX)?;
    rec.start()?;
    Ok(rec)
}

/// How far the capture's audio time is before the source's, in nanoseconds, at one time. The
/// source goes at `speed`.
fn ahead(source: &Pcm, rec: &Pcm, speed: f64) -> Result<f64, Fail> {
    let (of_source, of_rec) = (source.stamp(Kind::Link)?, rec.stamp(Kind::Link)?);
    for stamp in [of_source, of_rec] {
        check_eq!("kind of audio time", stamp.actual, Kind::Link as u32);
    }
    let since = (of_rec.system - of_source.system) as f64;
    Ok(of_rec.audio as f64 - of_source.audio as f64 - since * speed)
}

/// Looks at both streams for so many seconds, four times each. Returns the least and the greatest
/// of what [`ahead`] returns. Neither stream ever goes back.
fn watch(source: &Pcm, rec: &Pcm, speed: f64, seconds: u64) -> Result<(f64, f64), Fail> {
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    let mut before = rec.stamp(Kind::Link)?;
    for _ in 0..seconds * 4 {
        poll(&mut [], 250);
        let ahead = ahead(source, rec, speed)?;
        (least, most) = (least.min(ahead), most.max(ahead));
        let now = rec.stamp(Kind::Link)?;
        check!(
            now.audio > before.audio && now.audio - before.audio < 500_000_000,
            "from {before:?} to {now:?}"
        );
        before = now;
    }
    Ok((least, most))
}

/// The playback of `MASTER` on the card that is followed, set to a rate shift and running.
struct Leader {
    card: Context,
    pcm: Pcm,
    speed: f64,
}

impl Leader {
    /// On another card, if there is one.
    fn new(ctx: &Context, cfg: &Config, shift: i64) -> Result<Self, Fail> {
        let card = match other_cards(ctx)?.pop() {
            Some(card) => card,
            None => return Err(Fail::Wrong("there is no other loopback card".into())),
        };
        Controls::of(&card, MASTER)?.set(SHIFT, shift)?;
        let pcm = master(&card, cfg)?;
        pcm.start()?;
        Ok(Leader {
            card,
            pcm,
            speed: 100_000.0 / shift as f64,
        })
    }

    /// Has the cables of the other card follow it.
    fn followed<'a>(&self, ctx: &'a Context) -> Result<Source<'a>, Fail> {
        Source::set(ctx, &format!("follow:{}", master_of(self.card.index)))
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if let Ok(controls) = Controls::of(&self.card, MASTER) {
            let _ = controls.set(SHIFT, 100_000);
        }
    }
}

fn at_once(ctx: &Context) -> Outcome {
    // A source that is not set up, and does not tick.
    let _source = Source::set(ctx, &format!("follow:{}", master_of(ctx.index)))?;
    let rec = capture(ctx)?;
    wait_for_position(&rec, 480, Duration::from_secs(1))?;
    check_eq!("the source", follows(ctx)?, "+0.000 ppm, silent");
    check_eq!(
        "timer",
        timer_line(ctx, CABLE)?,
        Some(format!("hw:{},0,6", ctx.index))
    );
    Ok(())
}

fn without_wakeups(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, &format!("follow:{}", master_of(ctx.index)))?;
    for dir in Dir::BOTH {
        let pcm = Pcm::open(CABLE.side(ctx, dir))?;
        let info = pcm.hw_refine(&HwParams::any())?.info;
        check!(
            info & k::INFO_NO_PERIOD_WAKEUP != 0,
            "{dir:?}: info {info:#010x}"
        );
    }
    Ok(())
}

fn absent_source(ctx: &Context) -> Outcome {
    for text in ["follow:NoSuchCard", "follow:30.0.0", "follow:-1.9.0"] {
        let _source = Source::set(ctx, text)?;
        cable_works(ctx, CABLE)?;
        let _play = CABLE.playback(ctx)?;
        check_eq!(format!("with {text:?}"), timer_line(ctx, CABLE)?, None);
    }
    // What is no name of a source at all is an error all the same.
    let _source = Source::set(ctx, "follow:0.x")?;
    let side = CABLE.side(ctx, Dir::Playback);
    expect_error("open", Pcm::open(side), libc::EINVAL)
}

fn itself(ctx: &Context) -> Outcome {
    for cable in [CABLE, SECOND] {
        for dir in Dir::BOTH {
            let text = format!("follow:{}", timer_of(ctx, cable, dir));
            let _source = Source::set(ctx, &text)?;
            cable_works(ctx, cable)?;
            let _play = cable.playback(ctx)?;
            check_eq!(
                format!("{cable:?} with {text:?}"),
                timer_line(ctx, cable)?,
                None
            );
        }
    }
    // Each may follow the other.
    for (cable, other) in [(CABLE, SECOND), (SECOND, CABLE)] {
        for dir in Dir::BOTH {
            let timer = timer_of(ctx, other, dir);
            let _source = Source::set(ctx, &format!("follow:{timer}"))?;
            let _play = cable.playback(ctx)?;
            check_eq!(
                format!("{cable:?} with {timer:?}"),
                timer_line(ctx, cable)?,
                Some(format!("hw:{}", timer.replace('.', ",")))
            );
        }
    }
    Ok(())
}

/// The timer of a side of a cable, as it is named in `timer_source`.
fn timer_of(ctx: &Context, cable: Cable, dir: Dir) -> String {
    let (device, subdevice) = match dir {
        Dir::Playback => (cable.device, cable.subdevice * 2),
        Dir::Capture => (cable.device ^ 1, cable.subdevice * 2 + 1),
    };
    format!("{}.{device}.{subdevice}", ctx.index)
}

fn logged(ctx: &Context) -> Outcome {
    let mut log = log_after_others()?;
    let own = format!("follow:{}", timer_of(ctx, CABLE, Dir::Playback));
    for (text, message) in [
        ("follow:NoSuchCard", "NoSuchCard': not followed"),
        (&own, "A cable can't follow itself"),
    ] {
        let _source = Source::set(ctx, text)?;
        let _play = CABLE.playback(ctx)?;
        check!(log.says(message), "no '{message}' in the log");
    }
    Ok(())
}

fn free_periods(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, &format!("follow:{}", master_of(ctx.index)))?;
    let mut play = CABLE.playback(ctx)?;
    play.configure(&LONG)?;
    let peer = CABLE.capture(ctx)?;
    let left = peer.hw_refine(&HwParams::any())?;
    check_eq!(
        "periods left to the peer",
        left.interval(k::PERIOD_BYTES).to_string(),
        "[64 1048576]"
    );
    drop((play, peer));
    cable_works(ctx, CABLE)
}

fn in_phase(ctx: &Context, shift: i64, seconds: u64) -> Outcome {
    let leader = Leader::new(ctx, &SLOW, shift)?;
    let _source = leader.followed(ctx)?;
    let rec = capture(ctx)?;
    watch(&leader.pcm, &rec, leader.speed, LOCK)?;
    let (least, most) = watch(&leader.pcm, &rec, leader.speed, seconds)?;
    note(&format!(
        "{seconds} s: within {:.0} ns; {}",
        most - least,
        follows(ctx)?
    ));
    check!(
        most - least <= FRAME,
        "{:.0} ns apart within {seconds} s",
        most - least
    );
    let ppm = (leader.speed - 1.0) * 1e6;
    let said = follows(ctx)?;
    let (speed, how) = said.split_once(" ppm, ").unwrap_or(("", ""));
    let speed: f64 = speed.parse().map_err(|e| format!("{said:?}: {e}"))?;
    check_eq!("how it is followed", how, "in phase");
    check!(
        (speed - ppm).abs() < 5.0,
        "the file says {said:?} of {ppm} ppm"
    );
    Ok(())
}

/// 44.1 kHz, in periods that are no whole number of nanoseconds.
fn other_rate(ctx: &Context) -> Outcome {
    let cfg = Config {
        rate: 44100,
        period: 1024,
        periods: 32,
        ..LONG
    };
    let leader = Leader::new(ctx, &cfg, 99_950)?;
    let _source = leader.followed(ctx)?;
    let rec = capture(ctx)?;
    watch(&leader.pcm, &rec, leader.speed, LOCK)?;
    let (least, most) = watch(&leader.pcm, &rec, leader.speed, 60)?;
    note(&format!("within {:.0} ns", most - least));
    check!(most - least <= FRAME, "{:.0} ns apart", most - least);
    Ok(())
}

fn stops(ctx: &Context) -> Outcome {
    let leader = Leader::new(ctx, &SLOW, 99_900)?;
    let _source = leader.followed(ctx)?;
    let rec = capture(ctx)?;
    watch(&leader.pcm, &rec, leader.speed, LOCK)?;
    watch(&leader.pcm, &rec, leader.speed, 5)?;
    leader.pcm.stop()?;
    let before = rec.stamp(Kind::Link)?;
    for _ in 0..40 {
        poll(&mut [], 250);
        rec.hwsync()?;
    }
    let after = rec.stamp(Kind::Link)?;
    let speed = (after.audio - before.audio) as f64 / (after.system - before.system) as f64;
    let off = (speed / leader.speed - 1.0) * 1e6;
    note(&format!("{off:+.3} ppm off when the source is silent"));
    check!(off.abs() < 5.0, "{off:+.3} ppm off");
    check!(
        follows(ctx)?.ends_with("ppm, silent"),
        "of a source that has stopped the file says {}",
        follows(ctx)?
    );
    leader.pcm.prepare()?;
    leader.pcm.start()?;
    watch(&leader.pcm, &rec, leader.speed, LOCK)?;
    let (least, most) = watch(&leader.pcm, &rec, leader.speed, 20)?;
    check!(most - least <= FRAME, "{:.0} ns apart", most - least);
    Ok(())
}

/// Nothing tells that it does, but that it does not tick.
fn pauses(ctx: &Context) -> Outcome {
    let leader = Leader::new(ctx, &SLOW, 99_900)?;
    let _source = leader.followed(ctx)?;
    let rec = capture(ctx)?;
    watch(&leader.pcm, &rec, leader.speed, LOCK)?;
    let says = follows(ctx)?;
    check!(says.ends_with("ppm, in phase"), "before the pause: {says}");
    leader.pcm.pause(true)?;
    for _ in 0..20 {
        poll(&mut [], 250);
        rec.hwsync()?;
    }
    let says = follows(ctx)?;
    check!(says.ends_with("ppm, silent"), "5 s into a pause: {says}");
    Ok(())
}

/// The system's sound timer goes at the cable's own speed; each call tells of two ticks.
fn system_timer(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "follow:-1.0.0")?;
    let rec = capture(ctx)?;
    for _ in 0..LOCK * 4 {
        poll(&mut [], 250);
        rec.hwsync()?;
    }
    let says = follows(ctx)?;
    check!(says.ends_with("ppm, in phase"), "after {LOCK} s: {says}");
    Ok(())
}

/// The link time of a cable that is followed is that of the frames, and the absolute one goes with
/// it.
fn audio_time(ctx: &Context) -> Outcome {
    let leader = Leader::new(ctx, &SLOW, 100_100)?;
    let _source = leader.followed(ctx)?;
    let rec = capture(ctx)?;
    let mut apart = None;
    for _ in 0..60 {
        poll(&mut [], 250);
        let link = rec.stamp(Kind::Link)?;
        let frames = link.hw_ptr as f64 * FRAME;
        check!(
            (0.0..FRAME + 1.0).contains(&(link.audio as f64 - frames)),
            "{link:?}: frames are {frames:.0} ns"
        );
        let absolute = rec.stamp(Kind::LinkAbsolute)?;
        check_eq!("kind", absolute.actual, Kind::LinkAbsolute as u32);
        let since = (absolute.system - link.system) as f64 * leader.speed;
        let ahead = absolute.audio as f64 - link.audio as f64 - since;
        let zero = *apart.get_or_insert(ahead);
        check!(
            (ahead - zero).abs() < 1000.0,
            "the absolute clock has gone {:.0} ns from the link time",
            ahead - zero
        );
    }
    Ok(())
}
