// SPDX-License-Identifier: GPL-2.0

//! What the programs that run in the guest share: `aloop-test`, which tests one rule of the card's
//! behaviour after the other, and `aloop-stress`, which does everything at once.

pub mod bits32;
pub mod cable;
pub mod config;
pub mod control;
pub mod kernel;
pub mod ktap;
pub mod pcm;
pub mod random;
pub mod shared;
pub mod signal;
pub mod stamp;
pub mod stress;
pub mod tests;
pub mod timer;
pub mod trace;
pub mod turns;
