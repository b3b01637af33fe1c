// SPDX-License-Identifier: GPL-2.0

//! Copying between buffers in which the samples of a frame lie differently.

use super::Buffer;
use core::{
    cmp::{
        max,
        min, //
    },
    ptr::NonNull, //
};
use kernel::prelude::*;

/// Where the samples of some frames lie in a buffer, in bytes.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Samples;
///
/// /// Stereo of 16 bits from the start of a buffer on, side by side.
/// const INTERLEAVED: Samples = Samples {
///     offset: 0,
///     frame_step: 4,
///     channel_step: 2,
/// };
///
/// /// The same with one channel after the other, in a buffer of 480 frames.
/// const NONINTERLEAVED: Samples = Samples {
///     offset: 0,
///     frame_step: 2,
///     channel_step: 960,
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Samples {
    /// The first sample of the first frame.
    pub offset: usize,
    /// From a sample to that of the same channel in the next frame.
    pub frame_step: usize,
    /// From a sample to that of the next channel in the same frame.
    pub channel_step: usize,
}

/// How many bytes of each channel are copied at least before those of the next frames: a line of
/// the cache.
const LINE: usize = 64;

/// How many bytes of all channels are copied before those of the next frames, if that is more: all
/// that is interleaved stays in the nearest cache meanwhile.
const BLOCK: usize = 4096;

/// Returns how many frames are copied channel by channel before the next ones: 1 or more.
fn block_frames(channels: usize, sample_bytes: usize) -> usize {
    let frame_bytes = channels.saturating_mul(sample_bytes);
    let frames = |bytes: usize, of: usize| bytes.checked_div(of).unwrap_or(0);
    max(frames(LINE, sample_bytes), frames(BLOCK, frame_bytes)).max(1)
}

/// A sample in memory, of which only the size matters.
trait Sample: Copy {
    /// Copies a sample.
    ///
    /// User space may write either at the same time, hence volatile accesses: what is read is
    /// whatever lay there, bit for bit, and is passed on.
    ///
    /// # Safety
    ///
    /// Both must be valid for such a sample, and aligned for it.
    #[inline(always)]
    unsafe fn copy(to: *mut Self, from: *const Self) {
        // SAFETY: By the caller's promise.
        unsafe { to.write_volatile(from.read_volatile()) }
    }
}

impl Sample for u8 {}
impl Sample for u16 {}
impl Sample for u32 {}
impl Sample for u64 {}
/// A sample of three bytes, wherever it lies.
impl Sample for [u8; 3] {}

/// Two samples that lie side by side, in one number: that halves the accesses to interleaved
/// memory.
trait Pair: Sample {
    /// A sample.
    type Half: Sample;

    /// Returns both, in the order in which they lie in memory.
    fn take_apart(self) -> (Self::Half, Self::Half);

    /// Returns the number in which they lie in this order in memory.
    fn put_together(first: Self::Half, second: Self::Half) -> Self;
}

macro_rules! pair {
    ($pair:ty, $half:ty) => {
        impl Pair for $pair {
            type Half = $half;

            #[inline(always)]
            fn take_apart(self) -> ($half, $half) {
                let (low, high) = (self as $half, (self >> <$half>::BITS) as $half);
                if cfg!(target_endian = "little") {
                    (low, high)
                } else {
                    (high, low)
                }
            }

            #[inline(always)]
            fn put_together(first: $half, second: $half) -> $pair {
                let (low, high) = if cfg!(target_endian = "little") {
                    (first, second)
                } else {
                    (second, first)
                };
                <$pair>::from(high) << <$half>::BITS | <$pair>::from(low)
            }
        }
    };
}

pair!(u16, u8);
pair!(u32, u16);
pair!(u64, u32);

/// Samples in memory: one of their places in each of two buffers.
///
/// # Invariants
///
/// Of as many frames and channels as it was made for, each sample is inside of the buffer that it
/// was made for, and aligned if its size is a power of two: that of frame `f` and channel `c` is
/// `f * frame_step + c * channel_step` bytes behind `base`, which does not overflow.
#[derive(Clone, Copy)]
struct Grid {
    base: NonNull<u8>,
    frame_step: usize,
    channel_step: usize,
}

