// SPDX-License-Identifier: GPL-2.0

//! The hardware description: section 3. Each rule is checked on all four PCM directions.

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel as k;
use support::kernel::HwParams;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;

pub fn tests() -> Vec<Test> {
    let each = |name: &str, run: fn(&mut Pcm) -> Outcome| {
        Test::new("limits", name, move |ctx| on_each(ctx, run))
    };
    vec![
        each("3.1 info flags", info),
        Test::new("limits", "3.1 the sync id is that of the card", sync_start).c_defect("3.1"),
        each("3.2 access modes", access),
        each("3.3 the fifteen formats and no other", formats),
        each("3.4 rates 8000 to 768000", rates),
        each("3.5 channels 1 to 32", channels),
        each("3.6 period and buffer limits", sizes),
        each("3.7 HW_REFINE of any", refine_any),
        each("3.8 HW_PARAMS of any", params_of_any),
        each(
            "3.9 a request for no period wake-ups is accepted",
            no_period_wakeup,
        ),
        Test::new("limits", "3.10 sixteen of the largest streams fit", memory),
        each("3.12 places of the channels in the buffer", channel_info),
    ]
}

fn on_each(ctx: &Context, run: impl Fn(&mut Pcm) -> Outcome) -> Outcome {
    for device in 0..2 {
        for dir in Dir::BOTH {
            let mut pcm = Pcm::open(Address {
                card: ctx.index,
                device,
                subdevice: 1,
                dir,
            })?;
            run(&mut pcm)?;
        }
    }
    Ok(())
}

/// HW_REFINE and HW_PARAMS both refuse the request.
fn refused(pcm: &Pcm, what: &str, request: &HwParams) -> Outcome {
    let refine = format!("HW_REFINE with {what}");
    expect_error(&refine, pcm.hw_refine(request), libc::EINVAL)?;
    let params = format!("HW_PARAMS with {what}");
    expect_error(&params, pcm.hw_params(request), libc::EINVAL)
}

fn any() -> HwParams {
    HwParams::any()
}

fn info(pcm: &mut Pcm) -> Outcome {
    let p = pcm.hw_refine(&any())?;
    let missing = k::INFO_REQUIRED & !p.info;
    check!(missing == 0, "info {:#010x} lacks {missing:#x}", p.info);
    // DOUBLE, BATCH, PERFECT_DRAIN, BLOCK_TRANSFER, HALF_DUPLEX, JOINT_DUPLEX.
    let wrong = p.info & (0x4 | 0x10 | 0x40 | 0x1_0000 | 0x10_0000 | 0x20_0000);
    check!(wrong == 0, "info {:#010x} has {wrong:#x}", p.info);
    check_eq!("fifo size", p.fifo_size, 0);
    Ok(())
}

/// Linked streams of the card start in the same frame, and their clock is one.
fn sync_start(ctx: &Context) -> Outcome {
    let mut card_wide = [0xff; 16];
    card_wide[..4].copy_from_slice(&ctx.index.to_ne_bytes());
    on_each(ctx, |pcm| {
        let p = pcm.hw_refine(&any())?;
        check!(p.info & k::INFO_SYNC_START != 0, "info {:#010x}", p.info);
        check_eq!("sync id", p.sync, card_wide);
        Ok(())
    })
}

fn access(pcm: &mut Pcm) -> Outcome {
    check_eq!("access mask", pcm.hw_refine(&any())?.mask(k::ACCESS), 0x1b);
    for access in Access::ALL {
        pcm.hw_refine(&any().only(k::ACCESS, access as u32))?;
    }
    refused(pcm, "MMAP_COMPLEX", &any().only(k::ACCESS, 2))
}

fn formats(pcm: &mut Pcm) -> Outcome {
    let mask = pcm.hw_refine(&any())?.mask(k::FORMAT);
    check_eq!("format mask", format!("{mask:#018x}"), "0x001f00030000cccc");
    for number in 0..=52u32 {
        let request = any().only(k::FORMAT, number);
        match signal::FORMATS.iter().find(|f| f.number == number) {
            Some(format) => {
                let p = pcm.hw_params(&request)?;
                let bits = p.value(k::SAMPLE_BITS) as usize;
                check_eq!(format!("bits of {}", format.name), bits, format.bytes * 8);
                pcm.hw_free()?;
            }
            None => refused(pcm, &format!("format {number}"), &request)?,
        }
    }
    Ok(())
}

