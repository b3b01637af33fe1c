// SPDX-License-Identifier: GPL-2.0

//! Following a source: the cable keeps in phase with it.
//!
//! The source is simulated in floating point, and so is what its cable should show: it goes at its
//! speed by definition, whatever the loop thinks.

use crate::clock::Pace;
use crate::follow::Follow;
use crate::plain::Clock;
use crate::times::wild;
use crate::units::Delta;
use crate::units::Instant;
use proptest::prelude::*;

const SECOND: f64 = 1e9;
/// A frame at 48 kHz, in ns.
const FRAME: f64 = SECOND / 48000.0;

/// A card that ticks, and a cable of 48 kHz that follows it.
struct Bench {
    follow: Follow,
    clock: Clock,
    /// How many frames the cable has moved.
    frames: u64,
    /// The time, in ns.
    now: f64,
    /// How much sound the source has played, in ns.
    sound: f64,
    /// How fast the source is.
    speed: f64,
    /// How late its ticks are at most, in ns.
    jitter: f64,
    /// What a tick lasts, in ns of sound.
    tick: f64,
    random: u64,
}

impl Bench {
    fn new(ppm: f64, tick: f64, jitter: f64, seed: u64) -> Self {
        let now = 5.0 * SECOND;
        Self {
            follow: Follow::new(),
            clock: Clock::with_pace(48000, Pace::NOMINAL, now as u64),
            frames: 0,
            now,
            sound: 0.0,
            speed: 1.0 + ppm / 1e6,
            jitter,
            tick,
            random: seed | 1,
        }
    }

    /// Between 0 and 1.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// As the driver does before anything else.
    fn update(&mut self, now: u64) {
        let until = self.follow.patience();
        if let Some(until) = until.filter(|&until| until < Instant(now)) {
            self.frames += self.clock.advance(until.0);
            self.follow.miss(until);
            self.clock.set_pace(self.follow.pace());
        }
        self.frames += self.clock.advance(now);
    }

    /// Goes on to the source's next tick. Returns how far the cable is ahead of the source, in ns
    /// of sound, at the very time of the tick.
    fn tick(&mut self) -> f64 {
        self.sound += self.tick;
        self.now += self.tick / self.speed;
        self.update(self.now as u64);
        let ahead = self.ahead();
        // The news comes later.
        let late = self.now + self.chance() * self.jitter;
        self.update(late as u64);
        let resolution = Delta(self.tick as u64);
        self.follow.tick(Instant(late as u64), 1, resolution, 48000);
        self.clock.set_pace(self.follow.pace());
        ahead
    }

    /// The source is silent for so long.
    fn silence(&mut self, seconds: f64) {
        self.now += seconds * SECOND;
        self.update(self.now as u64);
    }

    fn ahead(&self) -> f64 {
        let audio = crate::plain::nanos(self.frames, self.clock.phase(), 48000);
        audio as f64 - self.sound
    }

    /// Runs until the cable is to be locked, 10 s at most, then for so long: how far it gets away
    /// from where it was then, at most, in ns. It never goes back, nor faster than twice.
    fn worst(&mut self, seconds: f64) -> f64 {
        let begin = self.now;
        let (mut locked, mut worst) = (None, 0.0_f64);
        while self.now < begin + (10.0 + seconds) * SECOND {
            let before = (self.frames, self.now);
            let ahead = self.tick();
            let most = (self.now - before.1 + 2.0 * self.jitter) / FRAME * 2.0 + 2.0;
            assert!(self.frames >= before.0 && ((self.frames - before.0) as f64) < most);
            if self.now > begin + 10.0 * SECOND {
                let zero = *locked.get_or_insert(ahead);
                worst = worst.max((ahead - zero).abs());
            }
        }
        assert!(self.follow.is_in_phase());
        worst
    }
}

