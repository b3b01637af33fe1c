// SPDX-License-Identifier: GPL-2.0

//! What the programs of the tests share: `aloop-test`, which tests one rule of the card's behaviour
//! after the other, `aloop-stress`, which does everything at once, `aloop-fuzz` and `aloop-bench`.
//!
//! A card is spoken to as its clients do: [`pcm`] and [`timer`] make the kernel's calls ([`kernel`]
//! has their numbers and structures, [`bits32`] those of programs of 32 bits, [`shared`] the pages
//! that it shares with a client), [`control`] goes by alsa-lib. On these stand a stream's
//! configuration ([`config`]), what is played and what has to be heard of it ([`signal`]), the
//! cable between two streams ([`cable`]) and its control elements ([`elements`]). [`ktap`] runs
//! tests and reports.

pub mod bits32;
pub mod cable;
pub mod config;
pub mod control;
pub mod elements;
pub mod kernel;
pub mod ktap;
pub mod machine;
pub mod pcm;
pub mod random;
pub mod shared;
pub mod signal;
pub mod stamp;
pub mod timer;
pub mod trace;
pub mod turns;
