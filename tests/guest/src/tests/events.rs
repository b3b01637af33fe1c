// SPDX-License-Identifier: GPL-2.0

//! Events of the controls: 9.12 to 9.14.

use std::time::Duration;
use std::time::Instant;

use support::cable::state_by_peer;
use support::cable::wait_for_state;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::DRAINING;
use support::config::LONG;
use support::config::SETUP;
use support::config::USUAL;
use support::config::XRUN;
use support::control::Control;
use support::control::Kind;
use support::elements::Controls;
use support::elements::ACCESS;
use support::elements::ACTIVE;
use support::elements::CAPTURE_ACTIVE;
use support::elements::CHANNELS;
use support::elements::FORMAT;
use support::elements::NAMES;
use support::elements::RATE;
use support::kernel::Errno;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Call;
use support::pcm::Pcm;
use support::signal;

use crate::tests::controls::playing;
use crate::tests::controls::unlike;
use crate::tests::controls::CABLE;
use crate::tests::format::mismatched_running;
use crate::tests::proc::write;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("controls", name, run);
    vec![
        test(
            "9.13 Slave Active events at START, PAUSE, release, DROP and close",
            active_events,
        ),
        test("9.12 events at the START of a playback", start_events),
        test(
            "9.12 an event for each value that changed, and no other",
            one_change,
        ),
        test(
            "9.12 the events come with a matching capture too",
            matching_events,
        )
        .c_defect("9.9"),
        test(
            "9.13 one event for an XRUN, one for the end of a drain",
            ends_by_itself,
        ),
        test(
            "9.13 no event where Slave Active stays as it is",
            no_real_change,
        )
        .c_defect("9.13"),
        test("9.14 no events from a stream that does not run", no_events),
        test(
            "9.16 a control beside each playback, behind all others",
            capture_active_place,
        ),
        test(
            "9.16 a playback is told that it is recorded, an event for each change",
            capture_active_events,
        ),
        test(
            "9.16 a capture that a playback stops is told with that playback's START",
            capture_active_evicted,
        ),
        // Between the two, another processor has to look.
        Test::new(
            "races",
            "9.15 a value is stored before its event is sent",
            stored_before,
        )
        .c_defect("9.15"),
    ]
}

/// What makes a prepared stream active, and what does not; and whether it is then.
const STEPS: [(&str, Call, i64); 4] = [
    ("START", Pcm::start, 1),
    ("PAUSE", |p| p.pause(true), 0),
    ("release", |p| p.pause(false), 1),
    ("DROP", Pcm::stop, 0),
];

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
    for (what, step, value) in STEPS {
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
    let mut rec = CABLE.capture(ctx)?;
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

/// A playback of `cfg` has run and gone.
fn played(ctx: &Context, cfg: &Config) -> Outcome {
    playing(ctx, cfg)?.start()?;
    Ok(())
}

/// The configurations that differ from `LONG` in one value, with the control of that.
fn changes() -> [(usize, Config); 4] {
    let format = signal::S32_LE;
    let access = Access::RwNoninterleaved;
    [
        (FORMAT, Config { format, ..LONG }),
        (
            RATE,
            Config {
                rate: 44100,
                ..LONG
            },
        ),
        (
            CHANNELS,
            Config {
                channels: 3,
                ..LONG
            },
        ),
        (ACCESS, Config { access, ..LONG }),
    ]
}

fn one_change(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    // Everybody who listens is told, not only the first.
    let other = Controls::of(ctx, CABLE)?;
    for (which, cfg) in changes() {
        played(ctx, &LONG)?;
        c.control.subscribe()?;
        other.control.subscribe()?;
        c.events()?;
        other.events()?;
        let play = playing(ctx, &cfg)?;
        play.start()?;
        let want = [NAMES[which], NAMES[ACTIVE]];
        check_eq!(
            format!("events of another {}", NAMES[which]),
            c.events()?,
            want
        );
        check_eq!("events of another listener", other.events()?, want);
    }
    Ok(())
}

fn matching_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for (which, cfg) in changes() {
        played(ctx, &LONG)?;
        let mut rec = CABLE.capture(ctx)?;
        rec.configure(&cfg)?;
        rec.start()?;
        let play = playing(ctx, &cfg)?;
        c.control.subscribe()?;
        c.events()?;
        play.start()?;
        let want = [NAMES[which], NAMES[ACTIVE]];
        check_eq!(
            format!("events of another {}", NAMES[which]),
            c.events()?,
            want
        );
    }
    Ok(())
}

fn ends_by_itself(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    for drains in [false, true] {
        let play = playing(ctx, &USUAL)?;
        play.start()?;
        c.control.subscribe()?;
        c.events()?;
        let state = if drains {
            expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
            SETUP
        } else {
            XRUN
        };
        wait_for_state(&play, state, Duration::from_secs(2))?;
        check_eq!("events", c.events()?, [NAMES[ACTIVE]]);
        check_eq!("Slave Active", c.get(ACTIVE)?, 0);
    }
    Ok(())
}

