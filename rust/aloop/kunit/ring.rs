// SPDX-License-Identifier: GPL-2.0

//! Rings, and what is silent in them.

use kernel::prelude::*;

#[kunit_tests(aloop_ring)]
mod tests {
    use crate::ring::{
        copy_steps,
        spans,
        written_ahead,
        CopyStep,
        Geometry,
        Samples,
        SilenceMark, //
    };
    use kernel::prelude::*;

    fn ring(frames: u32, channels: u32, interleaved: bool) -> Result<Geometry> {
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

    /// A stretch over the end of a ring of planes: two spans a plane, no byte twice, none outside.
    #[test]
    fn wrapped_planes() -> Result {
        let ring = ring(10, 3, false)?;
        let mut seen = [0u8; 60];
        let mut count = 0;
        for span in spans(&ring, 28, 7) {
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

    /// Frames come to lie where they belong, between rings of different lengths.
    #[test]
    fn copied() -> Result {
        let (from, to) = (ring(7, 1, true)?, ring(5, 1, true)?);
        let mut target = [u64::MAX; 5];
        for copy in copy_steps(&from, 100, &to, 200, 4) {
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

    /// Between a ring of frames and one of planes: sample by sample, up to where either wraps.
    #[test]
    fn turned() -> Result {
        let (from, to) = (ring(7, 2, true)?, ring(5, 2, false)?);
        let mut copies = copy_steps(&from, 5, &to, 1, 3);
        let sample = |offset, frame_step, channel_step| Samples {
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
        let mono = ring(8, 1, true)?;
        for other in [
            ring(8, 2, true)?,
            Geometry::new(8, 1, 4, true).ok_or(EINVAL)?,
        ] {
            assert_eq!(copy_steps(&mono, 0, &other, 0, 8).count(), 0);
        }
        assert_eq!(copy_steps(&mono, 0, &mono, 0, 0).count(), 0);
        Ok(())
    }

    /// What an application can write into its pointer is never more than a ring ahead.
    #[test]
    fn hostile_pointer() {
        const BOUNDARY: u64 = 1024 << 20;
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
        let mut mark = SilenceMark::silent();
        assert_eq!(mark.to_clear(100, 0, 50), 0);
        assert_eq!(mark.silent_frames(100, 0), 100);
        mark.data(40);
        assert_eq!(mark.silent_frames(100, 40), 0);
        // Up to 139 the slots may hold sound of the last round.
        assert_eq!(mark.to_clear(100, 40, 1000), 100);
        assert_eq!(mark.to_clear(100, 130, 50), 10);
        assert_eq!(mark.to_clear(100, 140, 50), 0);
        assert_eq!(mark.silent_frames(100, 1000), 100);
    }
}
