// SPDX-License-Identifier: GPL-2.0

//! A hub: one lock over a driver's data and the running streams that share it.
//!
//! A driver in which several substreams depend on each other (they share a clock, or one plays what
//! another records) keeps what they share in a [`Hub`] and attaches each substream to one of its
//! ports when it is opened. Whoever holds the hub's lock sees the ports of all streams that *run*,
//! and through a [`Port`] the buffer, the application's position and the period timer of the
//! stream.
//!
//! A stream comes to its port just before the driver's `trigger` is told to start it, and leaves it
//! just after `trigger` was told to stop, pause or suspend it, or if that was missed, before the
//! core touches its buffer or its parameters. Both take the hub's lock. So what is found at a port
//! stays valid as long as the lock is held, although it belongs to a stream whose own lock is not
//! held.
//!
//! Order of locks: stream lock, a lock of the substream's own, hub lock, a lock of the period
//! timer's own, the timer queue's lock. Nothing that takes a stream lock may be called with the
//! hub's lock held; the callbacks are made such that there is no occasion.

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
    State, //
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

/// What a port holds of a running stream.
///
/// # Invariants
///
/// As long as the value is at a port, `substream` is open and has a runtime, `buffer` is its
/// buffer, and `timer` its period timer. They are valid, and nobody replaces the buffer.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) substream: NonNull<bindings::snd_pcm_substream>,
    pub(crate) buffer: RawBuffer,
    pub(crate) timer: NonNull<PeriodTimer>,
}

// SAFETY: The pointers are used under the hub's lock only, and what they are used for may be done
// by any thread: a `PeriodTimer` is `Sync`.
unsafe impl Send for Running {}

const _: fn(&PeriodTimer) -> &dyn Sync = |timer| timer;

/// What the lock protects.
struct Shared<T, const N: usize> {
    ports: [Option<Running>; N],
    data: T,
}

/// Data of type `T` and `N` ports for substreams, under one interrupt-saving spinlock.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Hub;
/// use kernel::sync::Arc;
///
/// /// Two streams, and the frames that have gone from one to the other.
/// type Cable = Hub<u64, 2>;
///
/// let cable = Arc::pin_init(Cable::new(0), GFP_KERNEL)?;
/// *cable.lock() += 480;
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct Hub<T, const N: usize> {
    #[pin]
    shared: SpinLockIrqSave<Shared<T, N>>,
}

impl<T, const N: usize> Hub<T, N> {
    /// Makes a hub with no stream at any port.
    pub fn new(data: T) -> impl PinInit<Self> {
        // All hubs are of one class. lockdep wants one name for it, at one address: a literal would
        // have another one in each crate that this function is compiled for.
        static NAME: &CStr = c"alsa::pcm::Hub";

        pin_init!(Self {
            shared <- SpinLockIrqSave::new(
                Shared {
                    ports: [None; N],
                    data,
                },
                NAME,
                kernel::static_lock_class!(),
            ),
        })
    }

    /// Takes the lock. Any context but an NMI; not with the lock of another hub held.
    #[inline]
    pub fn lock(&self) -> HubGuard<'_, T, N> {
        HubGuard(self.shared.lock())
    }
}

/// The table of ports, whatever the data beside it.
pub(crate) trait Ports: Send + Sync {
    /// Puts a stream to a port, or takes it away. A port that does not exist is passed over.
    ///
    /// # Safety
    ///
    /// The invariants of [`Running`] must hold from now on until the same port is set again.
    unsafe fn set(&self, port: usize, running: Option<Running>);
}

impl<T: Send + Unpin, const N: usize> Ports for Hub<T, N> {
    unsafe fn set(&self, port: usize, running: Option<Running>) {
        if let Some(slot) = self.shared.lock().ports.get_mut(port) {
            // INVARIANT: By the caller's promise.
            *slot = running;
        }
    }
}

/// The lock of a [`Hub`], held. Dereferences to the driver's data.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Hub;
///
/// /// Notes how many streams run.
/// fn count(hub: &Hub<usize, 2>) {
///     let mut guard = hub.lock();
///     let (count, ports) = guard.split();
///     *count = (0..2).filter(|&port| ports.get(port).is_some()).count();
/// }
/// ```
pub struct HubGuard<'a, T, const N: usize>(SpinLockIrqSaveGuard<'a, Shared<T, N>>);

impl<T: Unpin, const N: usize> HubGuard<'_, T, N> {
    /// Returns the driver's data, and beside them the ports.
    #[inline]
    pub fn split(&mut self) -> (&mut T, PortTable<'_, N>) {
        let shared = &mut *self.0;
        (&mut shared.data, PortTable(&shared.ports))
    }
}

impl<T, const N: usize> Deref for HubGuard<'_, T, N> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.data
    }
}

