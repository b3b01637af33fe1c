// SPDX-License-Identifier: GPL-2.0

//! What shows only after a long time: a hole in an hour of sound, a little memory lost each time.
//!
//! The lengths are in the guest's time, and mean something only under the counted clock: a host
//! that is busy would make holes of its own.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use support::cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::Status;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;
use support::signal::Audio;

use super::Outcome;
use super::CABLE;

const DAY: u64 = 24 * 3600;
const OPENS: usize = 10_000;
const LOADS: usize = 1_000;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("soak", name, run).limit(DAY);
    vec![
        test("5.1 17.16 a long ramp at 48 kHz has no hole", |ctx| {
            ramp(ctx, &USUAL)
        }),
        test(
            "5.1 3.3 a long ramp at 768 kHz, 32 channels, S32 has no hole",
            |ctx| {
                let cfg = Config {
                    format: signal::S32_LE,
                    rate: 768_000,
                    channels: 32,
                    period: 4096,
                    periods: 4,
                    ..USUAL
                };
                ramp(ctx, &cfg)
            },
        ),
        test("14.1 10000 times open and close take no memory", opens),
        test("13.1 1000 times load and unload take no memory", loads),
    ]
}

/// Numbers in place of sound: each 32-bit word is one more than the one before it. Word 0 would be
/// silence in the first frame; so they begin at 1.
struct Ramp {
    next: u32,
    words: Vec<u32>,
}

impl Ramp {
    fn new() -> Self {
        Ramp {
            next: 1,
            words: Vec::new(),
        }
    }

    /// Fills `audio`, whose frames are whole words.
    fn fill(&mut self, audio: &mut Audio, frames: usize) {
        let bytes = &mut audio.planes[0];
        bytes.resize(frames * audio.unit, 0);
        for word in bytes.chunks_exact_mut(4) {
            word.copy_from_slice(&self.next.to_le_bytes());
            self.next = self.next.wrapping_add(1);
        }
    }

    /// The first frame of `audio` that is not the ramp's next one.
    fn check(&mut self, audio: &Audio, from: usize) -> Option<usize> {
        let bytes = &audio.planes[0][from * audio.unit..];
        self.words.clear();
        self.words.extend(
            bytes
                .chunks_exact(4)
                .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])),
        );
        // Without a branch for each word; which one it is, is looked for if there is one.
        let mut wrong = 0;
        for (number, word) in self.words.iter().enumerate() {
            wrong |= word ^ self.next.wrapping_add(number as u32);
        }
        if wrong != 0 {
            let differs =
                |(number, word): (usize, &u32)| *word != self.next.wrapping_add(number as u32);
            let at = self.words.iter().enumerate().position(differs)?;
            return Some(from + at * 4 / audio.unit);
        }
        self.next = self.next.wrapping_add(self.words.len() as u32);
        None
    }
}

/// Position and time of a stream, at one moment.
fn moment(pcm: &Pcm) -> Result<(u64, i64), Fail> {
    let Status { hw_ptr, tstamp, .. } = pcm.status()?;
    Ok((hw_ptr, tstamp.ns()))
}

/// `ctx.minutes` of a ramp through a cable. Each frame arrives once, in its place, and in its time.
fn ramp(ctx: &Context, cfg: &Config) -> Outcome {
    let total = u64::from(cfg.rate) * 60 * ctx.minutes;
    let (mut play, mut rec) = CABLE.open(ctx, cfg, cfg)?;
    let (mut sent, mut heard) = (Ramp::new(), Ramp::new());
    let (mut out, mut into) = (cfg.nothing(), cfg.nothing());
    let mut at = 0;

    sent.fill(&mut out, cfg.buffer());
    check_eq!(
        "the first frames written",
        play.write(&out, 0, cfg.buffer())?,
        cfg.buffer()
    );
    sent.fill(&mut out, cfg.period as usize);
    rec.start()?;
    play.start()?;
    let mut begun = [moment(&play)?, moment(&rec)?];

    let (mut frames, mut minutes, mut silent) = (0u64, 0, 0u64);
    while frames < total {
        into.planes[0].clear();
        rec.read(&mut into, cfg.buffer())?;
        let from = if frames == 0 {
            // The recording began a little earlier.
            let sound = into.first_sound(0).unwrap_or(into.len());
            silent += sound as u64;
            check!(silent < u64::from(cfg.rate), "nothing but silence arrives");
            sound
        } else {
            0
        };
        if let Some(wrong) = heard.check(&into, from) {
            return Err(Fail::Wrong(format!(
                "after {} good frames, one is not the ramp's: {:02x?}",
                frames + (wrong - from) as u64,
                &into.planes[0][wrong * into.unit..][..into.unit]
            )));
        }
        frames += (into.len() - from) as u64;

        at += play.write(&out, at, out.len() - at)?;
        if at == out.len() {
            sent.fill(&mut out, cfg.period as usize);
            at = 0;
            at += play.write(&out, at, out.len())?;
        }

        let done = frames / u64::from(cfg.rate) / 60;
        if done > minutes {
            minutes = done;
            eprintln!("# {} Hz: {minutes} of {} minutes", cfg.rate, ctx.minutes);
        }
        let mut fds = [rec.pollfd(), play.pollfd()];
        check!(
            poll(&mut fds, 2000),
            "no wake-up for 2 s after {frames} frames"
        );
    }

    // The speed: to the frame, from the first minute to the last.
    for (pcm, begun) in [&play, &rec].into_iter().zip(&mut begun) {
        let (hw_ptr, ns) = moment(pcm)?;
        let expected = (ns - begun.1) as f64 * f64::from(cfg.rate) / 1e9;
        // The positions of a stream wrap only after 2^62 frames.
        let off = (hw_ptr - begun.0) as f64 - expected;
        check!(
            off.abs() < 2.0,
            "{:?}: {off:.1} frames off after {:.0} s",
            pcm.dir,
            (ns - begun.1) as f64 / 1e9
        );
    }
    note(&format!(
        "{frames} frames of {} bytes, {minutes} minutes",
        cfg.frame_bytes()
    ));
    Ok(())
}

