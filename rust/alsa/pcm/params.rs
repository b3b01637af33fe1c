// SPDX-License-Identifier: GPL-2.0

//! What a stream has been set to.
//!
//! C header: [`include/sound/pcm_params.h`](srctree/include/sound/pcm_params.h)

use super::Format;
use crate::bindings;
use kernel::prelude::*;

/// What a stream has been set to.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Params;
///
/// /// How many bytes a period takes.
/// fn period_bytes(params: &Params) -> u64 {
///     let frame = u64::from(params.format.sample_bytes()) * u64::from(params.channels);
///     frame.saturating_mul(params.period_size.into())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The format of a sample.
    pub format: Format,
    /// The rate, in Hz.
    pub rate: u32,
    /// The number of channels.
    pub channels: u32,
    /// Whether the samples of a frame lie side by side in the buffer.
    pub interleaved: bool,
    /// Whether the application may map the buffer: then it may write to it, even to that of a
    /// capture.
    pub mapped: bool,
    /// The length of a period, in frames.
    pub period_size: u32,
    /// The length of the buffer, in frames.
    pub buffer_size: u32,
    /// Whether the application is to be told of the end of each period. It may have asked not to be
    /// if the device offers [`Info::NoPeriodWakeup`](super::Info::NoPeriodWakeup). The end of a
    /// drain it is told of anyway.
    pub period_wakeups: bool,
}

impl Params {
    /// Reads the parameters of a `hw_params` callback, as the core does after it: of each, the
    /// smallest value that is left.
    ///
    /// C: `params_rate()` and its like.
    pub(super) fn from_raw(params: &bindings::snd_pcm_hw_params) -> Self {
        const FIRST_MASK: u32 = bindings::SNDRV_PCM_HW_PARAM_FIRST_MASK;
        const FIRST_INTERVAL: u32 = bindings::SNDRV_PCM_HW_PARAM_FIRST_INTERVAL;
        const ACCESS: usize = (bindings::SNDRV_PCM_HW_PARAM_ACCESS - FIRST_MASK) as usize;
        const FORMAT: usize = (bindings::SNDRV_PCM_HW_PARAM_FORMAT - FIRST_MASK) as usize;
        const RATE: usize = (bindings::SNDRV_PCM_HW_PARAM_RATE - FIRST_INTERVAL) as usize;
        const CHANNELS: usize = (bindings::SNDRV_PCM_HW_PARAM_CHANNELS - FIRST_INTERVAL) as usize;
        const PERIOD: usize = (bindings::SNDRV_PCM_HW_PARAM_PERIOD_SIZE - FIRST_INTERVAL) as usize;
        const BUFFER: usize = (bindings::SNDRV_PCM_HW_PARAM_BUFFER_SIZE - FIRST_INTERVAL) as usize;

        let access = lowest(&params.masks[ACCESS]) as bindings::snd_pcm_access_t;
        let format = lowest(&params.masks[FORMAT]) as bindings::snd_pcm_format_t;
        // The device may offer that to some streams only.
        let no_wakeup = params.info & bindings::SNDRV_PCM_INFO_NO_PERIOD_WAKEUP != 0
            && params.flags & bindings::SNDRV_PCM_HW_PARAMS_NO_PERIOD_WAKEUP != 0;
        Self {
            format: Format::from_raw(format),
            rate: params.intervals[RATE].min,
            channels: params.intervals[CHANNELS].min,
            interleaved: is_interleaved(access),
            mapped: is_mapped(access),
            period_size: params.intervals[PERIOD].min,
            buffer_size: params.intervals[BUFFER].min,
            period_wakeups: !no_wakeup,
        }
    }
}

/// Returns the number of the lowest bit in a mask; 0 if there is none.
///
/// C: `snd_mask_min()`.
fn lowest(mask: &bindings::snd_mask) -> u32 {
    // The core uses no more of it.
    let bits = u64::from(mask.bits[0]) | u64::from(mask.bits[1]) << 32;
    if bits == 0 {
        return 0;
    }
    bits.trailing_zeros()
}

/// Returns whether an access mode puts the samples of a frame side by side.
pub(crate) fn is_interleaved(access: bindings::snd_pcm_access_t) -> bool {
    access == bindings::SNDRV_PCM_ACCESS_MMAP_INTERLEAVED
        || access == bindings::SNDRV_PCM_ACCESS_RW_INTERLEAVED
}

/// Returns whether an access mode lets the application map the buffer.
pub(crate) fn is_mapped(access: bindings::snd_pcm_access_t) -> bool {
    access != bindings::SNDRV_PCM_ACCESS_RW_INTERLEAVED
        && access != bindings::SNDRV_PCM_ACCESS_RW_NONINTERLEAVED
}

#[kunit_tests(alsa_pcm_params)]
mod tests {
    use super::*;

    /// What `hw_params` gets is what the core goes by: where more than one value is left, that is
    /// the smallest.
    #[test]
    fn chosen_parameters() {
        let mut raw = bindings::snd_pcm_hw_params::default();
        // MMAP_NONINTERLEAVED, and DSD_U16_LE or DSD_U32_LE.
        raw.masks[0].bits[0] = 1 << 1;
        raw.masks[1].bits[1] = 1 << 17 | 1 << 18;
        // SAMPLE_BITS, FRAME_BITS, CHANNELS, RATE, PERIOD_TIME, PERIOD_SIZE, …, BUFFER_SIZE.
        for (interval, min, max) in [(2, 3, 3), (3, 44100, 44101), (5, 441, 512), (9, 882, 882)] {
            raw.intervals[interval].min = min;
            raw.intervals[interval].max = max;
        }
        let params = Params::from_raw(&raw);
        assert!(
            params
                == Params {
                    format: Format::DSD_U16_LE,
                    rate: 44100,
                    channels: 3,
                    interleaved: false,
                    mapped: true,
                    period_size: 441,
                    buffer_size: 882,
                    period_wakeups: true,
                }
        );
    }

    /// There are wake-ups unless the device can do without, and the application has asked for it.
    #[test]
    fn period_wakeups() {
        for (info, flags, wakeups) in [
            (0, 0, true),
            (bindings::SNDRV_PCM_INFO_NO_PERIOD_WAKEUP, 0, true),
            (0, bindings::SNDRV_PCM_HW_PARAMS_NO_PERIOD_WAKEUP, true),
            (!0, !0, false),
        ] {
            let mut raw = bindings::snd_pcm_hw_params::default();
            (raw.info, raw.flags) = (info, flags);
            assert_eq!(Params::from_raw(&raw).period_wakeups, wakeups);
        }
    }

    #[test]
    fn accesses() {
        // MMAP_INTERLEAVED, MMAP_NONINTERLEAVED, MMAP_COMPLEX, RW_INTERLEAVED, RW_NONINTERLEAVED.
        for (access, interleaved) in [(0, true), (1, false), (2, false), (3, true), (4, false)] {
            assert_eq!(is_interleaved(access), interleaved);
        }
    }
}
