// SPDX-License-Identifier: GPL-2.0

//! When the driver's timers run, and when they don't: 8.1.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::elements::Controls;
use support::elements::NOTIFY;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::note;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::trace::armed_timers;
use support::trace::Event;
use support::trace::Trace;
use support::trace::INTERRUPTS;
use support::trace::MEMORY;
use support::trace::TIMERS;

use crate::tests::wakeups::expiries;
use crate::tests::wakeups::CABLE;
use crate::tests::wakeups::SECOND;

pub fn tests() -> Vec<Test> {
    let test =
        |name: String, run: Box<dyn Fn(&Context) -> Outcome>| Test::new("wakeups", name, run);
    let mut tests: Vec<Test> = WAYS
        .iter()
        .map(|&(name, way)| {
            test(
                format!("8.1 no timer is left by {name}"),
                Box::new(move |ctx| stops(ctx, name, way)),
            )
        })
        .collect();
    tests.extend([
        test("8.1 no timer is left by close".into(), Box::new(close)),
        test(
            "8.1 no timer is left by an eviction".into(),
            Box::new(eviction_leaves_no_timer),
        )
        .c_defect("4.4"),
        // It needs two processors, as `races` do.
        Test::new(
            "interrupts",
            "8.1 both sides of a cable wake up by one interrupt",
            one_interrupt,
        )
        .c_defect("8.1")
        .limit(60),
        Test::new(
            "interrupts",
            "8.1 sides that two processors serve, of unlike periods, are woken in time",
            unlike_periods,
        )
        .c_defect("8.1")
        .limit(60),
        test(
            "8.7 who takes all there is wakes up by one timer a period".into(),
            Box::new(greedy),
        )
        .c_defect("8.7"),
        test(
            "8.1 streams that run take no memory".into(),
            Box::new(no_memory),
        ),
    ]);
    tests
}

fn none_armed(ctx: &Context, what: &str) -> Outcome {
    check_eq!(format!("timers armed after {what}"), armed_timers(ctx)?, 0);
    let expired = expiries(ctx, || {
        poll(&mut [], 40);
        Ok(())
    })?;
    check_eq!(format!("timers expired after {what}"), expired, 0);
    Ok(())
}

/// Starts both sides of a cable, for a second.
fn start(ctx: &Context, linked: bool) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = CABLE.open(ctx, &SECOND, &SECOND)?;
    play.write(&SECOND.silence(SECOND.buffer()), 0, SECOND.buffer())?;
    if linked {
        play.link(&rec)?;
    } else {
        rec.start()?;
    }
    play.start()?;
    Ok((play, rec))
}

/// A way to stop both sides, in two halves unless they are linked.
type Way = fn(play: &mut Pcm, rec: &mut Pcm, linked: bool) -> Outcome;

const WAYS: [(&str, Way); 6] = [
    ("DROP", |play, rec, linked| {
        play.stop()?;
        if !linked {
            rec.stop()?;
        }
        Ok(())
    }),
    ("PAUSE", |play, rec, linked| {
        play.pause(true)?;
        if !linked {
            rec.pause(true)?;
        }
        Ok(())
    }),
    ("PREPARE after DROP", |play, rec, _| {
        play.stop()?;
        rec.stop()?;
        play.prepare()?;
        Ok(rec.prepare()?)
    }),
    ("XRUN", |play, rec, _| {
        wait_for_state(play, XRUN, Duration::from_secs(2))?;
        wait_for_state(rec, XRUN, Duration::from_secs(2))
    }),
    ("DRAIN", |play, rec, _| {
        // (That of a capture stops it at once.)
        let _ = play.drain();
        let _ = rec.drain();
        wait_for_state(play, SETUP, Duration::from_secs(2))?;
        check!(rec.state()? != RUNNING, "the capture still runs");
        Ok(())
    }),
    ("UNLINK and DROP", |play, rec, linked| {
        if linked {
            play.unlink()?;
        }
        play.stop()?;
        Ok(rec.stop()?)
    }),
];

fn stops(ctx: &Context, name: &str, way: Way) -> Outcome {
    for linked in [false, true] {
        let (mut play, mut rec) = start(ctx, linked)?;
        // The trace does see such a timer.
        let expired = expiries(ctx, || {
            poll(&mut [], 40);
            Ok(())
        })?;
        check!(expired > 1, "{expired} timers in 40 ms of a running stream");
        way(&mut play, &mut rec, linked)?;
        let linked = if linked { "linked" } else { "not linked" };
        none_armed(ctx, &format!("{name}, {linked}"))?;
    }
    Ok(())
}

