// SPDX-License-Identifier: GPL-2.0

//! What a PCM device of a loopback card can do.

use alsa::pcm::{
    Format,
    Formats,
    Hardware,
    Info,
    InfoFlags, //
};

/// What every stream can do, of any card.
pub(crate) const HARDWARE: Hardware = Hardware {
    info: InfoFlags::of(&[
        Info::Mmap,
        Info::Interleaved,
        Info::Noninterleaved,
        Info::Pause,
        Info::Resume,
        Info::NoPeriodWakeup,
        Info::SyncStart,
        Info::DrainTrigger,
        Info::LinkTime,
        Info::LinkAbsoluteTime,
        Info::LinkSynchronizedTime,
    ]),
    formats: Formats::of(&[
        Format::S16_LE,
        Format::S16_BE,
        Format::S24_LE,
        Format::S24_BE,
        Format::S24_3LE,
        Format::S24_3BE,
        Format::S32_LE,
        Format::S32_BE,
        Format::FLOAT_LE,
        Format::FLOAT_BE,
        Format::DSD_U8,
        Format::DSD_U16_LE,
        Format::DSD_U16_BE,
        Format::DSD_U32_LE,
        Format::DSD_U32_BE,
    ]),
    rates: 8000..=768_000,
    // Most cards have less.
    channels: 1..=256,
    buffer_bytes_max: 2 * 1024 * 1024,
    period_bytes: 64..=1024 * 1024,
    periods: 1..=1024,
};
