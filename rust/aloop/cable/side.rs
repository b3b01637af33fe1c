// SPDX-License-Identifier: GPL-2.0

//! One side of a cable: a substream, from open to close.
//!
//! What survives what is in the types. A [`Side`] is closed, or [`OpenSide`]: that part survives
//! PREPARE. What PREPARE makes anew is [`Prepared`]. A pause keeps all of that, and the begun frame
//! in [`Activity::Paused`].

use super::{
    expiry::Expiry,
    periods::Periods,
    setup::Setup,
    told::Told, //
};
use crate::{
    clock::Phase,
    units::{
        Delta,
        Frames,
        Instant, //
    },
};
use alsa::kext::task::Program;
use kernel::sync::Arc;

/// How long after a stream has started, or gone on, its end may come in one go with that, which takes
/// microseconds.
const ONE_GO: Delta = Delta::from_millis(1);

/// What a stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Stopped: moves no frames.
    Stopped,
    /// Running: moves frames.
    Running,
    /// Waiting: started, but held until the other side starts.
    Waiting,
    /// Paused or suspended: moves no frames, and goes on where it is.
    ///
    /// The phase says how much of the next frame had gone by. It counts only if this side restarts
    /// the clock. A side that joins a running clock takes that clock's phase.
    Paused(Phase),
    /// A capture that moves no frames any more, because a playback of other parameters has started;
    /// its own timer has yet to stop it.
    Evicted,
    /// It moves no frames any more, because its periods are not those of the sound timer that it
    /// runs by; its own timer has yet to stop it.
    OutOfStep,
}

/// Where a stream was when the other side was suspended: see
/// [`Locked::suspend`](super::state::Locked::suspend).
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// Its position.
    pub(super) position: Frames,
    /// How much of the next frame had gone by.
    pub(super) phase: Phase,
    /// The time until which it tells nobody of a later one.
    pub(super) until: Instant,
}

/// One side of a cable.
pub(crate) enum Side {
    /// Nobody has opened the substream.
    Closed,
    /// Somebody has.
    Open(OpenSide),
}

/// What is known of a substream while somebody has it open.
pub(crate) struct OpenSide {
    /// Its period timer.
    pub(super) expiry: Expiry,
    /// The program that has opened it.
    program: Arc<Program>,
    /// What has happened to it.
    pub(super) incidents: Incidents,
    /// The rate shift with which it last ran, by the system's clock.
    shift: u32,
    /// What PREPARE has made anew; `None` before, and when the parameters have been freed.
    prepared: Option<Prepared>,
}

/// What has happened to a substream since it was opened.
#[derive(Clone, Copy, Default)]
pub(crate) struct Incidents {
    /// How often the core has stopped it because its application was late.
    pub(crate) xruns: u32,
    /// How often a playback that did not match it has stopped it; of a playback, how often it has
    /// stopped a capture.
    pub(crate) evictions: u32,
}

/// How a stream last started, or went on.
#[derive(Clone, Copy)]
struct Begun {
    /// When.
    at: Instant,
    /// Where it was.
    position: Frames,
    /// What it was doing before.
    before: Activity,
}

/// What is known of a stream since PREPARE.
pub(super) struct Prepared {
    pub(super) setup: Setup,
    activity: Activity,
    /// The frames that it has moved.
    position: Frames,
    begun: Begun,
    pub(super) told: Told,
    pub(super) periods: Periods,
    /// Where it was when the other side was suspended, if nobody has asked for its position since.
    held: Option<Held>,
    /// Whether the core has been told that a buffer was lost, for which it stops the stream.
    is_overrun: bool,
}

impl Side {
    /// Records that the substream has been opened by a program.
    pub(super) fn open(&mut self, program: Arc<Program>) {
        *self = Self::Open(OpenSide {
            expiry: Expiry::new(),
            program,
            incidents: Incidents::default(),
            shift: 0,
            prepared: None,
        });
    }

    /// Records that the substream has been closed.
    pub(super) fn close(&mut self) {
        *self = Self::Closed;
    }

