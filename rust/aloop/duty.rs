// SPDX-License-Identifier: GPL-2.0

//! How much of the time the callbacks of one stream's period timer may take.
//!
//! A period can be as short as a microsecond, and thousands can watch one stream, all of whom the
//! callback wakes, with interrupts off. No process is charged with that. So a callback is followed by a
//! rest of three times as long as callbacks usually take: those of a stream take a quarter of the time.
//! Periods that end meanwhile are told of at the end of the rest, together.
//!
//! A virtual machine may stand still for long in a callback, and that shall not be held against the
//! stream: one that takes far longer than usual is forgiven, if such take a hundredth of the time at most.
//!
//! It is pure arithmetic: it reads no time by itself and knows no kernel type, so host tests compile this
//! very file. All times are in nanoseconds, and saturate.

use core::cmp::min;

/// How many times as long as callbacks usually take a stream rests after one.
const REST: u64 = 3;

/// Of how many callbacks, about, the usual length is a mean.
const SMOOTH: u64 = 8;

/// How much more than twice the usual a callback has to take to be forgiven.
const JUMP: u64 = 80_000;

/// How many times as long as a callback that is forgiven the last such has to lie back.
const RARE: u64 = 100;

/// What a callback is taken to last at most.
const LONGEST: u64 = 100_000_000;

/// What is known of the callbacks of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Duty {
    /// How long they usually take.
    usual: u64,
    /// The time at which the last that was forgiven has ended.
    forgiven_at: u64,
}

impl Duty {
    /// Nothing is known.
    pub(crate) const NEW: Self = Self {
        usual: 0,
        forgiven_at: 0,
    };

    /// Notes a callback that has taken from `begun` to `ended`. Returns the time before which the next one
    /// is not to begin.
    pub(crate) fn rest(&mut self, begun: u64, ended: u64) -> u64 {
        let length = ended.saturating_sub(begun);
        let is_long = length > self.usual.saturating_mul(2).saturating_add(JUMP);
        let is_rare = ended.saturating_sub(self.forgiven_at) / RARE >= length;
        if is_long && is_rare {
            self.forgiven_at = ended;
        } else {
            self.usual = self
                .usual
                .saturating_sub(self.usual / SMOOTH)
                .saturating_add(min(length, LONGEST) / SMOOTH);
        }
        ended.saturating_add(self.usual.saturating_mul(REST))
    }
}
