// SPDX-License-Identifier: GPL-2.0

//! Spans to silence and to copy, against a naive buffer.

use crate::buffer::CopySpan;
use crate::buffer::CopyStep;
use crate::buffer::Geometry;
use crate::buffer::SampleLayout;
use crate::buffer_model::each_byte;
use crate::buffer_model::geometry;
use crate::buffer_model::index;
use crate::buffer_model::layout;
use crate::buffer_model::pattern;
use crate::buffer_model::position;
use crate::buffer_model::Layout;
use crate::plain::copy_span;
use crate::plain::copy_steps;
use crate::plain::spans;
use crate::times::wild;
use proptest::prelude::*;

/// From none to several buffers, and now and then an absurd number.
fn frames() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0_u64..300, 1 => wild()]
}

/// The first of those of `frames` frames that the buffer holds at the end.
fn first_kept(buffer: &Geometry, frames: u64) -> u64 {
    frames.saturating_sub(buffer.frames().0)
}

/// What stretches of bytes and samples come to, byte by byte: `(again, from, to)` of each.
fn bytes_of(copy: &CopyStep, buffer: &Geometry) -> Vec<(bool, usize, usize)> {
    let width = buffer.sample_bytes() as usize;
    match *copy {
        CopyStep::Bytes(CopySpan {
            again,
            from,
            to,
            len,
        }) => (0..len).map(|i| (again, from + i, to + i)).collect(),
        CopyStep::Samples { from, to, frames } => {
            let mut bytes = Vec::new();
            for frame in 0..frames as usize {
                for channel in 0..buffer.channels() as usize {
                    let at = |s: &SampleLayout| {
                        s.offset + frame * s.frame_step + channel * s.channel_step
                    };
                    bytes.extend((0..width).map(|i| (false, at(&from) + i, at(&to) + i)));
                }
            }
            bytes
        }
    }
}

/// A buffer as large as 32 bits allow, 256 channels at the most.
fn large() -> impl Strategy<Value = Geometry> {
    (1_u32..=256, 1_u32..=8, any::<bool>())
        .prop_flat_map(|(channels, width, interleaved)| {
            let most = u32::MAX / (channels * width);
            let frames = prop_oneof![1..=most, most - 2..=most];
            (Just(channels), Just(width), Just(interleaved), frames)
        })
        .prop_map(|(channels, width, interleaved, frames)| {
            Geometry::new(frames, channels, width, interleaved).unwrap()
        })
}

/// A number of the kind that makes products overflow, or not quite.
fn factor() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..10, 0_u32..70_000, any::<u32>()]
}

