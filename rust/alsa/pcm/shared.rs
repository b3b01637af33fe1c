// SPDX-License-Identifier: GPL-2.0

//! Two streams that depend on each other: one lock over a driver's data and the streams that run.
//!
//! A driver whose playback and capture streams depend on each other (they share a clock, or one
//! plays what the other records) keeps what they share in a [`Shared`], and attaches each substream
//! to it when it is opened. Whoever holds its lock finds there the streams that *run*, by their
//! direction, and through a [`RunningStream`] the buffer, the application's position and the period
//! timer of each.
//!
//! A stream enters just before the driver's `trigger` is told to start it, and leaves just after
//! `trigger` was told to stop, pause or suspend it, or if that was missed, before the core touches
//! its buffer or its parameters. Both take the lock. So a stream that is found there stays valid as
//! long as the lock is held, although its own lock is not.
//!
//! The lock of a [`Shared`] is taken inside of the stream lock: nothing that takes a stream lock
//! may be called with it held. The callbacks are made such that there is no occasion.
//! `Documentation/architecture.rst` has the order of all locks ("Locks").

use super::{
    buffer::{
        Buffer,
        RawBuffer, //
    },
    runtime::{
        Pointers,
        Runtime, //
    },
    timer::PeriodTimer,
    Direction,
    State,
    Substream, //
};
use crate::{
    bindings,
    kext::{
        hrtimer::Window,
        lock::{
            SpinLockIrqSave,
            SpinLockIrqSaveGuard, //
        },
        time::Ktime, //
    },
};
use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A running stream, as the core and this crate know it.
///
/// # Invariants
///
/// As long as the value is in a [`Shared`], `substream` is open and has a runtime, `buffer` is its
/// buffer, and `timer` its period timer. They are valid, and nobody replaces the buffer.
#[derive(Clone, Copy)]
pub(crate) struct RawStream {
    pub(crate) substream: NonNull<bindings::snd_pcm_substream>,
    pub(crate) buffer: RawBuffer,
    pub(crate) timer: NonNull<PeriodTimer>,
}

// SAFETY: The pointers are used under the lock of a `Shared` only, and what they are used for may
// be done by any thread: a `PeriodTimer` is `Sync`.
unsafe impl Send for RawStream {}

const _: fn(&PeriodTimer) -> &dyn Sync = |timer| timer;

/// The streams that run.
struct Running {
    playback: Option<RawStream>,
    capture: Option<RawStream>,
}

impl Running {
    /// Returns where a stream of this direction is while it runs.
    fn place(&mut self, direction: Direction) -> &mut Option<RawStream> {
        match direction {
            Direction::Playback => &mut self.playback,
            Direction::Capture => &mut self.capture,
        }
    }
}

/// What the lock protects.
struct Protected<T> {
    running: Running,
    data: T,
}

/// Data of type `T`, and of a playback and a capture stream those that run, under one
/// interrupt-saving spinlock.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Shared;
/// use kernel::sync::Arc;
///
/// /// Two streams, and the frames that have gone from one to the other.
/// type Cable = Shared<u64>;
///
/// let cable = Arc::pin_init(Cable::new(0), GFP_KERNEL)?;
/// *cable.lock() += 480;
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct Shared<T> {
    #[pin]
    protected: SpinLockIrqSave<Protected<T>>,
}

impl<T> Shared<T> {
    /// Makes one with no stream that runs.
    pub fn new(data: T) -> impl PinInit<Self> {
        // All are of one class. lockdep wants one name for it, at one address: a literal would have
        // another one in each crate that this function is compiled for.
        static NAME: &CStr = c"alsa::pcm::Shared";

        pin_init!(Self {
            protected <- SpinLockIrqSave::new(
                Protected {
                    running: Running {
                        playback: None,
                        capture: None,
                    },
                    data,
                },
                NAME,
                kernel::static_lock_class!(),
            ),
        })
    }

