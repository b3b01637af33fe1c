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
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::{
    bindings,
    time::Ktime, //
};
use core::ptr::NonNull;
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// What an hrtimer calls when it expires.
pub(crate) type Callback =
    unsafe extern "C" fn(*mut bindings::hrtimer) -> bindings::hrtimer_restart;

/// An hrtimer on `CLOCK_MONOTONIC`.
///
/// Its mode is neither `HARD` nor `SOFT`: the callback runs in hard interrupt context, and in soft
/// interrupt context on `PREEMPT_RT`, where the stream lock sleeps.
///
/// # Invariants
///
/// The timer is initialised and does not move.
#[pin_data(PinnedDrop)]
pub(crate) struct PeriodTimer {
    #[pin]
    inner: Opaque<bindings::hrtimer>,
}

// SAFETY: The functions that take an hrtimer lock its base; they may be called from any thread.
unsafe impl Send for PeriodTimer {}
// SAFETY: As above: shared references allow no more than to call those functions.
unsafe impl Sync for PeriodTimer {}

impl PeriodTimer {
    /// Makes a timer that does not run.
    ///
    /// # Safety
    ///
    /// Until the timer is dropped, `callback` must be sound to call with its address.
    pub(crate) unsafe fn new(callback: Callback) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            inner <- Opaque::ffi_init(|slot: *mut bindings::hrtimer| {
                // SAFETY: `slot` may be written and stays where it is until drop, which cancels.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(callback),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_ABS,
                    )
                }
            }),
        })
    }

    /// The timer of which `inner` is the C part: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `inner` must be the C part of a `PeriodTimer`.
    pub(crate) unsafe fn containing(inner: *mut bindings::hrtimer) -> *mut Self {
        // SAFETY: By the caller's promise `inner` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(inner).cast_mut(), Self, inner) }
    }

    /// The address of the C timer.
    pub(crate) fn as_raw(&self) -> NonNull<bindings::hrtimer> {
        // SAFETY: A field's address is not null.
        unsafe { NonNull::new_unchecked(self.inner.get()) }
    }

    /// Lets the timer expire at `at`, or at once if that is past. A timer that is armed is moved.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn arm(&self, at: Ktime) {
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { arm(self.as_raw(), at) }
    }

    /// Takes the timer off its queue; does not wait for a callback that is running.
    ///
    /// Any context, also with a lock held that the callback takes.
    #[inline]
    pub(crate) fn try_cancel(&self) {
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_try_to_cancel(self.as_raw().as_ptr()) };
    }

    /// Takes the timer off its queue and waits until its callback has returned.
    ///
    /// Process context, and without any lock that the callback takes.
    pub(crate) fn cancel_sync(&self) {
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_cancel(self.as_raw().as_ptr()) };
    }
}

#[pinned_drop]
impl PinnedDrop for PeriodTimer {
    fn drop(self: Pin<&mut Self>) {
        self.cancel_sync();
    }
}

/// [`PeriodTimer::arm`] for a timer that is known by its address.
///
/// # Safety
///
/// `timer` must be an initialised hrtimer that does not move before it is cancelled.
#[inline]
pub(crate) unsafe fn arm(timer: NonNull<bindings::hrtimer>, at: Ktime) {
    // SAFETY: By the caller's promise.
    unsafe {
        bindings::hrtimer_start_range_ns(
            timer.as_ptr(),
            at.as_raw(),
            0,
            bindings::hrtimer_mode_HRTIMER_MODE_ABS,
        )
    }
}
