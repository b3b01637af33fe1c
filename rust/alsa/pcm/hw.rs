// SPDX-License-Identifier: GPL-2.0

//! What a device can do, and what a stream has been set to.
//!
//! C headers: [`include/sound/pcm.h`](srctree/include/sound/pcm.h),
//! [`include/sound/pcm_params.h`](srctree/include/sound/pcm_params.h)

use crate::bindings;
use core::ops::RangeInclusive;
use kernel::{
    impl_flags,
    prelude::*, //
};

/// The format of a sample.
///
/// C: `snd_pcm_format_t`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::Format;
///
/// assert_eq!(Format::S24_3LE.sample_bytes(), 3);
/// assert!(!Format::U8.is_silence_zero());
/// ```
///
/// # Invariants
///
/// The value is one of `SNDRV_PCM_FORMAT_*`, thus in `0..=SNDRV_PCM_FORMAT_LAST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Format(i32);

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident = $raw:ident;)*) => {
        impl Format {
            $(
                $(#[$doc])*
                // INVARIANT: One of `SNDRV_PCM_FORMAT_*`.
                pub const $name: Self = Self(bindings::$raw);
            )*
        }
    };
}

formats! {
    /// Signed 8 bits.
    S8 = SNDRV_PCM_FORMAT_S8;
    /// Unsigned 8 bits.
    U8 = SNDRV_PCM_FORMAT_U8;
    /// Signed 16 bits, little endian.
    S16_LE = SNDRV_PCM_FORMAT_S16_LE;
    /// Signed 16 bits, big endian.
    S16_BE = SNDRV_PCM_FORMAT_S16_BE;
    /// Signed 24 bits in the low three of four bytes, little endian.
    S24_LE = SNDRV_PCM_FORMAT_S24_LE;
    /// Signed 24 bits in the low three of four bytes, big endian.
    S24_BE = SNDRV_PCM_FORMAT_S24_BE;
    /// Signed 32 bits, little endian.
    S32_LE = SNDRV_PCM_FORMAT_S32_LE;
    /// Signed 32 bits, big endian.
    S32_BE = SNDRV_PCM_FORMAT_S32_BE;
    /// Floating point of 32 bits, -1.0 to 1.0, little endian.
    FLOAT_LE = SNDRV_PCM_FORMAT_FLOAT_LE;
    /// Floating point of 32 bits, -1.0 to 1.0, big endian.
    FLOAT_BE = SNDRV_PCM_FORMAT_FLOAT_BE;
    /// Signed 24 bits in three bytes, little endian.
    S24_3LE = SNDRV_PCM_FORMAT_S24_3LE;
    /// Signed 24 bits in three bytes, big endian.
    S24_3BE = SNDRV_PCM_FORMAT_S24_3BE;
    /// Direct stream digital, one byte a sample (8 one-bit samples).
    DSD_U8 = SNDRV_PCM_FORMAT_DSD_U8;
    /// Direct stream digital, two bytes a sample, little endian.
    DSD_U16_LE = SNDRV_PCM_FORMAT_DSD_U16_LE;
    /// Direct stream digital, four bytes a sample, little endian.
    DSD_U32_LE = SNDRV_PCM_FORMAT_DSD_U32_LE;
    /// Direct stream digital, two bytes a sample, big endian.
    DSD_U16_BE = SNDRV_PCM_FORMAT_DSD_U16_BE;
    /// Direct stream digital, four bytes a sample, big endian.
    DSD_U32_BE = SNDRV_PCM_FORMAT_DSD_U32_BE;
}

impl Format {
    /// The largest number that a format can have (for the range of a control).
    pub const MAX: i64 = bindings::SNDRV_PCM_FORMAT_LAST as i64;

    /// Makes the format of a number that the core has checked.
    pub(crate) fn from_raw(raw: bindings::snd_pcm_format_t) -> Self {
        // INVARIANT: The core lets no other value into a runtime or a set of parameters.
        Self(raw)
    }

    /// Returns the number of the format, as user space knows it.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Returns the bytes that a sample takes in memory, 1 to 4.
    ///
    /// C: `snd_pcm_format_physical_width()`.
    pub fn sample_bytes(self) -> u32 {
        // SAFETY: The function takes any number.
        let bits = unsafe { bindings::snd_pcm_format_physical_width(self.0) };
        // All formats named above have whole bytes.
        u32::try_from(bits).unwrap_or(0) / 8
    }

