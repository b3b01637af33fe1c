// SPDX-License-Identifier: GPL-2.0

//! Which bytes of a buffer are written.

use support::cable::cable_works;
use support::cable::record;
use support::cable::Session;
use support::check;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;
use support::signal::Expect;

use super::test;
use crate::tests::secrets::View;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "462494565c27 all sixteen pairs of ways of access",
            all_pairs,
        ),
        test(
            "report of 2017: PREPARE after HW_PARAMS with another buffer fills that buffer and no more",
            other_buffers,
        ),
    ]
}

fn all_pairs(ctx: &Context) -> Outcome {
    for play in Access::ALL {
        for rec in Access::ALL {
            let cfg = |access| Config {
                access,
                format: signal::S24_3LE,
                channels: 3,
                ..LONG
            };
            let what = format!("{play:?} to {rec:?}");
            unless_stalled(|| {
                let (p, r) = CABLE.open(ctx, &cfg(play), &cfg(rec))?;
                let mut session = Session::new(p, r, cfg(play).signal(9600, 0x4624));
                session.tail = 4800;
                session.run()?;
                session.verify(Expect::Whole)
            })
            .map_err(|fail| match fail {
                Fail::Wrong(text) => Fail::Wrong(format!("{what}: {text}")),
                other => other,
            })?;
        }
    }
    Ok(())
}

/// A capture whose buffer gets smaller and larger. All of a new buffer is silence, and behind it,
/// in the page that it ends in, nothing is written; nor by what comes in, nor by the silence after
/// that.
fn other_buffers(ctx: &Context) -> Outcome {
    let shapes = [
        (4096, 4),
        (100, 3),
        (1000, 2),
        (64, 1),
        (333, 7),
        (2048, 32),
        (16, 5),
        (1024, 3),
    ];
    for format in [signal::DSD_U8, signal::S24_3LE] {
        let silence = if format.number == signal::DSD_U8.number {
            0x69
        } else {
            0
        };
        for access in [Access::MmapInterleaved, Access::MmapNoninterleaved] {
            let mut rec = CABLE.capture(ctx)?;
            for round in 0..40 {
                let (period, periods) = shapes[(round * 3 + round / 8) % shapes.len()];
                let cfg = Config {
                    access,
                    format,
                    channels: 3,
                    period,
                    periods,
                    ..LONG
                };
                if u64::from(period) * cfg.frame_bytes() as u64 % 64 != 0 && period < 64 {
                    continue;
                }
                rec.setup(&cfg)?;
                let buffer = View::buffer(&rec, &cfg)?;
                rec.prepare()?;
                let bytes = cfg.buffer() * cfg.frame_bytes();
                let wrong = |what: &str| -> Outcome {
                    for at in 0..buffer.bytes() {
                        let want = if at < bytes { silence } else { 0 };
                        check!(
                            buffer.byte(at) == want || (at < bytes && what != "PREPARE"),
                            "{access:?}, {} periods of {period}: byte {at} of {bytes} is {:#x} \
                             after {what}",
                            periods,
                            buffer.byte(at)
                        );
                    }
                    Ok(())
                };
                wrong("PREPARE")?;
                rec.sw_params(u64::MAX)?;
                rec.start()?;
                let mut play = CABLE.playback(ctx)?;
                play.configure(&cfg)?;
                play.sw_params(u64::MAX)?;
                play.write(&cfg.signal(cfg.buffer(), 0x2017), 0, cfg.buffer())?;
                play.start()?;
                // More than a buffer of a small one; of a large one, a part.
                record(&mut rec, 480.min(cfg.buffer()))?;
                drop(play);
                record(&mut rec, 16)?;
                wrong("a stream")?;
                rec.stop()?;
            }
        }
    }
    cable_works(ctx, CABLE)
}
