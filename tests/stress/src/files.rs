// SPDX-License-Identifier: GPL-2.0

//! The thread of the card's files in `/proc/asound`.

use std::fs;
use std::sync::atomic::Ordering;

use super::card::must_work;
use super::card::of_io;
use super::kind::Kind;
use super::world::Actor;
use super::world::Wrong;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

/// The card's files in `/proc/asound`.
pub struct Files {
    pub actor: Actor,
    /// How many more steps another clock is to be had.
    odd: u64,
}

impl Files {
    pub fn new(actor: Actor) -> Self {
        Files { actor, odd: 0 }
    }

    fn path(&self, name: &str) -> String {
        format!("/proc/asound/{}/{name}", self.actor.world.ctx.card)
    }

    fn read_file(&mut self, kind: Kind, path: &str) -> Option<String> {
        let gone = self.actor.world.gone.load(Ordering::SeqCst);
        let result = self.actor.call(
            kind,
            [NO_ARG; 2],
            path.to_string(),
            PLAIN_MS,
            |_| 0,
            || fs::read_to_string(path).map_err(of_io("read")),
        );
        must_work(&self.actor, gone, &result.0);
        result.0.ok()
    }

    pub fn step(&mut self) {
        self.actor.step();
        if self.odd > 0 {
            self.odd -= 1;
            if self.odd == 0 {
                self.set_source("");
                self.actor.world.odd_source.fetch_add(1, Ordering::SeqCst);
            }
        }
        match self.actor.random.below(10) {
            0..4 => self.read_cable(),
            4..7 => self.read_substream(),
            7 | 8 => {
                let path = self.path("timer_source");
                self.read_file(Kind::SourceRead, &path);
            }
            _ if self.odd == 0 => self.change_source(),
            _ => {}
        }
        self.actor.pause();
    }

    fn read_cable(&mut self) {
        let number = self.actor.random.below(2);
        let path = self.path(&format!("cable#{number}"));
        let Some(text) = self.read_file(Kind::ProcCable, &path) else {
            return;
        };
        let blocks = text
            .lines()
            .filter(|line| line.starts_with("Cable "))
            .count();
        let field = |line: &str, name: &str| -> Option<u64> {
            line.trim().strip_prefix(name)?.trim().parse().ok()
        };
        let mut size = 0;
        let mut wrong = (blocks != 8).then(|| format!("{blocks} substreams"));
        for line in text.lines() {
            size = field(line, "buffer_size:").unwrap_or(size);
            let past = |value: Option<u64>, limit: u64| value.is_some_and(|value| value > limit);
            let bits = ["valid:", "running:", "pause:"];
            if bits.iter().any(|name| past(field(line, name), 3))
                || past(field(line, "buffer_pos:"), size)
                || past(field(line, "period_size:"), size)
                || past(field(line, "silent_size:"), size)
            {
                wrong = Some(line.trim().to_string());
            }
        }
        if let Some(wrong) = wrong {
            self.actor
                .fail(Wrong::Control, &format!("{path}: {wrong}, in\n{text}"));
        }
    }

    fn read_substream(&mut self) {
        let random = &mut self.actor.random;
        let path = format!(
            "pcm{}{}/sub{}/{}",
            random.below(2),
            random.one_of(&['p', 'c']),
            random.below(8),
            random.one_of(&["status", "hw_params", "sw_params", "info"]),
        );
        let path = self.path(&path);
        self.read_file(Kind::ProcPcm, &path);
    }

    fn set_source(&mut self, source: &str) {
        let gone = self.actor.world.gone.load(Ordering::SeqCst);
        let path = self.path("timer_source");
        let (result, _) = self.actor.call(
            Kind::SourceWrite,
            [NO_ARG; 2],
            source.to_string(),
            PLAIN_MS,
            |_| 0,
            || fs::write(&path, format!("{source}\n")).map_err(of_io("write")),
        );
        must_work(&self.actor, gone, &result);
    }

    /// Lets the cables that are opened next run by some timer, which may not tick or not fit.
    fn change_source(&mut self) {
        if !self.actor.random.once_in(8) {
            return self.set_source("");
        }
        let card = self.actor.world.ctx.card.clone();
        let random = &mut self.actor.random;
        let source = match random.below(3) {
            0 => "-1.0.0".to_string(),
            1 => format!("{card},{},{}", random.below(2), random.below(16)),
            _ => format!("{card},9,9"),
        };
        self.odd = 1 + random.below(30);
        self.actor.world.odd_source.fetch_add(1, Ordering::SeqCst);
        self.set_source(&source);
    }

    /// Leaves the system's clock behind.
    pub fn close(&mut self) {
        self.set_source("");
    }
}
