// SPDX-License-Identifier: GPL-2.0

//! How many calls there were, and how many of them succeeded.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::coverage;
use crate::input::Kind;
use crate::input::KINDS;

static TRIED: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];
static SUCCEEDED: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];
/// Nanoseconds of the guest's time.
static TIME: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];
static INPUTS: AtomicU64 = AtomicU64::new(0);

/// Streams at the end of inputs, and those that came in time.
static AFTERMATHS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// A stream at the end of an input has been judged, or came too late for that.
pub fn aftermath_done(judged: bool) {
    AFTERMATHS[0].fetch_add(1, Relaxed);
    AFTERMATHS[1].fetch_add(judged.into(), Relaxed);
}

/// A call has been answered.
pub fn call_done(kind: Kind, succeeded: bool, time: Duration) {
    TRIED[kind as usize].fetch_add(1, Relaxed);
    TIME[kind as usize].fetch_add(time.as_nanos() as u64, Relaxed);
    if succeeded {
        SUCCEEDED[kind as usize].fetch_add(1, Relaxed);
    }
}

/// An input has been carried out: returns how many there were.
pub fn input_done() -> u64 {
    let inputs = INPUTS.fetch_add(1, Relaxed) + 1;
    if inputs % 200 == 0 {
        summary();
    }
    inputs
}

fn sum(counts: &[AtomicU64]) -> u64 {
    counts.iter().map(|count| count.load(Relaxed)).sum()
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn summary() {
    let (tried, succeeded) = (sum(&TRIED), sum(&SUCCEEDED));
    let inputs = INPUTS.load(Relaxed);
    let mut places = String::from("places");
    for (module, count) in coverage::MODULES.iter().zip(coverage::places()) {
        places += &format!(" {module} {count}");
    }
    eprintln!(
        "fuzz: inputs {inputs} calls {tried} succeeded {succeeded} ({:.0} %, {:.1} an input) \
         {places}",
        percent(succeeded, tried),
        succeeded as f64 / inputs.max(1) as f64,
    );
}

/// Says how it went, call by call.
pub fn report() {
    for &(kind, _) in KINDS {
        let tried = TRIED[kind as usize].load(Relaxed);
        let succeeded = SUCCEEDED[kind as usize].load(Relaxed);
        if tried == 0 {
            continue;
        }
        let time = TIME[kind as usize].load(Relaxed);
        eprintln!(
            "fuzz: {:<14} {tried:>9} calls, {succeeded:>9} succeeded ({:.0} %), {} µs each",
            format!("{kind:?}"),
            percent(succeeded, tried),
            time / 1000 / tried,
        );
    }
    let [all, judged] = AFTERMATHS.each_ref().map(|count| count.load(Relaxed));
    eprintln!("fuzz: {judged} of {all} streams at the end of inputs came in time");
    summary();
    coverage::save();
}

extern "C" fn at_exit() {
    report();
}

/// Says how it went when the process ends.
pub fn report_at_exit() {
    // SAFETY: The function may be called at any time.
    unsafe { libc::atexit(at_exit) };
}
