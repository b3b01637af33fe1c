// SPDX-License-Identifier: GPL-2.0

//! What one client can do to the others, and to the machine.

mod alone;
mod beside;
mod crowd;
mod drained;

use support::config::Access;
use support::config::Config;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;

use alone::leave_alone;
use crowd::by_ticks;
use crowd::crowd;
use crowd::half;
use crowd::prepared_anew;
use crowd::urgent_close;
use crowd::watched;
use crowd::well_behaved;
use drained::drained_for_ever;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("hostile", name, run);
    vec![
        test(
            "3.6 15 cables with periods of a frame leave the 16th alone",
            |ctx| {
                let one_frame = Config {
                    format: signal::S32_LE,
                    channels: 32,
                    period: 1,
                    ..HASTY
                };
                leave_alone(ctx, &one_frame)
            },
        ),
        test(
            "3.6 hundreds who watch one stream leave three quarters of the machine",
            |ctx| {
                // They take a quarter, and the clock's own interrupts a little.
                watched(ctx, 1, |alone| alone * 3 / 2)
            },
        ),
        test(
            "3.6 whoever prepares a stream anew after each period gets no more interrupts",
            prepared_anew,
        ),
        test(
            "3.6 periods of 16 frames come on time, on as many cables as half of the processor can \
             serve",
            well_behaved,
        ),
        test(
            "3.6 7.8 by the ticks of a timer, streams are told and drains end, however much others owe",
            by_ticks,
        ),
        test(
            "11.6 a program of real-time priority closes cables by ticks",
            urgent_close,
        ),
        Test::new(
            "crowd",
            "3.6 hundreds who watch each of twelve streams leave half of a processor",
            // Twelve quarters would be all of both.
            |ctx| watched(ctx, 12, half),
        ),
        Test::new(
            "crowd",
            "3.6 all streams of 32 cards, one with hundreds who watch it, leave half of a \
             processor",
            crowd,
        )
        .limit(600),
        Test::new(
            "parallel",
            "7.8 DRAIN of a buffer of two frames, not asked for long, leaves its processor alone",
            drained_for_ever,
        )
        .limit(300),
    ]
}

/// The shortest periods of one channel, at the greatest rate: 83 us.
const HASTY: Config = Config {
    access: Access::RwInterleaved,
    format: signal::DSD_U8,
    rate: 768_000,
    channels: 1,
    period: 64,
    periods: 1024,
};