impl<T: Unpin, const N: usize> DerefMut for HubGuard<'_, T, N> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.data
    }
}

/// The ports of a hub while its lock is held.
///
/// # Examples
///
/// ```
/// use alsa::pcm::PortTable;
///
/// /// Copies a period from one stream to the other, if both run.
/// fn copy(ports: PortTable<'_, 2>, offset: usize, len: usize) -> Result {
///     if let (Some(playback), Some(capture)) = (ports.get(0), ports.get(1)) {
///         capture.buffer().copy_from(offset, &playback.buffer(), offset, len)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct PortTable<'a, const N: usize>(&'a [Option<Running>; N]);

impl<'a, const N: usize> PortTable<'a, N> {
    /// Returns the stream that runs at `port`, or `None` if none does.
    #[inline]
    pub fn get(&self, port: usize) -> Option<Port<'a>> {
        let running = self.0.get(port)?.as_ref()?;
        // INVARIANT: `running` is at a port, and stays there while the lock is held, which is at
        // least as long as `'a`: the guard is borrowed so long.
        Some(Port { running })
    }
}

/// A running stream, seen with the lock of its hub held.
///
/// # Examples
///
/// ```
/// use alsa::{
///     pcm::Port,
///     time::Ktime, //
/// };
///
/// /// Calls a stream when it should have something to play, or at once if it has not.
/// fn supervise(port: &Port<'_>, at: Ktime) {
///     let pointers = port.pointers();
///     if pointers.appl_ptr == pointers.hw_ptr {
///         port.expire_timer_now();
///     } else {
///         port.arm_timer(at);
///     }
/// }
/// ```
///
/// # Invariants
///
/// The invariants of `Running` hold for `'a`.
pub struct Port<'a> {
    running: &'a Running,
}

impl Port<'_> {
    /// Returns the buffer of the stream.
    #[inline]
    pub fn buffer(&self) -> Buffer<'_> {
        // SAFETY: By the type invariant the buffer stays as long as `self`.
        unsafe { Buffer::new(self.running.buffer) }
    }

    /// Arms the period timer of the stream: its callback runs at `at`, or at once if that is past.
    ///
    /// C: `hrtimer_start()`.
    #[inline]
    pub fn arm_timer(&self, at: Ktime) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.running.timer.as_ref() }.arm(at.into());
    }

    /// As [`Port::arm_timer`], but the callback may run up to `slack` nanoseconds later: together
    /// with that of another timer, if one expires in the meantime, which saves an interrupt.
    ///
    /// C: `hrtimer_start_range_ns()`.
    #[inline]
    pub fn arm_timer_with_slack(&self, at: Ktime, slack: u64) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.running.timer.as_ref() }.arm(Window::new(at, slack));
    }

    /// Lets the callback of the period timer run at once: as soon as this processor has interrupts
    /// on, thus before a system call that led here returns. It may run beside one that the timer
    /// has called. One that is requested already, and has not begun, is made once, where it was
    /// requested; and an architecture that has no interrupt for it calls at its next tick. On
    /// `PREEMPT_RT`: as soon as the device's thread runs, which calls one after the other.
    ///
    /// C: `irq_work_queue()`; `kthread_queue_work()` on `PREEMPT_RT`.
    #[inline]
    pub fn expire_timer_now(&self) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.running.timer.as_ref() }.expire_now();
    }

    /// Returns the core's record of the stream.
    #[inline]
    fn runtime(&self) -> &Runtime {
        // SAFETY: By the type invariant the substream is open, and stays so for as long as `self`.
        unsafe { Runtime::from_raw((*self.running.substream.as_ptr()).runtime) }
    }

    /// Returns the state of the stream. It may change at any time: the stream lock is not held.
    #[inline]
    pub fn state(&self) -> State {
        self.runtime().state()
    }

    /// Returns how many frames must be available to the application for the end of a period to wake
    /// it; 0 if somebody waits for the end itself: by the stream's sound timer, or by a signal. It
    /// may change at any time, and may be any value.
    #[inline]
    pub fn wakeup_frames(&self) -> u64 {
        // The stream's sound timer says so with its own lock held when it is started and stopped.
        // Without that lock: it is right most of the time, and nothing is lost if not.
        // SAFETY: By the type invariant the substream is valid.
        if unsafe { bindings::snd_pcm_timer_running(self.running.substream.as_ptr()) } {
            return 0;
        }
        self.runtime().wakeup_frames()
    }

    /// Returns where the core and the application are. It may change at any time.
    #[inline]
    pub fn pointers(&self) -> Pointers {
        self.runtime().pointers()
    }

    /// Returns how many frames the application must lag behind for the core to stop the stream;
    /// from the boundary on it is never stopped. It may change at any time.
    #[inline]
    pub fn stop_threshold(&self) -> u64 {
        self.runtime().stop_threshold()
    }
}
