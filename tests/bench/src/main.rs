// SPDX-License-Identifier: GPL-2.0

//! `aloop-bench`: measures an ALSA loopback card, where the card is.
//!
//! Each measurement runs in a process of its own, with a limit to its time: a card that stalls
//! costs one row, not the run. What it finds is a line of words `key=value` behind the
//! measurement's name; a measurement that could not be made says `error=` and why. Times are
//! nanoseconds of CLOCK_MONOTONIC, if the key says nothing else; sizes and positions are frames.

mod clock;
mod flow;
mod ground;
mod prepare;
mod row;
mod stream;
mod work;

use std::process::ExitCode;

use row::Plan;

const USAGE: &str = "\
Usage: aloop-bench [OPTION]... MEASUREMENT

Measures an ALSA loopback card and prints a line for each row.

  --card ID      id of the card; may be repeated (default: Loopback)
  --quick        few seconds of audio for each row: shows that it works, not what it is worth
  --real-time    for a guest whose clock is the host's: short rows, few sizes
  --ticks        the cards run by a sound timer of 250 Hz: periods of 4 ms only
  --traces DIR   writes the points of the plots there
  --help         print this text

Measurements of a card:
  position       step of the position, as a busy reader sees it
  stamps         tstamp minus audio_tstamp
  speed          speed against CLOCK_MONOTONIC, for rates and rate shifts
  wakeups        lateness of a capture's wake-ups
  xruns          streams of small periods and few of them
  latency        from writei to the other side
  prepare        what PREPARE takes, after HW_PARAMS, an xrun and DROP
  work           instructions in the kernel, interrupts
  late           of these, the row for a card whose timers may be late
Measurements without one:
  timer          lateness of timerfd and poll
  memcpy         instructions of the kernel's own memcpy (module aloop-bench-floor)
  idle LABEL     interrupts and instructions while nothing runs
  load LABEL MODULE [PARAMETER]...
                 loads the module and takes it away again, some times
";

fn parse() -> Result<Option<Plan>, String> {
    let mut plan = Plan::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--card" => plan.cards.push(value()?),
            "--traces" => plan.traces = Some(value()?.into()),
            "--quick" => plan.quick = true,
            "--real-time" => plan.real_time = true,
            "--ticks" => plan.ticks = true,
            "--help" => return Ok(None),
            a if a.starts_with('-') => return Err(format!("unknown option {a}")),
            _ => plan.words.push(arg),
        }
        // The parameters of a module may look like anything.
        if plan.words.first().is_some_and(|w| w == "load") {
            plan.words.extend(args);
            break;
        }
    }
    if plan.cards.is_empty() {
        plan.cards.push("Loopback".into());
    }
    Ok(Some(plan))
}

fn measure(plan: &Plan) -> Result<(), String> {
    let words: Vec<&str> = plan.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["position"] => plan.each_card(clock::position),
        ["stamps"] => plan.each_card(clock::stamps),
        ["speed"] => plan.each_card(clock::speed),
        ["wakeups"] => plan.each_card(flow::wakeups),
        ["xruns"] => plan.each_card(flow::xruns),
        ["latency"] => plan.each_card(flow::latency),
        ["prepare"] => plan.each_card(prepare::prepare),
        ["work"] => plan.each_card(work::work),
        ["late"] => plan.each_card(work::late),
        ["timer"] => ground::timer(plan),
        ["memcpy"] => work::memcpy(plan),
        ["idle", label] => ground::idle(plan, label),
        ["load", label, module, parameters @ ..] => ground::load(plan, label, module, parameters),
        _ => return Err("which measurement?".into()),
    }
    Ok(())
}

fn main() -> ExitCode {
    match parse().and_then(|plan| plan.map(|plan| measure(&plan)).transpose()) {
        Ok(Some(())) => ExitCode::SUCCESS,
        Ok(None) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("aloop-bench: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
