// SPDX-License-Identifier: GPL-2.0

//! A report in KTAP version 1. What is remarked on a result stands before it.

use std::io::stdout;
use std::io::Write;

/// A report that has begun.
#[derive(Default)]
pub struct Report {
    number: usize,
    /// Tests that have failed.
    pub failed: usize,
    skipped: usize,
    known: usize,
}

impl Report {
    /// Begins a report of so many tests.
    pub fn begin(plan: usize) -> Self {
        println!("KTAP version 1");
        println!("1..{plan}");
        Report::default()
    }

    /// Remarks on the next result.
    pub fn note(&self, text: &str) {
        for line in text.lines() {
            println!("# {line}");
        }
    }

    fn result(&mut self, word: &str, name: &str, mark: &str) {
        self.number += 1;
        println!("{word} {} - {name}{mark}", self.number);
        // Who reads it may wait for it; and the next test may take the machine along.
        let _ = stdout().flush();
    }

    pub fn pass(&mut self, name: &str) {
        self.result("ok", name, "");
    }

    pub fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.result("not ok", name, "");
    }

    pub fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        self.result("ok", name, &format!(" # SKIP {}", why.trim()));
    }

    /// A failure that was to be expected, and does not count as one.
    pub fn known(&mut self, name: &str, why: &str) {
        self.known += 1;
        self.result("not ok", name, &format!(" # TODO {why}"));
    }

    /// A pass, or a failure with what is said of it.
    pub fn line(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.pass(name),
            Err(why) => {
                self.note(&why);
                self.fail(name);
            }
        }
    }

    /// Sums up.
    pub fn end(&self) {
        let Report {
            number,
            failed,
            skipped,
            known,
        } = self;
        let passed = number - failed - skipped - known;
        let mut sum = format!("{passed} passed, {failed} failed, {skipped} skipped");
        if *known > 0 {
            sum += &format!(", {known} known defects of the C driver");
        }
        self.note(&sum);
    }
}
