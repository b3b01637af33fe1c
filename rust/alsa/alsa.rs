// SPDX-License-Identifier: GPL-2.0

//! ALSA: sound cards, PCM streams and controls for drivers in Rust.
//!
//! The crate is the safe side of the ALSA core's interface for drivers. It knows nothing of any
//! one device. A driver built on it needs no `unsafe`, and handles no raw pointer and no C type:
//!
//! - [`card`]: a sound card, from its creation to its release.
//! - [`pcm`]: PCM devices, their hardware description, the callbacks of their substreams, the
//!   buffers that hold the sound, and the period timer.
//! - [`control`]: the elements that `amixer` shows.
//! - [`proc`]: text files in `/proc/asound/cardN/`.
//! - [`timer`]: the ticks of other sound devices.
//! - [`kext`]: kernel extensions, which are not of ALSA and which the `kernel` crate does not have:
//!   an interrupt-saving spinlock, arrays of module parameters, platform devices, and others.
//!
//! What a callback may do depends on the context in which the core calls it: whether it may sleep,
//! whether the stream lock is held. Each callback gets an object that stands for its context, and
//! a function that is legal in that context only is a method of that object.
//!
//! `Documentation/abstractions.rst` shows how to write a driver.
//!
//! C headers: [`include/sound/`](srctree/include/sound/)

/// What `pr_*!` puts in front of each message of this crate.
const __LOG_PREFIX: &[u8] = b"alsa\0";

mod bindings;

pub mod card;
pub mod control;
pub mod kext;
#[cfg(CONFIG_KUNIT = "y")]
mod layout;
pub mod pcm;
pub mod proc;
pub mod timer;

pub use self::kext::time;
