// SPDX-License-Identifier: GPL-2.0

//! `aloop-test`: conformance tests of an ALSA loopback card, run where the card is.
//!
//! Each test's name begins with the numbers of the rules of `Documentation/behaviour.rst` that it
//! checks. The report is KTAP version 1, one line a test; the exit status is 1 if one failed.
//!
//! Not every guest can run every test: `tests/groups` says for each group what it needs, and
//! whether it runs when nobody asks for it. `tests/one` starts the guest that a test wants.
//!
//! On the kernel's own `snd-aloop`, tests of behaviour that is documented as a defect there are
//! reported as `TODO` when they fail and do not count as failures.

mod groups;
mod tests;

use std::process::ExitCode;

use support::kernel;
use support::ktap;
use support::ktap::Context;

const USAGE: &str = "\
Usage: aloop-test [OPTION]... [FILTER]

Tests an ALSA loopback card. FILTER runs only tests whose name contains it.

  --card ID      id of the card (default: Loopback)
  --group NAME   run only this group; may be given more than once
                 (default: those marked * below; with a FILTER: all)
  --skip NAME    leave this group out; may be given more than once
  --seed N       what `races`, `regressions`, `callbacks` and `probe` draw their lots from
                 (default: a number that they print)
  --minutes N    how long each ramp of `soak` lasts, in the guest's time (default: 60)
  --step N       where `faults` makes cards and loads the module, only each Nth allocation fails
                 (`--seed` says which); of the formats and rates of `data`, each Nth (default: 1)
  --reference ID the card of the C driver that the group `probe` compares with
  --list         print group and name of each test chosen, run none
  --help         print this text

Groups:
";

/// Prints how the program is called, and the groups of the table.
fn print_usage() {
    print!("{USAGE}");
    for group in groups::all() {
        let mark = if group.is_default { '*' } else { ' ' };
        println!("{mark} {:<11}  {}", group.name, group.about);
    }
}

struct Options {
    card: String,
    groups: Vec<String>,
    skipped: Vec<String>,
    filter: Option<String>,
    list: bool,
    seed: u64,
    minutes: u64,
    step: u32,
    reference: Option<String>,
}

fn parse() -> Result<Option<Options>, String> {
    let mut options = Options {
        card: "Loopback".into(),
        groups: Vec::new(),
        skipped: Vec::new(),
        filter: None,
        list: false,
        reference: None,
        minutes: 60,
        step: 1,
        seed: kernel::now_ns() as u64,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--card" => options.card = value()?,
            "--reference" => options.reference = Some(value()?),
            "--group" => options.groups.push(value()?),
            "--skip" => options.skipped.push(value()?),
            "--seed" => {
                let text = value()?;
                options.seed = text.parse().map_err(|_| format!("no seed: {text}"))?;
            }
            "--minutes" => {
                let text = value()?;
                options.minutes = text
                    .parse()
                    .ok()
                    .filter(|minutes| (1..=24 * 60).contains(minutes))
                    .ok_or(format!("not 1 to 1440 minutes: {text}"))?;
            }
            "--step" => {
                let text = value()?;
                options.step = text
                    .parse()
                    .ok()
                    .filter(|step| (1..=1000).contains(step))
                    .ok_or(format!("not 1 to 1000 allocations: {text}"))?;
            }
            "--list" => options.list = true,
            "--help" => return Ok(None),
            a if a.starts_with('-') => return Err(format!("unknown option {a}")),
            _ if options.filter.is_some() => return Err("more than one filter".into()),
            _ => options.filter = Some(arg),
        }
    }
    Ok(Some(options))
}

fn choose(options: &Options) -> Result<Vec<ktap::Test>, String> {
    let all = tests::all();
    let groups = groups::all();
    // A test whose group nobody knows would run in no guest, a group without a test is a mistake.
    if let Some(test) = all
        .iter()
        .find(|t| !groups.iter().any(|g| g.name == t.group))
    {
        return Err(format!("tests/groups has no group {}", test.group));
    }
    if let Some(group) = groups
        .iter()
        .find(|g| !all.iter().any(|t| t.group == g.name))
    {
        return Err(format!("no test is of the group {}", group.name));
    }
    if let Some(group) = options
        .groups
        .iter()
        .chain(&options.skipped)
        .find(|name| !groups.iter().any(|g| g.name == name.as_str()))
    {
        return Err(format!("no group {group}"));
    }
    let in_group = |t: &ktap::Test| match options.groups.as_slice() {
        [] if options.filter.is_none() => groups.iter().any(|g| g.is_default && g.name == t.group),
        [] => true,
        groups => groups.iter().any(|g| g == t.group),
    };
    let mut many = 0;
    let is_due = |t: &ktap::Test| {
        many += u32::from(t.one_of_many);
        !t.one_of_many || (many - 1) % options.step == 0
    };
    let chosen: Vec<ktap::Test> = all
        .into_iter()
        .filter(|t| !options.skipped.iter().any(|g| g == t.group))
        .filter(|t| in_group(t) && options.filter.as_ref().is_none_or(|f| t.name.contains(f)))
        .filter(is_due)
        .collect();
    if chosen.is_empty() {
        return Err("no test has that name".into());
    }
    Ok(chosen)
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print_usage();
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("aloop-test: {why} (see --help)");
            return ExitCode::from(2);
        }
    };
    let result = choose(&options).and_then(|chosen| {
        if options.list {
            for test in &chosen {
                println!("{}\t{}", test.group, test.name);
            }
            return Ok(0);
        }
        let mut ctx = Context::find(&options.card, options.reference.as_deref(), options.seed)?;
        ctx.minutes = options.minutes;
        ctx.step = options.step;
        Ok(ktap::run_all(&ctx, &chosen))
    });
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(why) => {
            eprintln!("aloop-test: {why}");
            ExitCode::from(2)
        }
    }
}
