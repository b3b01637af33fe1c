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
    /// Until [`IrqWork::sync_all`] has been called after the last request, the work must not be
    /// freed, and `callback` be sound to call with its address.
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
    /// Not for one that runs beside it, on another processor, since before it was requested: see
    /// [`IrqWork::sync_all`].
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

    /// Waits until no call runs that was requested before.
    ///
    /// A work that is requested while a call of it runs on another processor is called there and
    /// here at the same time, but only a single bit says that it is busy, and the call that ends
    /// first clears it. `irq_work_sync()` goes by that. But calls run with interrupts off (in
    /// threads on `PREEMPT_RT`, as readers of RCU), and so does what the core does to the work
    /// after them: a grace period outlasts all of it.
    ///
    /// Process context, interrupts on. Takes a grace period of RCU.
    pub(crate) fn sync_all(&self) {
        // Those that have not begun, before.
        self.sync();
        // SAFETY: May sleep.
        unsafe { bindings::synchronize_rcu() };
    }
}

#[kunit_tests(alsa_irq_work)]
mod tests {
    use super::*;
    use crate::kext::time::Ktime;
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
        counter.work.sync_all();
        Ok(())
    }

    /// A call that takes long if it is the first.
    #[pin_data]
    struct Slow {
        #[pin]
        work: IrqWork,
        begun: Atomic<u32>,
        ended: Atomic<u32>,
    }

    /// # Safety
    ///
    /// Called only as the callback of the work of a `Slow`.
    unsafe extern "C" fn slow(work: *mut bindings::irq_work) {
        // SAFETY: As this function requires; the test waits for this.
        let slow = unsafe { &*container_of!(IrqWork::of_raw(work), Slow, work) };
        if slow.begun.fetch_add(1, Relaxed) == 0 {
            let until = Ktime::now().as_nanos() + 20_000_000;
            while Ktime::now().as_nanos() < until {
                core::hint::spin_loop();
            }
        }
        slow.ended.fetch_add(1, Relaxed);
    }

    /// # Safety
    ///
    /// `work` must point to an `IrqWork`.
    unsafe extern "C" fn queue(work: *mut c_void) {
        // SAFETY: As this function requires.
        unsafe { &*work.cast::<IrqWork>() }.queue();
    }

    /// Two calls at the same time, of which the first to begin is the last to end: both are waited
    /// for. (On a machine with one processor they never are at the same time.)
    #[test]
    fn waits_for_all() -> Result {
        // SAFETY: The kernel's count of processors, which is written as a whole.
        let online = unsafe { (&raw const bindings::__num_online_cpus.counter).read_volatile() };
        let mut met = online < 2;
        for round in 0..20 {
            // SAFETY: The work is that of a `Slow`, and is waited for.
            let work = unsafe { IrqWork::new(slow) };
            let slow = Arc::pin_init(
                pin_init!(Slow {
                    work <- work,
                    begun: Atomic::new(0),
                    ended: Atomic::new(0),
                }),
                GFP_KERNEL,
            )?;
            for (wanted, cpu) in [(1, round % 2), (2, 1 - round % 2)] {
                if met {
                    break;
                }
                let raw = (&raw const slow.work).cast_mut().cast();
                // SAFETY: The first two processors are there, and the function may be called there
                // with the work, for which this waits.
                unsafe { bindings::smp_call_function_single(cpu, Some(queue), raw, true.into()) };
                while slow.begun.load(Relaxed) < wanted {
                    core::hint::spin_loop();
                }
            }
            // It depends on the processor that this runs on.
            let is_meeting = !met && slow.ended.load(Relaxed) < 2;
            slow.work.sync_all();
            if is_meeting {
                met = true;
                assert_eq!(slow.ended.load(Relaxed), 2);
            }
        }
        assert!(met);
        Ok(())
    }
}
