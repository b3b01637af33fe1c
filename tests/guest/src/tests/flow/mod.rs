// SPDX-License-Identifier: GPL-2.0

//! Starting, stopping, running dry and over, rewinding: sections 5, 6.9 to 6.11, 7.

mod alone;
mod order;
mod silence;

use std::time::Duration;

use support::config::Access;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;

use alone::capture_alone;
use alone::overrun;
use alone::playback_alone;
use order::bad_start;
use order::capture_first;
use order::close_playback;
use order::linked;
use order::playback_first;
use order::restart;
use order::restart_capture;
use silence::free_running;
use silence::recorded_before;
use silence::short_loop;
use silence::silence_after_stop;
use silence::underrun;

const SECOND: Duration = Duration::from_secs(1);

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("flow", name, run);
    vec![
        test(
            "5.2 a recording begins with silence, however much was recorded before",
            recorded_before,
        ),
        test(
            "5.3 capture alone gives silence at the nominal rate",
            capture_alone,
        ),
        test(
            "5.3 a reader that does not read overruns, and recovers",
            overrun,
        ),
        test(
            "5.4 a playback alone runs at the nominal rate and drains",
            playback_alone,
        ),
        test(
            "5.5 after a stop the capture hears silence for good",
            |ctx| silence_after_stop(ctx, Access::RwInterleaved),
        ),
        test(
            "5.5 5.6 17.3 after a stop a planar capture hears silence for good",
            |ctx| silence_after_stop(ctx, Access::RwNoninterleaved),
        )
        .c_defect("5.6"),
        test(
            "5.7 without a stop threshold the buffer is played again",
            free_running,
        ),
        test(
            "5.7 a short buffer is heard again and again by who comes rarely",
            |ctx| {
                short_loop(ctx, Access::RwInterleaved)?;
                short_loop(ctx, Access::RwNoninterleaved)
            },
        ),
        test("5.8 17.8 an underrun gives no stale frames", underrun).c_defect("5.8"),
        test("6.9 START is refused when it cannot be", bad_start),
        test(
            "6.10 capture first: the whole stream is heard",
            capture_first,
        ),
        test(
            "6.10 playback first: the rest of the stream is heard",
            playback_first,
        ),
        test("6.11 linked sides start and stop with one call", linked),
        test("6.1 7.2 stop and start again, both sides in turn", restart),
        test(
            "7.2 closing a running playback leaves the capture running",
            close_playback,
        ),
        test(
            "7.2 a stopped capture starts again within the stream",
            restart_capture,
        ),
    ]
}
