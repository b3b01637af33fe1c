// SPDX-License-Identifier: GPL-2.0

//! Audio time stamps: 8.9 done right.
//!
//! Position, system time and audio time are of one reading of the clock. So what is checked here
//! holds to the nanosecond, in a guest of any speed.

mod gaps;
mod shifted;

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel as k;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::stamp::Clock;
use support::stamp::Kind;
use support::stamp::Stamp;

use crate::tests::CABLE;
use gaps::absolute;
use gaps::by_ticks;
use gaps::overruns;
use gaps::pauses;
use shifted::bends;
use shifted::one_reading;

const SECOND: i128 = 1_000_000_000;
const RATES: [u32; 5] = [8000, 11025, 44101, 48000, 768_000];
const BY_FRAMES: u32 = Kind::Default as u32;

pub fn tests() -> Vec<Test> {
    let test = |name: String, run: Box<dyn Fn(&Context) -> Outcome>| {
        Test::new("stamps", name, run).c_defect("8.9")
    };
    let mut tests = vec![test(
        "8.9 info: which audio time stamps there are".into(),
        Box::new(info),
    )];
    for dir in Dir::BOTH {
        tests.push(test(
            format!("8.9 audio time stamps: type, accuracy and value of each, {dir:?}"),
            Box::new(move |ctx| kinds(ctx, dir)),
        ));
        tests.push(test(
            format!("8.9 the clock of time stamps may be any, {dir:?}"),
            Box::new(move |ctx| clocks(ctx, dir)),
        ));
        tests.push(test(
            format!("8.9 no audio time goes back at a PAUSE, {dir:?}"),
            Box::new(move |ctx| pauses(ctx, dir, false)),
        ));
        tests.push(test(
            format!("8.9 no audio time goes back at a PAUSE beside another side, {dir:?}"),
            Box::new(move |ctx| pauses(ctx, dir, true)),
        ));
    }
    for rate in RATES {
        tests.push(test(
            format!("8.9 position and time stamps are one reading of the clock at {rate} Hz"),
            Box::new(move |ctx| one_reading(ctx, rate, 100_000)),
        ));
    }
    for (rate, shift) in [(48000, 80000), (44101, 99_999), (11025, 120_000)] {
        tests.push(test(
            format!("8.9 one reading of the clock with Rate Shift {shift}"),
            Box::new(move |ctx| one_reading(ctx, rate, shift)),
        ));
    }
    tests.push(
        Test::new(
            "stamps",
            "8.9 what is recorded after an overrun is no older than its start, nor than what was \
             before",
            overruns,
        )
        .limit(300),
    );
    tests.extend([
        test(
            "8.9 a change of Rate Shift bends audio time at once, and no more".into(),
            Box::new(bends),
        ),
        test(
            "8.9 LINK_ABSOLUTE goes on over streams".into(),
            Box::new(absolute),
        ),
        test(
            "8.9 by a sound timer there are only frames".into(),
            Box::new(by_ticks),
        ),
    ]);
    tests
}

/// One byte a frame, so that a second fits into the buffer at each rate.
pub(super) fn config(rate: u32) -> Config {
    Config {
        format: signal::DSD_U8,
        channels: 1,
        rate,
        period: rate / 8,
        periods: 8,
        ..USUAL
    }
}

/// A prepared side that never stops by itself.
pub(super) fn prepared(ctx: &Context, which: Cable, dir: Dir, cfg: &Config) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(which.side(ctx, dir))?;
    pcm.configure(cfg)?;
    if dir == Dir::Playback {
        pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    }
    pcm.sw_params(u64::MAX)?;
    Ok(pcm)
}

