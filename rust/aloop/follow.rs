// SPDX-License-Identifier: GPL-2.0

//! Following the speed of a sound timer, so that a cable keeps in phase with another card.
//!
//! The timer ticks when a period of its card has gone by: so much sound, at a time that is late by
//! some *jitter*. Two things are made of that, as in any phase-locked loop whose output must not
//! jump:
//!
//! - an *estimate* of where the source is and how fast it goes: the line that fits the ticks best.
//!   The gains are those of a least-squares fit to all ticks since the first, until that is
//!   [`MEMORY`] ago; from then on they stay as they are, and older ticks are forgotten. A tick that
//!   is off moves the estimate by less and less;
//! - a *pace* for the cable: the speed that was estimated, and so much more or less that what the
//!   cable is behind or ahead is gone after a second. The cable's position is never set, only its
//!   pace.
//!
//! A tick that is late by more than most is not counted in, until it is seen whether those that
//! follow are late as well: then ticks were lost, as the core reports one period when several have
//! gone by, and these are counted in.
//!
//! The source's phase means nothing before the loop has measured for a while ([`MEASURE`]): where
//! the cable is then is where it is to stay. A source that falls silent leaves the cable at the
//! speed that it was last known to have, and is measured anew when it ticks again.
//!
//! The estimate is in fixed point: places in ns and speeds in parts of 10^9 (which are ns a
//! second), both in 1/256. Nothing here is of the kernel; `tests/host` compiles this file as well.

use crate::{
    clock::{
        Clock,
        Pace,
        NSEC_PER_SEC, //
    },
    units::{
        Delta,
        Instant, //
    },
};
use core::{
    cmp::max,
    num::NonZeroU64, //
};

/// 1 ns, or 1 part of 10^9, in fixed point.
const ONE: i64 = 256;

/// How far back the estimate looks: what is older has lost its weight.
const MEMORY: Delta = Delta::from_secs(4);

/// How long the source is measured before the cable is steered by it.
const MEASURE: Delta = Delta::from_secs(1);

/// After how many ticks the cable is steered at the earliest.
const FEWEST: u64 = 4;

/// The fastest and the slowest source, less 1: what the clock can be set to.
const FASTEST: i64 = 250_000_000 * ONE;
const SLOWEST: i64 = -166_000_000 * ONE;

/// How much faster or slower than the source the cable goes at most to catch up.
const CORRECTION: i64 = 5_000_000 * ONE;

/// How far a tick may be from where it is expected, at least (half a tick is always allowed). What
/// is further away is another beginning.
const JUMP: Delta = Delta::from_millis(10);

/// How far the cable may be off and still be called in phase.
const IN_PHASE: i64 = 1_000_000 * ONE;

/// How many ticks in a row have to be off until others are taken for lost.
const ODD: u32 = 3;

/// The shortest tick that is reckoned with.
const SHORTEST: Delta = Delta(1);

/// The longest.
const LONGEST: Delta = Delta::from_secs(10);

/// Rates of which the length of a tick may be a whole number of frames.
const RATES: [u32; 17] = [
    48_000, 44_100, 96_000, 88_200, 192_000, 176_400, 384_000, 352_800, 768_000, 705_600, 32_000,
    64_000, 22_050, 24_000, 16_000, 11_025, 8_000,
];

/// How long a tick lasts, as a fraction.
///
/// The timer core rounds a tick to whole nanoseconds. Of 1024 frames at 48 kHz that leaves out a
/// third of one, or nearly 3 frames an hour.
///
/// # Invariants
///
/// `nanos / rate` is at most [`LONGEST`], and at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Length {
    /// The length that the timer core says, in whole ns.
    resolution: Delta,
    /// The length times `rate`, in ns.
    nanos: u64,
    /// What the length is multiplied by: the rate at which a tick is a whole number of frames, in
    /// Hz, or 1.
    rate: NonZeroU64,
}

