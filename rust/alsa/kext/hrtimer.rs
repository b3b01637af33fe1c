// SPDX-License-Identifier: GPL-2.0

//! High-resolution timers that can be cancelled without waiting for their callback.
//!
//! The `kernel` crate has `HrTimer`, whose handle can only be cancelled with a wait for the
//! callback to return, and is so when it is dropped. Who cancels with a lock held that the callback
//! takes must not wait.
//!
//! Its home would be `rust/kernel/time/hrtimer.rs`. A handle there that can try to cancel, and can
//! be dropped without a wait, makes it superfluous; so does a public `HrTimer::raw_cancel()` with
//! its sister for `hrtimer_try_to_cancel()`.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::time::Ktime;
use crate::bindings;
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// What an hrtimer calls when it expires.
pub(crate) type Callback = unsafe extern "C" fn(*mut bindings::hrtimer) -> Restart;

/// What such a callback returns: see [`restart`].
pub(crate) type Restart = bindings::hrtimer_restart;

/// Where the callback of an hrtimer runs.
pub(crate) type Mode = bindings::hrtimer_mode;

/// On `CLOCK_MONOTONIC`, in interrupts, but on `PREEMPT_RT` in a thread for all timers.
#[allow(dead_code)] // One of the modes is used, which depends on the kernel.
pub(crate) const ABSOLUTE: Mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS;

/// On `CLOCK_MONOTONIC`, in interrupts.
#[allow(dead_code)] // As above.
pub(crate) const ABSOLUTE_HARD: Mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS_HARD;

/// Returns what the callback of an hrtimer returns: whether the timer starts again, for the time
/// that it has been set to.
#[inline]
pub(crate) fn restart(again: bool) -> Restart {
    // Bindgen makes a number of the C enum for some kernels, a struct with a number for others, and
    // names its values accordingly. They are 0 and 1, which `helpers.c` makes sure of.
    // SAFETY: Both are values of the enum, be it an integer or a struct of one.
    unsafe { core::mem::transmute(u32::from(again)) }
}

/// When a timer may expire: not before its time, and not much later. Timers whose windows overlap
/// cost one interrupt.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    from: Ktime,
    /// In nanoseconds.
    length: u64,
}

impl Window {
    /// Returns the window that begins at `from` and ends `length` nanoseconds later.
    #[inline]
    pub(crate) fn new(from: Ktime, length: u64) -> Self {
        Self { from, length }
    }
}

impl From<Ktime> for Window {
    /// Returns the window that begins and ends at a time.
    #[inline]
    fn from(at: Ktime) -> Self {
        Self::new(at, 0)
    }
}

/// A timer on `CLOCK_MONOTONIC`.
///
/// # Invariants
///
/// The timer is initialised and does not move.
#[pin_data]
pub(crate) struct HrTimer {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    mode: Mode,
}

// SAFETY: The functions for timers lock them; they may be called from any thread.
unsafe impl Send for HrTimer {}
// SAFETY: As above.
unsafe impl Sync for HrTimer {}

impl HrTimer {
    /// Makes a timer that is not started.
    ///
    /// # Safety
    ///
    /// Until [`HrTimer::cancel`] has been called after the last start, the timer must not be freed,
    /// and `callback` be sound to call with its address.
    pub(crate) unsafe fn new(callback: Callback, mode: Mode) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            timer <- Opaque::ffi_init(move |slot: *mut bindings::hrtimer| {
                // SAFETY: `slot` may be written and stays where it is as long as it is used, by the
                // caller's promise.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(callback),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        mode,
                    )
                }
            }),
            mode,
        })
    }

    /// Returns what `timer` is a part of: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `timer` must be that of an `HrTimer`.
    #[inline]
    pub(crate) unsafe fn of_raw(timer: *mut bindings::hrtimer) -> *mut Self {
        // SAFETY: By the caller's promise `timer` points into a `Self`.
        unsafe { container_of!(Opaque::cast_from(timer).cast_mut(), Self, timer) }
    }

    /// Lets the timer expire in a window of time, or at once if that is past.
    ///
    /// One that is started is moved. Any context but an NMI.
    ///
    /// C: `hrtimer_start_range_ns()`.
    #[inline]
    pub(crate) fn start(&self, window: Window) {
        // SAFETY: The timer is initialised and does not move, by the type invariant; the mode is
        // that with which it has been set up.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.timer.get(),
                window.from.as_raw(),
                window.length,
                self.mode,
            );
        }
    }

    /// Starts the timer in its callback, and returns whether that has to have it restarted
    /// ([`restart`]).
    ///
    /// A restart costs a fraction of starting it anew. If there is none, somebody else had started
    /// it already, and it has been moved.
    ///
    /// # Safety
    ///
    /// To be called by the callback only, as the last thing that it does, and so that nobody starts
    /// the timer meanwhile. (If somebody starts it after this, and before the callback has returned,
    /// his is the time that counts.)
    #[inline]
    pub(crate) unsafe fn start_again(&self, window: Window) -> bool {
        // SAFETY: The timer is initialised, by the type invariant.
        if unsafe { bindings::hrtimer_is_queued(self.timer.get()) } {
            self.start(window);
            return false;
        }
        // SAFETY: As above. It is on no queue, and by the caller's promise nobody puts it on one
        // now.
        unsafe {
            bindings::hrtimer_set_expires_range_ns(
                self.timer.get(),
                window.from.as_raw(),
                window.length,
            );
        }
        true
    }

    /// Takes the timer off its queue; does not wait for a callback that runs.
    ///
    /// Any context but an NMI.
    ///
    /// C: `hrtimer_try_to_cancel()`.
    #[inline]
    pub(crate) fn try_cancel(&self) {
        // SAFETY: The timer is initialised, by the type invariant.
        unsafe { bindings::hrtimer_try_to_cancel(self.timer.get()) };
    }

    /// Takes the timer off its queue, and waits until its callback has returned.
    ///
    /// Process context, or any in which the callback does not run, without a lock that it takes.
    ///
    /// C: `hrtimer_cancel()`.
    pub(crate) fn cancel(&self) {
        // SAFETY: The timer is initialised, by the type invariant.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) };
    }
}

