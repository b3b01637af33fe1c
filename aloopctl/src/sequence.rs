// SPDX-License-Identifier: GPL-2.0

//! A ramp that can be played in any format, and the judgement of what was recorded of it.
//!
//! The bytes of each frame follow from the frame's number, so that any that is lost, repeated or
//! changed is noticed. They are no sound: the card copies them as they are.

/// What is played: frames of so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    pub frame_bytes: usize,
    pub frames: u64,
}

impl Sequence {
    /// Writes a frame. The first one is what no format has for silence.
    pub fn frame(&self, number: u64, bytes: &mut [u8]) {
        if number == 0 {
            bytes.fill(0x55);
            return;
        }
        // The number itself in the first bytes, and what follows from it in the others.
        for (word, piece) in bytes.chunks_mut(8).enumerate() {
            let seed = number
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(word as u32);
            let mixed = (seed ^ (seed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let value = (mixed ^ (mixed >> 32)).to_le_bytes();
            for (to, from) in piece.iter_mut().zip(value) {
                *to = from;
            }
        }
    }
}

/// What is recorded, frame by frame.
pub struct Judge {
    sequence: Sequence,
    /// The frame that is expected next; `None` before the first.
    next: Option<u64>,
    /// Frames recorded before the first one.
    before: u64,
    /// What silence is, by the first frame that was recorded.
    silence: Option<Vec<u8>>,
    expected: Vec<u8>,
    problem: Option<String>,
}

impl Judge {
    pub fn new(sequence: Sequence) -> Self {
        Self {
            sequence,
            next: None,
            before: 0,
            silence: None,
            expected: vec![0; sequence.frame_bytes],
            problem: None,
        }
    }

    /// Returns what is wrong with the recording so far.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Returns whether there is nothing more to come, or no use in it.
    pub fn has_ended(&self) -> bool {
        self.problem.is_some() || self.next == Some(self.sequence.frames)
    }

    /// Returns how many of the frames have been recorded.
    pub fn recorded(&self) -> u64 {
        self.next.unwrap_or(0)
    }

    /// Returns how many frames were recorded before the first, once that is known.
    pub fn before(&self) -> Option<u64> {
        self.next.map(|_| self.before)
    }

    /// Takes frames that were recorded.
    pub fn hear(&mut self, bytes: &[u8]) {
        for frame in bytes.chunks_exact(self.sequence.frame_bytes) {
            if self.has_ended() {
                return;
            }
            self.hear_frame(frame);
        }
    }

    fn hear_frame(&mut self, frame: &[u8]) {
        let number = self.next.unwrap_or(0);
        self.sequence.frame(number, &mut self.expected);
        if frame == self.expected {
            self.next = Some(number.saturating_add(1));
            return;
        }
        if self.next.is_none() {
            let silence = self.silence.get_or_insert_with(|| frame.to_vec());
            if frame == silence {
                self.before = self.before.saturating_add(1);
                return;
            }
        }
        self.problem = Some(self.describe(number, frame));
    }

    /// Says what came in place of a frame.
    fn describe(&mut self, number: u64, frame: &[u8]) -> String {
        if self.next.is_none() {
            return format!("there is sound before the first frame: {}", hex(frame));
        }
        // Frames that are short look alike too often.
        if frame.len() >= 4 {
            let from = number.saturating_sub(1 << 16);
            let to = number.saturating_add(1 << 16).min(self.sequence.frames);
            for other in from..to {
                self.sequence.frame(other, &mut self.expected);
                if frame == self.expected {
                    return match other.checked_sub(number) {
                        Some(lost) => format!("{lost} frames are missing from frame {number} on"),
                        None => format!("in place of frame {number}, frame {other} came again"),
                    };
                }
            }
            self.sequence.frame(number, &mut self.expected);
        }
        let silent = match self.silence.as_deref() == Some(frame) || frame.iter().all(|&it| it == 0)
        {
            true => ", which is silence",
            false => "",
        };
        let (frame, expected) = (hex(frame), hex(&self.expected));
        format!("in place of frame {number} ({expected}) came {frame}{silent}")
    }
}

/// Returns the first bytes for people.
fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().take(8).map(|it| format!("{it:02x}")).collect();
    let mut text = pairs.concat();
    if bytes.len() > 8 {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(sequence: Sequence) -> Vec<u8> {
        let mut bytes = vec![0; sequence.frame_bytes * sequence.frames as usize];
        for (number, frame) in bytes.chunks_mut(sequence.frame_bytes).enumerate() {
            sequence.frame(number as u64, frame);
        }
        bytes
    }

    fn judged(sequence: Sequence, bytes: &[u8]) -> Judge {
        let mut judge = Judge::new(sequence);
        // Not in one piece.
        for piece in bytes.chunks(sequence.frame_bytes * 7) {
            judge.hear(piece);
        }
        judge
    }

    #[test]
    fn exact_with_silence_before_and_after() {
        for frame_bytes in [1, 2, 3, 4, 6, 8, 9, 128, 1024] {
            let sequence = Sequence {
                frame_bytes,
                frames: 1000,
            };
            let mut bytes = vec![0x80; frame_bytes * 11];
            bytes.extend(played(sequence));
            bytes.extend(vec![0x80; frame_bytes * 5]);
            let judge = judged(sequence, &bytes);
            assert_eq!(judge.problem(), None, "{frame_bytes}");
            assert!(judge.has_ended());
            assert_eq!((judge.before(), judge.recorded()), (Some(11), 1000));
        }
    }

    #[test]
    fn each_damage_is_noticed() {
        let sequence = Sequence {
            frame_bytes: 4,
            frames: 1000,
        };
        let good = played(sequence);
        let problem = |bytes: &[u8]| judged(sequence, bytes).problem().map(String::from);

        let mut lost = good.clone();
        lost.drain(400..412);
        assert_eq!(
            problem(&lost).as_deref(),
            Some("3 frames are missing from frame 100 on")
        );
        let mut again = good[..400].to_vec();
        again.extend(&good[392..]);
        assert_eq!(
            problem(&again).as_deref(),
            Some("in place of frame 100, frame 98 came again")
        );
        let mut silent = good.clone();
        silent[400..404].fill(0);
        let text = problem(&silent).expect("it is noticed");
        assert!(text.ends_with("came 00000000, which is silence"), "{text}");
        let mut changed = good.clone();
        changed[3999] ^= 1;
        assert!(problem(&changed).is_some_and(|it| it.starts_with("in place of frame 999")));
        let mut early = vec![0; 40];
        early.extend(&good[4..]);
        assert!(problem(&early).is_some_and(|it| it.contains("before the first frame")));
        // Of what hasn't been heard, nothing is known.
        let judge = judged(sequence, &good[..2000]);
        assert!(!judge.has_ended());
        assert_eq!(judge.recorded(), 500);
    }
}