fn info(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        let pcm = Pcm::open(CABLE.side(ctx, dir))?;
        let got = pcm.hw_refine(&k::HwParams::any())?.info;
        let asked = k::INFO_LINK_TIME
            | k::INFO_LINK_ABSOLUTE_TIME
            | k::INFO_LINK_ESTIMATED_TIME
            | k::INFO_LINK_SYNCHRONIZED_TIME;
        check_eq!(
            "which of LINK, LINK_ABSOLUTE, LINK_ESTIMATED and LINK_SYNCHRONIZED",
            got & asked,
            asked & !k::INFO_LINK_ESTIMATED_TIME
        );
    }
    Ok(())
}

/// The time of a position, rounded down.
fn time_of(frames: u64, rate: u32) -> i64 {
    (i128::from(frames) * SECOND / i128::from(rate)) as i64
}

/// `audio` lies in the frame that begins at `hw_ptr`.
pub(super) fn within_frame(what: &str, s: &Stamp, rate: u32) -> Outcome {
    // In 1/rate ns; audio time is rounded down to whole nanoseconds.
    let ahead = i128::from(s.audio) * i128::from(rate) - i128::from(s.hw_ptr) * SECOND;
    check!(
        ahead > -i128::from(rate) && ahead < SECOND,
        "{what}: audio time {} ns at frame {}: {:.3} frames ahead",
        s.audio,
        s.hw_ptr,
        ahead as f64 / 1e9
    );
    Ok(())
}

/// Each kind after each other one: none leaves a trace.
fn kinds(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = config(48000);
    let pcm = prepared(ctx, CABLE, dir, &cfg)?;
    pcm.start()?;
    for first in Kind::ALL {
        for second in Kind::ALL {
            for kind in [first, second] {
                let s = pcm.stamp(kind)?;
                let what = format!("{kind:?} after {first:?}");
                let by_clock = match kind {
                    Kind::Compat => {
                        check_eq!(format!("{what}: valid"), s.valid, false);
                        true
                    }
                    Kind::Default | Kind::LinkEstimated => {
                        check_eq!(format!("{what}: type"), s.actual, BY_FRAMES);
                        check_eq!(format!("{what}: accuracy"), s.accuracy, None);
                        false
                    }
                    _ => {
                        check_eq!(format!("{what}: type"), s.actual, kind as u32);
                        check_eq!(format!("{what}: accuracy in ns"), s.accuracy, Some(1));
                        kind != Kind::LinkAbsolute
                    }
                };
                check_eq!(format!("{what}: valid"), s.valid, kind != Kind::Compat);
                if by_clock {
                    within_frame(&what, &s, cfg.rate)?;
                    check_eq!(
                        format!("{what}: time since the start"),
                        s.audio,
                        s.system - s.trigger
                    );
                } else if kind != Kind::LinkAbsolute {
                    check_eq!(
                        format!("{what}: audio time"),
                        s.audio,
                        time_of(s.hw_ptr, cfg.rate)
                    );
                }
                poll(&mut [], 1);
            }
        }
    }
    Ok(())
}

fn clocks(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = config(44101);
    for clock in [Clock::Realtime, Clock::Monotonic, Clock::MonotonicRaw] {
        let pcm = prepared(ctx, CABLE, dir, &cfg)?;
        pcm.stamp_by(clock)?;
        pcm.start()?;
        for _ in 0..50 {
            poll(&mut [], 3);
            for kind in [Kind::Link, Kind::LinkSynchronized] {
                let s = pcm.stamp(kind)?;
                check_eq!(format!("{clock:?}: {kind:?}"), s.actual, kind as u32);
                within_frame(&format!("{kind:?}"), &s, cfg.rate)?;
                // Nobody corrects the guest's clocks: the two go alike but for what their scales
                // round.
                let since = s.system - s.trigger;
                let apart = (s.audio - since).abs();
                let most = match clock {
                    Clock::MonotonicRaw => since / 1_000_000 + 2,
                    _ => 0,
                };
                check!(
                    apart <= most,
                    "{clock:?}, {kind:?}: audio time {}, {since} ns after the start",
                    s.audio
                );
            }
        }
    }
    Ok(())
}
