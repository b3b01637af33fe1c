// SPDX-License-Identifier: GPL-2.0

//! Events of the controls: 9.12 to 9.14.

use crate::check_eq;
use crate::ktap::Context;
use crate::ktap::Outcome;
use crate::ktap::Test;
use crate::pcm::Call;
use crate::pcm::Pcm;
use crate::tests::controls::playing;
use crate::tests::controls::unlike;
use crate::tests::controls::Controls;
use crate::tests::controls::ACCESS;
use crate::tests::controls::ACTIVE;
use crate::tests::controls::CABLE;
use crate::tests::controls::CHANNELS;
use crate::tests::controls::FORMAT;
use crate::tests::controls::NAMES;
use crate::tests::controls::RATE;
use crate::tests::LONG;
use crate::tests::USUAL;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("controls", name, run);
    vec![
        test(
            "9.13 Slave Active events at START, PAUSE, release, DROP and close",
            active_events,
        ),
        test("9.12 events at the START of a player", start_events),
        test("9.14 no events from a stream that does not run", no_events),
    ]
}

fn start_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let [(unlike, _), ..] = unlike();
    let play = playing(ctx, &unlike)?;
    play.start()?;
    drop(play);
    c.control.subscribe()?;
    let play = playing(ctx, &LONG)?;
    play.start()?;
    let want = [FORMAT, RATE, CHANNELS, ACCESS, ACTIVE].map(|which| NAMES[which]);
    check_eq!("events of a START that changes all", c.events()?, want);
    play.stop()?;
    c.events()?;
    play.prepare()?;
    let mut play = play;
    play.write(&LONG.signal(480, 1), 0, 480)?;
    play.start()?;
    check_eq!(
        "events of a START that changes none",
        c.events()?,
        [NAMES[ACTIVE]]
    );
    Ok(())
}

fn active_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let first = playing(ctx, &LONG)?;
    first.start()?;
    drop(first);
    c.control.subscribe()?;
    let play = playing(ctx, &LONG)?;
    let steps: [(&str, Call, i64); 4] = [
        ("START", Pcm::start, 1),
        ("PAUSE", |p| p.pause(true), 0),
        ("release", |p| p.pause(false), 1),
        ("DROP", Pcm::stop, 0),
    ];
    for (what, step, value) in steps {
        step(&play)?;
        check_eq!(format!("events of {what}"), c.events()?, [NAMES[ACTIVE]]);
        check_eq!(format!("value after {what}"), c.get(ACTIVE)?, value);
    }
    drop(play);
    let play = playing(ctx, &LONG)?;
    play.start()?;
    c.events()?;
    drop(play);
    check_eq!("events of the close", c.events()?, [NAMES[ACTIVE]]);
    Ok(())
}

fn no_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    c.control.subscribe()?;
    let mut play = playing(ctx, &USUAL)?;
    play.hw_free()?;
    drop(play);
    let mut rec = CABLE.recorder(ctx)?;
    rec.configure(&USUAL)?;
    rec.start()?;
    rec.pause(true)?;
    rec.pause(false)?;
    rec.stop()?;
    drop(rec);
    let none: [&str; 0] = [];
    check_eq!("events", c.events()?, none);
    Ok(())
}
