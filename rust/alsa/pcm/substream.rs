// SPDX-License-Identifier: GPL-2.0

//! A substream, as each callback sees it.
//!
//! The type of the object that a callback gets says what may be done in it:
//!
//! | object         | callback       | may sleep | stream lock | beside [`Substream`]'s methods    |
//! |----------------|----------------|-----------|-------------|-----------------------------------|
//! | [`Opening`]    | `open`         | yes       | no          | attach to a hub, constrain        |
//! | [`Preparing`]  | `prepare`      | yes       | no          | parameters, ring                  |
//! | [`Triggering`] | `trigger`      | no        | held        | parameters, timer, control events |
//! | [`Querying`]   | `pointer`, …   | no        | held        | parameters                        |
//! | [`Expired`]    | `period_timer` | no        | no          | timer                             |

use super::{
    hub::{
        Hub,
        Ports, //
    },
    hw::{
        is_interleaved,
        is_mapped,
        InfoFlags,
        Params, //
    },
    ring::Ring,
    runtime::Runtime,
    timer::PeriodTimer,
    Format,
    State, //
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
    fs::file::flags::O_NONBLOCK,
    interop::list::clist_create,
    prelude::*,
    sync::Arc,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// The direction of a stream.
///
/// C: `SNDRV_PCM_STREAM_*`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Direction;
///
/// assert_eq!(Direction::Playback.opposite(), Direction::Capture);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the application to the device.
    Playback,
    /// From the device to the application.
    Capture,
}

impl Direction {
    /// Returns the other one.
    pub fn opposite(self) -> Self {
        match self {
            Self::Playback => Self::Capture,
            Self::Capture => Self::Playback,
        }
    }
}

/// A substream that is open, or being opened.
///
/// C: `struct snd_pcm_substream`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Direction,
///     Substream, //
/// };
///
/// /// The place of a substream in a list of all, captures behind playbacks.
/// fn place(substream: &Substream, playbacks: usize) -> usize {
///     match substream.direction() {
///         Direction::Playback => substream.number(),
///         Direction::Capture => playbacks.saturating_add(substream.number()),
///     }
/// }
/// ```
///
/// # Invariants
///
/// The substream is attached: it has a runtime.
#[repr(transparent)]
pub struct Substream(Opaque<bindings::snd_pcm_substream>);

