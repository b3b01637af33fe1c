// SPDX-License-Identifier: GPL-2.0

//! The clock of one cable: `CLOCK_MONOTONIC` nanoseconds to frames, and back.
//!
//! Both sides of a cable read the same [`Clock`]. It is pure arithmetic: it reads no time by itself
//! and knows no kernel type, so host tests compile this very file.
//!
//! # Why it is exact and can't drift
//!
//! The rate shift `shift` (the control "PCM Rate Shift 100000") makes the effective rate
//! `rate * 100000 / shift` frames per second. In integers:
//!
//! ```text
//! den    = shift * 10_000            at nominal speed 1_000_000_000: the ns of one second
//! num    = dt * rate + rem           dt: the ns since the last call
//! frames = num / den                 the whole frames to hand out now
//! rem    = num % den                 the begun frame, in 1/den of a frame, kept for the next call
//! ```
//!
//! Nothing is ever rounded away: what isn't handed out as frames stays in `rem`. So however a
//! stretch of time is cut into calls, the frames handed out over it are the whole part of the one
//! exact quotient `ns * rate / den`. An error that could add up doesn't exist, whether the stretch
//! is a period or a year. [`Clock::time_of`] solves the same equation for the time and rounds up,
//! which makes it the exact inverse: one nanosecond earlier the frame isn't complete yet.
//!
//! The only rounding is in [`Clock::set_pace`], which states `rem` in units of the new `den`: each
//! change of pace drops less than one such unit, so less than 1.25e-9 frame.
//!
//! # Why it can't overflow
//!
//! `dt * rate` leaves 64 bits after 6.67 hours at 768 kHz. As `den` ns are exactly `rate` frames,
//! `dt = q * den + r` gives `q * rate` frames plus those of `r`, and `r < den` is at most 1.2
//! seconds: `r * rate + rem` stays below 2^63 for every 32-bit rate.

use crate::units::{
    Delta,
    Frames,
    Instant, //
};
use core::num::NonZeroU64;

/// The value of the rate shift at which a cable runs at its nominal rate.
pub(crate) const SHIFT_NOMINAL: u32 = 100_000;

/// The smallest rate shift: 5/4 of the nominal rate.
pub(crate) const SHIFT_MIN: u32 = 80_000;

/// The largest rate shift: 5/6 of the nominal rate.
pub(crate) const SHIFT_MAX: u32 = 120_000;

/// Nanoseconds in a second.
pub(crate) const NSEC_PER_SEC: u64 = 1_000_000_000;

/// Nanoseconds in a second, over [`SHIFT_NOMINAL`].
const DEN_PER_SHIFT: u64 = NSEC_PER_SEC / SHIFT_NOMINAL as u64;

/// How fast a clock goes: the nanoseconds in which as many frames go by as the rate says.
///
/// # Invariants
///
/// It is within [`SHIFT_MIN`]`..=`[`SHIFT_MAX`] times [`DEN_PER_SHIFT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace(NonZeroU64);

impl Pace {
    /// The nominal rate.
    pub(crate) const NOMINAL: Self = Self::of_shift(SHIFT_NOMINAL);

    /// Returns the pace of a rate shift, which is clamped to [`SHIFT_MIN`]`..=`[`SHIFT_MAX`].
    pub(crate) const fn of_shift(shift: u32) -> Self {
        // INVARIANT: `den_of()` gives such a number.
        Self(den_of(shift))
    }

    /// Returns the pace of a clock which is faster than the nominal rate by so many parts of 10^9
    /// (slower if negative), to one such part.
    ///
    /// It is clamped to what rate shifts can do.
    pub(crate) fn of_speed(speed: i64) -> Self {
        let speed = NSEC_PER_SEC.saturating_add_signed(speed);
        let den = (NSEC_PER_SEC * NSEC_PER_SEC) / non_zero(speed);
        // INVARIANT: Just clamped.
        Self(non_zero(den.clamp(
            u64::from(SHIFT_MIN) * DEN_PER_SHIFT,
            u64::from(SHIFT_MAX) * DEN_PER_SHIFT,
        )))
    }
}

/// The clock of one cable.
///
/// It counts from the time it was made at. The sum of what [`Clock::advance`] returned is the
/// clock's position in frames; who wants that position keeps the sum.
///
/// # Invariants
///
/// - `1 <= rate < 2^32`.
/// - `den` is that of a [`Pace`].
/// - `rem < den`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The nominal rate in Hz. It divides, hence the type: such a division can't panic.
    rate: NonZeroU64,
    /// The nanoseconds in which `rate` frames go by.
    den: NonZeroU64,
    /// How much of the begun frame has gone by, in 1/`den` of a frame.
    rem: u64,
    /// The time up to which frames have been handed out.
    last: Instant,
}

