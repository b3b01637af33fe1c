// SPDX-License-Identifier: GPL-2.0

//! Races: calls from several threads that meet in the driver. They run only when asked for, on two
//! processors or more, and never on the C driver, where some of them crash the kernel.
//!
//! A race is lost in the kernel's log, which `qemu/run` watches, or by a thread that does not come
//! back, or by a cable that doesn't work afterwards. What each thread does is drawn from the seed
//! of `--seed`; when the threads meet is not. How often they did is counted: a race in which they
//! hardly ever met has tested nothing.

mod members;
mod settings;
mod sides;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::Cable;
use support::check;
use support::kernel::Errno;
use support::ktap::note;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::random::Random;

/// How long each race runs.
const RACE: Duration = Duration::from_secs(2);

/// How many calls at least have to come to their ends during one of another thread.
const MEETINGS: u64 = 100;

/// How long a thread may take for its last round. A drain, the longest call, ends within a second.
const GRACE: Duration = Duration::from_secs(10);

pub fn tests() -> Vec<Test> {
    [sides::tests(), members::tests(), settings::tests()]
        .into_iter()
        .flatten()
        .collect()
}

fn test(name: &str, run: fn(&Context) -> Outcome) -> Test {
    Test::new("races", name, run).limit(60)
}

/// What a thread of a race has.
pub struct Worker {
    pub random: Random,
    until: Instant,
    /// Calls that went through.
    done: u64,
    /// Calls of all threads that have ended, and how many had before the present one of this
    /// thread.
    ended: Arc<AtomicU64>,
    before: u64,
    /// Calls of this thread during which one of another ended.
    met: u64,
}

impl Worker {
    pub fn goes_on(&mut self) -> bool {
        self.before = self.ended.load(Ordering::Relaxed);
        Instant::now() < self.until
    }

    /// Spends some time that belongs to no call.
    pub fn spin(&mut self) {
        self.random.spin();
        self.before = self.ended.load(Ordering::Relaxed);
    }

    /// Counts a call that went through. One that came at the wrong moment has an error that says
    /// so: false. Every other error fails the race.
    pub fn tried<T>(&mut self, result: Result<T, Errno>) -> Result<bool, Fail> {
        match result {
            Ok(_) => {
                self.has_done(1);
                Ok(true)
            }
            Err(e) => {
                self.has_done(0);
                at_a_bad_moment(e).map(|()| false)
            }
        }
    }

    /// Counts what was done since it was last asked here: that many calls that went through.
    pub fn has_done(&mut self, calls: u64) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed);
        self.met += u64::from(ended != self.before);
        self.before = ended + 1;
        self.done += calls;
    }
}

/// Errors that a call may have because of what another thread did before.
fn at_a_bad_moment(e: Errno) -> Outcome {
    match e.code {
        libc::EBADFD | libc::EPIPE | libc::EBUSY | libc::EAGAIN | libc::EINVAL | libc::EIO => {
            Ok(())
        }
        _ => Err(Fail::Wrong(format!("{e} is no error of a bad moment"))),
    }
}

/// A thread's work: rounds, for as long as the worker goes on.
pub type Work<'a> = (
    &'static str,
    Box<dyn FnOnce(&mut Worker) -> Outcome + Send + 'a>,
);

/// Runs each work in a thread of its own and waits for all.
///
/// # Errors
///
/// An error of a thread, a thread that does not come back, or one whose calls never went through,
/// or calls that hardly ever met: that has tested nothing.
fn race(ctx: &Context, works: Vec<Work<'static>>) -> Outcome {
    race_for(ctx, RACE, works)
}

/// As [`race`], for as long as `length`.
pub fn race_for(ctx: &Context, length: Duration, works: Vec<Work<'static>>) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("the C driver may crash the kernel".into()));
    }
    // SAFETY: A plain question.
    let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    check!(cpus >= 2, "a race needs two processors, and there is one");
    let until = Instant::now() + length;
    let ended = Arc::new(AtomicU64::new(0));
    let (sender, receiver) = mpsc::channel();
    let mut running: Vec<&'static str> = Vec::new();
    for (number, (name, work)) in works.into_iter().enumerate() {
        let (sender, ended) = (sender.clone(), Arc::clone(&ended));
        let seed = ctx.seed.wrapping_add((number as u64) << 32);
        running.push(name);
        thread::spawn(move || {
            let mut worker = Worker {
                random: Random::of(seed),
                until,
                done: 0,
                ended,
                before: 0,
                met: 0,
            };
            // A panic drops the sender, and counts as a thread that did not come back.
            let outcome = work(&mut worker);
            let _ = sender.send((name, worker.done, worker.met, outcome));
        });
    }
    drop(sender);
    let mut idle = Vec::new();
    let mut meetings = 0;
    while !running.is_empty() {
        let left = (until + GRACE).saturating_duration_since(Instant::now());
        let Ok((name, done, met, outcome)) = receiver.recv_timeout(left) else {
            return Err(Fail::Wrong(format!("did not come back: {running:?}")));
        };
        running.retain(|&other| other != name);
        outcome.map_err(|e| match e {
            Fail::Wrong(text) => Fail::Wrong(format!("{name}: {text}")),
            other => other,
        })?;
        note(&format!(
            "{name}: {done} calls went through, during {met} another's ended"
        ));
        meetings += met;
        if done == 0 {
            idle.push(name);
        }
    }
    check!(idle.is_empty(), "never got a call through: {idle:?}");
    check!(meetings >= MEETINGS, "the calls met {meetings} times only");
    Ok(())
}

/// Afterwards each of `cables` is in order.
pub fn all_work(ctx: &Context, cables: &[Cable]) -> Outcome {
    for &cable in cables {
        unless_stalled(|| cable_works(ctx, cable))?;
    }
    Ok(())
}
