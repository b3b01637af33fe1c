// SPDX-License-Identifier: GPL-2.0

//! The state of a cable, and the cable while its lock is held.

use super::{
    ending::Ending,
    habits::Habits,
    setup::Setup,
    side::{
        Activity,
        Side, //
    },
    slave::{
        Changes,
        Slave, //
    },
    time::{
        Time,
        TimerInfo, //
    },
};
use crate::{
    buffer::SilenceMark,
    clock::{
        Absolute,
        Pace,
        SHIFT_NOMINAL, //
    },
    follow::Follow,
    units::{
        Frames,
        Instant, //
    },
};
use alsa::{
    kext::task::Program,
    pcm::{
        Direction,
        Limits,
        Params,
        RunningStream,
        RunningStreams,
        Shared,
        SharedGuard, //
    },
    time::Ktime, //
};
use kernel::sync::Arc;

/// A cable, with the lock that protects it.
pub(crate) type Cable = Shared<State>;

/// What the lock of a cable protects.
pub(crate) struct State {
    pub(super) playback: Side,
    pub(super) capture: Side,
    /// What advances the positions at present.
    pub(super) time: Time,
    /// The sound timer that drives the cable or sets its pace, if there is one, as of the last open.
    timer: Option<TimerInfo>,
    /// What the parameters of the card, or its attributes, ask of the cable.
    habits: Habits,
    /// How the recording ends, if the card has `end_with_peer`.
    pub(super) ending: Ending,
    /// A side that has waited for the other, which has started: it has yet to be let go, and the
    /// cable is not moved before.
    pub(super) let_go: Option<Direction>,
    /// How far the buffer of the capture may hold sound.
    pub(super) silence: SilenceMark,
    /// The source whose speed the cable follows, if it does.
    pub(super) follow: Option<Follow>,
    /// The clock that no start sets back.
    pub(super) absolute: Absolute,
    /// `PCM Rate Shift 100000`.
    pub(super) shift: u32,
    /// `PCM Notify`.
    notify: bool,
    /// `PCM Slave …`.
    slave: Slave,
}

impl State {
    /// Makes the state of a cable that nobody has opened.
    pub(crate) fn new(notify: bool, habits: Habits) -> Self {
        Self {
            playback: Side::Closed,
            capture: Side::Closed,
            time: Time::Idle,
            timer: None,
            follow: None,
            habits,
            ending: Ending::NONE,
            let_go: None,
            silence: SilenceMark::silent(),
            absolute: Absolute::new(),
            shift: SHIFT_NOMINAL,
            notify,
            slave: Slave::UNKNOWN,
        }
    }