impl Substream {
    /// Makes a reference from what a callback got.
    ///
    /// # Safety
    ///
    /// `ptr` must be a substream that is valid and has a runtime for `'a`.
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::snd_pcm_substream) -> &'a Self {
        // CAST: `Self` is transparent over the C struct.
        // INVARIANT: By the caller's promise.
        // SAFETY: `ptr` is valid for `'a`, as the caller promises.
        unsafe { &*ptr.cast() }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::snd_pcm_substream {
        self.0.get()
    }

    pub(crate) fn runtime(&self) -> *mut bindings::snd_pcm_runtime {
        // SAFETY: The substream is valid; its runtime does not change while it is open.
        unsafe { (*self.as_raw()).runtime }
    }

    /// Returns the part of the runtime that may change at any time.
    fn record(&self) -> &Runtime {
        // SAFETY: The substream is open as long as `self`, by the type invariant.
        unsafe { Runtime::from_raw(self.runtime()) }
    }

    /// Returns whether the stream runs, or plays the rest of a drain.
    ///
    /// C: `snd_pcm_running()`.
    pub(crate) fn is_running(&self) -> bool {
        match self.record().state() {
            State::Running => true,
            State::Draining => self.direction() == Direction::Playback,
            State::Prepared | State::Idle => false,
        }
    }

    /// Returns whether a read or a write is at work that may wait.
    pub(crate) fn may_wait(&self) -> bool {
        // SAFETY: The substream is valid. The flags are those of the file, which `fcntl()` may
        // change at any time: they are copied at each read and write, as a whole.
        let flags = unsafe { (&raw const (*self.as_raw()).f_flags).read_volatile() };
        self.record().is_transfer_waiting() && flags & O_NONBLOCK == 0
    }

    /// Returns whether the callbacks of both substreams are the same: those of one driver's device.
    pub(crate) fn has_callbacks_of(&self, other: &Self) -> bool {
        // SAFETY: Both are valid; the field does not change once the device is registered.
        unsafe { (*self.as_raw()).ops == (*other.as_raw()).ops }
    }

    /// Returns the substreams that are linked with this one, which the core starts, pauses and
    /// stops together: this one among them, in the order in which the core comes to them.
    ///
    /// C: `snd_pcm_group_for_each_entry()`.
    ///
    /// # Safety
    ///
    /// The group that the substream belongs to must be locked, as it is in a trigger, until the
    /// iterator is dropped.
    pub(crate) unsafe fn linked(&self) -> impl Iterator<Item = &Self> {
        // SAFETY: The substream is valid, and so is the group that it is in, be it one for itself.
        let head = unsafe { &raw mut (*(*self.as_raw()).group).substreams };
        // SAFETY: The list is initialised. By the caller's promise it does not change meanwhile.
        // What is in it are substreams, by their `link_list`, which are open and so have a runtime:
        // `Self` is transparent over them, and its invariant holds.
        unsafe { clist_create!(head, Self, bindings::snd_pcm_substream, link_list) }.iter()
    }

    /// Takes the stream lock.
    ///
    /// C: `snd_pcm_stream_lock_irqsave()`.
    pub(crate) fn lock(&self) -> StreamLock<'_> {
        StreamLock {
            substream: self,
            // SAFETY: The substream is valid.
            flags: unsafe { bindings::_snd_pcm_stream_lock_irqsave(self.as_raw()) },
            _not_send: NotThreadSafe,
        }
    }

    /// Returns whether HW_PARAMS, HW_FREE, PREPARE or RESET is at work on the buffer.
    pub(crate) fn is_buffer_locked(&self) -> bool {
        // SAFETY: The substream has a runtime, by the type invariant.
        unsafe { bindings::snd_pcm_buffer_locked(self.as_raw()) }
    }

    /// Brings the stream into a state in which the core leaves its buffer alone, and waits for a
    /// callback that runs with the stream lock held. If the buffer is `freed`, the core fills in no
    /// silence either. No lock may be held.
    pub(crate) fn withdraw(&self, freed: bool) {
        // SAFETY: The substream has a runtime, by the type invariant.
        unsafe { bindings::snd_pcm_withdraw(self.as_raw(), freed) };
    }

    /// Has the core ask for [`sync_stop`] before whatever may follow.
    ///
    /// [`sync_stop`]: bindings::snd_pcm_ops::sync_stop
    pub(crate) fn request_sync_stop(&self) {
        // SAFETY: The runtime is valid. The core sets the flag and clears it before it calls
        // `sync_stop`, as a whole.
        unsafe { (&raw mut (*self.runtime()).stop_operating).write_volatile(true) };
    }

    /// Returns the direction of the stream.
    pub fn direction(&self) -> Direction {
        // SAFETY: The substream is valid; the field never changes.
        if unsafe { (*self.as_raw()).stream } == bindings::SNDRV_PCM_STREAM_CAPTURE as c_int {
            Direction::Capture
        } else {
            Direction::Playback
        }
    }

    /// Returns the number of the substream among those of its direction, from 0.
    pub fn number(&self) -> usize {
        // SAFETY: The substream is valid; the field never changes.
        usize::try_from(unsafe { (*self.as_raw()).number }).unwrap_or(0)
    }

    /// Returns what the stream is set to. To be called only where nothing can set it anew.
    fn params(&self) -> Params {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the caller's context keeps its parameters as they are.
        let (format, access, rate, channels, period_size, buffer_size, no_wakeup) = unsafe {
            (
                (*runtime).format,
                (*runtime).access,
                (*runtime).rate,
                (*runtime).channels,
                (*runtime).period_size,
                (*runtime).buffer_size,
                (*runtime).no_period_wakeup(),
            )
        };
        Params {
            format: Format::from_raw(format),
            rate,
            channels,
            interleaved: is_interleaved(access),
            mapped: is_mapped(access),
            // A ring has less than 2^32 bytes, let alone frames: the core bounds it by an `int`.
            period_size: u32::try_from(period_size).unwrap_or(u32::MAX),
            buffer_size: u32::try_from(buffer_size).unwrap_or(u32::MAX),
            period_wakeups: no_wakeup == 0,
        }
    }

    /// Returns whether the core has to be told of whole rings that have gone by: see
    /// `snd_pcm_skip_rings()`. To be called only where nothing can set the stream anew.
    #[inline]
    pub(crate) fn counts_rings(&self) -> bool {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the caller's context keeps its parameters as they are.
        unsafe { (*runtime).no_period_wakeup() != 0 || (*runtime).buffer_size == 1 }
    }

    /// Returns a time in the clock that the application wants timestamps in.
    ///
    /// C: `snd_pcm_gettime()`, for another time than the present.
    pub(crate) fn timestamp(&self, time: Ktime) -> bindings::timespec64 {
        // SAFETY: The runtime is valid. `SNDRV_PCM_IOCTL_TTSTAMP` may change the field at any time:
        // it is a number, and read once.
        let clock = unsafe { (&raw const (*self.runtime()).tstamp_type).read_volatile() };
        match u32::try_from(clock) {
            Ok(bindings::SNDRV_PCM_TSTAMP_TYPE_MONOTONIC) => time.to_timespec(),
            Ok(bindings::SNDRV_PCM_TSTAMP_TYPE_MONOTONIC_RAW) => time.to_raw_timespec(),
            _ => time.to_real_timespec(),
        }
    }
}

