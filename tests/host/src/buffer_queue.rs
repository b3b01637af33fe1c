// SPDX-License-Identifier: GPL-2.0

//! How much the application has written, from ALSA's wrapping pointers.

use crate::plain::available;
use crate::plain::left_since;
use crate::plain::left_to_read;
use crate::plain::written_ahead;
use crate::plain::written_since;
use crate::times::wild;
use proptest::prelude::*;

/// A buffer's size and a boundary: a power of two times that size, as ALSA chooses it.
fn buffer_and_boundary() -> impl Strategy<Value = (u32, u64)> {
    (prop_oneof![1_u32..50, 1_u32..1 << 24], 1_u32..38)
        .prop_map(|(buffer, bits)| (buffer, u64::from(buffer) << bits))
}

proptest! {
    /// The pointers of an application and a device that never wrapped give the same answer.
    #[test]
    fn agrees_with_pointers_that_do_not_wrap(
        (buffer, boundary) in buffer_and_boundary(), hw in wild(),
        queued in any::<u32>(), advanced in any::<u32>(), extremes in (0..4, 0..4),
    ) {
        let hw = u128::from(hw);
        // Empty and full buffers more often.
        let queued = match extremes.0 {
            0 => 0,
            1 => buffer,
            _ => queued % (buffer + 1),
        };
        let advanced = match extremes.1 {
            0 => 0,
            1 => buffer - 1,
            _ => advanced % buffer,
        };
        let appl = hw + u128::from(queued);
        let device = hw + u128::from(advanced);
        let modulo = |n: u128, by: u64| (n % u128::from(by)) as u64;

        // The device's own position started anywhere, in step with the buffer.
        for pos in [device as u64 / 2 / u64::from(buffer) * u64::from(buffer), 0] {
            let pos = pos + modulo(device, buffer.into());
            let ahead = written_ahead(
                modulo(hw, boundary), modulo(appl, boundary), boundary, buffer.into(), pos,
            );
            prop_assert_eq!(u128::from(ahead), appl.saturating_sub(device));
        }
    }

    /// The core has been told of a position that it has yet to store, and the device has gone on
    /// since: together, that may be a buffer or more.
    #[test]
    fn what_has_been_told_counts_before_it_is_stored(
        (buffer, boundary) in buffer_and_boundary(), hw in wild(), frames in any::<[u32; 3]>(),
        start in 0_u64..100,
    ) {
        let hw = u128::from(hw);
        let [queued, told, gone] = frames.map(|n| u128::from(n % buffer));
        let modulo = |n: u128, by: u64| (n % u128::from(by)) as u64;
        let at = modulo(hw + told, buffer.into()) + start * u64::from(buffer);
        let positions = (at, at + gone as u64);
        let device = hw + told + gone;
        let appl = hw + queued + 1;
        let pointers = (modulo(hw, boundary), modulo(appl, boundary));
        let ahead = written_since(pointers.0, pointers.1, boundary, buffer.into(), positions);
        prop_assert_eq!(u128::from(ahead), appl.saturating_sub(device));
        // A capture whose application has read up to there.
        let appl = hw + u128::from(boundary) - queued;
        let left = left_since(
            pointers.0, modulo(appl, boundary), boundary, buffer.into(), positions,
        );
        prop_assert_eq!(u128::from(left), queued + told + gone);
    }

    /// Any application pointer: frames are found by counting, or there are none.
    #[test]
    fn agrees_with_counting(
        buffer in 1_u32..20, bits in 1_u32..4, hw in 0_u64..200, appl in 0_u64..400,
        pos in 0_u64..400,
    ) {
        let boundary = u64::from(buffer) << bits;
        let hw = hw % boundary;
        let queued = (0..=u64::from(buffer)).find(|n| (hw + n) % boundary == appl % boundary);
        let advanced = (0..u64::from(buffer))
            .find(|n| (hw + n) % u64::from(buffer) == pos % u64::from(buffer))
            .unwrap();
        let expected = queued.unwrap_or(0).saturating_sub(advanced);
        prop_assert_eq!(written_ahead(hw, appl, boundary, buffer.into(), pos), expected);
    }

    /// An application that the device has overtaken has written nothing ahead, however far it is
    /// behind.
    #[test]
    fn an_underrun_has_nothing_ahead(
        (buffer, boundary) in buffer_and_boundary(), hw in wild(), behind in any::<u64>(),
        advanced in any::<u32>(),
    ) {
        prop_assume!(boundary > 2 * u64::from(buffer));
        let hw = hw % boundary;
        let behind = behind % (boundary - u64::from(buffer) - 1) + 1;
        let appl = ((u128::from(hw) + u128::from(boundary - behind)) % u128::from(boundary)) as u64;
        let pos = hw + u64::from(advanced % buffer);
        prop_assert_eq!(written_ahead(hw, appl, boundary, buffer.into(), pos), 0);
    }

    /// Nothing at all that is given makes it panic or promise more than a buffer.
    #[test]
    fn hostile_values_stay_in_range(
        hw in wild(), appl in wild(), boundary in prop_oneof![3 => wild(), 1 => Just(0)],
        buffer in prop_oneof![wild(), 0_u64..10], pos in wild(),
    ) {
        prop_assert!(written_ahead(hw, appl, boundary, buffer, pos) <= buffer);
        prop_assert!(available(hw, appl, boundary, buffer) < boundary.max(1));
    }

    /// What the core compares with the threshold at which it stops a stream, from pointers that do
    /// not wrap: of a playback that is behind, more than the buffer.
    #[test]
    fn available_agrees_with_pointers_that_do_not_wrap(
        (buffer, boundary) in buffer_and_boundary(), hw in wild(), ahead in any::<u32>(),
        behind in any::<u64>(), late in any::<bool>(),
    ) {
        let most = boundary - u64::from(buffer) - 1;
        let (hw, ahead) = (u128::from(hw) + u128::from(boundary), ahead % (buffer + 1));
        let behind = behind % (most + 1);
        let modulo = |n: u128| (n % u128::from(boundary)) as u64;
        // A playback: what is not queued is free.
        let (appl, free) = match late {
            true => (hw - u128::from(behind), u64::from(buffer) + behind),
            false => (hw + u128::from(ahead), u64::from(buffer - ahead)),
        };
        prop_assert_eq!(available(modulo(hw), modulo(appl), boundary, buffer.into()), free);
        // A capture: what has come in since.
        let read = hw - u128::from(behind);
        prop_assert_eq!(available(modulo(hw), modulo(read), boundary, 0), behind);
    }

    /// What a capture has still to read, from pointers that do not wrap.
    #[test]
    fn left_to_read_agrees_with_pointers_that_do_not_wrap(
        (buffer, boundary) in buffer_and_boundary(), appl in wild(),
        unread in any::<u32>(), advanced in any::<u32>(),
    ) {
        let (unread, advanced) = (unread % (buffer + 1), advanced % buffer);
        let appl = u128::from(appl);
        let hw = appl + u128::from(unread);
        let device = hw + u128::from(advanced);
        let modulo = |n: u128, by: u64| (n % u128::from(by)) as u64;
        let left = left_to_read(
            modulo(hw, boundary), modulo(appl, boundary), boundary, buffer.into(),
            modulo(device, buffer.into()),
        );
        prop_assert_eq!(u128::from(left), device - appl);
    }

    /// Whatever the arguments: no panic, and never less than what the core knows of.
    #[test]
    fn left_to_read_takes_anything(
        hw in wild(), appl in wild(), boundary in wild(), buffer in wild(), pos in wild(),
    ) {
        let left = left_to_read(hw, appl, boundary, buffer, pos);
        if boundary > 0 && buffer > 0 {
            let known = (u128::from(hw % boundary) + u128::from(boundary)
                - u128::from(appl % boundary)) % u128::from(boundary);
            prop_assert!(u128::from(left) >= known);
            prop_assert!(u128::from(left) < known + u128::from(buffer));
        } else {
            prop_assert_eq!(left, 0);
        }
    }
}
