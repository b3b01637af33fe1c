// SPDX-License-Identifier: GPL-2.0

//! Probes: the same calls on a card of the C driver and on the card under test, answer by answer.
//!
//! They find what tests of single rules miss. They run only when asked for, and need the other card
//! (`--reference`). What is drawn comes from `--seed`. No probe lets two sides run together that
//! differ in format, channels or layout: the C driver does not survive that in every state.

pub mod calls;
mod costs;
mod elements;
mod refine;
pub mod states;

use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;

pub fn tests() -> Vec<Test> {
    [
        elements::tests(),
        refine::tests(),
        states::tests(),
        costs::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn test(name: String, run: impl Fn(&Both) -> Outcome + 'static) -> Test {
    Test::new("probe", name, move |ctx| run(&Both::of(ctx)?)).limit(300)
}

/// The two cards.
struct Both {
    c: Context,
    ours: Context,
}

impl Both {
    fn of(ctx: &Context) -> Result<Self, Fail> {
        let Some((id, index)) = &ctx.reference else {
            return Err(Fail::Skip("no card to compare with (--reference)".into()));
        };
        let card = |card: &str, index, module: &str| Context {
            card: card.into(),
            index,
            module: module.into(),
            seed: ctx.seed,
            minutes: ctx.minutes,
            step: ctx.step,
            reference: None,
        };
        Ok(Both {
            c: card(id, *index, "snd_aloop"),
            ours: card(&ctx.card, ctx.index, &ctx.module),
        })
    }

    fn each<T>(&self, mut what: impl FnMut(&Context) -> Result<T, Fail>) -> Result<[T; 2], Fail> {
        Ok([what(&self.c)?, what(&self.ours)?])
    }
}

/// A difference that is meant: the rule, the entry (`*` is any text), what C answers and what ours
/// does, and why.
struct Meant(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Compares answers, entry by entry.
struct Comparison {
    meant: &'static [Meant],
    used: Vec<bool>,
    entries: usize,
    unlisted: Vec<String>,
}

impl Comparison {
    fn new(meant: &'static [Meant]) -> Self {
        Comparison {
            meant,
            used: vec![false; meant.len()],
            entries: 0,
            unlisted: Vec::new(),
        }
    }

    fn entry(&mut self, name: &str, c: &str, ours: &str) {
        self.entries += 1;
        if c == ours {
            return;
        }
        let listed = self
            .meant
            .iter()
            .position(|m| matches(m.1, name) && matches(m.2, c) && matches(m.3, ours));
        match listed {
            Some(which) => {
                if !std::mem::replace(&mut self.used[which], true) {
                    let Meant(rule, _, _, _, why) = self.meant[which];
                    note(&format!(
                        "meant ({rule}): {name}: C {c}, ours {ours}: {why}"
                    ));
                }
            }
            None => self.unlisted.push(format!("{name}: C {c}, ours {ours}")),
        }
    }

    /// Fails if there were differences that are not listed, or none where one is.
    fn verdict(mut self) -> Outcome {
        note(&format!("{} entries compared", self.entries));
        for (meant, used) in self.meant.iter().zip(&self.used) {
            if !used {
                self.unlisted
                    .push(format!("{}: a listed difference is not there", meant.1));
            }
        }
        let count = self.unlisted.len();
        if count == 0 {
            return Ok(());
        }
        self.unlisted.truncate(40);
        Err(Fail::Wrong(format!(
            "{count} differences that are not listed:\n{}",
            self.unlisted.join("\n")
        )))
    }
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(tail) = text.strip_prefix(head) else {
        return false;
    };
    (0..=tail.len())
        .filter(|&at| tail.is_char_boundary(at))
        .any(|at| matches(rest, &tail[at..]))
}