/// Reports that an audio timestamp is the position itself, of unknown accuracy.
pub(crate) fn report_no_clock(report: &mut bindings::snd_pcm_audio_tstamp_report) {
    report.set_actual_type(bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_DEFAULT);
    report.set_accuracy_report(0);
    report.accuracy = 0;
}

/// The port of a hub to which a substream is attached.
pub(crate) struct Attachment {
    pub(crate) hub: Arc<dyn Ports>,
    pub(crate) port: usize,
}

/// A substream that is being opened. May sleep.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Hub,
///     Opening, //
/// };
/// use kernel::sync::Arc;
///
/// /// What `open` may do: one stream of a direction stands at the hub.
/// fn attach(hub: &Arc<Hub<u64, 2>>, substream: &mut Opening<'_>) -> Result {
///     let port = substream.direction() as usize;
///     substream.constrain_periods_to_integer()?;
///     substream.attach(hub.clone(), port)
/// }
/// ```
pub struct Opening<'a> {
    substream: &'a Substream,
    pub(crate) attachment: Option<Attachment>,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(substream: &'a Substream) -> Self {
        Self {
            substream,
            attachment: None,
        }
    }

    /// Attaches the substream to a port of `hub`, at which it will be found while it runs.
    ///
    /// A substream has one attachment: a second call replaces the first. A port is for one
    /// substream: of two that run, the one that started last is found there.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the hub has no such port.
    pub fn attach<T, const N: usize>(&mut self, hub: Arc<Hub<T, N>>, port: usize) -> Result
    where
        T: Send + Unpin + 'static,
    {
        if port >= N {
            return Err(EINVAL);
        }
        self.attachment = Some(Attachment { hub, port });
        Ok(())
    }

    /// Takes back some of what the hardware description offers, for this stream.
    pub fn withhold(&mut self, info: impl Into<InfoFlags>) {
        let info = info.into().bits();
        // SAFETY: The substream is being opened: its runtime is valid and nobody else uses it yet.
        unsafe { (*self.runtime()).hw.info &= !info };
    }

    /// Lets reads and writes wait as long as they have to.
    ///
    /// By default the core takes a device for broken, and returns `EIO`, that has not moved for the
    /// length of the ring and a tenth, or 100 ms if that is more.
    ///
    /// C: `substream->wait_time`.
    pub fn wait_for_ever(&mut self) {
        // In milliseconds; what is negative, `msecs_to_jiffies()` takes for an infinite time.
        // SAFETY: The substream is being opened: nobody else uses it yet.
        unsafe { (*self.as_raw()).wait_time = -1 };
    }

    /// Constrains the ring to a whole number of periods.
    ///
    /// C: `snd_pcm_hw_constraint_integer()` on `SNDRV_PCM_HW_PARAM_PERIODS`.
    pub fn constrain_periods_to_integer(&self) -> Result {
        // SAFETY: The substream is being opened: its runtime is valid and nobody else uses it yet.
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
/// /// What `prepare` may do: makes the ring silent.
/// fn silence(substream: &Preparing<'_>) -> Result {
///     let ring = substream.ring();
///     ring.silence(0, ring.bytes())
/// }
/// ```
pub struct Preparing<'a> {
    substream: &'a Substream,
    ring: Ring<'a>,
}

