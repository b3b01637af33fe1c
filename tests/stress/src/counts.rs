// SPDX-License-Identifier: GPL-2.0

//! How often what was done.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::kind::KINDS;

/// Calls of one kind.
#[derive(Clone, Default)]
pub struct Count {
    pub tried: u64,
    pub done: u64,
    /// How long one took at most, in nanoseconds.
    pub longest: i64,
    /// How often each error came.
    pub errors: BTreeMap<i32, u64>,
}

/// What has been done.
#[derive(Clone, Default)]
pub struct Counts {
    pub kinds: BTreeMap<Kind, Count>,
    /// Frames heard and judged, silent ones, and those that could not be judged.
    pub sound: u64,
    pub silence: u64,
    pub unjudged: u64,
    pub steps: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        for (&kind, count) in &other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            sum.tried += count.tried;
            sum.done += count.done;
            sum.longest = sum.longest.max(count.longest);
            for (&code, times) in &count.errors {
                *sum.errors.entry(code).or_default() += times;
            }
        }
        self.sound += other.sound;
        self.silence += other.silence;
        self.unjudged += other.unjudged;
        self.steps += other.steps;
    }

    /// Kinds that were never done.
    pub fn never_done(&self, but: &[Kind]) -> Vec<&'static str> {
        KINDS
            .iter()
            .filter(|kind| !but.contains(kind))
            .filter(|kind| self.kinds.get(kind).is_none_or(|count| count.done == 0))
            .map(|kind| kind.name())
            .collect()
    }
}
