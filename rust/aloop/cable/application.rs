// SPDX-License-Identifier: GPL-2.0

//! What the application of a running stream has done, and waits for.
//!
//! All of it may change at any time, since the stream lock is not held: it is right most of the
//! time, and what depends on it is looked at again.

use super::{
    setup::Setup,
    told::Told, //
};
use crate::{
    buffer::Pointers,
    units::{
        Frames,
        Pointer, //
    },
};
use alsa::pcm::{
    Direction,
    RunningStream,
    State, //
};

/// Returns how far the core and the application have come, by ALSA's pointers.
fn pointers(own: &RunningStream<'_>) -> Pointers {
    let pointers = own.pointers();
    Pointers {
        hw_ptr: Pointer(pointers.hw_ptr),
        appl_ptr: Pointer(pointers.appl_ptr),
        boundary: Frames(pointers.boundary),
    }
}

/// Returns whether the core stops the stream when its buffer is used up (played, or full of what
/// was recorded).
pub(super) fn stops_at_its_end(own: &RunningStream<'_>, setup: &Setup) -> bool {
    Frames(own.stop_threshold()) <= setup.frames()
}

/// Returns whether the stream is a playback that drains, and has played all that was written
/// without the core's having seen that.
///
/// A buffer or more has gone by since the core last asked, or it has been told a part of that. All
/// of it at once, the core would take for an xrun: so it is told in steps.
pub(super) fn has_drained(
    own: Option<&RunningStream<'_>>,
    setup: &Setup,
    told: &Told,
    position: Frames,
) -> bool {
    let draining = || own.is_some_and(|own| own.state() == State::Draining);
    told.is_drained() || told.lost_buffers(position, setup) > 0 && draining()
}

/// Returns how many frames from `position` on a playback has to play that its application has
/// written.
pub(super) fn written(
    own: &RunningStream<'_>,
    setup: &Setup,
    told: &Told,
    position: Frames,
) -> Frames {
    if told.is_drained() || told.lost_buffers(position, setup) > 0 {
        return Frames::ZERO;
    }
    pointers(own).written_ahead(setup.frames(), told.position(), position)
}

/// Returns how many frames from `position` on may be heard of a playback.
///
/// Those are what its application has written: nothing else must be heard, neither at the end of a
/// drain nor when the application is late and about to be stopped for it. One that has asked never
/// to be stopped plays its buffer round and round.
pub(super) fn audible(
    own: &RunningStream<'_>,
    setup: &Setup,
    told: &Told,
    position: Frames,
) -> Frames {
    if own.state() != State::Draining && !stops_at_its_end(own, setup) {
        return Frames::MAX;
    }
    written(own, setup, told, position)
}

/// Returns whether the core is about to stop the stream, or has found that it must, because its
/// application is late.
pub(super) fn is_late(direction: Direction, own: &RunningStream<'_>, setup: &Setup) -> bool {
    let space = match direction {
        Direction::Playback => setup.frames(),
        Direction::Capture => Frames::ZERO,
    };
    let available = pointers(own).available(space);
    own.state() == State::Running && available >= Frames(own.stop_threshold())
}

/// Returns how many frames before `position` the application of a capture has yet to read.
pub(super) fn left_to_read(
    own: &RunningStream<'_>,
    setup: &Setup,
    told: &Told,
    position: Frames,
) -> Frames {
    pointers(own).left_to_read(setup.frames(), told.position(), position)
}

/// Returns the position at which the application has what it waits for, if that is after the end of
/// the present period, but before that of the next.
///
/// The stream is at `position`, and the period ends at `end`, or has ended and `end` is the
/// position.
pub(super) fn deferral(
    direction: Direction,
    own: &RunningStream<'_>,
    setup: &Setup,
    told: &Told,
    position: Frames,
    end: Frames,
) -> Option<Frames> {
    let wanted = Frames(own.wakeup_frames());
    if wanted.is_zero() || own.state() != State::Running {
        return None;
    }
    let available = match direction {
        Direction::Playback => setup.frames() - written(own, setup, told, position),
        Direction::Capture => left_to_read(own, setup, told, position),
    };
    let by_then = available + (end - position);
    let missing = wanted - by_then;
    (!missing.is_zero() && missing < setup.period()).then(|| end + missing)
}
