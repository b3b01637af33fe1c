// SPDX-License-Identifier: GPL-2.0

//! Rewinding a playback: 7.11.

use std::time::Duration;
use std::time::Instant;

use support::cable::serve_all;
use support::cable::wait_for_position;
use support::cable::Session;
use support::check_eq;
use support::config::LONG;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal::Audio;
use support::signal::Expect;

use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "flow",
            "7.11 a rewind before START replaces what was written",
            rewind_prepared,
        ),
        Test::new(
            "flow",
            "7.11 a rewind while running replaces what was not played",
            |ctx| unless_stalled(|| rewind_running(ctx)),
        ),
    ]
}

fn rewind_prepared(ctx: &Context) -> Outcome {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    let old = LONG.signal(4800, 30);
    let new = LONG.signal(4800, 31);
    play.write(&old, 0, 4800)?;
    check_eq!("frames rewound", play.rewind(2000)?, 2000);
    play.write(&new, 0, 4800)?;
    let mut source = LONG.nothing();
    source.append(&old, 0..2800);
    source.append(&new, 0..4800);
    finish(play, rec, source, 7600)
}

/// Starts both, adds silence after the `written` frames, and compares with `source`.
fn finish(play: Pcm, rec: Pcm, source: Audio, written: usize) -> Outcome {
    let mut session = Session::new(play, rec, source);
    session.skip_writing(written);
    session.tail = 4800;
    session.run()?;
    session.verify(Expect::Whole)
}

fn rewind_running(ctx: &Context) -> Outcome {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    let old = LONG.signal(14400, 32);
    let new = LONG.signal(9600, 33);
    play.write(&old, 0, 14400)?;
    rec.start()?;
    play.start()?;
    wait_for_position(&play, 2400, Duration::from_secs(1))?;
    let begun = Instant::now();
    let rewound = play.rewind(7200)? as usize;
    let hw = play.pointers()?.0 as usize;
    if begun.elapsed() > Duration::from_millis(50) || hw > 6000 {
        return Err(Fail::Stalled(format!(
            "position {hw} already at the rewind"
        )));
    }
    check_eq!("frames rewound", rewound, 7200);
    play.write(&new, 0, 9600)?;
    let mut source = LONG.nothing();
    source.append(&old, 0..7200);
    source.append(&new, 0..9600);
    let mut session = Session::new(play, rec, source);
    session.skip_writing(16800);
    session.begin_running();
    serve_all(std::slice::from_mut(&mut session))?;
    session.verify(Expect::Whole)
}
