// SPDX-License-Identifier: GPL-2.0

//! Both sides of a cable at once.

use support::cable::Cable;
use support::config::Access;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal;

use super::all_work;
use super::race;
use super::test;
use super::Work;
use super::Worker;

const CABLES: [Cable; 2] = [
    Cable {
        device: 0,
        subdevice: 0,
    },
    Cable {
        device: 1,
        subdevice: 7,
    },
];

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "4.6 14.5 17.11 race: both sides configure, prepare, start and close at once",
            formats,
        ),
        test(
            "7.7 14.1 14.3 race: pause, stop and close against the smallest periods",
            smallest,
        ),
    ]
}

/// One side after the other, in threads of their own.
fn both_sides(
    ctx: &Context,
    cables: &[(Cable, [&'static str; 2])],
    round: fn(&mut Worker, Address) -> Outcome,
) -> Outcome {
    let mut works: Vec<Work<'static>> = Vec::new();
    for (cable, names) in cables {
        for (dir, name) in Dir::BOTH.into_iter().zip(names) {
            let side = cable.side(ctx, dir);
            works.push((
                name,
                Box::new(move |worker| {
                    while worker.goes_on() {
                        round(worker, side)?;
                    }
                    Ok(())
                }),
            ));
        }
    }
    race(ctx, works)?;
    all_work(ctx, &CABLES)
}

/// Both sides flip formats and ways of access, so that a START often stops the other side, while
/// that side is being closed or has new parameters.
fn formats(ctx: &Context) -> Outcome {
    both_sides(ctx, &[(CABLES[0], ["playback", "capture"])], flip)
}

fn flip(worker: &mut Worker, side: Address) -> Outcome {
    let mut pcm = Pcm::open(side)?;
    for _ in 0..=worker.random.below(4) {
        let cfg = Config {
            access: worker.random.one_of(&Access::ALL),
            format: worker.random.one_of(&[
                signal::S16_LE,
                signal::S32_LE,
                signal::DSD_U8,
                signal::S24_3LE,
            ]),
            rate: worker.random.one_of(&[8000, 48000, 192_000]),
            channels: worker.random.one_of(&[1, 2, 8]),
            period: worker.random.one_of(&[64, 480]),
            periods: worker.random.one_of(&[2, 8, 32]),
        };
        let made = pcm.configure(&cfg);
        if !worker.tried(made)? {
            continue;
        }
        if side.dir == Dir::Playback {
            let frames = 1 + worker.random.below(cfg.buffer() as u64) as usize;
            let written = pcm.write(&cfg.signal(frames, 1), 0, frames);
            worker.tried(written)?;
        }
        worker.spin();
        if worker.tried(pcm.start())? {
            worker.spin();
            match worker.random.below(4) {
                0 => {
                    pcm.poll(2);
                    let mut heard = cfg.nothing();
                    if side.dir == Dir::Capture {
                        let read = pcm.read(&mut heard, cfg.buffer());
                        worker.tried(read)?;
                    }
                }
                1 => drop(worker.tried(pcm.pause(true))?),
                2 => drop(worker.tried(pcm.drain())?),
                _ => {}
            }
        }
        if worker.random.once_in(2) {
            break; // Closed as it is.
        }
        worker.tried(pcm.stop())?;
        if worker.random.once_in(3) {
            let freed = pcm.hw_free();
            worker.tried(freed)?;
        }
    }
    drop(pcm);
    worker.spin();
    Ok(())
}

/// Buffers of two periods of a fraction of a millisecond: a timer is always about to expire.
fn smallest(ctx: &Context) -> Outcome {
    both_sides(
        ctx,
        &[
            (CABLES[0], ["first playback", "first capture"]),
            (CABLES[1], ["second playback", "second capture"]),
        ],
        interrupt,
    )
}

fn interrupt(worker: &mut Worker, side: Address) -> Outcome {
    let cfg = Config {
        rate: worker.random.one_of(&[48000, 192_000]),
        period: worker.random.one_of(&[16, 17, 48]),
        periods: 2,
        ..USUAL
    };
    let mut pcm = Pcm::open(side)?;
    // The other side may have the other rate.
    let made = pcm.configure(&cfg);
    if !worker.tried(made)? {
        return Ok(());
    }
    let free = worker.random.once_in(2);
    if free {
        pcm.sw_params(u64::MAX)?;
    }
    let noise = cfg.signal(cfg.buffer(), 2);
    for _ in 0..20 {
        match worker.random.below(8) {
            0 => drop(worker.tried(pcm.stop())?),
            1 => drop(worker.tried(pcm.pause(true))?),
            2 => drop(worker.tried(pcm.pause(false))?),
            3 => drop(worker.tried(pcm.drain())?),
            4 => drop(worker.tried(pcm.hwsync())?),
            5 => drop(pcm.poll(1)),
            _ => {
                worker.tried(pcm.prepare())?;
                if side.dir == Dir::Playback {
                    let written = pcm.write(&noise, 0, cfg.buffer());
                    worker.tried(written)?;
                }
                worker.tried(pcm.start())?;
            }
        }
        worker.spin();
    }
    Ok(())
}
