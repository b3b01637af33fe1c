// SPDX-License-Identifier: GPL-2.0

//! The thread of one side of a cable.

mod life;

use std::sync::atomic::Ordering;
use std::sync::Arc;

use support::config::Dir;
use support::kernel as k;
use support::kernel::Errno;
use support::pcm::Pcm;
use support::random::Random;

use super::calls::judge;
use super::calls::Facts;
use super::calls::Model;
use super::ear::Ear;
use super::kind::Kind;
use super::sound::Generation;
use super::world::Actor;
use super::world::Line;
use super::world::Side;
use super::world::World;
use super::world::Wrong;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

/// One side of a cable, and what its thread knows of it.
pub struct Stream {
    pub actor: Actor,
    pub line: usize,
    pub dir: Dir,
    pub pcm: Option<Pcm>,
    pub model: Model,
    /// `World::gone` when it was opened.
    pub gone: u64,
    /// `World::suspends` when the state was known last.
    pub suspends: u64,
    pub waits: bool,
    /// It has asked to be woken at its periods.
    pub wakes: bool,
    /// It stops when its buffer is used up.
    pub stops: bool,
    /// Reading or writing starts it.
    pub starts: bool,
    /// Frames that it has moved since PREPARE.
    pub appl: u64,
    /// Frames that have been written in this generation, for a playback.
    pub high: u64,
    pub generation: Option<Arc<Generation>>,
    pub ear: Option<Ear>,
    /// The position that was seen last while it ran, and before which time. (The core asks for none
    /// while it is paused, and then knows of less than has gone by.)
    pub seen: Option<(u64, i64)>,
    /// `World::suspends` before the last call.
    suspends_before: u64,
    /// Frames before this may have been overtaken by the buffer, unseen.
    pub overtaken: u64,
}

/// Whether there is something to be known when a call returns.
pub struct Before {
    pub model: Model,
    pub limits: u64,
    pub suspends: u64,
}

impl Stream {
    pub fn new(actor: Actor, line: usize, dir: Dir) -> Self {
        Stream {
            actor,
            line,
            dir,
            pcm: None,
            model: Model::Closed,
            gone: 0,
            suspends: 0,
            waits: false,
            wakes: true,
            stops: true,
            starts: false,
            appl: 0,
            high: 0,
            generation: None,
            ear: None,
            seen: None,
            suspends_before: 0,
            overtaken: 0,
        }
    }

    pub fn world(&self) -> &World {
        &self.actor.world
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.actor.random
    }

    pub fn shared(&self) -> &Line {
        &self.world().lines[self.line]
    }

    pub fn side(&self) -> &Side {
        &self.shared().sides[self.dir as usize]
    }

    pub fn peer(&self) -> &Side {
        &self.shared().sides[1 - self.dir as usize]
    }

    pub fn is_linked(&self) -> bool {
        self.side().linked.load(Ordering::SeqCst)
    }

    pub fn odd_clock(&self) -> bool {
        self.shared().odd_clock.load(Ordering::SeqCst)
    }

    /// The state as it is known now.
    pub fn known(&self) -> Model {
        let suspends = self.world().suspends.load(Ordering::SeqCst);
        let certain = !self.is_linked() && suspends == self.suspends && suspends % 2 == 0;
        match self.model {
            Model::Closed | Model::Fresh => self.model,
            // A suspend does nothing to it.
            Model::Setup if !self.is_linked() => self.model,
            _ if certain => self.model,
            _ => Model::Unknown,
        }
    }

    pub fn before(&self) -> Before {
        Before {
            model: self.known(),
            limits: self.peer().limits.load(Ordering::SeqCst),
            suspends: self.world().suspends.load(Ordering::SeqCst),
        }
    }

    /// The state is now known to be this.
    pub fn becomes(&mut self, model: Model, before: &Before) {
        self.model = model;
        self.suspends = before.suspends;
    }

    /// After the last call, the state is this.
    pub fn is_now(&mut self, model: Model) {
        self.model = model;
        self.suspends = self.suspends_before;
    }

    /// HW_FREE has been done.
    pub fn freed(&mut self) {
        self.forget_parameters();
        self.side().limits_no_more();
        self.is_now(Model::Fresh);
    }

    pub fn other_limits(&self) -> u64 {
        self.peer().limits.load(Ordering::SeqCst)
    }

