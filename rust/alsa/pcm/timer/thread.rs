// SPDX-License-Identifier: GPL-2.0

//! Where the callback of a period timer runs on `PREEMPT_RT`: in a thread that the PCM device has.
//!
//! Locks sleep there, so a callback cannot run in an interrupt. The kernel has threads for the
//! timers and for the irq_works that are not made for interrupts, but these are for everybody's
//! leftovers: they run at priority 1, behind each program that has any real-time priority at all,
//! as most have that make music. And to wait for an irq_work that runs in a thread takes a grace
//! period of RCU, tens of milliseconds, even if it was not queued.
//!
//! So the device has a thread of its own, which is to it what its interrupt's thread is to a device
//! of hardware, and has its priority: 50, unless the administrator changes it. The hrtimer, in its
//! interrupt, does no more than to wake it.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    container_of,
    error::from_err_ptr,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// The mode of the hrtimer: its callback runs in hard interrupt context.
pub(super) const TIMER_MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS_HARD;

/// Whether the hrtimer's callback has to request the call, in place of doing what is to be done.
pub(super) const TIMER_REQUESTS: bool = true;

/// What calls.
pub(crate) type Work = bindings::kthread_work;

/// The thread of a PCM device. Dropped, it ends.
///
/// # Invariants
///
/// The worker is valid, and its thread runs.
pub(crate) struct Context(NonNull<bindings::kthread_worker>);

// SAFETY: A worker may be used, and destroyed, by any thread but its own.
unsafe impl Send for Context {}
// SAFETY: As above: a shared reference allows no more than to queue works.
unsafe impl Sync for Context {}

impl Context {
    /// Makes the thread for the PCM device `device` of a card. May sleep.
    ///
    /// # Safety
    ///
    /// `card` must be valid.
    pub(crate) unsafe fn new(card: *mut bindings::snd_card, device: u32) -> Result<Self> {
        // It must not be freezable: streams are suspended after that, and wait for it.
        // SAFETY: `card` is valid, and the format goes with the two numbers.
        let worker = from_err_ptr(unsafe {
            bindings::kthread_create_worker_on_node(
                0,
                bindings::NUMA_NO_NODE,
                c"snd/C%dD%u".as_char_ptr(),
                (*card).number,
                device,
            )
        })?;
        let worker = NonNull::new(worker).ok_or(ENOMEM)?;
        // SAFETY: The worker is valid, and has a thread as long as it is not destroyed.
        unsafe {
            let thread = (*worker.as_ptr()).task;
            bindings::sched_set_fifo(thread);
            bindings::wake_up_process(thread);
        }
        // INVARIANT: It has just been made, and its thread woken.
        Ok(Self(worker))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the worker is valid. No work is left: whoever made a `Call`
        // has promised that this lives until it has been waited for.
        unsafe { bindings::kthread_destroy_worker(self.0.as_ptr()) };
    }
}

/// A call that can be requested.
///
/// # Invariants
///
/// The work is initialised and does not move. The worker is valid.
#[pin_data]
pub(super) struct Call {
    #[pin]
    work: Opaque<Work>,
    worker: NonNull<bindings::kthread_worker>,
    closed: Atomic<bool>,
}

impl Call {
    /// Makes a call of `callback`.
    ///
    /// # Safety
    ///
    /// Until [`Call::wait`] has been called after the last request, `callback` must be sound to
    /// call with the address of the work, and `context` not be dropped.
    pub(super) unsafe fn new(
        callback: unsafe extern "C" fn(*mut Work),
        context: &Context,
    ) -> impl PinInit<Self> + use<> {
        let worker = context.0;
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            work <- Opaque::ffi_init(|slot: *mut Work| {
                // SAFETY: `slot` may be written and stays where it is as long as it is used, by the
                // caller's promise.
                unsafe { bindings::kthread_init_work(slot, Some(callback)) }
            }),
            worker,
            closed: Atomic::new(false),
        })
    }

    /// The call that `work` belongs to.
    ///
    /// # Safety
    ///
    /// `work` must be the work of a `Call`.
    pub(super) unsafe fn of_work(work: *mut Work) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(work).cast_mut(), Self, work) }
    }

    /// Requests the call: as soon as the thread runs. Any context.
    pub(super) fn request(&self) {
        if !self.closed.load(Relaxed) {
            // SAFETY: Worker and work are initialised, by the type invariant.
            unsafe { bindings::kthread_queue_work(self.worker.as_ptr(), self.work.get()) };
        }
    }

    /// From now on a request does nothing, once the caller of this has waited ([`Call::wait`]), and
    /// for whoever has been called after that: the wait takes the lock of the worker, and so does a
    /// call when it begins.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    /// Waits until the call has returned that was last requested, if it has not yet. Process
    /// context.
    pub(super) fn wait(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::kthread_flush_work(self.work.get()) };
    }
}
