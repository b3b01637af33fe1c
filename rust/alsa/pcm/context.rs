// SPDX-License-Identifier: GPL-2.0

//! The objects that callbacks get, one for each context.
//!
//! The type of the object that a callback gets says what may be done in it:
//!
//! | object         | callback                | may sleep | stream lock | offers                |
//! |----------------|-------------------------|-----------|-------------|-----------------------|
//! | [`Opening`]    | `open`                  | yes       | no          | attach, constrain     |
//! | [`Preparing`]  | `prepare`               | yes       | no          | parameters, buffer    |
//! | [`Triggering`] | `trigger`               | no        | held        | parameters, timer, …  |
//! | [`Querying`]   | `pointer`, …            | no        | held        | parameters, …         |
//! | [`Expired`]    | `period_timer`, `rearm` | no        | no          | timer                 |
//!
//! Each offers the methods of [`Substream`] besides.
//!
//! With the stream lock held, interrupts are off: it is a spinlock. Not so on `PREEMPT_RT`, where
//! spinlocks sleep and interrupts have threads, but a callback must not sleep there either.

use super::{
    shared::{
        Entrance,
        Shared, //
    },
    substream::report_no_clock,
    timer::PeriodTimer,
    Buffer,
    InfoFlags,
    Params,
    Substream, //
    Trigger,
};
use crate::{
    bindings,
    card::Card,
    control,
    kext::time::Ktime, //
};
use core::{
    cell::Cell,
    ops::Deref, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc, //
};

/// A substream that is being opened. May sleep.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Opening,
///     Shared, //
/// };
/// use kernel::sync::Arc;
///
/// /// What `open` may do: the stream shares a number with that of the other direction.
/// fn attach(shared: &Arc<Shared<u64>>, substream: &mut Opening<'_>) -> Result {
///     substream.constrain_periods_to_integer()?;
///     substream.attach(shared.clone());
///     Ok(())
/// }
/// ```
///
/// # Invariants
///
/// The `open` callback of the substream, or the initialiser that it has returned, is at work: it
/// has a new runtime. Nobody else uses what a driver sets of the two.
pub struct Opening<'a> {
    substream: &'a Substream,
    /// What the substream has been attached to. Not in here: the initialiser that `open` returns
    /// may borrow this until it has run.
    attachment: &'a Cell<Option<Arc<dyn Entrance>>>,
}

impl<'a> Opening<'a> {
    /// # Safety
    ///
    /// For `'a`, the substream must be one that is being opened: nobody else may use what a driver
    /// sets of it and of its runtime.
    #[inline]
    pub(crate) unsafe fn new(
        substream: &'a Substream,
        attachment: &'a Cell<Option<Arc<dyn Entrance>>>,
    ) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            substream,
            attachment,
        }
    }

    /// Attaches the substream to `shared`, where it will be found while it runs.
    ///
    /// A substream has one attachment: a second call replaces the first. There is room for one
    /// stream of each direction: of two that run, the one that started last is found until it
    /// stops, and then none.
    pub fn attach<T: Send + Unpin + 'static>(&mut self, shared: Arc<Shared<T>>) {
        self.attachment.set(Some(shared));
    }

    /// Takes back some of what the hardware description offers, for this stream.
    pub fn withhold(&mut self, info: impl Into<InfoFlags>) {
        let info = info.into().bits();
        // SAFETY: The runtime is valid, and by the type invariant nobody else uses the field.
        unsafe { (*self.runtime()).hw.info &= !info };
    }

    /// Constrains the buffer to a whole number of periods.
    ///
    /// C: `snd_pcm_hw_constraint_integer()` on `SNDRV_PCM_HW_PARAM_PERIODS`.
    ///
    /// # Errors
    ///
    /// What the core returns if no number of periods is left.
    pub fn constrain_periods_to_integer(&self) -> Result {
        // SAFETY: The runtime is valid, and by the type invariant nobody else uses its constraints.
        to_result(unsafe {
            bindings::snd_pcm_hw_constraint_integer(
                self.runtime(),
                bindings::SNDRV_PCM_HW_PARAM_PERIODS as bindings::snd_pcm_hw_param_t,
            )
        })
    }
}

