// SPDX-License-Identifier: GPL-2.0

//! A naive buffer, byte by byte, for the buffer's tests.

use crate::buffer::Geometry;
use proptest::prelude::*;

/// A small buffer: up to 64 frames of up to 5 channels, in every sample width there is.
pub(crate) fn geometry() -> impl Strategy<Value = Geometry> {
    (layout(), 1_u32..=64).prop_map(|(layout, frames)| layout.buffer(frames))
}

/// What two buffers need to have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) channels: u32,
    pub(crate) sample_bytes: u32,
    pub(crate) interleaved: bool,
}

impl Layout {
    pub(crate) fn buffer(self, frames: u32) -> Geometry {
        Geometry::new(frames, self.channels, self.sample_bytes, self.interleaved).unwrap()
    }
}

pub(crate) fn layout() -> impl Strategy<Value = Layout> {
    (
        1_u32..=5,
        proptest::sample::select(&[1_u32, 2, 3, 4, 8][..]),
        any::<bool>(),
    )
        .prop_map(|(channels, sample_bytes, interleaved)| Layout {
            channels,
            sample_bytes,
            interleaved,
        })
}

/// Any position, early ones and the end of 64 bits more often.
pub(crate) fn position() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..300,
        any::<u64>(),
        (0_u64..300).prop_map(|n| u64::MAX - n),
    ]
}

/// Where the byte `byte` of the sample of `channel` lies, for the frame `i` frames after `pos`.
pub(crate) fn index(buffer: &Geometry, pos: u64, i: u64, channel: u32, byte: u32) -> usize {
    let slot = ((u128::from(pos) + u128::from(i)) % u128::from(buffer.frames().0)) as usize;
    let (channel, byte) = (channel as usize, byte as usize);
    let (channels, width) = (buffer.channels() as usize, buffer.sample_bytes() as usize);

    if buffer.interleaved() {
        (slot * channels + channel) * width + byte
    } else {
        (channel * buffer.frames().0 as usize + slot) * width + byte
    }
}

/// Calls `each` with the channel and byte number of each byte of a frame.
pub(crate) fn each_byte(buffer: &Geometry, mut each: impl FnMut(u32, u32)) {
    for channel in 0..buffer.channels() {
        for byte in 0..buffer.sample_bytes() {
            each(channel, byte);
        }
    }
}

/// Bytes that tell where they come from, for the most part.
pub(crate) fn pattern(len: usize, salt: u64) -> Vec<u8> {
    (0..len as u64)
        .map(|i| {
            ((i + 1)
                .wrapping_mul(salt | 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                >> 56) as u8
        })
        .collect()
}
