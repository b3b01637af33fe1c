// SPDX-License-Identifier: GPL-2.0

//! Unit tests that run in the kernel, when the module is loaded and the kernel has
//! `CONFIG_KUNIT=y`.
//!
//! The arithmetic of `clock`, `buffer` and `source` is tested at length on the host; what stands
//! here is to show that it is the same when compiled for the kernel. `cable` knows kernel types,
//! and is tested here alone: its state is driven without a stream that runs.

mod buffer;
mod cable;
mod clock;
mod source;
