// SPDX-License-Identifier: GPL-2.0

//! A thread that does works, one after the other.
//!
//! Its home would be `rust/kernel/kthread.rs`. An abstraction of `kthread_worker` in the `kernel`
//! crate makes it superfluous.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    container_of,
    error::from_err_ptr,
    prelude::*,
    types::Opaque, //
};

/// A thread. Dropped, it does what has been queued, and ends.
///
/// # Invariants
///
/// The worker is valid, and its thread runs.
pub(crate) struct Worker(NonNull<bindings::kthread_worker>);

// SAFETY: A worker may be used, and destroyed, by any thread but its own.
unsafe impl Send for Worker {}
// SAFETY: As above: a shared reference allows no more than to queue works.
unsafe impl Sync for Worker {}

impl Worker {
    /// Makes a thread of that name, with the priority that the threads of interrupts have
    /// (`SCHED_FIFO` 50).
    ///
    /// It is not freezable. May sleep.
    ///
    /// C: `kthread_run_worker()`, `sched_set_fifo()`.
    pub(crate) fn new_fifo(name: &CStr) -> Result<Self> {
        // SAFETY: The format goes with the string, which is copied.
        let worker = from_err_ptr(unsafe {
            bindings::kthread_create_worker_on_node(
                0,
                bindings::NUMA_NO_NODE,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
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

impl Drop for Worker {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the worker is valid, and it is not used any more.
        unsafe { bindings::kthread_destroy_worker(self.0.as_ptr()) };
    }
}

/// What a work calls.
pub(crate) type Callback = unsafe extern "C" fn(*mut bindings::kthread_work);

/// A call in the thread of a worker.
///
/// # Invariants
///
/// The work is initialised and does not move. The worker is valid.
#[pin_data]
pub(crate) struct Work {
    #[pin]
    work: Opaque<bindings::kthread_work>,
    worker: NonNull<bindings::kthread_worker>,
}

// SAFETY: A work may be queued, and waited for, by any thread.
unsafe impl Send for Work {}
// SAFETY: As above.
unsafe impl Sync for Work {}

impl Work {
    /// Makes a call of `callback`.
    ///
    /// # Safety
    ///
    /// `worker` must outlive the work. Until [`Work::flush`] has been called after the last
    /// request, the work must not be freed, and `callback` be sound to call with its address.
    pub(crate) unsafe fn new(callback: Callback, worker: &Worker) -> impl PinInit<Self> + use<> {
        let worker = worker.0;
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            work <- Opaque::ffi_init(|slot: *mut bindings::kthread_work| {
                // SAFETY: `slot` may be written and stays where it is as long as it is used, by the
                // caller's promise.
                unsafe { bindings::kthread_init_work(slot, Some(callback)) }
            }),
            // INVARIANT: By the caller's promise it stays valid.
            worker,
        })
    }

    /// Returns what `work` is a part of: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `work` must be that of a `Work`.
    pub(crate) unsafe fn of_raw(work: *mut bindings::kthread_work) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(work).cast_mut(), Self, work) }
    }

    /// Requests the call, as soon as the thread runs.
    ///
    /// Any context but an NMI.
    ///
    /// C: `kthread_queue_work()`.
    pub(crate) fn queue(&self) {
        // SAFETY: Worker and work are valid, by the type invariant.
        unsafe { bindings::kthread_queue_work(self.worker.as_ptr(), self.work.get()) };
    }

    /// Waits until the call has returned that was last requested, if it has not yet.
    ///
    /// Process context.
    ///
    /// C: `kthread_flush_work()`.
    pub(crate) fn flush(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::kthread_flush_work(self.work.get()) };
    }
}