fn close(ctx: &Context) -> Outcome {
    none_armed(ctx, "nothing at all")?;
    for linked in [false, true] {
        drop(start(ctx, linked)?);
        none_armed(ctx, "close")?;
    }
    Ok(())
}

/// A playback of another format evicts the capture.
fn eviction_leaves_no_timer(ctx: &Context) -> Outcome {
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&USUAL)?;
    let other = Config {
        rate: 44100,
        ..USUAL
    };
    let control = Controls::of(ctx, CABLE)?;
    control.set(NOTIFY, 1)?;
    let mut play = CABLE.playback(ctx)?;
    let outcome = (|| -> Outcome {
        rec.start()?;
        play.configure(&other)?;
        play.write(&other.silence(other.buffer()), 0, other.buffer())?;
        play.start()?;
        wait_for_state(&play, XRUN, Duration::from_secs(2))?;
        check!(rec.state()? != RUNNING, "the capture was not evicted");
        none_armed(ctx, "an eviction and an XRUN")
    })();
    control.set(NOTIFY, 0)?;
    outcome
}

/// Counts the driver's timers that have expired, and the interrupts that they have cost.
pub(super) fn expired_together(ctx: &Context, events: &[Event]) -> (i64, i64) {
    let (mut timers, mut interrupts) = (0, 0);
    // For each processor, whether an interrupt is being handled, and whether it was counted.
    let mut state: HashMap<u32, (bool, bool)> = HashMap::new();
    for event in events {
        let (inside, counted) = state.entry(event.cpu).or_default();
        match event.name.as_str() {
            name if INTERRUPTS[0].ends_with(name) => (*inside, *counted) = (true, false),
            name if INTERRUPTS[1].ends_with(name) => *inside = false,
            _ if event.is_timer_of(ctx) => {
                timers += 1;
                if *inside && !*counted {
                    *counted = true;
                    interrupts += 1;
                }
            }
            _ => {}
        }
    }
    (timers, interrupts)
}

/// Two threads, each on its own processor, one for each side.
fn one_interrupt(ctx: &Context) -> Outcome {
    let cpus = thread::available_parallelism().map_or(1, |n| n.get());
    if cpus < 2 {
        return Err(Fail::Skip("it needs two processors".into()));
    }
    unless_stalled(|| {
        let (mut play, mut rec) = CABLE.open(ctx, &SECOND, &SECOND)?;
        // Whatever they take, they wait for the end of a period.
        play.sw_params_waking_at(1)?;
        rec.sw_params_waking_at(1)?;
        let silence = SECOND.silence(480);
        play.write(&SECOND.silence(24000), 0, 24000)?;
        play.link(&rec)?;
        let stop = AtomicBool::new(false);
        let trace = Trace::begin(&[TIMERS[0], TIMERS[1], INTERRUPTS[0], INTERRUPTS[1]])?;
        let seconds = 3;
        let outcome = thread::scope(|scope| {
            let reader = scope.spawn(|| -> Outcome {
                pin(1)?;
                let mut heard = SECOND.nothing();
                while !stop.load(Ordering::Relaxed) {
                    rec.poll(100);
                    rec.read(&mut heard, 480)?;
                }
                Ok(())
            });
            let writer = (|| -> Outcome {
                pin(0)?;
                play.start()?;
                let end = now_ns() + seconds * 1_000_000_000;
                while now_ns() < end {
                    play.poll(100);
                    play.write(&silence, 0, 480)?;
                }
                Ok(())
            })();
            stop.store(true, Ordering::Relaxed);
            let reader = reader.join().expect("no panic");
            writer.and(reader)
        });
        let events = trace.end()?;
        outcome?;
        let (timers, interrupts) = expired_together(ctx, &events);
        let periods = seconds * 100;
        note(&format!(
            "{periods} periods of both sides: {timers} timers, {interrupts} interrupts"
        ));
        // A guest that is held up sees several periods end at once.
        if timers < periods * 2 * 9 / 10 {
            return Err(Fail::Stalled(format!("only {timers} timers")));
        }
        check!(
            interrupts > 0 && interrupts <= periods * 11 / 10,
            "{interrupts} interrupts for {periods} periods"
        );
        Ok(())
    })
}

