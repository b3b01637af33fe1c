// SPDX-License-Identifier: GPL-2.0

//! The calls of a side that are not needed for sound to flow.

use std::sync::atomic::Ordering;

use support::config::Dir;
use support::kernel as k;
use support::kernel::Errno;

use super::calls::Model;
use super::kind::Kind;
use super::pages::Pages;
use super::stream::Stream;
use super::world::locked;
use super::world::thread_of;
use super::world::Wrong;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

impl Stream {
    /// Questions that change nothing.
    pub fn ask(&mut self) {
        match self.random().below(9) {
            0 | 1 => self.observe(),
            2 => {
                let _ = self.call(
                    Kind::Delay,
                    [NO_ARG; 2],
                    String::new(),
                    PLAIN_MS,
                    |&n| n,
                    |pcm| pcm.delay(),
                );
            }
            3 => {
                let _ = self.simple(Kind::Hwsync, |pcm| pcm.hwsync());
            }
            4 => {
                self.sync();
            }
            5 => {
                let _ = self.poll();
            }
            6 => self.refine(),
            7 => {
                let _ = self.simple(Kind::Info, |pcm| pcm.info().map(drop));
                let mut kind = 1 + self.random().below(2) as i32;
                let _ = self.simple(Kind::Ttstamp, |pcm| {
                    pcm.call("TTSTAMP", k::TTSTAMP, &mut kind).map(drop)
                });
                let _ = self.simple(Kind::ChannelInfo, |pcm| pcm.channel_info(0).map(drop));
            }
            _ => self.look_at_pages(),
        }
    }

    /// Maps the pages and reads the position there.
    pub fn look_at_pages(&mut self) {
        let result = self.call(
            Kind::Pages,
            [NO_ARG; 2],
            String::new(),
            PLAIN_MS,
            |pages: &Pages| pages.hw_ptr() as i64,
            |pcm| {
                let pages = Pages::map(pcm)?;
                pages.touch();
                Ok(pages)
            },
        );
        let Ok(pages) = result else { return };
        // A client asks the kernel, and finds the answer in the page.
        let (model, began) = (self.known(), pages.hw_ptr());
        if model == Model::Running && self.sync().is_some() && self.known() == model {
            let now = pages.hw_ptr();
            if now < began {
                let text =
                    format!("the position in the status page went back from {began} to {now}");
                self.actor.fail(Wrong::Position, &text);
            }
        }
    }

    pub fn refine(&mut self) {
        let cfg = self.draw_config();
        let limits = self.other_limits();
        let result = self.call(
            Kind::Refine,
            [NO_ARG; 2],
            String::new(),
            PLAIN_MS,
            |params: &k::HwParams| i64::from(params.value(k::PERIOD_SIZE)),
            |pcm| pcm.hw_refine(&cfg.request()),
        );
        // What was just found possible is.
        let possible = result.is_ok() && limits % 2 == 0;
        if possible && self.known() == Model::Fresh && self.other_limits() == limits {
            let wakes = !self.random().once_in(8);
            self.set_params(&cfg, wakes);
        }
    }

    pub fn configure(&mut self) {
        if !self.random().once_in(12) {
            if let Some(pcm) = &mut self.pcm {
                pcm.unmap();
            }
        }
        let cfg = self.draw_config();
        let wakes = !self.random().once_in(8);
        self.set_params(&cfg, wakes);
    }

    pub fn pause(&mut self) {
        self.begin_gap();
        if self.pause_or_release(Kind::Pause).is_ok() {
            self.is_now(Model::Paused);
            if self.random().once_in(2) {
                self.random().spin();
                self.ask();
                self.release();
            }
        }
    }

    pub fn release(&mut self) {
        if self.pause_or_release(Kind::Release).is_ok() {
            self.is_now(Model::Running);
        }
    }

    pub fn pause_or_release(&mut self, kind: Kind) -> Result<(), Errno> {
        self.simple(kind, |pcm| pcm.pause(kind == Kind::Pause))
    }

    pub fn resume(&mut self) {
        self.begin_gap();
        if self.simple(Kind::Resume, |pcm| pcm.resume()).is_ok() {
            // Whatever it was before.
            self.is_now(Model::Unknown);
            self.observe();
        }
    }

