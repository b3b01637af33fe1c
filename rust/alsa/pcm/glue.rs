// SPDX-License-Identifier: GPL-2.0

//! Between the C core's callbacks and the driver's [`Ops`].
//!
//! # How long a buffer may be touched
//!
//! The buffer is *managed*: the core allocates it in HW_PARAMS and frees it in HW_FREE,
//! HW_PARAMS and close. What touches it has to be over before that, and must not begin anew:
//!
//! 1. `prepare` touches it in process context. `OpenSubstream::has_buffer` is a mutex that is held
//!    meanwhile; the `hw_free` callback, which the core calls before it frees, takes it. HW_PARAMS
//!    and PREPARE exclude each other by the runtime's `buffer_mutex`. (That would be enough, but
//!    for a close: the core frees without that mutex, and only then unlinks the substream, so that
//!    a PREPARE of a linked substream may be at work on this one.)
//! 2. Whoever holds the lock of the [`Shared`] that the stream is attached to touches it while the
//!    stream is in there: from just before `trigger(START)` to just after `trigger(STOP)`.
//! 3. The core touches it in a stream that starts or runs, when it fills in silence.
//!
//! The core means to free no buffer of a stream that runs or may be started, but does not quite
//! achieve it. What is missing is done here:
//!
//! - A DRAIN that starts a prepared stream, the end of a pause, and the START of a linked stream
//!   may come while HW_PARAMS, HW_FREE or PREPARE, having found the stream not running, is about to
//!   replace the buffer or to prepare (`quirks.c` has each of them). And close frees the buffer of
//!   a stream that linked ones may have prepared and started again since it was dropped. Before it
//!   does so, the core calls `sync_stop` or `hw_free`: these [*withdraw*] the stream, that is, with
//!   the stream lock held they stop it and take it out of the states from which it could go on.
//!   (`sync_stop` is only called if `stop_operating` is set: so it always is.)
//! - What comes earlier is seen by the core, or stopped; what comes later finds nothing to start.
//!   It would not do to refuse a START meanwhile: a DRAIN goes on as if the stream ran, and nothing
//!   would ever end it.
//! - Where the core refuses to stop a group of linked substreams, because one of them has no
//!   parameters, the stream is stopped alone. What it would touch is about to be freed.
//! - A RESUME of linked substreams that fails half-way does not suspend again those that it had
//!   resumed: they would run while the core thinks them suspended. So they are suspended here; and
//!   whatever the core thinks not to run, `sync_stop` has leave.
//! - An unbind clears `stop_operating` before it calls `sync_stop`, which sets it at once. If
//!   HW_PARAMS looks at it in between, it calls none. So there is a rule among those that HW_PARAMS
//!   applies after that, by which a stream leaves too (`limits`). Not closed is what is left: a
//!   stream that a DRAIN has started at that very moment too, if after that an HW_FREE of a linked
//!   one has made the core refuse to stop the group. Whoever unbinds a card is root.
//! - After HW_FREE there is no buffer to start with (`OpenSubstream::startable`).
//!
//! Since `withdraw` takes the stream lock, it also waits for a `trigger` or `pointer` that is at
//! work: no such callback runs while HW_PARAMS writes the parameters.
//!
//! [*withdraw*]: Substream::withdraw
//! [`Shared`]: super::Shared

mod limits;
mod stamps;

use super::{
    buffer::{
        Buffer,
        RawBuffer, //
    },
    shared::{
        Entrance,
        RawStream, //
    },
    timer::{
        PeriodTimer,
        RawWork, //
    },
    Action,
    Direction,
    Expired,
    Info,
    Opening,
    Ops,
    Params,
    Preparing,
    Private,
    Querying,
    Substream,
    Trigger,
    Triggering, //
};
use crate::{
    bindings,
    kext::{
        hrtimer,
        lock::SpinLockIrqSave,
        time::Ktime, //
    },
    new_spinlock_irqsave, //
};
use core::{
    cell::Cell,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    error::from_result,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    types::ForeignOwnable, //
};

/// What belongs to an open substream; the runtime's `private_data`.
///
/// Fields are dropped in the order in which they stand here: the timer first, whose callback uses
/// the rest.
///
/// # Invariants
///
/// `substream` is open, and has a runtime, which is freed after this.
#[pin_data]
struct OpenSubstream<T: Ops> {
    #[pin]
    timer: PeriodTimer,
    substream: NonNull<bindings::snd_pcm_substream>,
    attachment: Option<Arc<dyn Entrance>>,
    /// Whether there is a buffer. Held while `prepare` uses it.
    #[pin]
    has_buffer: Mutex<bool>,
    /// The buffer with which the stream can be started. Taken inside of the stream lock and outside
    /// of that of the [`Shared`](super::Shared).
    #[pin]
    startable: SpinLockIrqSave<Option<RawBuffer>>,
    /// When the stream was last triggered since it was prepared, in nanoseconds; 0 if it was not.
    triggered: Atomic<u64>,
    #[pin]
    data: T::Stream,
}

