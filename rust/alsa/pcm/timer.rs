// SPDX-License-Identifier: GPL-2.0

//! The period timer: an hrtimer that each open substream has.
//!
//! The `kernel` crate has `HrTimer`, whose handle can only be cancelled with a wait for the
//! callback to return. A PCM stream is stopped under its stream lock, which the callback wants as
//! well: to wait there would be a deadlock. So a stream that stops only *tries* to cancel its
//! timer; the callback finds out by itself that the stream no longer runs; and the wait comes
//! later, where sleeping is allowed and the lock is not held (`sync_stop` and `close`).
//!
//! A timer that is armed while its callback runs, be it by the callback itself, is restarted when
//! that returns: it costs a fraction of starting it anew, and a stream that is stopped in between,
//! as the callback may bring about, has only to forget it. Whether a callback runs is known under a
//! lock that whoever arms takes.
//!
//! Beside the hrtimer there is a call with the same effect, for a stream that must be called at
//! once: before whoever asked for it, with interrupts off, has them on again. An hrtimer that is
//! armed for the past is only as quick as the clock's hardware.
//!
//! On an ordinary kernel both callbacks run in interrupts (`interrupt`), on `PREEMPT_RT` in a
//! thread (`thread`).
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

#[cfg_attr(CONFIG_PREEMPT_RT, path = "timer/thread.rs")]
#[cfg_attr(not(CONFIG_PREEMPT_RT), path = "timer/interrupt.rs")]
mod call;

pub(crate) use self::call::{
    Context,
    Work, //
};

