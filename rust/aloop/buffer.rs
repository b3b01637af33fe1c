// SPDX-License-Identifier: GPL-2.0

//! Which bytes of a buffer to copy or to silence.
//!
//! Positions are in frames, count from `prepare` on and never wrap: at 768 kHz, 64 bits last for
//! 760 000 years. A position's place in a buffer is its remainder by the buffer's size, so the two
//! sides of a cable may have buffers of different sizes. All of this is pure arithmetic on numbers,
//! without kernel types and without memory: host tests compile this very file.
//!
//! Whatever the arguments, no span leaves its buffer and nothing here panics.

use crate::units::{
    Frames,
    Pointer, //
};
use core::{
    cmp::min,
    num::{
        NonZeroU32,
        NonZeroU64, //
    }, //
};

/// The shape of the buffer of one side.
///
/// # Invariants
///
/// The product of `frames`, `channels` and `sample_bytes` is not 0 and fits into 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// The size of the buffer in frames. It divides, hence the type: such a division can't panic.
    frames: NonZeroU32,
    /// Samples per frame.
    channels: u32,
    /// Bytes a sample takes in memory.
    sample_bytes: u32,
    /// Whether a frame's samples lie together; if not, each channel has a plane of its own.
    interleaved: bool,
}

impl Geometry {
    /// Makes the geometry of a buffer of `frames` frames, each of `channels` samples of
    /// `sample_bytes` bytes (the physical width: 4 for S24_LE, 3 for S24_3LE).
    ///
    /// Returns [`None`] if one of them is 0 or the buffer would have more than [`u32::MAX`] bytes.
    pub(crate) const fn new(
        frames: u32,
        channels: u32,
        sample_bytes: u32,
        interleaved: bool,
    ) -> Option<Self> {
        let Some(frames) = NonZeroU32::new(frames) else {
            return None;
        };
        let Some(frame_bytes) = channels.checked_mul(sample_bytes) else {
            return None;
        };
        // A factor of 0 shows as a product of 0.
        match frame_bytes.checked_mul(frames.get()) {
            None | Some(0) => None,
            // INVARIANT: Just checked.
            Some(_) => Some(Self {
                frames,
                channels,
                sample_bytes,
                interleaved,
            }),
        }
    }

    /// Returns the size of the buffer, at least 1 frame.
    pub(crate) const fn frames(&self) -> Frames {
        Frames(self.frames.get() as u64)
    }

    /// Returns the number of samples in a frame, at least 1.
    pub(crate) const fn channels(&self) -> u32 {
        self.channels
    }

    /// Returns how many bytes a sample takes in memory, at least 1.
    pub(crate) const fn sample_bytes(&self) -> u32 {
        self.sample_bytes
    }

    /// Returns whether a frame's samples lie together.
    pub(crate) const fn interleaved(&self) -> bool {
        self.interleaved
    }

