// SPDX-License-Identifier: GPL-2.0

//! How the frames of a cable move.

use super::{
    End,
    Setup,
    State,
    Time,
    CAPTURE,
    PLAYBACK, //
};
use crate::ring::{
    copy_span,
    copy_spans,
    spans,
    written_ahead, //
};
use alsa::{
    pcm::{
        self,
        Direction,
        Port,
        PortTable, //
    },
    time::Ktime, //
};
use core::cmp::min;

impl State {
    /// Moves the cable to the present. One that runs by ticks stays where it is.
    pub(crate) fn update(&mut self, ports: &PortTable<'_, 2>, now: Ktime) {
        if let Time::Clock(clock) = &mut self.time {
            let frames = clock.advance(now.as_nanos());
            self.advance(ports, frames);
        }
    }

    /// Moves the cable to the present because the position of an end is asked for, unless it has
    /// been moved just now (see [`Setup::step`]). Returns the time at which it is where it then is,
    /// in nanoseconds.
    pub(super) fn update_if_due(
        &mut self,
        direction: Direction,
        ports: &PortTable<'_, 2>,
        now: Ktime,
    ) -> u64 {
        let end = self.end(direction);
        let step = match &end.setup {
            // At frame 0, audio time would be 0 as well, and no news to the core, which would note
            // no system time with it.
            Some(setup) if end.position > 0 => setup.step,
            _ => 0,
        };
        let now_ns = now.as_nanos();
        match self.moved_at() {
            Some(moved_at) if now_ns < moved_at.saturating_add(step) => moved_at,
            _ => {
                self.update(ports, now);
                self.moved_at().unwrap_or(now_ns)
            }
        }
    }

    /// When a cable that runs by the system's clock was last moved, in nanoseconds.
    fn moved_at(&self) -> Option<u64> {
        match &self.time {
            Time::Clock(clock) => Some(clock.time_of(0)),
            _ => None,
        }
    }

    /// Moves the ends that run by so many frames.
    pub(super) fn advance(&mut self, ports: &PortTable<'_, 2>, frames: u64) {
        if frames == 0 {
            return;
        }
        if self.capture.is_running() {
            let capture = &self.capture;
            let left = capture.end.map(|end| end.saturating_sub(capture.position));
            let frames = left.map_or(frames, |left| min(left, frames));
            let sound = if self.playback.is_running() {
                self.copy(ports, frames)
            } else {
                0
            };
            self.silence(ports, sound, frames);
            let capture = &mut self.capture;
            capture.position = capture.position.saturating_add(frames);
            capture.has_heard |= self.playback.is_running();
        }
        if self.playback.is_running() {
            self.playback.position = self.playback.position.saturating_add(frames);
        }
    }

    /// Copies the next `frames` frames from the playback to the capture, or fewer if the player has
    /// not written so many. Returns how many.
    fn copy(&mut self, ports: &PortTable<'_, 2>, frames: u64) -> u64 {
        let (Some(from), Some(to)) = (&self.playback.setup, &self.capture.setup) else {
            return 0;
        };
        let (Some(play), Some(capt)) = (ports.get(PLAYBACK), ports.get(CAPTURE)) else {
            return 0;
        };
        let (position, target) = (self.playback.position, self.capture.position);
        let sound = min(frames, audible(&play, &self.playback, from));
        if sound == 0 {
            return 0;
        }
        let (from, to) = (&from.geometry, &to.geometry);
        // The geometry is that of the rings, and no span leaves a ring: there is no error.
        if let Some(span) = copy_span(from, position, to, target, sound) {
            let _ = capt
                .ring()
                .copy_from(span.to, &play.ring(), span.from, span.len);
        } else {
            for span in copy_spans(from, position, to, target, sound) {
                let source = if span.again { capt.ring() } else { play.ring() };
                let _ = capt.ring().copy_from(span.to, &source, span.from, span.len);
            }
        }
        self.silence.data(target.saturating_add(sound));
        sound
    }

    /// Silences the ring of the capture from `start` to `end` frames from its position on, as far
    /// as it isn't silent there.
    fn silence(&mut self, ports: &PortTable<'_, 2>, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (Some(setup), Some(capt)) = (&self.capture.setup, ports.get(CAPTURE)) else {
            return;
        };
        let position = self.capture.position.saturating_add(start);
        let frames = end.saturating_sub(start);
        let clear = self
            .silence
            .to_clear(setup.geometry.frames(), position, frames);
        for span in spans(&setup.geometry, position, clear) {
            // As in `copy()`: there is no error.
            let _ = capt.ring().silence(span.offset, span.len);
        }
    }
}

/// Whether the core stops a stream whose ring is used up (played out, or full of what was
/// recorded).
pub(super) fn stops_at_its_end(port: &Port<'_>, setup: &Setup) -> bool {
    port.stop_threshold() <= u64::from(setup.params.buffer_size)
}

/// How many frames from its position on may be heard: those that the player has written.
///
/// What it has not written must not be heard: neither at the end of a drain nor when the player is
/// late and about to be stopped for it. A player that has asked never to be stopped plays its ring
/// round and round.
pub(super) fn audible(play: &Port<'_>, end: &End, setup: &Setup) -> u64 {
    if play.state() != pcm::State::Draining && !stops_at_its_end(play, setup) {
        return u64::MAX;
    }
    written(play, end, setup)
}

/// How many frames from its position on the player has written.
pub(super) fn written(play: &Port<'_>, end: &End, setup: &Setup) -> u64 {
    if end.played_out || end.has_lost_a_ring() {
        return 0;
    }
    let pointers = play.pointers();
    written_ahead(
        pointers.hw_ptr,
        pointers.appl_ptr,
        pointers.boundary,
        setup.params.buffer_size,
        end.position,
    )
}
