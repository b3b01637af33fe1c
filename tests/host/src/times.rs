// SPDX-License-Identifier: GPL-2.0

//! Inputs and arithmetic that the clock's tests share.

use crate::clock::SHIFT_MAX;
use crate::clock::SHIFT_MIN;
use crate::clock::SHIFT_NOMINAL;
use proptest::prelude::*;

/// ALSA's rates within the driver's range, and some that no power of ten or two divides.
pub(crate) const RATES: [u32; 24] = [
    8000, 8001, 11025, 12000, 16000, 22050, 24000, 31999, 32000, 37800, 44056, 44100, 47952, 48000,
    48001, 64000, 88200, 96000, 128000, 176400, 192000, 352800, 384000, 768000,
];

/// A rate within the driver's range, in Hz.
pub(crate) fn rate() -> impl Strategy<Value = u32> {
    prop_oneof![
        proptest::sample::select(&RATES[..]),
        8_000_u32..=768_000,
        Just(767_999_u32),
    ]
}

/// A valid rate shift, the ends and the middle more often.
pub(crate) fn shift() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(SHIFT_MIN),
        Just(SHIFT_NOMINAL),
        Just(SHIFT_MAX),
        SHIFT_MIN..=SHIFT_MAX,
    ]
}

/// A step in time, in ns: none, a busy reader's, a period's, a stall of minutes or hours.
pub(crate) fn step() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0_u64),
        3 => 1_u64..100_000,
        3 => 100_000_u64..1_000_000_000,
        1 => 1_000_000_000_u64..600_000_000_000,
        1 => 600_000_000_000_u64..30_000_000_000_000,
    ]
}

/// Any 64-bit number, small ones, powers of two and the ends more often.
pub(crate) fn wild() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0_u64..10_000,
        (0_u32..64).prop_map(|bit| 1_u64 << bit),
        (0_u64..10_000).prop_map(|n| u64::MAX - n),
    ]
}

/// The nanoseconds in which `rate` frames go by at the rate shift `shift`: 1 s at nominal speed.
pub(crate) fn den(shift: u32) -> u128 {
    u128::from(shift) * 1_000_000_000 / u128::from(SHIFT_NOMINAL)
}

/// The whole frames in `ns` nanoseconds, in one division from the start of time.
pub(crate) fn frames_in(ns: u128, rate: u32, shift: u32) -> u128 {
    ns * u128::from(rate) / den(shift)
}

/// One frame in the fixed point of [`Position`].
pub(crate) const FRAME: u128 = 1 << 64;

/// The most that one change of shift may delay the clock: 1/800 000 000 of a frame.
pub(crate) const LOSS: u128 = FRAME / 800_000_000 + 1;

/// A position summed up piece by piece, in 2^-64 of a frame.
#[derive(Default)]
pub(crate) struct Position {
    /// Rounded down once per piece.
    pub(crate) fixed: u128,
    pub(crate) pieces: u128,
}

impl Position {
    pub(crate) fn add(&mut self, ns: u64, rate: u32, shift: u32) {
        let num = u128::from(ns) * u128::from(rate);
        self.fixed += num / den(shift) * FRAME + num % den(shift) * FRAME / den(shift);
        self.pieces += 1;
    }
}
