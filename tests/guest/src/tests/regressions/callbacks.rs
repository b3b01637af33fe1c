// SPDX-License-Identifier: GPL-2.0

//! The callback of a stream's timer, made so slow that a close or PREPARE is sure to fall into it.
//!
//! Between telling the core of a period's end and arming the timer anew the callback holds no lock.
//! A probe of the kernel's tracing that waits there lets another processor do all of a close
//! meanwhile, if that doesn't wait. It needs nothing but the trace to be seen, so any kernel with
//! probes will do: the tests are a group of their own, `callbacks` ([`GROUP`]).

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use support::cable::cable_works;
use support::check;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::kernel::is_realtime;
use support::kernel::now_ns;
use support::kernel::pin_threads_of;
use support::kernel::Errno;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::trace::Probes;
use support::trace::Trace;
use support::trace::CALLBACKS;
use support::turns::spin;
use support::turns::spin_until;

use super::Meeting;
use super::MEETINGS;
use crate::tests::CABLE;

/// How a stream is ended: what is done, and how.
type Way = (&'static str, fn(Pcm) -> Result<Option<Pcm>, Errno>);

const WAYS: [Way; 3] = [
    ("close", |pcm| {
        drop(pcm);
        Ok(None)
    }),
    ("HW_FREE", |mut pcm| {
        pcm.stop()?;
        pcm.hw_free()?;
        Ok(Some(pcm))
    }),
    ("PREPARE", |pcm| {
        pcm.stop()?;
        pcm.prepare()?;
        Ok(Some(pcm))
    }),
];

/// One test for all ways: it takes seconds to set up the probes.
pub fn tests() -> Vec<Test> {
    let name = "67a01afaf3d3 close, HW_FREE and PREPARE wait for the timer's callback";
    vec![Test::new(GROUP, name, waits).limit(300)]
}

/// Periods of 50 ms: long enough for the callback to end before the next one.
const CFG: Config = Config {
    period: 2400,
    ..LONG
};

/// The group.
///
/// Where processors take turns, a callback on an x86 lets others have theirs. That of an arm64 does
/// not, and nothing would ever meet it: so the processors have to run at the same time.
const GROUP: &str = if cfg!(target_arch = "x86_64") {
    "callbacks"
} else {
    "parallel"
};

/// How many probes wait there: by the host's clock, more, so that a busy host lets calls meet too.
const PROBES: usize = if cfg!(target_arch = "x86_64") {
    100
} else {
    300
};

/// Between a period's end and the other processor's call, at most; the callback takes longer.
const SPREAD: u64 = 1_000_000;

fn waits(ctx: &Context) -> Outcome {
    // What the end of a period calls, with no lock held when it returns.
    let _probes = Probes::that_linger("snd_pcm_period_elapsed", PROBES)?;
    if is_realtime()? {
        // A thread of a higher priority than ours: it needs a processor on which neither of ours
        // is.
        pin_threads_of(ctx.index, 2)?;
    }
    for way in WAYS {
        way_waits(ctx, way)?;
    }
    cable_works(ctx, CABLE)
}

fn way_waits(ctx: &Context, (name, end): Way) -> Outcome {
    let mut meeting = Meeting::new(ctx)?;
    let (mut fell_in, mut longest) = (0, 0);
    while meeting.goes_on_for(fell_in) {
        let dir = Dir::BOTH[meeting.random.below(2) as usize];
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure(&CFG)?;
        // What the stream writes is of no matter here.
        pcm.sw_params(u64::MAX)?;
        if dir == Dir::Playback {
            pcm.write(&CFG.silence(CFG.buffer()), 0, CFG.buffer())?;
        }
        let shared = pcm.share()?;
        let late = meeting.random.below(SPREAD) as i64;
        let started = AtomicI64::new(0);
        let trace = Trace::begin(&CALLBACKS)?;
        let (begun, ended) = meeting.round_at_once(
            || {
                let begun = shared.start().and_then(|()| shared.status());
                // From now on the other thread's descriptor is the last one.
                drop(shared);
                let time = begun.as_ref().map_or(-1, |s| s.trigger_tstamp.ns());
                started.store(time, Ordering::Release);
                // Its timer interrupts the processor that has started it.
                spin(CFG.period_ns() + 3_000_000);
                begun.map(|_| ())
            },
            || {
                spin_until(|| started.load(Ordering::Acquire) != 0);
                let expires = started.load(Ordering::Acquire) + CFG.period_ns();
                spin(expires + late - now_ns());
                let begun = now_ns();
                // What is still open is closed after the time is taken.
                let pcm = end(pcm);
                let ended = now_ns();
                pcm.map(|pcm| (begun, ended, pcm))
            },
        )?;
        begun?;
        let (begun, ended, pcm) = ended?;
        drop(pcm);
        let events = trace.end()?;
        for (at, entry) in events.iter().enumerate() {
            if !entry.is_callback_of(ctx) {
                continue;
            }
            // In nanoseconds, as exact as the trace has it.
            let ns = |seconds: f64| (seconds * 1e9) as i64;
            let Some(exit) = events[at..].iter().find(|e| e.ends(entry)) else {
                return Err(Fail::Wrong("a callback has no end in the trace".into()));
            };
            let (entry, exit) = (ns(entry.time), ns(exit.time));
            longest = longest.max(exit - entry);
            if entry < begun && begun < exit {
                fell_in += 1;
            }
            check!(
                entry > ended || exit <= ended + 1000,
                "{name} took {} us and returned {} us before the callback",
                (ended - begun) / 1000,
                (exit - ended) / 1000
            );
        }
    }
    note(&format!(
        "{name}: {} rounds, in {fell_in} a callback was at work; the longest took {} us",
        meeting.rounds,
        longest / 1000
    ));
    check!(fell_in >= MEETINGS, "{name}: hardly ever during a callback");
    Ok(())
}
