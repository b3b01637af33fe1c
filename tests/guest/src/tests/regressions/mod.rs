// SPDX-License-Identifier: GPL-2.0

//! Bugs that were once found in the C driver, in the core, or by a reader of their sources: a test
//! for each that is not in another group already. `tests/guest/regressions` has the list of all,
//! and each name begins as it does there.
//!
//! They run only when asked for, on two processors or more, and never on the C driver, where some
//! crash the kernel. In the checker kernel they find more: a lock order, a use after free.

mod callbacks;
mod layout;
mod refusals;
mod sides;
mod stops;
mod timers;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::check;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::random::Random;
use support::turns::Alarm;

/// How long two calls are made to meet, round after round.
const LENGTH: Duration = Duration::from_secs(1);

/// How often they have to meet, and how much longer that may take.
const MEETINGS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub fn tests() -> Vec<Test> {
    [
        callbacks::tests(),
        sides::tests(),
        layout::tests(),
        refusals::tests(),
        stops::tests(),
        timers::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn test(name: &str, run: fn(&Context) -> Outcome) -> Test {
    Test::new("regressions", name, move |ctx| {
        if ctx.is_c_driver() {
            return Err(Fail::Skip("the C driver may crash the kernel".into()));
        }
        run(ctx)
    })
    .limit(60)
}

/// Calls of two threads, each on a processor of its own, that are made to meet.
///
/// Where the clock counts instructions, processors take turns. They meet nevertheless, and always
/// in the same ways: a turn ends where a timer expires, see [`support::turns`].
struct Meeting {
    random: Random,
    until: Instant,
    rounds: u64,
    /// Rounds in which each call began before the other had ended.
    met: u64,
    /// How long each call takes, in nanoseconds.
    took: [u64; 2],
}

impl Meeting {
    fn new(ctx: &Context) -> Result<Self, Fail> {
        // SAFETY: A plain question.
        let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        check!(
            cpus >= 2,
            "two calls need two processors to meet, there is {cpus}"
        );
        Ok(Meeting {
            random: Random::of(ctx.seed),
            until: Instant::now() + LENGTH,
            rounds: 0,
            met: 0,
            took: [0; 2],
        })
    }

    /// Until they have met often enough; a busy host lets two processors hardly run at a time.
    fn goes_on(&self) -> bool {
        self.goes_on_for(self.met)
    }

    /// Until `count` is large enough.
    fn goes_on_for(&self, count: u64) -> bool {
        let now = Instant::now();
        now < self.until || count < MEETINGS && now < self.until + PATIENCE
    }

    /// Makes both calls such that they meet in some way, if they take as long as before.
    fn round<A, B: Send>(
        &mut self,
        left: impl FnOnce() -> A,
        right: impl FnOnce() -> B + Send,
    ) -> Result<(A, B), Fail> {
        let [left_took, right_took] = self.took;
        let after = self.random.below(left_took + right_took + 1) as i64 - left_took as i64;
        self.round_after([after.max(0), (-after).max(0)], left, right)
    }

    /// Makes both calls at once.
    fn round_at_once<A, B: Send>(
        &mut self,
        left: impl FnOnce() -> A,
        right: impl FnOnce() -> B + Send,
    ) -> Result<(A, B), Fail> {
        self.round_after([0; 2], left, right)
    }

    /// Makes both calls, each so many nanoseconds after both threads are ready.
    fn round_after<A, B: Send>(
        &mut self,
        delays: [i64; 2],
        left: impl FnOnce() -> A,
        right: impl FnOnce() -> B + Send,
    ) -> Result<(A, B), Fail> {
        let (ready, set) = (AtomicU32::new(0), AtomicU32::new(0));
        let both = |count: &AtomicU32| {
            count.fetch_add(1, Ordering::AcqRel);
            while count.load(Ordering::Acquire) < 2 {
                // The other thread may not have come to its own processor yet.
                thread::yield_now();
                std::hint::spin_loop();
            }
        };
        let arrive = |cpu: usize| {
            let _ = pin(cpu);
            both(&ready);
            // Each has its alarm before the other can begin.
            let alarm = Alarm::after(delays[cpu]);
            both(&set);
            alarm.spin();
            // To take the alarm away takes time: afterwards.
            (now_ns(), alarm)
        };
        let (a, b, times) = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let (begun, _alarm) = arrive(1);
                let b = right();
                (b, [begun, now_ns()])
            });
            let (begun, _alarm) = arrive(0);
            let a = left();
            let ended = now_ns();
            let Ok((b, other)) = other.join() else {
                return Err(Fail::Wrong("the other thread panicked".into()));
            };
            Ok((a, b, [[begun, ended], other]))
        })?;
        let [[left_begun, left_ended], [right_begun, right_ended]] = times;
        self.rounds += 1;
        self.met += u64::from(left_begun.max(right_begun) < left_ended.min(right_ended));
        for (took, [begun, ended]) in self.took.iter_mut().zip(times) {
            // The host may have held one up for long.
            *took = (ended - begun).unsigned_abs().min(*took + *took / 4 + 1000);
        }
        Ok((a, b))
    }

    /// Says how many rounds there were. Calls that never met have tested nothing.
    fn report(&self) -> Outcome {
        note(&format!(
            "{} rounds, the calls met in {}",
            self.rounds, self.met
        ));
        check!(
            self.met >= MEETINGS,
            "the calls met in {} of {} rounds only",
            self.met,
            self.rounds
        );
        Ok(())
    }
}
