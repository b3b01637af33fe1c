// SPDX-License-Identifier: GPL-2.0

//! Where the callback of a period timer runs: in interrupts.
//!
//! The timer calls it from its own. Who wants it at once has an irq_work call it, as soon as the
//! processor has interrupts on.

use crate::{
    bindings,
    kext::{
        hrtimer,
        irq_work::{
            self,
            IrqWork, //
        },
    },
};
use kernel::{
    container_of,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The mode of the hrtimer: its callback runs in hard interrupt context.
pub(super) const TIMER_MODE: hrtimer::Mode = hrtimer::ABSOLUTE;

/// Whether the hrtimer's callback has to request the immediate work, in place of doing what is to
/// be done.
pub(super) const TIMER_REQUESTS: bool = false;

/// What the callback of an immediate work gets.
pub(crate) type RawWork = bindings::irq_work;

/// What the immediate works of a PCM device share: nothing.
pub(crate) struct Context;

impl Context {
    /// Makes one for the PCM device `device` of the card `card`.
    pub(crate) fn new(_card: i32, _device: u32) -> Result<Self> {
        Ok(Self)
    }
}

/// A call that can be requested at any time, and is made as soon as may be.
#[pin_data]
pub(super) struct ImmediateWork {
    #[pin]
    work: IrqWork,
    /// Whether it has ever been requested.
    was_requested: Atomic<bool>,
}

impl ImmediateWork {
    /// Makes a work that calls `callback`.
    ///
    /// # Safety
    ///
    /// Until [`ImmediateWork::close`] has been called after the last request, the work must not be
    /// freed, and `callback` be sound to call with the address of its work.
    pub(super) unsafe fn new(
        callback: irq_work::Callback,
        _context: &Context,
    ) -> impl PinInit<Self> + use<> {
        // SAFETY: By the caller's promise.
        let work = unsafe { IrqWork::new(callback) };
        pin_init!(Self {
            work <- work,
            was_requested: Atomic::new(false),
        })
    }

    /// Returns the immediate work that `work` is a part of.
    ///
    /// # Safety
    ///
    /// `work` must be the work of an `ImmediateWork`.
    #[inline]
    pub(super) unsafe fn of_raw(work: *mut RawWork) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into an `IrqWork`, which is in a `Self`.
        unsafe { container_of!(IrqWork::of_raw(work), Self, work) }
    }

    /// Requests the call: as soon as this processor has interrupts on.
    ///
    /// Any context.
    #[inline]
    pub(super) fn request(&self) {
        self.was_requested.store(true, Relaxed);
        self.work.queue();
    }

    /// Waits until all calls have returned, after the last request. (The hrtimer makes none here.)
    ///
    /// Process context, interrupts on. Takes a grace period of RCU if there ever was a request.
    pub(super) fn close(&self) {
        if self.was_requested.load(Relaxed) {
            self.work.sync_all();
        }
    }

    /// Waits until the call has returned that was last requested. One that was requested before it
    /// may still run on another processor ([`ImmediateWork::close`] waits for that).
    ///
    /// Process context, interrupts on.
    pub(super) fn wait(&self) {
        self.work.sync();
    }
}