    /// Records that the stream has been prepared.
    pub(super) fn prepare(&mut self, setup: Setup) {
        if let Self::Open(open) = self {
            open.prepared = Some(Prepared {
                periods: Periods::first(&setup),
                setup,
                activity: Activity::Stopped,
                position: Frames::ZERO,
                begun: Begun {
                    at: Instant::START,
                    position: Frames::ZERO,
                    before: Activity::Stopped,
                },
                told: Told::NOTHING,
                held: None,
                is_overrun: false,
            });
        }
    }

    /// Records that the parameters of the stream have been freed.
    pub(super) fn free(&mut self) {
        if let Self::Open(open) = self {
            open.prepared = None;
        }
    }

    /// Returns whether somebody has opened the substream.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Returns the program that has opened the substream.
    pub(crate) fn program(&self) -> Option<&Arc<Program>> {
        match self {
            Self::Closed => None,
            Self::Open(open) => Some(&open.program),
        }
    }

    /// Returns what has happened to the substream since it was opened.
    pub(crate) fn incidents(&self) -> Incidents {
        match self {
            Self::Closed => Incidents::default(),
            Self::Open(open) => open.incidents,
        }
    }

    /// Returns what is known of the substream while it is open.
    pub(super) fn opened_mut(&mut self) -> Option<&mut OpenSide> {
        match self {
            Self::Closed => None,
            Self::Open(open) => Some(open),
        }
    }

    /// Returns what is known of the stream since PREPARE.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match self {
            Self::Closed => None,
            Self::Open(open) => open.prepared.as_ref(),
        }
    }

    /// Returns what is known of the stream since PREPARE, to be changed.
    pub(super) fn prepared_mut(&mut self) -> Option<&mut Prepared> {
        self.opened_mut()?.prepared.as_mut()
    }

    /// Returns what the stream has been prepared for.
    pub(crate) fn setup(&self) -> Option<&Setup> {
        self.prepared().map(|prepared| &prepared.setup)
    }

    /// Returns what the stream is doing.
    ///
    /// One that has not been prepared is stopped.
    pub(crate) fn activity(&self) -> Activity {
        self.prepared()
            .map_or(Activity::Stopped, |prepared| prepared.activity)
    }

    /// Returns the frames that the stream has moved since PREPARE.
    pub(crate) fn position(&self) -> Frames {
        self.prepared()
            .map_or(Frames::ZERO, |prepared| prepared.position)
    }

    /// Returns the position in the buffer, in frames.
    pub(crate) fn buffer_position(&self) -> u32 {
        self.prepared().map_or(0, Prepared::buffer_position)
    }

    /// Returns the rate shift with which the stream last ran by the system's clock; 0 if it has
    /// not since it was opened.
    pub(crate) fn shift(&self) -> u32 {
        match self {
            Self::Closed => 0,
            Self::Open(open) => open.shift,
        }
    }

    /// Returns whether the stream moves frames now.
    pub(super) fn is_running(&self) -> bool {
        self.prepared().is_some_and(Prepared::is_running)
    }

    /// Returns whether the stream runs as far as its application knows.
    pub(super) fn takes_part(&self) -> bool {
        matches!(self.activity(), Activity::Running | Activity::Waiting)
    }

    /// Sets what the stream is doing.
    ///
    /// One that has not been prepared stays stopped.
    pub(super) fn set_activity(&mut self, activity: Activity) {
        if let Some(prepared) = self.prepared_mut() {
            prepared.activity = activity;
        }
    }

    /// Notes that the stream starts, or goes on, at the time `now`: from now on it moves frames, or
    /// waits for the other side (`activity`).
    pub(super) fn begin(&mut self, activity: Activity, now: Instant) {
        if let Some(prepared) = self.prepared_mut() {
            let before = match prepared.activity {
                // Left of a RESUME that another driver's stream has failed.
                Activity::Running | Activity::Waiting => prepared.begun.before,
                other => other,
            };
            prepared.begun = Begun {
                at: now,
                position: prepared.position,
                before,
            };
            prepared.activity = activity;
        }
    }

    /// Has the stream do again what it did before it started, or went on; one that could not even
    /// do that stays as it is. Returns whether it has not started.
    ///
    /// What has not gone on stays where it is; what has not started is as PREPARE left it, whatever
    /// others have moved meanwhile.
    pub(super) fn undo_begin(&mut self) -> bool {
        let Some(prepared) = self.prepared_mut() else {
            return false;
        };
        match (prepared.activity, prepared.begun.before) {
            (Activity::Stopped | Activity::Paused(_), _) => false,
            (_, Activity::Paused(phase)) => {
                prepared.activity = Activity::Paused(phase);
                false
            }
            _ => {
                let setup = prepared.setup;
                self.prepare(setup);
                true
            }
        }
    }

    /// Returns whether the stream has just started, or gone on: so little before `now` that its end
    /// may come in one go with that. Nobody has moved it since.
    pub(super) fn has_just_begun(&self, now: Instant) -> bool {
        self.prepared().is_some_and(|prepared| {
            let Begun { at, position, .. } = prepared.begun;
            prepared.is_running() && prepared.position == position && now <= at + ONE_GO
        })
    }

    /// Returns whether the stream has just gone on after a pause or a suspend, as
    /// [`Side::has_just_begun`].
    pub(super) fn has_just_gone_on(&self, now: Instant) -> bool {
        self.prepared()
            .is_some_and(|prepared| matches!(prepared.begun.before, Activity::Paused(_)))
            && self.has_just_begun(now)
    }

    /// Notes that the stream runs with this rate shift, if it runs.
    pub(super) fn note_shift(&mut self, shift: u32) {
        if let Self::Open(open) = self {
            if open.prepared.as_ref().is_some_and(Prepared::is_running) {
                open.shift = shift;
            }
        }
    }

    /// Forgets where the stream was when the other side was suspended, and returns it.
    pub(super) fn take_held(&mut self) -> Option<Held> {
        self.prepared_mut()?.held.take()
    }
}

