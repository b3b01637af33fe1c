// SPDX-License-Identifier: GPL-2.0

//! What the core is told of the position of a stream, and of its time.

use super::{
    application::{
        has_drained,
        stops_at_its_end, //
    },
    expiry::MIN_INTERVAL,
    state::{
        Locked,
        State, //
    },
};
use crate::units::{
    Bytes,
    Instant, //
};
use alsa::pcm::{
    AudioClock,
    AudioTime,
    Direction, //
};

/// An answer to the question for a position.
pub(crate) struct Report {
    /// The position in the buffer, in frames.
    pub(crate) frames: u32,
    /// How many whole buffers have gone by since the last question.
    pub(crate) lost_buffers: u64,
}

impl Report {
    /// That of a stream that has not moved.
    const START: Self = Self {
        frames: 0,
        lost_buffers: 0,
    };
}

impl Locked<'_> {
    /// Returns the position of a stream at present; `None` if so much has gone by since the last
    /// question that it is an xrun (unless the application has asked never to be stopped).
    ///
    /// A playback that drains and has played its last frame has no xrun, but the core cannot see
    /// that: the period timer stops it.
    pub(crate) fn pointer(&mut self, direction: Direction) -> Option<Report> {
        // The stream lock is held.
        self.settle(direction);
        let at = self.update_if_due(direction);
        let phase = self.state.time.phase();
        let own = self.stream(direction);
        let Some(prepared) = self.state.side_mut(direction).prepared_mut() else {
            return Some(Report::START);
        };
        let (setup, position) = (&prepared.setup, prepared.position());
        let lost_buffers = prepared.told.lost_buffers(position, setup);
        // Neither, most of the time: the rest need not be looked at then.
        if lost_buffers > 0 || prepared.told.is_drained() {
            if has_drained(own.as_ref(), setup, &prepared.told, position) {
                return Some(self.step_of_drain(direction, at));
            }
            if own.is_some_and(|own| stops_at_its_end(&own, setup)) {
                // The core is told no position, and stops the stream. Until then a buffer is still
                // lost: nothing of that is to be heard.
                prepared.note_overrun();
                return None;
            }
        }
        prepared.tell(at, phase);
        Some(Report {
            frames: prepared.buffer_position(),
            lost_buffers,
        })
    }

    /// Tells the core one more step of a drain that is over, and sees to it that it asks for the
    /// next: it takes a whole buffer at once for an xrun.
    fn step_of_drain(&mut self, direction: Direction, at: Instant) -> Report {
        let phase = self.state.time.phase();
        let own = self.stream(direction);
        let Some(prepared) = self.state.side_mut(direction).prepared_mut() else {
            return Report::START;
        };
        prepared.told.set_drained();
        let is_round = prepared.tell_step(at, phase);
        let setup = &prepared.setup;
        if let Some(own) = own.filter(|_| prepared.is_behind()) {
            // At once: somebody waits for the end of the drain. But of a buffer shorter than the
            // least interval, as much time may go by with a step as the step leads on, and an
            // application that moves its pointer along could have that go on for ever.
            if setup.buffer_time() >= MIN_INTERVAL {
                own.expire_timer_now();
            } else {
                own.arm_timer((self.now + MIN_INTERVAL).into());
            }
        }
        Report {
            frames: setup.buffer_position(prepared.told.position()),
            lost_buffers: is_round.into(),
        }
    }
}

impl State {
    /// Returns what the sample clock showed when the position of a stream was last asked for;
    /// `None` if there is no such clock, as in a cable that runs by ticks.
    pub(crate) fn audio_time(
        &mut self,
        direction: Direction,
        clock: AudioClock,
    ) -> Option<AudioTime> {
        self.time.moved_at()?;
        let absolute = self.absolute;
        let prepared = self.side_mut(direction).prepared_mut()?;
        let at = prepared.told.at();
        let audio = match clock {
            // Position and system time are of one and the same moment, so either name is true.
            AudioClock::Link | AudioClock::LinkSynchronized => {
                prepared.told.link_time(prepared.setup.params.rate)
            }
            AudioClock::LinkAbsolute => absolute.at(at)?,
        };
        Some(AudioTime {
            system: at.into(),
            audio: audio.0,
            accuracy: 1,
        })
    }

    /// Returns how many bytes of the buffer of the capture are known to be silent, from its
    /// position backwards.
    pub(crate) fn silent_bytes(&self) -> Bytes {
        self.capture.prepared().map_or(Bytes::ZERO, |capture| {
            let setup = &capture.setup;
            let frames = self
                .silence
                .silent_frames(setup.frames(), capture.position());
            setup.frame_bytes() * frames
        })
    }
}
