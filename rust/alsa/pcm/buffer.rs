// SPDX-License-Identifier: GPL-2.0

//! The memory that holds the sound of a stream.

mod samples;

pub use self::samples::Samples;

use super::Format;
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// Where the buffer of a substream lies, without a lifetime.
///
/// # Invariants
///
/// `area` was, when the value was made, the start of `bytes` bytes of a substream's managed buffer,
/// set to samples of `format`.
#[derive(Clone, Copy)]
pub(crate) struct RawBuffer {
    area: NonNull<u8>,
    bytes: usize,
    format: Format,
}

// SAFETY: The value is an address; whoever turns it into a `Buffer` answers for the memory.
unsafe impl Send for RawBuffer {}

impl RawBuffer {
    /// Notes where the buffer of a substream is; `None` if it has none.
    ///
    /// # Safety
    ///
    /// `runtime` must be valid, and nobody may set its parameters or its buffer meanwhile.
    pub(crate) unsafe fn of(runtime: *mut bindings::snd_pcm_runtime) -> Option<Self> {
        // SAFETY: `runtime` is valid and its buffer is left alone, as the caller promises.
        let (area, bytes, format) =
            unsafe { ((*runtime).dma_area, (*runtime).dma_bytes, (*runtime).format) };
        // INVARIANT: The core keeps `dma_area` and `dma_bytes` in step.
        Some(Self {
            area: NonNull::new(area)?,
            bytes,
            format: Format::from_raw(format),
        })
    }
}

/// The buffer of a substream while its memory is sure to stay: a row of bytes.
///
/// The buffer is shared with user space, which may write it at any time through its mapping. So no
/// reference into it is ever made: bytes are copied and set by C functions that the compiler cannot
/// look into, and what is read there is only ever passed on, never relied upon.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Buffer;
///
/// /// Silences the second half of a buffer, or repeats the first half there.
/// fn repeat(buffer: &Buffer<'_>, twice: bool) -> Result {
///     let half = buffer.bytes() / 2;
///     if twice {
///         buffer.copy_from(half, buffer, 0, half)
///     } else {
///         buffer.silence(half, half)
///     }
/// }
/// ```
///
/// # Invariants
///
/// The memory that `raw` names stays allocated for `'a`.
#[derive(Clone, Copy)]
pub struct Buffer<'a> {
    raw: RawBuffer,
    _memory: PhantomData<&'a ()>,
}

impl<'a> Buffer<'a> {
    /// Makes the buffer usable.
    ///
    /// # Safety
    ///
    /// The memory that `raw` names must stay allocated for `'a`.
    pub(crate) unsafe fn new(raw: RawBuffer) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            raw,
            _memory: PhantomData,
        }
    }

    /// Returns the length of the buffer, in bytes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.raw.bytes
    }

    /// Returns the address of `len` bytes at `offset`, if they are inside of the buffer.
    #[inline]
    fn span(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(len)? > self.raw.bytes {
            return None;
        }
        // SAFETY: `offset` is at most `bytes`: the result is inside of the buffer or one past it.
        Some(unsafe { self.raw.area.add(offset) })
    }

    /// Copies `len` bytes at `from` of the buffer `source` to `to` of this one.
    ///
    /// Any context. Takes as long as a copy of that length.
    ///
    /// # Errors
    ///
    /// `EINVAL` if a span leaves its buffer, or if both are of the same buffer and overlap; nothing
    /// is copied then.
    #[inline]
    pub fn copy_from(&self, to: usize, source: &Buffer<'_>, from: usize, len: usize) -> Result {
        if self.raw.area == source.raw.area && to.abs_diff(from) < len {
            return Err(EINVAL);
        }
        let to = self.span(to, len).ok_or(EINVAL)?;
        let from = source.span(from, len).ok_or(EINVAL)?;
        // SAFETY: Both spans are inside of their buffers, which stay allocated by the invariant of
        // `Buffer`. The buffers of two substreams are two allocations, and two spans of one buffer
        // have just been found to be apart: so they don't overlap.
        unsafe { bindings::buffer_copy(to.as_ptr().cast(), from.as_ptr().cast(), len) };
        Ok(())
    }

    /// Overwrites `len` bytes at `offset` with silence in the buffer's format.
    ///
    /// Any context. Takes as long as a fill of that length.
    ///
    /// C: `snd_pcm_format_set_silence()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the span leaves the buffer; nothing is overwritten then.
    #[inline]
    pub fn silence(&self, offset: usize, len: usize) -> Result {
        let span = self.span(offset, len).ok_or(EINVAL)?;
        let sample_bytes = self.raw.format.sample_bytes() as usize;
        let samples = len.checked_div(sample_bytes).ok_or(EINVAL)?;
        let samples = u32::try_from(samples).map_err(|_| EINVAL)?;
        // SAFETY: `samples` samples of `format` take at most `len` bytes, which are inside of the
        // buffer; that stays allocated by the invariant of `Buffer`.
        kernel::error::to_result(unsafe {
            bindings::snd_pcm_format_set_silence(
                self.raw.format.number(),
                span.as_ptr().cast(),
                samples,
            )
        })
    }
}