    /// Returns the size of the whole buffer in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        // By the type invariant, this fits into 32 bits.
        (self.planes() as usize).wrapping_mul(self.plane_bytes())
    }

    /// Returns the number of planes: one per channel, or a single one that holds them all.
    const fn planes(&self) -> u32 {
        if self.interleaved {
            1
        } else {
            self.channels
        }
    }

    /// Returns the bytes of one frame within one plane.
    const fn step(&self) -> u32 {
        if self.interleaved {
            // By the type invariant, this doesn't wrap.
            self.channels.wrapping_mul(self.sample_bytes)
        } else {
            self.sample_bytes
        }
    }

    /// Returns the size of one plane in bytes.
    const fn plane_bytes(&self) -> usize {
        // By the type invariant, this fits into 32 bits.
        self.frames.get().wrapping_mul(self.step()) as usize
    }

    /// Returns the byte at which the frame in `slot` begins within `plane`.
    ///
    /// `slot` is below `frames`, `plane` below `planes()`: so the result is below `bytes()`, and
    /// nothing wraps.
    const fn offset(&self, plane: u32, slot: u32) -> usize {
        (plane as usize)
            .wrapping_mul(self.plane_bytes())
            .wrapping_add(slot.wrapping_mul(self.step()) as usize)
    }

    /// Returns which slot of the buffer is that of the frame `skip` frames after the position
    /// `pos`.
    ///
    /// The slot is below `frames`. It is right even where `pos + skip` does not fit into 64 bits.
    pub(crate) fn slot(&self, pos: Frames, skip: Frames) -> u32 {
        let frames = NonZeroU64::from(self.frames);

        if skip.is_zero() {
            return (pos.0 % frames) as u32;
        }
        // The sum of two 32-bit numbers doesn't wrap, and the remainder by a third is one again.
        ((pos.0 % frames).wrapping_add(skip.0 % frames) % frames) as u32
    }

    /// Returns whether a frame has the same samples in both buffers.
    fn same_frames(&self, other: &Self) -> bool {
        self.channels == other.channels && self.sample_bytes == other.sample_bytes
    }

    /// Returns whether samples that lie side by side in one buffer do so in the other, which has
    /// the same frames.
    pub(crate) fn lies_alike(&self, other: &Self) -> bool {
        // There is one way only for one channel.
        self.interleaved() == other.interleaved() || self.channels == 1
    }

    /// Returns where the samples of the frame in `slot` and those that follow lie. `slot` is below
    /// `frames`.
    const fn samples(&self, slot: u32) -> SampleLayout {
        SampleLayout {
            offset: self.offset(0, slot),
            frame_step: self.step() as usize,
            channel_step: if self.interleaved {
                self.sample_bytes as usize
            } else {
                self.plane_bytes()
            },
        }
    }
}

/// A stretch of bytes in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first byte, counted from the start of the buffer.
    pub(crate) offset: usize,
    /// The number of bytes, at least 1.
    pub(crate) len: usize,
}

/// A stretch of bytes to copy from one buffer to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopySpan {
    /// Whether to read in the destination buffer, what has been copied there before: the source
    /// buffer would give the same again.
    pub(crate) again: bool,
    /// The first byte to read, counted from the start of the source buffer, or of the destination
    /// buffer if `again`. The two stretches have no byte in common.
    pub(crate) from: usize,
    /// The first byte to write, counted from the start of the destination buffer.
    pub(crate) to: usize,
    /// The number of bytes, at least 1.
    pub(crate) len: usize,
}

/// Where the samples of some frames lie in a buffer, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleLayout {
    /// The first sample of the first frame, counted from the start of the buffer.
    pub(crate) offset: usize,
    /// From a sample to that of the same channel in the next frame.
    pub(crate) frame_step: usize,
    /// From a sample to that of the next channel in the same frame.
    pub(crate) channel_step: usize,
}

/// What to copy at once from one buffer to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyStep {
    /// A stretch of bytes.
    Bytes(CopySpan),
    /// Samples of whole frames that lie interleaved in one of the buffers and by channels in the
    /// other.
    Samples {
        /// Where they lie in the source buffer.
        from: SampleLayout,
        /// Where they come to lie in the destination buffer.
        to: SampleLayout,
        /// The number of frames, at least 1.
        frames: u32,
    },
}

/// Returns the bytes in `buffer` of the `frames` frames from the position `pos` on.
///
/// Each byte is given once. If there are more frames than the buffer holds, these are the bytes of
/// the last ones that it holds, which is all of it.
pub(crate) fn spans(buffer: &Geometry, pos: Frames, frames: Frames) -> impl Iterator<Item = Span> {
    // The places to write to are the same wherever the bytes come from.
    copy_steps(buffer, pos, buffer, pos, frames).filter_map(|copy| match copy {
        CopyStep::Bytes(span) => Some(Span {
            offset: span.to,
            len: span.len,
        }),
        // A buffer lies as itself.
        CopyStep::Samples { .. } => None,
    })
}