proptest! {
    #[test]
    fn geometry_is_refused_if_empty_or_too_large(
        frames in factor(), channels in factor(), width in factor(), interleaved in any::<bool>(),
    ) {
        let bytes = u128::from(frames) * u128::from(channels) * u128::from(width);
        let buffer = Geometry::new(frames, channels, width, interleaved);
        prop_assert_eq!(buffer.is_some(), bytes > 0 && bytes <= u32::MAX.into());
        if let Some(buffer) = buffer {
            prop_assert_eq!(buffer.frames().0, u64::from(frames));
            prop_assert_eq!(buffer.channels(), channels);
            prop_assert_eq!(buffer.sample_bytes(), width);
            prop_assert_eq!(buffer.interleaved(), interleaved);
            prop_assert_eq!(buffer.bytes() as u128, bytes);
        }
    }

    /// The spans hold each byte of the frames exactly once, and no other.
    #[test]
    fn spans_cover_each_byte_once(buffer in geometry(), pos in position(), frames in frames()) {
        let mut expected = vec![0_u32; buffer.bytes()];
        for i in first_kept(&buffer, frames)..frames {
            each_byte(&buffer, |channel, byte| {
                expected[index(&buffer, pos, i, channel, byte)] += 1;
            });
        }

        let mut covered = vec![0_u32; buffer.bytes()];
        // One wrap each at the most.
        let planes = if buffer.interleaved() { 1 } else { buffer.channels() };
        for (number, span) in (1..).zip(spans(&buffer, pos, frames)) {
            prop_assert!(number <= 2 * planes);
            prop_assert!(span.len > 0);
            // Slicing panics if the span leaves the buffer.
            for count in &mut covered[span.offset..][..span.len] {
                *count += 1;
            }
        }
        prop_assert_eq!(covered, expected);
    }

    /// What is copied leaves what copying all frames one after the other leaves, however the
    /// samples lie in either buffer.
    #[test]
    fn copy_steps_copy_each_frame(
        layout in layout(), turned in any::<bool>(),
        sizes in (1_u32..=64, 1_u32..=64, any::<bool>()),
        from_pos in position(), to_pos in position(), frames in frames(), salt in any::<u64>(),
    ) {
        let from = layout.buffer(sizes.0);
        let to = Layout { interleaved: layout.interleaved ^ turned, ..layout }
            .buffer(if sizes.2 { sizes.0 } else { sizes.1 });
        let source = pattern(from.bytes(), salt);
        let before = pattern(to.bytes(), !salt);

        let mut expected = before.clone();
        // All of them, as the clamp is under test too; an absurd number takes too long for that.
        let first = if frames < 1000 { 0 } else { first_kept(&to, frames) };
        for i in first..frames {
            each_byte(&to, |channel, byte| {
                expected[index(&to, to_pos, i, channel, byte)] =
                    source[index(&from, from_pos, i, channel, byte)];
            });
        }

        let mut copied = before;
        let mut writes = vec![0_u32; to.bytes()];
        for copy in copy_steps(&from, from_pos, &to, to_pos, frames) {
            let bytes = bytes_of(&copy, &to);
            prop_assert!(!bytes.is_empty());
            if let CopyStep::Bytes(span) = copy {
                prop_assert!(!span.again || span.from.abs_diff(span.to) >= span.len);
            }
            // Indexing panics if a byte is in neither buffer.
            let read: Vec<_> = bytes
                .iter()
                .map(|&(again, from, _)| if again { copied[from] } else { source[from] })
                .collect();
            for (&(_, _, at), byte) in bytes.iter().zip(read) {
                copied[at] = byte;
                writes[at] += 1;
                prop_assert_eq!(writes[at], 1);
            }
        }
        prop_assert_eq!(copied, expected);
        let kept = (frames - first_kept(&to, frames)) as usize;
        let frame_bytes = (to.channels() * to.sample_bytes()) as usize;
        prop_assert_eq!(writes.iter().sum::<u32>() as usize, kept * frame_bytes);
    }

    /// A single stretch is found if there is one, and only then.
    #[test]
    fn copy_span_is_the_only_one(
        layouts in (layout(), layout(), any::<bool>()), sizes in (1_u32..=64, 1_u32..=64),
        from_pos in position(), to_pos in position(), frames in frames(),
    ) {
        let from = layouts.0.buffer(sizes.0);
        let to = if layouts.2 { layouts.1 } else { layouts.0 }.buffer(sizes.1);
        let all: Vec<_> = copy_steps(&from, from_pos, &to, to_pos, frames).collect();
        let one: Vec<_> = copy_span(&from, from_pos, &to, to_pos, frames)
            .map(CopyStep::Bytes)
            .into_iter()
            .collect();
        // Of what is overwritten at once, and of planes, it says nothing.
        let simple = all.len() == 1
            && from.interleaved()
            && to.interleaved()
            && frames <= to.frames().0;
        prop_assert_eq!(&one[..], if simple { &all[..] } else { &[] });
    }

    /// Buffers that differ in channels or sample width have nothing to copy.
    #[test]
    fn different_frames_are_not_copied(
        a in layout(), b in layout(), sizes in (1_u32..=64, 1_u32..=64), which in 0..3,
        from_pos in position(), to_pos in position(), frames in frames(),
    ) {
        // One difference at a time, then any.
        let mut other = a;
        match which {
            0 => other.channels = a.channels % 5 + 1,
            1 => other.sample_bytes = a.sample_bytes % 8 + 1,
            _ => other = b,
        }
        let (from, to) = (a.buffer(sizes.0), other.buffer(sizes.1));
        let equal = (a.channels, a.sample_bytes) == (other.channels, other.sample_bytes);
        let copy = copy_steps(&from, from_pos, &to, to_pos, frames).next();
        prop_assert_eq!(copy.is_none(), !equal || frames == 0);
    }

    /// The largest buffers: each span stays in one plane of its buffer, samples in the buffer, and
    /// they add up.
    #[test]
    fn large_buffers_do_not_overflow(
        to in large(), turned in any::<bool>(), part in 1_u32..=u32::MAX, from_pos in wild(), to_pos in wild(),
        frames in wild(),
    ) {
        // Also one that is played over and over.
        let most = to.frames().0 as u32;
        let size = if part % 2 == 0 { part % 16 + 1 } else { part % most + 1 };
        let size = size.min(most);
        let (channels, width) = (to.channels(), to.sample_bytes());
        let from = Geometry::new(size, channels, width, to.interleaved() ^ turned).unwrap();
        let planes = if to.interleaved() { 1 } else { to.channels() as usize };
        let count = frames.min(to.frames().0);

        // What is there doubles each time, and either buffer wraps once.
        let times = (count / u64::from(size)).checked_ilog2().map_or(0, |n| n + 1);
        let most = 3 * (1 + u64::from(times)) * planes as u64;
        let mut bytes = 0;
        let mut before = false;
        for (number, copy) in (1..).zip(copy_steps(&from, from_pos, &to, to_pos, frames)) {
            prop_assert!(number <= most);
            let span = match copy {
                CopyStep::Bytes(span) => span,
                CopyStep::Samples { from: a, to: b, frames } => {
                    prop_assert!(turned && channels > 1 && !before && frames > 0);
                    let last = |s: &SampleLayout| {
                        s.offset
                            + (frames as usize - 1) * s.frame_step
                            + (channels as usize - 1) * s.channel_step
                            + width as usize
                    };
                    prop_assert!(last(&a) <= from.bytes() && last(&b) <= to.bytes());
                    bytes += u64::from(frames) * u64::from(channels * width);
                    continue;
                }
            };
            // From there on what lies in the destination is copied.
            before |= span.again;
            bytes += span.len as u64;
            let source = if span.again { &to } else { &from };
            for (buffer, first) in [(source, span.from), (&to, span.to)] {
                let planes = if buffer.interleaved() { 1 } else { channels as usize };
                let plane = buffer.bytes() / planes;
                let last = first + span.len - 1;
                prop_assert!(last < buffer.bytes());
                prop_assert_eq!(first / plane, last / plane);
            }
        }
        prop_assert_eq!(bytes, count * u64::from(to.channels() * to.sample_bytes()));
    }

    /// An engine that moves by any steps, between buffers of different sizes, delivers a stream
    /// whole: each frame once and in order.
    #[test]
    fn a_stream_arrives_whole(
        layout in layout(), turned in any::<bool>(), sizes in (1_u32..=40, 1_u32..=40),
        start in position(),
        steps in proptest::collection::vec(1_u64..40, 1..60),
    ) {
        let other = Layout { interleaved: layout.interleaved ^ turned, ..layout };
        let (play, capture) = (layout.buffer(sizes.0), other.buffer(sizes.1));
        let mut play_buffer = vec![0; play.bytes()];
        let mut capture_buffer = vec![0; capture.bytes()];
        let start = start.min(u64::MAX - 10_000);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let mut pos = 0;

        for step in steps {
            // No further than either application keeps up with.
            let step = step.min(sizes.0.into()).min(sizes.1.into());
            for i in pos..pos + step {
                each_byte(&play, |channel, byte| {
                    let value = (i * 31 + u64::from(channel * 7 + byte)) as u8;
                    sent.push(value);
                    play_buffer[index(&play, 0, i, channel, byte)] = value;
                });
            }
            for copy in copy_steps(&play, pos, &capture, start + pos, step) {
                for (again, from, to) in bytes_of(&copy, &play) {
                    // No step is longer than the playback's buffer.
                    prop_assert!(!again);
                    capture_buffer[to] = play_buffer[from];
                }
            }
            for i in pos..pos + step {
                each_byte(&capture, |channel, byte| {
                    received.push(capture_buffer[index(&capture, start, i, channel, byte)]);
                });
            }
            pos += step;
        }
        prop_assert_eq!(received, sent);
    }
}