impl<'a> Preparing<'a> {
    /// # Safety
    ///
    /// For `'a`, nothing may set the parameters of the substream.
    pub(crate) unsafe fn new(substream: &'a Substream, ring: Ring<'a>) -> Self {
        Self { substream, ring }
    }

    /// Returns what the stream is set to.
    pub fn params(&self) -> Params {
        self.substream.params()
    }

    /// Returns the ring. The stream does not run: nobody else but its application touches it.
    pub fn ring(&self) -> Ring<'_> {
        self.ring
    }
}

/// A substream that is being started, stopped, paused… The stream lock is held, interrupts are off.
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
/// /// What `trigger` may do: has the timer expire after a millisecond, and tells that a stream runs.
/// fn start(substream: &Triggering<'_>, active: &ElementId) {
///     let now = substream.time().as_nanos();
///     substream.arm_timer(Ktime::from_nanos(now.saturating_add(1_000_000)));
///     substream.notify(active);
/// }
/// ```
pub struct Triggering<'a> {
    substream: &'a Substream,
    timer: &'a PeriodTimer,
    time: Ktime,
}

impl<'a> Triggering<'a> {
    /// # Safety
    ///
    /// For `'a`, the lock of the substream must be held, `timer` be its period timer, and nothing
    /// may set its parameters.
    pub(crate) unsafe fn new(
        substream: &'a Substream,
        timer: &'a PeriodTimer,
        time: Ktime,
    ) -> Self {
        Self {
            substream,
            timer,
            time,
        }
    }

    /// Returns what the stream is set to.
    pub fn params(&self) -> Params {
        self.substream.params()
    }

    /// Returns when it happens. Linked streams of a driver that start or pause together, or go on
    /// after a pause, do so at one and the same time.
    pub fn time(&self) -> Ktime {
        self.time
    }

    /// Arms the period timer: `period_timer` is called at `at`, or at once if that is past.
    ///
    /// There is nothing to call for the opposite: a stream that stops, pauses or is suspended has
    /// its timer cancelled.
    pub fn arm_timer(&self, at: Ktime) {
        self.timer.arm(at);
    }

