// SPDX-License-Identifier: GPL-2.0

//! The clock by which sound runs: `CLOCK_MONOTONIC`, to the nanosecond.
//!
//! `kernel::time::Instant` keeps its nanoseconds to itself, and `Instant + Delta` panics on
//! overflow. A driver that computes frames from time needs the number, and sums that saturate.
//!
//! Its home would be `rust/kernel/time.rs`. A public `Instant::as_nanos()`, and a difference that
//! saturates, make it superfluous; the times of other clocks want an `Instant` for each of them.
//!
//! C header: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h)

use crate::bindings;
use kernel::{
    prelude::*,
    task::Task, //
};

/// Returns how often the present thread has made way for another.
///
/// It wraps.
///
/// If that is the same at two times, the thread has had its processor to itself in between, but for
/// interrupts. In an interrupt it is about the thread that was interrupted, and is always the same.
///
/// C: `task_struct::nvcsw` and `nivcsw`.
#[inline]
pub fn thread_switches() -> usize {
    let task = Task::current_raw();
    // SAFETY: The present thread is there as long as this runs, and nobody else writes its counts.
    // They change behind the compiler's back, whenever the thread makes way.
    unsafe {
        let by_itself = (&raw const (*task).nvcsw).read_volatile();
        by_itself.wrapping_add((&raw const (*task).nivcsw).read_volatile())
    }
}

/// A point in time: nanoseconds of `CLOCK_MONOTONIC`, from 0 to `i64::MAX`.
///
/// C: `ktime_t`.
///
/// # Examples
///
/// ```
/// use alsa::time::Ktime;
///
/// let now = Ktime::now();
/// let in_a_millisecond = Ktime::from_nanos(now.as_nanos().saturating_add(1_000_000));
/// assert!(now < in_a_millisecond);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ktime(i64);

impl Ktime {
    /// Returns the present.
    ///
    /// Any context.
    ///
    /// C: `ktime_get()`.
    #[inline]
    pub fn now() -> Self {
        // SAFETY: `ktime_get()` may be called in any context (but while timekeeping is suspended,
        // when no sound runs).
        Self(unsafe { bindings::ktime_get() })
    }

    /// Makes the point `ns` nanoseconds after the start of the clock, or the last one there is if
    /// `ns` is beyond it.
    #[inline]
    pub fn from_nanos(ns: u64) -> Self {
        Self(i64::try_from(ns).unwrap_or(i64::MAX))
    }

    /// Returns the nanoseconds since the start of the clock.
    #[inline]
    pub fn as_nanos(self) -> u64 {
        // `CLOCK_MONOTONIC` starts at 0 at boot and `from_nanos()` makes nothing negative.
        self.0.unsigned_abs()
    }

    /// Returns the value for a C function that takes a `ktime_t`.
    #[inline]
    pub(crate) fn as_raw(self) -> bindings::ktime_t {
        self.0
    }

    /// Returns the same point as C structs have it.
    ///
    /// C: `ktime_to_timespec64()`.
    pub(crate) fn to_timespec(self) -> bindings::timespec64 {
        const NSEC_PER_SEC: i64 = 1_000_000_000;
        bindings::timespec64 {
            tv_sec: self.0 / NSEC_PER_SEC,
            // Below 10^9.
            tv_nsec: (self.0 % NSEC_PER_SEC) as c_long,
        }
    }

    /// Returns the same point by `CLOCK_REALTIME`.
    ///
    /// Any context.
    ///
    /// C: `ktime_mono_to_real()`.
    pub(crate) fn to_real_timespec(self) -> bindings::timespec64 {
        // SAFETY: The function may be called in any context (but as in `now()`).
        let real =
            unsafe { bindings::ktime_mono_to_any(self.0, bindings::tk_offsets_TK_OFFS_REAL) };
        // A clock that is set to before 1970 has nothing to show.
        Self(real.max(0)).to_timespec()
    }

    /// Returns the same point by `CLOCK_MONOTONIC_RAW`.
    ///
    /// Any context.
    ///
    /// Both clocks are read now, at one moment, and taken to go alike since: they differ by less
    /// than a microsecond for each millisecond that the point lies back, unless root has changed
    /// the length of the system's tick.
    ///
    /// C: `ktime_get_snapshot_id()`.
    pub(crate) fn to_raw_timespec(self) -> bindings::timespec64 {
        const MONOTONIC: bindings::clockid_t = bindings::CLOCK_MONOTONIC as bindings::clockid_t;
        let mut now: bindings::system_time_snapshot = pin_init::zeroed();
        // SAFETY: `now` may be written. For the context, as in `now()`.
        unsafe { bindings::ktime_get_snapshot_id(MONOTONIC, &mut now) };
        let ago = now.systime.saturating_sub(self.0);
        // Both are left zero if the clocks can't be read.
        Self(now.monoraw.saturating_sub(ago).max(0)).to_timespec()
    }
}

#[kunit_tests(alsa_time)]
mod tests {
    use super::Ktime;

    #[test]
    fn saturates() {
        for ns in [0, 1, i64::MAX as u64] {
            assert_eq!(Ktime::from_nanos(ns).as_nanos(), ns);
        }
        for ns in [i64::MAX as u64 + 1, u64::MAX] {
            assert!(Ktime::from_nanos(ns) == Ktime::from_nanos(i64::MAX as u64));
        }
    }

    #[test]
    fn raw_is_of_the_same_point() {
        const SECOND: i64 = 1_000_000_000;
        let nanos = |time: crate::bindings::timespec64| time.tv_sec * SECOND + time.tv_nsec as i64;
        let now = Ktime::now();
        let raw = nanos(now.to_raw_timespec());
        // A millisecond before; the clocks drift by less than a thousandth meanwhile.
        let before = nanos(Ktime::from_nanos(now.as_nanos() - 1_000_000).to_raw_timespec());
        assert!((998_000..=1_002_000).contains(&(raw - before)));
        // Of the very moment at which the clocks are read, it is that.
        assert!(raw > 0);
    }

    #[test]
    fn goes_on() {
        let then = Ktime::now();
        assert!(then.as_nanos() > 0);
        assert!(Ktime::now() >= then);
    }
}
