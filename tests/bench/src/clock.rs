// SPDX-License-Identifier: GPL-2.0

//! Position, speed and time stamps.

use support::config::Config;
use support::config::Dir;
use support::control::Control;
use support::kernel::now_ns;

use crate::row::measured;
use crate::row::Card;
use crate::row::Failed;
use crate::row::Plan;
use crate::row::Row;
use crate::stream::usual;
use crate::stream::Stream;
use crate::stream::Wish;

const FREE: Wish = Wish {
    free_running: true,
    no_period_wakeup: false,
};

fn sleep_us(us: u64) {
    std::thread::sleep(std::time::Duration::from_micros(us));
}

/// Waits until the capture has moved: the core stamps only positions that differ from the last
/// one.
fn moving(rec: &Stream) -> Result<(), Failed> {
    let until = now_ns() + 1_000_000_000;
    while rec.pointers()?.0 == 0 {
        if now_ns() > until {
            return Err(Failed("the position stands still for 1 s".into()));
        }
    }
    Ok(())
}

/// The difference between two positions that follow each other and are not equal, for a program
/// that asks all the time.
///
/// Where the program itself is interrupted (a tick takes some 40 microseconds), frames do pass
/// meanwhile. So there is also the excess: by how much a step is more than the time since the last
/// question accounts for.
pub fn position(plan: &Plan, card: &Card) {
    let period = if plan.ticks { 192 } else { 480 };
    let row = Row::new("position").with("driver", &card.id);
    measured(row, 30.0, |row| {
        let rec = Stream::open(card, 0, Dir::Capture, usual(period, 40), FREE)?;
        rec.start()?;
        moving(&rec)?;
        // Room from the start, and touched: growing would stand between two reads.
        let (mut steps, mut points) = (vec![1; 40_000], vec![(1, 1); 20_000]);
        steps.clear();
        points.clear();
        let begun = now_ns();
        let until = begun + (plan.seconds(0.4, 0.4, 0.1) * 1e9) as i64;
        let (mut last, mut asked) = (rec.pointers()?.0, begun);
        let (mut reads, mut excess) = (0, 0.0f64);
        while asked < until {
            let now = now_ns();
            let hw = rec.pointers()?.0;
            reads += 1;
            if now < begun + 40_000_000 && points.len() < 20_000 {
                points.push((now - begun, hw));
            }
            let step = hw as i64 - last as i64;
            if step != 0 {
                steps.push(step);
                excess = excess.max(step as f64 - (now - asked) as f64 * 48e-6);
            }
            (last, asked) = (hw, now);
        }
        plan.trace(
            &format!("position-{}.tsv", card.id),
            points.iter().map(|(ns, hw)| format!("{ns}\t{hw}")),
        )?;
        Ok(row
            .with("reads", reads)
            .with("back", steps.iter().filter(|step| **step < 0).count())
            .with("excess", format!("{excess:.2}"))
            .with_spread("step", &mut steps))
    });
}

/// Runs with the cable's `PCM Rate Shift 100000` at `shift`, and puts it back.
fn with_shift<T>(
    card: &Card,
    shift: u32,
    run: impl FnOnce() -> Result<T, Failed>,
) -> Result<T, Failed> {
    if shift == 100_000 {
        return run();
    }
    let control = Control::open(card.number)?;
    let id = control.find("PCM Rate Shift 100000", 1, 0)?;
    control.write(id, i64::from(shift))?;
    let result = run();
    control.write(id, 100_000)?;
    result
}

/// Least squares: slope, and root mean square of the deviations.
fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (
        points.iter().map(|p| p.0).sum::<f64>() / n,
        points.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let slope = sxy / sxx;
    let squares: f64 = points
        .iter()
        .map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2))
        .sum();
    (slope, (squares / n).sqrt())
}

/// One row of `speed`.
struct Speed {
    rate: u32,
    shift: u32,
    seconds: f64,
    /// Waits between two questions, in milliseconds: uneven ones up to this.
    wait: u64,
}

/// The speed of a capture whose playback was started an odd number of jiffies later: the C driver
/// rounds the two sides apart then, at every update. Nobody serves the streams. Most rows ask some
/// times a second; those with a `wait` of one ask all the time, as a program with a small period
/// does.
pub fn speed(plan: &Plan, card: &Card) {
    let row = |rate, shift| Speed {
        rate,
        shift,
        seconds: plan.seconds(600.0, 20.0, 20.0),
        wait: 997,
    };
    let mut rows = Vec::new();
    let rates: &[u32] = match (plan.ticks, plan.real_time) {
        (true, _) => &[48000],
        (_, true) => &[44100, 48000],
        _ => &[
            8000, 11025, 22050, 44100, 44101, 48000, 96000, 192_000, 768_000,
        ],
    };
    rows.extend(rates.iter().map(|&rate| row(rate, 100_000)));
    if !plan.ticks && !plan.real_time {
        rows.extend([80000, 99999, 100_001, 120_000].map(|shift| row(48000, shift)));
        rows.extend([11025, 22050, 44100].map(|rate| Speed {
            seconds: plan.seconds(60.0, 0.0, 5.0),
            wait: 1,
            ..row(rate, 100_000)
        }));
    }
    for wanted in rows {
        let row = Row::new("speed")
            .with("driver", &card.id)
            .with("rate", wanted.rate)
            .with("shift", wanted.shift)
            .with("seconds", wanted.seconds)
            .with("wait", wanted.wait);
        measured(row, wanted.seconds * 2.0 + 30.0, |row| {
            with_shift(card, wanted.shift, || one_speed(plan, card, &wanted, row))
        });
    }
}

