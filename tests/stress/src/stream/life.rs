// SPDX-License-Identifier: GPL-2.0

//! From the open of a stream to its START, and its close.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use support::config::Config;
use support::config::Dir;
use support::kernel as k;
use support::kernel::Errno;
use support::pcm::Pcm;

use super::super::calls::Model;
use super::super::ear::Ear;
use super::super::kind::Kind;
use super::super::sound::Generation;
use super::super::world::locked;
use super::super::world::World;
use super::super::world::NO_ARG;
use super::super::world::PLAIN_MS;
use super::Stream;

impl Stream {
    pub fn open(&mut self) {
        let waits = self.random().once_in(4);
        let line = self.line;
        self.gone = self.world().gone.load(Ordering::SeqCst);
        let source = self.world().opening(line);
        let before = self.before();
        let at = World::cable(line).side(&self.world().ctx, self.dir);
        let (kind, flags) = match waits {
            true => (Kind::OpenWaiting, 0),
            false => (Kind::Open, libc::O_NONBLOCK),
        };
        let (result, stood_still) = self.actor.call(
            kind,
            [NO_ARG; 2],
            String::new(),
            PLAIN_MS,
            |_| 0,
            || Pcm::open_with(at, flags),
        );
        let odd = self.world().opened(line, source);
        let mut facts = self.facts(&before, stood_still);
        facts.odd_clock = odd;
        let code = result.as_ref().map(drop).map_err(|e| e.code);
        match result {
            Ok(pcm) => {
                self.waits = waits;
                if !waits {
                    *locked(&self.side().fd) = Some(pcm.fd());
                }
                self.pcm = Some(pcm);
                self.becomes(Model::Fresh, &before);
            }
            Err(_) => self.world().closed(line),
        }
        let away = matches!(code, Err(libc::ENOENT | libc::ENODEV | libc::ENXIO));
        self.settle(kind, &before, &facts, code);
        if away {
            // While the card is away, others are to close it.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn close(&mut self) {
        let Some(pcm) = self.pcm.take() else { return };
        // Whoever links it does so under this lock.
        *locked(&self.side().fd) = None;
        let _ = self.actor.plain(Kind::Close, [NO_ARG; 2], || {
            drop(pcm);
            Ok(())
        });
        self.forget_parameters();
        self.side().limits_no_more();
        self.side().linked.store(false, Ordering::SeqCst);
        self.world().closed(self.line);
        self.model = Model::Closed;
    }

    pub(super) fn forget_parameters(&mut self) {
        self.no_more_sound();
        self.generation = None;
        self.ear = None;
        self.seen = None;
        *locked(&self.side().cfg) = None;
    }

    pub fn set_params(&mut self, cfg: &Config, wakes: bool) {
        // What fails leaves the stream without parameters too. What succeeds does not free it:
        // until its next PREPARE, it limits the other side as before.
        let before = self.before();
        let flags = if wakes {
            0
        } else {
            k::HW_PARAMS_NO_PERIOD_WAKEUP
        };
        let note = format!(
            "{} {} ch {} Hz {:?}, {} x {}{}",
            cfg.format.name,
            cfg.channels,
            cfg.rate,
            cfg.access,
            cfg.periods,
            cfg.period,
            if wakes { "" } else { ", no wake-ups" }
        );
        let linked = self.is_linked();
        let result = self.call(
            Kind::HwParams,
            [NO_ARG; 2],
            note,
            PLAIN_MS,
            |_| 0,
            |pcm| pcm.set_params(cfg, flags),
        );
        let refused = |e: &Errno| matches!(e.code, libc::EBADFD | libc::EBUSY);
        if self.pcm.is_none() || result.as_ref().is_err_and(refused) {
            return;
        }
        self.forget_parameters();
        if result.is_err() {
            self.side().limits_no_more();
            self.becomes(Model::Fresh, &before);
            return;
        }
        *locked(&self.side().cfg) = Some(*cfg);
        self.wakes = wakes;
        self.becomes(Model::Setup, &before);
        if linked {
            // Whoever is linked with it may prepare it.
            self.side().may_limit();
        }
        self.set_thresholds();
        if cfg.access.is_mmap() && self.pcm.is_some() {
            let _ = self.simple(Kind::Map, |pcm| pcm.map());
        }
    }

    /// Nothing is known any more of the order in which it is heard, or hears.
    pub fn loosen(&mut self) {
        if let Some(generation) = &self.generation {
            generation.loose.store(true, Ordering::SeqCst);
        }
        if let (true, Some(ear)) = (self.is_linked(), &mut self.ear) {
            ear.loose = true;
        }
    }

    pub fn prepare(&mut self) {
        let world = Arc::clone(&self.actor.world);
        let _turn = self.is_linked().then(|| locked(&world.preparing));
        let before = self.before();
        let Some(cfg) = self.pcm.as_ref().and_then(|pcm| pcm.cfg) else {
            let _ = self.simple(Kind::Prepare, |pcm| pcm.prepare());
            return;
        };
        let floor = self.shared().programme.floor();
        self.side().may_limit();
        let result = self.simple(Kind::Prepare, |pcm| pcm.prepare());
        match result {
            Err(_) if before.model == Model::Setup || before.model == Model::Fresh => {
                self.side().limits_no_more()
            }
            Ok(()) if self.pcm.is_some() => {
                self.becomes(Model::Prepared, &before);
                self.no_more_sound();
                (self.appl, self.high, self.seen, self.overtaken) = (0, 0, None, 0);
                let linked = self.is_linked();
                match self.dir {
                    Dir::Playback => {
                        let programme = &self.shared().programme;
                        let number = programme.next_number();
                        let generation = Generation::new(self.world().seed, self.line, number, cfg);
                        generation
                            .loose
                            .store(linked || !self.stops, Ordering::SeqCst);
                        let generation = Arc::new(generation);
                        programme.add(Arc::clone(&generation));
                        self.generation = Some(generation);
                    }
                    Dir::Capture => {
                        let mut ear = Ear::new(cfg, floor);
                        ear.loose = linked;
                        self.ear = Some(ear);
                    }
                }
            }
            _ => {}
        }
    }

    pub fn start(&mut self) {
        let before = self.before();
        let floor = self.shared().programme.floor();
        if let (Model::Prepared, Some(ear)) = (before.model, &mut self.ear) {
            ear.raise_floor(0, floor);
        }
        if self.simple(Kind::Start, |pcm| pcm.start()).is_ok() {
            self.becomes(Model::Running, &before);
        }
    }
}
