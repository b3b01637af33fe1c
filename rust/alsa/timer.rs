// SPDX-License-Identifier: GPL-2.0

//! Sound timers: the ticks of other devices, as a clock.
//!
//! The ALSA core has timers of its own: one for each PCM substream, which ticks with its periods,
//! and global ones. A driver can open one and is called at each tick.
//!
//! C header: [`include/sound/timer.h`](srctree/include/sound/timer.h)

use crate::{
    bindings,
    kext::irq_work::IrqWork,
    pcm::Direction, //
};
use core::{
    marker::PhantomPinned,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    error::to_result,
    fmt,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Identifies a timer.
///
/// C: `struct snd_timer_id`.
///
/// # Examples
///
/// ```
/// use alsa::timer::Id;
///
/// /// The timer of the first capture of `hw:1,0`.
/// const CAPTURE: Id = Id {
///     card: 1,
///     device: 0,
///     subdevice: 1,
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    /// The card's number, or -1 for a global timer.
    pub card: i32,
    /// The number of the device, or of the global timer.
    pub device: i32,
    /// The number of the substream, times two, plus one for a capture.
    pub subdevice: i32,
}

impl Id {
    /// Returns the timer of a substream, which ticks with its periods.
    ///
    /// C: `snd_pcm_timer_init()`.
    pub fn of(card: i32, device: u32, substream: u32, direction: Direction) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            card,
            device: number(device),
            subdevice: number(substream)
                .saturating_mul(2)
                .saturating_add(match direction {
                    Direction::Playback => 0,
                    Direction::Capture => 1,
                }),
        }
    }

    fn to_raw(self) -> bindings::snd_timer_id {
        let dev_class = if self.card == -1 {
            bindings::SNDRV_TIMER_CLASS_GLOBAL
        } else {
            bindings::SNDRV_TIMER_CLASS_PCM
        };
        bindings::snd_timer_id {
            dev_class: dev_class as c_int,
            // No slave timers: these would be called with the instance, and closing it would wait
            // for what strangers do there (see the last section of `quirks.c`).
            dev_sclass: bindings::SNDRV_TIMER_SCLASS_NONE as c_int,
            card: self.card,
            device: self.device,
            subdevice: self.subdevice,
        }
    }
}

/// As in the names of alsa-lib: `card,device,subdevice`.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("{},{},{}", self.card, self.device, self.subdevice))
    }
}

/// What is called by a timer. No lock of the timer is held, but interrupts may be off: the
/// callbacks must not sleep. They may run beside each other. A callback must not drop the [`Timer`]
/// that called it, since that waits for the callback.
///
/// # Examples
///
/// ```
/// use alsa::timer::Handler;
/// use kernel::sync::atomic::{
///     Atomic,
///     Relaxed, //
/// };
///
/// /// The nanoseconds that a timer has ticked.
/// struct Elapsed(Atomic<u64>);
///
/// impl Handler for Elapsed {
///     fn tick(&self, ticks: u64, resolution: u64) {
///         self.0.fetch_add(ticks.saturating_mul(resolution), Relaxed);
///     }
///
///     fn stopped(&self) {
///         self.0.store(0, Relaxed);
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Handles `ticks` ticks of the timer, those since the last call.
    ///
    /// A tick takes `resolution` nanoseconds.
    fn tick(&self, ticks: u64, resolution: u64);

    /// Handles a stop of the device that drives the timer (`SNDRV_TIMER_EVENT_MSTOP`): no tick will
    /// come until it starts again.
    fn stopped(&self);
}

