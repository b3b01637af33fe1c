// SPDX-License-Identifier: GPL-2.0

//! Controls and files of the card, written and read while streams start and stop.

use std::fs;

use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::control::Control;
use support::elements::NAMES;
use support::elements::NOTIFY;
use support::elements::SHIFT;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;

use super::all_work;
use super::at_a_bad_moment;
use super::race;
use super::test;
use super::Work;
use super::Worker;
use crate::tests::CABLE;

/// The cable whose sides' timers other cables run by.
const SOURCE: Cable = Cable {
    device: 0,
    subdevice: 6,
};

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "9.11 race: controls and /proc files while streams start and stop",
            controls,
        ),
        test(
            "11.1 race: timer_source changes while cables come and go",
            timer_source,
        ),
    ]
}

fn file(ctx: &Context, name: &str) -> String {
    format!("/proc/asound/{}/{name}", ctx.card)
}

/// Opens a side, starts it, stops or closes it.
fn start_and_stop(worker: &mut Worker, side: Address, period: u32) -> Outcome {
    let cfg = Config { period, ..USUAL };
    let mut pcm = match Pcm::open(side) {
        // A timer that can't be had just now.
        Err(e) if e.code != libc::ENODEV => return at_a_bad_moment(e),
        Err(_) => return Ok(()),
        Ok(pcm) => pcm,
    };
    let made = pcm.configure(&cfg);
    if !worker.tried(made)? {
        return Ok(());
    }
    for _ in 0..=worker.random.below(3) {
        if side.dir == Dir::Playback {
            let written = pcm.write(&cfg.signal(cfg.buffer(), 3), 0, cfg.buffer());
            worker.tried(written)?;
        }
        worker.tried(pcm.start())?;
        worker.spin();
        if worker.random.once_in(4) {
            pcm.poll(5);
        }
        if worker.random.once_in(3) {
            return Ok(()); // Closed as it is.
        }
        worker.tried(pcm.stop())?;
        worker.tried(pcm.prepare())?;
    }
    Ok(())
}

fn streams(ctx: &Context, cable: Cable, names: [&'static str; 2]) -> Vec<Work<'static>> {
    Dir::BOTH
        .into_iter()
        .zip(names)
        .map(|(dir, name)| {
            let side = cable.side(ctx, dir);
            let work: Work<'static> = (
                name,
                Box::new(move |worker| {
                    while worker.goes_on() {
                        // The period of the system's timer, more often than not.
                        let period = worker.random.one_of(&[192, 192, 48]);
                        start_and_stop(worker, side, period)?;
                    }
                    Ok(())
                }),
            );
            work
        })
        .collect()
}

fn controls(ctx: &Context) -> Outcome {
    let control = Control::open(ctx.index)?;
    let mut ids = [0; 2];
    for (id, which) in ids.iter_mut().zip([SHIFT, NOTIFY]) {
        *id = control.find(NAMES[which], CABLE.device ^ 1, CABLE.subdevice)?;
    }
    drop(control);
    let (index, cable, source) = (ctx.index, file(ctx, "cable#0"), file(ctx, "timer_source"));
    let mut works = streams(ctx, CABLE, ["playback", "capture"]);
    works.push((
        "Rate Shift and Notify",
        Box::new(move |worker| {
            let control = Control::open(index)?;
            while worker.goes_on() {
                let shift = 80_000 + worker.random.below(40_001) as i64;
                control.write(ids[0], shift)?;
                control.write(ids[1], worker.random.below(2) as i64)?;
                check_eq!("Rate Shift", control.read(ids[0])?, shift);
                worker.has_done(2);
                worker.spin();
            }
            control.write(ids[0], 100_000)?;
            control.write(ids[1], 0)?;
            Ok(())
        }),
    ));
    works.push((
        "cable#0 and timer_source",
        Box::new(move |worker| {
            while worker.goes_on() {
                let text = fs::read_to_string(&cable)?;
                let blocks = text
                    .lines()
                    .filter(|line| line.starts_with("Cable 0 substream "))
                    .count();
                check!(blocks == 8, "{blocks} substreams in {cable}:\n{text}");
                // Both words stand for the clock of the system.
                let word = worker.random.one_of(&["", "hrtimer"]);
                fs::write(&source, format!("{word}\n"))?;
                check_eq!("timer_source", fs::read_to_string(&source)?.trim(), word);
                worker.has_done(3);
            }
            Ok(())
        }),
    ));
    let outcome = race(ctx, works);
    fs::write(file(ctx, "timer_source"), "\n")?;
    outcome?;
    all_work(ctx, &[CABLE])
}

/// Timers of the system, of the sides of another cable of this card, and of the cable's own sides.
/// The other cable's streams run meanwhile, by the same setting.
fn timer_source(ctx: &Context) -> Outcome {
    // A PCM timer has the number of the substream, doubled, and 1 more for capture.
    let number = |cable: Cable, dir: Dir| cable.subdevice * 2 + dir as u32;
    let timer = |cable: Cable, dir: Dir| {
        let device = cable.side(ctx, dir).device;
        format!("{},{device},{}", ctx.card, number(cable, dir))
    };
    let sources = [
        String::new(),
        "-1.0.0".into(),
        timer(SOURCE, Dir::Playback),
        timer(SOURCE, Dir::Capture),
        timer(CABLE, Dir::Playback),
    ];
    let path = file(ctx, "timer_source");
    let mut works = streams(ctx, CABLE, ["playback", "capture"]);
    works.extend(streams(
        ctx,
        SOURCE,
        ["playback of the source", "capture of the source"],
    ));
    let setting = path.clone();
    works.push((
        "timer_source",
        Box::new(move |worker| {
            while worker.goes_on() {
                let source = &sources[worker.random.below(sources.len() as u64) as usize];
                fs::write(&setting, format!("{source}\n"))
                    .map_err(|e| Fail::Wrong(format!("{setting}: {e}")))?;
                worker.has_done(1);
                worker.spin();
            }
            Ok(())
        }),
    ));
    let outcome = race(ctx, works);
    fs::write(path, "\n")?;
    outcome?;
    all_work(ctx, &[CABLE, SOURCE])
}
