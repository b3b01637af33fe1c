// SPDX-License-Identifier: GPL-2.0

//! When a stream was triggered, and what time it was at a position.

use super::{
    Glue,
    Open, //
};
use crate::{
    bindings,
    kext::time::Ktime, //
    pcm::{
        substream::report_no_clock,
        AudioClock,
        Ops,
        Querying,
        Trigger, //
    },
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

impl<T: Ops> Glue<T> {
    /// Returns the time of a trigger: for those that linked substreams get one after the other,
    /// with interrupts off, the time of the first.
    ///
    /// All of them pause, or go on after a pause, in the order in which they are linked. Not all
    /// need start together: a drain starts only players that have something to play. But all have
    /// been prepared together, so one that has been triggered since has been started just now.
    ///
    /// The core leaves out substreams that don't run when it stops, suspends or resumes linked
    /// ones: none of them is sure to have been told of that trigger.
    ///
    /// # Safety
    ///
    /// To be called in a trigger: the group that the substream belongs to is locked.
    pub(super) unsafe fn trigger_time(open: &Open<T>, command: Trigger) -> Ktime {
        let own = open.substream();
        // SAFETY: By the caller's promise.
        let mut linked = unsafe { own.linked() }
            .filter(|other| other.has_callbacks_of(own))
            // SAFETY: It has been opened with these callbacks; its runtime is not freed before it
            // is unlinked, for which the group must not be locked.
            .map(|other| &unsafe { Self::opened(other.as_raw()) }.get_ref().triggered);
        let time = match command {
            Trigger::Start => linked
                .filter(|triggered| !core::ptr::eq(*triggered, &open.triggered))
                .map(|triggered| triggered.load(Relaxed))
                .max(),
            Trigger::PausePush | Trigger::PauseRelease => linked
                .next()
                .filter(|triggered| !core::ptr::eq(*triggered, &open.triggered))
                .map(|triggered| triggered.load(Relaxed)),
            _ => None,
        };
        if let Some(time @ 1..) = time {
            open.triggered.store(time, Relaxed);
            return Ktime::from_nanos(time);
        }
        let now = Ktime::now();
        open.triggered.store(now.as_nanos(), Relaxed);
        now
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
        // SAFETY: The core passed a valid configuration, a report and times that are its own.
        let (config, report, system, audio) =
            unsafe { (&*config, &mut *report, &mut *system, &mut *audio) };
        // SAFETY: As this function requires.
        let open = unsafe { Self::opened(substream) };
        // SAFETY: As in `pointer`.
        let querying = unsafe { Querying::new(open.get_ref().substream()) };
        // A position with no such time is what is mostly asked for.
        let time = AudioClock::from_raw(config.type_requested())
            .and_then(|clock| Some((clock, T::audio_time(&open.data, &querying, clock)?)));
        match time {
            Some((clock, time)) => {
                *system = querying.timestamp(time.system);
                *audio = Ktime::from_nanos(time.audio).to_timespec();
                report.set_actual_type(clock.to_raw());
                report.set_accuracy_report(1);
                report.accuracy = time.accuracy;
            }
            // The core then takes the position, and the time by itself.
            None => report_no_clock(report),
        }
        0
    }
}