/// Returns what to copy so that the `frames` frames from `from_pos` on in the buffer `from` come to
/// lie from `to_pos` on in the buffer `to`.
///
/// Only the last ones that `to` holds are copied if there are more frames: what comes before it
/// would be overwritten anyway. So each byte of `to` is written at most once, and the work is
/// bounded even after the longest stall. A buffer `from` that holds fewer frames than are copied is
/// played over and over, as by a device that plays past its data: what it gives again is copied
/// from where it was copied to, twice as much each time, for a buffer can be as short as a frame.
/// So there are at most 3 stretches of frames for the first time and 3 for each time that what has
/// been copied doubles. They are to be copied in their order. One of planes is a span for each
/// channel, but a single [`CopyStep::Samples`] where the other buffer is interleaved.
///
/// Returns nothing if the two differ in channels or sample width.
pub(crate) fn copy_steps(
    from: &Geometry,
    from_pos: Frames,
    to: &Geometry,
    to_pos: Frames,
    frames: Frames,
) -> impl Iterator<Item = CopyStep> {
    let kept = min(frames, to.frames());
    let skip = frames - kept;
    let count = if from.same_frames(to) {
        // Not more than `to.frames()`, which fits into 32 bits.
        kept.0 as u32
    } else {
        0
    };

    // INVARIANT: A slot is below its buffer's frames. There are no more frames than `to` holds, of
    // as many bytes as in `from`, or none. Every buffer has a plane.
    CopySteps {
        from: *from,
        from_slot: from.slot(from_pos, skip),
        to: *to,
        to_slot: to.slot(to_pos, skip),
        count,
        plane: 0,
        done: 0,
    }
}

/// Returns what [`copy_steps`] gives if that is a single span, as it is most of the time: frames
/// that are interleaved, at whose end neither buffer has to be begun anew. [`None`] if it may be
/// more, or nothing.
pub(crate) fn copy_span(
    from: &Geometry,
    from_pos: Frames,
    to: &Geometry,
    to_pos: Frames,
    frames: Frames,
) -> Option<CopySpan> {
    if frames.is_zero() || !from.interleaved() || !to.interleaved() || !from.same_frames(to) {
        return None;
    }
    let from_slot = from.slot(from_pos, Frames::ZERO);
    let to_slot = to.slot(to_pos, Frames::ZERO);
    // A slot is below its buffer's frames: nothing wraps.
    let from_left = from.frames.get().wrapping_sub(from_slot);
    let to_left = to.frames.get().wrapping_sub(to_slot);
    let count = u32::try_from(frames.0).ok()?;
    (count <= from_left && count <= to_left).then(|| CopySpan {
        again: false,
        from: from.offset(0, from_slot),
        to: to.offset(0, to_slot),
        // At most a buffer, which fits into 32 bits.
        len: count.wrapping_mul(to.step()) as usize,
    })
}

/// The iterator behind [`copy_steps`]: from one wrap of either buffer, or of what there is to copy
/// from, to the next, and within such a stretch plane by plane.
///
/// # Invariants
///
/// - `from` and `to` have equal frames, unless `count` is 0.
/// - `from_slot` is below the frames of `from`, `to_slot` below those of `to`.
/// - `count` is at most the frames of `to`, and `done` at most `count`.
/// - `plane` is below the planes of `to`.
struct CopySteps {
    from: Geometry,
    /// The slot of the first frame in `from`.
    from_slot: u32,
    to: Geometry,
    /// The slot of the first frame in `to`.
    to_slot: u32,
    /// The number of frames to copy.
    count: u32,
    /// How many of the frames have been given, in all planes.
    done: u32,
    /// The plane of the stretch at work.
    plane: u32,
}

impl Iterator for CopySteps {
    type Item = CopyStep;

