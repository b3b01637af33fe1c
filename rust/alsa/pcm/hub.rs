// SPDX-License-Identifier: GPL-2.0

//! A hub: one lock over a driver's data and the running streams that share it.
//!
//! A driver in which several substreams depend on each other (they share a clock, or one plays what
//! another records) keeps what they share in a [`Hub`] and attaches each substream to one of its
//! ports when it is opened. Whoever holds the hub's lock sees the ports of all streams that *run*,
//! and through a [`Port`] the ring, the application's position and the period timer of the stream.
//!
//! A stream comes to its port just before the driver's `trigger` is told to start it, and leaves it
//! just after `trigger` was told to stop, pause or suspend it, or if that was missed, before the core
//! touches its ring or its parameters. Both take the hub's lock. So what is
//! found at a port stays valid as long as the lock is held, although it belongs to a stream whose
//! own lock is not held.
//!
//! Order of locks: stream lock, a lock of the substream's own, hub lock, the timer queue's lock.
//! Nothing that takes a stream lock may be called with the hub's lock held; the callbacks are made
//! such that there is no occasion.

use super::{
    ring::{
        RawRing,
        Ring, //
    },
    timer::PeriodTimer,
    State, //
};
use crate::{
    bindings,
    lock::{
        SpinLockIrqSave,
        SpinLockIrqSaveGuard, //
    },
    time::Ktime, //
};
use core::{
    marker::PhantomData,
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
/// As long as the value is at a port, `substream` is open and has a runtime, `ring` is its ring, and
/// `timer` its period timer. They are valid, and nobody replaces the ring.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) substream: NonNull<bindings::snd_pcm_substream>,
    pub(crate) ring: RawRing,
    pub(crate) timer: NonNull<PeriodTimer>,
}

// SAFETY: The pointers are used under the hub's lock only, and what they are used for may be done
// by any thread: a `PeriodTimer` is `Sync`.
unsafe impl Send for Running {}

/// What the lock protects.
struct Shared<T, const N: usize> {
    ports: [Option<Running>; N],
    data: T,
}

/// Data of type `T` and `N` ports for substreams, under one interrupt-saving spinlock.
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
pub struct HubGuard<'a, T, const N: usize>(SpinLockIrqSaveGuard<'a, Shared<T, N>>);

impl<T: Unpin, const N: usize> HubGuard<'_, T, N> {
    /// The driver's data, and beside them the ports.
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
pub struct PortTable<'a, const N: usize>(&'a [Option<Running>; N]);

impl<const N: usize> PortTable<'_, N> {
    /// The stream that runs at a port; `None` if none does.
    #[inline]
    pub fn get(&self, port: usize) -> Option<Port<'_>> {
        let running = (*self.0.get(port)?)?;
        // INVARIANT: `running` is at a port, and stays there while the lock is held, which is as
        // long as `self` is borrowed.
        Some(Port {
            running,
            _lock: PhantomData,
        })
    }
}

/// A running stream, seen with the lock of its hub held.
///
/// # Invariants
///
/// The invariants of `Running` hold for `'a`.
pub struct Port<'a> {
    running: Running,
    _lock: PhantomData<&'a ()>,
}

impl Port<'_> {
    /// The ring of the stream.
    #[inline]
    pub fn ring(&self) -> Ring<'_> {
        // SAFETY: By the type invariant the ring stays as long as `self`.
        unsafe { Ring::new(self.running.ring) }
    }

    /// Arms the period timer of the stream: its callback runs at `at`, or at once if that is past.
    ///
    /// C: `hrtimer_start()`.
    #[inline]
    pub fn arm_timer(&self, at: Ktime) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.running.timer.as_ref() }.arm(at);
    }

    /// Lets the callback of the period timer run at once: as soon as this processor has interrupts on,
    /// thus before a system call that led here returns. It may run beside one that the timer has called.
    /// On `PREEMPT_RT`: as soon as the device's thread runs, which calls one after the other.
    ///
    /// C: `irq_work_queue()`; `kthread_queue_work()` on `PREEMPT_RT`.
    #[inline]
    pub fn expire_timer_now(&self) {
        // SAFETY: By the type invariant it is the period timer of an open substream.
        unsafe { self.running.timer.as_ref() }.expire_now();
    }

    /// The state of the stream. It may change at any time: the stream lock is not held.
    #[inline]
    pub fn state(&self) -> State {
        // SAFETY: By the type invariant the substream has a runtime.
        State::from_raw(unsafe { bindings::snd_pcm_state(self.running.substream.as_ptr()) })
    }

    /// How many frames must be available to the application for the end of a period to wake it; 0 if
    /// somebody waits for the end itself: by the stream's sound timer, or by a signal. It may change at
    /// any time, and may be any value.
    #[inline]
    pub fn wakeup_frames(&self) -> u64 {
        // SAFETY: By the type invariant the substream has a runtime, and with it a control page.
        unsafe { bindings::snd_pcm_wakeup_frames(self.running.substream.as_ptr()) as u64 }
    }

    /// Where the core and the application are. It may change at any time.
    #[inline]
    pub fn pointers(&self) -> Pointers {
        let substream = self.running.substream.as_ptr();
        // SAFETY: By the type invariant the substream has a runtime, and with it a status and a
        // control page.
        unsafe {
            Pointers {
                // In this order: what the application has written is at least as much as it had
                // written when the device was at `hw_ptr`, or before.
                appl_ptr: bindings::snd_pcm_appl_ptr(substream) as u64,
                hw_ptr: bindings::snd_pcm_hw_ptr(substream) as u64,
                boundary: bindings::snd_pcm_boundary(substream) as u64,
                stop_threshold: bindings::snd_pcm_stop_threshold(substream) as u64,
            }
        }
    }
}

/// Positions of a stream, in frames, counted modulo `boundary`.
#[derive(Clone, Copy, Debug)]
pub struct Pointers {
    /// The position of the device as the core knows it.
    pub hw_ptr: u64,
    /// The position of the application. User space can write it: it may have *any* value. Samples up to
    /// there that are read afterwards are those that it stands for, as far as whoever moved it has written
    /// them before.
    pub appl_ptr: u64,
    /// Where the positions start anew: a multiple of the ring's length. (That of a 32-bit program is set
    /// after HW_PARAMS: should another thread start the stream before, it may change.)
    pub boundary: u64,
    /// How many frames the application must lag behind for the core to stop the stream; from
    /// `boundary` on it is never stopped.
    pub stop_threshold: u64,
}
