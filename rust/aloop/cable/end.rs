// SPDX-License-Identifier: GPL-2.0

//! One end of a cable: what it is set to, where it is, and whether it moves.

use super::wakeup::Armed;
use crate::{
    clock::{
        Phase,
        NSEC_PER_SEC, //
    },
    duty::Duty,
    ring::{
        spans,
        Geometry,
        Span, //
    },
    share::Member, //
};
use alsa::{
    pcm::{
        Params,
        Port,
        State, //
    },
    time::Ktime, //
};
use core::cmp::min;
use kernel::prelude::*;

/// How long a position stands still, in nanoseconds: see [`Setup::step`].
const STEP: u64 = 10_000;

/// Whether an end takes part in the movement of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It does not.
    Stopped,
    /// It does.
    Running,
    /// It is to, and waits for the other end.
    Waiting,
    /// It does not, but may go on where it is: paused or suspended.
    Paused,
    /// It does not any more, because a player of other parameters has started; it has still to be
    /// stopped.
    Evicted,
    /// It does not any more, because its periods are not those of the timer that it runs by; it has
    /// still to be stopped.
    OutOfStep,
}

/// What an end has been prepared for.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) params: Params,
    pub(super) geometry: Geometry,
    /// The time from one move of the cable that a question for the position makes to the next, in
    /// nanoseconds.
    ///
    /// A program may read, or write, until there is nothing left. Above 100 kHz there are some
    /// frames more whenever it asks, and it would never end: so positions move in steps of ten
    /// microseconds, which are more than such a call takes, but not so long that half of a ring
    /// goes by. At lower rates, and nominal speed, that is less than a frame. A program that is
    /// woken asks three times or so within that time, and all but the first need move nothing.
    pub(super) step: u64,
}

impl Setup {
    /// Checks parameters that the core has chosen.
    ///
    /// # Errors
    ///
    /// `EINVAL` if a frame would take no bytes, or a ring too many.
    pub(crate) fn new(params: Params) -> Result<Self> {
        let geometry = Geometry::new(
            params.buffer_size,
            params.channels,
            params.format.sample_bytes(),
            params.interleaved,
        );
        let mut setup = Self {
            geometry: geometry.ok_or(EINVAL)?,
            params,
            step: 0,
        };
        setup.step = min(STEP, setup.ring_lasts() / 2);
        Ok(setup)
    }

    /// The number of bytes of the ring.
    pub(crate) fn bytes(&self) -> usize {
        self.geometry.bytes()
    }

    /// The bytes of so many frames from the beginning of the ring on.
    pub(crate) fn spans(&self, frames: u64) -> impl Iterator<Item = Span> {
        spans(&self.geometry, 0, frames)
    }

    /// What a position, counted since PREPARE, is in the ring, in frames.
    pub(super) fn ring_position(&self, position: u64) -> u32 {
        self.geometry.slot(position, 0)
    }

    /// How long it takes once round the ring, in nanoseconds.
    pub(super) fn ring_lasts(&self) -> u64 {
        u64::from(self.geometry.frames())
            .saturating_mul(NSEC_PER_SEC)
            .checked_div(self.params.rate.into())
            .unwrap_or(0)
    }

    /// The number of bytes of a frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::from(self.geometry.channels()).saturating_mul(self.geometry.sample_bytes().into())
    }

    /// The number of bytes of a period.
    pub(super) fn period_bytes(&self) -> u64 {
        self.frame_bytes()
            .saturating_mul(self.params.period_size.into())
    }

    /// May frames go from an end so set up to the other?
    pub(super) fn matches(&self, other: &Self) -> bool {
        let (a, b) = (&self.geometry, &other.geometry);
        self.params.format == other.params.format
            && self.params.rate == other.params.rate
            && a.channels() == b.channels()
            && a.interleaved() == b.interleaved()
    }
}

/// Where an end was when the other was suspended.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// Its position.
    pub(super) position: u64,
    /// How much of the next frame had gone by.
    pub(super) phase: Phase,
    /// The time until which it tells nobody of a later one, in nanoseconds.
    pub(super) until: u64,
}

