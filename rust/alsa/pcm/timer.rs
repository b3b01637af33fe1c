// SPDX-License-Identifier: GPL-2.0

//! The period timer: an hrtimer that each open substream has.
//!
//! A PCM stream is stopped under its stream lock, which the callback wants as well: to wait for
//! that there would be a deadlock. So a stream that stops only *tries* to cancel its timer; the
//! callback finds out by itself that the stream no longer runs; and the wait comes later, where
//! sleeping is allowed and the lock is not held (`sync_stop` and `close`).
//!
//! A timer that is armed while its callback runs, be it by the callback itself, is restarted when
//! that returns: it costs a fraction of starting it anew, and a stream that is stopped in between,
//! as the callback may bring about, has only to forget it. Whether a callback runs is known under a
//! lock that whoever arms takes.
//!
//! Beside the hrtimer there is an *immediate work* with the same effect, for a stream that must be
//! called at once: before whoever asked for it, with interrupts off, has them on again. An hrtimer
//! that is armed for the past is only as quick as the clock's hardware.
//!
//! On an ordinary kernel both callbacks run in interrupts (`interrupt`), on `PREEMPT_RT` in a
//! thread (`thread`).

#[cfg_attr(CONFIG_PREEMPT_RT, path = "timer/thread.rs")]
#[cfg_attr(not(CONFIG_PREEMPT_RT), path = "timer/interrupt.rs")]
mod work;

pub(crate) use self::work::{
    Context,
    RawWork, //
};

