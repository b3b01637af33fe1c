// SPDX-License-Identifier: GPL-2.0

//! What the core has been told of the position of a stream.
//!
//! It is told positions in the buffer, and finds out from the previous one how far the stream has
//! got. If a whole buffer or more goes by between two questions, it does not notice: such buffers
//! are *lost*.

use super::setup::Setup;
use crate::{
    clock::{
        duration,
        Phase, //
    },
    units::{
        Delta,
        Frames,
        Instant, //
    },
};
use core::cmp::{
    max,
    min, //
};
use kernel::prelude::*;

/// How many lost buffers the core is told of, step by step, at the end of a drain.
const MOST_LOST: u64 = 2;

/// What the core has been told since PREPARE.
pub(super) struct Told {
    /// The last position.
    position: Frames,
    /// When the stream was there.
    at: Instant,
    /// How much of the next frame had gone by then.
    phase: Phase,
    /// The link time that was last read.
    link_time: Delta,
    /// Whether a playback that drains has played its last frame, and the core has yet to see that.
    is_drained: bool,
}

impl Told {
    /// What it has been told after PREPARE: the stream is at its first frame.
    pub(super) const NOTHING: Self = Self {
        position: Frames::ZERO,
        at: Instant::START,
        phase: Phase::ZERO,
        link_time: Delta::ZERO,
        is_drained: false,
    };

    /// Notes that the core is told `position`, at which the stream was at the time `at` with
    /// `phase` of the next frame gone by.
    pub(super) fn tell(&mut self, position: Frames, at: Instant, phase: Phase) {
        self.position = position;
        self.at = at;
        self.phase = phase;
    }

    /// Returns whether the core has been told of an earlier position than this one.
    pub(super) fn is_behind(&self, position: Frames) -> bool {
        self.position < position
    }

    /// Returns how many whole buffers are lost when the stream is at `position`.
    pub(super) fn lost_buffers(&self, position: Frames, setup: &Setup) -> u64 {
        (position - self.position).whole(setup.frames())
    }

    /// Notes that a playback that drains has played its last frame: all that is left to do is to
    /// let the core see that.
    pub(super) fn set_drained(&mut self) {
        self.is_drained = true;
    }

    /// Returns whether [`Told::set_drained`] has been called.
    pub(super) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// Notes that the core is told one step more of a drain that is over, at the time `at` and the
    /// `phase` then, and returns whether it is a buffer of a single frame, and has gone on by that.
    ///
    /// The core knows positions modulo the buffer: a whole buffer it is told in two steps. Of a
    /// single frame, there is no position between.
    pub(super) fn tell_step(
        &mut self,
        position: Frames,
        setup: &Setup,
        at: Instant,
        phase: Phase,
    ) -> bool {
        let frames = setup.frames();
        let step = max(Frames(1), frames - Frames(1));
        // What was left to drain was no more than a buffer. Of buffers that were lost before, the
        // core is told of the last ones only: it might be an hour of a buffer of two frames, with
        // an application that moves its pointer along, so that the steps would not end.
        let lost = self.lost_buffers(position, setup);
        let skipped = frames * lost.saturating_sub(MOST_LOST);
        let from = self.position + skipped;
        let to = min(position, from + step);
        self.tell(to, at, phase);
        frames == Frames(1) && to > from
    }

    /// Returns the last position that the core was told.
    pub(super) fn position(&self) -> Frames {
        self.position
    }

    /// Returns when the stream was there.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Returns the link time of what the core was last told, at so many frames a second.
    pub(super) fn link_time(&mut self, rate: u32) -> Delta {
        // A stream that comes back from a pause to a clock that has gone on joins its frames. It
        // has then a part of a frame more than it has had time for, or less.
        self.link_time = max(self.link_time, duration(self.position, self.phase, rate));
        self.link_time
    }
}

#[kunit_tests(aloop_told)]
mod tests {
    use super::*;
    use alsa::pcm::{
        Format,
        Params, //
    };

    /// A buffer of so many frames.
    fn buffer(frames: u32) -> Result<Setup> {
        Setup::new(Params {
            format: Format::S16_LE,
            rate: 48000,
            channels: 32,
            interleaved: true,
            period_size: frames,
            buffer_size: frames,
            mapped: false,
            period_wakeups: false,
        })
    }

    /// Tells all steps of a drain that is over at `position`. Returns how many there were, and how
    /// many of them went round the buffer.
    fn steps(told: &mut Told, position: Frames, setup: &Setup) -> (u32, u32) {
        let (mut steps, mut rounds) = (0, 0);
        while told.is_behind(position) && steps < 1000 {
            rounds += u32::from(told.tell_step(position, setup, Instant(1), Phase::ZERO));
            steps += 1;
        }
        (steps, rounds)
    }

    /// However much is lost, a drain takes no more than two buffers, each in two steps; or one that
    /// is seen to go round, if there is no position between.
    #[test]
    fn steps_of_a_drain() -> Result {
        let hours = Frames(48000 * 3600 * 5);
        for (frames, lost, expected) in [
            (1, Frames(1), (1, 1)),
            (1, hours, (2, 2)),
            (2, Frames(2), (2, 0)),
            (2, hours, (4, 0)),
            (480, Frames(480), (2, 0)),
        ] {
            let setup = buffer(frames)?;
            let mut told = Told::NOTHING;
            assert!(steps(&mut told, lost, &setup) == expected);
            assert!(told.position() == lost);
        }
        Ok(())
    }

    #[test]
    fn buffers_are_lost_when_they_have_gone_by() -> Result {
        let setup = buffer(480)?;
        let mut told = Told::NOTHING;
        told.tell(Frames(100), Instant(1), Phase::ZERO);
        for (position, lost) in [(100, 0), (579, 0), (580, 1), (1059, 1), (1060, 2)] {
            assert_eq!(told.lost_buffers(Frames(position), &setup), lost);
        }
        Ok(())
    }
}