#[kunit_tests(alsa_hrtimer)]
mod tests {
    use super::*;
    use kernel::{
        sync::{
            atomic::{
                Atomic,
                Relaxed, //
            },
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    const MODE: Mode = if cfg!(CONFIG_PREEMPT_RT) {
        ABSOLUTE_HARD
    } else {
        ABSOLUTE
    };

    /// Counts how often the timer has expired. Starts it again as long as that is to be.
    #[pin_data]
    struct Counter {
        #[pin]
        timer: HrTimer,
        calls: Atomic<u32>,
        wanted: u32,
    }

    /// # Safety
    ///
    /// Called only as the callback of the timer of a `Counter`.
    unsafe extern "C" fn count(timer: *mut bindings::hrtimer) -> Restart {
        // SAFETY: As this function requires; the test cancels the timer before it is freed.
        let counter = unsafe { &*container_of!(HrTimer::of_raw(timer), Counter, timer) };
        let calls = counter.calls.load(Relaxed) + 1;
        counter.calls.store(calls, Relaxed);
        // SAFETY: This is the callback, and the test does not start the timer meanwhile.
        restart(calls < counter.wanted && unsafe { counter.timer.start_again(Ktime::now().into()) })
    }

    fn counter(wanted: u32) -> Result<Arc<Counter>> {
        // SAFETY: The timer is that of a `Counter`, and is cancelled.
        let timer = unsafe { HrTimer::new(count, MODE) };
        Arc::pin_init(
            pin_init!(Counter {
                timer <- timer,
                calls: Atomic::new(0),
                wanted,
            }),
            GFP_KERNEL,
        )
    }

    /// A timer that starts itself again expires as often as it wants to, and then no more.
    #[test]
    fn starts_again() -> Result {
        let counter = counter(3)?;
        counter.timer.start(Ktime::now().into());
        for _ in 0..100 {
            fsleep(Delta::from_millis(1));
            if counter.calls.load(Relaxed) == 3 {
                break;
            }
        }
        fsleep(Delta::from_millis(1));
        counter.timer.cancel();
        assert_eq!(counter.calls.load(Relaxed), 3);
        Ok(())
    }

    /// One with a window expires in it, and at its end at the latest, if nothing else happens.
    #[test]
    fn in_its_window() -> Result {
        const LENGTH: u64 = 2_000_000;
        let counter = counter(1)?;
        let from = Ktime::from_nanos(Ktime::now().as_nanos() + LENGTH);
        counter.timer.start(Window::new(from, LENGTH));
        while counter.calls.load(Relaxed) == 0 {
            let now = Ktime::now();
            fsleep(Delta::from_micros(100));
            // Generous: a guest may stand still.
            assert!(now.as_nanos() < from.as_nanos() + LENGTH + 1_000_000_000);
        }
        assert!(Ktime::now() >= from);
        counter.timer.cancel();
        Ok(())
    }

    /// One that has been cancelled does not expire, and may be cancelled again.
    #[test]
    fn cancelled() -> Result {
        for cancel in [HrTimer::try_cancel, HrTimer::cancel] {
            let counter = counter(1)?;
            cancel(&counter.timer);
            // Generous: a guest may stand still between the two.
            let soon = Ktime::now().as_nanos() + 50_000_000;
            counter.timer.start(Ktime::from_nanos(soon).into());
            cancel(&counter.timer);
            cancel(&counter.timer);
            fsleep(Delta::from_millis(100));
            assert_eq!(counter.calls.load(Relaxed), 0);
            // Whatever is wrong, the timer must not outlive what it is in.
            counter.timer.cancel();
        }
        Ok(())
    }
}