impl Clock {
    /// Makes a clock whose frame 0 begins at `now`.
    ///
    /// `rate` is in Hz; 0 counts as 1. `shift` is clamped to [`SHIFT_MIN`]`..=`[`SHIFT_MAX`].
    pub(crate) const fn new(rate: u32, shift: u32, now: Instant) -> Self {
        Self::with_pace(rate, Pace::of_shift(shift), now)
    }

    /// Makes a clock as [`Clock::new`] does, with a pace that need not be that of a rate shift.
    pub(crate) const fn with_pace(rate: u32, pace: Pace, now: Instant) -> Self {
        // INVARIANT: A `u32` that isn't 0 is in range; 0 is below `den`.
        Self {
            rate: non_zero(rate as u64),
            den: pace.0,
            rem: 0,
            last: now,
        }
    }

    /// Returns the same clock with `phase` of its first frame gone by, rounded down to a multiple
    /// of 1/`den` of a frame as in [`Clock::set_pace`].
    pub(crate) const fn in_phase(mut self, phase: Phase) -> Self {
        // INVARIANT: `phase` is below 1. Neither factor is above 1.2e9: the product doesn't wrap.
        self.rem = phase.rem.wrapping_mul(self.den.get()) / phase.den.get();
        self
    }

    /// Moves the clock to the time `now`.
    ///
    /// Returns how many frames were completed since the last call. A time that is not after the
    /// last one gives 0 and changes nothing: the clock never goes backwards.
    ///
    /// The count saturates, which takes over 700 000 years at 768 kHz: only a rate above 1 GHz gets
    /// there within 64 bits of nanoseconds.
    pub(crate) fn advance(&mut self, now: Instant) -> Frames {
        let Some(dt) = now.0.checked_sub(self.last.0) else {
            return Frames::ZERO;
        };

        let whole = (dt / self.den).saturating_mul(self.rate.get());
        // Not wrapping, see the module's documentation.
        let num = (dt % self.den)
            .wrapping_mul(self.rate.get())
            .wrapping_add(self.rem);

        // INVARIANT: A remainder of a division by `den` is below it.
        self.rem = num % self.den;
        self.last = now;
        Frames(whole.saturating_add(num / self.den))
    }

    /// Changes the pace, from the time of the last [`Clock::advance`] on.
    ///
    /// So a caller advances to the present first.
    ///
    /// The phase (the part of the begun frame that has gone by) is kept, rounded down to a
    /// multiple of 1/`den` of a frame. A change thus delays the clock by less than 1.25e-9 frame
    /// (one 800 000 000th) and never puts it ahead; the same pace again changes nothing. What was
    /// handed out stays so, and a phase isn't negative: the clock doesn't go backwards either.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        let den = pace.0;

        // INVARIANT: `rem / old den` is below 1, so the new `rem` is below the new `den`. Both
        // factors are at most 1.2e9, so the product doesn't wrap.
        self.rem = self.rem.wrapping_mul(den.get()) / self.den;
        self.den = den;
    }

    /// Returns how much of the begun frame has gone by at the last [`Clock::advance`].
    pub(crate) const fn phase(&self) -> Phase {
        // INVARIANT: That of `Clock`.
        Phase {
            rem: self.rem,
            den: self.den,
        }
    }

    /// Returns the time at which `ahead` more frames will be complete.
    ///
    /// This is the smallest `now` for which [`Clock::advance`] returns `ahead` or more, and with
    /// `ahead` 0 the time of the last [`Clock::advance`]. A time that doesn't fit saturates: 584
    /// years after the monotonic clock began.
    pub(crate) fn time_of(&self, ahead: Frames) -> Instant {
        // Of the last frame wanted only its end counts: take it out, and what is left to wait for
        // is more than nothing even if `ahead` is a multiple of `rate`.
        let Some(before) = ahead.0.checked_sub(1) else {
            return self.last;
        };

        let whole = (before / self.rate).saturating_mul(self.den.get());
        // At least 1 and at most `rate * den`, which is below 2^63: nothing wraps.
        let num = (before % self.rate)
            .wrapping_add(1)
            .wrapping_mul(self.den.get())
            .wrapping_sub(self.rem);
        let part = num.div_ceil(self.rate.get());

        self.last + Delta(whole) + Delta(part)
    }
}

/// A part of a frame, less than one: how much of the begun frame has gone by.
///
/// # Invariants
///
/// - `rem < den`, and `den` is at most [`SHIFT_MAX`] times [`DEN_PER_SHIFT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    rem: u64,
    den: NonZeroU64,
}