/// Whatever is done with streams once they are prepared, but for what waits.
fn no_memory(ctx: &Context) -> Outcome {
    let taken = |run: &mut dyn FnMut() -> Outcome| -> Result<Vec<String>, Fail> {
        let trace = Trace::begin(&MEMORY)?;
        run()?;
        let events = trace.end()?.into_iter();
        let events = events.filter(|e| e.is_memory_for_sound());
        Ok(events.map(|e| e.text).collect())
    };
    let mut streams = None;
    let opened = taken(&mut || {
        streams = Some(CABLE.open(ctx, &SECOND, &SECOND)?);
        Ok(())
    })?;
    // The trace does see it.
    check!(opened.len() > 2, "taken to open both sides: {opened:?}");
    let (mut play, mut rec) = streams.expect("opened");
    let silence = SECOND.silence(480);
    let mut heard = SECOND.nothing();
    play.write(&SECOND.silence(24000), 0, 24000)?;
    let running = taken(&mut || {
        rec.start()?;
        play.start()?;
        for round in 0..50 {
            rec.poll(100);
            rec.read(&mut heard, 48000)?;
            play.write(&silence, 0, 480)?;
            rec.status()?;
            play.delay()?;
            if round % 10 == 0 {
                rec.pause(true)?;
                rec.pause(false)?;
            }
        }
        rec.stop()?;
        let _ = play.drain();
        wait_for_state(&play, SETUP, Duration::from_secs(2))?;
        play.prepare()?;
        Ok(rec.prepare()?)
    })?;
    check!(running.is_empty(), "memory taken: {running:?}");
    Ok(())
}

/// An application that waits for a period and takes all there is, as many do.
fn greedy(ctx: &Context) -> Outcome {
    unless_stalled(|| {
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&SECOND)?;
        rec.sw_params_waking_at(480)?;
        let mut heard = SECOND.nothing();
        let mut wakeups = 0;
        let mut taken = 0;
        let expired = expiries(ctx, || {
            rec.start()?;
            let end = now_ns() + 2_000_000_000;
            while now_ns() < end {
                check!(rec.poll(1000).is_some(), "no wake-up for 1 s");
                wakeups += 1;
                taken += rec.read(&mut heard, 48000)?;
            }
            Ok(())
        })?;
        note(&format!(
            "{expired} timers for {wakeups} wake-ups, {taken} frames"
        ));
        if wakeups < 180 {
            return Err(Fail::Stalled(format!("{wakeups} wake-ups in 2 s")));
        }
        check!(
            expired <= wakeups * 11 / 10,
            "{expired} timers for {wakeups} wake-ups"
        );
        Ok(())
    })
}

/// Each thread takes all there is, and so has the timer of its side armed by its own processor.
fn unlike_periods(ctx: &Context) -> Outcome {
    if thread::available_parallelism().map_or(1, |n| n.get()) < 2 {
        return Err(Fail::Skip("it needs two processors".into()));
    }
    // 100 ms, and 10.
    let slow = Config {
        period: 4800,
        periods: 10,
        ..SECOND
    };
    unless_stalled(|| {
        let (mut play, mut rec) = CABLE.open(ctx, &slow, &SECOND)?;
        play.sw_params_waking_at(4800)?;
        rec.sw_params_waking_at(480)?;
        let silence = slow.silence(slow.buffer());
        play.write(&silence, 0, silence.len())?;
        let stop = AtomicBool::new(false);
        let longest = thread::scope(|scope| {
            let reader = scope.spawn(|| -> Result<i64, Fail> {
                pin(1)?;
                rec.start()?;
                let (mut longest, mut woken) = (0, now_ns());
                while !stop.load(Ordering::Relaxed) {
                    check!(
                        rec.poll(1000).is_some(),
                        "the reader is not woken for a second"
                    );
                    let now = now_ns();
                    longest = longest.max(now - woken);
                    woken = now;
                    let avail = rec.status()?.avail as usize;
                    rec.read(&mut SECOND.nothing(), avail)?;
                }
                Ok(longest)
            });
            let writer = (|| -> Outcome {
                pin(0)?;
                play.start()?;
                for _ in 0..20 {
                    check!(
                        play.poll(1000).is_some(),
                        "the writer is not woken for a second"
                    );
                    let room = play.status()?.avail as usize;
                    play.write(&silence, 0, room)?;
                }
                Ok(())
            })();
            stop.store(true, Ordering::Relaxed);
            let longest = reader.join().expect("no panic");
            writer.and(longest)
        })?;
        note(&format!(
            "the reader waits {:.1} ms at most",
            longest as f64 / 1e6
        ));
        check!(
            longest < SECOND.period_ns() * 3 / 2,
            "the reader has waited for {longest} ns"
        );
        Ok(())
    })
}