fn no_real_change(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let none: [&str; 0] = [];
    let play = playing(ctx, &LONG)?;
    c.control.subscribe()?;
    play.stop()?;
    check_eq!("events of DROP while prepared", c.events()?, none);
    drop(play);
    // A timer too fast to run by: START fails, and nothing has been active.
    write(ctx, "timer_source", "-1.3.0\n")?;
    let result = (|| {
        let play = playing(ctx, &LONG)?;
        expect_error("START", play.start(), libc::EINVAL)?;
        check_eq!("events of a START that fails", c.events()?, none);
        drop(play);
        // Nor does it change what they say of the last one that has played.
        let last = c.slave()?;
        for (cfg, _) in &unlike()[..2] {
            let play = playing(ctx, cfg)?;
            expect_error("START", play.start(), libc::EINVAL)?;
            check_eq!("events of a START that fails", c.events()?, none);
            check_eq!("the Slave values", c.slave()?, last);
        }
        Ok(())
    })();
    write(ctx, "timer_source", "\n")?;
    result
}

fn capture_active_place(ctx: &Context) -> Outcome {
    let control = Control::open(ctx.index)?;
    let ids = control.list()?;
    check_eq!("number ids", ids, (1..=128).collect::<Vec<u32>>());
    for numid in 113..=128 {
        let e = control.element(numid)?;
        let place = numid - 113;
        check_eq!(
            format!("control {numid}: device, subdevice, name, type, access"),
            (e.device, e.subdevice, e.name.as_str(), e.kind, e.access),
            (
                place / 8,
                place % 8,
                CAPTURE_ACTIVE,
                Kind::Boolean,
                "r-".to_string()
            )
        );
        check_eq!(format!("value of control {numid}"), control.read(numid)?, 0);
        expect_error("a write", control.write(numid, 1), libc::EPERM)?;
    }
    Ok(())
}

fn capture_active_events(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let mut rec = CABLE.capture(ctx)?;
    c.control.subscribe()?;
    rec.configure(&LONG)?;
    let none: [&str; 0] = [];
    check_eq!("events of PREPARE", c.all_events()?, none);
    for (what, step, value) in STEPS {
        step(&rec)?;
        check_eq!(
            format!("events of {what}"),
            c.all_events()?,
            [CAPTURE_ACTIVE]
        );
        check_eq!(format!("value after {what}"), c.capture_active()?, value);
    }
    rec.prepare()?;
    check_eq!("events while it does not run", c.all_events()?, none);
    rec.start()?;
    check_eq!("events of START", c.all_events()?, [CAPTURE_ACTIVE]);
    // The playback's own are not mixed up with it.
    let play = playing(ctx, &LONG)?;
    play.start()?;
    check!(
        !c.all_events()?.contains(&CAPTURE_ACTIVE),
        "the START of a playback is an event of the capture's"
    );
    play.stop()?;
    check!(
        !c.all_events()?.contains(&CAPTURE_ACTIVE),
        "the stop of a playback is an event of the capture's"
    );
    drop(rec);
    check_eq!("events of the close", c.all_events()?, [CAPTURE_ACTIVE]);
    check_eq!("value after the close", c.capture_active()?, 0);
    // One that nobody reads from overruns.
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&USUAL)?;
    rec.start()?;
    check_eq!("value while it runs", c.capture_active()?, 1);
    c.all_events()?;
    wait_for_state(&rec, XRUN, Duration::from_secs(2))?;
    check_eq!("events of the overrun", c.all_events()?, [CAPTURE_ACTIVE]);
    check_eq!("value after the overrun", c.capture_active()?, 0);
    Ok(())
}

fn capture_active_evicted(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    played(ctx, &LONG)?;
    let other = Config {
        rate: 44100,
        ..LONG
    };
    let (play, rec) = mismatched_running(ctx, CABLE, &other, &LONG)?;
    c.control.subscribe()?;
    c.all_events()?;
    play.start()?;
    check_eq!("value", c.capture_active()?, 0);
    state_by_peer(&rec, DRAINING)?;
    check_eq!(
        "events",
        c.all_events()?,
        [NAMES[RATE], NAMES[ACTIVE], CAPTURE_ACTIVE]
    );
    Ok(())
}

/// Whoever reads at once after an event gets the new value. One thread plays, the other reads.
///
/// Listeners are told in the order in which they have come. With so many behind the reader, it gets
/// its event long before the last one.
fn stored_before(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let crowd = (0..200)
        .map(|_| {
            let listener = Control::open(ctx.index)?;
            listener.subscribe()?;
            Ok(listener)
        })
        .collect::<Result<Vec<Control>, Errno>>()?;
    played(ctx, &LONG)?;
    let other = Config {
        rate: 44100,
        ..LONG
    };
    c.control.subscribe()?;
    for round in 0..100 {
        let (old, new) = if round % 2 == 0 {
            (LONG, other)
        } else {
            (other, LONG)
        };
        c.events()?;
        check_eq!("before START", c.get(RATE)?, i64::from(old.rate));
        let play = playing(ctx, &new)?;
        let rate = std::thread::scope(|scope| -> Result<i64, Fail> {
            let starting = scope.spawn(move || play.start().map(|()| play));
            let until = Instant::now() + Duration::from_secs(2);
            while !c.events()?.contains(&NAMES[RATE]) {
                check!(Instant::now() < until, "no event of PCM Slave Rate for 2 s");
            }
            let rate = c.get(RATE)?;
            starting
                .join()
                .map_err(|_| "the thread that starts the playback panicked".to_string())??;
            Ok(rate)
        })?;
        check_eq!(
            format!("after the event, round {round}"),
            rate,
            i64::from(new.rate)
        );
    }
    drop(crowd);
    Ok(())
}
