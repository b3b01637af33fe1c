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
//! To write a driver:
//!
//! 1. Implement [`pcm::Ops`] for a type: the callbacks of a PCM device.
//! 2. Make an [`UnregisteredCard`](card::UnregisteredCard).
//! 3. Add devices ([`add_pcm`](card::UnregisteredCard::add_pcm)), and controls and text files if
//!    there are to be any.
//! 4. [Register](card::UnregisteredCard::register) the card, and keep the
//!    [`Registration`](card::Registration): applications see the card until it is dropped.
//!
//! What a callback may do depends on the context in which the core calls it: whether it may sleep,
//! whether the stream lock is held. Each callback gets an object that stands for its context, and
//! a function that is legal in that context only is a method of that object.
//!
//! `Documentation/abstractions.rst` shows how to write a driver.
//!
//! C headers: [`include/sound/`](srctree/include/sound/)
//!
//! # Examples
//!
//! A card that throws away what is played, a period each 10 ms:
//!
//! ```
//! use alsa::{
//!     card::{
//!         Index,
//!         Registration,
//!         UnregisteredCard, //
//!     },
//!     kext::lock::SpinLockIrqSave,
//!     new_spinlock_irqsave,
//!     pcm,
//!     time::Ktime, //
//! };
//! use kernel::device;
//!
//! /// What the lock of a stream protects.
//! #[derive(Default)]
//! struct State {
//!     runs: bool,
//!     period: u32,
//!     buffer: u32,
//!     position: u32,
//! }
//!
//! /// An open substream.
//! #[pin_data]
//! struct Sink {
//!     #[pin]
//!     state: SpinLockIrqSave<State>,
//! }
//!
//! /// The end of a period that begins at a time.
//! fn end(begin: Ktime) -> Ktime {
//!     Ktime::from_nanos(begin.as_nanos().saturating_add(10_000_000))
//! }
//!
//! #[vtable]
//! impl pcm::Ops for Sink {
//!     type Data = ();
//!     type Stream = Self;
//!
//!     const HARDWARE: pcm::Hardware = pcm::Hardware {
//!         info: pcm::InfoFlags::of(&[pcm::Info::Mmap, pcm::Info::Interleaved]),
//!         formats: pcm::Formats::of(&[pcm::Format::S16_LE]),
//!         rates: 8000..=48000,
//!         channels: 1..=2,
//!         buffer_bytes_max: 64 * 1024,
//!         period_bytes: 64..=16 * 1024,
//!         periods: 2..=1024,
//!     };
//!
//!     fn open(_data: &(), substream: &mut pcm::Opening<'_>) -> impl PinInit<Self, Error> {
//!         try_pin_init!(Self {
//!             // Code in its place among the fields: its error is that of the open.
//!             _: { substream.constrain_periods_to_integer()? },
//!             state <- new_spinlock_irqsave!(State::default()),
//!         })
//!     }
//!
//!     fn prepare(stream: &Self, substream: &pcm::Preparing<'_>) -> Result {
//!         let params = substream.params();
//!         *stream.state.lock() = State {
//!             period: params.period_size,
//!             buffer: params.buffer_size,
//!             ..State::default()
//!         };
//!         Ok(())
//!     }
//!
//!     fn trigger(
//!         stream: &Self,
//!         substream: &pcm::Triggering<'_>,
//!         command: pcm::Trigger,
//!     ) -> Result {
//!         let mut state = stream.state.lock();
//!         state.runs = command.starts();
//!         if state.runs {
//!             substream.arm_timer(end(substream.time()));
//!         }
//!         Ok(())
//!     }
//!
//!     fn pointer(stream: &Self, _substream: &pcm::Querying<'_>) -> Option<u32> {
//!         Some(stream.state.lock().position)
//!     }
//!
//!     fn period_timer(stream: &Self, _substream: &pcm::Expired<'_>) -> pcm::Action {
//!         let mut state = stream.state.lock();
//!         if !state.runs {
//!             return pcm::Action::None;
//!         }
//!         let position = state.position.wrapping_add(state.period);
//!         state.position = position.checked_rem(state.buffer).unwrap_or(0);
//!         pcm::Action::PeriodElapsed
//!     }
//!
//!     fn rearm(stream: &Self, substream: &pcm::Expired<'_>) {
//!         // The core may have stopped the stream at the end of that period. `trigger` takes the
//!         // same lock, so that no timer is armed behind a stop.
//!         let state = stream.state.lock();
//!         if state.runs {
//!             substream.arm_timer(end(Ktime::now()));
//!         }
//!     }
//! }
//!
//! /// Makes the card, as the `probe` of a driver does.
//! fn probe(parent: &device::Device<device::Bound>, module: &ThisModule) -> Result<Registration> {
//!     let mut card = UnregisteredCard::new(parent, Index::Any, Some(c"Sink"), module)?;
//!     let device = pcm::DeviceConfig {
//!         id: c"Sink PCM",
//!         name: c"Sink",
//!         number: 0,
//!         playback: 1,
//!         capture: 0,
//!         channels_max: None,
//!     };
//!     card.add_pcm::<Sink, _>(&device, ())?;
//!     card.register()
//! }
//! ```

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
