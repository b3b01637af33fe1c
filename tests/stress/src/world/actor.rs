// SPDX-License-Identifier: GPL-2.0

//! What each thread is: it makes its calls here, so that it is known what it waits in.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use support::config::Dir;
use support::kernel::now_ns;
use support::kernel::Errno;
use support::random::mix;
use support::random::Random;

use super::super::counts::Counts;
use super::super::kind::Kind;
use super::locked;
use super::Entry;
use super::Pending;
use super::World;
use super::Wrong;
use super::BEAT_MS;
use super::CALLS_KEPT;

/// An argument that a call does not have.
pub const NO_ARG: i64 = i64::MIN;

/// A thread that does things.
pub struct Actor {
    pub world: Arc<World>,
    pub number: usize,
    /// What this step draws from. It depends on the seed, the thread and the number of the step
    /// alone.
    pub random: Random,
    pub counts: Counts,
}

impl Actor {
    pub fn new(world: Arc<World>, number: usize) -> Self {
        Actor {
            world,
            number,
            random: Random::of(0),
            counts: Counts::default(),
        }
    }

    /// Begins the next step.
    pub fn step(&mut self) {
        self.counts.steps += 1;
        let stream = mix(self.world.seed ^ mix(self.number as u64));
        self.random = Random::of(mix(stream ^ self.counts.steps));
    }

    /// Leaves the processor to others for a while.
    pub fn pause(&mut self) {
        let us = 50 << self.random.below(8);
        std::thread::sleep(std::time::Duration::from_micros(us));
    }

    pub fn name(&self) -> &str {
        &self.world.desks[self.number].name
    }

    /// Makes a call, and remembers it. It may take `limit` milliseconds. `value` makes a number of
    /// what it returns.
    pub fn call<T>(
        &mut self,
        kind: Kind,
        args: [i64; 2],
        note: String,
        limit: u64,
        value: impl FnOnce(&T) -> i64,
        work: impl FnOnce() -> Result<T, Errno>,
    ) -> (Result<T, Errno>, i64) {
        let desk = &self.world.desks[self.number];
        let since = self.world.passed_since();
        let began = now_ns();
        {
            let journal = &mut locked(&desk.journal).0;
            if journal.len() == CALLS_KEPT {
                journal.pop_front();
            }
            journal.push_back(Entry {
                began,
                took: None,
                step: self.counts.steps,
                kind,
                args,
                note,
                result: Ok(0),
            });
        }
        *locked(&desk.pending) = Some(Pending {
            kind,
            since: since.clone(),
            beats: limit / BEAT_MS + 1,
        });
        let result = work();
        *locked(&desk.pending) = None;
        let shown = match &result {
            Ok(result) => Ok(value(result)),
            Err(e) => Err(e.code),
        };
        let took = now_ns() - began;
        if let Some(entry) = locked(&desk.journal).0.back_mut() {
            entry.took = Some(took);
            entry.result = shown;
        }
        let stood_still = self.world.stood_still(began);
        let count = self.counts.kinds.entry(kind).or_default();
        count.tried += 1;
        count.longest = count.longest.max(took);
        match shown {
            Ok(_) => {
                count.done += 1;
                self.world.done[kind as usize].store(true, Ordering::Relaxed);
            }
            Err(code) => *count.errors.entry(code).or_default() += 1,
        }
        (result, stood_still)
    }

    /// As `call`, for what returns at once and a value that tells nothing.
    pub fn plain<T>(
        &mut self,
        kind: Kind,
        args: [i64; 2],
        work: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.call(kind, args, String::new(), PLAIN_MS, |_| 0, work)
            .0
    }

    pub fn fail(&self, wrong: Wrong, text: &str) {
        let text = format!("{}: {text}", self.name());
        self.world
            .fail(wrong, &self.world.group_of(self.number), &text);
    }
}

/// How long a call may take that does not wait for frames, in milliseconds.
pub const PLAIN_MS: u64 = 20_000;

/// The number of the thread of a side.
pub fn thread_of(cable: usize, dir: Dir) -> usize {
    3 * cable + dir as usize
}