/// A substream that is being prepared. May sleep; the stream does not run.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Preparing;
///
/// /// What `prepare` may do: makes the buffer silent.
/// fn silence(substream: &Preparing<'_>) -> Result {
///     let buffer = substream.buffer();
///     buffer.silence(0, buffer.bytes())
/// }
/// ```
///
/// # Invariants
///
/// Nothing sets the parameters of the substream as long as the value is there.
pub struct Preparing<'a> {
    substream: &'a Substream,
    buffer: Buffer<'a>,
}

impl<'a> Preparing<'a> {
    /// # Safety
    ///
    /// For `'a`, nothing may set the parameters of the substream.
    #[inline]
    pub(crate) unsafe fn new(substream: &'a Substream, buffer: Buffer<'a>) -> Self {
        // INVARIANT: By the caller's promise.
        Self { substream, buffer }
    }

    /// Returns what the stream is set to.
    #[inline]
    pub fn params(&self) -> Params {
        // SAFETY: By the type invariant nothing sets the parameters.
        unsafe { self.substream.params() }
    }

    /// Lets reads and writes wait as long as they have to, until the substream is closed.
    ///
    /// By default the core takes a device for broken, and returns `EIO`, that has not moved for the
    /// length of the buffer and a tenth, or 100 ms if that is more.
    ///
    /// C: `substream->wait_time`.
    pub fn wait_for_ever(&self) {
        // In milliseconds; what is negative, `msecs_to_jiffies()` takes for an infinite time.
        // SAFETY: The substream is valid. A read or write that begins to wait meanwhile reads the
        // field as a whole.
        unsafe { (&raw mut (*self.substream.as_raw()).wait_time).write_volatile(-1) };
    }

    /// Returns the buffer.
    ///
    /// The stream does not run: nobody else but its application touches it.
    pub fn buffer(&self) -> Buffer<'_> {
        self.buffer
    }
}

/// A substream that is being started, stopped, paused… The stream lock is held; must not sleep.
///
/// # Examples
///
/// ```
/// use alsa::{
///     control::ElementId,
///     pcm::Triggering,
///     time::Ktime, //
/// };
///
/// /// What `trigger` may do: has the timer expire in a millisecond, and tells who listens.
/// fn start(substream: &Triggering<'_>, active: &ElementId) {
///     let now = substream.time().as_nanos();
///     substream.arm_timer(Ktime::from_nanos(now.saturating_add(1_000_000)));
///     substream.notify(active);
/// }
/// ```
///
/// # Invariants
///
/// As long as the value is there, the stream lock is held, and nothing sets the parameters of the
/// substream. `timer` is its period timer.
pub struct Triggering<'a> {
    substream: &'a Substream,
    timer: &'a PeriodTimer,
    time: Ktime,
    undoes_start: bool,
}

