// SPDX-License-Identifier: GPL-2.0

//! What was called, how often, and how long it took at most.

use support::kernel::errno_name;

use super::counts::Counts;

pub fn print_counts(sum: &Counts, seconds: f64) {
    println!(
        "# {:28} {:>9} {:>9} {:>9} {:>11}  errors",
        "calls", "tried", "done", "a minute", "longest, us"
    );
    let (mut tried, mut done) = (0, 0);
    for (kind, count) in &sum.kinds {
        let errors: Vec<String> = count
            .errors
            .iter()
            .map(|(&code, times)| match errno_name(code) {
                "" => format!("{code}: {times}"),
                name => format!("{name}: {times}"),
            })
            .collect();
        println!(
            "# {:28} {:9} {:9} {:9.0} {:11}  {}",
            kind.name(),
            count.tried,
            count.done,
            count.tried as f64 * 60.0 / seconds,
            count.longest / 1000,
            errors.join(", ")
        );
        tried += count.tried;
        done += count.done;
    }
    println!(
        "# {:28} {tried:9} {done:9} {:9.0}",
        "all",
        tried as f64 * 60.0 / seconds
    );
    println!(
        "# frames heard: {} of sound, {} silent, {} that could not be judged",
        sum.sound, sum.silence, sum.unjudged
    );
}