    pub fn rewind(&mut self) {
        let Some(cfg) = self.pcm.as_ref().and_then(|pcm| pcm.cfg) else {
            return;
        };
        // Before a capture's first frame there is nothing, but the core would go there.
        let most = match self.is_linked() {
            true => u64::MAX,
            false => self.appl.max(1),
        };
        let wanted = 1 + self.random().below(most.min(cfg.buffer() as u64));
        if self.appl == 0 && self.dir == Dir::Capture {
            return;
        }
        let back = self.call(
            Kind::Rewind,
            [wanted as i64, NO_ARG],
            String::new(),
            PLAIN_MS,
            |&n| n as i64,
            |pcm| pcm.rewind(wanted),
        );
        if let Ok(back) = back {
            // In a linked stream nothing is known of it.
            self.appl = self.appl.saturating_sub(back);
            if let Some(ear) = &mut self.ear {
                ear.rewind();
            }
        }
        // Forward no further than what is there: nobody wrote more, and less was not heard.
        let most = match self.dir {
            Dir::Playback => self.high.saturating_sub(self.appl),
            Dir::Capture => cfg.buffer() as u64,
        };
        if most == 0 || self.random().once_in(2) {
            return;
        }
        let wanted = 1 + self.random().below(most);
        let forth = self.call(
            Kind::Forward,
            [wanted as i64, NO_ARG],
            String::new(),
            PLAIN_MS,
            |&n| n as i64,
            |pcm| pcm.forward(wanted),
        );
        if let Ok(forth) = forth {
            self.appl += forth;
            if let Some(ear) = &mut self.ear {
                ear.skip();
            }
        }
    }

    pub fn drain(&mut self) {
        let mut waits = self.random().once_in(2);
        if waits {
            // A group that somebody pauses would let it wait for ever.
            *locked(&self.side().fd) = None;
            waits = !self.is_linked();
        }
        let kind = if waits {
            Kind::DrainWaiting
        } else {
            Kind::Drain
        };
        let limit = self.limit_of(0);
        let before = self.known();
        let usual = self.waits;
        let result = self.call(
            kind,
            [NO_ARG; 2],
            String::new(),
            limit,
            |_| 0,
            |pcm| {
                pcm.set_blocking(waits);
                let result = pcm.drain();
                pcm.set_blocking(usual);
                // That it goes on without the caller.
                match result {
                    Err(e) if e.code == libc::EAGAIN && !waits => Ok(()),
                    result => result,
                }
            },
        );
        if let (false, Some(pcm)) = (usual, &self.pcm) {
            *locked(&self.side().fd) = Some(pcm.fd());
        }
        if before == Model::Fresh || self.pcm.is_none() {
            return;
        }
        self.begin_gap();
        match result {
            Ok(()) if waits && !self.is_linked() => {
                self.is_now(Model::Unknown);
                if self.dir == Dir::Playback {
                    self.no_more_sound();
                }
                self.observe();
            }
            _ => {
                self.is_now(Model::Draining);
                self.observe();
            }
        }
    }

    pub fn stop(&mut self) {
        if self.simple(Kind::Drop, |pcm| pcm.stop()).is_ok() && self.pcm.is_some() {
            self.no_more_sound();
            self.is_now(Model::Setup);
        }
    }

    pub fn free(&mut self) {
        if !self.random().once_in(4) {
            if let Some(pcm) = &mut self.pcm {
                pcm.unmap();
            }
        }
        if self
            .simple(Kind::HwFree, |pcm| pcm.hw_free_mapped())
            .is_ok()
            && self.pcm.is_some()
        {
            self.freed();
        }
    }

    /// Links with another side of whichever cable, or lets go.
    pub fn link(&mut self) {
        if self.random().once_in(4) || self.is_linked() {
            let _ = self.simple(Kind::Unlink, |pcm| pcm.unlink());
            if self.is_linked() && self.random().once_in(2) {
                self.close();
            }
            return;
        }
        let world = std::sync::Arc::clone(&self.actor.world);
        let line = match self.random().once_in(3) {
            true => self.line,
            false => self.random().below(world.lines.len() as u64) as usize,
        };
        let dir = self.random().one_of(&Dir::BOTH);
        if self.waits || thread_of(line, dir) == self.actor.number {
            return;
        }
        let other = &world.lines[line].sides[dir as usize];
        let fd = locked(&other.fd);
        let Some(number) = *fd else { return };
        // Before it is: from then on others act on both.
        self.side().linked.store(true, Ordering::SeqCst);
        other.linked.store(true, Ordering::SeqCst);
        self.side().may_limit();
        other.may_limit();
        self.loosen();
        let result = self.call(
            Kind::Link,
            [line as i64, dir as i64],
            String::new(),
            PLAIN_MS,
            |_| 0,
            |pcm| pcm.link_fd(number),
        );
        drop(fd);
        if result.is_ok() && self.random().once_in(2) {
            self.random().spin();
            let _ = self.simple(Kind::Unlink, |pcm| pcm.unlink());
        }
    }

    /// A call that does not fit the state, mostly.
    pub fn anything(&mut self) {
        match self.random().below(8) {
            0 => self.start(),
            1 => self.prepare(),
            2 => self.resume(),
            3 => self.release(),
            4 => self.transfer(),
            5 => {
                let cfg = self.draw_config();
                self.set_params(&cfg, true);
            }
            6 => self.free(),
            _ => {
                let _ = self
                    .pause_or_release(Kind::Pause)
                    .map(|()| self.is_now(Model::Paused));
            }
        }
    }
}
