// SPDX-License-Identifier: GPL-2.0

//! What a device can do, and what its streams may be set to.
//!
//! C header: [`include/sound/pcm.h`](srctree/include/sound/pcm.h)

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

    /// Returns the name of the format, such as `S16_LE`.
    ///
    /// C: `snd_pcm_format_name()`.
    pub fn name(self) -> &'static CStr {
        // SAFETY: The function takes any number, and returns a string that never changes.
        unsafe { CStr::from_char_ptr(bindings::snd_pcm_format_name(self.0)) }
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
    /// Returns the set of what is in `list`.
    ///
    /// (`|` does the same, but not in a constant.)
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
    /// The number of channels; a device may have less
    /// ([`DeviceConfig::channels_max`](super::DeviceConfig::channels_max)).
    pub channels: RangeInclusive<u32>,
    /// The largest buffer, in bytes.
    pub buffer_bytes_max: usize,
    /// The length of a period, in bytes.
    pub period_bytes: RangeInclusive<usize>,
    /// The number of periods in a buffer.
    pub periods: RangeInclusive<u32>,
}

impl Hardware {
    /// Returns whether the core can work with it: there is something that a stream can be set to,
    /// and nothing of that is 0, as the core divides by it.
    pub(crate) const fn is_usable(&self) -> bool {
        self.formats.bits() != 0
            && 0 < *self.rates.start()
            && *self.rates.start() <= *self.rates.end()
            && 0 < *self.channels.start()
            && *self.channels.start() <= *self.channels.end()
            && 0 < *self.period_bytes.start()
            && *self.period_bytes.start() <= *self.period_bytes.end()
            // The core counts bytes in 32 bits.
            && *self.period_bytes.end() <= u32::MAX as usize
            && self.buffer_bytes_max <= u32::MAX as usize
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
///             rate: rate..=rate,
///             ..Limits::NONE
///         },
///         None => Limits::NONE,
///     }
/// }
///
/// assert_eq!(limits(Some(48000)).rate, 48000..=48000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The formats that are allowed.
    pub formats: Formats,
    /// The rates, in Hz.
    pub rate: RangeInclusive<u32>,
    /// The numbers of channels.
    pub channels: RangeInclusive<u32>,
    /// The lengths of a period, in bytes.
    pub period_bytes: RangeInclusive<u32>,
}

impl Limits {
    /// No limit but those of the hardware.
    pub const NONE: Self = Self {
        formats: Formats::ALL,
        rate: 0..=u32::MAX,
        channels: 0..=u32::MAX,
        period_bytes: 0..=u32::MAX,
    };

    /// Limits a stream to one format, one rate, one number of channels.
    pub fn exactly(format: Format, rate: u32, channels: u32) -> Self {
        Self {
            formats: format.into(),
            rate: rate..=rate,
            channels: channels..=channels,
            ..Self::NONE
        }
    }
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
            assert!(!format.name().to_bytes().is_empty());
            assert!(i64::from(number) <= Format::MAX);
        }
    }

    #[test]
    fn names() {
        assert!(Format::S24_3LE.name() == c"S24_3LE");
        assert!(Format::DSD_U32_BE.name() == c"DSD_U32_BE");
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
        assert!(limits.rate == (48000..=48000) && limits.channels == (2..=2));
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
}
