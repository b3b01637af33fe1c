// SPDX-License-Identifier: GPL-2.0

//! Sound that is written while it is heard.
//!
//! A playback that plays its buffer round and round, or that others start, may be heard at any
//! moment of a write: one channel has its new frames already, the next one still has those before,
//! or silence. So each channel is judged by itself.

use std::sync::Arc;

use support::config::Config;
use support::signal::Audio;

use super::sound::frames_to_know;
use super::sound::Generation;

/// What the channels of a recording are in the middle of.
pub struct Torn {
    channels: Vec<Channel>,
}

#[derive(Clone, Default)]
struct Channel {
    /// What the frame before this was, if it is known.
    last: Option<(Arc<Generation>, u64)>,
    /// How many frames before this are not known.
    unknown: usize,
}

impl Torn {
    pub fn new(cfg: &Config) -> Self {
        Torn {
            channels: vec![Channel::default(); cfg.channels],
        }
    }

    /// The frame before was a whole one, or something else than sound.
    pub fn forget(&mut self) {
        self.channels.fill(Channel::default());
    }

    /// Judges the frames of `audio` from `at` on, as long as all channels go on; at least one.
    /// Returns how many these are; None if a channel has had so much that nobody played that it is
    /// no tear.
    pub fn judge(
        &mut self,
        audio: &Audio,
        at: usize,
        cfg: &Config,
        played: &[Arc<Generation>],
    ) -> Option<usize> {
        for (number, channel) in self.channels.iter_mut().enumerate() {
            channel.judge(audio, at, number, cfg, played)?;
        }
        let mut count = 1;
        while at + count < audio.len() {
            let here = at + count;
            let goes_on = self.channels.iter().enumerate().all(|(number, channel)| {
                channel.last.as_ref().map_or_else(
                    || is_silent(audio, here, number, cfg),
                    |(generation, frame)| generation.is_sample(audio, here, number, frame + 1),
                )
            });
            if !goes_on {
                break;
            }
            for (_, frame) in self.channels.iter_mut().filter_map(|c| c.last.as_mut()) {
                *frame += 1;
            }
            count += 1;
        }
        Some(count)
    }
}

impl Channel {
    /// Judges one sample. None if too many in a row are not known.
    fn judge(
        &mut self,
        audio: &Audio,
        at: usize,
        number: usize,
        cfg: &Config,
        played: &[Arc<Generation>],
    ) -> Option<()> {
        if is_silent(audio, at, number, cfg) {
            *self = Channel::default();
            return Some(());
        }
        if let Some((generation, frame)) = &mut self.last {
            if generation.is_sample(audio, at, number, *frame + 1) {
                *frame += 1;
                return Some(());
            }
        }
        self.last = find(audio, at, number, cfg, played);
        if self.last.is_some() {
            self.unknown = 0;
            return Some(());
        }
        // A sample may be torn itself, and a write of few frames is too short to be known for sure.
        self.unknown += 1;
        (self.unknown < frames_to_know(cfg.format, 1)).then_some(())
    }
}

/// The sample of a channel, among enough of its neighbours that it can be no chance.
fn find(
    audio: &Audio,
    at: usize,
    number: usize,
    cfg: &Config,
    played: &[Arc<Generation>],
) -> Option<(Arc<Generation>, u64)> {
    let wanted = frames_to_know(cfg.format, 1);
    for generation in played.iter().rev().filter(|g| g.fits(cfg)) {
        for frame in 0..generation.written_now() {
            if !generation.is_sample(audio, at, number, frame) {
                continue;
            }
            let is = |from: i64| {
                let at = at as i64 + from;
                let frame = frame as i64 + from;
                at >= 0
                    && frame >= 0
                    && (at as usize) < audio.len()
                    && generation.is_sample(audio, at as usize, number, frame as u64)
            };
            let before = (1..wanted as i64).take_while(|&n| is(-n)).count();
            let after = (1..wanted as i64).take_while(|&n| is(n)).count();
            // A block may begin or end in the middle.
            let cut = before == at || at + after + 1 == audio.len();
            if before + 1 + after >= wanted || cut {
                return Some((Arc::clone(generation), frame));
            }
        }
    }
    None
}

fn is_silent(audio: &Audio, at: usize, number: usize, cfg: &Config) -> bool {
    let sample = audio.sample(at, number, cfg.format.bytes);
    sample.iter().all(|&byte| byte == cfg.format.silence) || sample.iter().all(|&byte| byte == 0)
}
