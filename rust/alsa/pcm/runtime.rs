// SPDX-License-Identifier: GPL-2.0

//! The core's record of an open substream: what others may change at any time.
//!
//! C header: [`include/sound/pcm.h`](srctree/include/sound/pcm.h)

use crate::bindings;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic, //
    },
    types::Opaque, //
};

/// The state of a stream.
///
/// C: `snd_pcm_state_t`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     RunningStream,
///     State, //
/// };
///
/// fn plays_its_last_frames(stream: &RunningStream<'_>) -> bool {
///     stream.state() == State::Draining
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Prepared, and not started.
    Prepared,
    /// Running.
    Running,
    /// Playing what is left.
    Draining,
    /// Any other: the stream does not run.
    Idle,
}

impl State {
    pub(super) fn from_raw(state: bindings::snd_pcm_state_t) -> Self {
        match state {
            bindings::SNDRV_PCM_STATE_PREPARED => Self::Prepared,
            bindings::SNDRV_PCM_STATE_RUNNING => Self::Running,
            bindings::SNDRV_PCM_STATE_DRAINING => Self::Draining,
            _ => Self::Idle,
        }
    }
}

/// Positions of a stream, in frames, counted modulo `boundary`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Pointers;
///
/// /// How many frames the application has written that have not been played.
/// fn queued(pointers: &Pointers) -> Option<u64> {
///     pointers
///         .appl_ptr
///         .wrapping_add(pointers.boundary)
///         .wrapping_sub(pointers.hw_ptr)
///         .checked_rem(pointers.boundary)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pointers {
    /// The position of the device as the core knows it.
    pub hw_ptr: u64,
    /// The position of the application. User space can write it: it may have *any* value. Samples
    /// up to there that are read afterwards are those that it stands for, as far as whoever moved
    /// it has written them before.
    pub appl_ptr: u64,
    /// Where the positions start anew: a multiple of the buffer's length. (That of a 32-bit program
    /// is set after HW_PARAMS: should another thread start the stream before, it may change.)
    pub boundary: u64,
}

/// The runtime of a substream, read without its stream lock.
///
/// C: `struct snd_pcm_runtime`.
///
/// # Invariants
///
/// The runtime is that of an open substream: it has a status page and a control page.
#[repr(transparent)]
pub(crate) struct Runtime(Opaque<bindings::snd_pcm_runtime>);

/// Reads what others may write meanwhile, once and as a whole.
///
/// An [`Atomic`] would do so too, by a call for each; there are some dozen of them for a wake-up.
///
/// C: `READ_ONCE()`.
///
/// # Safety
///
/// `place` must be valid, and whoever writes it do so as a whole.
#[inline]
unsafe fn read_once<T: Copy>(place: *const T) -> T {
    // SAFETY: By the caller's promise.
    unsafe { place.read_volatile() }
}

impl Runtime {
    /// Makes a reference from the core's pointer.
    ///
    /// # Safety
    ///
    /// `ptr` must be the runtime of a substream that stays open for `'a`.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::snd_pcm_runtime) -> &'a Self {
        // CAST: `Self` is transparent over the C struct.
        // INVARIANT: By the caller's promise.
        // SAFETY: `ptr` is valid for `'a`, as the caller promises.
        unsafe { &*ptr.cast() }
    }

    /// Returns the state of the stream.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // SAFETY: The runtime is valid, by the type invariant, and the core writes the state as a
        // whole.
        State::from_raw(unsafe { read_once(&raw const (*self.0.get()).state) })
    }

    /// Returns the position of the application, in frames.
    ///
    /// What is read afterwards, samples or positions, is not older than that.
    ///
    /// That the samples are written before it is up to the writer: an application with a mapped
    /// buffer needs a barrier of its own, and the core, in a write, has no more than the stream
    /// lock that it takes in between.
    #[inline]
    fn appl_ptr(&self) -> u64 {
        // SAFETY: The runtime has a control page, by the type invariant.
        let place = unsafe { &raw mut (*(*self.0.get()).control).appl_ptr };
        // SAFETY: The page stays as long as the runtime; a torn value of user space's is a value
        // like any.
        unsafe { Atomic::from_ptr(place) }.load(Acquire) as u64
    }

    /// Returns where the core and the application are.
    #[inline]
    pub(crate) fn pointers(&self) -> Pointers {
        let runtime = self.0.get();
        // In this order: what the application has written is at least as much as it had written
        // when the device was at `hw_ptr`, or before.
        let appl_ptr = self.appl_ptr();
        // SAFETY: The runtime has a status page, by the type invariant, and the core writes these
        // as a whole. (snd_pcm_ioctl_hw_params_compat() writes the boundary without a lock, when
        // the stream may run.)
        let (hw_ptr, boundary) = unsafe {
            (
                read_once(&raw const (*(*runtime).status).hw_ptr),
                read_once(&raw const (*runtime).boundary),
            )
        };
        Pointers {
            appl_ptr,
            hw_ptr: hw_ptr as u64,
            boundary: boundary as u64,
        }
    }

    /// Returns how many frames the application must lag behind for the core to stop the stream.
    #[inline]
    pub(crate) fn stop_threshold(&self) -> u64 {
        // SAFETY: The runtime is valid, by the type invariant, and the core writes the field as a
        // whole.
        unsafe { read_once(&raw const (*self.0.get()).stop_threshold) as u64 }
    }

    /// Returns whether a read or a write waits, or will do so if it may.
    #[inline]
    pub(crate) fn is_transfer_waiting(&self) -> bool {
        // SAFETY: The runtime is valid, by the type invariant, and the core writes the field as a
        // whole.
        unsafe { read_once(&raw const (*self.0.get()).twake) != 0 }
    }

    /// Returns how many frames must be available for the end of a period to wake those who wait; 0
    /// if somebody wants to know of the end itself: by a signal, or because the core silences what
    /// has been played then.
    #[inline]
    pub(crate) fn wakeup_frames(&self) -> u64 {
        let runtime = self.0.get();
        // SAFETY: The runtime is valid, and has a control page, by the type invariant; the core
        // writes each of these as a whole. Without the lock: it is right most of the time, and
        // nothing is lost if not.
        unsafe {
            if !read_once(&raw const (*runtime).fasync).is_null()
                || read_once(&raw const (*runtime).silence_size) > 0
            {
                return 0;
            }
            // As snd_pcm_update_state() does.
            match read_once(&raw const (*runtime).twake) {
                0 => read_once(&raw const (*(*runtime).control).avail_min) as u64,
                twake => twake as u64,
            }
        }
    }
}

#[kunit_tests(alsa_pcm_runtime)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        // OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED, SUSPENDED, DISCONNECTED.
        for (raw, state) in (0..).zip([
            State::Idle,
            State::Idle,
            State::Prepared,
            State::Running,
            State::Idle,
            State::Draining,
            State::Idle,
            State::Idle,
            State::Idle,
        ]) {
            assert!(State::from_raw(raw) == state);
        }
    }
}