fn rates(pcm: &mut Pcm) -> Outcome {
    for rate in [
        8000, 8001, 11025, 44100, 44101, 48000, 192_001, 384_000, 768_000,
    ] {
        let p = pcm.hw_params(&any().exactly(k::RATE, rate))?;
        check_eq!("rate", p.value(k::RATE), rate);
        check_eq!("rate fraction", (p.rate_num, p.rate_den), (rate, 1));
        pcm.hw_free()?;
    }
    for rate in [0, 1, 5512, 7999, 768_001, u32::MAX] {
        refused(pcm, &format!("rate {rate}"), &any().exactly(k::RATE, rate))?;
    }
    Ok(())
}

fn channels(pcm: &mut Pcm) -> Outcome {
    for channels in 1..=32 {
        let p = pcm.hw_params(&any().exactly(k::CHANNELS, channels))?;
        check_eq!("channels", p.value(k::CHANNELS), channels);
        pcm.hw_free()?;
    }
    for channels in [0, 33, 1024] {
        let request = any().exactly(k::CHANNELS, channels);
        refused(pcm, &format!("{channels} channels"), &request)?;
    }
    Ok(())
}

fn range(p: &HwParams, param: usize) -> (u32, u32) {
    (p.interval(param).min, p.interval(param).max)
}

fn sizes(pcm: &mut Pcm) -> Outcome {
    let stereo = any()
        .only(k::FORMAT, signal::S16_LE.number)
        .exactly(k::CHANNELS, 2);
    let p = pcm.hw_refine(&stereo)?;
    check_eq!(
        "S16 stereo period",
        range(&p, k::PERIOD_SIZE),
        (16, 262_144)
    );
    check_eq!(
        "S16 stereo buffer",
        range(&p, k::BUFFER_SIZE),
        (16, 524_288)
    );
    let wide = any()
        .only(k::FORMAT, signal::S32_LE.number)
        .exactly(k::CHANNELS, 32);
    let p = pcm.hw_refine(&wide)?;
    check_eq!(
        "S32 32 channels period",
        range(&p, k::PERIOD_SIZE),
        (1, 8192)
    );
    check_eq!(
        "S32 32 channels buffer",
        range(&p, k::BUFFER_SIZE),
        (1, 16384)
    );

    let fixed = |period: u32, buffer: u32| {
        stereo
            .exactly(k::PERIOD_SIZE, period)
            .exactly(k::BUFFER_SIZE, buffer)
    };
    let good = [
        (16, 16),
        (16, 16384),
        (100, 300),
        (262_144, 524_288),
        (262_144, 262_144),
    ];
    for (period, buffer) in good {
        let p = pcm.hw_params(&fixed(period, buffer))?;
        check_eq!("periods", p.value(k::PERIODS), buffer / period);
        pcm.hw_free()?;
    }
    let bad = [
        (100, 250, "a part of a period"),
        (15, 30, "a period of 60 bytes"),
        (262_145, 524_290, "a period and a buffer that are too long"),
        (262_144, 524_289, "a buffer that is too long"),
        (16, 16400, "1025 periods"),
        (32, 16, "a period longer than the buffer"),
    ];
    for (period, buffer, what) in bad {
        refused(pcm, what, &fixed(period, buffer))?;
    }
    refused(
        pcm,
        "a buffer of 60 bytes",
        &any().exactly(k::BUFFER_BYTES, 60),
    )?;
    refused(pcm, "no periods", &any().exactly(k::PERIODS, 0))
}

