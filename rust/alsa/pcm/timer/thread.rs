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

use crate::{
    bindings,
    kext::{
        hrtimer,
        kthread::{
            self,
            Work,
            Worker, //
        },
    },
};
use kernel::{
    container_of,
    prelude::*,
    str::CString,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// The mode of the hrtimer: its callback runs in hard interrupt context.
pub(super) const TIMER_MODE: hrtimer::Mode = hrtimer::ABSOLUTE_HARD;

/// Whether the hrtimer's callback has to request the immediate work, in place of doing what is to
/// be done.
pub(super) const TIMER_REQUESTS: bool = true;

/// What the callback of an immediate work gets.
pub(crate) type RawWork = bindings::kthread_work;

/// The thread of a PCM device. Dropped, it ends.
pub(crate) struct Context(Worker);

impl Context {
    /// Makes the thread for the PCM device `device` of the card `card`.
    ///
    /// May sleep.
    ///
    /// It is not freezable: streams are suspended after that, and wait for it.
    pub(crate) fn new(card: i32, device: u32) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("snd/C{card}D{device}"))?;
        Ok(Self(Worker::new_fifo(&name)?))
    }
}

/// A call that can be requested at any time, and is made as soon as may be.
#[pin_data]
pub(super) struct ImmediateWork {
    #[pin]
    work: Work,
    closed: Atomic<bool>,
}

impl ImmediateWork {
    /// Makes a work that calls `callback`.
    ///
    /// # Safety
    ///
    /// `context` must outlive the work. Until [`ImmediateWork::wait`] has been called after the
    /// last request, the work must not be freed, and `callback` be sound to call with the address
    /// of its work.
    pub(super) unsafe fn new(
        callback: kthread::Callback,
        context: &Context,
    ) -> impl PinInit<Self> + use<> {
        // SAFETY: By the caller's promise.
        let work = unsafe { Work::new(callback, &context.0) };
        pin_init!(Self {
            work <- work,
            closed: Atomic::new(false),
        })
    }

    /// Returns the immediate work that `work` is a part of.
    ///
    /// # Safety
    ///
    /// `work` must be the work of an `ImmediateWork`.
    pub(super) unsafe fn of_raw(work: *mut RawWork) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Work`, which is in a `Self`.
        unsafe { container_of!(Work::of_raw(work), Self, work) }
    }

    /// Requests the call: as soon as the thread runs.
    ///
    /// Any context but an NMI.
    pub(super) fn request(&self) {
        if !self.closed.load(Relaxed) {
            self.work.queue();
        }
    }

    /// Has a request do nothing any more.
    ///
    /// That holds once the caller of this has waited ([`ImmediateWork::wait`]), and for whoever has
    /// been called after that: the wait takes the lock of the worker, and so does a work when it
    /// begins.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    /// Waits until the call has returned that was last requested, if it has not yet.
    ///
    /// Process context.
    pub(super) fn wait(&self) {
        self.work.flush();
    }
}