/// One end of a cable.
pub(crate) struct End {
    /// Its share of the time, while somebody has it open.
    pub(super) member: Option<Member>,
    /// What it was prepared for, until the parameters are freed.
    pub(crate) setup: Option<Setup>,
    /// Whether it moves.
    pub(crate) activity: Activity,
    /// The frames that it has moved since it was prepared.
    pub(crate) position: u64,
    /// The position at which its present period ends.
    pub(super) period_end: u64,
    /// The position at which the core is to be told of the end of the present period, or the one
    /// before, if it is not that end.
    pub(super) deferred: Option<u64>,
    /// The position that the core was last told.
    pub(super) reported: u64,
    /// When it was there, in nanoseconds.
    pub(super) asked_at: u64,
    /// How much of the next frame had gone by then.
    pub(super) phase: Phase,
    /// The link time that was last read, in nanoseconds.
    pub(super) link_time: u64,
    /// How much of the next frame had gone by when it paused.
    pub(super) paused_phase: Phase,
    /// When its period timer last expired, in nanoseconds.
    pub(super) expired_at: u64,
    /// How often the thread that called back had made way for another by then.
    pub(super) switches: usize,
    /// How long its timer's callbacks take, and when the next may begin.
    pub(super) duty: Duty,
    /// What its period timer was last armed for.
    pub(super) armed: Armed,
    /// Whether it has played all that was written, without the core's having noticed.
    pub(super) played_out: bool,
    /// Where it was when the other end was suspended, if nobody has asked for its position since.
    pub(super) held: Option<Held>,
    /// Whether it is a capture that has heard a player since it was prepared.
    pub(super) has_heard: bool,
    /// The position at which it stays, if it is a capture that is over.
    pub(super) end: Option<u64>,
    /// Whether that has been put off for its reader.
    pub(super) extended: bool,
    /// The rate shift with which it last ran, by the system's clock.
    pub(crate) shift: u32,
}

impl End {
    /// An end that nobody has opened.
    pub(super) const CLOSED: Self = Self {
        member: None,
        setup: None,
        activity: Activity::Stopped,
        position: 0,
        period_end: 0,
        deferred: None,
        reported: 0,
        asked_at: 0,
        phase: Phase::ZERO,
        link_time: 0,
        paused_phase: Phase::ZERO,
        expired_at: 0,
        switches: 0,
        duty: Duty::NEW,
        armed: Armed::NEVER,
        played_out: false,
        held: None,
        has_heard: false,
        end: None,
        extended: false,
        shift: 0,
    };

    /// Whether somebody has opened it.
    pub(crate) fn is_open(&self) -> bool {
        self.member.is_some()
    }

    /// Whether it takes part.
    pub(super) fn is_running(&self) -> bool {
        self.activity == Activity::Running
    }

    /// Whether it runs as far as its application knows.
    pub(super) fn takes_part(&self) -> bool {
        matches!(self.activity, Activity::Running | Activity::Waiting)
    }

    /// Whether its application is to be told of the end of each period.
    pub(super) fn has_period_wakeups(&self) -> bool {
        self.setup
            .as_ref()
            .is_some_and(|setup| setup.params.period_wakeups)
    }

    /// Whether it is a capture that is over.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }

    /// Whether it is to keep silent about its position, since it may still be suspended as well.
    pub(super) fn is_held(&self, now: Ktime) -> bool {
        self.held.is_some_and(|held| now.as_nanos() < held.until)
    }

    /// The core is told the present position, which it has had since `asked_at`, with so much of
    /// the next frame gone by then.
    pub(super) fn report(&mut self, asked_at: u64, phase: Phase) {
        self.reported = self.position;
        self.asked_at = asked_at;
        self.phase = phase;
        self.held = None;
    }

    /// The position in the ring, in frames.
    pub(crate) fn ring_position(&self) -> u32 {
        self.setup
            .as_ref()
            .map_or(0, |setup| setup.ring_position(self.position))
    }

    /// How many whole rings have gone by since the core was last told the position.
    ///
    /// The core knows positions modulo the ring, and would not notice.
    pub(super) fn lost_rings(&self) -> u64 {
        self.setup.as_ref().map_or(0, |setup| {
            let unseen = self.position.saturating_sub(self.reported);
            let frames = u64::from(setup.geometry.frames());
            // Hardly ever: a division costs more than all the rest.
            if unseen < frames {
                return 0;
            }
            unseen.checked_div(frames).unwrap_or(0)
        })
    }

    /// Whether the core has been told of an earlier position than the present one.
    pub(super) fn is_behind(&self) -> bool {
        self.reported < self.position
    }

    /// Whether there are any such rings.
    pub(super) fn has_lost_a_ring(&self) -> bool {
        self.lost_rings() > 0
    }

    /// Whether it is a player whose last frames were playing out, and all of them have been played
    /// without the core's having noticed: a ring or more has gone by since it last asked.
    ///
    /// `port` is the port of the end.
    pub(super) fn has_played_out(&self, port: Option<&Port<'_>>) -> bool {
        let draining = || port.is_some_and(|port| port.state() == State::Draining);
        self.played_out || self.has_lost_a_ring() && draining()
    }

    /// If the present period has ended, goes on to the one in which the position is.
    pub(super) fn next_period(&mut self) -> bool {
        let Some(setup) = &self.setup else {
            return false;
        };
        if self.position < self.period_end {
            return false;
        }
        let period = u64::from(setup.params.period_size.max(1));
        let into = self.position % period;
        self.period_end = self.position.saturating_add(period.saturating_sub(into));
        true
    }
}