/// Ticks as cards have them: 48 to 4800 frames at 48 or 44.1 kHz, in ns of sound.
fn tick() -> impl Strategy<Value = f64> {
    (
        proptest::sample::select(&[48_u32, 64, 441, 480, 1024, 4096, 4800][..]),
        proptest::sample::select(&[48000_u32, 44100][..]),
    )
        .prop_map(|(frames, rate)| f64::from(frames) * SECOND / f64::from(rate))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Within 10 s the cable is locked, and from then on it stays within a frame and the jitter.
    #[test]
    fn keeps_in_phase(
        ppm in -1000.0..1000.0_f64, tick in tick(), part in 0.0..0.5_f64, seed in any::<u64>(),
    ) {
        let jitter = (part * tick).min(2e6);
        let mut bench = Bench::new(ppm, tick, jitter, seed);
        let worst = bench.worst(30.0);
        prop_assert!(worst <= FRAME + jitter, "{worst} ns");
    }

    /// A source that is as far off as rate shifts can be.
    #[test]
    fn follows_far(ppm in -160_000.0..240_000.0_f64, tick in tick(), seed in any::<u64>()) {
        let mut bench = Bench::new(ppm, tick, 20_000.0, seed);
        let worst = bench.worst(10.0);
        // Where it was at first is as uncertain as where it is.
        prop_assert!(worst <= FRAME + 2.0 * 20_000.0, "{worst} ns");
        let said = bench.follow.speed() as f64 / 1000.0;
        prop_assert!((said - ppm).abs() < 5.0, "{said} ppm");
    }

    /// When the source stops, the cable goes on as it last ran; when it goes on, it is followed
    /// again.
    #[test]
    fn source_that_stops(
        ppm in -1000.0..1000.0_f64, tick in tick(), silence in 1.0..100.0_f64, seed in any::<u64>(),
    ) {
        let mut bench = Bench::new(ppm, tick, 20_000.0, seed);
        bench.worst(5.0);
        let (frames, now) = (bench.frames, bench.now);
        bench.silence(silence);
        prop_assert!(!bench.follow.is_measured() && bench.follow.patience().is_none());
        let said = bench.follow.speed() as f64 / 1000.0;
        prop_assert!((said - ppm).abs() < 5.0, "{said} ppm");
        let speed = (bench.frames - frames) as f64 * FRAME / (bench.now - now);
        // A frame at either end, and 2 ppm.
        let off = (speed - bench.speed).abs() * silence * SECOND;
        prop_assert!(off <= 2.0 * FRAME + 2e-6 * silence * SECOND, "{off} ns");
        let worst = bench.worst(5.0);
        prop_assert!(worst <= FRAME + 20_000.0, "{worst} ns");
    }

    /// Ticks of which nobody is told, as of periods that have gone by when the core looks, do not
    /// move the cable.
    #[test]
    fn ticks_that_are_lost(
        ppm in -1000.0..1000.0_f64, frames in 48_u32..200, lost in 1..3, seed in any::<u64>(),
    ) {
        // More than that at a time is another beginning.
        let tick = f64::from(frames) * SECOND / 44100.0;
        let mut bench = Bench::new(ppm, tick, 20_000.0, seed);
        bench.worst(5.0);
        let before = bench.ahead();
        for _ in 0..lost {
            bench.sound += tick;
            bench.now += tick / bench.speed;
            bench.update(bench.now as u64);
        }
        let worst = bench.worst(5.0);
        prop_assert!(worst <= FRAME + 20_000.0, "{worst} ns");
        let moved = (bench.ahead() - before).abs();
        prop_assert!(moved <= FRAME + 2.0 * 20_000.0, "{moved} ns");
    }

    /// A source whose speed changes is followed again within 10 s.
    #[test]
    fn source_that_changes(
        ppm in -1000.0..1000.0_f64, other in -1000.0..1000.0_f64, tick in tick(),
        seed in any::<u64>(),
    ) {
        let mut bench = Bench::new(ppm, tick, 20_000.0, seed);
        bench.worst(5.0);
        bench.speed = 1.0 + other / 1e6;
        let worst = bench.worst(10.0);
        prop_assert!(worst <= FRAME + 20_000.0, "{worst} ns");
    }

    /// Nothing that is told makes it panic, or go at another pace than a clock can.
    #[test]
    fn anything_can_be_told(
        told in proptest::collection::vec((wild(), wild(), wild(), any::<u32>()), 1..50),
    ) {
        let mut follow = Follow::new();
        for (now, ticks, resolution, rate) in told {
            follow.tick(Instant(now), ticks, Delta(resolution), rate);
            let mut clock = Clock::with_pace(48000, follow.pace(), 0);
            let frames = clock.advance(1_000_000_000);
            prop_assert!((40_000..=60_000).contains(&frames));
        }
        follow.rest();
        prop_assert!(follow.patience().is_none());
    }
}

/// An hour beside a card whose ticks are no whole nanoseconds.
#[test]
fn an_hour() {
    for ppm in [-1000.0, 1000.0] {
        for rate in [48000.0, 44100.0] {
            let mut bench = Bench::new(ppm, 1024.0 * SECOND / rate, 50_000.0, 7);
            let worst = bench.worst(3600.0);
            assert!(worst <= FRAME + 50_000.0, "{worst} ns");
        }
    }
}