#[kunit_tests(alsa_pcm_buffer)]
mod tests {
    use super::*;

    impl RawBuffer {
        /// Notes where the bytes of a vector are.
        pub(super) fn on(memory: &mut KVec<u8>, format: Format) -> Result<Self> {
            Ok(Self {
                area: NonNull::new(memory.as_mut_ptr()).ok_or(EINVAL)?,
                bytes: memory.len(),
                format,
            })
        }
    }

    /// A buffer on the bytes of a vector.
    fn buffer<'a>(memory: &'a mut KVec<u8>, format: Format) -> Result<Buffer<'a>> {
        // SAFETY: The vector is borrowed for as long as the buffer.
        Ok(unsafe { Buffer::new(RawBuffer::on(memory, format)?) })
    }

    /// Nothing is written outside of what was asked for.
    #[test]
    fn copies() -> Result {
        let mut source = KVec::from_elem(7u8, 64, GFP_KERNEL)?;
        let mut target = KVec::from_elem(1u8, 32, GFP_KERNEL)?;
        let from = buffer(&mut source, Format::U8)?;
        buffer(&mut target, Format::U8)?.copy_from(30, &from, 62, 2)?;
        buffer(&mut target, Format::U8)?.copy_from(0, &from, 0, 3)?;
        buffer(&mut target, Format::U8)?.copy_from(32, &from, 64, 0)?;
        for (at, byte) in target.iter().enumerate() {
            assert_eq!(*byte, if at < 3 || at >= 30 { 7 } else { 1 });
        }
        Ok(())
    }

    #[test]
    fn copies_within_a_buffer() -> Result {
        let mut memory = KVec::from_elem(1u8, 8, GFP_KERNEL)?;
        memory[0] = 7;
        memory[1] = 8;
        let whole = buffer(&mut memory, Format::U8)?;
        whole.copy_from(2, &whole, 0, 2)?;
        whole.copy_from(4, &whole, 0, 4)?;
        whole.copy_from(0, &whole, 1, 1)?;
        assert!(memory[..] == [8, 8, 7, 8, 7, 8, 7, 8]);
        Ok(())
    }

    #[test]
    fn refuses_what_leaves_a_buffer() -> Result {
        let mut source = KVec::from_elem(7u8, 64, GFP_KERNEL)?;
        let mut target = KVec::from_elem(1u8, 32, GFP_KERNEL)?;
        let from = buffer(&mut source, Format::U8)?;
        let to = buffer(&mut target, Format::U8)?;
        for (at, origin, len) in [
            (0, 0, 33),
            (31, 0, 2),
            (33, 0, 0),
            (0, 63, 2),
            (0, 65, 0),
            (usize::MAX, 0, 1),
            (1, 0, usize::MAX),
            (0, usize::MAX, 1),
        ] {
            assert!(to.copy_from(at, &from, origin, len) == Err(EINVAL));
        }
        for (at, origin, len) in [(0, 0, 1), (0, 3, 4), (3, 0, 4), (8, 8, 24), (1, 0, 31)] {
            assert!(to.copy_from(at, &to, origin, len) == Err(EINVAL));
        }
        for (at, len) in [(0, 33), (32, 1), (33, 0), (usize::MAX, 1), (1, usize::MAX)] {
            assert!(to.silence(at, len) == Err(EINVAL));
        }
        assert!(target.iter().all(|byte| *byte == 1));
        Ok(())
    }

    /// Silence is what the format says: 0, the middle, or the pattern of DSD.
    #[test]
    fn silences() -> Result {
        for (format, silence) in [
            (Format::S16_LE, [0, 0]),
            (Format::U8, [0x80, 0x80]),
            (Format::DSD_U8, [0x69, 0x69]),
            (Format::FLOAT_BE, [0, 0]),
        ] {
            let mut memory = KVec::from_elem(1u8, 32, GFP_KERNEL)?;
            buffer(&mut memory, format)?.silence(8, 16)?;
            for (at, byte) in memory.iter().enumerate() {
                let inside = (8..24).contains(&at);
                assert_eq!(*byte, if inside { silence[at % 2] } else { 1 });
            }
        }
        Ok(())
    }
}
