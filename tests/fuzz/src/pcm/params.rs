// SPDX-License-Identifier: GPL-2.0

//! HW_PARAMS and SW_PARAMS.

use support::kernel as k;

use crate::calls::ioctl;
use crate::calls::Answer;
use crate::found;
use crate::input::Record;
use crate::pcm::Config;
use crate::pcm::Prepared;
use crate::values::number;
use crate::values::Noise;
use crate::world::World;

/// Choices that the card has, the usual ones first, and such that it has not.
pub type Choices = (&'static [u32], &'static [u32]);

pub const FORMATS: Choices = (
    &[2, 10, 6, 14, 32, 48, 3, 7, 11, 15, 33, 49, 50, 51, 52],
    &[0, 1, 16, 31, 63],
);
const RATES: Choices = (
    &[
        48_000, 44_100, 8_000, 96_000, 192_000, 768_000, 11_025, 22_050, 8_001, 47_999, 384_000,
        16_000, 32_000,
    ],
    &[7_999, 768_001, 0, u32::MAX],
);
const CHANNELS: Choices = (&[2, 1, 6, 32, 8, 3, 31, 16, 7, 24], &[33, 0, 64, 128]);
const PERIODS: Choices = (
    &[
        256, 64, 1024, 48, 16, 32, 441, 480, 4096, 100, 8192, 17, 240, 192,
    ],
    &[1, 15, 65_536, 262_144],
);
const COUNTS: Choices = (&[4, 2, 8, 3, 16, 1, 5, 64], &[0, 1024, 1025]);
const ACCESSES: Choices = (&[3, 0, 4, 1], &[2, 5]);

fn pick((usual, others): Choices, byte: u8) -> u32 {
    let choices = if byte < 0xf0 { usual } else { others };
    choices[usize::from(byte) % choices.len()]
}

/// The parameters that a record asks for.
pub(super) fn hw_params(record: &Record) -> k::HwParams {
    let [format, rate, channels, period, count, access] = record.bytes;
    let wide = record.wide;
    let mut params = k::HwParams::any();
    // The highest bits: which parameters are left open, and whether there is garbage.
    let open = if wide >> 61 == 6 {
        wide >> 56 & 0x3f
    } else {
        0
    };
    if open & 1 == 0 {
        params = params.only(k::ACCESS, pick(ACCESSES, access));
    }
    if open & 2 == 0 {
        params = params.only(k::FORMAT, pick(FORMATS, format));
    }
    for (bit, param, value) in [
        (4, k::CHANNELS, pick(CHANNELS, channels)),
        (8, k::RATE, pick(RATES, rate)),
        (16, k::PERIOD_SIZE, pick(PERIODS, period)),
        (32, k::PERIODS, pick(COUNTS, count)),
    ] {
        if open & bit == 0 {
            params = params.exactly(param, value);
        }
    }
    if access & 0x60 == 0x60 {
        // NORESAMPLE, EXPORT_BUFFER, NO_PERIOD_WAKEUP
        params.flags = u32::from(access >> 2 & 7);
    }
    if wide >> 61 == 7 {
        garble(&mut params, wide);
    }
    params
}

/// Puts garbage into some words of the parameters.
fn garble(params: &mut k::HwParams, wide: u64) {
    let mut noise = Noise::new(wide);
    // SAFETY: The structure is words and arrays of words, without padding, and takes any value.
    let words = unsafe {
        std::slice::from_raw_parts_mut(
            (params as *mut k::HwParams).cast::<[u8; 4]>(),
            size_of::<k::HwParams>() / 4,
        )
    };
    for _ in 0..1 + noise.below(4) {
        // Masks, intervals, or anything.
        let at = match noise.below(4) {
            0 => 1 + noise.below(24),
            1 | 2 => 65 + noise.below(36),
            _ => noise.below(words.len()),
        };
        noise.fill(&mut words[at]);
    }
}

impl World<'_> {
    pub(super) fn params(&mut self, record: &Record) -> Answer {
        let stream = self.stream(record)?;
        let mut params = hw_params(record);
        // What the last configuration was holds no longer, even if this fails.
        let answer = ioctl(stream.fd.0, k::HW_PARAMS, &mut params);
        match answer {
            Err(libc::EBADFD | libc::EBUSY) => return answer,
            // The core frees what there was.
            Err(libc::EINVAL | libc::ENOMEM) => stream.prepared = Prepared::Not,
            Err(_) => stream.know_nothing(),
            Ok(_) if matches!(stream.prepared, Prepared::Not) => {}
            Ok(_) => stream.prepared = Prepared::Unknown,
        }
        stream.config = None;
        answer?;
        let [buffer, period, channels, rate, bits] = [
            k::BUFFER_SIZE,
            k::PERIOD_SIZE,
            k::CHANNELS,
            k::RATE,
            k::FRAME_BITS,
        ]
        .map(|param| u64::from(params.value(param)));
        let frame_bytes = bits / 8;
        // What the card says of itself.
        let formats: u64 = FORMATS.0.iter().map(|format| 1 << format).sum();
        let is_true = params.mask(k::FORMAT) & !formats == 0
            && (1..=32).contains(&channels)
            && (8_000..=768_000).contains(&rate)
            && (64..=1 << 20).contains(&(period * frame_bytes))
            && (1..=1024).contains(&(buffer / period))
            && buffer % period == 0
            && buffer * frame_bytes <= 2 << 20;
        if !is_true {
            found(&format!(
                "HW_PARAMS settled formats {:#x}, {rate} Hz, {channels} channels, {buffer} frames \
                 of {frame_bytes} bytes, periods of {period}",
                params.mask(k::FORMAT)
            ));
        }
        let mut boundary = buffer;
        while boundary * 2 <= i64::MAX as u64 - buffer {
            boundary *= 2;
        }
        stream.config = Some(Config {
            buffer,
            period,
            format: params.mask(k::FORMAT).trailing_zeros(),
            rate,
            channels,
            frame_bytes,
            interleaved: params.mask(k::ACCESS) & 0b1001 != 0,
            mapped: params.mask(k::ACCESS) & 0b11 != 0,
            boundary,
        });
        Ok(0)
    }

    pub(super) fn software(&mut self, record: &Record) -> Answer {
        let stream = self.stream(record)?;
        // It may go by another clock.
        stream.stamp = None;
        let sizes = stream.sizes();
        let (period, buffer, boundary) = (sizes.period, sizes.buffer, sizes.boundary);
        let [mode, avail, start, stop, threshold, silence] = record.bytes;
        let wide = record.wide;
        let mut params = k::SwParams {
            tstamp_mode: i32::from(!mode & 1),
            tstamp_type: u32::from(mode >> 1 & 3),
            period_step: 1,
            sleep_min: u32::from(mode >= 0xf0),
            proto: if mode & 8 == 0 { 0x2_0012 } else { 0 },
            avail_min: number(avail, wide, &[period, 1, buffer, period / 2, buffer + 1]),
            start_threshold: number(start, wide >> 8, &[1, period, buffer, boundary]),
            stop_threshold: number(stop, wide >> 16, &[buffer, boundary, period, buffer * 2]),
            silence_threshold: number(threshold, wide >> 24, &[0, period, buffer]),
            silence_size: number(silence, wide >> 32, &[0, boundary, period, buffer]),
            ..k::SwParams::default()
        };
        let answer = ioctl(stream.fd.0, k::SW_PARAMS, &mut params)?;
        if stream.config.is_some() && params.boundary != boundary {
            found(&format!(
                "SW_PARAMS: the boundary is {}, not {boundary}",
                params.boundary
            ));
        }
        Ok(answer)
    }
}