/// The kernel's memory: objects of each slab cache, and what is not free, in KiB.
struct Memory {
    slabs: BTreeMap<String, usize>,
    used: usize,
}

impl Memory {
    fn now() -> Result<Self, Fail> {
        // What the kernel can give back, it shall give back first.
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        let slabs = fs::read_to_string("/proc/slabinfo")?
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.to_string(), words.next()?.parse().ok()?))
            })
            .collect();
        let text = fs::read_to_string("/proc/meminfo")?;
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .find_map(|value| value.trim().split(' ').next()?.parse::<usize>().ok())
                .ok_or(format!("no {name} in /proc/meminfo"))
        };
        Ok(Memory {
            slabs,
            used: field("MemTotal")? - field("MemFree")? - field("Cached")? - field("Buffers")?,
        })
    }

    /// How many objects and KiB there are more than `before`, of the caches that have grown.
    fn since(&self, before: &Memory) -> Result<Growth, Fail> {
        check!(self.slabs.len() > 20, "no figures in /proc/slabinfo");
        let grown = |(name, count): (&String, &usize)| {
            let had = before.slabs.get(name).copied().unwrap_or(0);
            Some((name.clone(), count.checked_sub(had)?))
        };
        Ok(Growth {
            slabs: self.slabs.iter().filter_map(grown).collect(),
            kib: self.used as i64 - before.used as i64,
        })
    }
}

struct Growth {
    slabs: BTreeMap<String, usize>,
    kib: i64,
}

impl Growth {
    /// Fails if what was done `times` times took what `times` small pieces would make: an object in
    /// each tenth of them, or 100 bytes each.
    fn check(&self, times: usize) -> Outcome {
        note(&format!(
            "{times} times: {} KiB more in use than before",
            self.kib
        ));
        let too_many = |(name, count): (&String, &usize)| {
            (*count > times / 10).then(|| format!("{name} by {count} objects"))
        };
        let grown: Vec<String> = self.slabs.iter().filter_map(too_many).collect();
        check!(
            grown.is_empty(),
            "after {times} times grew {}",
            grown.join(", ")
        );
        // Whole pages that processors keep at hand for themselves come and go.
        check!(
            self.kib < times as i64 * 100 / 1024 + 1024,
            "after {times} times {} KiB more are in use",
            self.kib
        );
        Ok(())
    }
}

/// Runs `once` until the memory has found its level, then `times` times more.
fn growth(times: usize, mut once: impl FnMut(usize) -> Outcome) -> Result<Growth, Fail> {
    for round in 0..times / 10 {
        once(round)?;
    }
    let before = Memory::now()?;
    for round in 0..times {
        once(round)?;
        if round % (times / 10) == times / 10 - 1 {
            eprintln!("# {} of {times} times", round + 1);
        }
    }
    Memory::now()?.since(&before)
}

/// All sides in turn: opened only, set up, prepared, running with its peer.
fn opens(ctx: &Context) -> Outcome {
    let grown = growth(OPENS, |round| {
        let cable = cable::Cable {
            device: round as u32 / 8 % 2,
            subdevice: round as u32 % 8,
        };
        let dir = Dir::BOTH[round / 16 % 2];
        let mut pcm = Pcm::open(cable.side(ctx, dir))?;
        match round / 32 % 4 {
            0 => {}
            1 => pcm.setup(&USUAL)?,
            2 => pcm.configure(&USUAL)?,
            _ => {
                pcm.configure(&USUAL)?;
                let other = Dir::BOTH[1 - round / 16 % 2];
                let mut peer = Pcm::open(cable.side(ctx, other))?;
                peer.configure(&USUAL)?;
                for pcm in [&mut pcm, &mut peer] {
                    if pcm.dir == Dir::Playback {
                        pcm.write(&USUAL.silence(USUAL.buffer()), 0, USUAL.buffer())?;
                    }
                    pcm.start()?;
                }
            }
        }
        Ok(())
    })?;
    grown.check(OPENS)
}

/// Nothing of a card that is gone stays in memory, nor of the module.
fn loads(ctx: &Context) -> Outcome {
    let run = |program: &str, module: &str| -> Outcome {
        let status = Command::new(program).arg(module).status()?;
        check!(status.success(), "{program} {module}: {status}");
        Ok(())
    };
    run("rmmod", &ctx.module)?;
    let card = format!("/proc/asound/{}", ctx.card);
    let grown = growth(LOADS, |round| {
        run("modprobe", &ctx.module)?;
        check!(fs::exists(&card)?, "no {card} after {round} times");
        run("rmmod", &ctx.module)
    })?;
    grown.check(LOADS)?;
    run("modprobe", &ctx.module)
}