/// A timer that has been opened.
///
/// Dropped, it is closed; the drop waits for callbacks that run, and may sleep.
///
/// As with the registrations of the `kernel` crate, the module that made it has to drop it: who
/// forgets it (`core::mem::forget()`), or leaves it in a `static`, leaves callbacks behind that go
/// with the module. So does a [`Handler`] that holds an [`Arc`](kernel::sync::Arc) of its own
/// timer, be it by way of others: nobody drops either of them. An open timer keeps the module that
/// offers it, and not the one that has opened it.
///
/// C: `struct snd_timer_instance`.
///
/// # Examples
///
/// ```
/// use alsa::timer::{
///     Handler,
///     Id,
///     Timer, //
/// };
/// use kernel::sync::Arc;
///
/// /// Opens a timer, and has it tick.
/// fn follow<H: Handler>(id: Id, handler: H) -> Result<Arc<Timer<H>>> {
///     let timer = Arc::pin_init(Timer::open(c"Mine", id, handler), GFP_KERNEL)?;
///     timer.start()?;
///     Ok(timer)
/// }
/// ```
///
/// # Invariants
///
/// `instance` is open. Its `callback_data` is the address of `self`, which does not move.
#[pin_data(PinnedDrop)]
pub struct Timer<H: Handler> {
    instance: NonNull<bindings::snd_timer_instance>,
    /// By which `stopped` is called: the core tells of it with the timer's lock held.
    #[pin]
    stopped: IrqWork,
    /// Whether that has ever been queued.
    has_stopped: Atomic<bool>,
    handler: H,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The functions for timers lock them; they may be called from any thread. The handler may
// be called from any.
unsafe impl<H: Handler> Send for Timer<H> {}
// SAFETY: As above.
unsafe impl<H: Handler> Sync for Timer<H> {}

impl<H: Handler> Timer<H> {
    /// Opens a timer.
    ///
    /// It does not tick before [`Timer::start`]. May sleep, and load modules.
    ///
    /// `owner` is shown in `/proc/asound/timers`.
    ///
    /// C: `snd_timer_open()`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such timer, `EBUSY` if it can't be shared, `ENOMEM`.
    pub fn open(owner: &CStr, id: Id, handler: H) -> impl PinInit<Self, Error> + use<'_, H> {
        try_pin_init!(&this in Self {
            // SAFETY: The work is that of a `Self`, whose drop waits.
            stopped <- unsafe { IrqWork::new(Self::stopped_callback) },
            has_stopped: Atomic::new(false),
            handler,
            // INVARIANT: It is opened here, with the address of this as its data, which is pinned.
            // Last: from now on the callbacks may use the rest.
            instance: {
                // SAFETY: The name is copied.
                let instance = unsafe { bindings::snd_timer_instance_new(owner.as_char_ptr()) };
                let instance = NonNull::new(instance).ok_or(ENOMEM)?;
                // SAFETY: The instance is new, nobody else uses it.
                unsafe {
                    (*instance.as_ptr()).flags |= bindings::SNDRV_TIMER_IFLG_AUTO;
                    (*instance.as_ptr()).callback = Some(Self::tick_callback);
                    (*instance.as_ptr()).ccallback = Some(Self::event_callback);
                    (*instance.as_ptr()).callback_data = this.as_ptr().cast();
                }
                let mut raw = id.to_raw();
                // SAFETY: The instance is initialised, and the identity is copied.
                let opened = to_result(unsafe {
                    bindings::snd_timer_open(instance.as_ptr(), &mut raw, 0)
                });
                if let Err(err) = opened {
                    // SAFETY: The instance is not open, and not used any more.
                    unsafe { bindings::snd_timer_instance_free(instance.as_ptr()) };
                    return Err(err);
                }
                instance
            },
            _pin: PhantomPinned,
        }? Error)
    }

    /// Returns what is called by the timer.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// Starts the timer: each tick is one call.
    ///
    /// A timer that ticks already goes on. Any context in which a spinlock may be taken.
    ///
    /// C: `snd_timer_start()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if a tick takes less than 100 microseconds, `ENODEV` if the timer's card has gone.
    pub fn start(&self) -> Result {
        // SAFETY: By the type invariant the instance is open.
        let err = unsafe { bindings::snd_timer_start(self.instance.as_ptr(), 1) };
        // 1 says that it starts at the next tick, since it runs for somebody else.
        if err >= 0 || err == -(bindings::EBUSY as c_int) {
            return Ok(());
        }
        to_result(err)
    }

    /// Stops the timer.
    ///
    /// Does not wait for a callback that runs. Any context in which a spinlock may be taken.
    ///
    /// C: `snd_timer_stop()`.
    pub fn stop(&self) {
        // The error is that it did not run.
        // SAFETY: By the type invariant the instance is open.
        unsafe { bindings::snd_timer_stop(self.instance.as_ptr()) };
    }

    /// # Safety
    ///
    /// Called only by the core, with an instance that `open` has made and not yet closed.
    unsafe extern "C" fn tick_callback(
        instance: *mut bindings::snd_timer_instance,
        // The header names the last two the other way round; this is the order of the call.
        resolution: c_ulong,
        ticks: c_ulong,
    ) {
        // SAFETY: `open` stored the address of a `Self`, which is not dropped before the close.
        let this = unsafe { &*(*instance).callback_data.cast::<Self>() };
        this.handler.tick(ticks as u64, resolution as u64);
    }

    /// # Safety
    ///
    /// Called only by the core, with an instance that `open` has made and not yet closed, and its
    /// timer's lock held.
    unsafe extern "C" fn event_callback(
        instance: *mut bindings::snd_timer_instance,
        event: c_int,
        _tstamp: *mut bindings::timespec64,
        _resolution: c_ulong,
    ) {
        if event == bindings::SNDRV_TIMER_EVENT_MSTOP as c_int {
            // SAFETY: `open` stored the address of a `Self`, which is not dropped before the close.
            let this = unsafe { &*(*instance).callback_data.cast::<Self>() };
            this.has_stopped.store(true, Relaxed);
            this.stopped.queue();
        }
    }

    /// # Safety
    ///
    /// Called only as the callback of the irq_work in a `Self`.
    unsafe extern "C" fn stopped_callback(work: *mut bindings::irq_work) {
        // SAFETY: The work is a field of a `Self`, whose drop waits for this.
        let this = unsafe { &*container_of!(IrqWork::of_raw(work), Self, stopped) };
        this.handler.stopped();
    }
}

#[pinned_drop]
impl<H: Handler> PinnedDrop for Timer<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the instance is open, and it is not used any more. May sleep,
        // as a drop of this type may.
        unsafe { bindings::alsa_timer_close(self.instance.as_ptr()) };
        // The close has taken the lock of the timer to take the instance off its list, and events
        // are told with that lock held: nobody queues the work any more, and whether anybody has is
        // known. The wait takes a grace period of RCU, even for one that never was.
        if self.has_stopped.load(Relaxed) {
            self.stopped.sync_all();
        }
        // SAFETY: The instance has been closed.
        unsafe { bindings::snd_timer_instance_free(self.instance.as_ptr()) };
    }
}