    fn next(&mut self) -> Option<CopyStep> {
        if self.done == self.count {
            return None;
        }

        // How often the whole source buffer is there already; the first of these, as many as are a
        // power of two, are copied next.
        let times = (self.done / self.from.frames).checked_ilog2();
        let (source, from_slot, begin, there) = match times {
            None => (
                &self.from,
                self.from_slot,
                self.done,
                self.from.frames.get(),
            ),
            Some(times) => {
                // At most `done`, so nothing is shifted out.
                let there = self.from.frames.get().wrapping_shl(times);
                (&self.to, self.to_slot, self.done.wrapping_sub(there), there)
            }
        };
        let from_slot = source.slot(Frames::from(from_slot), Frames::from(begin));
        let to_slot = self
            .to
            .slot(Frames::from(self.to_slot), Frames::from(self.done));
        // `begin` is below `there`, a slot is below its buffer's frames, and `done` isn't `count`:
        // nothing wraps, and each of the four is at least 1.
        let run = (self.count.wrapping_sub(self.done))
            .min(there.wrapping_sub(begin))
            .min(source.frames.get().wrapping_sub(from_slot))
            .min(self.to.frames.get().wrapping_sub(to_slot));

        let (copy, planes) = if source.lies_alike(&self.to) {
            let span = CopySpan {
                again: times.is_some(),
                from: source.offset(self.plane, from_slot),
                to: self.to.offset(self.plane, to_slot),
                // At most a plane, which fits into 32 bits.
                len: run.wrapping_mul(self.to.step()) as usize,
            };
            (CopyStep::Bytes(span), self.to.planes())
        } else {
            let samples = CopyStep::Samples {
                from: source.samples(from_slot),
                to: self.to.samples(to_slot),
                frames: run,
            };
            (samples, 1)
        };
        // INVARIANT: `run` is at most `count - done`; the plane is the first if it isn't below
        // their number.
        self.plane = self.plane.wrapping_add(1);
        if self.plane >= planes {
            self.plane = 0;
            self.done = self.done.wrapping_add(run);
        }
        Some(copy)
    }
}

/// How far the device and the application of a stream have come, as ALSA counts that.
///
/// `appl_ptr` lies in memory that the application can write. It may have any value, and so may the
/// others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointers {
    /// How far the device had come when the core last asked.
    pub(crate) hw_ptr: Pointer,
    /// How far the application has written or read.
    pub(crate) appl_ptr: Pointer,
    /// Where both begin again from 0: a multiple of the buffer's size.
    pub(crate) boundary: Frames,
}

impl Pointers {
    /// Returns how many frames from the device's position `pos` on the application has written, in
    /// a buffer of `buffer` frames.
    ///
    /// `pos` and `told` count without wrapping. `told` is the position that the core was last told
    /// of. It has the same remainder by `buffer` as `hw_ptr`, or as the `hw_ptr` that the core,
    /// which has yet to store it, is about to make of it: that is ahead by fewer frames than
    /// `buffer`. `pos` is not before `told`.
    ///
    /// The result is 0 for an application that has been overtaken by the device, and at most
    /// `buffer` whatever the values.
    pub(crate) fn written_ahead(&self, buffer: Frames, told: Frames, pos: Frames) -> Frames {
        let (Some(boundary), Some(size)) = (
            NonZeroU64::new(self.boundary.0),
            NonZeroU64::new(buffer.0), //
        ) else {
            return Frames::ZERO;
        };

        let queued = self.appl_ptr.after(self.hw_ptr, boundary);
        if queued > buffer {
            // The application is behind `hw_ptr`, which shows as nearly a whole boundary ahead.
            return Frames::ZERO;
        }
        queued - self.advanced(size, told, pos)
    }

    /// Returns how many frames before the device's position `pos` the application has still to
    /// read.
    ///
    /// The arguments are those of [`Pointers::written_ahead`]. The result is more than `buffer` for
    /// an application that has been overtaken by the device.
    pub(crate) fn left_to_read(&self, buffer: Frames, told: Frames, pos: Frames) -> Frames {
        let (Some(boundary), Some(size)) = (
            NonZeroU64::new(self.boundary.0),
            NonZeroU64::new(buffer.0), //
        ) else {
            return Frames::ZERO;
        };
        self.hw_ptr.after(self.appl_ptr, boundary) + self.advanced(size, told, pos)
    }

