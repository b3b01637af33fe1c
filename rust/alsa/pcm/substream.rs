// SPDX-License-Identifier: GPL-2.0

//! A substream, and its lock.
//!
//! C header: [`include/sound/pcm.h`](srctree/include/sound/pcm.h)

use super::{
    params::{
        is_interleaved,
        is_mapped, //
    },
    runtime::Runtime,
    Format,
    Params,
    State, //
};
use crate::{
    bindings,
    kext::time::Ktime, //
};
use core::ops::{
    Deref,
    RangeInclusive, //
};
use kernel::{
    fs::file::flags::O_NONBLOCK,
    interop::list::clist_create,
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// The direction of a stream.
///
/// C: `SNDRV_PCM_STREAM_*`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Direction;
///
/// assert_eq!(Direction::Playback.opposite(), Direction::Capture);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the application to the device.
    Playback,
    /// From the device to the application.
    Capture,
}

impl Direction {
    /// Returns the other one.
    pub fn opposite(self) -> Self {
        match self {
            Self::Playback => Self::Capture,
            Self::Capture => Self::Playback,
        }
    }
}

/// A substream that is open, or being opened.
///
/// C: `struct snd_pcm_substream`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Direction,
///     Substream, //
/// };
///
/// /// The place of a substream in a list of all, captures behind playbacks.
/// fn place(substream: &Substream, playbacks: usize) -> usize {
///     match substream.direction() {
///         Direction::Playback => substream.number(),
///         Direction::Capture => playbacks.saturating_add(substream.number()),
///     }
/// }
/// ```
///
/// # Invariants
///
/// The substream is attached: it has a runtime.
#[repr(transparent)]
pub struct Substream(Opaque<bindings::snd_pcm_substream>);

