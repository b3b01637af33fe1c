// SPDX-License-Identifier: GPL-2.0

//! HW_REFINE and HW_PARAMS of requests that are drawn, beside peers that are drawn.

use support::cable::Cable;
use support::check;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::elements::Controls;
use support::elements::NOTIFY;
use support::kernel as k;
use support::kernel::HwParams;
use support::kernel::Interval;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::random::Random;
use support::signal::FORMATS;

use super::test;
use super::Both;

const ROUNDS: u64 = 60;
const REQUESTS: u64 = 40;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for dir in Dir::BOTH {
        for notify in [false, true] {
            let on = if notify { "on" } else { "off" };
            tests.push(test(
                format!("3.7 4.2 HW_REFINE and HW_PARAMS of a {dir:?}, drawn, Notify {on}"),
                move |both| drawn(both, dir, notify),
            ));
        }
    }
    tests
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 2,
};
/// A cable whose peer is never opened: what is not constrained.
const ALONE: Cable = Cable {
    device: 0,
    subdevice: 6,
};

/// What the peer has done before the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Closed,
    Open,
    Setup,
    Prepared,
    Running,
    /// Prepared, then without parameters.
    Freed,
    /// Prepared, then closed.
    Gone,
}

const PEERS: [Peer; 7] = [
    Peer::Closed,
    Peer::Open,
    Peer::Setup,
    Peer::Prepared,
    Peer::Running,
    Peer::Freed,
    Peer::Gone,
];

fn draw_config(random: &mut Random) -> Config {
    let format = random.one_of(&FORMATS);
    let channels = random.one_of(&[1, 2, 3, 6, 8, 31, 32]);
    let rate = random.one_of(&[8000, 11025, 22050, 44100, 48000, 96000, 192_000]);
    let bytes = (format.bytes * channels) as u64;
    let least = 64u64.div_ceil(bytes);
    let period = least.max(random.one_of(&[16, 100, 480, 1024]));
    Config {
        access: random.one_of(&Access::ALL),
        format,
        rate,
        channels,
        period: period as u32,
        periods: random.one_of(&[2, 3, 8]),
    }
}

/// The side that is asked, and its peer.
fn bring(
    ctx: &Context,
    dir: Dir,
    peer: Peer,
    cfg: &Config,
    first: bool,
) -> Result<(Pcm, Option<Pcm>), Fail> {
    let other = match dir {
        Dir::Playback => Dir::Capture,
        Dir::Capture => Dir::Playback,
    };
    let early = match first {
        true => Some(Pcm::open(CABLE.side(ctx, dir))?),
        false => None,
    };
    let mut beside = None;
    if peer != Peer::Closed {
        let mut pcm = Pcm::open(CABLE.side(ctx, other))?;
        if peer != Peer::Open {
            pcm.setup(cfg)?;
        }
        if !matches!(peer, Peer::Open | Peer::Setup) {
            pcm.prepare()?;
        }
        if peer == Peer::Running {
            let buffer = cfg.buffer();
            if other == Dir::Playback {
                pcm.write(&cfg.silence(buffer), 0, buffer)?;
            }
            pcm.sw_params(u64::MAX)?;
            pcm.start()?;
        }
        if peer == Peer::Freed {
            pcm.hw_free()?;
        }
        if peer != Peer::Gone {
            beside = Some(pcm);
        }
    }
    let side = match early {
        Some(pcm) => pcm,
        None => Pcm::open(CABLE.side(ctx, dir))?,
    };
    Ok((side, beside))
}

fn draw_number(random: &mut Random) -> u32 {
    let near = random.one_of(&[
        0,
        1,
        2,
        3,
        6,
        8,
        16,
        24,
        32,
        33,
        63,
        64,
        65,
        480,
        1000,
        1023,
        1024,
        1025,
        4096,
        7999,
        8000,
        8001,
        44100,
        48000,
        96000,
        192_000,
        524_288,
        768_000,
        768_001,
        1_048_576,
        2_097_152,
        131_072_000,
        262_144_000,
        u32::MAX,
    ]);
    match random.below(4) {
        0 => (random.number() as u32) >> random.below(32),
        _ => near,
    }
}

fn draw_interval(random: &mut Random) -> Interval {
    let (a, b) = (draw_number(random), draw_number(random));
    let flags = match random.below(6) {
        0 => random.below(16) as u32,
        1 => 4,
        _ => 0,
    };
    let (min, max) = match random.below(5) {
        0 => (a, a),
        1 => (0, a.max(b)),
        2 => (a.min(b), u32::MAX),
        // As no sane client has it.
        3 if random.once_in(8) => (a.max(b), a.min(b)),
        _ => (a.min(b), a.max(b)),
    };
    Interval { min, max, flags }
}

