// SPDX-License-Identifier: GPL-2.0

//! What a stream tells of its state and its position.

use std::sync::atomic::Ordering;

use support::config::Dir;
use support::config::DRAINING;
use support::config::OPEN;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::SUSPENDED;
use support::config::XRUN;
use support::kernel as k;
use support::kernel::now_ns;

use super::calls::Model;
use super::kind::Kind;
use super::stream::Before;
use super::stream::Stream;
use super::world::Wrong;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

impl Stream {
    /// Asks for the state, if it is not known.
    pub fn observe(&mut self) {
        let before = self.before();
        let began = now_ns();
        let result = self.call(
            Kind::Status,
            [NO_ARG; 2],
            String::new(),
            PLAIN_MS,
            |status: &k::Status| status.hw_ptr as i64,
            |pcm| pcm.status(),
        );
        let Ok(status) = result else { return };
        let model = match status.state {
            OPEN => Model::Fresh,
            SETUP => Model::Setup,
            PREPARED => Model::Prepared,
            RUNNING => Model::Running,
            XRUN => Model::Xrun,
            DRAINING => Model::Draining,
            PAUSED => Model::Paused,
            SUSPENDED => Model::Suspended,
            _ => Model::Unknown,
        };
        if matches!(model, Model::Setup | Model::Xrun) {
            self.no_more_sound();
        }
        if model == Model::Running && before.model == Model::Running {
            self.check_status(&status, &before, began);
        }
        self.becomes(model, &before);
    }

    /// A stream that runs and was running has a position that fits the time.
    fn check_status(&mut self, status: &k::Status, before: &Before, began: i64) {
        let Some(cfg) = self.pcm.as_ref().and_then(|pcm| pcm.cfg) else {
            return;
        };
        let (hw, appl) = (status.hw_ptr, status.appl_ptr);
        self.check_position(hw, appl, before, began);
        let queued = appl.wrapping_sub(hw) as i64;
        let avail = match self.dir {
            Dir::Playback => cfg.buffer() as i64 - queued,
            Dir::Capture => -queued,
        };
        let certain = self.known() == Model::Running;
        // The core fills in the state first: an xrun that it finds then is not in it.
        if certain && avail != status.avail as i64 {
            self.actor.fail(
                Wrong::Position,
                &format!(
                    "STATUS: avail {}, hw_ptr {hw}, appl_ptr {appl}: {avail} frames",
                    status.avail
                ),
            );
        }
    }

    /// Checks a position that was asked for at `began` or later.
    fn check_position(&mut self, hw: u64, appl: u64, before: &Before, began: i64) {
        let now = now_ns();
        let last = self.seen;
        if before.model == Model::Running {
            self.seen = Some((hw, began));
        }
        if self.known() == Model::Unknown || self.known() != before.model {
            self.seen = None;
            return;
        }
        let Some(cfg) = self.pcm.as_ref().and_then(|pcm| pcm.cfg) else {
            return;
        };
        if appl != self.appl {
            let text = format!("appl_ptr {appl}, where {} frames were moved", self.appl);
            self.actor.fail(Wrong::Position, &text);
        }
        let Some((last, since)) = last else { return };
        if hw < last {
            let text = format!("the position went back from {last} to {hw}");
            self.actor.fail(Wrong::Position, &text);
        } else if !self.odd_clock() {
            // The fastest rate shift, and a frame that had begun at each end.
            let time = now - since + cfg.step_ns();
            let most = i128::from(time) * i128::from(cfg.rate) * 10 / 8 / 1_000_000_000 + 2;
            if i128::from(hw - last) > most {
                let text = format!(
                    "the position went from {last} to {hw} in {} us at most, in which {most} \
                     frames go by at the highest speed",
                    (now - since) / 1000
                );
                self.actor.fail(Wrong::Position, &text);
            }
        }
        if let Some(generation) = &self.generation {
            generation.gone_by.fetch_max(hw, Ordering::SeqCst);
        }
    }

    /// Asks for the position. None if it cannot be had.
    pub fn sync(&mut self) -> Option<u64> {
        let before = self.before();
        let began = now_ns();
        let last = self.seen;
        let floor = self.shared().programme.floor();
        let (hw, appl) = self
            .call(
                Kind::SyncPtr,
                [NO_ARG; 2],
                String::new(),
                PLAIN_MS,
                |at: &(u64, u64)| at.0 as i64,
                |pcm| pcm.pointers(),
            )
            .ok()?;
        if self.is_linked() {
            self.loosen();
        }
        self.check_position(hw, appl, &before, began);
        // The core counts positions modulo the buffer: it misses a buffer that nobody asked in.
        let buffer = self
            .pcm
            .as_ref()
            .and_then(|pcm| pcm.cfg)
            .map_or(0, |cfg| cfg.buffer_ns());
        if !self.stops && last.is_none_or(|(_, since)| now_ns() - since > buffer * 3 / 4) {
            self.overtaken = hw + self.step_frames();
            let at = last.map_or(0, |last| last.0);
            if let Some(ear) = &mut self.ear {
                ear.skip();
                ear.begin_gap(at);
            }
        }
        // While it is paused or suspended, the core tells a position that it asked for earlier.
        let runs = self.known() == Model::Running;
        let step = self.step_frames();
        if let (true, Some(ear)) = (runs, &mut self.ear) {
            // It may be a step further.
            ear.raise_floor(hw + step, floor);
            ear.end_gap(hw + step);
        }
        Some(hw)
    }

    /// How many frames further on it may be than it says.
    pub fn step_frames(&self) -> u64 {
        let cfg = self.pcm.as_ref().and_then(|pcm| pcm.cfg);
        cfg.map_or(0, |cfg| cfg.step_frames())
    }

    /// A capture may stop moving for a while, where it is or later.
    pub fn begin_gap(&mut self) {
        let at = self.seen.map_or(0, |seen| seen.0);
        if let Some(ear) = &mut self.ear {
            ear.begin_gap(at);
        }
    }
}