impl Grid {
    /// Returns where the samples are, if all of them are inside of the buffer and aligned for their
    /// size.
    fn new(
        buffer: &Buffer<'_>,
        samples: &Samples,
        (frames, channels): (usize, usize),
        sample_bytes: usize,
    ) -> Option<Self> {
        let &Samples {
            offset,
            frame_step,
            channel_step,
        } = samples;
        let last_frame = frames.checked_sub(1)?.checked_mul(frame_step)?;
        let last_channel = channels.checked_sub(1)?.checked_mul(channel_step)?;
        let len = last_frame
            .checked_add(last_channel)?
            .checked_add(sample_bytes)?;
        let base = buffer.span(offset, len)?;
        let places = base.as_ptr().addr() | frame_step | channel_step;
        // A sample of three bytes has none.
        let aligned = !sample_bytes.is_power_of_two() || places & (sample_bytes - 1) == 0;
        // INVARIANT: The last sample, behind which none lies, ends in the buffer; as the first one
        // and both steps are aligned, all samples are.
        aligned.then_some(Self {
            base,
            frame_step,
            channel_step,
        })
    }

    /// Returns whether the samples of an even number of channels lie side by side, and aligned, as
    /// numbers of this type.
    fn has_pairs<T: Pair>(&self, channels: usize) -> bool {
        let places = self.base.as_ptr().addr() | self.frame_step;
        channels % 2 == 0
            && self.channel_step == size_of::<T::Half>()
            && places & (size_of::<T>() - 1) == 0
    }

    /// Returns the address of a sample.
    ///
    /// # Safety
    ///
    /// The numbers must be below those with which the grid was made, and its buffer be allocated.
    #[inline(always)]
    unsafe fn at(&self, frame: usize, channel: usize) -> *mut u8 {
        // Nothing wraps, by the type invariant.
        let at = frame
            .wrapping_mul(self.frame_step)
            .wrapping_add(channel.wrapping_mul(self.channel_step));
        // SAFETY: By the type invariant and the caller's promise that is inside of the buffer.
        unsafe { self.base.as_ptr().add(at) }
    }
}

impl Buffer<'_> {
    /// Copies the samples of some frames, of so many channels each, which lie in the buffer
    /// `source` as `from` says, to where `to` says in this one.
    ///
    /// The samples are of the size that this buffer's format has.
    ///
    /// Any context. Takes a few instructions a sample.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are no samples, if one of them is not inside of its buffer, or not at a
    /// multiple of its size (of 1, 2, 4 or 8 bytes), if the two buffers are the same, or if their
    /// samples have not the same size; nothing is copied then.
    pub fn copy_samples(
        &self,
        to: &Samples,
        source: &Buffer<'_>,
        from: &Samples,
        (frames, channels): (u32, u32),
    ) -> Result {
        let sample_bytes = self.raw.format.sample_bytes();
        if self.raw.area == source.raw.area || source.raw.format.sample_bytes() != sample_bytes {
            return Err(EINVAL);
        }
        let count = (frames as usize, channels as usize);
        let to = Grid::new(self, to, count, sample_bytes as usize).ok_or(EINVAL)?;
        let from = Grid::new(source, from, count, sample_bytes as usize).ok_or(EINVAL)?;
        // SAFETY: The samples, of this size, are inside of their buffers and aligned for it. The
        // buffers stay allocated by the invariant of `Buffer`, and are two allocations.
        unsafe {
            match sample_bytes {
                1 => copy_pairs::<u16>(to, from, count),
                2 => copy_pairs::<u32>(to, from, count),
                3 => copy_blocks::<[u8; 3]>(to, from, count),
                4 => copy_pairs::<u64>(to, from, count),
                8 => copy_blocks::<u64>(to, from, count),
                _ => return Err(EINVAL),
            }
        }
        Ok(())
    }
}

/// Copies samples block by block, two at a time where they lie side by side in one of the buffers
/// and one channel after the other in the other.
///
/// # Safety
///
/// Both grids must have so many frames and channels of samples of the type `T::Half`, and nothing
/// in common. Their buffers must be allocated.
unsafe fn copy_pairs<T: Pair>(to: Grid, from: Grid, (frames, channels): (usize, usize)) {
    let half = const { size_of::<T::Half>() };
    let apart = from.has_pairs::<T>(channels) && to.frame_step == half;
    let together = to.has_pairs::<T>(channels) && from.frame_step == half;
    if !apart && !together {
        // SAFETY: As the caller promises.
        unsafe { copy_blocks::<T::Half>(to, from, (frames, channels)) };
        return;
    }
    let (pairs, single) = if apart { (from, to) } else { (to, from) };
    let block = block_frames(channels, half);
    let mut frame = 0;
    while frame < frames {
        let count = min(block, frames - frame);
        for channel in (0..channels).step_by(2) {
            // SAFETY: `frame`, `channel` and, as their number is even, the channel after it are
            // below the numbers that the caller promises.
            let row = unsafe {
                Row {
                    pair: pairs.at(frame, channel).cast::<T>(),
                    step: pairs.frame_step,
                    first: single.at(frame, channel).cast(),
                    second: single.at(frame, channel + 1).cast(),
                }
            };
            // SAFETY: `count` frames are there from `frame` on, and their samples valid. A pair is
            // two of them, and aligned.
            unsafe {
                if apart {
                    row.take_apart(count)
                } else {
                    row.put_together(count)
                }
            }
        }
        frame += count;
    }
}

