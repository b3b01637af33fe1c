// SPDX-License-Identifier: GPL-2.0

//! What is played is what is recorded: every frame, in every format, layout and access mode.

use support::cable;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::USUAL;
use support::kernel::is_checked;
use support::kernel::is_realtime;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;
use support::signal::Expect;
use support::signal::Format;
use support::signal::FORMATS;

pub const RATES: [u32; 8] = [8000, 11025, 44100, 48000, 96000, 192_000, 384_000, 768_000];
const CHANNELS: [usize; 4] = [1, 2, 6, 32];

/// So many bytes per second all four access modes together are served in any guest.
const AFFORDABLE: u64 = 6_200_000;
/// Bytes per second above which a buffer is too short-lived to be refilled in real time.
const FAST: u64 = 16_000_000;
const MAX_BUFFER: u64 = 2_097_152;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    // Each format with each number of channels, and each number of channels at each rate: a format
    // at each rate is for `matrix`.
    for (number, format) in FORMATS.into_iter().enumerate() {
        for channels in CHANNELS {
            let frame = (format.bytes * channels) as u64;
            let affordable = |r: &&u32| u64::from(**r) * frame <= AFFORDABLE;
            let rates: Vec<&u32> = RATES.iter().rev().filter(affordable).collect();
            let rate = *rates[number % rates.len()];
            let name = format!(
                "3.3 3.4 {} with {channels} channels at {rate} Hz is exact in all access modes",
                format.name
            );
            let test = Test::new("data", name, move |ctx| {
                at_once(ctx, format, rate, channels)
            });
            tests.push(test.one_of_many());
        }
    }
    // What is left of the rates: those that are too much for any format of two bytes.
    for (number, rate) in RATES.into_iter().enumerate() {
        for channels in CHANNELS {
            if u64::from(rate) * channels as u64 * 2 <= AFFORDABLE {
                continue;
            }
            let format = FORMATS[number % 2];
            let name = format!(
                "3.4 {rate} Hz with {channels} channels of {} is exact in all access modes",
                format.name
            );
            let test = Test::new("data", name, move |ctx| {
                at_once(ctx, format, rate, channels)
            });
            tests.push(test.one_of_many());
        }
    }
    for channels in [1, 2, 3, 6, 32] {
        let name = format!(
            "6.3 interleaved to not interleaved and back, {channels} channels, exact in each width"
        );
        tests.push(Test::new("data", name, move |ctx| {
            // A format of each width: it is all that turning knows of a sample.
            let formats = [
                signal::DSD_U8,
                signal::S16_LE,
                signal::S24_3LE,
                signal::S32_LE,
            ];
            formats
                .into_iter()
                .try_for_each(|format| across(ctx, format, channels))
        }));
    }
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("data", name, run);
    tests.extend([
        test(
            "2.6 sixteen cables at once, a different signal each",
            sixteen_cables,
        ),
        test("2.6 a playback is heard on its own cable only", isolation),
    ]);
    tests
}

/// Every format at every rate with every number of channels: meant for the counted clock.
pub fn matrix() -> Vec<Test> {
    let mut tests = Vec::new();
    for format in FORMATS {
        for rate in RATES {
            let name = format!("3.3 {} at {rate} Hz, 1 2 6 32 channels, exact", format.name);
            let run = move |ctx: &Context| {
                CHANNELS
                    .into_iter()
                    .try_for_each(|channels| all_accesses(ctx, format, rate, channels))
            };
            tests.push(Test::new("matrix", name, run).limit(120));
        }
    }
    tests
}

/// The four access modes, each with its cable.
fn accesses(
    format: Format,
    rate: u32,
    channels: usize,
    ms: u64,
) -> impl Iterator<Item = (Access, Cable, Config)> {
    Access::ALL
        .into_iter()
        .enumerate()
        .map(move |(number, access)| {
            let cable = Cable {
                device: number as u32 % 2,
                subdevice: (format.number + number as u32) % 8,
            };
            (access, cable, shape(access, format, rate, channels, ms))
        })
}

fn within<T>(access: Access, result: Result<T, Fail>) -> Result<T, Fail> {
    result.map_err(|e| match e {
        Fail::Wrong(text) => Fail::Wrong(format!("{access:?}: {text}")),
        other => other,
    })
}

/// One after the other: for the counted clock, which skips the time that nothing is done in.
fn all_accesses(ctx: &Context, format: Format, rate: u32, channels: usize) -> Outcome {
    for (access, cable, cfg) in accesses(format, rate, channels, 80) {
        within(access, unless_stalled(|| one(ctx, cable, &cfg)))?;
    }
    Ok(())
}

/// All four at once, for the sake of time, unless one alone is as much as the guest can serve.
fn at_once(ctx: &Context, format: Format, rate: u32, channels: usize) -> Outcome {
    if u64::from(rate) * (format.bytes * channels) as u64 > FAST {
        if is_checked() && is_realtime()? {
            let why = "such a kernel takes as long to copy the largest buffer as that lasts";
            return Err(Fail::Skip(why.into()));
        }
        return all_accesses(ctx, format, rate, channels);
    }
    unless_stalled(|| {
        let mut sessions = Vec::new();
        for (access, cable, cfg) in accesses(format, rate, channels, 120) {
            sessions.push(within(access, session(ctx, cable, &cfg))?);
        }
        cable::run(&mut sessions)?;
        for (session, access) in sessions.iter().zip(Access::ALL) {
            within(access, session.verify(Expect::Whole))?;
        }
        Ok(())
    })
}