impl Substream {
    /// Makes a reference from what a callback got.
    ///
    /// # Safety
    ///
    /// `ptr` must be a substream that is valid and has a runtime for `'a`.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::snd_pcm_substream) -> &'a Self {
        // CAST: `Self` is transparent over the C struct.
        // INVARIANT: By the caller's promise.
        // SAFETY: `ptr` is valid for `'a`, as the caller promises.
        unsafe { &*ptr.cast() }
    }

    #[inline]
    pub(crate) fn as_raw(&self) -> *mut bindings::snd_pcm_substream {
        self.0.get()
    }

    #[inline]
    pub(crate) fn runtime(&self) -> *mut bindings::snd_pcm_runtime {
        // SAFETY: The substream is valid; its runtime does not change while it is open.
        unsafe { (*self.as_raw()).runtime }
    }

    /// Returns the part of the runtime that may change at any time.
    #[inline]
    fn record(&self) -> &Runtime {
        // SAFETY: The substream is open as long as `self`, by the type invariant.
        unsafe { Runtime::from_raw(self.runtime()) }
    }

    /// Returns whether the stream runs, or plays the rest of a drain.
    ///
    /// C: `snd_pcm_running()`.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        match self.record().state() {
            State::Running => true,
            State::Draining => self.direction() == Direction::Playback,
            State::Prepared | State::Idle => false,
        }
    }

    /// Returns whether a stream that is suspended ran before: it goes on with RESUME.
    ///
    /// C: the condition of `snd_pcm_do_resume()`.
    ///
    /// # Safety
    ///
    /// The stream lock must be held.
    pub(crate) unsafe fn ran_before_suspend(&self) -> bool {
        // SAFETY: The substream has a runtime, by the type invariant, and the stream lock, which is
        // held, protects the field.
        match State::from_raw(unsafe { (*self.runtime()).suspended_state }) {
            State::Running => true,
            State::Draining => self.direction() == Direction::Playback,
            State::Prepared | State::Idle => false,
        }
    }

    /// Returns whether it is a playback that is used by way of the emulation of OSS.
    ///
    /// Its close plays what is left, and that can be the close of a process that exits, which
    /// nothing interrupts: it must not wait for what may never come.
    ///
    /// C: `substream->oss.oss`.
    pub fn plays_by_oss(&self) -> bool {
        self.direction() == Direction::Playback
            // SAFETY: The substream is valid; the core sets the field before the parameters of a
            // stream.
            && unsafe { bindings::snd_pcm_is_oss(self.as_raw()) }
    }

    /// Returns whether a read or a write is at work that may wait.
    #[inline]
    pub(crate) fn may_wait(&self) -> bool {
        // SAFETY: The substream is valid. The flags are those of the file, which `fcntl()` may
        // change at any time: they are copied at each read and write, as a whole.
        let flags = unsafe { (&raw const (*self.as_raw()).f_flags).read_volatile() };
        self.record().is_transfer_waiting() && flags & O_NONBLOCK == 0
    }

    /// Returns whether the callbacks of both substreams are the same: those of one driver's device.
    ///
    /// Two types of drivers have them in common if the compiler merges what is equal. Then the code
    /// of `trigger` is equal too, and what it looks at in a stream is in the same place.
    pub(crate) fn has_callbacks_of(&self, other: &Self) -> bool {
        // SAFETY: Both are valid; the field does not change once the device is registered.
        unsafe { (*self.as_raw()).ops == (*other.as_raw()).ops }
    }

    /// Returns the substreams that are linked with this one, which the core starts, pauses and
    /// stops together: this one among them, in the order in which the core comes to them.
    ///
    /// C: `snd_pcm_group_for_each_entry()`.
    ///
    /// # Safety
    ///
    /// The group that the substream belongs to must be locked, as it is in a trigger, until neither
    /// the iterator nor anything that it has returned is used any more.
    pub(crate) unsafe fn linked(&self) -> impl Iterator<Item = &Self> {
        // SAFETY: The substream is valid, and so is the group that it is in, be it one for itself.
        let head = unsafe { &raw mut (*(*self.as_raw()).group).substreams };
        // SAFETY: The list is initialised. By the caller's promise it does not change meanwhile.
        // What is in it are substreams, by their `link_list`, which are open and so have a runtime:
        // `Self` is transparent over them, and its invariant holds.
        unsafe { clist_create!(head, Self, bindings::snd_pcm_substream, link_list) }.iter()
    }

    /// Takes the stream lock.
    ///
    /// C: `snd_pcm_stream_lock_irqsave()`.
    #[inline]
    pub(crate) fn lock(&self) -> StreamLock<'_> {
        // INVARIANT: The lock is taken here.
        StreamLock {
            substream: self,
            // SAFETY: The substream is valid.
            flags: unsafe { bindings::_snd_pcm_stream_lock_irqsave(self.as_raw()) },
            _not_send: NotThreadSafe,
        }
    }

    /// Returns whether HW_PARAMS, HW_FREE, PREPARE or RESET is at work on the buffer.
    pub(crate) fn is_buffer_locked(&self) -> bool {
        // SAFETY: The substream has a runtime, by the type invariant.
        unsafe { bindings::snd_pcm_buffer_locked(self.as_raw()) }
    }

    /// Brings the stream into a state in which the core leaves its buffer alone, and waits for a
    /// callback that runs with the stream lock held.
    ///
    /// If the buffer is `freed`, the core fills in no silence either. No lock may be held.
    pub(crate) fn withdraw(&self, freed: bool) {
        // SAFETY: The substream has a runtime, by the type invariant.
        unsafe { bindings::snd_pcm_withdraw(self.as_raw(), freed) };
    }

    /// Has the core ask for [`sync_stop`] before whatever may follow.
    ///
    /// [`sync_stop`]: bindings::snd_pcm_ops::sync_stop
    pub(crate) fn request_sync_stop(&self) {
        // SAFETY: The runtime is valid. The core sets the flag and clears it before it calls
        // `sync_stop`, as a whole.
        unsafe { (&raw mut (*self.runtime()).stop_operating).write_volatile(true) };
    }

    /// Returns the direction of the stream.
    #[inline]
    pub fn direction(&self) -> Direction {
        // SAFETY: The substream is valid; the field never changes.
        if unsafe { (*self.as_raw()).stream } == bindings::SNDRV_PCM_STREAM_CAPTURE as c_int {
            Direction::Capture
        } else {
            Direction::Playback
        }
    }

    /// Returns the number of the substream among those of its direction, from 0.
    pub fn number(&self) -> usize {
        // SAFETY: The substream is valid; the field never changes.
        usize::try_from(unsafe { (*self.as_raw()).number }).unwrap_or(0)
    }

    /// Returns the numbers of channels that the stream can have.
    pub(crate) fn channels(&self) -> RangeInclusive<u32> {
        // SAFETY: The runtime is valid. Its hardware description does not change once the substream
        // has been opened.
        let hw = unsafe { &(*self.runtime()).hw };
        hw.channels_min..=hw.channels_max
    }

    /// Returns what the stream is set to.
    ///
    /// # Safety
    ///
    /// Nothing may set the parameters of the substream meanwhile.
    #[inline]
    pub(super) unsafe fn params(&self) -> Params {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid. Its parameters stay as they are, by the caller's promise,
        // and there is no reference to the whole, of which C may write other parts meanwhile.
        let (format, access, rate, channels, period_size, buffer_size, no_wakeup) = unsafe {
            (
                (*runtime).format,
                (*runtime).access,
                (*runtime).rate,
                (*runtime).channels,
                (*runtime).period_size,
                (*runtime).buffer_size,
                bindings::snd_pcm_runtime::no_period_wakeup_raw(runtime),
            )
        };
        Params {
            format: Format::from_raw(format),
            rate,
            channels,
            interleaved: is_interleaved(access),
            mapped: is_mapped(access),
            // A buffer has less than 2^32 bytes, let alone frames: the core bounds it by an `int`.
            period_size: u32::try_from(period_size).unwrap_or(u32::MAX),
            buffer_size: u32::try_from(buffer_size).unwrap_or(u32::MAX),
            period_wakeups: no_wakeup == 0,
        }
    }

    /// Returns a time in the clock that the application wants timestamps in.
    ///
    /// C: `snd_pcm_gettime()`, for another time than the present.
    pub(crate) fn timestamp(&self, time: Ktime) -> bindings::timespec64 {
        // SAFETY: The runtime is valid. `SNDRV_PCM_IOCTL_TTSTAMP` may change the field at any time:
        // it is a number, and read once.
        let clock = unsafe { (&raw const (*self.runtime()).tstamp_type).read_volatile() };
        match u32::try_from(clock) {
            Ok(bindings::SNDRV_PCM_TSTAMP_TYPE_MONOTONIC) => time.to_timespec(),
            Ok(bindings::SNDRV_PCM_TSTAMP_TYPE_MONOTONIC_RAW) => time.to_raw_timespec(),
            _ => time.to_real_timespec(),
        }
    }
}