impl<T: Ops> OpenSubstream<T> {
    /// Returns the substream.
    fn substream(&self) -> &Substream {
        // SAFETY: By the type invariant.
        unsafe { Substream::from_raw(self.substream.as_ptr()) }
    }

    /// Lets the stream enter what it is attached to.
    ///
    /// Needs the stream lock.
    fn enter(&self) -> Result {
        // While this lock is held, `hw_free` cannot pass.
        let startable = self.startable.lock();
        let stream = RawStream {
            substream: self.substream,
            buffer: startable.ok_or_else(ebadfd)?,
            timer: NonNull::from(&self.timer),
        };
        if let Some(attachment) = &self.attachment {
            // SAFETY: The substream is open. Its buffer is valid, and the core neither frees nor
            // replaces it before `leave()` (see the module's documentation). The timer lives until
            // `private_free`, by which time the stream has left for good.
            unsafe { attachment.enter(self.substream().direction(), stream) };
        }
        Ok(())
    }

    /// Lets the stream leave what it is attached to.
    ///
    /// Any context but an NMI.
    fn leave(&self) {
        if let Some(attachment) = &self.attachment {
            attachment.leave(self.substream().direction(), self.substream);
        }
    }

    /// Lets nobody touch the buffer any more, and waits for those who do.
    ///
    /// May sleep.
    fn give_up_buffer(&self) {
        *self.has_buffer.lock() = false;
        let mut startable = self.startable.lock();
        *startable = None;
        self.leave();
    }
}

/// Returns `EBADFD`, which the `kernel` crate does not name.
fn ebadfd() -> Error {
    Error::from_errno(-(bindings::EBADFD as c_int))
}

/// The callbacks for the driver `T`.
pub(crate) struct Glue<T: Ops>(PhantomData<T>);

