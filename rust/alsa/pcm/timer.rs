// SPDX-License-Identifier: GPL-2.0

//! The period timer: an hrtimer that each open substream has.
//!
//! The `kernel` crate has `HrTimer`, whose handle can only be cancelled with a wait for the callback
//! to return. A PCM stream is stopped under its stream lock, which the callback wants as well: to
//! wait there would be a deadlock. So a stream that stops only *tries* to cancel its timer; the
//! callback finds out by itself that the stream no longer runs; and the wait comes later, where
//! sleeping is allowed and the lock is not held (`sync_stop` and `close`).
//!
//! The timer is never restarted by its callback's return value but by arming it anew. So it does
//! not matter whether a callback is running when the stream is started again.
//!
//! Beside the hrtimer there is an irq_work with the same callback, for a stream that must be called at
//! once: before whoever asked for it, with interrupts off, has them on again. An hrtimer that is armed
//! for the past is only as quick as the clock's hardware.
//!
//! C headers: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h),
//! [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::{
    bindings,
    time::Ktime, //
};
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// What an hrtimer calls when it expires.
pub(crate) type TimerCallback =
    unsafe extern "C" fn(*mut bindings::hrtimer) -> bindings::hrtimer_restart;

/// What an irq_work calls.
pub(crate) type WorkCallback = unsafe extern "C" fn(*mut bindings::irq_work);

/// An hrtimer on `CLOCK_MONOTONIC`, and an irq_work.
///
/// The mode of the timer is neither `HARD` nor `SOFT`, and the work is not `HARD` either: callbacks
/// run in hard interrupt context, but on `PREEMPT_RT`, where the stream lock sleeps, in soft interrupt
/// context and in a thread.
///
/// # Invariants
///
/// Timer and work are initialised and do not move.
#[pin_data(PinnedDrop)]
pub(crate) struct PeriodTimer {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    #[pin]
    work: Opaque<bindings::irq_work>,
}

// SAFETY: The functions for timers and works may be called from any thread.
unsafe impl Send for PeriodTimer {}
// SAFETY: As above: shared references allow no more than to call those functions.
unsafe impl Sync for PeriodTimer {}

impl PeriodTimer {
    /// Makes a timer that does not run.
    ///
    /// # Safety
    ///
    /// Until the timer is dropped, the callbacks must be sound to call with the addresses of its parts.
    pub(crate) unsafe fn new(
        timer_callback: TimerCallback,
        work_callback: WorkCallback,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            timer <- Opaque::ffi_init(|slot: *mut bindings::hrtimer| {
                // SAFETY: `slot` may be written and stays where it is until drop, which cancels.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(timer_callback),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_ABS,
                    )
                }
            }),
            work <- Opaque::ffi_init(|slot: *mut bindings::irq_work| {
                // SAFETY: `slot` may be written and stays where it is until drop, which waits.
                unsafe { bindings::init_irq_work(slot, Some(work_callback)) }
            }),
        })
    }

    /// The timer of which `timer` is a part: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `timer` must be the hrtimer of a `PeriodTimer`.
    pub(crate) unsafe fn of_timer(timer: *mut bindings::hrtimer) -> *mut Self {
        // SAFETY: By the caller's promise `timer` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(timer).cast_mut(), Self, timer) }
    }

    /// As [`PeriodTimer::of_timer`].
    ///
    /// # Safety
    ///
    /// `work` must be the irq_work of a `PeriodTimer`.
    pub(crate) unsafe fn of_work(work: *mut bindings::irq_work) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(work).cast_mut(), Self, work) }
    }

    /// The address of the hrtimer.
    fn as_raw(&self) -> *mut bindings::hrtimer {
        self.timer.get()
    }

    /// Lets the callback run as soon as this processor has interrupts on (on `PREEMPT_RT`, as soon as
    /// its thread runs). It may then run beside the timer's.
    ///
    /// Any context.
    pub(crate) fn expire_now(&self) {
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_queue(self.work.get()) };
    }

    /// Lets the timer expire at `at`, or at once if that is past. A timer that is armed is moved.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn arm(&self, at: Ktime) {
        // SAFETY: The timer is initialised and does not move, by the type invariant.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.as_raw(),
                at.as_raw(),
                0,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS,
            )
        }
    }

    /// Takes the timer off its queue; does not wait for a callback that is running.
    ///
    /// Any context, also with a lock held that the callback takes.
    #[inline]
    pub(crate) fn try_cancel(&self) {
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_try_to_cancel(self.as_raw()) };
    }

    /// Takes the timer off its queue and waits until its callback, and that of the work, have returned.
    ///
    /// Process context, interrupts on, and without any lock that the callback takes.
    pub(crate) fn cancel_sync(&self) {
        // The work first: its callback may arm the timer.
        // SAFETY: The work is initialised, by the type invariant.
        unsafe { bindings::irq_work_sync(self.work.get()) };
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_cancel(self.as_raw()) };
    }
}

#[pinned_drop]
impl PinnedDrop for PeriodTimer {
    fn drop(self: Pin<&mut Self>) {
        self.cancel_sync();
    }
}