    /// Tells the core when the stream began to run: at the time that the driver knows, and not a
    /// little later. Or that the core shall look for itself, as it does when the stream stops.
    pub(crate) fn latch_time(&self, runs: bool) {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the stream lock, which is held as long as `self`,
        // protects the fields.
        unsafe {
            (*runtime).trigger_tstamp_latched = runs;
            if runs {
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

/// A substream whose position is asked for. The stream lock is held, interrupts are off.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Querying;
///
/// /// What `pointer` may do: tells the position of a device that counts its frames.
/// fn position(frames: u64, known: u64, substream: &Querying<'_>) -> Option<u32> {
///     let buffer = u64::from(substream.params().buffer_size);
///     substream.note_lost_rings(frames.saturating_sub(known).checked_div(buffer)?);
///     u32::try_from(frames.checked_rem(buffer)?).ok()
/// }
/// ```
pub struct Querying<'a> {
    substream: &'a Substream,
    lost_rings: Cell<u64>,
}

impl<'a> Querying<'a> {
    /// # Safety
    ///
    /// For `'a`, the lock of the substream must be held and nothing may set its parameters.
    pub(crate) unsafe fn new(substream: &'a Substream) -> Self {
        Self {
            substream,
            lost_rings: Cell::new(0),
        }
    }

    /// Returns what the stream is set to.
    pub fn params(&self) -> Params {
        self.substream.params()
    }

    /// Says in `pointer`, beside the position that it returns, that so many whole rings have gone
    /// by since the position that it last returned, or since `prepare`: the stream has moved by
    /// `rings` times the ring's length, and by less than a ring beyond. Elsewhere it says nothing.
    ///
    /// The core knows positions modulo the ring. In a stream without period wake-ups, whose
    /// application may sleep for longer, the rings said here are counted. In any other the end of
    /// each period tells the core, and a ring that is lost nevertheless, because the system stood
    /// still, is not counted: return `None` there, unless the application has asked never to be
    /// stopped. But in a ring of a single frame, where all positions are one, one ring said here is
    /// counted in any stream: say it for the next frame.
    pub fn note_lost_rings(&self, rings: u64) {
        self.lost_rings.set(rings);
    }

    /// Tells the core, in `pointer`, of the rings between the position that it knows and
    /// `position`, which is about to be returned to it.
    pub(crate) fn skip_rings(&self, position: bindings::snd_pcm_uframes_t) {
        if self.substream.counts_rings() {
            // SAFETY: The substream has a runtime with a ring, and the stream lock is held. The
            // caller is `snd_pcm_update_hw_ptr0()`, as always.
            unsafe { bindings::snd_pcm_skip_rings(self.as_raw(), self.lost_rings.get(), position) };
        }
    }

    /// Makes the report that goes with a position be of that position.
    ///
    /// The core does not call `get_time_info` for the position itself. It then looks at the report
    /// all the same, which may still be about another clock.
    pub(crate) fn renew_report(&self) {
        let runtime = self.runtime();
        // SAFETY: The runtime is valid, and the stream lock, which is held as long as `self`,
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
pub struct Expired<'a> {
    substream: &'a Substream,
    timer: &'a PeriodTimer,
}

impl<'a> Expired<'a> {
    /// Makes the object of a callback of `timer`, the period timer of the substream.
    pub(crate) fn new(substream: &'a Substream, timer: &'a PeriodTimer) -> Self {
        Self { substream, timer }
    }

    /// Tells the core that a period has elapsed. No lock may be held.
    ///
    /// C: `snd_pcm_period_elapsed()`.
    pub(crate) fn period_elapsed(&self) {
        // SAFETY: The substream has a runtime, by its invariant.
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
    pub fn arm_timer(&self, at: Ktime) {
        self.timer.arm(at);
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

/// The state in which a stream is left that the driver stops.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Action,
///     Direction,
///     StopState, //
/// };
///
/// /// What is to be done with a stream whose other end has gone.
/// fn end(direction: Direction) -> Action {
///     Action::Stop(match direction {
///         Direction::Playback => StopState::Setup,
///         Direction::Capture => StopState::Draining,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopState {
    /// The application must prepare the stream before it goes on.
    Setup,
    /// As after an xrun.
    Xrun,
    /// For a capture: no more will come, and a reader that waits gets what there is. A playback in
    /// this state would count as running, and a stop concerns all linked substreams alike (unless
    /// one of them has no parameters): if one of them is a playback, this is [`StopState::Setup`].
    Draining,
}

/// The stream lock of a substream, held.
///
/// # Invariants
///
/// The lock is held, and `flags` are from when it was taken.
pub(crate) struct StreamLock<'a> {
    substream: &'a Substream,
    flags: c_ulong,
    _not_send: NotThreadSafe,
}

impl StreamLock<'_> {
    /// Stops the stream, and those that it is linked with, if it runs.
    ///
    /// The lock may be released and taken again meanwhile.
    ///
    /// C: `snd_pcm_stop()`.
    pub(crate) fn stop(&self, state: StopState) {
        let substream = self.substream;
        if !substream.is_running() {
            return;
        }
        let plays = || {
            substream.direction() == Direction::Playback
                // SAFETY: The substream is valid, and the stream lock is held, by the type
                // invariant.
                || unsafe { bindings::snd_pcm_linked_playback(substream.as_raw()) }
        };
        let state = match state {
            StopState::Xrun => bindings::SNDRV_PCM_STATE_XRUN,
            StopState::Draining if !plays() => bindings::SNDRV_PCM_STATE_DRAINING,
            StopState::Setup | StopState::Draining => bindings::SNDRV_PCM_STATE_SETUP,
        };
        // SAFETY: As above; the substream has a runtime.
        unsafe { bindings::snd_pcm_stop_surely(substream.as_raw(), state) };
    }
}

impl Deref for StreamLock<'_> {
    type Target = Substream;

    fn deref(&self) -> &Substream {
        self.substream
    }
}

impl Drop for StreamLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::snd_pcm_stream_unlock_irqrestore(self.substream.as_raw(), self.flags);
        }
    }
}
