// SPDX-License-Identifier: GPL-2.0

//! Cards with `wait_for_peer` (group `waits`) or `end_with_peer` (group `ends`), for streams as
//! `aplay` and `arecord` don't make them. `peer.sh` loads the module for them.

mod ends;
mod waits;

use std::fs;

use support::cable::Cable;
use support::check;
use support::config::Dir;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;

use ends::ends;
use ends::ends_after_a_pause;
use ends::ends_at_changing_speed;
use ends::ends_for_a_late_reader;
use ends::ends_for_a_reader_by_the_clock;
use ends::ends_for_a_slow_reader;
use ends::ends_once;
use ends::ends_unwoken;
use ends::goes_on;
use ends::goes_on_after_a_pause;
use ends::goes_on_with_another;
use ends::RECORDED;
use ends::SHORT;
use waits::active_while_it_waits;
use waits::evicted_while_it_waits;
use waits::shift_of_who_waited;
use waits::waits;
use waits::waits_on;
use waits::woken_by_ticks;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for dir in Dir::BOTH {
        let name =
            format!("18.1 wait_for_peer: a {dir:?} without period wake-ups stays where it is");
        let run =
            move |ctx: &Context| loaded_with(ctx, "wait_for_peer").and_then(|()| waits(ctx, dir));
        tests.push(Test::new("waits", name, run));
    }
    for dir in Dir::BOTH {
        let name = format!(
            "18.1 wait_for_peer: who waits for a {dir:?} that is paused waits on when that goes"
        );
        let run = move |ctx: &Context| {
            loaded_with(ctx, "wait_for_peer").and_then(|()| waits_on(ctx, dir))
        };
        tests.push(Test::new("waits", name, run));
    }
    tests.push(Test::new(
        "waits",
        "18.1 11.3 wait_for_peer: who was paused while it waited is woken by the first tick",
        |ctx| loaded_with(ctx, "wait_for_peer").and_then(|()| woken_by_ticks(ctx)),
    ));
    for (call, by_poll) in [("READI", false), ("poll", true)] {
        for (frames, cfg, of) in [
            (1024, RECORDED, ""),
            (1000, RECORDED, ""),
            (1300, RECORDED, ""),
            (4000, RECORDED, ""),
            (250, SHORT, " of a short buffer"),
            (700, SHORT, " of a short buffer"),
        ] {
            let name = format!(
                "18.2 end_with_peer: a reader of {frames} frames{of} ends, that waits in {call}"
            );
            let run = move |ctx: &Context| {
                loaded_with(ctx, "end_with_peer").and_then(|()| ends(ctx, &cfg, frames, by_poll))
            };
            tests.push(Test::new("ends", name, run).limit(60));
        }
    }
    tests.push(Test::new(
        "ends",
        "18.2 end_with_peer: a playback that starts before the recording ends is recorded",
        |ctx| loaded_with(ctx, "end_with_peer").and_then(|()| goes_on_with_another(ctx)),
    ));
    tests.push(Test::new(
        "ends",
        "18.2 3.9 end_with_peer: a capture without period wake-ups ends",
        |ctx| loaded_with(ctx, "end_with_peer").and_then(|()| ends_unwoken(ctx)),
    ));
    tests.push(Test::new(
        "ends",
        "18.2 end_with_peer: a capture goes on that has asked never to be stopped, paused or not",
        |ctx| {
            loaded_with(ctx, "end_with_peer")?;
            goes_on(ctx, true)?;
            goes_on(ctx, false)
        },
    ));
    for (name, run) in [
        (
            "a recording that is paused when its playback goes ends after the release",
            ends_after_a_pause as fn(&Context) -> Outcome,
        ),
        (
            "a recording that has ended and is prepared anew is another one",
            ends_once,
        ),
        (
            "a reader that always leaves something ends",
            ends_for_a_slow_reader,
        ),
        (
            "a reader that looks by itself ends, whatever it would be woken by",
            ends_for_a_reader_by_the_clock,
        ),
        (
            "a recording ends though its speed changes all the time",
            ends_at_changing_speed,
        ),
        (
            "a playback that starts while the recording is paused is recorded",
            goes_on_after_a_pause,
        ),
        (
            "a late reader of what there is gets all of it",
            ends_for_a_late_reader,
        ),
    ] {
        let run = move |ctx: &Context| loaded_with(ctx, "end_with_peer").and_then(|()| run(ctx));
        tests.push(Test::new(
            "ends",
            format!("18.2 end_with_peer: {name}"),
            run,
        ));
    }
    tests.push(Test::new(
        "waits",
        "18.1 6.5 wait_for_peer: a capture that waits is stopped by a playback unlike it",
        |ctx| loaded_with(ctx, "wait_for_peer").and_then(|()| evicted_while_it_waits(ctx)),
    ));
    tests.push(Test::new(
        "waits",
        "18.1 10.3 wait_for_peer: rate_shift is that of the common beginning",
        |ctx| loaded_with(ctx, "wait_for_peer").and_then(|()| shift_of_who_waited(ctx)),
    ));
    tests.push(Test::new(
        "waits",
        "18.1 9.16 wait_for_peer: a capture that waits is active, and its beginning is no event",
        |ctx| loaded_with(ctx, "wait_for_peer").and_then(|()| active_while_it_waits(ctx)),
    ));
    tests
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 3,
};

/// Makes sure that the first card has this parameter: otherwise the test would say nothing.
fn loaded_with(ctx: &Context, parameter: &str) -> Outcome {
    let path = format!("/sys/module/{}/parameters/{parameter}", ctx.module);
    let value = fs::read_to_string(path)?;
    check!(value.starts_with('Y'), "the card has no {parameter}");
    Ok(())
}