impl<T: Ops> Glue<T> {
    const OPS: bindings::snd_pcm_ops = bindings::snd_pcm_ops {
        open: Some(Self::open),
        close: Some(Self::close),
        hw_params: Some(Self::hw_params),
        hw_free: Some(Self::hw_free),
        prepare: Some(Self::prepare),
        trigger: Some(Self::trigger),
        sync_stop: Some(Self::sync_stop),
        pointer: Some(Self::pointer),
        ack: if T::HAS_ACKNOWLEDGE {
            Some(Self::ack)
        } else {
            None
        },
        get_time_info: if T::HAS_AUDIO_TIME {
            Some(Self::get_time_info)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    /// Returns the callbacks as the core takes them.
    pub(crate) const fn ops() -> &'static bindings::snd_pcm_ops {
        &Self::OPS
    }

    /// Returns what `open` made for a substream.
    ///
    /// # Safety
    ///
    /// `substream` must be valid, its `open` have succeeded, and its runtime not be freed for `'a`.
    unsafe fn opened<'a>(substream: *mut bindings::snd_pcm_substream) -> Pin<&'a OpenSubstream<T>> {
        // SAFETY: `open` stored the pointer of a pinned box there, which `private_free` drops with
        // the runtime.
        unsafe {
            <Pin<KBox<OpenSubstream<T>>> as ForeignOwnable>::borrow(
                (*(*substream).runtime).private_data,
            )
        }
    }

    /// # Safety
    ///
    /// Called only by the core, with a substream that has a fresh runtime and belongs to a device
    /// whose `private_data` is a `Pin<KBox<Private<T>>>`.
    unsafe extern "C" fn open(substream: *mut bindings::snd_pcm_substream) -> c_int {
        const {
            assert!(
                T::HARDWARE.is_usable(),
                "HARDWARE has no format, a range that is empty or begins with 0, or periods that \
                 do not fit into its buffer"
            );
        }
        from_result(|| {
            // SAFETY: The core copied the pointer from the device's, which outlives its substreams.
            let private = unsafe {
                <Pin<KBox<Private<T>>> as ForeignOwnable>::borrow((*substream).private_data)
            };
            // SAFETY: The substream is valid and has a runtime.
            let this = unsafe { Substream::from_raw(substream) };
            let runtime = this.runtime();
            // `wait_time` is the only field set by a driver that outlives a close: what an earlier
            // user of the substream has asked for must not stay.
            // SAFETY: Nobody else uses runtime and substream yet.
            unsafe {
                (*runtime).hw = T::HARDWARE.to_raw();
                (*runtime).hw.channels_max = private.channels_max;
                (*substream).wait_time = 0;
            }

            let attached_to = &Cell::new(None);
            // SAFETY: This is its `open`. Nobody else uses runtime and substream yet.
            let mut opening = unsafe { Opening::new(this, attached_to) };
            let stream = T::open(&private.data, &mut opening);
            let open = KBox::pin_init(
                try_pin_init!(OpenSubstream::<T> {
                    // First, since it may attach the stream. It is used up then, and what it makes
                    // lives for 'static: nobody attaches any more.
                    data <- stream,
                    attachment: attached_to.take(),
                    // SAFETY: The timer is inside of an `OpenSubstream<T>`, for which the callbacks
                    // are made. The device outlives its substreams.
                    timer <- unsafe {
                        PeriodTimer::new(Self::timer_expired, Self::work_run, &private.timers)
                    },
                    // INVARIANT: The core passed it; `private_free` drops this with the runtime.
                    substream: NonNull::from(this).cast(),
                    has_buffer <- new_mutex!(false, "alsa::pcm::has_buffer"),
                    startable <- new_spinlock_irqsave!(None, "alsa::pcm::startable"),
                    triggered: Atomic::new(0),
                }),
                GFP_KERNEL,
            )?;

            // SAFETY: The runtime is new, and `open` stores what the rules need before they are
            // applied.
            unsafe { Self::add_rules(substream)? };

            // SAFETY: Nobody else uses the runtime yet; `private_free` takes the box back.
            unsafe {
                (*runtime).private_data = open.into_foreign();
                (*runtime).private_free = Some(Self::private_free);
                (*runtime).std_sync_id = T::HARDWARE.info.contains(Info::SyncStart);
            }
            this.request_sync_stop();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called only by the core, once for each successful `open`.
    unsafe extern "C" fn close(substream: *mut bindings::snd_pcm_substream) -> c_int {
        // SAFETY: `open` has succeeded, and the runtime is freed after this.
        let open = unsafe { Self::opened(substream) };
        // Without parameters there was no `hw_free`.
        open.give_up_buffer();
        open.timer.cancel_sync();
        0
    }

    /// Frees what `open` made.
    ///
    /// The substream is no longer linked to others: nothing can reach it any more.
    ///
    /// # Safety
    ///
    /// Called only by the core, with a runtime whose `open` has succeeded, as the last callback.
    unsafe extern "C" fn private_free(runtime: *mut bindings::snd_pcm_runtime) {
        // SAFETY: `open` stored the pointer; nobody borrows it any more.
        drop(unsafe {
            <Pin<KBox<OpenSubstream<T>>> as ForeignOwnable>::from_foreign((*runtime).private_data)
        });
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream and valid parameters that are its choice.
    unsafe extern "C" fn hw_params(
        substream: *mut bindings::snd_pcm_substream,
        params: *mut bindings::snd_pcm_hw_params,
    ) -> c_int {
        from_result(|| {
            // SAFETY: `open` has succeeded.
            let open = unsafe { Self::opened(substream) };
            // What the stream could be started with is the buffer before.
            *open.startable.lock() = None;
            if T::HAS_HW_PARAMS {
                // SAFETY: The core passes valid parameters, which nobody else uses meanwhile.
                let params = Params::from_raw(unsafe { &*params });
                T::hw_params(&open.data, &params)?;
            }
            *open.has_buffer.lock() = true;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream, before it frees the buffer.
    unsafe extern "C" fn hw_free(substream: *mut bindings::snd_pcm_substream) -> c_int {
        // SAFETY: `open` has succeeded.
        let open = unsafe { Self::opened(substream) };
        // From here on neither PREPARE nor START succeeds; then what is prepared or runs is
        // withdrawn.
        open.give_up_buffer();
        open.substream().withdraw(true);
        open.timer.cancel_sync();
        if T::HAS_HW_FREE {
            T::hw_free(&open.data);
        }
        0
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream and its `buffer_mutex` held (but see the
    /// module's documentation for linked substreams).
    unsafe extern "C" fn prepare(substream: *mut bindings::snd_pcm_substream) -> c_int {
        from_result(|| {
            // SAFETY: `open` has succeeded; the runtime is freed only after it has been unlinked.
            let open = unsafe { Self::opened(substream) };
            open.triggered.store(0, Relaxed);
            let has_buffer = open.has_buffer.lock();
            if !*has_buffer {
                return Err(ebadfd());
            }
            let this = open.get_ref().substream();
            // SAFETY: HW_PARAMS is excluded by the `buffer_mutex`, and by `has_buffer` whoever
            // frees.
            let raw = unsafe { RawBuffer::of(this.runtime()) }.ok_or_else(ebadfd)?;
            // SAFETY: The buffer stays as long as `has_buffer` is locked.
            let buffer = unsafe { Buffer::new(raw) };
            // SAFETY: HW_PARAMS is excluded by the `buffer_mutex`.
            T::prepare(&open.data, &unsafe { Preparing::new(this, buffer) })?;
            *open.startable.lock() = Some(raw);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream and the stream lock held.
    unsafe extern "C" fn trigger(
        substream: *mut bindings::snd_pcm_substream,
        command: c_int,
    ) -> c_int {
        from_result(|| {
            let command = Trigger::from_raw(command).ok_or(EINVAL)?;
            // SAFETY: `open` has succeeded; the runtime is freed only after it has been unlinked.
            let open = unsafe { Self::opened(substream) };
            let open = open.get_ref();
            // SAFETY: This is the trigger of `command`. For all commands but STOP the core has
            // locked the group of the substream.
            let time = unsafe { Self::trigger_time(open, command) };
            // SAFETY: The stream lock is held. HW_PARAMS writes no parameters meanwhile: it
            // withdraws the stream before, for which it needs that lock, and afterwards the stream
            // is in no state in which it is triggered.
            let triggering =
                unsafe { Triggering::new(open.substream(), &open.timer, time, command) };
            let result = if command.starts() {
                open.enter()
            } else {
                Ok(())
            };
            let result = result.and_then(|()| T::trigger(&open.data, &triggering, command));
            if command == Trigger::Stop || result.is_err() {
                // A start that is tried again, without another PREPARE, is not of that time.
                open.triggered.store(0, Relaxed);
            }
            if command.stops() || command.starts() && result.is_err() {
                open.leave();
                open.timer.try_cancel();
            }
            if command == Trigger::Resume && result.is_err() {
                // SAFETY: This is that trigger.
                unsafe { Self::undo_resume(open, time) };
            }
            if command != Trigger::Drain {
                // (A pause that takes back the end of one, which has failed, is of before.)
                let pauses = command == Trigger::PausePush && open.substream().is_running();
                let latches = command.starts() || pauses;
                triggering.latch_time(latches && result.is_ok());
            }
            result.map(|()| 0)
        })
    }

    /// Suspends those again that have been told to go on before a linked one could not: `quirks.c`
    /// has why.
    ///
    /// # Safety
    ///
    /// To be called in a `Resume` of `open`, for which the core has locked the group and the stream
    /// of each of its members.
    unsafe fn undo_resume(open: &OpenSubstream<T>, time: Ktime) {
        let own = open.substream();
        // SAFETY: The group is locked, by the caller's promise.
        let resumed = unsafe { own.linked() }
            .take_while(|other| !core::ptr::eq(*other, own))
            // SAFETY: The locks of the streams are held, by the caller's promise.
            .filter(|other| other.has_callbacks_of(own) && unsafe { other.ran_before_suspend() });
        for other in resumed {
            // SAFETY: It has been opened with these callbacks; its runtime is not freed before it
            // is unlinked, for which the group must not be locked.
            let other = unsafe { Self::opened(other.as_raw()) }.get_ref();
            // SAFETY: The lock of the stream is held, by the caller's promise; the rest is as in
            // `trigger`.
            let triggering =
                unsafe { Triggering::new(other.substream(), &other.timer, time, Trigger::Suspend) };
            // As the core does, which suspends whatever the driver says.
            let _ = T::trigger(&other.data, &triggering, Trigger::Suspend);
            other.leave();
            other.timer.try_cancel();
            triggering.latch_time(false);
        }
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream and no lock that a timer's callback takes.
    unsafe extern "C" fn sync_stop(substream: *mut bindings::snd_pcm_substream) -> c_int {
        // SAFETY: `open` has succeeded.
        let open = unsafe { Self::opened(substream) };
        let this = open.get_ref().substream();
        // The core has cleared it before the call. At once, since another may come meanwhile.
        this.request_sync_stop();
        // In HW_PARAMS, HW_FREE and PREPARE, which leave the stream in another state anyway.
        // (Linked streams are prepared together; the core has only the mutex of all but one of
        // them.)
        if this.is_buffer_locked() {
            this.withdraw(false);
        }
        // At a system suspend, the core asks this of streams that it could not suspend too, for
        // example because one that is linked with them has been drained already. These run on.
        let runs = {
            let locked = this.lock();
            let runs = locked.is_running();
            if !runs {
                locked.forget_trigger_time();
            }
            runs
        };
        if !runs {
            open.leave();
            open.timer.cancel_sync();
        }
        0
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream that runs and the stream lock held.
    unsafe extern "C" fn pointer(
        substream: *mut bindings::snd_pcm_substream,
    ) -> bindings::snd_pcm_uframes_t {
        // SAFETY: `open` has succeeded.
        let open = unsafe { Self::opened(substream) };
        // SAFETY: The stream lock is held; as in `trigger`, HW_PARAMS writes no parameters
        // meanwhile.
        let querying = unsafe { Querying::new(open.get_ref().substream()) };
        if T::HAS_AUDIO_TIME {
            querying.renew_report();
        }
        let position = match T::pointer(&open.data, &querying) {
            Some(frames) => frames as bindings::snd_pcm_uframes_t,
            // `SNDRV_PCM_POS_XRUN`, a cast that bindgen does not evaluate.
            None => bindings::snd_pcm_uframes_t::MAX,
        };
        querying.skip_buffers(position);
        if querying.direction() == Direction::Capture {
            // What follows is the core's plain store of the position, which an application with a
            // mapped status page may act upon without a lock. It must come after the samples that
            // count as recorded: the driver's lock has been released since, which by itself lets
            // later stores pass. (That what counts as played has been read is no matter of stores:
            // see `architecture.rst`.)
            // SAFETY: The barrier may be called in any context.
            unsafe { bindings::smp_wmb() };
        }
        position
    }

    /// # Safety
    ///
    /// Called only by the core, with an open substream and the stream lock held.
    unsafe extern "C" fn ack(substream: *mut bindings::snd_pcm_substream) -> c_int {
        // SAFETY: `open` has succeeded.
        let open = unsafe { Self::opened(substream) };
        let this = open.get_ref().substream();
        // SNDRV_PCM_IOCTL_SYNC_PTR leads here in all states, even while HW_PARAMS is at work. And
        // in a read or write that may wait, the core notes only after this what it waits for.
        if !this.is_running() || this.may_wait() {
            return 0;
        }
        // SAFETY: The stream lock is held, and the stream runs: as in `pointer`.
        T::acknowledge(&open.data, &unsafe { Querying::new(this) });
        0
    }

    /// # Safety
    ///
    /// Called only as the callback of the hrtimer in the `PeriodTimer` of an `OpenSubstream<T>`.
    unsafe extern "C" fn timer_expired(timer: *mut bindings::hrtimer) -> hrtimer::Restart {
        // SAFETY: As this function requires.
        let timer = unsafe { PeriodTimer::of_timer(timer) };
        // SAFETY: The timer waits for this callback before it is freed.
        let this = unsafe { &*timer };
        let again = if PeriodTimer::TIMER_REQUESTS {
            this.expire_now();
            false
        } else {
            // SAFETY: This is the callback, and returns what this returns. The timer is part of an
            // `OpenSubstream<T>`, by what this function requires. No lock is held.
            unsafe { this.run_callback(|| Self::expired(timer)) }
        };
        hrtimer::restart(again)
    }

    /// # Safety
    ///
    /// Called only as the callback of the immediate work in the `PeriodTimer` of an
    /// `OpenSubstream<T>`.
    unsafe extern "C" fn work_run(work: *mut RawWork) {
        // SAFETY: As this function requires.
        unsafe { Self::expired(PeriodTimer::of_work(work)) };
    }

    /// # Safety
    ///
    /// To be called by a callback of `timer`, the `PeriodTimer` of an `OpenSubstream<T>`, which
    /// waits for the callback before it is freed; no lock must be held that the core or a driver
    /// takes.
    unsafe fn expired(timer: *mut PeriodTimer) {
        // SAFETY: The timer is a field of an `OpenSubstream<T>`, which waits for this before it is
        // freed.
        let open = unsafe { &*container_of!(timer, OpenSubstream<T>, timer) };
        // SAFETY: As this function requires, this is a callback of the timer, and no lock is held.
        let expired = unsafe { Expired::new(open.substream(), &open.timer) };
        match T::period_timer(&open.data, &expired) {
            Action::None => {}
            Action::PeriodElapsed => expired.period_elapsed(),
            Action::KeepDraining => expired.keep_draining(),
            Action::Settle => {
                if T::HAS_SETTLE {
                    let _locked = expired.lock();
                    T::settle(&open.data);
                }
            }
            Action::Stop(state) => expired.lock().stop(state),
        }
        T::rearm(&open.data, &expired);
    }
}