/// Two channels: the samples of both side by side, in pairs that are `step` bytes apart, and those
/// of each in a row.
#[derive(Clone, Copy)]
struct Row<T: Pair> {
    pair: *mut T,
    step: usize,
    first: *mut T::Half,
    second: *mut T::Half,
}

impl<T: Pair> Row<T> {
    /// Copies `count` frames from the pairs to the rows.
    ///
    /// # Safety
    ///
    /// All of these must be valid, and aligned; user space may write them meanwhile.
    #[inline(never)]
    unsafe fn take_apart(self, count: usize) {
        // SAFETY: As the caller promises. As in `Sample::copy()`, what is read is passed on.
        self.each(count, |pair, first, second| unsafe {
            let (one, other) = pair.read_volatile().take_apart();
            first.write_volatile(one);
            second.write_volatile(other);
        });
    }

    /// Copies `count` frames from the rows to the pairs.
    ///
    /// # Safety
    ///
    /// As for [`Row::take_apart`].
    #[inline(never)]
    unsafe fn put_together(self, count: usize) {
        // SAFETY: As the caller promises. As in `Sample::copy()`, what is read is passed on.
        self.each(count, |pair, first, second| unsafe {
            let (one, other) = (first.read_volatile(), second.read_volatile());
            pair.write_volatile(T::put_together(one, other));
        });
    }

    /// Does something for each of `count` frames.
    #[inline(always)]
    fn each(self, count: usize, one: impl Fn(*mut T, *mut T::Half, *mut T::Half)) {
        // Stereo: what is known when this is compiled need not be computed for each frame.
        if self.step == const { size_of::<T>() } {
            self.each_by(const { size_of::<T>() }, count, one)
        } else {
            self.each_by(self.step, count, one)
        }
    }

    /// Does what [`Row::each`] does, four at a time as long as there are, with pairs that are so
    /// far apart.
    #[inline(always)]
    fn each_by(self, step: usize, count: usize, one: impl Fn(*mut T, *mut T::Half, *mut T::Half)) {
        let Self {
            mut pair,
            mut first,
            mut second,
            ..
        } = self;
        for _ in 0..count / 4 {
            for frame in 0..4 {
                one(pair, first.wrapping_add(frame), second.wrapping_add(frame));
                pair = pair.wrapping_byte_add(step);
            }
            (first, second) = (first.wrapping_add(4), second.wrapping_add(4));
        }
        for frame in 0..count % 4 {
            one(pair, first.wrapping_add(frame), second.wrapping_add(frame));
            pair = pair.wrapping_byte_add(step);
        }
    }
}

/// Copies samples block by block.
///
/// # Safety
///
/// Both grids must have so many frames and channels of samples of this type, and nothing in common.
/// Their buffers must be allocated.
unsafe fn copy_blocks<T: Sample>(to: Grid, from: Grid, (frames, channels): (usize, usize)) {
    let block = block_frames(channels, size_of::<T>());
    let mut frame = 0;
    while frame < frames {
        let count = min(block, frames - frame);
        for channel in 0..channels {
            // SAFETY: `frame` and `channel` are below the numbers that the caller promises.
            let (mut to_sample, mut from_sample) =
                unsafe { (to.at(frame, channel), from.at(frame, channel)) };
            for _ in 0..count {
                // CAST: The samples are of this type.
                // SAFETY: `count` more frames are there, and their samples valid.
                unsafe { T::copy(to_sample.cast(), from_sample.cast()) };
                to_sample = to_sample.wrapping_add(to.frame_step);
                from_sample = from_sample.wrapping_add(from.frame_step);
            }
        }
        frame += count;
    }
}

#[kunit_tests(alsa_pcm_samples)]
mod tests {
    use super::{
        super::RawBuffer,
        *, //
    };
    use crate::pcm::Format;

