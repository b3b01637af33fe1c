// SPDX-License-Identifier: GPL-2.0

//! The thread that suspends, and takes the card away.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::kernel::Errno;
use support::ktap::Fail;
use support::machine;

use super::card::of_io;
use super::kind::Kind;
use super::world::Actor;
use super::world::Wrong;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

/// Suspends, and takes the card away.
pub struct Machine {
    pub actor: Actor,
    driver: PathBuf,
    device: String,
    pub without: Vec<Kind>,
}

impl Machine {
    pub fn new(actor: Actor, without: Vec<Kind>) -> Result<Self, Fail> {
        let (driver, device) = machine::platform(&actor.world.ctx)?;
        Ok(Machine {
            actor,
            driver,
            device,
            without,
        })
    }

    pub fn step(&mut self) {
        self.actor.step();
        // The others are to get somewhere meanwhile.
        let pause = 300 + self.actor.random.below(2500);
        std::thread::sleep(Duration::from_millis(pause));
        let kind = match self.actor.counts.steps {
            // Each early on, so that a short run has it, too.
            1 => Kind::Suspend,
            2 => Kind::Unbind,
            _ => self.actor.random.one_of(&[Kind::Suspend, Kind::Unbind]),
        };
        if self.actor.world.ended() || self.without.contains(&kind) {
            return;
        }
        match kind {
            Kind::Suspend => self.suspend(),
            _ => self.unbind_and_bind(),
        }
    }

    fn suspend(&mut self) {
        let world = std::sync::Arc::clone(&self.actor.world);
        world.suspends.fetch_add(1, Ordering::SeqCst);
        let (result, _) = self.actor.call(
            Kind::Suspend,
            [NO_ARG; 2],
            String::new(),
            3 * PLAIN_MS,
            |_| 0,
            || {
                machine::suspend().map_err(|e| Errno {
                    call: match e {
                        Fail::Wrong(text) if text.contains("busy") => "busy",
                        _ => "suspend",
                    },
                    code: libc::EBUSY,
                })
            },
        );
        world.suspends.fetch_add(1, Ordering::SeqCst);
        if let Err(e) = result {
            // A kernel that could not freeze everybody in time says it is busy.
            if e.call != "busy" {
                self.actor
                    .fail(Wrong::Call, "the machine cannot be suspended");
            }
        }
    }

    fn unbind_and_bind(&mut self) {
        let world = std::sync::Arc::clone(&self.actor.world);
        world.gone.fetch_add(1, Ordering::SeqCst);
        for (kind, file) in [(Kind::Unbind, "unbind"), (Kind::Bind, "bind")] {
            let path = self.driver.join(file);
            // An unbind waits until everybody has closed what is open.
            let (result, _) = self.actor.call(
                kind,
                [NO_ARG; 2],
                String::new(),
                10 * PLAIN_MS,
                |_| 0,
                || fs::write(&path, &self.device).map_err(of_io("write")),
            );
            if let Err(e) = result {
                self.actor.fail(Wrong::Call, &format!("{file}: {e}"));
            }
        }
        world.gone.fetch_add(1, Ordering::SeqCst);
    }
}
