// SPDX-License-Identifier: GPL-2.0

//! A cable: what one playback and one capture substream share.
//!
//! # The engine
//!
//! Both ends read one [`Clock`]. Whenever somebody wants to know or to change something (the period
//! timer of an end, a question for its position, a trigger, a control), [`State::update`] moves the
//! cable to the present: so many frames have elapsed, and exactly so many are copied from the ring
//! of the playback to that of the capture, and counted at both ends. Each frame is moved once, by
//! whoever comes first; how often anybody comes makes no difference to the result.
//!
//! # Locks
//!
//! One lock a cable (that of its [`Hub`]). The order is
//!
//! ```text
//!   PCM open_mutex, buffer_mutex ─► cable
//!   stream lock ─► cable ─► period timer ─► the timer queue's lock
//!   controls_rwsem ─► cable
//! ```
//!
//! Nothing that takes a stream lock is called under the cable's lock, and the lock of one end's
//! stream is never taken to do something about the other end. A capture that a player has made
//! impossible (see [`State::start`]) is *evicted*: the engine lets go of it at once, and its own
//! timer, made to expire at once, which can take its stream lock, stops it.

mod end;
mod engine;
mod peer;
mod slave;
mod tick;
mod wakeup;

pub(crate) use self::{
    end::{
        Activity,
        End,
        Setup, //
    },
    peer::Habits,
    slave::{
        Changes,
        Slave, //
    },
    tick::{
        Mismatch,
        TimerInfo, //
    },
};

use self::{
    end::Held,
    engine::stops_at_its_end, //
};
use crate::{
    clock::{
        nanos,
        Absolute,
        Clock,
        Phase,
        SHIFT_NOMINAL, //
    },
    ring::SilenceMark,
    share::Member,
    ticks::{
        self,
        Timer, //
    },
};
use alsa::{
    pcm::{
        AudioClock,
        AudioTime,
        Direction,
        Hub,
        HwParams,
        Limits,
        PortTable, //
    },
    time::Ktime, //
};
use core::cmp::{
    max,
    min, //
};
use kernel::prelude::*;

/// The ports of a cable: where its playback and its capture stand.
const PLAYBACK: usize = 0;
const CAPTURE: usize = 1;

/// A cable, with the lock that protects it.
pub(crate) type Cable = Hub<State, 2>;

/// The port at which a stream of a direction stands.
pub(crate) fn port(direction: Direction) -> usize {
    match direction {
        Direction::Playback => PLAYBACK,
        Direction::Capture => CAPTURE,
    }
}

/// How many rings that have gone by unseen the core is told, step by step, at the end of a drain.
const MOST_RINGS: u64 = 2;

/// How long an end holds still after the other has been suspended, in nanoseconds.
///
/// It is suspended itself within microseconds, unless the system's suspend fails just then.
const HOLD: u64 = 100_000_000;

/// By what time goes on.
enum Time {
    /// No end runs.
    Idle,
    /// The clock of the system, which both ends read.
    Clock(Clock),
    /// The ticks of a sound timer: a period at each.
    Ticks,
}

/// An answer to the question for a position.
pub(crate) struct Report {
    /// The position in the ring, in frames.
    pub(crate) frames: u32,
    /// How many whole rings have gone by since the last question.
    pub(crate) lost_rings: u64,
}

/// What the lock of a cable protects.
pub(crate) struct State {
    pub(crate) playback: End,
    pub(crate) capture: End,
    /// By what time goes on at present.
    time: Time,
    /// The timer that the cable runs by, while an end is open; otherwise it runs by the system's
    /// clock.
    pub(crate) timer: Option<TimerInfo>,
    /// What the ends do for each other.
    pub(crate) habits: Habits,
    /// How far the ring of the capture may hold sound.
    silence: SilenceMark,
    /// The clock that no start sets back.
    absolute: Absolute,
    /// `PCM Rate Shift 100000`.
    pub(crate) shift: u32,
    /// `PCM Notify`.
    pub(crate) notify: bool,
    /// `PCM Slave …`.
    pub(crate) slave: Slave,
}

impl State {
    /// A cable that nobody has opened.
    pub(crate) fn new(notify: bool, habits: Habits) -> Self {
        Self {
            playback: End::CLOSED,
            capture: End::CLOSED,
            time: Time::Idle,
            timer: None,
            habits,
            silence: SilenceMark::silent(),
            absolute: Absolute::new(),
            shift: SHIFT_NOMINAL,
            notify,
            slave: Slave::UNKNOWN,
        }
    }

