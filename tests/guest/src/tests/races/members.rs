// SPDX-License-Identifier: GPL-2.0

//! One substream in the hands of two threads, and substreams that are linked.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use support::cable::Cable;
use support::check;
use support::config::Config;
use support::config::Dir;
use support::config::PREPARED;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::random::Random;
use support::signal;
use support::turns::Alarm;

use super::all_work;
use super::at_a_bad_moment;
use super::race;
use super::test;
use super::RACE;
use crate::tests::CABLE;

const OTHER: Cable = Cable {
    device: 1,
    subdevice: 0,
};

/// A buffer of 256 periods of `period` frames.
const fn buffer(period: u32) -> Config {
    Config {
        period,
        periods: 256,
        ..USUAL
    }
}

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "7.8 14.6 race: HW_PARAMS with other buffers against DRAIN and START",
            drained,
        ),
        test(
            "6.11 race: START of linked substreams against the close of one",
            linked,
        ),
        test(
            "7.1 7.8 race: PREPARE of linked substreams against a DRAIN of one",
            prepared,
        ),
    ]
}

/// How often the calls of [`prepared`] have to meet.
const MEETINGS: u64 = 20;

/// The core finds out whether linked substreams run, and then prepares one after the other.
/// Meanwhile a DRAIN must start none of them: it would run on as prepared, and what is written then
/// be heard.
fn prepared(ctx: &Context) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("it starts in C".into()));
    }
    let cfg = buffer(480);
    // Its PREPARE takes some time.
    let large = Config {
        format: signal::S32_LE,
        channels: 32,
        period: 8192,
        periods: 2,
        ..USUAL
    };
    let mut random = Random::of(ctx.seed);
    let (mut met, mut rounds) = (0, 0);
    for (first, wanted) in [(false, MEETINGS / 2), (true, MEETINGS)] {
        let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
        let mut slow = OTHER.capture(ctx)?;
        slow.configure(&large)?;
        play.configure(&cfg)?;
        rec.configure(&cfg)?;
        rec.sw_params(u64::MAX)?;
        rec.start()?;
        // The core goes through them in the order in which they were linked, or the other way
        // round.
        if first {
            play.link(&slow)?;
        } else {
            slow.link(&play)?;
        }
        let mut longest = 1;
        let begun = Instant::now();
        // Where they meet only now and then, it takes longer.
        while begun.elapsed() < RACE / 2 || met < wanted && begun.elapsed() < 5 * RACE {
            rounds += 1;
            play.prepare()?;
            play.write(&cfg.signal(960, 8), 0, 960)?;
            let late = random.below(longest) as i64;
            let ready = AtomicBool::new(false);
            let draining = play.share()?;
            thread::scope(|scope| -> Outcome {
                let drain = scope.spawn(|| {
                    let alarm = Alarm::after(late);
                    ready.store(true, Ordering::Release);
                    alarm.spin();
                    let begun = now_ns();
                    let result = draining.drain();
                    (begun, now_ns(), result)
                });
                while !ready.load(Ordering::Acquire) {
                    thread::yield_now();
                    std::hint::spin_loop();
                }
                let begun = now_ns();
                let prepared = slow.prepare();
                let ended = now_ns();
                longest = (ended - begun).max(1) as u64;
                let (drain_begun, drain_ended, drained) = drain
                    .join()
                    .map_err(|_| Fail::Wrong("the thread panicked".into()))?;
                met += u64::from(drain_begun < ended && begun < drain_ended);
                for result in [prepared, drained] {
                    result.or_else(at_a_bad_moment)?;
                }
                Ok(())
            })?;
            if play.state()? == PREPARED {
                // What the capture has heard so far is of no matter.
                rec.stop()?;
                rec.prepare()?;
                rec.start()?;
                play.write(&cfg.signal(4800, 9), 0, 4800)?;
                poll(&mut [], 10);
                let mut heard = cfg.nothing();
                rec.read(&mut heard, 4800)?;
                check!(
                    heard.first_sound(0).is_none(),
                    "round {rounds}: a playback that is PREPARED is heard"
                );
            }
            play.stop()?;
        }
    }
    note(&format!("{rounds} rounds, the calls met in {met}"));
    check!(met >= MEETINGS, "the calls hardly ever met");
    Ok(())
}

/// A DRAIN or START fills the buffer with silence: the buffer that HW_PARAMS has just taken away,
/// if nothing keeps them apart.
fn drained(ctx: &Context) -> Outcome {
    let mut shaper = CABLE.playback(ctx)?;
    shaper.configure(&buffer(1024))?;
    let starter = shaper.share()?;
    race(
        ctx,
        vec![
            (
                "HW_PARAMS",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let _ = shaper.stop();
                        let _ = shaper.hw_free();
                        let small = buffer(1024);
                        let made = shaper
                            .setup(&small)
                            .and_then(|()| shaper.sw_params_with_silence())
                            .and_then(|()| shaper.prepare());
                        if worker.tried(made)? {
                            let written = shaper.write(&small.signal(1024, 1), 0, 1024);
                            worker.tried(written)?;
                        }
                        worker.spin();
                        let period = worker.random.one_of(&[16, 512, 2048]);
                        worker.tried(shaper.hw_params(&buffer(period).request()))?;
                    }
                    Ok(())
                }),
            ),
            (
                "DRAIN and START",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        // A DRAIN that doesn't wait says EAGAIN when it has begun.
                        let began = match worker.random.below(3) {
                            0 => starter.start(),
                            _ => match starter.drain() {
                                Err(e) if e.code == libc::EAGAIN => Ok(()),
                                other => other,
                            },
                        };
                        worker.tried(began)?;
                        worker.spin();
                    }
                    Ok(())
                }),
            ),
        ],
    )?;
    all_work(ctx, &[CABLE])
}

/// PREPARE and START act on every member of a group: one of them is being closed meanwhile. It is
/// the other side of the cable, or a side of another one.
fn linked(ctx: &Context) -> Outcome {
    let mut leader = CABLE.playback(ctx)?;
    leader.setup(&buffer(16))?;
    leader.sw_params_with_silence()?;
    let driver = leader.share()?;
    let members = [
        CABLE.side(ctx, Dir::Capture),
        OTHER.side(ctx, Dir::Playback),
    ];
    let go = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&go);
    race(
        ctx,
        vec![
            (
                "LINK and close",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        let mut member = Pcm::open(worker.random.one_of(&members))?;
                        // The leader may be running still.
                        let period = worker.random.one_of(&[16, 2048]);
                        let made = member.setup(&buffer(period));
                        if !worker.tried(made)? {
                            continue;
                        }
                        member.sw_params_with_silence()?;
                        let mut tries = 0;
                        while leader.stop().and_then(|()| member.link(&leader)).is_err() {
                            tries += 1;
                            check!(tries < 10_000, "cannot be linked");
                        }
                        worker.has_done(1);
                        gone.store(true, Ordering::Relaxed);
                        worker.spin();
                        drop(member);
                        gone.store(false, Ordering::Relaxed);
                    }
                    Ok(())
                }),
            ),
            (
                "PREPARE and START",
                Box::new(move |worker| {
                    while worker.goes_on() {
                        if go.load(Ordering::Relaxed) && worker.tried(driver.prepare())? {
                            worker.tried(driver.start())?;
                        }
                    }
                    Ok(())
                }),
            ),
        ],
    )?;
    all_work(ctx, &[CABLE, OTHER])
}