impl<'a> Triggering<'a> {
    /// # Safety
    ///
    /// For `'a`, the lock of the substream must be held, `timer` be its period timer, and nothing
    /// may set its parameters.
    #[inline]
    pub(crate) unsafe fn new(
        substream: &'a Substream,
        timer: &'a PeriodTimer,
        time: Ktime,
        command: Trigger,
    ) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            substream,
            timer,
            time,
            // The core stops, pauses and suspends none but streams that run, and lets streams count
            // as running only when all have been started.
            undoes_start: command.stops() && !substream.is_running(),
        }
    }

    /// Returns what the stream is set to.
    #[inline]
    pub fn params(&self) -> Params {
        // SAFETY: By the type invariant nothing sets the parameters.
        unsafe { self.substream.params() }
    }

    /// Returns when it happens.
    ///
    /// Linked streams of a driver that start or pause together, or go on after a pause, do so at
    /// one and the same time.
    #[inline]
    pub fn time(&self) -> Ktime {
        self.time
    }

    /// Returns whether a command that stops the stream undoes one that has started it, since a
    /// stream that is linked with it can't be started: see [`Ops::trigger`](super::Ops::trigger).
    ///
    /// C: `snd_pcm_undo_start()` and the like.
    pub fn undoes_start(&self) -> bool {
        self.undoes_start
    }

    /// Arms the period timer: `period_timer` is called at `at`, or at once if that is past.
    ///
    /// There is nothing to call for the opposite: a stream that stops, pauses or is suspended has
    /// its timer cancelled.
    #[inline]
    pub fn arm_timer(&self, at: Ktime) {
        self.timer.arm(at.into());
    }

    /// Tells the core that the time of this trigger is that which the driver knows, and not a little
    /// later, or that the core shall look for itself, as it does when the stream stops.
    pub(crate) fn latch_time(&self, is_known: bool) {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the stream lock, which is held by the type invariant,
        // protects the fields.
        unsafe {
            (*runtime).trigger_tstamp_latched = is_known;
            if is_known {
                (*runtime).trigger_tstamp = self.timestamp(self.time);
            }
        }
    }

    /// Tells those who listen to the card's controls that the value of `element` has changed.
    ///
    /// Store the value first: a listener may read it at once.
    ///
    /// C: `snd_ctl_notify()` with `SNDRV_CTL_EVENT_MASK_VALUE`.
    pub fn notify(&self, element: &control::ElementId) {
        // SAFETY: An open substream belongs to a PCM device, and that to a card; both are valid.
        element.notify(unsafe { Card::from_raw((*(*self.as_raw()).pcm).card) });
    }
}

/// A substream whose position is asked for. The stream lock is held; must not sleep.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Querying;
///
/// /// What `pointer` may do: tells the position of a device that counts its frames.
/// fn position(frames: u64, known: u64, substream: &Querying<'_>) -> Option<u32> {
///     let buffer = u64::from(substream.params().buffer_size);
///     substream.note_lost_buffers(frames.saturating_sub(known).checked_div(buffer)?);
///     u32::try_from(frames.checked_rem(buffer)?).ok()
/// }
/// ```
///
/// # Invariants
///
/// As long as the value is there, the stream lock is held, and nothing sets the parameters of the
/// substream.
pub struct Querying<'a> {
    substream: &'a Substream,
    lost_buffers: Cell<Option<u64>>,
}

impl<'a> Querying<'a> {
    /// # Safety
    ///
    /// For `'a`, the lock of the substream must be held and nothing may set its parameters.
    #[inline]
    pub(crate) unsafe fn new(substream: &'a Substream) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            substream,
            lost_buffers: Cell::new(None),
        }
    }

    /// Returns what the stream is set to.
    #[inline]
    pub fn params(&self) -> Params {
        // SAFETY: By the type invariant nothing sets the parameters.
        unsafe { self.substream.params() }
    }

    /// Says in `pointer`, beside the position that it returns, that so many whole buffers have gone
    /// by since the position that it last returned, or since `prepare`: the stream has moved by
    /// `buffers` times the buffer's length, and by less than a buffer beyond.
    ///
    /// Elsewhere it says nothing.
    ///
    /// The core knows positions modulo the buffer. If a driver does not say here how many buffers
    /// have gone by, be it none, the core concludes that from jiffies. In a stream without period wake-ups, whose
    /// application may sleep for longer, the buffers said here are counted. In any other the end of
    /// each period tells the core. There one buffer is counted, if the stream has moved by less
    /// than a period beyond: in a buffer of a single period, or frame, say it for the next one.
    /// More, because the system stood still, is not counted: return `None` then, unless the
    /// application has asked never to be stopped.
    #[inline]
    pub fn note_lost_buffers(&self, buffers: u64) {
        self.lost_buffers.set(Some(buffers));
    }

    /// Tells the core, in `pointer`, of the buffers between the position that it knows and
    /// `position`, which is about to be returned to it.
    #[inline]
    pub(crate) fn skip_buffers(&self, position: bindings::snd_pcm_uframes_t) {
        let Some(buffers) = self.lost_buffers.get() else {
            return;
        };
        let runtime = self.runtime();
        // SAFETY: The substream has a runtime with a buffer. By the type invariant the stream lock
        // is held and nothing sets the parameters; the caller is `snd_pcm_update_hw_ptr0()`, as
        // always.
        unsafe {
            (*runtime).hw_ptr_buffer_jiffies = c_ulong::MAX / 2;
            if buffers > 0 {
                bindings::snd_pcm_skip_buffers(self.as_raw(), buffers, position);
            }
        }
    }

    /// Makes the report that goes with a position be of that position.
    ///
    /// The core does not call `get_time_info` for the position itself. It then looks at the report
    /// all the same, which may still be about another clock.
    #[inline]
    pub(crate) fn renew_report(&self) {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the stream lock, which is held by the type invariant,
        // protects the fields.
        let (config, report) = unsafe {
            (
                &(*runtime).audio_tstamp_config,
                &mut (*runtime).audio_tstamp_report,
            )
        };
        if config.type_requested() == bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_DEFAULT {
            report_no_clock(report);
        }
    }
}