    pub(crate) fn end(&self, direction: Direction) -> &End {
        match direction {
            Direction::Playback => &self.playback,
            Direction::Capture => &self.capture,
        }
    }

    fn end_mut(&mut self, direction: Direction) -> &mut End {
        match direction {
            Direction::Playback => &mut self.playback,
            Direction::Capture => &mut self.capture,
        }
    }

    /// The end has been opened.
    pub(crate) fn open(&mut self, direction: Direction) {
        let end = self.end_mut(direction);
        *end = End::CLOSED;
        end.member = Some(Member::new());
    }

    /// The end has been closed.
    pub(crate) fn close(&mut self, direction: Direction, ports: &PortTable<'_, 2>, now: Ktime) {
        if direction == Direction::Playback {
            self.end_capture(ports, now);
        }
        *self.end_mut(direction) = End::CLOSED;
        self.drop_idle_clock();
    }

    /// The parameters of the end are no longer valid.
    pub(crate) fn free(&mut self, direction: Direction) {
        let end = self.end_mut(direction);
        end.setup = None;
        end.activity = Activity::Stopped;
        self.drop_idle_clock();
    }

    /// The end is being set to new parameters: the core fills its ring with zeroes.
    pub(crate) fn configure(&mut self, direction: Direction, params: &HwParams) {
        if direction == Direction::Capture {
            self.silence = match params.format.is_silence_zero() {
                true => SilenceMark::silent(),
                false => SilenceMark::unknown(),
            };
        }
    }

    /// How many frames at the beginning of the ring of a capture that is to be prepared may hold
    /// something else than silence.
    pub(crate) fn frames_to_silence(&self, setup: &Setup) -> u64 {
        let ring = setup.geometry.frames();
        if setup.params.mapped {
            // Its application may have left anything there.
            return ring.into();
        }
        self.silence.sound_frames(ring)
    }

    /// The end has been prepared, and its ring is silent if it is a capture.
    pub(crate) fn prepare(&mut self, direction: Direction, setup: Setup) {
        let end = self.end_mut(direction);
        *end = End {
            member: end.member.take(),
            setup: Some(setup),
            period_end: setup.params.period_size.into(),
            shift: end.shift,
            // Who prepares it anew after each period shall not take more of the time.
            duty: end.duty,
            ..End::CLOSED
        };
        if direction == Direction::Capture {
            self.silence = SilenceMark::silent();
        }
        self.drop_idle_clock();
    }

    /// What an end may be set to: what the other end has been prepared for.
    ///
    /// An end never limits itself, and a capture does not limit the player while `PCM Notify` is
    /// on.
    pub(crate) fn limits(&self, direction: Direction) -> Limits {
        let other = match direction {
            Direction::Playback if self.notify => None,
            Direction::Playback => self.capture.setup,
            Direction::Capture => self.playback.setup,
        };
        let Some(other) = other else {
            return Limits::NONE;
        };
        let params = &other.params;
        let mut limits = Limits::exactly(params.format, params.rate, params.channels);
        if self.timer.is_some() {
            // A tick is a period for both.
            let bytes = u32::try_from(other.period_bytes()).unwrap_or(u32::MAX);
            limits.period_bytes = (bytes, bytes);
        }
        limits
    }