    /// Returns how many frames the application of a stream has to read or may write, as the core
    /// counts them when it looks for an xrun: the buffer for a playback that has played all that
    /// was written, and more for one that has played on.
    ///
    /// `space` is the buffer's size for a playback, 0 for a capture. The result is below
    /// `boundary`, or 0.
    ///
    /// C: `snd_pcm_playback_avail()`, `snd_pcm_capture_avail()`.
    pub(crate) fn available(&self, space: Frames) -> Frames {
        let Some(boundary) = NonZeroU64::new(self.boundary.0) else {
            return Frames::ZERO;
        };
        // The sum may be a boundary or more. (It saturates for no boundary of ALSA's, which are
        // below 2^63.)
        let hw_ptr = Frames(self.hw_ptr.0 % boundary) + space;
        Pointer(hw_ptr.0).after(self.appl_ptr, boundary)
    }

    /// Returns how far the device is ahead of `hw_ptr` at its position `pos`, in a buffer of `size`
    /// frames of which the core has been told up to `told`.
    fn advanced(&self, size: NonZeroU64, told: Frames, pos: Frames) -> Frames {
        // The boundary is a multiple of the size: a remainder by that is known of both.
        let to_be_stored = Pointer(told.0).after(self.hw_ptr, size);
        // The sum may be a buffer or more. Its remainder would be less than has gone by.
        to_be_stored + (pos - told)
    }
}

/// Keeps track of how far a capture buffer may still hold sound.
///
/// Without a playback a capture hears silence. Its buffer then has to be cleared ahead of the
/// reader, but only until each slot that held sound has been cleared once. The mark is the end of
/// the last sound: a slot passed later than one buffer after that is silent already.
///
/// Positions are those of the capture. Every frame it advances over has to be accounted for,
/// either as sound ([`SilenceMark::data`]) or as silence ([`SilenceMark::to_clear`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SilenceMark {
    /// The position at which the last sound ended, or [`None`] if there was none.
    end: Option<Frames>,
}

impl SilenceMark {
    /// Makes the mark of a buffer that is silent all over, as after `prepare`.
    pub(crate) const fn silent() -> Self {
        Self { end: None }
    }

    /// Makes the mark of a buffer that may be silent nowhere.
    pub(crate) const fn unknown() -> Self {
        Self {
            end: Some(Frames::MAX),
        }
    }

    /// Notes that sound was copied to the buffer up to the position `end_pos`, exclusive.
    pub(crate) fn data(&mut self, end_pos: Frames) {
        // Should a position go backwards, the later one still may have left sound behind.
        self.end = self.end.max(Some(end_pos));
    }

    /// Returns how many frames before the position `pos` are known to be silent, at most the
    /// buffer.
    pub(crate) fn silent_frames(self, buffer_frames: Frames, pos: Frames) -> Frames {
        self.end
            .map_or(buffer_frames, |end| min(pos - end, buffer_frames))
    }

    /// Returns how many frames at the beginning of the buffer may hold sound, if the position was 0
    /// when it was silent all over.
    pub(crate) fn sound_frames(self, buffer_frames: Frames) -> Frames {
        self.end.map_or(Frames::ZERO, |end| min(end, buffer_frames))
    }

    /// Returns how many of the `frames` frames from the position `pos` on have to be silenced, in a
    /// buffer of `buffer_frames` frames.
    ///
    /// They are the first ones; the others are silent already.
    pub(crate) fn to_clear(self, buffer_frames: Frames, pos: Frames, frames: Frames) -> Frames {
        let Some(end) = self.end else {
            return Frames::ZERO;
        };

        // The last frame of sound was at `end - 1`; one buffer later its slot is passed again.
        min(end + buffer_frames - pos, frames)
    }
}
