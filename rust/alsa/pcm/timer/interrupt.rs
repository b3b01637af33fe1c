// SPDX-License-Identifier: GPL-2.0

//! Where the callback of a period timer runs: in interrupts.
//!
//! The timer calls it from its own. Who wants it at once has an irq_work call it, as soon as the
//! processor has interrupts on.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::bindings;
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// The mode of the hrtimer: its callback runs in hard interrupt context.
pub(super) const TIMER_MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS;

/// Whether the hrtimer's callback has to request the call, in place of doing what is to be done.
pub(super) const TIMER_REQUESTS: bool = false;

/// What calls.
pub(crate) type Work = bindings::irq_work;

/// What the calls of a PCM device share: nothing.
pub(crate) struct Context;

impl Context {
    /// Makes one for the PCM device `device` of a card.
    ///
    /// # Safety
    ///
    /// `card` must be valid.
    pub(crate) unsafe fn new(_card: *mut bindings::snd_card, _device: u32) -> Result<Self> {
        Ok(Self)
    }
}

/// A call that can be requested.
///
/// # Invariants
///
/// The work is initialised and does not move.
#[pin_data]
pub(super) struct Call {
    #[pin]
    work: Opaque<Work>,
}

impl Call {
    /// Makes a call of `callback`.
    ///
    /// # Safety
    ///
    /// Until [`Call::wait`] has been called after the last request, `callback` must be sound to
    /// call with the address of the work.
    pub(super) unsafe fn new(
        callback: unsafe extern "C" fn(*mut Work),
        _context: &Context,
    ) -> impl PinInit<Self> + use<> {
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            work <- Opaque::ffi_init(|slot: *mut Work| {
                // SAFETY: `slot` may be written and stays where it is as long as it is used, by the
                // caller's promise.
                unsafe { bindings::init_irq_work(slot, Some(callback)) }
            }),
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

    /// Requests the call: as soon as this processor has interrupts on. Any context.
    pub(super) fn request(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_queue(self.work.get()) };
    }

    /// From now on the hrtimer requests nothing. It never does.
    pub(super) fn close(&self) {}

    /// Waits until the call has returned that was last requested. Process context, interrupts on.
    pub(super) fn wait(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }
}