    /// The end starts, or goes on after a pause or a suspend.
    ///
    /// # Errors
    ///
    /// `EIO` for a capture that does not match the player that has been prepared. A player is not
    /// refused: it evicts a capture that does not match it. For a cable that runs by `timer`, what
    /// starting that returns.
    pub(crate) fn start(
        &mut self,
        direction: Direction,
        ports: &PortTable<'_, 2>,
        now: Ktime,
        timer: Option<&Timer>,
    ) -> Result {
        // A change of the rate shift may have come between, at a later time. There is no earlier
        // one any more at which the absolute clock could be asked.
        let now = max(now, Ktime::from_nanos(self.absolute.changed_at()));
        self.update(ports, now);
        let setup = self.end(direction).setup.ok_or(EIO)?;
        match direction {
            Direction::Capture => {
                if self
                    .playback
                    .setup
                    .is_some_and(|play| !play.matches(&setup))
                {
                    return Err(EIO);
                }
            }
            Direction::Playback => {
                if self.capture.setup.is_some_and(|capt| !capt.matches(&setup))
                    && self.capture.takes_part()
                {
                    self.capture.activity = Activity::Evicted;
                    // At once: whoever starts the player expects the capture to have stopped.
                    if let Some(port) = ports.get(CAPTURE) {
                        port.expire_timer_now();
                    }
                    self.drop_idle_clock();
                }
            }
        }
        if self.must_wait(direction) {
            self.wait(direction, ports, now);
            return Ok(());
        }
        // Two ends that run match each other: the clock that there may be has the right rate.
        if matches!(self.time, Time::Idle) {
            self.time = match timer {
                Some(timer) => {
                    ticks::start(timer)?;
                    Time::Ticks
                }
                None => {
                    let clock = Clock::new(setup.params.rate, self.shift, now.as_nanos());
                    // After a pause, the begun frame goes on as well.
                    Time::Clock(clock.in_phase(self.end(direction).paused_phase))
                }
            };
        }
        self.playback.held = None;
        self.capture.held = None;
        match direction {
            Direction::Playback => {
                // It is heard, even if the recording was to end.
                self.capture.end = None;
                self.capture.extended = false;
            }
            Direction::Capture => self.review_end(ports),
        }
        self.end_mut(direction).activity = Activity::Running;
        self.end_wait(direction.opposite());
        self.note_shift();
        self.arm(direction, ports, now);
        // It has waited, or from now on there is something to copy.
        self.arm(direction.opposite(), ports, now);
        Ok(())
    }

    /// The end is suspended, with the whole system.
    ///
    /// The core suspends the ends of a cable one after the other. What the second one plays
    /// meanwhile nobody hears, and of what it records nobody has played: so it goes back to the
    /// frame at which the first was suspended. Nobody has seen it further on: applications do not
    /// run, and its period timer holds still for a while.
    pub(crate) fn suspend(
        &mut self,
        direction: Direction,
        ports: &PortTable<'_, 2>,
        now: Ktime,
        timer: Option<&Timer>,
    ) {
        self.update(ports, now);
        let phase = self.phase();
        let held = self.end_mut(direction).held.take();
        let other = self.end_mut(direction.opposite());
        if other.is_running() {
            other.held = Some(Held {
                position: other.position,
                phase,
                until: now.as_nanos().saturating_add(HOLD),
            });
        }
        self.stop(direction, Activity::Paused, ports, now, timer);
        if let Some(held) = held {
            let end = self.end_mut(direction);
            end.position = held.position;
            end.paused_phase = held.phase;
        }
    }

    /// The end stops (`Stopped`), or pauses (`Paused`).
    pub(crate) fn stop(
        &mut self,
        direction: Direction,
        activity: Activity,
        ports: &PortTable<'_, 2>,
        now: Ktime,
        timer: Option<&Timer>,
    ) {
        // What has elapsed until now has been heard.
        self.update(ports, now);
        let phase = self.phase();
        let end = self.end_mut(direction);
        end.activity = activity;
        end.paused_phase = phase;
        self.drop_idle_clock();
        if let (Time::Idle, Some(timer)) = (&self.time, timer) {
            timer.stop();
        }
    }

    /// A player has started: remembers what its stream is like, and says what is new in that.
    pub(crate) fn note_player(&mut self) -> Changes {
        let Some(setup) = self.playback.setup else {
            return Changes::default();
        };
        let new = Slave::new(&setup.params);
        let changes = new.changes_from(&self.slave);
        self.slave = new;
        changes
    }

    /// Whether a player is running: `PCM Slave Active`.
    pub(crate) fn is_player_active(&self) -> bool {
        // One that is out of step is so until it is stopped: then comes the event.
        self.playback.takes_part() || self.playback.activity == Activity::OutOfStep
    }

    /// Sets `PCM Rate Shift 100000`; it acts at once. Returns whether it is a new value.
    pub(crate) fn set_shift(&mut self, shift: u32, ports: &PortTable<'_, 2>, now: Ktime) -> bool {
        if self.shift == shift {
            return false;
        }
        self.update(ports, now);
        self.shift = shift;
        self.absolute.set_shift(shift, now.as_nanos());
        if let Time::Clock(clock) = &mut self.time {
            clock.set_shift(shift);
        }
        self.note_shift();
        // The periods now end at another time.
        self.arm(Direction::Playback, ports, now);
        self.arm(Direction::Capture, ports, now);
        true
    }