fn refine_any(pcm: &mut Pcm) -> Outcome {
    let p = pcm.hw_refine(&any())?;
    let want = [
        (k::SAMPLE_BITS, "SAMPLE_BITS", "[8 32]"),
        (k::FRAME_BITS, "FRAME_BITS", "[8 1024]"),
        (k::CHANNELS, "CHANNELS", "[1 32]"),
        (k::RATE, "RATE", "[8000 768000]"),
        (k::PERIOD_TIME, "PERIOD_TIME", "(1 131072000]"),
        (k::PERIOD_SIZE, "PERIOD_SIZE", "[1 1048576]"),
        (k::PERIOD_BYTES, "PERIOD_BYTES", "[64 1048576]"),
        (k::PERIODS, "PERIODS", "[1 1024]"),
        (k::BUFFER_TIME, "BUFFER_TIME", "(1 262144000]"),
        (k::BUFFER_SIZE, "BUFFER_SIZE", "[1 2097152]"),
        (k::BUFFER_BYTES, "BUFFER_BYTES", "[64 2097152]"),
    ];
    for (param, name, want) in want {
        check_eq!(name, p.interval(param).to_string(), want);
    }
    check_eq!("SUBFORMAT", p.mask(k::SUBFORMAT), 0x3);
    Ok(())
}

fn params_of_any(pcm: &mut Pcm) -> Outcome {
    let p = pcm.hw_params(&any())?;
    // The core takes the lowest value that is left of each.
    check_eq!(
        "access",
        p.mask(k::ACCESS),
        1 << Access::MmapInterleaved as u32
    );
    check_eq!("format", p.mask(k::FORMAT), 1 << signal::S16_LE.number);
    let values = [k::CHANNELS, k::RATE, k::PERIOD_SIZE, k::BUFFER_SIZE].map(|v| p.value(v));
    check_eq!(
        "channels, rate, period, buffer",
        values,
        [1, 8000, 32, 32768]
    );
    pcm.hw_free()?;
    let request = any()
        .only(k::FORMAT, signal::S16_LE.number)
        .exactly(k::CHANNELS, 2)
        .exactly(k::RATE, 48000);
    let p = pcm.hw_params(&request)?;
    let values = [k::PERIOD_SIZE, k::BUFFER_SIZE].map(|v| p.value(v));
    check_eq!("period and buffer of 48 kHz stereo", values, [16, 16384]);
    pcm.hw_free()?;
    Ok(())
}

fn no_period_wakeup(pcm: &mut Pcm) -> Outcome {
    let mut request = USUAL.request();
    request.flags = k::HW_PARAMS_NO_PERIOD_WAKEUP;
    pcm.hw_params(&request)?;
    pcm.hw_free()?;
    Ok(())
}

fn memory(ctx: &Context) -> Outcome {
    let largest = Config {
        format: signal::S32_LE,
        channels: 32,
        period: 8192,
        periods: 2,
        ..USUAL
    };
    let mut sides = Vec::new();
    for number in 0..32 {
        let cable = Cable {
            device: number / 16,
            subdevice: number / 2 % 8,
        };
        sides.push(Pcm::open(cable.side(ctx, Dir::BOTH[number as usize % 2]))?);
    }
    let mut others = sides.split_off(16);
    for pcm in &mut sides {
        pcm.configure(&largest)?;
    }
    for pcm in &mut others {
        expect_error("a 17th", pcm.setup(&largest), libc::ENOMEM)?;
    }
    sides[0].hw_free()?;
    others[0].configure(&largest)?;
    sides.pop();
    Ok(others[1].configure(&largest)?)
}

fn channel_info(pcm: &mut Pcm) -> Outcome {
    for access in [Access::MmapInterleaved, Access::MmapNoninterleaved] {
        let cfg = Config {
            access,
            format: signal::S24_3LE,
            channels: 6,
            ..USUAL
        };
        pcm.setup(&cfg)?;
        for channel in 0..6 {
            let i = pcm.channel_info(channel)?;
            let want = if access.is_planar() {
                (0, channel * cfg.buffer() as u32 * 24, 24)
            } else {
                (0, channel * 24, 6 * 24)
            };
            let what = format!("{access:?} channel {channel}: offset, first, step");
            check_eq!(what, (i.offset, i.first, i.step), want);
        }
        expect_error("channel 6", pcm.channel_info(6), libc::EINVAL)?;
        pcm.hw_free()?;
    }
    Ok(())
}