fn draw_request(random: &mut Random) -> HwParams {
    let mut request = HwParams::any();
    for (which, bits) in [(k::ACCESS, 5), (k::FORMAT, 64), (k::SUBFORMAT, 4)] {
        if random.once_in(3) {
            let mask = &mut request.masks[which];
            match random.below(4) {
                0 | 1 => request = request.only(which, random.below(bits) as u32),
                2 => mask[0] = random.number() as u32,
                _ => {
                    mask[0] = random.number() as u32;
                    mask[1] = random.number() as u32;
                }
            }
        }
    }
    let restricted = random.below(5);
    for _ in 0..restricted {
        let which = random.below(12) as usize;
        request.intervals[which] = draw_interval(random);
    }
    if random.once_in(6) {
        request.rmask = random.number() as u32;
    }
    if random.once_in(4) {
        request.flags = random.number() as u32 & 0xf;
    }
    request
}

/// The whole answer in words; of the flags of `info`, those that C knows, and no sync id: that ours
/// has more of both is 3.1's affair.
fn answer(result: Result<HwParams, support::kernel::Errno>) -> String {
    let mut p = match result {
        Ok(p) => p,
        Err(e) => return e.to_string(),
    };
    p.info &= k::INFO_REQUIRED;
    let masks: Vec<String> = p
        .masks
        .iter()
        .map(|m| format!("{:x}.{:x}", m[1], m[0]))
        .collect();
    let intervals: Vec<String> = p
        .intervals
        .iter()
        .map(|i| match i.max {
            // The top of the range is no bound, whichever way it was come by.
            0xffff_fffe.. => format!("{} and up/{:x}", i.min, i.flags & !6),
            _ => format!("{}/{:x}", i, i.flags),
        })
        .collect();
    format!(
        "flags {:x} masks {masks:?} intervals {intervals:?} rmask {:x} cmask {:x} info {:x} msbits \
         {} rate {}/{} fifo {}",
        p.flags,
        p.rmask,
        p.cmask,
        p.info,
        p.msbits,
        p.rate_num,
        p.rate_den,
        p.fifo_size
    )
}

fn drawn(both: &Both, dir: Dir, notify: bool) -> Outcome {
    let controls = both.each(|ctx| Controls::of(ctx, CABLE))?;
    for c in &controls {
        c.set(NOTIFY, i64::from(notify))?;
    }
    let result = rounds(both, dir, notify);
    for c in &controls {
        c.set(NOTIFY, 0)?;
    }
    result
}

fn rounds(both: &Both, dir: Dir, notify: bool) -> Outcome {
    let mut random = Random::of(both.ours.seed ^ ((dir as u64) << 40) ^ (u64::from(notify) << 41));
    let (mut entries, mut refused, mut freed) = (0u64, 0u64, 0u64);
    let mut wrong = Vec::new();
    for round in 0..ROUNDS {
        let peer = random.one_of(&PEERS);
        let cfg = draw_config(&mut random);
        let first = random.once_in(2);
        let [c, ours] = both.each(|ctx| bring(ctx, dir, peer, &cfg, first))?;
        // Where C is still bound by what was, or by Notify: what it says of a cable of its own.
        // (From Linux 7.3.4 on, a playback with Notify has no rules in C. The core then leaves what
        // a request doesn't mark as it came, even if it makes no sense, where ours says what there
        // is.)
        let sticky = matches!(peer, Peer::Freed | Peer::Gone);
        let free = sticky || (notify && dir == Dir::Playback);
        let alone = Pcm::open(ALONE.side(&both.c, dir))?;
        for number in 0..REQUESTS {
            let request = draw_request(&mut random);
            let params = random.once_in(4);
            let ask = |pcm: &Pcm| {
                answer(match params {
                    true => pcm.hw_params(&request),
                    false => pcm.hw_refine(&request),
                })
            };
            let (by_c, by_ours) = (ask(&c.0), ask(&ours.0));
            entries += 1;
            refused += u64::from(by_ours.contains("EINVAL"));
            let want = match free {
                true => ask(&alone),
                false => by_c.clone(),
            };
            freed += u64::from(want != by_c);
            if by_ours == want {
                continue;
            }
            let call = if params { "HW_PARAMS" } else { "HW_REFINE" };
            wrong.push(format!(
                "round {round}, request {number}, peer {peer:?} {cfg:?}, opened first: {first}: \
                 {call} of {}\n  C    {by_c}\n  want {want}\n  ours {by_ours}",
                answer(Ok(request))
            ));
        }
    }
    note(&format!(
        "seed {}: {entries} requests, {refused} refused, {freed} freer than in C (4.4, 4.5)",
        both.ours.seed
    ));
    check!(
        refused > entries / 10 && refused < entries * 9 / 10,
        "{refused} of {entries} refused: nothing is compared"
    );
    check!(freed > 0, "C is as free as ours: 4.4 and 4.5 are not there");
    let count = wrong.len();
    wrong.truncate(5);
    check!(count == 0, "{count} differ:\n{}", wrong.join("\n"));
    Ok(())
}