use self::work::ImmediateWork;
use crate::{
    bindings,
    kext::{
        hrtimer::{
            self,
            HrTimer,
            Window, //
        },
        lock::SpinLockIrqSave, //
    },
    new_spinlock_irqsave, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// What an [`ImmediateWork`] calls.
pub(crate) type WorkCallback = unsafe extern "C" fn(*mut RawWork);

/// An hrtimer on `CLOCK_MONOTONIC`, and a work that can be had at once.
///
/// # Invariants
///
/// Unless its callback only requests the immediate work, the timer is started only with the lock of
/// `again` held.
#[pin_data(PinnedDrop)]
pub(crate) struct PeriodTimer {
    #[pin]
    timer: HrTimer,
    /// Whether the hrtimer's callback runs. It ends to do so with the lock of `again` held.
    runs: Atomic<bool>,
    /// For when it is to be restarted then. Taken inside of all other locks, but for the queue of
    /// the kernel's timers; not used if the callback only requests the immediate work.
    #[pin]
    again: SpinLockIrqSave<Option<Window>>,
    #[pin]
    work: ImmediateWork,
}

impl PeriodTimer {
    /// Whether the callback of the hrtimer must do no more than [`PeriodTimer::expire_now`], which
    /// has that of the immediate work do what is to be done.
    pub(crate) const TIMER_REQUESTS: bool = work::TIMER_REQUESTS;

    /// Makes a timer that does not run.
    ///
    /// # Safety
    ///
    /// Until the timer is dropped, the callbacks must be sound to call with the addresses of its
    /// parts, and `context` must live.
    pub(crate) unsafe fn new(
        timer_callback: hrtimer::Callback,
        work_callback: WorkCallback,
        context: &Context,
    ) -> impl PinInit<Self> + use<> {
        // SAFETY: By the caller's promise; drop waits.
        let (timer, work) = unsafe {
            (
                HrTimer::new(timer_callback, work::TIMER_MODE),
                ImmediateWork::new(work_callback, context),
            )
        };
        // INVARIANT: It has not been started.
        pin_init!(Self {
            timer <- timer,
            runs: Atomic::new(false),
            again <- new_spinlock_irqsave!(None, "alsa::pcm::PeriodTimer"),
            work <- work,
        })
    }

    /// Returns the timer of which `timer` is a part: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `timer` must be the hrtimer of a `PeriodTimer`.
    #[inline]
    pub(crate) unsafe fn of_timer(timer: *mut bindings::hrtimer) -> *mut Self {
        // SAFETY: By the caller's promise `timer` points into an `HrTimer`, which is in a `Self`.
        unsafe { container_of!(HrTimer::of_raw(timer), Self, timer) }
    }

    /// Returns the timer of which `work` is a part: for a callback, which gets that.
    ///
    /// # Safety
    ///
    /// `work` must be that of the immediate work of a `PeriodTimer`.
    #[inline]
    pub(crate) unsafe fn of_work(work: *mut RawWork) -> *mut Self {
        // SAFETY: By the caller's promise `work` points into an `ImmediateWork`, which is in a
        // `Self`.
        unsafe { container_of!(ImmediateWork::of_raw(work), Self, work) }
    }

    /// Lets the callback run as soon as this processor has interrupts on, or where it has been
    /// requested already; it may then run beside the timer's.
    ///
    /// On `PREEMPT_RT`: as soon as the thread runs.
    ///
    /// Any context but an NMI.
    #[inline]
    pub(crate) fn expire_now(&self) {
        self.work.request();
    }

    /// Lets the timer expire in a window of time, or at once if that is past.
    ///
    /// A timer that is armed is moved.
    ///
    /// Any context but an NMI.
    #[inline]
    pub(crate) fn arm(&self, window: Window) {
        if Self::TIMER_REQUESTS {
            self.timer.start(window);
            return;
        }
        let mut again = self.again.lock();
        // If it has just begun, and this does not see it yet, the timer is started in vain, and
        // found on its queue when the callback ends.
        if self.runs.load(Relaxed) {
            *again = Some(window);
        } else {
            self.timer.start(window);
        }
    }

    /// Calls `callback` in the callback of the hrtimer, and returns whether that callback has to
    /// restart the timer.
    ///
    /// It has to if the timer was armed meanwhile.
    ///
    /// # Safety
    ///
    /// To be called by the callback of the hrtimer only, which returns right after it.
    #[inline]
    pub(crate) unsafe fn run_callback(&self, callback: impl FnOnce()) -> bool {
        self.runs.store(true, Relaxed);
        callback();
        let mut again = self.again.lock();
        self.runs.store(false, Relaxed);
        let Some(window) = again.take() else {
            return false;
        };
        // Somebody may have started the timer when the callback had just begun. Whoever cancels
        // leaves it on its queue.
        // SAFETY: This is the callback, which returns now, by this function's requirement. With the
        // lock held nobody starts the timer, by the type invariant.
        unsafe { self.timer.start_again(window) }
    }

    /// Takes the timer off its queue; does not wait for a callback that is running.
    ///
    /// Whatever that has armed is forgotten, unless it is just returning; nor is a timer cancelled
    /// that was started when the callback had just begun. Then a callback may come, once, that
    /// finds the stream stopped.
    ///
    /// Any context but an NMI, also with a lock held that the callback takes.
    #[inline]
    pub(crate) fn try_cancel(&self) {
        if !Self::TIMER_REQUESTS {
            *self.again.lock() = None;
        }
        self.timer.try_cancel();
    }

    /// Takes the timer off its queue and waits until its callback, and that of the immediate work,
    /// have returned. (Of two of the latter, which meet on two processors, it waits for the last
    /// one: only the drop waits for all.)
    ///
    /// It waits for what there is to wait for, and for nothing else: who prepares a stream that has
    /// stopped long ago is not held up.
    ///
    /// What is armed or called for meanwhile, by others or by the callbacks themselves, it may
    /// miss. A driver whose stream has stopped does neither.
    ///
    /// Process context, interrupts on, and without any lock that the callback takes.
    pub(crate) fn cancel_sync(&self) {
        if Self::TIMER_REQUESTS {
            self.timer.cancel();
        }
        // Before the timer: its callback may arm that.
        self.work.wait();
        self.timer.cancel();
    }
}

#[pinned_drop]
impl PinnedDrop for PeriodTimer {
    fn drop(self: Pin<&mut Self>) {
        // Nothing is missed here, even if the driver always arms the timer. The stream has left
        // what it was attached to, so nobody calls at once or arms but the callbacks. On an
        // ordinary kernel those of the immediate work are done for good when it is closed, and
        // that of the timer when it has been waited for after that.
        //
        // On `PREEMPT_RT` it is the timer that requests the work, which may arm the timer again. So
        // the work is closed: it is told to have requests do nothing more, and all is waited for
        // twice. A callback of the timer
        // that has not yet seen that is waited for by the end of the first round, and its request
        // by the second. The work that this round has waited for has taken the worker's lock after
        // the first round had held it: whatever timer it has armed finds that it is to request
        // nothing, and ends with the round.
        self.work.close();
        self.cancel_sync();
        if Self::TIMER_REQUESTS {
            self.cancel_sync();
        }
    }
}