use self::call::Call;
use crate::{
    bindings,
    lock::SpinLockIrqSave,
    new_spinlock_irqsave,
    time::Ktime, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// What an hrtimer calls when it expires.
pub(crate) type TimerCallback =
    unsafe extern "C" fn(*mut bindings::hrtimer) -> bindings::hrtimer_restart;

/// What the callback of an hrtimer returns: whether the timer starts again, for the time that it has
/// been set to.
pub(crate) fn restart(again: bool) -> bindings::hrtimer_restart {
    // Bindgen makes a number of the C enum for some kernels, a struct with a number for others, and
    // names its values accordingly. They are 0 and 1, which `helpers.c` makes sure of.
    // SAFETY: Both are values of the enum, be it an integer or a struct of one.
    unsafe { core::mem::transmute(u32::from(again)) }
}

/// What a [`Call`] calls.
pub(crate) type WorkCallback = unsafe extern "C" fn(*mut Work);

/// An hrtimer on `CLOCK_MONOTONIC`, and a call that can be had at once.
///
/// # Invariants
///
/// The timer is initialised and does not move. Unless its callback only requests the call, it is
/// started with the lock of `again` held only.
#[pin_data(PinnedDrop)]
pub(crate) struct PeriodTimer {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    /// Whether the hrtimer's callback runs. It ends to do so with the lock of `again` held.
    runs: Atomic<bool>,
    /// For when it is to be restarted then. Taken inside of all other locks; not used if the
    /// callback only requests the call.
    #[pin]
    again: SpinLockIrqSave<Option<Ktime>>,
    #[pin]
    call: Call,
}

// SAFETY: The functions for timers and calls may be called from any thread.
unsafe impl Send for PeriodTimer {}
// SAFETY: As above: shared references allow no more than to call those functions.
unsafe impl Sync for PeriodTimer {}

impl PeriodTimer {
    /// Whether the callback of the hrtimer must do no more than [`PeriodTimer::expire_now`], which
    /// has that of the call do what is to be done.
    pub(crate) const TIMER_REQUESTS: bool = call::TIMER_REQUESTS;

    /// Makes a timer that does not run.
    ///
    /// # Safety
    ///
    /// Until the timer is dropped, the callbacks must be sound to call with the addresses of its
    /// parts, and `context` must live.
    pub(crate) unsafe fn new(
        timer_callback: TimerCallback,
        work_callback: WorkCallback,
        context: &Context,
    ) -> impl PinInit<Self> + use<> {
        // SAFETY: By the caller's promise; drop waits.
        let call = unsafe { Call::new(work_callback, context) };
        pin_init!(Self {
            // INVARIANT: Initialised here; pinned.
            timer <- Opaque::ffi_init(|slot: *mut bindings::hrtimer| {
                // SAFETY: `slot` may be written and stays where it is until drop, which cancels.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(timer_callback),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        call::TIMER_MODE,
                    )
                }
            }),
            runs: Atomic::new(false),
            again <- new_spinlock_irqsave!(None, "alsa::pcm::PeriodTimer"),
            call <- call,
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
    /// `work` must be that of the call of a `PeriodTimer`.
    pub(crate) unsafe fn of_work(work: *mut Work) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into a `Call`, which is in a `Self`.
        unsafe { container_of!(Call::of_work(work), Self, call) }
    }

    /// The address of the hrtimer.
    fn as_raw(&self) -> *mut bindings::hrtimer {
        self.timer.get()
    }

    /// Lets the callback run as soon as this processor has interrupts on; it may then run beside
    /// the timer's. On `PREEMPT_RT`: as soon as the thread runs.
    ///
    /// Any context.
    pub(crate) fn expire_now(&self) {
        self.call.request();
    }

    /// Lets the timer expire at `at`, or at once if that is past. A timer that is armed is moved.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn arm(&self, at: Ktime) {
        if Self::TIMER_REQUESTS {
            self.start(at);
            return;
        }
        let mut again = self.again.lock();
        // If it has just begun, and this does not see it yet, the timer is started in vain, and
        // found on its queue when the callback ends.
        if self.runs.load(Relaxed) {
            *again = Some(at);
        } else {
            self.start(at);
        }
    }

    /// Starts the hrtimer.
    #[inline]
    fn start(&self, at: Ktime) {
        // SAFETY: The timer is initialised and does not move, by the type invariant.
        unsafe { bindings::hrtimer_start_range_ns(self.as_raw(), at.as_raw(), 0, call::TIMER_MODE) }
    }

    /// Does, in the callback of the hrtimer, what is to be done. Returns whether that callback has to
    /// restart the timer: it was armed meanwhile.
    ///
    /// # Safety
    ///
    /// To be called by the callback of the hrtimer only, which returns right after it.
    pub(crate) unsafe fn run_callback(&self, call: impl FnOnce()) -> bool {
        self.runs.store(true, Relaxed);
        call();
        let mut again = self.again.lock();
        self.runs.store(false, Relaxed);
        let Some(at) = again.take() else {
            return false;
        };
        // Somebody may have started the timer when the callback had just begun. Whoever cancels
        // leaves it on its queue, and with the lock held nobody starts it.
        // SAFETY: The timer is initialised, by the type invariant.
        if unsafe { bindings::hrtimer_is_queued(self.as_raw()) } {
            self.start(at);
            return false;
        }
        // SAFETY: As above. Its callback runs, by this function's requirement, and the timer is on
        // no queue.
        unsafe { bindings::hrtimer_set_expires(self.as_raw(), at.as_raw()) };
        true
    }

    /// Takes the timer off its queue; does not wait for a callback that is running. Whatever that
    /// has armed is forgotten, unless it is just returning; nor is a timer cancelled that was
    /// started when the callback had just begun. Then a callback may come, once, that finds the
    /// stream stopped.
    ///
    /// Any context, also with a lock held that the callback takes.
    #[inline]
    pub(crate) fn try_cancel(&self) {
        if !Self::TIMER_REQUESTS {
            *self.again.lock() = None;
        }
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_try_to_cancel(self.as_raw()) };
    }

    /// Takes the timer off its queue and waits until its callback, and that of the call, have
    /// returned. It waits for what there is to wait for, and for nothing else: who prepares a
    /// stream that has stopped long ago is not held up.
    ///
    /// What is armed or called for meanwhile, by others or by the callbacks themselves, it may
    /// miss. A driver whose stream has stopped does neither.
    ///
    /// Process context, interrupts on, and without any lock that the callback takes.
    pub(crate) fn cancel_sync(&self) {
        if Self::TIMER_REQUESTS {
            // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
            unsafe { bindings::hrtimer_cancel(self.as_raw()) };
        }
        // Before the timer: its callback may arm that.
        self.call.wait();
        // SAFETY: `as_raw()` is an initialised timer, by the type invariant.
        unsafe { bindings::hrtimer_cancel(self.as_raw()) };
    }
}

#[pinned_drop]
impl PinnedDrop for PeriodTimer {
    fn drop(self: Pin<&mut Self>) {
        // Nothing is missed here, even if the driver always arms the timer. The stream is at no
        // port, so nobody calls at once or arms but the callbacks. On an ordinary kernel that of
        // the call is done for good when it has been waited for, and that of the timer then too.
        //
        // On `PREEMPT_RT` it is the timer that requests the call, which may arm the timer again. So
        // it is told to request nothing more, and all is waited for twice. A callback of the timer
        // that has not yet seen that is waited for by the end of the first round, and its request
        // by the second. The call that this round has waited for has taken the worker's lock after
        // the first round had held it: whatever timer it has armed finds that it is to request
        // nothing, and ends with the round.
        self.call.close();
        self.cancel_sync();
        if Self::TIMER_REQUESTS {
            self.cancel_sync();
        }
    }
}
