// SPDX-License-Identifier: GPL-2.0

//! What becomes of frames and times whose sum, difference or product leaves the range.

use crate::times::wild;
use crate::units::Bytes;
use crate::units::Delta;
use crate::units::Frames;
use crate::units::Instant;
use crate::units::Pointer;
use proptest::prelude::*;
use std::num::NonZeroU64;

/// As 64 bits without sign have it: the nearest value that there is.
fn nearest(n: i128) -> u64 {
    n.clamp(0, u64::MAX.into()) as u64
}

proptest! {
    #[test]
    fn sums_are_the_nearest_there_are(a in wild(), b in wild()) {
        let (x, y) = (i128::from(a), i128::from(b));
        prop_assert_eq!((Frames(a) + Frames(b)).0, nearest(x + y));
        prop_assert_eq!((Frames(a) - Frames(b)).0, nearest(x - y));
        let product = u128::from(a) * u128::from(b);
        prop_assert_eq!(u128::from((Frames(a) * b).0), product.min(u64::MAX.into()));
        prop_assert_eq!((Instant(a) + Delta(b)).0, nearest(x + y));
        prop_assert_eq!((Instant(a) - Instant(b)).0, nearest(x - y));
        prop_assert_eq!((Delta(a) + Delta(b)).0, nearest(x + y));
        prop_assert_eq!((Delta(a) - Delta(b)).0, nearest(x - y));
        prop_assert_eq!(u128::from((Delta(a) * b).0), product.min(u64::MAX.into()));
        prop_assert_eq!(Bytes(a) * b, Bytes(a) * Frames(b));
        prop_assert_eq!(u128::from((Bytes(a) * b).0), product.min(u64::MAX.into()));
    }

    /// A quotient is rounded down, and 0 if there is nothing to divide by.
    #[test]
    fn quotients(a in wild(), b in wild()) {
        let quotient = a.checked_div(b).unwrap_or(0);
        prop_assert_eq!((Delta(a) / b).0, quotient);
        prop_assert_eq!(Bytes(a).frames(Bytes(b)).0, quotient);
        prop_assert_eq!((Delta(a) / 0).0, 0);
        prop_assert_eq!(Bytes(a).frames(Bytes::ZERO).0, 0);
    }

    /// The difference of two pointers leads from one to the other, modulo the boundary.
    #[test]
    fn pointers_differ_by_a_remainder(a in wild(), b in wild(), boundary in wild()) {
        let boundary = NonZeroU64::new(boundary.max(1)).unwrap();
        let after = Pointer(a).after(Pointer(b), boundary).0;
        prop_assert!(after < boundary.get());
        let modulo = u128::from(boundary.get());
        prop_assert_eq!((u128::from(b) + u128::from(after)) % modulo, u128::from(a) % modulo);
    }

    #[test]
    fn wholes_fit_in(frames in wild(), size in wild()) {
        let whole = Frames(frames).whole(Frames(size));
        if size == 0 {
            prop_assert_eq!(whole, 0);
        } else {
            let taken = u128::from(whole) * u128::from(size);
            let frames = u128::from(frames);
            prop_assert!(taken <= frames && frames < taken + u128::from(size));
        }
    }

    /// The next multiple is one, is not before the position, and there is none between.
    #[test]
    fn next_multiples(position in wild(), size in 1_u64..1 << 40) {
        let next = Frames(position).next_multiple_of(Frames(size)).0;
        prop_assert!(next >= position);
        if next == u64::MAX {
            prop_assert!(position > u64::MAX - size);
        } else {
            prop_assert_eq!(next % size, 0);
            prop_assert!(next - position < size);
        }
    }

    /// Turns are multiples of a step, counted from the start of the clock.
    #[test]
    fn next_times(time in wild(), step in 1_u64..1 << 40) {
        let next = Instant(time).next_multiple_of(Delta(step));
        prop_assert_eq!(next.0, Frames(time).next_multiple_of(Frames(step)).0);
    }

    /// Frames and times as the driver writes them.
    #[test]
    fn constants(n in wild(), few in any::<u32>()) {
        let n128 = u128::from(n);
        let most = u128::from(u64::MAX);
        prop_assert_eq!(u128::from(Delta::from_micros(n).0), (n128 * 1_000).min(most));
        prop_assert_eq!(u128::from(Delta::from_millis(n).0), (n128 * 1_000_000).min(most));
        prop_assert_eq!(u128::from(Delta::from_secs(n).0), (n128 * 1_000_000_000).min(most));
        prop_assert_eq!(Delta(n).is_zero(), Delta(n) == Delta::ZERO);
        prop_assert_eq!(Bytes::from(few), Bytes(few.into()));
        prop_assert_eq!(Instant(n) - Instant::START, Delta(n));
        prop_assert_eq!(Instant(n) + Delta::ZERO, Instant(n));
        prop_assert_eq!(Frames::from(few), Frames(few.into()));
        prop_assert_eq!(Frames(n).is_zero(), Frames(n) == Frames::ZERO);
        prop_assert_eq!(Frames::MAX - Frames(n), Frames(!n));
        let mut sum = Frames(n);
        sum += Frames(n);
        prop_assert_eq!(sum, Frames(n) * 2);
    }
}