impl Phase {
    /// The start of a frame.
    // INVARIANT: 0 is below 1.
    pub(crate) const ZERO: Self = Self {
        rem: 0,
        den: NonZeroU64::MIN,
    };
}

/// Returns how long `frames` frames and `phase` of another last at `rate`, rounded down to a
/// nanosecond.
///
/// `rate` is in Hz; 0 counts as 1. A time that doesn't fit saturates.
///
/// In integers, and without a product that leaves 64 bits, with `r` for the remainders:
///
/// ```text
/// frames                          = seconds * rate + r1
/// r1 * 10^9                       = ns * rate + r2
/// (r2 + rem / den * 10^9) / rate  = (r2 * den + rem * 10^9) / (den * rate)
/// ```
///
/// In the last line `r2 < rate < 2^32` and `rem < den <= 1.2e9`: the dividend stays below 2^63.
pub(crate) fn duration(frames: Frames, phase: Phase, rate: u32) -> Delta {
    let rate = non_zero(rate.into());

    let seconds = (frames.0 / rate).saturating_mul(NSEC_PER_SEC);
    // `frames.0 % rate` is below 2^32: nothing wraps.
    let rest = (frames.0 % rate).wrapping_mul(NSEC_PER_SEC);
    let part = (rest % rate)
        .wrapping_mul(phase.den.get())
        .wrapping_add(phase.rem.wrapping_mul(NSEC_PER_SEC));
    // Neither factor is 0 and the product is below 2^63.
    let part = part / non_zero(phase.den.get().wrapping_mul(rate.get()));

    Delta(seconds) + Delta(rest / rate) + Delta(part)
}

/// A clock that counts how much audio has gone by, from the start of `CLOCK_MONOTONIC` on: at
/// nominal speed as much as time, and each change of the rate shift bends it.
///
/// It belongs to a cable, and unlike its [`Clock`], which counts frames while a stream runs, it
/// never stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absolute {
    /// Since the last change of pace.
    since: Stretch,
    /// Before that, since the change before.
    before: Option<Stretch>,
}

/// A stretch of time in which an [`Absolute`] goes at one pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// What it showed at the beginning.
    audio: Delta,
    /// What has gone by since: of "frames" that last a nanosecond.
    clock: Clock,
}

impl Stretch {
    /// Returns what is shown at the time `now`; [`None`] before the beginning.
    fn at(&self, now: Instant) -> Option<Delta> {
        let mut clock = self.clock;
        (now >= clock.last).then(|| self.audio + Delta(clock.advance(now).0))
    }
}

impl Absolute {
    /// Makes a clock at nominal speed.
    pub(crate) const fn new() -> Self {
        Self {
            since: Stretch {
                audio: Delta::ZERO,
                clock: Clock::new(1_000_000_000, SHIFT_NOMINAL, Instant::START),
            },
            before: None,
        }
    }

    /// Returns what it shows at the time `now`; [`None`] for a time before the last change
    /// of pace but one, as what it showed then is not known any more.
    ///
    /// (Who asks for a time that was the present when it last looked may have been overtaken by a
    /// change, but hardly by two.)
    pub(crate) fn at(&self, now: Instant) -> Option<Delta> {
        self.since.at(now).or_else(|| self.before?.at(now))
    }

    /// Returns the time of the last change of pace.
    pub(crate) fn changed_at(&self) -> Instant {
        self.since.clock.last
    }

    /// Changes the pace from the time `now` on, as [`Clock::set_pace`].
    pub(crate) fn set_pace(&mut self, pace: Pace, now: Instant) {
        if now > self.changed_at() {
            self.before = Some(self.since);
        }
        let Stretch { audio, clock } = &mut self.since;
        *audio = *audio + Delta(clock.advance(now).0);
        clock.set_pace(pace);
    }
}

/// Returns `n`, or 1 if it is 0.
const fn non_zero(n: u64) -> NonZeroU64 {
    match NonZeroU64::new(n) {
        Some(n) => n,
        None => NonZeroU64::MIN,
    }
}

/// Returns the nanoseconds in which a rate's number of frames go by at the rate shift `shift`.
///
/// `shift` is clamped to [`SHIFT_MIN`]`..=`[`SHIFT_MAX`].
const fn den_of(shift: u32) -> NonZeroU64 {
    let shift = if shift < SHIFT_MIN {
        SHIFT_MIN
    } else if shift > SHIFT_MAX {
        SHIFT_MAX
    } else {
        shift
    };

    non_zero(shift as u64 * DEN_PER_SHIFT)
}
