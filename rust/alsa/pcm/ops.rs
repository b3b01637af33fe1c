// SPDX-License-Identifier: GPL-2.0

//! The callbacks of a PCM device, and what they are told and tell.
//!
//! C header: [`include/sound/pcm.h`](srctree/include/sound/pcm.h)

use super::{
    Expired,
    Hardware,
    Limits,
    Opening,
    Params,
    Preparing,
    Querying,
    StopState,
    Triggering, //
};
use crate::{
    bindings,
    kext::time::Ktime, //
};
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*, //
};

/// The callbacks of a PCM device.
///
/// All substreams of the device share `Data`; each has a `Stream` of its own from `open` to
/// `close`. Callbacks of different substreams may run at the same time, and `limits`,
/// `period_timer` and `rearm` beside any other of the same substream: data are shared references,
/// and what changes in them is the driver's to protect.
///
/// C: `struct snd_pcm_ops`.
///
/// # Examples
///
/// ```
/// use alsa::pcm;
/// use kernel::sync::atomic::{
///     Atomic,
///     Relaxed, //
/// };
///
/// /// A device that takes a period at once, and then nothing more.
/// struct Greedy {
///     period: Atomic<u32>,
/// }
///
/// #[vtable]
/// impl pcm::Ops for Greedy {
///     type Data = ();
///     type Stream = Self;
///
///     const HARDWARE: pcm::Hardware = pcm::Hardware {
///         info: pcm::InfoFlags::of(&[pcm::Info::Mmap, pcm::Info::Interleaved]),
///         formats: pcm::Formats::of(&[pcm::Format::S16_LE]),
///         rates: 8000..=48000,
///         channels: 1..=2,
///         buffer_bytes_max: 64 * 1024,
///         period_bytes: 64..=16 * 1024,
///         periods: 2..=1024,
///     };
///
///     fn open(
///         _data: &(),
///         substream: &mut pcm::Opening<'_>,
///     ) -> impl PinInit<Self, Error> {
///         substream.constrain_periods_to_integer().map(|()| Self {
///             period: Atomic::new(0),
///         })
///     }
///
///     fn prepare(stream: &Self, substream: &pcm::Preparing<'_>) -> Result {
///         stream.period.store(substream.params().period_size, Relaxed);
///         Ok(())
///     }
///
///     fn trigger(_: &Self, substream: &pcm::Triggering<'_>, command: pcm::Trigger) -> Result {
///         if command.starts() {
///             substream.arm_timer(substream.time());
///         }
///         Ok(())
///     }
///
///     fn pointer(stream: &Self, _substream: &pcm::Querying<'_>) -> Option<u32> {
///         Some(stream.period.load(Relaxed))
///     }
///
///     fn period_timer(_stream: &Self, _substream: &pcm::Expired<'_>) -> pcm::Action {
///         pcm::Action::PeriodElapsed
///     }
/// }
/// ```
#[vtable]
pub trait Ops: Sized + 'static {
    /// What belongs to the device.
    type Data: Send + Sync + 'static;

    /// What belongs to an open substream. It is dropped when nothing can reach the substream any
    /// more; what a close means to the driver belongs into its `Drop` (`PinnedDrop`, for a type
    /// with `#[pin_data]`).
    type Stream: Send + Sync + 'static;

    /// What the device can do.
    const HARDWARE: Hardware;

    /// Opens a substream, and returns an initialiser of what belongs to it.
    ///
    /// `Ok(stream)` is one; `try_pin_init!` makes one of a type with pinned fields. It runs as soon
    /// as this has returned, or, if memory is short, is dropped instead. If it fails half-way, the
    /// fields made so far are dropped, and no `Stream`. So what has to be undone belongs to a value
    /// that the initialiser or a field owns. Both may sleep.
    ///
    /// # Errors
    ///
    /// An error of the initialiser is returned to the application, and the substream is not open.
    fn open(data: &Self::Data, substream: &mut Opening<'_>) -> impl PinInit<Self::Stream, Error>;

    /// Takes the parameters that the application has chosen.
    ///
    /// The buffer has been allocated; the core fills it with zeroes before anybody can use it. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// An error is returned to the application; the stream is as if it had just been opened.
    fn hw_params(stream: &Self::Stream, params: &Params) -> Result {
        let _ = (stream, params);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Lets go of the parameters, which are no longer valid: the buffer will be freed.
    ///
    /// May sleep. It may be called more than once, and without a `hw_params` before it.
    fn hw_free(stream: &Self::Stream) {
        let _ = stream;
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Prepares the stream to begin anew, at frame 0 of the buffer.
    ///
    /// May sleep. The stream does not run, and its period timer neither.
    ///
    /// # Errors
    ///
    /// An error is returned to the application, and the stream cannot be started before it has been
    /// prepared.
    fn prepare(stream: &Self::Stream, substream: &Preparing<'_>) -> Result;

    /// Starts, stops or pauses the stream, as `command` says.
    ///
    /// The stream lock is held; must not sleep.
    ///
    /// # Errors
    ///
    /// An error from a command that starts or pauses the stream is returned to the application, and
    /// the stream stays in its state; but an `EPIPE` from `Start` counts as an xrun. One from
    /// `Drain` is returned too, and the stream counts as draining. Those from `Stop` and `Suspend`
    /// are passed over.
    ///
    /// After a start or a pause that has failed, the opposite command follows: for a stream that is
    /// linked with none, to itself; of linked ones, to those that had been told before, and not to
    /// the one that has failed. After a `Resume` that has failed, a `Suspend` follows, to those of
    /// linked streams that had been told before (unless it is a stream of another driver that has
    /// failed). The opposite of what starts a stream can be told from a command of its own:
    /// [`Triggering::undoes_start`].
    ///
    /// DRAIN, which starts a stream that is prepared, passes over an error from that `Start`: the
    /// stream then counts as draining. Whoever waits for the end of the drain stops it when nothing
    /// has happened for some time (see [`Action::KeepDraining`]). But without period wake-ups the
    /// wait has no limit: it ends by a signal, which leaves the stream as it is, or when somebody
    /// else stops it. And nobody need wait. A driver that offers `DrainTrigger` is sent `Drain`
    /// next: it can arm the timer there, and have `period_timer` stop the stream.
    fn trigger(stream: &Self::Stream, substream: &Triggering<'_>, command: Trigger) -> Result;

    /// Returns the position of the device in the buffer, in frames, less than the buffer's length;
    /// `None` for an xrun.
    ///
    /// The stream lock is held; must not sleep.
    fn pointer(stream: &Self::Stream, substream: &Querying<'_>) -> Option<u32>;

    /// Returns what the sample clock shows at the position that `pointer` has just returned; `None`
    /// if it cannot be read in that way.
    ///
    /// The stream lock is held; must not sleep.
    ///
    /// It is called only right after a `pointer` of the same stream, when an application has asked
    /// for more than the position.
    ///
    /// C: `get_time_info`.
    fn audio_time(
        stream: &Self::Stream,
        substream: &Querying<'_>,
        clock: AudioClock,
    ) -> Option<AudioTime> {
        let _ = (stream, substream, clock);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Handles the expiry of the period timer, and returns what is to be done.
    ///
    /// No lock is held; must not sleep. The stream may have been stopped in the meantime. Two calls
    /// may run at a time, if
    /// [`RunningStream::expire_timer_now`](super::RunningStream::expire_timer_now) is used.
    fn period_timer(stream: &Self::Stream, substream: &Expired<'_>) -> Action {
        let _ = (stream, substream);
        Action::None
    }

    /// Does what has to wait until the core has made all triggers that it makes in one go.
    ///
    /// DROP, PREPARE and close of a stream that is paused are a `PauseRelease` and a `Stop`, and of
    /// linked streams that start, those that have started are stopped if another one can't be. In
    /// between, the core holds the stream lock (but for linked streams of which another thread
    /// triggers one at that very moment). So does the caller of this, after [`Action::Settle`]:
    /// nothing is triggered before this returns. The stream may have been stopped. Must not sleep.
    fn settle(stream: &Self::Stream) {
        let _ = stream;
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Arms the period timer anew, if the stream still runs: what `period_timer` has asked for has
    /// been done.
    ///
    /// No lock is held; must not sleep. The stream may have been stopped.
    ///
    /// Why not in `period_timer`: what it asks for may stop the stream, and the driver may want to
    /// know how long that has taken.
    fn rearm(stream: &Self::Stream, substream: &Expired<'_>) {
        let _ = (stream, substream);
    }

    /// Notes that the application has moved its pointer, forward or (by a rewind) backward.
    ///
    /// The stream lock is held; must not sleep. (One that moves it in mapped memory is not noticed
    /// before it says so.)
    ///
    /// C: `ack`.
    fn acknowledge(stream: &Self::Stream, substream: &Querying<'_>) {
        let _ = (stream, substream);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns what the stream may be set to at present, beyond the hardware description.
    ///
    /// May sleep. It is called at each HW_REFINE and HW_PARAMS.
    ///
    /// C: a function given to `snd_pcm_hw_rule_add()`.
    fn limits(stream: &Self::Stream) -> Limits {
        let _ = stream;
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// What happens to a stream.
///
/// C: `SNDRV_PCM_TRIGGER_*`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Trigger;
///
/// assert!(Trigger::PauseRelease.starts());
/// assert!(Trigger::Suspend.stops());
/// // A drain goes on until it is stopped.
/// assert!(!Trigger::Drain.starts() && !Trigger::Drain.stops());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It starts.
    Start,
    /// It stops: by the application, by an xrun, at the end of a drain, at close.
    Stop,
    /// It pauses.
    PausePush,
    /// It goes on after a pause.
    PauseRelease,
    /// The system is suspended.
    Suspend,
    /// It goes on after a suspend.
    Resume,
    /// The application has written all that there will be, and waits for its end. Only with
    /// [`Info::DrainTrigger`](super::Info::DrainTrigger). A drain that starts the stream sends
    /// `Start` before it, in [`State::Prepared`](super::State::Prepared); one of a capture that has
    /// been stopped already sends this all the same.
    Drain,
}

impl Trigger {
    pub(super) fn from_raw(command: c_int) -> Option<Self> {
        Some(match u32::try_from(command).ok()? {
            bindings::SNDRV_PCM_TRIGGER_START => Self::Start,
            bindings::SNDRV_PCM_TRIGGER_STOP => Self::Stop,
            bindings::SNDRV_PCM_TRIGGER_PAUSE_PUSH => Self::PausePush,
            bindings::SNDRV_PCM_TRIGGER_PAUSE_RELEASE => Self::PauseRelease,
            bindings::SNDRV_PCM_TRIGGER_SUSPEND => Self::Suspend,
            bindings::SNDRV_PCM_TRIGGER_RESUME => Self::Resume,
            bindings::SNDRV_PCM_TRIGGER_DRAIN => Self::Drain,
            _ => return None,
        })
    }

    /// Returns whether the command makes the stream run (if it succeeds).
    pub fn starts(self) -> bool {
        matches!(self, Self::Start | Self::PauseRelease | Self::Resume)
    }

    /// Returns whether the command makes an end to the stream's running.
    pub fn stops(self) -> bool {
        matches!(self, Self::Stop | Self::PausePush | Self::Suspend)
    }
}

/// What is to be done when `period_timer` has returned, and with it let go of all locks.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Action,
///     StopState, //
/// };
///
/// /// What a device does that has reached the end of a period.
/// fn at_period_end(is_broken: bool) -> Action {
///     if is_broken {
///         Action::Stop(StopState::Xrun)
///     } else {
///         Action::PeriodElapsed
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Tell the core that a period has elapsed: it asks for the position and wakes the application.
    ///
    /// C: `snd_pcm_period_elapsed()`.
    PeriodElapsed,
    /// The device is held up in a drain: whoever waits for its end is to go on waiting. The core
    /// takes the drain for failed (`EIO`, and the stream stops) when nothing has happened for the
    /// length of the buffer and a tenth, or 100 ms if that is more.
    ///
    /// C: `wake_up()` of the runtime's wait queue.
    KeepDraining,
    /// Call [`Ops::settle`] with the stream lock held.
    Settle,
    /// Stop the stream, and those that it is linked with, if it still runs.
    ///
    /// C: `snd_pcm_stop()`.
    Stop(StopState),
}

/// A way to read the sample clock of a device.
///
/// C: `SNDRV_PCM_AUDIO_TSTAMP_TYPE_*`.
///
/// # Examples
///
/// ```
/// use alsa::{
///     pcm::{
///         AudioClock,
///         AudioTime, //
///     },
///     time::Ktime, //
/// };
///
/// /// What a device tells whose clock is the system's.
/// fn audio_time(start: Ktime, clock: AudioClock) -> Option<AudioTime> {
///     let system = Ktime::now();
///     match clock {
///         AudioClock::Link => Some(AudioTime {
///             system,
///             audio: system.as_nanos().saturating_sub(start.as_nanos()),
///             accuracy: 0,
///         }),
///         AudioClock::LinkAbsolute | AudioClock::LinkSynchronized => None,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioClock {
    /// From the start of the stream on.
    Link,
    /// From some time on that no start changes.
    LinkAbsolute,
    /// As `Link`, and the time of the system was read at the very same moment.
    LinkSynchronized,
}

impl AudioClock {
    pub(super) fn from_raw(clock: u32) -> Option<Self> {
        Some(match clock {
            bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK => Self::Link,
            bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK_ABSOLUTE => Self::LinkAbsolute,
            bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK_SYNCHRONIZED => Self::LinkSynchronized,
            _ => return None,
        })
    }

    pub(super) fn to_raw(self) -> u32 {
        match self {
            Self::Link => bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK,
            Self::LinkAbsolute => bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK_ABSOLUTE,
            Self::LinkSynchronized => bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK_SYNCHRONIZED,
        }
    }
}

/// What a sample clock has shown.
///
/// # Examples
///
/// ```
/// use alsa::{
///     pcm::AudioTime,
///     time::Ktime, //
/// };
///
/// /// The time of a device that has moved some frames, to a frame.
/// fn audio_time(frames: u64, rate: u32) -> Option<AudioTime> {
///     let nanos = |frames: u64| frames.checked_mul(1_000_000_000)?.checked_div(rate.into());
///     Some(AudioTime {
///         system: Ktime::now(),
///         audio: nanos(frames)?,
///         accuracy: u32::try_from(nanos(1)?).ok()?,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioTime {
    /// When it was read.
    pub system: Ktime,
    /// The time of the sample clock, in nanoseconds of audio at the nominal rate.
    pub audio: u64,
    /// How far `audio` may be off, in nanoseconds.
    pub accuracy: u32,
}

#[kunit_tests(alsa_pcm_ops)]
mod tests {
    use super::*;

    /// The numbers of the commands that `trigger` can get, of `<sound/pcm.h>`.
    #[test]
    fn triggers() {
        for (raw, trigger, starts) in [
            (0, Trigger::Stop, false),
            (1, Trigger::Start, true),
            (2, Trigger::PausePush, false),
            (3, Trigger::PauseRelease, true),
            (4, Trigger::Suspend, false),
            (5, Trigger::Resume, true),
            (6, Trigger::Drain, false),
        ] {
            assert!(Trigger::from_raw(raw) == Some(trigger));
            assert_eq!(trigger.starts(), starts);
        }
        for raw in [-1, 7, c_int::MAX] {
            assert!(Trigger::from_raw(raw).is_none());
        }
    }
}