    /// Returns whether silence is all zeroes, as it is not in an unsigned format, or of one-bit
    /// samples.
    ///
    /// C: `snd_pcm_format_silence_64()`.
    pub fn is_silence_zero(self) -> bool {
        // SAFETY: The function takes any number. What it points to never changes, and is eight
        // bytes long.
        let silence = unsafe { bindings::snd_pcm_format_silence_64(self.0).cast::<[u8; 8]>() };
        // SAFETY: As above; for a format that has no silence, it is null.
        let silence = unsafe { silence.as_ref() };
        silence == Some(&[0; 8])
    }
}

/// A set of formats.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Format,
///     Formats, //
/// };
///
/// const ANY_OF_16_BITS: Formats = Formats::of(&[Format::S16_LE, Format::S16_BE]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats(u64);

impl Formats {
    /// Every format.
    pub const ALL: Self = Self(u64::MAX);

    /// Returns the set of the formats in `list`.
    pub const fn of(list: &[Format]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i].0;
            i += 1;
        }
        Self(bits)
    }

    /// Returns the bits of the set, as in `snd_pcm_hardware::formats`.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

impl From<Format> for Formats {
    fn from(format: Format) -> Self {
        Self::of(&[format])
    }
}

impl_flags!(
    /// What a device offers beside the reading and writing of samples: a set of [`Info`].
    ///
    /// C: `info` in `struct snd_pcm_hardware`.
    ///
    /// # Examples
    ///
    /// ```
    /// use alsa::pcm::{
    ///     Info,
    ///     InfoFlags, //
    /// };
    ///
    /// const WHAT_IT_CAN: InfoFlags = InfoFlags::of(&[Info::Interleaved, Info::Pause]);
    ///
    /// assert!(WHAT_IT_CAN.contains(Info::Pause));
    /// assert!(WHAT_IT_CAN == (Info::Interleaved | Info::Pause));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InfoFlags(u32);

    /// One of the things that a device can offer.
    ///
    /// C: `SNDRV_PCM_INFO_*`.
    ///
    /// # Examples
    ///
    /// ```
    /// use alsa::pcm::{
    ///     Info,
    ///     Opening, //
    /// };
    ///
    /// /// A stream that is told nothing of its periods would not be told of their absence.
    /// fn need_period_wakeups(substream: &mut Opening<'_>) {
    ///     substream.withhold(Info::NoPeriodWakeup);
    /// }
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Info {
        /// The buffer can be mapped, and what is mapped is what sounds.
        Mmap = bindings::SNDRV_PCM_INFO_MMAP | bindings::SNDRV_PCM_INFO_MMAP_VALID,
        /// The samples of a frame lie side by side.
        Interleaved = bindings::SNDRV_PCM_INFO_INTERLEAVED,
        /// The samples of a channel lie side by side.
        Noninterleaved = bindings::SNDRV_PCM_INFO_NONINTERLEAVED,
        /// The stream can be paused and go on.
        Pause = bindings::SNDRV_PCM_INFO_PAUSE,
        /// The stream can go on after a suspend.
        Resume = bindings::SNDRV_PCM_INFO_RESUME,
        /// An application may do without period wake-ups: see [`Params::period_wakeups`].
        NoPeriodWakeup = bindings::SNDRV_PCM_INFO_NO_PERIOD_WAKEUP,
        /// Linked streams of the card start at the same time and run at the same speed. The core
        /// then gives all of them the card's *sync id*.
        SyncStart = bindings::SNDRV_PCM_INFO_SYNC_START,
        /// The driver wants [`Trigger::Drain`](super::Trigger::Drain).
        DrainTrigger = bindings::SNDRV_PCM_INFO_DRAIN_TRIGGER,
        /// [`AudioClock::Link`](super::AudioClock::Link) can be read.
        LinkTime = bindings::SNDRV_PCM_INFO_HAS_LINK_ATIME,
        /// [`AudioClock::LinkAbsolute`](super::AudioClock::LinkAbsolute) can be read.
        LinkAbsoluteTime = bindings::SNDRV_PCM_INFO_HAS_LINK_ABSOLUTE_ATIME,
        /// [`AudioClock::LinkSynchronized`](super::AudioClock::LinkSynchronized) can be read.
        LinkSynchronizedTime = bindings::SNDRV_PCM_INFO_HAS_LINK_SYNCHRONIZED_ATIME,
    }
);