    /// Returns the side of a direction.
    pub(crate) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Playback => &self.playback,
            Direction::Capture => &self.capture,
        }
    }

    /// Returns the side of a direction, to be changed.
    pub(super) fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Playback => &mut self.playback,
            Direction::Capture => &mut self.capture,
        }
    }

    /// Records that the substream has been opened by a program.
    pub(crate) fn open(&mut self, direction: Direction, program: Arc<Program>) {
        self.side_mut(direction).open(program);
    }

    /// Records that the stream is being set to new parameters, for which the core fills its buffer
    /// with zeroes.
    pub(crate) fn configure(&mut self, direction: Direction, params: &Params) {
        if direction == Direction::Capture {
            self.silence = if params.format.is_silence_zero() {
                SilenceMark::silent()
            } else {
                SilenceMark::unknown()
            };
        }
    }

    /// Returns how many frames at the beginning of the buffer of a capture that is to be prepared
    /// may hold something else than silence.
    pub(crate) fn frames_to_silence(&self, setup: &Setup) -> Frames {
        if setup.params.mapped {
            // Its application may have left anything there.
            return setup.frames();
        }
        self.silence.sound_frames(setup.frames())
    }

    /// Records that the stream has been prepared, and that its buffer is silent if it is a capture.
    pub(crate) fn prepare(&mut self, direction: Direction, setup: Setup) {
        self.side_mut(direction).prepare(setup);
        self.let_go = None;
        if direction == Direction::Capture {
            self.silence = SilenceMark::silent();
            self.ending = Ending::NONE;
        }
        self.drop_idle_clock();
    }

    /// Records that the parameters of the stream are no longer valid.
    pub(crate) fn free(&mut self, direction: Direction) {
        self.side_mut(direction).free();
        self.let_go = None;
        self.drop_idle_clock();
    }

    /// Forgets the clock when neither side runs: the next start begins a frame of its own.
    pub(super) fn drop_idle_clock(&mut self) {
        if !self.playback.is_running() && !self.capture.is_running() {
            self.time = Time::Idle;
        }
    }

    /// Returns what a stream may be set to: what the other side has been prepared for.
    ///
    /// A side never limits itself, and a capture does not limit the playback while `PCM Notify` is
    /// on.
    pub(crate) fn limits(&self, direction: Direction) -> Limits {
        let other = match direction {
            Direction::Playback if self.notify => None,
            Direction::Playback => self.capture.setup(),
            Direction::Capture => self.playback.setup(),
        };
        let Some(other) = other else {
            return Limits::NONE;
        };
        let params = &other.params;
        let mut limits = Limits::exactly(params.format, params.rate, params.channels);
        if self.timer.is_some_and(|timer| !timer.follows) {
            // A tick is a period for both.
            let bytes = u32::try_from(other.period_bytes().0).unwrap_or(u32::MAX);
            limits.period_bytes = bytes..=bytes;
        }
        limits
    }

    /// Returns what the cable does, beside what one of the C driver does.
    pub(crate) fn habits(&self) -> Habits {
        self.habits
    }

    /// Returns the sound timer that drives the cable or sets its pace.
    pub(crate) fn timer(&self) -> Option<TimerInfo> {
        self.timer
    }

    /// Sets the sound timer that the cable runs by, or follows, and what is known of its speed;
    /// `None` for the system's clock.
    ///
    /// What was known of the speed is kept if it is the same timer as before.
    pub(super) fn note_timer(&mut self, timer: Option<TimerInfo>) {
        let is_same = timer.map(|timer| timer.id) == self.timer.map(|timer| timer.id);
        self.follow = timer.filter(|timer| timer.follows).map(|_| {
            // It may still be as fast as it was.
            let known = self.follow.filter(|_| is_same);
            known.unwrap_or_else(Follow::new)
        });
        self.timer = timer;
    }

    /// Returns how fast the cable runs by the system's clock.
    pub(super) fn pace(&self) -> Pace {
        match &self.follow {
            Some(follow) => follow.pace(),
            None => Pace::of_shift(self.shift),
        }
    }

    /// Returns the source whose speed the cable follows.
    pub(crate) fn follow(&self) -> Option<&Follow> {
        self.follow.as_ref()
    }

    /// Returns `PCM Rate Shift 100000`.
    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    /// Returns `PCM Notify`.
    pub(crate) fn notify(&self) -> bool {
        self.notify
    }

    /// Sets `PCM Notify`, and returns whether it is a new value.
    pub(crate) fn set_notify(&mut self, notify: bool) -> bool {
        let is_new = self.notify != notify;
        self.notify = notify;
        is_new
    }

    /// Returns the values of `PCM Slave …`.
    pub(crate) fn slave(&self) -> &Slave {
        &self.slave
    }

    /// Remembers what the stream of a playback that has started is like, and returns what is new in
    /// that.
    pub(crate) fn note_playback(&mut self) -> Changes {
        let Some(setup) = self.playback.setup() else {
            return Changes::default();
        };
        let new = Slave::new(&setup.params);
        let changes = new.changes_from(&self.slave);
        self.slave = new;
        changes
    }

    /// Returns whether a playback is running: `PCM Slave Active`.
    pub(crate) fn is_playback_active(&self) -> bool {
        // One that is out of step is so until it is stopped: then comes the event.
        self.playback.takes_part() || self.playback.activity() == Activity::OutOfStep
    }

    /// Returns whether a capture is running: `PCM Capture Active`.
    pub(crate) fn is_capture_active(&self) -> bool {
        // One that is evicted is not: the playback that evicts it sends the event.
        self.capture.takes_part() || self.capture.activity() == Activity::OutOfStep
    }
}

/// A cable while its lock is held, at one moment.
///
/// All that depends on time or on running streams is done through it; each file of [`cable`] has
/// the methods that are its subject.
///
/// [`cable`]: super
pub(crate) struct Locked<'a> {
    pub(super) state: &'a mut State,
    streams: RunningStreams<'a>,
    pub(super) now: Instant,
}

impl<'a> Locked<'a> {
    /// Looks at a cable whose lock is held, as it is `now`.
    ///
    /// A time from before the lock was taken may be earlier than what others have seen since, and
    /// then nothing moves.
    pub(crate) fn new(guard: &'a mut SharedGuard<'_, State>, now: Ktime) -> Self {
        let (state, streams) = guard.split();
        Self {
            state,
            streams,
            now: now.into(),
        }
    }

    /// Looks at a cable whose lock is held, as it was when it was last moved: for what moves
    /// nothing, and is not worth a look at the clock.
    pub(crate) fn unmoved(guard: &'a mut SharedGuard<'_, State>) -> Self {
        let now = guard.time.moved_at().unwrap_or(Instant::START);
        Self::new(guard, now.into())
    }

    /// Returns the stream of a direction, from just before the trigger that starts it, when the
    /// core still calls it prepared, until just after the one that stops it.
    pub(super) fn stream(&self, direction: Direction) -> Option<RunningStream<'a>> {
        self.streams.get(direction)
    }
}
