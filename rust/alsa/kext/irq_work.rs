// SPDX-License-Identifier: GPL-2.0

//! Calls that are made as soon as a processor has interrupts on.
//!
//! Who holds a lock, with interrupts off, can have something done by it that must not be done with
//! the lock held, before it returns to its own caller.
//!
//! Its home would be `rust/kernel/irq_work.rs`. An abstraction of `irq_work` in the `kernel` crate
//! makes it superfluous.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::bindings;
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// What an irq_work calls.
pub(crate) type Callback = unsafe extern "C" fn(*mut bindings::irq_work);

/// A call that can be requested.
///
/// # Invariants
///
/// The work is initialised and does not move.
#[pin_data]
pub(crate) struct IrqWork {
    #[pin]
    work: Opaque<bindings::irq_work>,
}

// SAFETY: A work may be queued, and waited for, by any thread.
unsafe impl Send for IrqWork {}
// SAFETY: As above.
unsafe impl Sync for IrqWork {}

impl IrqWork {
    /// Makes a call of `callback`.
    ///
    /// # Safety
    ///
    /// Until [`IrqWork::sync`] has been called after the last request, the work must not be freed,
    /// and `callback` be sound to call with its address.
    pub(crate) unsafe fn new(callback: Callback) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            work <- Opaque::ffi_init(|slot: *mut bindings::irq_work| {
                // SAFETY: `slot` may be written and stays where it is as long as it is used, by the
                // caller's promise.
                unsafe { bindings::init_irq_work(slot, Some(callback)) }
            }),
        })
    }

    /// Returns what `work` is a part of: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `work` must be that of an `IrqWork`.
    pub(crate) unsafe fn of_raw(work: *mut bindings::irq_work) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(work).cast_mut(), Self, work) }
    }

    /// Requests the call, as soon as this processor has interrupts on.
    ///
    /// Any context.
    ///
    /// One that is requested again before it has begun is made once, by the processor where it was
    /// requested first. On an architecture that has no interrupt for it, the next tick makes the
    /// call; on `PREEMPT_RT` a thread of the processor.
    ///
    /// C: `irq_work_queue()`.
    #[inline]
    pub(crate) fn queue(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_queue(self.work.get()) };
    }

    /// Waits until the call has returned that was last requested.
    ///
    /// Process context, interrupts on.
    ///
    /// On `PREEMPT_RT` this takes a grace period of RCU, whether there is anything to wait for or
    /// not.
    ///
    /// C: `irq_work_sync()`.
    pub(crate) fn sync(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }
}

#[kunit_tests(alsa_irq_work)]
mod tests {
    use super::*;
    use kernel::sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    };

    /// Counts the calls.
    #[pin_data]
    struct Counter {
        #[pin]
        work: IrqWork,
        calls: Atomic<u32>,
    }

    /// # Safety
    ///
    /// Called only as the callback of the work of a `Counter`.
    unsafe extern "C" fn count(work: *mut bindings::irq_work) {
        // SAFETY: As this function requires; the test waits for this.
        let counter = unsafe { &*container_of!(IrqWork::of_raw(work), Counter, work) };
        counter
            .calls
            .store(counter.calls.load(Relaxed) + 1, Relaxed);
    }

    #[test]
    fn calls() -> Result {
        // SAFETY: The work is that of a `Counter`, and is waited for.
        let work = unsafe { IrqWork::new(count) };
        let counter = Arc::pin_init(
            pin_init!(Counter {
                work <- work,
                calls: Atomic::new(0),
            }),
            GFP_KERNEL,
        )?;
        counter.work.sync();
        assert_eq!(counter.calls.load(Relaxed), 0);
        for calls in 1..4 {
            counter.work.queue();
            counter.work.sync();
            assert_eq!(counter.calls.load(Relaxed), calls);
        }
        Ok(())
    }
}
