// SPDX-License-Identifier: GPL-2.0

//! Buffers, and what is silent in them.

use kernel::prelude::*;

#[kunit_tests(aloop_buffer)]
mod tests {
    use crate::{
        buffer::{
            copy_steps,
            spans,
            CopyStep,
            Geometry,
            Pointers,
            SampleLayout,
            SilenceMark, //
        },
        units::{
            Frames,
            Pointer, //
        },
    };
    use kernel::prelude::*;

    fn geometry(frames: u32, channels: u32, interleaved: bool) -> Result<Geometry> {
        Geometry::new(frames, channels, 2, interleaved).ok_or(EINVAL)
    }

    #[test]
    fn impossible_geometry() {
        assert!(Geometry::new(0, 1, 1, true).is_none());
        assert!(Geometry::new(1, 0, 1, true).is_none());
        assert!(Geometry::new(1, 1, 0, false).is_none());
        assert!(Geometry::new(1 << 30, 1, 4, false).is_none());
        assert!(Geometry::new(u32::MAX, u32::MAX, u32::MAX, true).is_none());
        assert!(Geometry::new(u32::MAX, 1, 1, true).is_some());
    }

    /// A stretch over the end of a buffer of planes: two spans a plane, no byte twice, none
    /// outside.
    #[test]
    fn wrapped_planes() -> Result {
        let buffer = geometry(10, 3, false)?;
        let mut seen = [0u8; 60];
        let mut count = 0;
        for span in spans(&buffer, Frames(28), Frames(7)) {
            count += 1;
            for slot in seen.iter_mut().skip(span.offset).take(span.len) {
                *slot += 1;
            }
        }
        assert_eq!(count, 6);
        for (byte, seen) in seen.iter().enumerate() {
            // Frames 28 to 34 are slots 8, 9, 0 to 4.
            let slot = byte % 20 / 2;
            assert_eq!(*seen, u8::from(slot >= 8 || slot < 5));
        }
        Ok(())
    }

    /// Frames come to lie where they belong, between buffers of different lengths.
    #[test]
    fn copied() -> Result {
        let (from, to) = (geometry(7, 1, true)?, geometry(5, 1, true)?);
        let mut target = [u64::MAX; 5];
        for copy in copy_steps(&from, Frames(100), &to, Frames(200), Frames(4)) {
            let CopyStep::Bytes(span) = copy else {
                return Err(EINVAL);
            };
            for i in 0..span.len / 2 {
                target[span.to / 2 + i] = (span.from / 2 + i) as u64;
            }
        }
        // 100 to 103 are slots 2 to 5 of the source, 200 to 203 slots 0 to 3 of the target.
        assert!(target == [2, 3, 4, 5, u64::MAX]);
        Ok(())
    }

    /// Between a buffer of frames and one of planes: sample by sample, up to where either wraps.
    #[test]
    fn turned() -> Result {
        let (from, to) = (geometry(7, 2, true)?, geometry(5, 2, false)?);
        let mut copies = copy_steps(&from, Frames(5), &to, Frames(1), Frames(3));
        let sample = |offset, frame_step, channel_step| SampleLayout {
            offset,
            frame_step,
            channel_step,
        };
        // Frames 5 and 6 of the source; the third is its frame 0.
        assert!(
            copies.next()
                == Some(CopyStep::Samples {
                    from: sample(20, 4, 2),
                    to: sample(2, 2, 10),
                    frames: 2,
                })
        );
        assert!(
            copies.next()
                == Some(CopyStep::Samples {
                    from: sample(0, 4, 2),
                    to: sample(6, 2, 10),
                    frames: 1,
                })
        );
        assert!(copies.next().is_none());
        Ok(())
    }

    #[test]
    fn never_copied() -> Result {
        let mono = geometry(8, 1, true)?;
        for other in [
            geometry(8, 2, true)?,
            Geometry::new(8, 1, 4, true).ok_or(EINVAL)?,
        ] {
            let mut copies = copy_steps(&mono, Frames::ZERO, &other, Frames::ZERO, Frames(8));
            assert!(copies.next().is_none());
        }
        let mut copies = copy_steps(&mono, Frames::ZERO, &mono, Frames::ZERO, Frames::ZERO);
        assert!(copies.next().is_none());
        Ok(())
    }

    /// What an application can write into its pointer is never more than a buffer ahead.
    #[test]
    fn hostile_pointer() {
        const BOUNDARY: u64 = 1024 << 20;
        let written_ahead = |hw_ptr, appl_ptr, boundary, buffer, pos| {
            let pointers = Pointers {
                hw_ptr: Pointer(hw_ptr),
                appl_ptr: Pointer(appl_ptr),
                boundary: Frames(boundary),
            };
            // The core has been told of the position, and has not stored it.
            pointers
                .written_ahead(Frames(buffer), Frames(pos), Frames(pos))
                .0
        };
        assert_eq!(written_ahead(0, 100, BOUNDARY, 1024, 0), 100);
        assert_eq!(written_ahead(0, 100, BOUNDARY, 1024, 60), 40);
        assert_eq!(written_ahead(BOUNDARY - 10, 5, BOUNDARY, 1024, 1014), 15);
        // Overtaken.
        assert_eq!(written_ahead(100, 99, BOUNDARY, 1024, 100), 0);
        for appl in [
            0,
            1,
            1024,
            1025,
            BOUNDARY - 1,
            BOUNDARY,
            u64::MAX - 1,
            u64::MAX,
        ] {
            for pos in [0, 5, u64::MAX] {
                assert!(written_ahead(3, appl, BOUNDARY, 1024, pos) <= 1024);
            }
        }
        assert_eq!(written_ahead(0, 1, 0, 1024, 0), 0);
        assert_eq!(written_ahead(0, 1, BOUNDARY, 0, 0), 0);
    }

    #[test]
    fn silence_mark() {
        let buffer = Frames(100);
        let mut mark = SilenceMark::silent();
        let silent = |mark: SilenceMark, pos| mark.silent_frames(buffer, Frames(pos)).0;
        let to_clear =
            |mark: SilenceMark, pos, frames| mark.to_clear(buffer, Frames(pos), Frames(frames)).0;
        assert_eq!(to_clear(mark, 0, 50), 0);
        assert_eq!(silent(mark, 0), 100);
        mark.data(Frames(40));
        assert_eq!(silent(mark, 40), 0);
        // Up to 139 the slots may hold sound of the last round.
        assert_eq!(to_clear(mark, 40, 1000), 100);
        assert_eq!(to_clear(mark, 130, 50), 10);
        assert_eq!(to_clear(mark, 140, 50), 0);
        assert_eq!(silent(mark, 1000), 100);
    }
}
