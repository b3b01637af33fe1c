// SPDX-License-Identifier: GPL-2.0

//! How late sound arrives, from what was observed.

use serde::Serialize;

/// Where both sides of a cable were, at times of one clock.
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    /// Frames that have been played, and when that was so, in seconds.
    pub played: (f64, f64),
    /// Frames that have been recorded.
    pub recorded: (f64, f64),
}

impl Positions {
    /// Returns by how many frames a frame is recorded later than it is played, where the first one
    /// that is played is recorded behind `before` others.
    ///
    /// The two positions are not of one moment: the card goes on between them, at its rate.
    pub fn delay(&self, before: u64, rate: f64) -> f64 {
        let (played, played_at) = self.played;
        let (recorded, recorded_at) = self.recorded;
        let apart = (recorded_at - played_at) * rate;
        played + apart - (recorded - before as f64)
    }
}

/// A summary of many observations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub count: usize,
}

/// Observations, of which there may be millions: of many, only some are kept for the median.
#[derive(Debug)]
pub struct Observations {
    kept: Vec<f64>,
    /// Each so many is kept.
    every: usize,
    count: usize,
    least: f64,
    most: f64,
}

/// How many are kept, at most.
const KEPT: usize = 1 << 16;

impl Observations {
    pub fn new() -> Self {
        Self {
            kept: Vec::new(),
            every: 1,
            count: 0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
        }
    }

    pub fn add(&mut self, value: f64) {
        if self.count % self.every == 0 {
            self.kept.push(value);
        }
        self.count = self.count.saturating_add(1);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        if self.kept.len() == KEPT {
            let kept = self.kept.iter().step_by(2).copied();
            self.kept = kept.collect();
            self.every = self.every.saturating_mul(2);
        }
    }

    /// Returns the summary; `None` of nothing.
    pub fn summary(&self) -> Option<Summary> {
        let mut kept = self.kept.clone();
        kept.sort_by(f64::total_cmp);
        Some(Summary {
            median: *kept.get(kept.len() / 2)?,
            least: self.least,
            most: self.most,
            count: self.count,
        })
    }
}

impl Summary {
    /// Returns the same in another unit.
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            least: self.least * factor,
            most: self.most * factor,
            count: self.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays() {
        // 7 frames of silence, then the first one; both positions of one moment.
        let at = |played, recorded| Positions { played, recorded };
        let delay = at((100.0, 5.0), (107.0, 5.0)).delay(7, 48_000.0);
        assert!(delay.abs() < 1e-6);
        // The capture is 48 frames behind.
        let delay = at((100.0, 5.0), (59.0, 5.0)).delay(7, 48_000.0);
        assert!((delay - 48.0).abs() < 1e-6);
        // It was asked a millisecond later, and the card has gone on as long.
        let delay = at((100.0, 5.0), (155.0, 5.001)).delay(7, 48_000.0);
        assert!(delay.abs() < 1e-6);
    }

    #[test]
    fn summaries() {
        let mut observations = Observations::new();
        assert_eq!(observations.summary(), None);
        for value in [3.0, 1.0, 2.0] {
            observations.add(value);
        }
        let summary = observations.summary().expect("three");
        assert_eq!(
            (summary.least, summary.median, summary.most),
            (1.0, 2.0, 3.0)
        );
        assert_eq!(summary.scaled(2.0).most, 6.0);

        let mut many = Observations::new();
        for number in 0..=1_000_000 {
            many.add(f64::from(number));
        }
        assert!(many.kept.len() < KEPT);
        let summary = many.summary().expect("a million");
        assert_eq!((summary.count, summary.most), (1_000_001, 1_000_000.0));
        assert!((summary.median - 500_000.0).abs() < 100.0);
    }
}