    /// Takes the lock.
    ///
    /// Any context but an NMI; not with that of another [`Shared`] held.
    #[inline]
    pub fn lock(&self) -> SharedGuard<'_, T> {
        SharedGuard(self.protected.lock())
    }
}

/// Where a stream enters and leaves, whatever the data beside it.
pub(crate) trait Entrance: Send + Sync {
    /// Lets a stream of this direction enter, in place of another one.
    ///
    /// # Safety
    ///
    /// The invariants of [`RawStream`] must hold from now on until [`Entrance::leave`] was called
    /// for the same direction and substream.
    unsafe fn enter(&self, direction: Direction, stream: RawStream);

    /// Lets the stream of this substream leave.
    ///
    /// Nothing happens if it is not there, or no more.
    fn leave(&self, direction: Direction, substream: NonNull<bindings::snd_pcm_substream>);
}

impl<T: Send + Unpin> Entrance for Shared<T> {
    unsafe fn enter(&self, direction: Direction, stream: RawStream) {
        // INVARIANT: By the caller's promise.
        *self.protected.lock().running.place(direction) = Some(stream);
    }

    fn leave(&self, direction: Direction, substream: NonNull<bindings::snd_pcm_substream>) {
        let mut protected = self.protected.lock();
        let place = protected.running.place(direction);
        if place.is_some_and(|stream| stream.substream == substream) {
            *place = None;
        }
    }
}

/// The lock of a [`Shared`], held. Dereferences to the driver's data.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Direction,
///     Shared, //
/// };
///
/// /// Notes how many streams run.
/// fn count(shared: &Shared<usize>) {
///     let mut guard = shared.lock();
///     let (count, streams) = guard.split();
///     *count = [Direction::Playback, Direction::Capture]
///         .into_iter()
///         .filter(|&direction| streams.get(direction).is_some())
///         .count();
/// }
/// ```
pub struct SharedGuard<'a, T>(SpinLockIrqSaveGuard<'a, Protected<T>>);

impl<T: Unpin> SharedGuard<'_, T> {
    /// Returns the driver's data, and beside them the streams that run.
    #[inline]
    pub fn split(&mut self) -> (&mut T, RunningStreams<'_>) {
        let protected = &mut *self.0;
        (&mut protected.data, RunningStreams(&protected.running))
    }
}

impl<T> Deref for SharedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.data
    }
}

impl<T: Unpin> DerefMut for SharedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.data
    }
}

/// The streams that run, while the lock of their [`Shared`] is held.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Direction,
///     RunningStreams, //
/// };
///
/// /// Copies a period from one stream to the other, if both run.
/// fn copy(streams: RunningStreams<'_>, offset: usize, len: usize) -> Result {
///     let playback = streams.get(Direction::Playback);
///     if let Some((playback, capture)) = playback.zip(streams.get(Direction::Capture)) {
///         capture.buffer().copy_from(offset, &playback.buffer(), offset, len)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct RunningStreams<'a>(&'a Running);

impl<'a> RunningStreams<'a> {
    /// Returns the stream of a direction, or `None` if it does not run.
    #[inline]
    pub fn get(&self, direction: Direction) -> Option<RunningStream<'a>> {
        let stream = match direction {
            Direction::Playback => self.0.playback.as_ref()?,
            Direction::Capture => self.0.capture.as_ref()?,
        };
        // INVARIANT: `stream` is in a `Shared`, and stays there while the lock is held, which is at
        // least as long as `'a`: the guard is borrowed so long.
        Some(RunningStream { stream })
    }
}

/// A running stream, seen with the lock of its [`Shared`] held.
///
/// # Examples
///
/// ```
/// use alsa::{
///     pcm::RunningStream,
///     time::Ktime, //
/// };
///
/// /// Calls a stream when it should have something to play, or at once if it has not.
/// fn supervise(stream: &RunningStream<'_>, at: Ktime) {
///     let pointers = stream.pointers();
///     if pointers.appl_ptr == pointers.hw_ptr {
///         stream.expire_timer_now();
///     } else {
///         stream.arm_timer(at);
///     }
/// }
/// ```
///
/// # Invariants
///
/// The invariants of `RawStream` hold for `'a`.
pub struct RunningStream<'a> {
    stream: &'a RawStream,
}