impl Length {
    /// Finds out what a length in whole nanoseconds stands for: for whole frames at some usual
    /// rate, or at `own`, that of the cable, if there is such a number; otherwise for itself.
    fn new(resolution: Delta, own: u32) -> Self {
        let resolution = resolution.clamp(SHORTEST, LONGEST);
        let whole = |rate: u32| {
            let rate = NonZeroU64::new(rate.into())?;
            // Up to 10^10 * 2^32, which leaves 64 bits: such a rate is none.
            let frames = resolution
                .0
                .checked_mul(rate.get())?
                .checked_add(NSEC_PER_SEC / 2)?
                / NSEC_PER_SEC;
            let nanos = frames.checked_mul(NSEC_PER_SEC)?;
            (nanos / rate == resolution.0).then_some((nanos, rate))
        };
        let mut candidates = [own].into_iter().chain(RATES);
        let (nanos, rate) = candidates
            .find_map(whole)
            .unwrap_or((resolution.0, NonZeroU64::MIN));
        Self {
            resolution,
            nanos,
            rate,
        }
    }
}

/// What is known of the source since it ticks.
#[derive(Clone, Copy, Debug)]
struct Track {
    /// When it began.
    begun: Instant,
    /// When it last ticked.
    last: Instant,
    /// The remainder of the divisions of ticks' lengths by [`Length::rate`]: in 1/256 ns, times
    /// that rate.
    rem: u64,
    /// The clock of the cable, with a frame for each nanosecond.
    audio: Clock,
    /// How far the source is by the estimate beyond the place that its last tick stands for, in
    /// 1/256 ns.
    source: i64,
    /// How far the cable is beyond the place that the last tick of the source stands for, in 1/256
    /// ns.
    cable: i64,
    /// How much faster than the system's clock the source is by the estimate, in 1/256 of a part of
    /// 10^9.
    speed: i64,
    /// How many times it has ticked since it began.
    count: u64,
    /// How many ticks the estimate rests on.
    ticks: u64,
    /// How far ticks usually are off the estimate, in 1/256 ns.
    jitter: i64,
    /// How many of the last ticks were so far off that they were not counted in.
    odd: u32,
    /// Whether the next tick is overdue, and the cable is not steered.
    missed: bool,
    /// Whether the cable is steered by it.
    steers: bool,
}

/// What a cable follows, and the pace that this gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follow {
    /// The pace at which the cable goes.
    pace: Pace,
    /// How much faster than the system's clock the source last was, in 1/256 of a part of 10^9.
    speed: i64,
    length: Length,
    track: Option<Track>,
}

impl Follow {
    /// Makes a source of which nothing is known.
    pub(crate) fn new() -> Self {
        Self {
            pace: Pace::NOMINAL,
            speed: 0,
            length: Length::new(SHORTEST, 1),
            track: None,
        }
    }

    /// Returns the pace of the cable.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns how much faster the source is than the system's clock, as far as that is known, in
    /// parts of 10^9.
    pub(crate) fn speed(&self) -> i64 {
        self.speed / ONE
    }

    /// Returns whether the source ticks.
    pub(crate) fn is_measured(&self) -> bool {
        self.track.is_some_and(|track| !track.missed)
    }

    /// Returns whether the cable goes with the source.
    pub(crate) fn is_in_phase(&self) -> bool {
        self.track.is_some_and(|track| {
            track.steers
                && !track.missed
                && track.source.abs_diff(track.cable) < IN_PHASE.unsigned_abs()
        })
    }

    /// Returns the time until which the next tick has to come; after that it is
    /// [missed](Self::miss). [`None`] if none is expected, or it has been.
    pub(crate) fn patience(&self) -> Option<Instant> {
        let track = self.track.as_ref().filter(|track| !track.missed)?;
        Some(track.last + self.length.resolution * 2 + JUMP)
    }

    /// Lets the cable go at the speed that the source last had, as it is `now` and the next tick is
    /// missing.
    ///
    /// If it still comes, and is where it should be, nothing is lost.
    pub(crate) fn miss(&mut self, now: Instant) {
        self.pace = Pace::of_speed(self.speed / ONE);
        if let Some(track) = &mut self.track {
            track.missed = true;
            track.advance(now);
            track.audio.set_pace(self.pace);
        }
    }