    fn facts(&self, before: &Before, stood_still: i64) -> Facts {
        let limits = self.peer().limits.load(Ordering::SeqCst);
        Facts {
            // Something may have come between.
            model: if self.known() == before.model {
                before.model
            } else {
                Model::Unknown
            },
            dir: self.dir,
            gone: self.world().is_gone_since(self.gone),
            odd_clock: self.odd_clock(),
            limited: limits != before.limits
                || limits % 2 == 1
                || self.peer().linked.load(Ordering::SeqCst),
            mapped: self.pcm.as_ref().is_some_and(Pcm::is_mapped),
            empty: self.appl == 0 && self.stops,
            stalled: self.may_give_up(stood_still),
            contended: true,
        }
    }

    /// Whether the core may have given up waiting since a processor stood still for so long: it waits for frames
    /// a tenth longer than the buffer lasts, but for 100 ms at least.
    ///
    /// The shortest spare time is 9 ms, that of a buffer of 91 ms. Whoever stands still for longer shows that by
    /// more than a third of it, since a beat is 5 ms.
    fn may_give_up(&self, stood_still: i64) -> bool {
        let cfg = self.pcm.as_ref().and_then(|pcm| pcm.cfg);
        let buffer = cfg.map_or(0, |cfg| cfg.buffer_ns());
        let spare = (buffer / 10).max(100_000_000 - buffer);
        stood_still > spare / 3
    }

    /// Makes a call on the stream and judges its result.
    pub fn call<T>(
        &mut self,
        kind: Kind,
        args: [i64; 2],
        note: String,
        limit: u64,
        value: impl FnOnce(&T) -> i64,
        work: impl FnOnce(&mut Pcm) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let before = self.before();
        self.suspends_before = before.suspends;
        if matches!(
            before.model,
            Model::Unknown | Model::Paused | Model::Suspended
        ) {
            self.begin_gap();
        }
        let Some(mut pcm) = self.pcm.take() else {
            return Err(Errno {
                call: "closed",
                code: libc::EBADF,
            });
        };
        let (result, stood_still) = self
            .actor
            .call(kind, args, note, limit, value, || work(&mut pcm));
        self.pcm = Some(pcm);
        let mut facts = self.facts(&before, stood_still);
        if self.starts
            && matches!(
                kind,
                Kind::Read | Kind::ReadWaiting | Kind::Write | Kind::WriteWaiting
            )
            && facts.model == Model::Prepared
        {
            // It starts meanwhile, and may even have stopped again.
            facts.model = Model::Unknown;
        }
        self.settle(
            kind,
            &before,
            &facts,
            result.as_ref().map(drop).map_err(|e| e.code),
        );
        result
    }

    /// Judges a result, and takes note of what it says about the state.
    fn settle(&mut self, kind: Kind, before: &Before, facts: &Facts, result: Result<(), i32>) {
        if let Err(why) = judge(kind, facts, result) {
            let text = match result {
                Ok(()) => "success".to_string(),
                Err(code) => format!("{} ({code})", k::errno_name(code)),
            };
            self.actor.fail(
                Wrong::Call,
                &format!(
                    "{} {why}: {text}; state {:?}, limited {}, odd clock {}, mapped {}, empty {}",
                    kind.name(),
                    facts.model,
                    facts.limited,
                    facts.odd_clock,
                    facts.mapped,
                    facts.empty
                ),
            );
        }
        match result {
            Err(libc::ENODEV) if facts.gone => self.close(),
            // A START says so when there is nothing to play.
            Err(libc::EPIPE) if kind == Kind::Start => {}
            Err(libc::EPIPE) => {
                self.no_more_sound();
                self.becomes(Model::Unknown, before);
            }
            Err(libc::ESTRPIPE | libc::EIO) => self.becomes(Model::Unknown, before),
            Err(libc::EBADFD)
                if !matches!(facts.model, Model::Fresh | Model::Setup | Model::Prepared) =>
            {
                self.becomes(Model::Unknown, before)
            }
            _ => {}
        }
    }

    pub fn simple(
        &mut self,
        kind: Kind,
        work: impl FnOnce(&mut Pcm) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.call(kind, [NO_ARG; 2], String::new(), PLAIN_MS, |_| 0, work)
    }

    /// What is played of this generation has been played.
    pub fn no_more_sound(&mut self) {
        if let Some(generation) = &self.generation {
            if !generation.loose.load(Ordering::SeqCst) {
                generation.ended.store(true, Ordering::SeqCst);
            }
        }
    }
}