impl InfoFlags {
    /// Returns the set of what is in `list`. (`|` does the same, but not in a constant.)
    pub const fn of(list: &[Info]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= list[i] as u32;
            i += 1;
        }
        Self(bits)
    }

    /// Returns the bits of `snd_pcm_hardware::info`.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

/// The hardware description: the widest limits of a stream. Ranges that are empty, or begin with 0,
/// do not compile where they become [`Ops::HARDWARE`](super::Ops::HARDWARE): the core divides by
/// what a stream is set to.
///
/// C: `struct snd_pcm_hardware`.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Format,
///     Formats,
///     Hardware,
///     Info,
///     InfoFlags, //
/// };
///
/// const HARDWARE: Hardware = Hardware {
///     info: InfoFlags::of(&[Info::Mmap, Info::Interleaved]),
///     formats: Formats::of(&[Format::S16_LE]),
///     rates: 8000..=48000,
///     channels: 2..=2,
///     buffer_bytes_max: 64 * 1024,
///     period_bytes: 64..=16 * 1024,
///     periods: 2..=1024,
/// };
/// ```
pub struct Hardware {
    /// What the device offers.
    pub info: InfoFlags,
    /// The formats that a sample may have.
    pub formats: Formats,
    /// The rates, in Hz; every rate between the ends is offered.
    pub rates: RangeInclusive<u32>,
    /// The number of channels.
    pub channels: RangeInclusive<u32>,
    /// The largest buffer, in bytes.
    pub buffer_bytes_max: usize,
    /// The length of a period, in bytes.
    pub period_bytes: RangeInclusive<usize>,
    /// The number of periods in a buffer.
    pub periods: RangeInclusive<u32>,
}

impl Hardware {
    /// Returns whether the core can work with it: it divides by what a stream is set to.
    pub(crate) const fn is_usable(&self) -> bool {
        self.formats.bits() != 0
            && 0 < *self.rates.start()
            && *self.rates.start() <= *self.rates.end()
            && 0 < *self.channels.start()
            && *self.channels.start() <= *self.channels.end()
            && 0 < *self.period_bytes.start()
            && *self.period_bytes.start() <= *self.period_bytes.end()
            && 0 < *self.periods.start()
            && *self.periods.start() <= *self.periods.end()
            && self
                .period_bytes
                .start()
                .saturating_mul(*self.periods.start() as usize)
                <= self.buffer_bytes_max
    }

    /// Returns the same as the core wants it.
    pub(crate) fn to_raw(&self) -> bindings::snd_pcm_hardware {
        bindings::snd_pcm_hardware {
            info: self.info.0,
            formats: self.formats.bits(),
            rates: bindings::SNDRV_PCM_RATE_CONTINUOUS,
            rate_min: *self.rates.start(),
            rate_max: *self.rates.end(),
            channels_min: *self.channels.start(),
            channels_max: *self.channels.end(),
            buffer_bytes_max: self.buffer_bytes_max,
            period_bytes_min: *self.period_bytes.start(),
            period_bytes_max: *self.period_bytes.end(),
            periods_min: *self.periods.start(),
            periods_max: *self.periods.end(),
            ..pin_init::zeroed()
        }
    }
}

/// Limits of one stream beyond those of [`Hardware`], at the time of asking.
///
/// C: what the rules of `snd_pcm_hw_rule_add()` leave.
///
/// # Examples
///
/// ```
/// use alsa::pcm::{
///     Format,
///     Limits, //
/// };
///
/// /// Another stream of the device has chosen a rate.
/// fn limits(rate: Option<u32>) -> Limits {
///     match rate {
///         Some(rate) => Limits {
///             rate: (rate, rate),
///             ..Limits::NONE
///         },
///         None => Limits::NONE,
///     }
/// }
///
/// assert_eq!(limits(Some(48000)).rate, (48000, 48000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The formats that are allowed.
    pub formats: Formats,
    /// The lowest and the highest rate, in Hz.
    pub rate: (u32, u32),
    /// The smallest and the largest number of channels.
    pub channels: (u32, u32),
    /// The shortest and the longest period, in bytes.
    pub period_bytes: (u32, u32),
}