/// A substream whose period timer has expired. No lock is held; interrupt context, or a thread that
/// must not sleep.
///
/// # Examples
///
/// ```
/// use alsa::{
///     pcm::Expired,
///     time::Ktime, //
/// };
///
/// /// What `rearm` may do: has the timer expire again.
/// fn rearm(substream: &Expired<'_>, next: Option<Ktime>) {
///     if let Some(next) = next {
///         substream.arm_timer(next);
///     }
/// }
/// ```
///
/// # Invariants
///
/// A callback of `timer`, the period timer of the substream, is at work, which has been called with
/// no lock held that the core or a driver takes.
pub struct Expired<'a> {
    substream: &'a Substream,
    timer: &'a PeriodTimer,
}

impl<'a> Expired<'a> {
    /// Makes the object of a callback of `timer`.
    ///
    /// # Safety
    ///
    /// `timer` must be the period timer of the substream. To be called in a callback of it which
    /// has been called with no lock held that the core or a driver takes, and which does not return
    /// during `'a`.
    #[inline]
    pub(crate) unsafe fn new(substream: &'a Substream, timer: &'a PeriodTimer) -> Self {
        // INVARIANT: By the caller's promise.
        Self { substream, timer }
    }

    /// Tells the core that a period has elapsed.
    ///
    /// No lock may be held.
    ///
    /// C: `snd_pcm_period_elapsed()`.
    pub(crate) fn period_elapsed(&self) {
        // SAFETY: The substream has a runtime, by its invariant. By that of `Expired`, and since
        // who calls this holds no lock, the stream lock is not held.
        unsafe { bindings::snd_pcm_period_elapsed(self.as_raw()) };
    }

    /// Has those who wait for the end of a drain go on waiting.
    pub(crate) fn keep_draining(&self) {
        // SAFETY: The substream has a runtime, by its invariant.
        unsafe { bindings::snd_pcm_wake_drain(self.as_raw()) };
    }

    /// Arms the timer anew, as [`Triggering::arm_timer`] does.
    ///
    /// If the stream may be stopped at the same time, decide under a lock that `trigger` takes too.
    #[inline]
    pub fn arm_timer(&self, at: Ktime) {
        self.timer.arm(at.into());
    }
}

macro_rules! deref_to_substream {
    ($($context:ident $field:tt),* $(,)?) => {
        $(
            impl Deref for $context<'_> {
                type Target = Substream;

                fn deref(&self) -> &Substream {
                    self.$field
                }
            }
        )*
    };
}

deref_to_substream!(
    Opening substream,
    Preparing substream,
    Triggering substream,
    Querying substream,
    Expired substream,
);
