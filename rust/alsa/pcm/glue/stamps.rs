// SPDX-License-Identifier: GPL-2.0

//! When a stream was triggered, and what time it was at a position.

use super::{
    Glue,
    OpenSubstream, //
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
    /// Returns the time of a trigger: for those that linked substreams get one after the other, the
    /// time of the first.
    ///
    /// All of them pause, or go on after a pause, in the order in which they are linked. Not all
    /// need start together: a drain starts only playbacks that have something to play. But all have
    /// been prepared together, so one that has been triggered since has been started just now.
    ///
    /// The core leaves out substreams that don't run when it stops, suspends or resumes linked
    /// ones: none of them is sure to have been told of that trigger.
    ///
    /// # Safety
    ///
    /// To be called in a trigger of that command. Unless it is STOP, the core has locked the group
    /// that the substream belongs to. (`snd_pcm_stop_surely()` stops a stream without.)
    pub(super) unsafe fn trigger_time(open: &OpenSubstream<T>, command: Trigger) -> Ktime {
        let time = match command {
            // SAFETY: By the caller's promise.
            Trigger::Start => unsafe { Self::linked_times(open) }.flatten().max(),
            Trigger::PausePush | Trigger::PauseRelease => {
                // SAFETY: As above.
                unsafe { Self::linked_times(open) }.next().flatten()
            }
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

    /// Returns when the substreams that are linked with one were last triggered since they were
    /// prepared, in nanoseconds or 0: those with the same callbacks, and `None` in the place of the
    /// one itself.
    ///
    /// # Safety
    ///
    /// The group that the substream belongs to must be locked until the iterator is dropped. (That
    /// of a substream which is linked with none is its own, whose lock is the stream lock.)
    unsafe fn linked_times(
        open: &OpenSubstream<T>,
    ) -> impl Iterator<Item = Option<u64>> + use<'_, T> {
        let own = open.substream();
        // SAFETY: By the caller's promise.
        unsafe { own.linked() }
            .filter(|other| other.has_callbacks_of(own))
            .map(|other| {
                // SAFETY: It has been opened with these callbacks; its runtime is not freed before
                // it is unlinked, for which the group must not be locked. What is made of it is
                // used no longer than this closure.
                let other = unsafe { Self::opened(other.as_raw()) }.get_ref();
                (!core::ptr::eq(other, open)).then(|| other.triggered.load(Relaxed))
            })
    }

    /// # Safety
    ///
    /// Called only by the core, right after `pointer`, with an open substream that runs, the stream
    /// lock held, the configuration and the report of its runtime, and places for two times that
    /// are the core's own: they can be written, but need not hold anything yet.
    pub(super) unsafe extern "C" fn get_time_info(
        substream: *mut bindings::snd_pcm_substream,
        system: *mut bindings::timespec64,
        audio: *mut bindings::timespec64,
        config: *mut bindings::snd_pcm_audio_tstamp_config,
        report: *mut bindings::snd_pcm_audio_tstamp_report,
    ) -> c_int {
        // SAFETY: The core passed a valid configuration, which the stream lock protects.
        let requested =
            unsafe { bindings::snd_pcm_audio_tstamp_config::type_requested_raw(config) };
        // SAFETY: As this function requires.
        let open = unsafe { Self::opened(substream) };
        // SAFETY: As in `pointer`.
        let querying = unsafe { Querying::new(open.get_ref().substream()) };
        // A position with no such time is what is mostly asked for.
        let time = AudioClock::from_raw(requested)
            .and_then(|clock| Some((clock, T::audio_time(&open.data, &querying, clock)?)));
        // Not before the driver has been asked: the report is a part of the runtime.
        // SAFETY: The core passed a report that is valid, and its own. Nothing else refers to it:
        // the driver has returned, and what follows reads of the runtime no more than the one field
        // that says which clock to take.
        let report = unsafe { &mut *report };
        match time {
            Some((clock, time)) => {
                // SAFETY: As this function requires, both can be written, and the core does not use
                // them meanwhile. No reference is made to them: they are variables of the core's
                // (`snd_pcm_update_hw_ptr0()`) that nothing has been stored in.
                unsafe {
                    system.write(querying.timestamp(time.system));
                    audio.write(Ktime::from_nanos(time.audio).to_timespec());
                }
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
