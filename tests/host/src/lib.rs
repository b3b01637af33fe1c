// SPDX-License-Identifier: GPL-2.0

//! Host tests of the driver's pure logic: no kernel, no emulator, a few seconds.
//!
//! The modules [`clock`], [`duty`], [`follow`], [`buffer`], [`settings`], [`source`], [`text`]
//! and [`units`] are the driver's own files, compiled here with overflow checks as in the kernel.
//! Each property is checked against an oracle that is written another way: 128-bit arithmetic from
//! the start of time instead of carried remainders, real buffers filled byte by byte instead of
//! spans.
//!
//! Start them with `tests/cargo test -p aloop-host-tests`, for more cases with
//! `PROPTEST_CASES=100000`. A failure is shrunk to a small input, printed, and kept in
//! `proptest-regressions/` to be tried first from then on.

#![cfg(test)]
#![forbid(unsafe_code)]

#[path = "../../../rust/aloop/buffer.rs"]
mod buffer;
#[path = "../../../rust/aloop/clock.rs"]
mod clock;
#[path = "../../../rust/aloop/duty.rs"]
mod duty;
#[path = "../../../rust/aloop/follow.rs"]
mod follow;
#[path = "../../../rust/aloop/settings.rs"]
mod settings;
#[path = "../../../rust/aloop/source.rs"]
mod source;
#[path = "../../../rust/aloop/text.rs"]
mod text;
#[path = "../../../rust/aloop/units.rs"]
mod units;

mod buffer_model;
mod buffer_queue;
mod buffer_silence;
mod buffer_spans;
mod clock_absolute;
mod clock_drift;
mod clock_nanos;
mod clock_shift;
mod clock_time;
mod duty_share;
mod follow_phase;
mod plain;
mod settings_text;
mod source_text;
mod times;
mod units_sums;
