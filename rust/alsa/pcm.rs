// SPDX-License-Identifier: GPL-2.0

//! PCM devices: streams of samples to and from an application.
//!
//! A driver implements [`Ops`] and hands it to [`UnregisteredCard::add_pcm`]. The core allocates
//! the buffer of each substream (it is *managed*), moves the samples between it and the
//! application, and keeps the state of the stream; the driver says where in the buffer it is.
//!
//! # Words
//!
//! - A *device* of a card has some *substreams* of each direction: places for open files. What an
//!   application has opened is a *stream*.
//! - A *frame* is a sample of each channel. A *period* is so many frames that the application is
//!   woken after them, and the *buffer* is some periods long and gone through again and again.
//! - An *xrun* is a playback that has no frame left, or a capture that has no room left.
//!
//! # The states of a stream
//!
//! Words in lower case are callbacks of the driver. `Start`, `Stop` and the like are the commands
//! ([`Trigger`]) that `trigger` gets.
//!
//! ```text
//!  open
//!   │
//!   ▼    hw_params         prepare            Start            Drain
//!  OPEN ───────────► SETUP ───────► PREPARED ───────► RUNNING ───────► DRAINING
//!   ▲                │   ▲                            │ ▲  │               │
//!   └─── hw_free ────┘   └───────── Stop ─────────────│─│──┴───────────────┘
//!                                                     │ │
//!                                  PausePush, Suspend │ │ PauseRelease, Resume
//!                                                     ▼ │
//!                                              PAUSED, SUSPENDED
//! ```
//!
//! - `pointer` and `period_timer` are for a stream that is RUNNING or DRAINING.
//! - A stream that is stopped for an xrun is in XRUN, where it can be prepared as in SETUP. One
//!   that is prepared can be prepared again, or get other parameters.
//! - A pause needs [`Info::Pause`]. A paused stream that is dropped or prepared gets `PauseRelease`
//!   first, and then `Stop`.
//! - Streams that run, or drain, are told of a suspend. A resume needs [`Info::Resume`]. Without
//!   it, or if the application so chooses, a suspended stream is prepared anew, with no `Stop`
//!   before.
//! - A drain plays what has been written, and is stopped then. `Drain` needs
//!   [`Info::DrainTrigger`]: otherwise the driver is told nothing before the stop. A drain of a
//!   playback that is PREPARED, with something written, sends `Start` first.
//! - The stream lock is held in `trigger` and `pointer`: the state does not change meanwhile.
//!
//! # Time
//!
//! Each open substream has a period timer. A driver whose device has no interrupt arms it for the
//! time at which a period ends, and returns [`Action::PeriodElapsed`] from `period_timer`.
//!
//! # Streams that depend on each other
//!
//! See [`Shared`].
//!
//! [`UnregisteredCard::add_pcm`]: crate::card::UnregisteredCard::add_pcm
//!
//! C header: [`include/sound/pcm.h`](srctree/include/sound/pcm.h)

mod buffer;
mod context;
mod glue;
mod hw;
mod ops;
mod params;
mod runtime;
mod shared;
mod substream;
mod timer;

pub use self::{
    buffer::{
        Buffer,
        Samples, //
    },
    context::{
        Expired,
        Opening,
        Preparing,
        Querying,
        Triggering, //
    },
    hw::{
        Format,
        Formats,
        Hardware,
        Info,
        InfoFlags,
        Limits, //
    },
    ops::{
        Action,
        AudioClock,
        AudioTime,
        Ops,
        Trigger, //
    },
    params::Params,
    runtime::{
        Pointers,
        State, //
    },
    shared::{
        RunningStream,
        RunningStreams,
        Shared,
        SharedGuard, //
    },
    substream::{
        Direction,
        StopState,
        Substream, //
    },
};

use crate::{
    bindings,
    card::{
        copy_name,
        UnregisteredCard, //
    },
};
use kernel::{
    error::to_result,
    prelude::*,
    types::ForeignOwnable, //
};

/// Describes a PCM device that is to be added to a card.
///
/// # Examples
///
/// ```
/// use alsa::{
///     card::UnregisteredCard,
///     pcm, //
/// };
///
/// /// Adds `hw:Mine,0`, which can be played to by four, and not recorded from.
/// fn add<T: pcm::Ops<Data = ()>>(card: &mut UnregisteredCard) -> Result {
///     let device = pcm::DeviceConfig {
///         id: c"Mine PCM",
///         name: c"Mine, at the window",
///         number: 0,
///         playback: 4,
///         capture: 0,
///         channels_max: None,
///     };
///     card.add_pcm::<T, _>(&device, ())
/// }
/// ```
pub struct DeviceConfig<'a> {
    /// The identifier, less than 64 bytes.
    pub id: &'a CStr,
    /// The name, which people see, less than 80 bytes. What is longer is cut.
    pub name: &'a CStr,
    /// The number of the device on its card.
    pub number: u32,
    /// The number of substreams for playback.
    pub playback: u32,
    /// The number of substreams for capture.
    pub capture: u32,
    /// The greatest number of channels, if that is less than [`Ops::HARDWARE`] has.
    pub channels_max: Option<u32>,
}

