// SPDX-License-Identifier: GPL-2.0

//! One side of a cable, as the ALSA core sees it: a substream.

use crate::{
    cable::{
        Cable,
        Changes,
        Locked,
        Setup,
        TickSource, //
    },
    controls::Ids,
    hardware::HARDWARE,
    ticks::{
        CableTimer,
        Ticks,
        Timer, //
    },
};
use alsa::{
    kext::task::Program,
    pcm::{
        self,
        Action,
        AudioClock,
        AudioTime,
        Direction,
        Expired,
        Hardware,
        Info,
        Limits,
        Opening,
        Params,
        Preparing,
        Querying,
        Trigger,
        Triggering, //
    },
    time::Ktime,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A cable, with its timer and the controls that tell about its streams.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) cable: Arc<Cable>,
    pub(crate) timer: Arc<CableTimer>,
    pub(crate) ids: Ids,
}

/// What belongs to a PCM device: the cables that its substreams are sides of.
pub(crate) struct Device {
    /// For the playback of each substream.
    pub(crate) playback: KVec<Line>,
    /// For the capture of each substream.
    pub(crate) capture: KVec<Line>,
}

/// An open substream.
pub(crate) struct Stream {
    line: Line,
    direction: Direction,
    timer: Option<Arc<Timer>>,
    /// Keeps the program until the lock of the cable has been released: the last reference must not
    /// be dropped under that lock.
    _program: Arc<Program>,
}

impl Stream {
    /// Opens a substream: see [`pcm::Ops::open`].
    fn new(device: &Device, substream: &mut Opening<'_>) -> Result<Self> {
        let direction = substream.direction();
        let lines = match direction {
            Direction::Playback => &device.playback,
            Direction::Capture => &device.capture,
        };
        let line = lines.get(substream.number()).ok_or(ENODEV)?.clone();
        substream.constrain_periods_to_integer()?;
        substream.attach(line.cable.clone());
        let program = Arc::new(Program::current(), GFP_KERNEL)?;
        let timer = line.timer.open(&line.cable, direction)?;
        let mut cable = line.cable.lock();
        if cable.timer().is_some_and(|timer| !timer.follows) {
            // Whoever waits for a source that does not tick is told so after a while.
            substream.withhold(Info::NoPeriodWakeup);
        }
        cable.open(direction, program.clone());
        drop(cable);
        Ok(Self {
            line,
            direction,
            timer,
            _program: program,
        })
    }

    /// Has the cable do what a trigger says.
    fn dispatch(
        &self,
        cable: &mut Locked<'_>,
        substream: &Triggering<'_>,
        command: Trigger,
        ticks: Option<&dyn TickSource>,
    ) -> Result {
        let direction = self.direction;
        match command {
            Trigger::Start | Trigger::Resume | Trigger::PauseRelease => {
                return cable.start(direction, ticks);
            }
            Trigger::Stop | Trigger::PausePush | Trigger::Suspend if substream.undoes_start() => {
                cable.undo_start(direction, ticks);
            }
            Trigger::Stop => cable.stop(direction, ticks),
            Trigger::PausePush => cable.pause(direction, ticks),
            Trigger::Drain => cable.drain(direction),
            Trigger::Suspend => cable.suspend(direction, ticks),
        }
        Ok(())
    }