/// A position, and when it was asked for. The driver reads its clock then, but it answers after it
/// has copied what was due, and an interrupt can come between; so it is asked again until an answer
/// comes within 20 microseconds.
fn timed_position(rec: &Stream) -> Result<(i64, u64), Failed> {
    let mut tries = 0;
    loop {
        let asked = now_ns();
        let hw = rec.pointers()?.0;
        tries += 1;
        if now_ns() - asked < 20_000 || tries == 20 {
            return Ok((asked, hw));
        }
    }
}

fn one_speed(plan: &Plan, card: &Card, wanted: &Speed, row: Row) -> Result<Row, Failed> {
    let cfg = Config {
        rate: wanted.rate,
        period: wanted.rate / if plan.ticks { 250 } else { 8 },
        ..usual(0, 4)
    };
    let rec = Stream::open(card, 0, Dir::Capture, cfg, FREE)?;
    let play = Stream::open(card, 0, Dir::Playback, cfg, FREE)?;
    rec.start()?;
    let begun = now_ns();
    while now_ns() < begun + 5_300_000 {}
    play.start()?;
    sleep_us(100_000);
    // Uneven spacing, so that the rounding to frames averages out.
    let mut points = Vec::new();
    let mut number = 1;
    loop {
        let (asked, hw) = timed_position(&rec)?;
        let at = (asked - begun) as f64 / 1e9;
        points.push((at, hw as f64));
        if at > wanted.seconds {
            break;
        }
        number = number * 37 % 997;
        sleep_us(number % wanted.wait * 1000 + number);
    }
    let (slope, rms) = fit(&points);
    let ideal = f64::from(wanted.rate) * 100_000.0 / f64::from(wanted.shift);
    Ok(row
        .with("points", points.len())
        .with("ppm", format!("{:+.4}", (slope / ideal - 1.0) * 1e6))
        .with("rms_frames", format!("{rms:.3}")))
}

/// How much `tstamp` minus `audio_tstamp` varies, for each kind of audio time stamp there is.
pub fn stamps(plan: &Plan, card: &Card) {
    // SNDRV_PCM_AUDIO_TSTAMP_TYPE_*, and the bit of the hardware's info that offers it.
    let kinds = [
        (1, "default", u32::MAX),
        (2, "link", 0x0100_0000),
        (3, "link_absolute", 0x0200_0000),
        (5, "link_synchronized", 0x0800_0000),
    ];
    for (kind, name, bit) in kinds {
        let row = Row::new("stamps")
            .with("driver", &card.id)
            .with("kind", name);
        measured(row, 60.0, |row| {
            let period = if plan.ticks { 192 } else { 480 };
            let rec = Stream::open(card, 0, Dir::Capture, usual(period, 8), FREE)?;
            if rec.info & bit == 0 {
                return Err(Failed("not supported".into()));
            }
            rec.start()?;
            moving(&rec)?;
            let (mut differences, mut points) = (Vec::new(), Vec::new());
            let mut accuracy = 0;
            let begun = now_ns();
            let until = begun + (plan.seconds(10.0, 5.0, 1.0) * 1e9) as i64;
            let mut wait = 1;
            while now_ns() < until {
                let Some(status) = rec.status_with(kind)? else {
                    return Err(Failed("not given, although offered".into()));
                };
                let difference = status.tstamp.ns() - status.audio_tstamp.ns();
                accuracy = status.audio_tstamp_accuracy;
                differences.push(difference);
                if points.len() < 400 {
                    points.push((status.tstamp.ns() - begun, difference));
                }
                wait = wait * 37 % 997;
                // Up to 20 ms: some jiffies, and some periods.
                sleep_us(wait * 20 + 50);
            }
            plan.trace(
                &format!("stamps-{name}-{}.tsv", card.id),
                points.iter().map(|(ns, d)| format!("{ns}\t{d}")),
            )?;
            let low = *differences.iter().min().unwrap_or(&0);
            let spread = differences.iter().max().unwrap_or(&0) - low;
            let mut above: Vec<i64> = differences.iter().map(|d| d - low).collect();
            Ok(row
                .with("spread", spread)
                .with("accuracy_reported", accuracy)
                .with_spread("above_least", &mut above))
        });
    }
}