    /// Lets the cable go at the speed that the source last had: it has fallen silent.
    ///
    /// It will be measured anew.
    pub(crate) fn rest(&mut self) {
        self.track = None;
        self.pace = Pace::of_speed(self.speed / ONE);
    }

    /// Handles `ticks` ticks of the source since the last time, as it is `now`.
    ///
    /// A tick lasts `resolution`, and the rate of the cable is `rate`, in Hz.
    pub(crate) fn tick(&mut self, now: Instant, ticks: u64, resolution: Delta, rate: u32) {
        if resolution.clamp(SHORTEST, LONGEST) != self.length.resolution {
            self.length = Length::new(resolution, rate);
            self.track = None;
        }
        let track = self.track.as_mut();
        if !track.is_some_and(|track| track.go_on(now, ticks, &self.length)) {
            self.rest();
            self.track = Some(Track::new(now, self.pace, self.speed));
            return;
        }
        if let Some(track) = self.track.as_mut().filter(|track| track.steers) {
            self.speed = track.speed;
            self.pace = track.pace(&self.length);
            track.audio.set_pace(self.pace);
        }
    }
}

impl Track {
    /// Begins with a source that ticks for the first time.
    fn new(now: Instant, pace: Pace, speed: i64) -> Self {
        Self {
            begun: now,
            last: now,
            rem: 0,
            audio: Clock::with_pace(1_000_000_000, pace, now),
            source: 0,
            cable: 0,
            speed,
            count: 0,
            ticks: 1,
            jitter: 0,
            odd: 0,
            missed: false,
            steers: false,
        }
    }

    /// Adds ticks to the estimate, and returns whether they are near enough to where they are
    /// expected.
    ///
    /// If not, the track is of no use any more.
    fn go_on(&mut self, now: Instant, ticks: u64, length: &Length) -> bool {
        let passed = now.0.checked_sub(self.last.0);
        let (Some(passed), Some(sound)) = (passed, self.sound(ticks, length)) else {
            return false;
        };
        let Some(passed) = i64::try_from(passed)
            .ok()
            .filter(|passed| Delta(passed.unsigned_abs()) <= LONGEST * 16)
        else {
            return false;
        };
        self.last = now;
        self.count = self.count.saturating_add(ticks);
        // 1.6e11 * 256, 1.6e8 * 6.4e10 and 1e3 * 6.4e10 at most; the second, of 160 seconds,
        // saturates.
        let expected = passed
            .saturating_mul(ONE)
            .saturating_add((passed / 1000).saturating_mul(self.speed) / 1_000_000)
            .saturating_add((passed % 1000).saturating_mul(self.speed) / 1_000_000_000);
        self.advance(now);
        self.source = self.source.saturating_add(expected);
        self.pass(sound);
        self.missed = false;

        // Where the last tick says that the source is, after where the estimate does.
        let off = self.source.saturating_neg();
        let jump = i64::try_from(max(JUMP, length.resolution / 2).0).unwrap_or(i64::MAX);
        if off.unsigned_abs() > jump.saturating_mul(ONE).unsigned_abs() {
            return false;
        }
        if self.counts(off, length) {
            self.fit(off, length);
        }
        let is_known = now - self.begun >= MEASURE && self.ticks >= FEWEST;
        if is_known && !self.steers {
            self.steers = true;
            // Here it is to stay.
            self.cable = self.source;
        }
        true
    }

    /// Updates what is known of how far ticks are off by one that is so far off, and returns
    /// whether that is to be counted in.
    fn counts(&mut self, off: i64, length: &Length) -> bool {
        let size = i64::try_from(off.unsigned_abs()).unwrap_or(i64::MAX);
        if self.steers && size > max(half(length), self.jitter.saturating_mul(8)) {
            self.odd = self.odd.saturating_add(1);
            if self.odd < ODD || self.count_lost(off, length) {
                return false;
            }
            // It is uneven.
            self.jitter = max(self.jitter, size / 4);
        }
        self.jitter = self
            .jitter
            .saturating_add(size / 16)
            .saturating_add(i64::from(self.odd).saturating_mul(half(length) / 8))
            .saturating_sub(self.jitter / 16);
        self.odd = 0;
        true
    }