impl RunningStream<'_> {
    /// Returns the buffer of the stream.
    #[inline]
    pub fn buffer(&self) -> Buffer<'_> {
        // SAFETY: By the type invariant the buffer stays as long as `self`.
        unsafe { Buffer::new(self.stream.buffer) }
    }

    /// Arms the period timer of the stream: its callback runs at `at`, or at once if that is past.
    ///
    /// C: `hrtimer_start()`.
    #[inline]
    pub fn arm_timer(&self, at: Ktime) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.stream.timer.as_ref() }.arm(at.into());
    }

    /// Arms the period timer as [`RunningStream::arm_timer`] does, but its callback may run up to
    /// `slack` nanoseconds later.
    ///
    /// It then runs together with that of another timer, if one expires in the meantime, which
    /// saves an interrupt.
    ///
    /// C: `hrtimer_start_range_ns()`.
    #[inline]
    pub fn arm_timer_with_slack(&self, at: Ktime, slack: u64) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.stream.timer.as_ref() }.arm(Window::new(at, slack));
    }

    /// Lets the callback of the period timer run at once: as soon as this processor has interrupts
    /// on, thus before a system call that led here returns.
    ///
    /// It may run beside one that the timer has called. One that is requested already, and has not
    /// begun, is made once, where it was requested; and an architecture that has no interrupt for
    /// it calls at its next tick. On `PREEMPT_RT`: as soon as the device's thread runs, which calls
    /// one after the other.
    ///
    /// C: `irq_work_queue()`; `kthread_queue_work()` on `PREEMPT_RT`.
    #[inline]
    pub fn expire_timer_now(&self) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.stream.timer.as_ref() }.expire_now();
    }

    /// Returns the core's record of the stream.
    #[inline]
    fn runtime(&self) -> &Runtime {
        // SAFETY: By the type invariant the substream is open, and stays so for as long as `self`.
        unsafe { Runtime::from_raw((*self.stream.substream.as_ptr()).runtime) }
    }

    /// Returns the state of the stream.
    ///
    /// It may change at any time: the stream lock is not held.
    #[inline]
    pub fn state(&self) -> State {
        self.runtime().state()
    }

    /// Returns whether it is a playback that is used by way of the emulation of OSS: see
    /// [`Substream::plays_by_oss`].
    pub fn plays_by_oss(&self) -> bool {
        // SAFETY: By the type invariant the substream is open, and stays so for as long as `self`.
        unsafe { Substream::from_raw(self.stream.substream.as_ptr()) }.plays_by_oss()
    }

    /// Returns how many frames must be available to the application for the end of a period to wake
    /// it; 0 if somebody waits for the end itself: by the stream's sound timer, or by a signal.
    ///
    /// It may change at any time, and may be any value.
    #[inline]
    pub fn wakeup_frames(&self) -> u64 {
        // The stream's sound timer says so with its own lock held when it is started and stopped.
        // Without that lock: it is right most of the time, and nothing is lost if not.
        // SAFETY: By the type invariant the substream is valid.
        if unsafe { bindings::snd_pcm_timer_running(self.stream.substream.as_ptr()) } {
            return 0;
        }
        self.runtime().wakeup_frames()
    }

    /// Returns where the core and the application are.
    ///
    /// It may change at any time.
    #[inline]
    pub fn pointers(&self) -> Pointers {
        self.runtime().pointers()
    }

    /// Returns how many frames the application must lag behind for the core to stop the stream;
    /// from the boundary on it is never stopped.
    ///
    /// It may change at any time.
    #[inline]
    pub fn stop_threshold(&self) -> u64 {
        self.runtime().stop_threshold()
    }
}