    /// Tells those who listen what has changed.
    ///
    /// The values have been stored before.
    fn notify(&self, substream: &Triggering<'_>, changes: Changes) {
        let ids = &self.line.ids.slave;
        for (changed, id) in [
            (changes.format, &ids.format),
            (changes.rate, &ids.rate),
            (changes.channels, &ids.channels),
            (changes.access, &ids.access),
            (changes.active, &ids.active),
            (changes.capture_active, &self.line.ids.capture_active),
        ] {
            if changed {
                substream.notify(id);
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut guard = self.line.cable.lock();
        Locked::new(&mut guard, Ktime::now()).close(self.direction);
        drop(guard);
        // This reference is dropped first: so `CableTimer::close()` drops the last one, where
        // closing the sound timer may sleep.
        self.timer = None;
        self.line.timer.close();
    }
}

#[vtable]
impl pcm::Ops for Stream {
    type Data = Device;
    type Stream = Self;

    const HARDWARE: Hardware = HARDWARE;

    fn open(device: &Device, substream: &mut Opening<'_>) -> impl PinInit<Self, Error> {
        Self::new(device, substream)
    }

    fn hw_params(stream: &Self, params: &Params) -> Result {
        let mut cable = stream.line.cable.lock();
        cable.configure(stream.direction, params);
        Ok(())
    }

    fn hw_free(stream: &Self) {
        stream.line.cable.lock().free(stream.direction);
    }

    fn limits(stream: &Self) -> Limits {
        stream.line.cable.lock().limits(stream.direction)
    }

    fn prepare(stream: &Self, substream: &Preparing<'_>) -> Result {
        let setup = Setup::new(substream.params())?;
        if stream.direction == Direction::Capture {
            // What the buffer holds is of the recording before.
            let frames = stream.line.cable.lock().frames_to_silence(&setup);
            for span in setup.spans(frames) {
                substream.buffer().silence(span.offset, span.len)?;
            }
        }
        let mut cable = stream.line.cable.lock();
        if cable.habits().wait_for_peer && !substream.plays_by_oss() {
            substream.wait_for_ever();
        }
        cable.prepare(stream.direction, setup);
        Ok(())
    }

    fn trigger(stream: &Self, substream: &Triggering<'_>, command: Trigger) -> Result {
        let now = substream.time();
        let ticks = stream.timer.as_deref().map(Ticks::new);
        let source = ticks.as_ref().map(|ticks| ticks as &dyn TickSource);
        let mut guard = stream.line.cable.lock();
        let was_active = (guard.is_playback_active(), guard.is_capture_active());
        let mut cable = Locked::new(&mut guard, now);
        let done = stream.dispatch(&mut cable, substream, command, source);
        let mut changes = Changes::default();
        if stream.direction == Direction::Playback && command == Trigger::Start && done.is_ok() {
            changes = guard.note_playback();
        }
        changes.active = guard.is_playback_active() != was_active.0;
        // A playback that starts may evict a capture, even if its own timer then can't be started.
        changes.capture_active = guard.is_capture_active() != was_active.1;
        drop(guard);
        if let Some(ticks) = &ticks {
            ticks.report();
        }
        stream.notify(substream, changes);
        done
    }

    fn pointer(stream: &Self, substream: &Querying<'_>) -> Option<u32> {
        let mut guard = stream.line.cable.lock();
        let report = Locked::new(&mut guard, Ktime::now()).pointer(stream.direction)?;
        substream.note_lost_buffers(report.lost_buffers);
        Some(report.frames)
    }

    fn audio_time(
        stream: &Self,
        _substream: &Querying<'_>,
        clock: AudioClock,
    ) -> Option<AudioTime> {
        let mut guard = stream.line.cable.lock();
        guard.audio_time(stream.direction, clock)
    }

    fn period_timer(stream: &Self, _substream: &Expired<'_>) -> Action {
        let mut guard = stream.line.cable.lock();
        Locked::new(&mut guard, Ktime::now()).period_timer(stream.direction)
    }

    fn settle(stream: &Self) {
        let mut guard = stream.line.cable.lock();
        Locked::new(&mut guard, Ktime::now()).settle(stream.direction);
    }

    fn rearm(stream: &Self, _substream: &Expired<'_>) {
        let mut guard = stream.line.cable.lock();
        Locked::new(&mut guard, Ktime::now()).rearm(stream.direction);
    }

    fn acknowledge(stream: &Self, _substream: &Querying<'_>) {
        let mut guard = stream.line.cable.lock();
        Locked::unmoved(&mut guard).acknowledge(stream.direction);
    }
}