    /// Counts a tick in that is so far off the estimate.
    fn fit(&mut self, off: i64, length: &Length) {
        let most = MEMORY.0.checked_div(length.resolution.0).unwrap_or(0);
        let most = most.clamp(2 * FEWEST, 40_000);
        self.ticks = self.ticks.saturating_add(1).min(most);
        // The gains of the fit to n points; below 2^31, and `off` below 2^41.
        let n = i64::try_from(self.ticks).unwrap_or(2);
        let points = n.saturating_mul(n.saturating_add(1)).max(1);
        let gain = n.saturating_mul(4).saturating_sub(2);
        let part = off.saturating_mul(gain).checked_div(points).unwrap_or(0);
        self.source = self.source.saturating_add(part);
        // From tick to tick by the system's clock; of a source that is far off, that is another
        // time than a tick's.
        let interval = (self.last - self.begun) / self.count;
        let micros = i64::try_from(interval.0 / 1000).unwrap_or(1).max(1);
        self.speed = off
            .clamp(-(1 << 38), 1 << 38)
            .saturating_mul(6_000_000)
            .checked_div(points.saturating_mul(micros))
            .unwrap_or(0)
            .saturating_add(self.speed)
            .clamp(SLOWEST, FASTEST);
    }

    /// Counts in the ticks that were lost before some in a row that were off as the last one is,
    /// and returns whether there were any.
    ///
    /// There were if those that came are late by whole ticks.
    fn count_lost(&mut self, off: i64, length: &Length) -> bool {
        let tick = half(length).saturating_mul(2);
        let late = off.saturating_neg();
        // Rounded: as many as make what is left the least.
        let lost = late.saturating_add(tick / 2).checked_div(tick).unwrap_or(0);
        let left = late.saturating_sub(tick.saturating_mul(lost));
        if lost <= 0 || left.unsigned_abs() > tick.unsigned_abs() / 8 {
            return false;
        }
        let Some(sound) = self.sound(lost.unsigned_abs(), length) else {
            return false;
        };
        self.pass(sound);
        self.odd = 0;
        true
    }

    /// Moves the cable on to the time `now`.
    fn advance(&mut self, now: Instant) {
        let audio = i64::try_from(self.audio.advance(now).0).unwrap_or(i64::MAX);
        self.cable = self.cable.saturating_add(audio.saturating_mul(ONE));
    }

    /// Counts places from where the source is when it has played so much more.
    fn pass(&mut self, sound: i64) {
        self.source = self.source.saturating_sub(sound);
        self.cable = self.cable.saturating_sub(sound);
    }

    /// Returns how much sound so many ticks are, in 1/256 ns, and keeps the remainder for the next
    /// call; [`None`] if absurdly much.
    fn sound(&mut self, ticks: u64, length: &Length) -> Option<i64> {
        let nanos = length
            .nanos
            .checked_mul(ticks)?
            .checked_mul(ONE.unsigned_abs())?
            .checked_add(self.rem)?;
        self.rem = nanos % length.rate;
        i64::try_from(nanos / length.rate).ok()
    }

    /// Returns the pace that keeps the cable with the source.
    fn pace(&self, length: &Length) -> Pace {
        let behind = self.source.saturating_sub(self.cable);
        // Within a second; but not before the next tick is there.
        let micros = i64::try_from(length.resolution.0 / 500).unwrap_or(i64::MAX);
        let correction = behind
            .clamp(-CORRECTION, CORRECTION)
            .saturating_mul(1_000_000)
            .checked_div(micros.max(1_000_000))
            .unwrap_or(0);
        Pace::of_speed(self.speed.saturating_add(correction) / ONE)
    }
}

/// Returns half of a tick's length, in 1/256 ns.
fn half(length: &Length) -> i64 {
    i64::try_from(length.resolution.0)
        .unwrap_or(i64::MAX)
        .saturating_mul(ONE / 2)
}