/// Sides whose samples lie differently, in buffers of different lengths.
fn across(ctx: &Context, format: Format, channels: usize) -> Outcome {
    use Access::*;
    let pairs = [
        (RwInterleaved, RwNoninterleaved),
        (RwNoninterleaved, RwInterleaved),
        (MmapInterleaved, MmapNoninterleaved),
        (MmapNoninterleaved, MmapInterleaved),
    ];
    unless_stalled(|| {
        let mut sessions = Vec::new();
        for (number, (play, rec)) in (0..).zip(pairs) {
            let cable = Cable {
                device: number % 2,
                subdevice: number + 2,
            };
            let play = shape(
                play,
                format,
                48000,
                channels,
                30 * channels.clamp(4, 8) as u64,
            );
            let rec = Config {
                period: play.period + 7,
                ..shape(
                    rec,
                    format,
                    48000,
                    channels,
                    40 * channels.clamp(4, 8) as u64,
                )
            };
            let (p, r) = cable.open(ctx, &play, &rec)?;
            let source = play.signal(play.buffer() * 5 / 2, 0x64 + u64::from(number));
            sessions.push(Session::new(p, r, source));
        }
        // All at once, for the sake of time, unless that is too much.
        if channels > 6 {
            sessions.iter_mut().try_for_each(Session::run)?;
        } else {
            cable::run(&mut sessions)?;
        }
        for (session, (play, _)) in sessions.iter().zip(pairs) {
            within(play, session.verify(Expect::Whole))?;
        }
        Ok(())
    })
}

/// A buffer of eight periods that lasts `ms`, within the limits of 3.6.
fn shape(access: Access, format: Format, rate: u32, channels: usize, ms: u64) -> Config {
    let frame = (format.bytes * channels) as u64;
    let most = if u64::from(rate) * frame > FAST {
        MAX_BUFFER
    } else {
        MAX_BUFFER / 2
    };
    let buffer = (u64::from(rate) * ms / 1000).clamp(8 * 64_u64.div_ceil(frame), most / frame);
    Config {
        access,
        format,
        rate,
        channels,
        period: (buffer / 8) as u32,
        periods: 8,
    }
}

/// A stream that goes round both buffers more than twice. If the buffers last less than what a busy
/// host may take away from the guest, the stream is in the playback buffer before it starts, and is
/// placed so that it goes round the end of the capture buffer.
fn one(ctx: &Context, cable: Cable, cfg: &Config) -> Outcome {
    let mut session = session(ctx, cable, cfg)?;
    session.run()?;
    session.verify(Expect::Whole)
}

fn session(ctx: &Context, cable: Cable, cfg: &Config) -> Result<Session, Fail> {
    let fast = u64::from(cfg.rate) * cfg.frame_bytes() as u64 > FAST;
    let buffer = cfg.buffer();
    let frames = if fast { buffer / 4 } else { buffer * 11 / 5 };
    let seed = (u64::from(cfg.rate) << 16) | (u64::from(cfg.format.number) << 8) | 1;
    let mut session = Session::open(ctx, cable, cfg, cfg.signal(frames, seed))?;
    if fast {
        session.lead = buffer * 9 / 10;
        session.tail = buffer / 8;
    }
    Ok(session)
}

fn sixteen_cables(ctx: &Context) -> Outcome {
    let cfg = Config {
        periods: 16,
        ..USUAL
    };
    unless_stalled(|| {
        let mut sessions = Vec::new();
        for number in 0..16 {
            let cable = Cable {
                device: number / 8,
                subdevice: number % 8,
            };
            let source = cfg.signal(cfg.buffer() * 5 / 2, 0x100 + u64::from(number));
            sessions.push(Session::open(ctx, cable, &cfg, source)?);
        }
        cable::run(&mut sessions)?;
        for (number, session) in sessions.iter().enumerate() {
            session.verify(Expect::Whole).map_err(|e| match e {
                Fail::Wrong(why) => Fail::Wrong(format!("cable {number}: {why}")),
                other => other,
            })?;
        }
        Ok(())
    })
}

fn isolation(ctx: &Context) -> Outcome {
    // Nobody reads from the others meanwhile: their buffers hold what is played, and as much again for a slow
    // kernel, in which it takes a tenth of a second to prepare them all.
    let cfg = Config {
        periods: 64,
        ..USUAL
    };
    let playing = Cable {
        device: 0,
        subdevice: 3,
    };
    let mut others = Vec::new();
    for number in 0..16 {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        if cable != playing {
            let mut rec = cable.capture(ctx)?;
            rec.configure(&cfg)?;
            rec.start()?;
            others.push((number, rec));
        }
    }
    let mut session = Session::open(ctx, playing, &cfg, cfg.signal(9600, 7))?;
    session.tail = 480;
    session.run()?;
    session.verify(Expect::Whole)?;
    for (number, mut rec) in others {
        let mut heard = cfg.nothing();
        let frames = rec.read(&mut heard, cfg.buffer())?;
        check!(
            frames >= 9600,
            "cable {number}: only {frames} frames recorded"
        );
        check_eq!(
            format!("cable {number}: first sound"),
            heard.first_sound(0),
            None
        );
    }
    Ok(())
}