/// What belongs to a PCM device; its `private_data`.
///
/// # Invariants
///
/// `channels_max` is one of `T::HARDWARE.channels`.
#[pin_data]
struct Private<T: Ops> {
    #[pin]
    data: T::Data,
    /// The greatest number of channels of its streams.
    channels_max: u32,
    /// What the period timers of its streams share. (All of them are closed when this is dropped.)
    timers: timer::Context,
}

impl UnregisteredCard {
    /// Adds a PCM device, whose callbacks are those of `T`. `data` is a value, or an initialiser of
    /// one.
    ///
    /// May sleep.
    ///
    /// C: `snd_pcm_new()`, `snd_pcm_set_ops()`, `snd_pcm_set_managed_buffer_all()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if a number is too large, or `channels_max` none of [`Ops::HARDWARE`];
    /// `ENOMEM`; the error of the initialiser `data`. (That there is a device of that number shows
    /// when the card is registered.)
    pub fn add_pcm<T: Ops, E>(
        &mut self,
        device: &DeviceConfig<'_>,
        data: impl PinInit<T::Data, E>,
    ) -> Result
    where
        Error: From<E>,
    {
        let channels = T::HARDWARE.channels;
        let channels_max = device.channels_max.unwrap_or(*channels.end());
        if !channels.contains(&channels_max) {
            return Err(EINVAL);
        }
        let timers = timer::Context::new(self.number(), device.number)?;
        let private = KBox::pin_init::<Error>(
            try_pin_init!(Private::<T> {
                data <- data,
                // INVARIANT: That has just been checked.
                channels_max,
                timers,
            }),
            GFP_KERNEL,
        )?;
        let mut pcm = core::ptr::null_mut();
        // SAFETY: The card is valid, `id` a string that is copied, and `pcm` may be written.
        to_result(unsafe {
            bindings::snd_pcm_new(
                self.as_raw(),
                device.id.as_char_ptr(),
                c_int::try_from(device.number).map_err(|_| EINVAL)?,
                c_int::try_from(device.playback).map_err(|_| EINVAL)?,
                c_int::try_from(device.capture).map_err(|_| EINVAL)?,
                &mut pcm,
            )
        })?;

        // SAFETY: The device is new: nobody else uses it. The device's free function calls
        // `private_free`, also if nothing below succeeds.
        unsafe {
            copy_name(&mut (*pcm).name, device.name);
            (*pcm).private_data = private.into_foreign();
            (*pcm).private_free = Some(private_free::<T>);
            bindings::snd_pcm_classify_locks(pcm);
        }

        for direction in [
            bindings::SNDRV_PCM_STREAM_PLAYBACK,
            bindings::SNDRV_PCM_STREAM_CAPTURE,
        ] {
            // SAFETY: The device is valid and not registered.
            unsafe { bindings::snd_pcm_set_ops(pcm, direction as c_int, glue::Glue::<T>::ops()) };
        }
        // SAFETY: The device is valid and not registered; memory from vmalloc() needs no `device`.
        to_result(unsafe {
            bindings::snd_pcm_set_managed_buffer_all(
                pcm,
                bindings::SNDRV_DMA_TYPE_VMALLOC as c_int,
                core::ptr::null_mut(),
                0,
                0,
            )
        })
    }
}

/// # Safety
///
/// Called only by the core, as the last thing done to a device that `add_pcm` has made.
unsafe extern "C" fn private_free<T: Ops>(pcm: *mut bindings::snd_pcm) {
    // SAFETY: `add_pcm` stored the pointer, and the substreams, which borrow it, are closed.
    drop(unsafe { <Pin<KBox<Private<T>>> as ForeignOwnable>::from_foreign((*pcm).private_data) });
}

#[kunit_tests(alsa_pcm)]
mod tests {
    use super::*;

    /// Shared by two streams of which none runs.
    #[test]
    fn none_runs() -> Result {
        let shared = KBox::pin_init(Shared::<u32>::new(5), GFP_KERNEL)?;
        let mut guard = shared.lock();
        let (data, streams) = guard.split();
        *data += 1;
        for direction in [Direction::Playback, Direction::Capture] {
            assert!(streams.get(direction).is_none());
        }
        drop(guard);
        assert_eq!(*shared.lock(), 6);
        Ok(())
    }
}