/// Reports that an audio timestamp is the position itself, of unknown accuracy.
pub(crate) fn report_no_clock(report: &mut bindings::snd_pcm_audio_tstamp_report) {
    report.set_actual_type(bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_DEFAULT);
    report.set_accuracy_report(0);
    report.accuracy = 0;
}

/// The state in which a stream is left that the driver stops.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Action,
///     Direction,
///     StopState, //
/// };
///
/// /// What is to be done with a stream whose other side has gone.
/// fn end(direction: Direction) -> Action {
///     Action::Stop(match direction {
///         Direction::Playback => StopState::Setup,
///         Direction::Capture => StopState::Draining,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopState {
    /// The application must prepare the stream before it goes on.
    Setup,
    /// As after an xrun.
    Xrun,
    /// For a capture: no more will come, and a reader that waits gets what there is. A playback in
    /// this state would count as running, and a stop concerns all linked substreams alike (unless
    /// one of them has no parameters): if one of them is a playback, this is [`StopState::Setup`].
    Draining,
}

/// The stream lock of a substream, held.
///
/// # Invariants
///
/// The lock is held, and `flags` are from when it was taken.
pub(crate) struct StreamLock<'a> {
    substream: &'a Substream,
    flags: c_ulong,
    _not_send: NotThreadSafe,
}

impl StreamLock<'_> {
    /// Stops the stream, and those that it is linked with, if it runs.
    ///
    /// The lock may be released and taken again meanwhile.
    ///
    /// C: `snd_pcm_stop()`.
    pub(crate) fn stop(&self, state: StopState) {
        let substream = self.substream;
        if !substream.is_running() {
            return;
        }
        let plays = || {
            substream.direction() == Direction::Playback
                // SAFETY: The substream is valid, and the stream lock is held, by the type
                // invariant.
                || unsafe { bindings::snd_pcm_linked_playback(substream.as_raw()) }
        };
        let state = match state {
            StopState::Xrun => bindings::SNDRV_PCM_STATE_XRUN,
            StopState::Draining if !plays() => bindings::SNDRV_PCM_STATE_DRAINING,
            StopState::Setup | StopState::Draining => bindings::SNDRV_PCM_STATE_SETUP,
        };
        // SAFETY: As above; the substream has a runtime.
        unsafe { bindings::snd_pcm_stop_surely(substream.as_raw(), state) };
    }
}

impl StreamLock<'_> {
    /// Has the core look at the time when the stream is stopped next, even if that needs no trigger,
    /// as in a pause.
    pub(crate) fn forget_trigger_time(&self) {
        // SAFETY: The runtime is valid, and the stream lock, which is held by the type invariant,
        // protects the field.
        unsafe { (*self.substream.runtime()).trigger_tstamp_latched = false };
    }
}

impl Deref for StreamLock<'_> {
    type Target = Substream;

    fn deref(&self) -> &Substream {
        self.substream
    }
}

impl Drop for StreamLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::snd_pcm_stream_unlock_irqrestore(self.substream.as_raw(), self.flags);
        }
    }
}