impl Limits {
    /// No limit but those of the hardware.
    pub const NONE: Self = Self {
        formats: Formats::ALL,
        rate: (0, u32::MAX),
        channels: (0, u32::MAX),
        period_bytes: (0, u32::MAX),
    };

    /// Limits a stream to one format, one rate, one number of channels.
    pub fn exactly(format: Format, rate: u32, channels: u32) -> Self {
        Self {
            formats: format.into(),
            rate: (rate, rate),
            channels: (channels, channels),
            ..Self::NONE
        }
    }
}

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
    /// if the device offers [`Info::NoPeriodWakeup`]. The end of a drain it is told of anyway.
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

#[kunit_tests(alsa_pcm_hw)]
mod tests {
    use super::*;

    /// The numbers are those of user space, and the sizes what the samples take in memory.
    #[test]
    fn formats() {
        for (format, number, bytes) in [
            (Format::S8, 0, 1),
            (Format::S16_LE, 2, 2),
            (Format::S16_BE, 3, 2),
            (Format::S24_LE, 6, 4),
            (Format::S32_LE, 10, 4),
            (Format::FLOAT_BE, 15, 4),
            (Format::S24_3LE, 32, 3),
            (Format::DSD_U8, 48, 1),
            (Format::DSD_U16_LE, 49, 2),
            (Format::DSD_U32_BE, 52, 4),
        ] {
            assert_eq!(format.number(), number);
            assert_eq!(format.sample_bytes(), bytes);
            assert!(i64::from(number) <= Format::MAX);
        }
    }

    #[test]
    fn sets() {
        let set = Formats::of(&[Format::S8, Format::DSD_U32_BE]);
        assert_eq!(set.bits(), 1 | 1 << 52);
        assert_eq!(Formats::of(&[]).bits(), 0);
        assert!(Formats::from(Format::S16_BE) == Formats::of(&[Format::S16_BE]));
    }

    #[test]
    fn info() {
        let all = InfoFlags::of(&[Info::Mmap, Info::Pause, Info::SyncStart]);
        assert!(all == (Info::Mmap | Info::Pause | Info::SyncStart));
        assert!(all.contains(Info::Mmap) && !all.contains(Info::Resume));
        assert_eq!(InfoFlags::of(&[]).bits(), 0);
    }

    #[test]
    fn silence() {
        for format in [Format::S16_LE, Format::S24_3BE, Format::FLOAT_LE] {
            assert!(format.is_silence_zero());
        }
        for format in [Format::U8, Format::DSD_U8, Format::DSD_U32_BE] {
            assert!(!format.is_silence_zero());
        }
    }

    #[test]
    fn limits() {
        let limits = Limits::exactly(Format::S16_LE, 48000, 2);
        assert_eq!(limits.formats.bits(), 1 << 2);
        assert!(limits.rate == (48000, 48000) && limits.channels == (2, 2));
        assert!(limits.period_bytes == Limits::NONE.period_bytes);
    }

    #[test]
    fn hardware() {
        let raw = Hardware {
            info: Info::Mmap | Info::Pause,
            formats: Formats::of(&[Format::S16_LE]),
            rates: 8000..=96000,
            channels: 1..=8,
            buffer_bytes_max: 65536,
            period_bytes: 64..=4096,
            periods: 2..=1024,
        }
        .to_raw();
        // MMAP, MMAP_VALID and PAUSE, of `<sound/asound.h>`.
        assert_eq!(raw.info, 0x80003);
        assert_eq!(raw.formats, 4);
        assert!((raw.rate_min, raw.rate_max) == (8000, 96000));
        assert!((raw.channels_min, raw.channels_max) == (1, 8));
        assert!((raw.period_bytes_min, raw.period_bytes_max) == (64, 4096));
        assert!((raw.periods_min, raw.periods_max) == (2, 1024));
        assert_eq!(raw.buffer_bytes_max, 65536);
        assert_eq!(raw.fifo_size, 0);
    }

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
