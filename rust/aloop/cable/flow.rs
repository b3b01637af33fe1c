// SPDX-License-Identifier: GPL-2.0

//! How the frames of a cable move.

use super::{
    application::audible,
    state::Locked,
    time::Time, //
};
use crate::{
    buffer::{
        copy_span,
        copy_steps,
        spans,
        CopyStep,
        SampleLayout, //
    },
    units::{
        Delta,
        Frames,
        Instant, //
    },
};
use alsa::pcm::{
    Direction,
    Samples, //
};
use core::cmp::min;
use kernel::prelude::*;

impl Locked<'_> {
    /// Moves the cable to the present, and changes its pace if it follows a source that has missed
    /// its tick.
    ///
    /// One that runs by ticks stays where it is, and so does one in which a side is about to be let
    /// go.
    ///
    /// A change of pace arms the period timers of both sides again.
    pub(crate) fn update(&mut self) {
        if self.state.follow.is_some() {
            self.miss_source();
        }
        self.update_to(self.now);
    }

    /// Moves the cable to a time, which is not after the present.
    pub(super) fn update_to(&mut self, time: Instant) {
        if !self.settle_by_time() {
            return;
        }
        if let Time::Clock(clock) = &mut self.state.time {
            let frames = clock.advance(time);
            self.advance(frames);
        }
    }

    /// Moves the cable to the present because the position of a stream is asked for, unless it has
    /// been moved just now (see [`Setup::move_interval`]), and returns the time at which it is
    /// where it then is.
    ///
    /// [`Setup::move_interval`]: super::setup::Setup::move_interval
    pub(super) fn update_if_due(&mut self, direction: Direction) -> Instant {
        let interval = match self.state.side(direction).prepared() {
            // At frame 0, audio time would be 0 as well, and no news to the core, which would note
            // no system time with it.
            Some(prepared) if !prepared.position().is_zero() => prepared.setup.move_interval,
            _ => Delta::ZERO,
        };
        match self.state.time.moved_at() {
            Some(moved_at) if self.now < moved_at + interval => moved_at,
            _ => {
                self.update();
                self.state.time.moved_at().unwrap_or(self.now)
            }
        }
    }

    /// Moves the sides that run by so many frames.
    pub(super) fn advance(&mut self, frames: Frames) {
        if frames.is_zero() {
            return;
        }
        let plays = self.state.playback.is_running();
        if self.state.capture.is_running() {
            let left = self.state.ending.left(self.state.capture.position());
            let frames = left.map_or(frames, |left| min(left, frames));
            let sound = if plays {
                self.copy(frames)
            } else {
                Frames::ZERO
            };
            self.silence(sound, frames);
            if let Some(capture) = self.state.capture.prepared_mut() {
                capture.move_on(frames);
            }
            if plays {
                self.state.ending.hear();
            }
        }
        if plays {
            if let Some(playback) = self.state.playback.prepared_mut() {
                playback.move_on(frames);
            }
        }
    }

    /// Copies the next `frames` frames from the playback to the capture, or fewer if not so many
    /// have been written, and returns how many.
    fn copy(&mut self, frames: Frames) -> Frames {
        let (Some(playback), Some(capture)) = (
            self.state.playback.prepared(),
            self.state.capture.prepared(),
        ) else {
            return Frames::ZERO;
        };
        let (Some(play), Some(capt)) = (
            self.stream(Direction::Playback),
            self.stream(Direction::Capture),
        ) else {
            return Frames::ZERO;
        };
        let (position, target) = (playback.position(), capture.position());
        let audible = audible(&play, &playback.setup, &playback.told, position);
        let sound = min(frames, audible);
        if sound.is_zero() {
            return Frames::ZERO;
        }
        let (from, to) = (&playback.setup.geometry, &capture.setup.geometry);
        // What comes later, be it silence, goes over all but the last buffer.
        let skip = min(sound, frames - capture.setup.frames());
        let (position, begin, count) = (position + skip, target + skip, sound - skip);
        if let Some(span) = copy_span(from, position, to, begin, count) {
            let source = play.buffer();
            assume_done(
                capt.buffer()
                    .copy_from(span.to, &source, span.from, span.len),
            );
        } else {
            for copy in copy_steps(from, position, to, begin, count) {
                assume_done(match copy {
                    CopyStep::Bytes(span) => {
                        let source = if span.again {
                            capt.buffer()
                        } else {
                            play.buffer()
                        };
                        capt.buffer()
                            .copy_from(span.to, &source, span.from, span.len)
                    }
                    CopyStep::Samples { from, to, frames } => capt.buffer().copy_samples(
                        &samples(&to),
                        &play.buffer(),
                        &samples(&from),
                        (frames, playback.setup.params.channels),
                    ),
                });
            }
        }
        self.state.silence.data(target + sound);
        sound
    }

    /// Silences the buffer of the capture from `start` to `end` frames from its position on, as far
    /// as it isn't silent there.
    fn silence(&mut self, start: Frames, end: Frames) {
        if start >= end {
            return;
        }
        let (Some(capture), Some(capt)) = (
            self.state.capture.prepared(),
            self.stream(Direction::Capture),
        ) else {
            return;
        };
        let geometry = &capture.setup.geometry;
        let position = capture.position() + start;
        let frames = end - start;
        let clear = self
            .state
            .silence
            .to_clear(geometry.frames(), position, frames);
        for span in spans(geometry, position, clear) {
            assume_done(capt.buffer().silence(span.offset, span.len));
        }
    }
}

/// Takes the result of an access to a buffer, which has no error.
///
/// The only errors are spans that leave their buffer, or that overlap. Here, spans are computed
/// from the geometry of the very buffers, and do neither. (If one did, the buffer would be left as
/// it is.) All such results come here, so that no other is passed over unseen.
fn assume_done(result: Result) {
    let _ = result;
}

/// Says to the buffers where samples lie.
fn samples(layout: &SampleLayout) -> Samples {
    Samples {
        offset: layout.offset,
        frame_step: layout.frame_step,
        channel_step: layout.channel_step,
    }
}
