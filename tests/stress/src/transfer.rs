// SPDX-License-Identifier: GPL-2.0

//! Moving frames: writing, reading, waiting, and what is heard.

use std::sync::atomic::Ordering;

use support::config::Config;
use support::config::Dir;
use support::signal::Audio;

use super::calls::Model;
use super::kind::Kind;
use super::stream::Stream;
use super::world::Wrong;
use super::world::BEAT_MS;
use super::world::NO_ARG;

/// How long a waiting call may take beyond the time that its frames need, in milliseconds.
pub const LATE_MS: u64 = 10_000;
impl Stream {
    pub fn transfer(&mut self) {
        match self.dir {
            Dir::Playback => self.write(),
            Dir::Capture => self.read(),
        }
    }

    pub fn is_mmap(&self) -> Option<bool> {
        self.pcm.as_ref()?.cfg.map(|cfg| cfg.access.is_mmap())
    }

    /// Whether frames can be moved without waiting for what does not come.
    pub fn may_transfer(&self) -> bool {
        let Some(pcm) = &self.pcm else { return false };
        let mapped = self.is_mmap().is_none_or(|mmap| mmap == pcm.is_mapped());
        let waits = self.waits && !pcm.is_mapped();
        pcm.boundary > 0
            && mapped
            && match self.known() {
                Model::Closed | Model::Fresh => false,
                // It would wait for ever where nobody wakes it.
                Model::Running => !waits || self.wakes && !self.odd_clock(),
                Model::Prepared => {
                    !waits
                        || self.dir == Dir::Playback
                        || self.starts && self.wakes && !self.odd_clock()
                }
                Model::Setup | Model::Xrun => true,
                _ => !waits,
            }
    }

    /// The parameters, if frames can be moved.
    fn transferable(&self) -> Option<Config> {
        let cfg = self.pcm.as_ref()?.cfg?;
        self.may_transfer().then_some(cfg)
    }

    /// How long so many frames may take, in milliseconds.
    pub fn limit_of(&self, frames: u64) -> u64 {
        let cfg = self.pcm.as_ref().and_then(|pcm| pcm.cfg);
        let ms = cfg.map_or(0, |cfg| {
            (frames + cfg.buffer() as u64) * 2000 / u64::from(cfg.rate)
        });
        ms + LATE_MS
    }

    pub fn write(&mut self) {
        let Some(cfg) = self.transferable() else {
            return;
        };
        let buffer = cfg.buffer() as u64;
        let most = match self.known() {
            // More than fits waits for a START.
            Model::Prepared => buffer - self.appl.min(buffer),
            _ => buffer,
        };
        if most == 0 {
            return;
        }
        let count = 1 + self.random().below(most);
        let frames = match &self.generation {
            Some(generation) => {
                // Before the kernel gets them.
                generation
                    .written
                    .fetch_max(self.appl + count, Ordering::SeqCst);
                if self.is_linked() {
                    generation.loose.store(true, Ordering::SeqCst);
                }
                generation.frames(self.appl, count as usize)
            }
            None => cfg.silence(count as usize),
        };
        let kind = match (self.is_mmap(), self.waits) {
            (Some(true), _) => Kind::MmapWrite,
            (_, false) => Kind::Write,
            (_, true) => Kind::WriteWaiting,
        };
        let prepared = self.known() == Model::Prepared;
        let limit = self.limit_of(count);
        let written = self.call(
            kind,
            [self.appl as i64, count as i64],
            String::new(),
            limit,
            |&n| n as i64,
            |pcm| pcm.write(&frames, 0, count as usize),
        );
        if let Ok(written) = written {
            self.appl += written as u64;
            self.high = self.high.max(self.appl);
            if prepared && self.starts && written > 0 && kind != Kind::MmapWrite {
                self.model = Model::Running;
            }
        }
    }

    pub fn read(&mut self) {
        let Some(cfg) = self.transferable() else {
            return;
        };
        let count = 1 + self.random().below(cfg.buffer() as u64);
        self.sync();
        if self.known() == Model::Setup && self.pcm.is_none() {
            return;
        }
        let kind = match (self.is_mmap(), self.waits) {
            (Some(true), _) => Kind::MmapRead,
            (_, false) => Kind::Read,
            (_, true) => Kind::ReadWaiting,
        };
        if !self.may_transfer() {
            return;
        }
        let prepared = self.known() == Model::Prepared;
        let limit = self.limit_of(count);
        let mut heard = cfg.nothing();
        let from = self.appl;
        let read = self.call(
            kind,
            [from as i64, count as i64],
            String::new(),
            limit,
            |&n| n as i64,
            |pcm| pcm.read(&mut heard, count as usize),
        );
        if prepared && self.starts && kind != Kind::MmapRead && read.is_ok() {
            self.model = Model::Running;
        }
        let Ok(read @ 1..) = read else { return };
        self.appl = from + read as u64;
        // What the buffer has overtaken meanwhile is not what was to be read.
        let intact = match self.sync() {
            Some(position) => {
                let position = position + self.step_frames();
                position.saturating_sub(from) <= cfg.buffer() as u64 && from >= self.overtaken
            }
            None => false,
        };
        if intact {
            self.judge(&heard, from, cfg.buffer() as u64);
        } else {
            self.actor.counts.unjudged += read as u64;
            if let Some(ear) = &mut self.ear {
                ear.skip();
            }
        }
    }

