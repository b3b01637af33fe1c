// SPDX-License-Identifier: GPL-2.0

//! The clock of the day, which no stream goes by.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::LONG;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::signal::Expect;

use crate::tests::CABLE;

/// `CLOCK_REALTIME`, which is set back when dropped.
pub(super) struct DayClock {
    /// By how much it is ahead of `CLOCK_MONOTONIC`.
    ahead: i64,
}

impl DayClock {
    fn begin() -> Result<Self, Fail> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|e| e.to_string())?;
        Ok(DayClock {
            ahead: now.as_nanos() as i64 - now_ns(),
        })
    }

    /// Sets it to so many hours after the right time.
    fn set(&self, hours: i64) -> Outcome {
        let ns = now_ns() + self.ahead + hours * 3_600_000_000_000;
        let time = libc::timespec {
            tv_sec: ns / 1_000_000_000,
            tv_nsec: ns % 1_000_000_000,
        };
        // SAFETY: `time` is a valid time.
        let result = unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) };
        check_eq!("clock_settime", result, 0);
        Ok(())
    }
}

impl Drop for DayClock {
    fn drop(&mut self) {
        let _ = self.set(0);
    }
}

/// Nobody who waits for a period waits longer, or less, for it.
pub(super) fn clock_is_set(ctx: &Context) -> Outcome {
    let mut session = Session::open(ctx, CABLE, &LONG, LONG.signal(48000, 153))?;
    let clock = DayClock::begin()?;
    let ended = AtomicBool::new(false);
    let (outcome, times) = thread::scope(|scope| {
        let setter = scope.spawn(|| -> Result<u32, Fail> {
            let mut times = 0;
            while !ended.load(Ordering::Relaxed) {
                for hours in [5, -7, 1, 0] {
                    clock.set(hours)?;
                    thread::sleep(Duration::from_millis(3));
                    times += 1;
                }
            }
            Ok(times)
        });
        let begun = now_ns();
        let outcome = session.run().map(|()| now_ns() - begun);
        ended.store(true, Ordering::Relaxed);
        (outcome, setter.join().expect("no panic"))
    });
    let (took, times) = (outcome?, times?);
    let frames = session.recorded.len() as i64;
    note(&format!(
        "set {times} times while {frames} frames were recorded in {:.1} ms",
        took as f64 / 1e6
    ));
    check!(times > 100, "set only {times} times");
    // A period more than what was read, at most.
    let expected = frames * 1_000_000_000 / i64::from(LONG.rate);
    check!(
        (took - expected).abs() <= 2 * LONG.period_ns(),
        "{frames} frames took {took} ns"
    );
    session.verify(Expect::Whole)
}