    /// Remembers with which shift the ends run.
    fn note_shift(&mut self) {
        if matches!(self.time, Time::Clock(_)) {
            for end in [&mut self.playback, &mut self.capture] {
                if end.is_running() {
                    end.shift = self.shift;
                }
            }
        }
    }

    /// How many bytes of the ring of the capture are known to be silent, from its position
    /// backwards.
    pub(crate) fn silent_bytes(&self) -> u64 {
        self.capture.setup.map_or(0, |setup| {
            let frames = self
                .silence
                .silent_frames(setup.geometry.frames(), self.capture.position);
            setup.frame_bytes().saturating_mul(frames)
        })
    }

    /// The position of an end in its ring at present, in frames; `None` if so much has gone by
    /// unseen since the last question that it is an xrun (unless the application has asked never to
    /// be stopped).
    ///
    /// A player of which the last frames are playing out has then played them all. That is no xrun,
    /// but the core cannot see it: the period timer stops it.
    pub(crate) fn report_position(
        &mut self,
        direction: Direction,
        ports: &PortTable<'_, 2>,
        now: Ktime,
    ) -> Option<Report> {
        let asked_at = self.update_if_due(direction, ports, now);
        let phase = self.phase();
        let end = self.end_mut(direction);
        let lost_rings = end.lost_rings();
        if lost_rings == 0 && !end.played_out {
            // Most of the time.
            end.report(asked_at, phase);
            return Some(Report {
                frames: end.ring_position(),
                lost_rings: 0,
            });
        }
        let port = ports.get(port(direction));
        let played_out = end.has_played_out(port.as_ref());
        if lost_rings > 0 && !played_out && stops_at_its_end(port.as_ref()?, end.setup.as_ref()?) {
            // The core is told no position, and stops the stream. Until then it has still lost a
            // ring: nothing of that is to be heard.
            return None;
        }
        let before = end.reported;
        end.report(asked_at, phase);
        if played_out {
            end.played_out = true;
            // The core knows positions modulo the ring: a whole ring it is told in two steps. One
            // of a single frame has no position between.
            let frames = u64::from(end.setup.as_ref()?.geometry.frames());
            let step = max(1, frames.saturating_sub(1));
            // To be drained takes no more than a ring. Of what has gone by unseen before, the core
            // is told nothing: it might be an hour of a ring of two frames, and the application go
            // along.
            let unseen = end.position.saturating_sub(before);
            let rings = unseen.checked_div(frames).unwrap_or(0);
            let skipped = rings.saturating_sub(MOST_RINGS).saturating_mul(frames);
            let before = before.saturating_add(skipped);
            end.reported = min(end.position, before.saturating_add(step));
            if end.is_behind() {
                wakeup::take_next_step(&port?, end.setup.as_ref()?, now);
            }
            return Some(Report {
                frames: end.setup.as_ref()?.ring_position(end.reported),
                lost_rings: u64::from(frames == 1 && end.reported > before),
            });
        }
        let frames = end.ring_position();
        Some(Report { frames, lost_rings })
    }

    /// What the sample clock showed when the position of an end was last asked for; `None` if there
    /// is no such clock, as in a cable that runs by ticks.
    pub(crate) fn audio_time(
        &mut self,
        direction: Direction,
        clock: AudioClock,
    ) -> Option<AudioTime> {
        if !matches!(self.time, Time::Clock(_)) {
            return None;
        }
        let absolute = self.absolute;
        let end = self.end_mut(direction);
        let rate = end.setup.as_ref()?.params.rate;
        let audio = match clock {
            // Position and system time are of one and the same moment, so either name is true.
            AudioClock::Link | AudioClock::LinkSynchronized => {
                // An end that comes back from a pause to a clock that has gone on joins its frames.
                // It has then a part of a frame more than it has had time for, or less.
                end.link_time = max(end.link_time, nanos(end.reported, end.phase, rate));
                end.link_time
            }
            AudioClock::LinkAbsolute => absolute.at(end.asked_at)?,
        };
        Some(AudioTime {
            system: Ktime::from_nanos(end.asked_at),
            audio,
            accuracy: 1,
        })
    }

    /// How much of the next frame has gone by, at the last update.
    fn phase(&self) -> Phase {
        match &self.time {
            Time::Clock(clock) => clock.phase(),
            _ => Phase::ZERO,
        }
    }

    /// Forgets the clock when no end runs: the next start begins a frame of its own.
    fn drop_idle_clock(&mut self) {
        if !self.playback.is_running() && !self.capture.is_running() {
            self.time = Time::Idle;
        }
    }
}