    pub fn judge(&mut self, heard: &Audio, from: u64, buffer: u64) {
        let linked = self.is_linked();
        let world = std::sync::Arc::clone(&self.actor.world);
        let Some(ear) = &mut self.ear else { return };
        ear.loose |= linked;
        let keep_from = (from + heard.len() as u64).saturating_sub(buffer);
        let before = (ear.heard, ear.silent);
        let programme = &world.lines[self.line].programme;
        let result = ear.hear(heard, from, keep_from, programme);
        self.actor.counts.sound += ear.heard - before.0;
        self.actor.counts.silence += ear.silent - before.1;
        if let Err((at, why)) = result {
            let text = self.describe(heard, from, at, &why);
            self.actor.fail(Wrong::Sound, &text);
        }
    }

    /// What was heard in place of what should have been.
    pub fn describe(&self, heard: &Audio, from: u64, at: usize, why: &str) -> String {
        let world = &self.actor.world;
        let mut text = format!(
            "capture position {} (frame {at} of {} that were read from {from} on): {why}",
            from + at as u64,
            heard.len(),
        );
        let unit = heard.unit;
        let bytes: Vec<String> = heard
            .planes
            .iter()
            .take(4)
            .map(|plane| {
                format!(
                    "{:02x?}",
                    &plane[at * unit..((at + 1) * unit).min(at * unit + 16)]
                )
            })
            .collect();
        text += &format!("; its bytes: {}", bytes.join(" "));
        let cfg = self.pcm.as_ref().and_then(|pcm| pcm.cfg);
        if let (Some(ear), Some(cfg)) = (&self.ear, cfg) {
            text += &format!(
                "; {}, {} ch, {} Hz, {} x {}; before: {}",
                cfg.format.name,
                cfg.channels,
                cfg.rate,
                cfg.periods,
                cfg.period,
                ear.history()
            );
        }
        for (number, line) in world.lines.iter().enumerate() {
            for generation in line.programme.since(0) {
                let same = cfg.is_some_and(|cfg| {
                    cfg.format == generation.cfg.format && cfg.channels == generation.cfg.channels
                });
                if !same {
                    continue;
                }
                let found = (0..generation.written_now()).find(|&frame| {
                    let run = 4.min(heard.len() - at);
                    (0..run).all(|i| generation.is_at(heard, at + i, frame + i as u64))
                });
                if let Some(frame) = found {
                    text +=
                        &format!(
                        "; it is frame {frame} of generation {} of cable {number}{} ({} Hz, {} x \
                         {}, {} written, {} gone by, ended: {}, loose: {})",
                        generation.number,
                        if number == self.line { "" } else { ", another one" },
                        generation.cfg.rate,
                        generation.cfg.periods,
                        generation.cfg.period,
                        generation.written_now(),
                        generation.gone_by.load(Ordering::SeqCst),
                        generation.ended.load(Ordering::SeqCst),
                        generation.loose.load(Ordering::SeqCst),
                    );
                    return text;
                }
            }
        }
        text + "; nobody has played it"
    }

    /// Waits for the stream as a program does, if it is not the calls that wait.
    pub fn wait(&mut self) {
        match self.waits && self.is_mmap() == Some(false) {
            true => {}
            false if self.random().once_in(4) => self.random().spin(),
            false => {
                let _ = self.poll();
            }
        }
    }

    /// Waits until the stream is ready, or twice as long as the buffer lasts.
    pub fn poll(&mut self) -> Option<i16> {
        let cfg = self.pcm.as_ref()?.cfg?;
        let buffer_ms = (cfg.buffer_ns() / 1_000_000) as u64;
        let sure = self.wakes && !self.odd_clock() && self.stops;
        let ms = match sure {
            true => buffer_ms * 2 + 200,
            false => self.random().below(20),
        };
        let before = self.known();
        let since = self.actor.world.passed_since();
        let revents = self
            .call(
                Kind::Poll,
                [ms as i64, NO_ARG],
                String::new(),
                ms + LATE_MS,
                |revents: &Option<i16>| revents.map_or(0, i64::from),
                |pcm| Ok(pcm.poll(ms as i32)),
            )
            .ok()?;
        // It is woken at its periods, or else when it is stopped at the end of the buffer.
        let ran = self.actor.world.passed(&since) * BEAT_MS >= ms * 6 / 10;
        if revents.is_none() && sure && ran && before == Model::Running && self.known() == before {
            self.actor.fail(
                Wrong::Stuck,
                &format!("poll: no wake-up for {ms} ms, the buffer lasts {buffer_ms} ms"),
            );
        }
        revents
    }
}
