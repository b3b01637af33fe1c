// SPDX-License-Identifier: GPL-2.0

//! Parameters at random.

use support::config::Access;
use support::config::Config;
use support::random::Random;
use support::signal::FORMATS;

use super::kind::Kind;
use super::stream::Stream;
use super::world::locked;
use super::world::PLAIN_MS;

impl Stream {
    /// Parameters: those of the other side, mostly, but for sizes.
    pub fn draw_config(&mut self) -> Config {
        let other = *locked(&self.peer().cfg);
        let mut drawn = draw_format(self.random());
        let follow = !self.random().once_in(8);
        let (swap, turn) = (self.random().once_in(2), self.random().once_in(4));
        if let Some(other) = other.filter(|_| follow) {
            drawn = other;
        }
        if swap {
            drawn.access = match drawn.access {
                Access::MmapInterleaved => Access::RwInterleaved,
                Access::MmapNoninterleaved => Access::RwNoninterleaved,
                Access::RwInterleaved => Access::MmapInterleaved,
                Access::RwNoninterleaved => Access::MmapNoninterleaved,
            };
        }
        if turn {
            drawn.access = match drawn.access {
                Access::MmapInterleaved => Access::MmapNoninterleaved,
                Access::MmapNoninterleaved => Access::MmapInterleaved,
                Access::RwInterleaved => Access::RwNoninterleaved,
                Access::RwNoninterleaved => Access::RwInterleaved,
            };
        }
        draw_sizes(self.random(), drawn)
    }

    pub fn set_thresholds(&mut self) {
        let Some(cfg) = self.pcm.as_ref().and_then(|pcm| pcm.cfg) else {
            return;
        };
        let (starts, stops) = (self.random().once_in(6), !self.random().once_in(10));
        let start = if starts { 1 } else { u64::MAX };
        let stop = if stops { cfg.buffer() as u64 } else { u64::MAX };
        let avail_min = 1 + self.random().below(u64::from(cfg.period));
        self.starts = starts;
        if self.stops && !stops {
            // From now on it plays round and round.
            self.loosen();
        }
        self.stops = stops;
        let _ = self.call(
            Kind::SwParams,
            [start as i64, stop as i64],
            String::new(),
            PLAIN_MS,
            |_| 0,
            |pcm| pcm.set_thresholds(start, stop, avail_min),
        );
    }
}

fn draw_format(random: &mut Random) -> Config {
    let channels = random.one_of(&[1, 1, 2, 2, 2, 3, 6, 8, 32]);
    let rates = [
        8000, 11025, 22050, 44100, 48000, 48000, 48000, 96000, 192_000, 768_000,
    ];
    // So many samples a second are enough for one cable in an emulator, mostly.
    let most = if random.once_in(12) { 768_000 } else { 96_000 };
    let rate = random.one_of(&rates).min(most / channels as u32).max(8000);
    Config {
        access: random.one_of(&Access::ALL),
        format: random.one_of(&FORMATS),
        rate,
        channels,
        period: 0,
        periods: 0,
    }
}

fn draw_sizes(random: &mut Random, cfg: Config) -> Config {
    const BUFFER_BYTES: usize = 512 * 1024;
    let ms = random.one_of(&[4, 20, 50, 100, 100, 200, 200, 400]);
    let periods = random.one_of(&[2, 3, 4, 4, 8, 16]);
    let frame = cfg.frame_bytes();
    let buffer = (cfg.rate * ms / 1000).min((BUFFER_BYTES / frame) as u32);
    // An odd size more often than not.
    let least = 64u32.div_ceil(frame as u32);
    let period = (buffer / periods).max(least) + random.below(3) as u32;
    Config {
        period,
        periods,
        ..cfg
    }
}
