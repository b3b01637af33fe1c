// SPDX-License-Identifier: GPL-2.0

//! What is played: sound that says where it comes from.
//!
//! Each PREPARE of a playback begins a *generation*, which has a key of its own. The sample of a
//! channel in a frame is a function of that key, the channel, and the frame's number since the
//! PREPARE. No byte of it is one of silence. So who knows the keys can tell of a few bytes in a row
//! from which cable, which generation and which frame they come; and a frame that is rewound and
//! written again stays the same.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::Mutex;

use support::config::Config;
use support::random::mix;
use support::signal::Audio;
use support::signal::Format;

/// A frame of a cable: the generation's number, and the frame's in it. Later ones are greater.
pub type Place = (u64, u64);

/// What a playback plays from one PREPARE to the next.
pub struct Generation {
    pub number: u64,
    key: u64,
    pub cfg: Config,
    /// No frame from this on has been handed to the kernel. It is raised before they are.
    pub written: AtomicU64,
    /// All frames before this have gone by.
    pub gone_by: AtomicU64,
    /// None will go by any more.
    pub ended: AtomicBool,
    /// The playback may be heard in any order: others can start and prepare it, or it plays its
    /// buffer round and round.
    pub loose: AtomicBool,
}

impl Generation {
    pub fn new(seed: u64, cable: usize, number: u64, cfg: Config) -> Self {
        let key = mix(seed ^ mix(((cable as u64) << 48) | number));
        Generation {
            number,
            key,
            cfg,
            written: AtomicU64::new(0),
            gone_by: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            loose: AtomicBool::new(false),
        }
    }

    /// The sample of a channel: the first bytes of the result are those in memory.
    #[inline]
    fn sample(&self, frame: u64, channel: usize, silence: u8) -> [u8; 4] {
        let word = mix(self.key ^ (frame << 6) ^ channel as u64);
        let mut bytes = [
            word as u8,
            (word >> 8) as u8,
            (word >> 16) as u8,
            (word >> 24) as u8,
        ];
        for byte in &mut bytes {
            if *byte == silence {
                *byte = !silence;
            }
        }
        bytes
    }

    /// `count` frames from the frame `from` on.
    pub fn frames(&self, from: u64, count: usize) -> Audio {
        let Config {
            format, channels, ..
        } = self.cfg;
        let planar = self.cfg.access.is_planar();
        let mut audio = Audio::empty(format, channels, planar);
        let size = count * audio.unit;
        for plane in &mut audio.planes {
            plane.reserve_exact(size);
        }
        for frame in from..from + count as u64 {
            for channel in 0..channels {
                let plane = if planar { channel } else { 0 };
                let sample = self.sample(frame, channel, format.silence);
                audio.planes[plane].extend_from_slice(&sample[..format.bytes]);
            }
        }
        audio
    }

    /// Whether frame `at` of `audio` is frame `frame` of this generation.
    pub fn is_at(&self, audio: &Audio, at: usize, frame: u64) -> bool {
        (0..self.cfg.channels).all(|channel| self.is_sample(audio, at, channel, frame))
    }

    /// Whether the sample of a channel in frame `at` of `audio` is that of frame `frame`.
    pub fn is_sample(&self, audio: &Audio, at: usize, channel: usize, frame: u64) -> bool {
        let format = self.cfg.format;
        let got = audio.sample(at, channel, format.bytes);
        self.sample(frame, channel, format.silence)[..format.bytes] == *got
    }

    /// How many frames have been handed to the kernel at most.
    pub fn written_now(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Whether a capture of these parameters can hear it.
    pub fn fits(&self, cfg: &Config) -> bool {
        self.cfg.format == cfg.format
            && self.cfg.channels == cfg.channels
            && self.cfg.rate == cfg.rate
    }
}

/// What has been played on a cable.
#[derive(Default)]
pub struct Programme(Mutex<Vec<Arc<Generation>>>);

impl Programme {
    /// How many generations are remembered.
    const KEPT: usize = 4000;

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Generation>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The number of the next generation.
    pub fn next_number(&self) -> u64 {
        self.list().last().map_or(1, |last| last.number + 1)
    }

    pub fn add(&self, generation: Arc<Generation>) {
        let mut list = self.list();
        if list.len() == Self::KEPT {
            list.drain(..Self::KEPT / 2);
        }
        list.push(generation);
    }

    /// What goes by from now on does not come before this.
    pub fn floor(&self) -> Place {
        match self.list().last() {
            None => (0, 0),
            Some(last) if last.ended.load(Ordering::SeqCst) => (last.number + 1, 0),
            Some(last) if last.loose.load(Ordering::SeqCst) => (last.number, 0),
            Some(last) => (last.number, last.gone_by.load(Ordering::SeqCst)),
        }
    }

    /// The generations from the number `from` on.
    pub fn since(&self, from: u64) -> Vec<Arc<Generation>> {
        let list = self.list();
        let at = list.partition_point(|generation| generation.number < from);
        list[at..].to_vec()
    }
}

/// Whether frame `at` is silent. The core fills new buffers with zeroes, whatever the format.
pub fn is_silent(audio: &Audio, at: usize, silence: u8, zero_too: bool) -> bool {
    let (from, to) = (at * audio.unit, (at + 1) * audio.unit);
    let all = |value: u8| {
        audio
            .planes
            .iter()
            .all(|plane| plane[from..to].iter().all(|&byte| byte == value))
    };
    all(silence) || zero_too && all(0)
}

/// As many frames as it takes for 8 bytes: so many cannot be the right ones by chance.
pub fn frames_to_know(format: Format, channels: usize) -> usize {
    8usize.div_ceil(format.bytes * channels)
}