impl Prepared {
    /// Returns the frames that the stream has moved since PREPARE.
    pub(super) fn position(&self) -> Frames {
        self.position
    }

    /// Returns what the stream is doing.
    pub(super) fn activity(&self) -> Activity {
        self.activity
    }

    /// Returns whether it moves frames now.
    pub(super) fn is_running(&self) -> bool {
        self.activity == Activity::Running
    }

    /// Returns the position in the buffer, in frames.
    pub(super) fn buffer_position(&self) -> u32 {
        self.setup.buffer_position(self.position)
    }

    /// Notes that the core is told that a buffer was lost, for which it stops the stream.
    pub(super) fn note_overrun(&mut self) {
        self.is_overrun = true;
    }

    /// Returns whether it has been told so.
    pub(super) fn is_overrun(&self) -> bool {
        self.is_overrun
    }

    /// Moves the stream on by so many frames.
    pub(super) fn move_on(&mut self, frames: Frames) {
        self.position += frames;
    }

    /// Notes that the core is told the present position, at which the stream has been since `at`,
    /// with so much of the next frame gone by then.
    pub(super) fn tell(&mut self, at: Instant, phase: Phase) {
        self.told.tell(self.position, at, phase);
        self.held = None;
    }

    /// Notes that the core is told one step more of a drain that is over: see [`Told::tell_step`].
    pub(super) fn tell_step(&mut self, at: Instant, phase: Phase) -> bool {
        self.held = None;
        self.told.tell_step(self.position, &self.setup, at, phase)
    }

    /// Returns whether the core has been told of an earlier position than the present one.
    pub(super) fn is_behind(&self) -> bool {
        self.told.is_behind(self.position)
    }

    /// Notes where the stream is when the other side is suspended, and until when it keeps that to
    /// itself.
    pub(super) fn hold(&mut self, phase: Phase, until: Instant) {
        self.held = Some(Held {
            position: self.position,
            phase,
            until,
        });
    }

    /// Goes back to where the stream was when the other side was suspended: suspended, too.
    pub(super) fn go_back(&mut self, held: &Held) {
        self.position = held.position;
        self.activity = Activity::Paused(held.phase);
    }

    /// Returns until when the stream keeps silent about its position: it may still be
    /// suspended as well. `None` if it does not, or no longer at the time `now`.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held
            .map(|held| held.until)
            .filter(|&until| now < until)
    }
}