    /// A buffer on the bytes of a vector.
    fn buffer<'a>(memory: &'a mut KVec<u8>, format: Format) -> Result<Buffer<'a>> {
        // SAFETY: The vector is borrowed for as long as the buffer.
        Ok(unsafe { Buffer::new(RawBuffer::on(memory, format)?) })
    }

    /// Interleaved at the start of a buffer, or one channel after the other, with a sample free
    /// before and after each.
    fn layout(sample: usize, (frames, channels): (usize, usize), interleaved: bool) -> Samples {
        if interleaved {
            Samples {
                offset: 0,
                frame_step: channels * sample,
                channel_step: sample,
            }
        } else {
            Samples {
                offset: sample,
                frame_step: sample,
                channel_step: (frames + 1) * sample,
            }
        }
    }

    fn at(samples: &Samples, frame: usize, channel: usize) -> usize {
        samples.offset + frame * samples.frame_step + channel * samples.channel_step
    }

    /// Each sample comes to its place, in either direction, in every size, and nothing else is
    /// written: with fewer frames than are copied in a row, with as many, and with more.
    #[test]
    fn turns() -> Result {
        for format in [
            Format::U8,
            Format::S16_LE,
            Format::S24_3LE,
            Format::FLOAT_LE,
        ] {
            let sample = format.sample_bytes() as usize;
            for (frames, channels) in [
                (1, 1),
                (1, 7),
                (31, 2),
                (65, 3),
                (1030, 2),
                (300, 5),
                (200, 16),
            ] {
                let count = (frames, channels);
                for to_interleaved in [false, true] {
                    let to = layout(sample, count, to_interleaved);
                    let from = layout(sample, count, !to_interleaved);
                    let bytes = (frames + 1) * (channels + 1) * sample;
                    let mut source = KVec::from_elem(0u8, bytes, GFP_KERNEL)?;
                    for (number, byte) in source.iter_mut().enumerate() {
                        *byte = (number * 7 % 251) as u8;
                    }
                    let mut target = KVec::from_elem(255u8, bytes, GFP_KERNEL)?;
                    let mut wanted = KVec::from_elem(255u8, bytes, GFP_KERNEL)?;
                    for frame in 0..frames {
                        for channel in 0..channels {
                            for byte in 0..sample {
                                wanted[at(&to, frame, channel) + byte] =
                                    source[at(&from, frame, channel) + byte];
                            }
                        }
                    }
                    let source = buffer(&mut source, format)?;
                    buffer(&mut target, format)?.copy_samples(
                        &to,
                        &source,
                        &from,
                        (frames as u32, channels as u32),
                    )?;
                    assert!(target[..] == wanted[..]);
                }
            }
        }
        Ok(())
    }

    /// What leaves a buffer, is not aligned, or within one buffer, is refused.
    #[test]
    fn refuses() -> Result {
        let mut source = KVec::from_elem(7u8, 64, GFP_KERNEL)?;
        let mut target = KVec::from_elem(1u8, 64, GFP_KERNEL)?;
        let from = buffer(&mut source, Format::S16_LE)?;
        let to = buffer(&mut target, Format::S16_LE)?;
        let samples = |offset, frame_step, channel_step| Samples {
            offset,
            frame_step,
            channel_step,
        };
        let good = samples(0, 4, 2);
        for (wrong, count) in [
            (good, (0, 2)),
            (good, (2, 0)),
            (good, (17, 2)),
            (good, (16, 3)),
            (samples(2, 4, 2), (16, 2)),
            (samples(1, 4, 2), (1, 1)),
            (samples(0, 3, 2), (2, 2)),
            (samples(0, 4, 1), (2, 2)),
            (samples(usize::MAX - 1, 4, 2), (2, 2)),
            (samples(0, usize::MAX - 1, 2), (3, 2)),
            (samples(0, 4, usize::MAX - 1), (2, 3)),
            (good, (u32::MAX, u32::MAX)),
        ] {
            assert!(to.copy_samples(&wrong, &from, &good, count) == Err(EINVAL));
            assert!(to.copy_samples(&good, &from, &wrong, count) == Err(EINVAL));
        }
        assert!(to.copy_samples(&good, &to, &samples(32, 4, 2), (2, 2)) == Err(EINVAL));
        let mut wide = KVec::from_elem(7u8, 64, GFP_KERNEL)?;
        let wide = buffer(&mut wide, Format::S32_LE)?;
        assert!(to.copy_samples(&good, &wide, &good, (2, 2)) == Err(EINVAL));
        assert!(target.iter().all(|byte| *byte == 1));
        Ok(())
    }
}
