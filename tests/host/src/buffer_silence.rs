// SPDX-License-Identifier: GPL-2.0

//! The mark that tells how far a capture buffer may still hold sound.

use crate::buffer::Geometry;
use crate::buffer_model::geometry;
use crate::plain::spans;
use crate::plain::SilenceMark;
use crate::times::wild;
use proptest::collection::vec;
use proptest::prelude::*;

/// One move of the capture, in frames.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A playback is there.
    Sound(u64),
    /// None is.
    Silence(u64),
    /// A playback's last frames, then none: the end of a drain.
    Tail(u64, u64),
    /// Stop and `prepare`.
    Prepare,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let frames = || prop_oneof![4 => 0_u64..40, 1 => 0_u64..300];
    vec(
        prop_oneof![
            4 => frames().prop_map(Move::Sound),
            6 => frames().prop_map(Move::Silence),
            2 => (frames(), frames()).prop_map(|(sound, none)| Move::Tail(sound, none)),
            1 => Just(Move::Prepare),
        ],
        1..60,
    )
}

/// A capture whose buffer's bytes are 0 for silence and 1 for sound.
struct Capture {
    geometry: Geometry,
    buffer: Vec<u8>,
    mark: SilenceMark,
    pos: u64,
    /// Frames cleared since the last sound.
    cleared: u64,
}

impl Capture {
    fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            buffer: vec![0; geometry.bytes()],
            mark: SilenceMark::silent(),
            pos: 0,
            cleared: 0,
        }
    }

    /// Writes `value` to the `frames` frames from the position on.
    fn fill(&mut self, frames: u64, value: u8) {
        for span in spans(&self.geometry, self.pos, frames) {
            self.buffer[span.offset..][..span.len].fill(value);
        }
    }

    /// Returns whether of the `frames` frames before the position all that the buffer holds have
    /// `value`.
    fn heard(&self, frames: u64, value: u8) -> bool {
        spans(&self.geometry, self.pos - frames, frames).all(|span| {
            self.buffer[span.offset..][..span.len]
                .iter()
                .all(|&byte| byte == value)
        })
    }

    /// Silences what may not be silent, and begins anew.
    fn prepare(&mut self) {
        let frames = self.mark.sound_frames(self.geometry.frames().0);
        // No more than was heard.
        assert!(frames <= self.pos);
        self.pos = 0;
        self.fill(frames, 0);
        self.mark = SilenceMark::silent();
        self.cleared = 0;
    }

    fn sound(&mut self, frames: u64) {
        self.fill(frames, 1);
        self.pos += frames;
        if frames > 0 {
            self.mark.data(self.pos);
            self.cleared = 0;
        }
    }

    fn silence(&mut self, frames: u64) {
        let clear = self
            .mark
            .to_clear(self.geometry.frames().0, self.pos, frames);
        assert!(clear <= frames);
        self.fill(clear, 0);
        self.pos += frames;
        self.cleared += clear;
    }
}

proptest! {
    /// Of a buffer of which nothing is known, all is silenced, and nothing passes for silent.
    #[test]
    fn nothing_unknown_is_silent(buffer in 1..100_000_u32, pos in 0..1_000_000_u64) {
        let mark = SilenceMark::unknown();
        prop_assert_eq!(mark.sound_frames(buffer), u64::from(buffer));
        prop_assert_eq!(mark.silent_frames(buffer, pos), 0);
        prop_assert_eq!(mark.to_clear(buffer, pos, buffer.into()), u64::from(buffer));
    }

    /// What is known to be silent and what has to be cleared make up the buffer.
    #[test]
    fn silent_and_not_yet_silent_make_up_the_buffer(
        frames in 1..100_000u32,
        end in 0..1_000_000u64,
        beyond in 0..200_000u64,
    ) {
        let mut mark = SilenceMark::silent();
        prop_assert_eq!(mark.silent_frames(frames, end), u64::from(frames));
        mark.data(end);
        let pos = end + beyond;
        let silent = mark.silent_frames(frames, pos);
        prop_assert_eq!(silent + mark.to_clear(frames, pos, frames.into()), u64::from(frames));
        prop_assert_eq!(silent, beyond.min(frames.into()));
    }

    /// A reader hears sound where there was a playback and silence where there was none; and no
    /// slot is cleared a second time after the same sound.
    #[test]
    fn no_sound_stays_where_silence_is_due(geometry in geometry(), moves in moves()) {
        let mut capture = Capture::new(geometry);
        let buffer = geometry.frames().0;
        for step in moves {
            match step {
                Move::Sound(frames) => {
                    capture.sound(frames);
                    prop_assert!(capture.heard(frames, 1));
                }
                Move::Silence(frames) => {
                    capture.silence(frames);
                    prop_assert!(capture.heard(frames, 0));
                }
                Move::Tail(sound, none) => {
                    capture.sound(sound);
                    capture.silence(none);
                    prop_assert!(capture.heard(none, 0));
                    // The reader has lost what more than a buffer of silence has passed over.
                    if none < buffer {
                        let sound = sound.min(buffer - none);
                        capture.pos -= none;
                        let heard = capture.heard(sound, 1);
                        capture.pos += none;
                        prop_assert!(heard);
                    }
                }
                Move::Prepare => {
                    capture.prepare();
                    prop_assert!(capture.buffer.iter().all(|&byte| byte == 0));
                }
            }
            prop_assert!(capture.cleared <= buffer);
        }
    }

    /// Once a buffer has gone by without sound, nothing is left to do; until then, all is.
    #[test]
    fn clearing_ends_after_one_buffer(
        buffer in 1_u32..1000, end in 0_u64..10_000, passed in 0_u64..3_000, frames in 0_u64..3_000,
    ) {
        let mut mark = SilenceMark::silent();
        prop_assert_eq!(mark.to_clear(buffer, end, frames), 0);
        mark.data(end);
        let due = (end + passed..end + passed + frames)
            .filter(|pos| *pos < end + u64::from(buffer))
            .count() as u64;
        prop_assert_eq!(mark.to_clear(buffer, end + passed, frames), due);
    }

    /// An earlier end of sound doesn't make the mark forget a later one.
    #[test]
    fn the_latest_sound_counts(
        buffer in 1_u32..1000, ends in vec(0_u64..10_000, 1..5), pos in 0_u64..12_000,
    ) {
        let latest = ends.iter().copied().max().unwrap();
        let mut mark = SilenceMark::silent();
        ends.iter().for_each(|&end| mark.data(end));
        let mut only = SilenceMark::silent();
        only.data(latest);
        prop_assert_eq!(mark.to_clear(buffer, pos, 500), only.to_clear(buffer, pos, 500));
    }

    #[test]
    fn hostile_values_stay_in_range(
        buffer in wild(), end in wild(), pos in wild(), frames in wild(),
    ) {
        let mut mark = SilenceMark::silent();
        mark.data(end);
        prop_assert!(mark.to_clear(buffer, pos, frames) <= frames);
    }
}
