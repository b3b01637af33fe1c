// SPDX-License-Identifier: GPL-2.0

//! When a stream was triggered, and what time it was at a position.

use super::{
    Glue,
    Open, //
};
use crate::{
    bindings,
    pcm::{
        AudioClock,
        AudioTime,
        Ops,
        Querying,
        Substream,
        Trigger,
        Triggering, //
    },
    time::Ktime, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

/// Reports that an audio timestamp is the position itself, of unknown accuracy.
///
/// # Safety
///
/// `report` must be valid, and nobody else use it.
unsafe fn report_no_clock(report: *mut bindings::snd_pcm_audio_tstamp_report) {
    // SAFETY: By the caller's promise.
    unsafe {
        (*report).set_actual_type(bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_DEFAULT);
        (*report).set_accuracy_report(0);
        (*report).accuracy = 0;
    }
}

impl<T: Ops> Glue<T> {
    /// Tells the core when the stream began to run: at the time that the driver knows, and not a
    /// little later. Or that the core shall look for itself, as it does when the stream stops.
    ///
    /// # Safety
    ///
    /// The stream lock must be held.
    pub(super) unsafe fn latch_time(triggering: &Triggering<'_>, runs: bool) {
        let time = runs.then(|| triggering.timestamp(triggering.time()));
        // SAFETY: The runtime is valid, and the stream lock protects the fields.
        unsafe {
            let runtime = triggering.runtime();
            (*runtime).trigger_tstamp_latched = time.is_some();
            if let Some(time) = time {
                (*runtime).trigger_tstamp = time;
            }
        }
    }

    /// The time of a trigger: for those that linked substreams get one after the other, with
    /// interrupts off, the time of the first.
    ///
    /// All of them pause, or go on after a pause, in the order in which they are linked. Not all
    /// need start together: a drain starts only players that have something to play. But all have
    /// been prepared together, so one that has been triggered since has been started just now.
    ///
    /// The core leaves out substreams that don't run when it stops, suspends or resumes linked
    /// ones: none of them is sure to have been told of that trigger.
    pub(super) fn trigger_time(open: &Open<T>, command: Trigger) -> Ktime {
        let own = open.substream.as_ptr();
        let time = match command {
            // SAFETY: The substream is being triggered: the group that it belongs to is locked. The
            // function is made for substreams with these callbacks, and called for no other.
            Trigger::Start => unsafe { bindings::snd_pcm_max_linked(own, Some(Self::triggered)) },
            Trigger::PausePush | Trigger::PauseRelease => {
                // SAFETY: As above.
                let first = unsafe { bindings::snd_pcm_first_linked(own) };
                if first == own {
                    0
                } else {
                    // SAFETY: It has the same callbacks and is linked.
                    unsafe { Self::triggered(first) }
                }
            }
            _ => 0,
        };
        if time != 0 {
            open.triggered.store(time, Relaxed);
            return Ktime::from_nanos(time);
        }
        let now = Ktime::now();
        open.triggered.store(now.as_nanos(), Relaxed);
        now
    }

    /// When a substream was last triggered since it was prepared, in nanoseconds; or 0.
    ///
    /// # Safety
    ///
    /// `substream` must have these callbacks and be linked with one that is being triggered.
    unsafe extern "C" fn triggered(substream: *mut bindings::snd_pcm_substream) -> u64 {
        // SAFETY: It has been opened with these callbacks; its runtime is not freed before it is
        // unlinked, for which the group must not be locked.
        unsafe { Self::opened(substream) }.triggered.load(Relaxed)
    }

    /// Makes the report that goes with a position be of that position.
    ///
    /// The core does not call `get_time_info` for the position itself. It then looks at the report
    /// all the same, which may still be about another clock.
    ///
    /// # Safety
    ///
    /// The stream lock must be held.
    pub(super) unsafe fn renew_report(substream: &Substream) {
        if !T::HAS_AUDIO_TIME {
            return;
        }
        // SAFETY: The runtime is valid, and the stream lock protects the fields.
        unsafe {
            let runtime = substream.runtime();
            if (*runtime).audio_tstamp_config.type_requested()
                == bindings::SNDRV_PCM_AUDIO_TSTAMP_TYPE_DEFAULT
            {
                report_no_clock(&raw mut (*runtime).audio_tstamp_report);
            }
        }
    }

    /// # Safety
    ///
    /// Called only by the core, right after `pointer`, with an open substream that runs, the stream
    /// lock held, and times, a configuration and a report that are its own.
    pub(super) unsafe extern "C" fn get_time_info(
        substream: *mut bindings::snd_pcm_substream,
        system: *mut bindings::timespec64,
        audio: *mut bindings::timespec64,
        config: *mut bindings::snd_pcm_audio_tstamp_config,
        report: *mut bindings::snd_pcm_audio_tstamp_report,
    ) -> c_int {
        // SAFETY: The core passed a valid configuration.
        let clock = AudioClock::from_raw(unsafe { (*config).type_requested() });
        // SAFETY: As this function requires; a position with no such time is what is mostly asked
        // for.
        match clock.and_then(|clock| Some((clock, unsafe { Self::time_by(substream, clock) }?))) {
            // SAFETY: The core passed a valid report, and times that may be written.
            Some((clock, (time, stamp))) => unsafe {
                *system = stamp;
                *audio = Ktime::from_nanos(time.audio).to_timespec();
                (*report).set_actual_type(clock.to_raw());
                (*report).set_accuracy_report(1);
                (*report).accuracy = time.accuracy;
            },
            // The core then takes the position, and the time by itself.
            // SAFETY: As above.
            None => unsafe { report_no_clock(report) },
        }
        0
    }

    /// What a sample clock shows, and the system's time of that as the application wants it.
    ///
    /// # Safety
    ///
    /// As for `get_time_info`.
    unsafe fn time_by(
        substream: *mut bindings::snd_pcm_substream,
        clock: AudioClock,
    ) -> Option<(AudioTime, bindings::timespec64)> {
        // SAFETY: `open` has succeeded.
        let open = unsafe { Self::opened(substream) };
        // SAFETY: The substream is valid and has a runtime.
        let this = unsafe { Substream::from_raw(substream) };
        // SAFETY: As in `pointer`.
        let querying = unsafe { Querying::new(this) };
        let time = T::audio_time(&open.data, &querying, clock)?;
        Some((time, this.timestamp(time.system)))
    }
}
