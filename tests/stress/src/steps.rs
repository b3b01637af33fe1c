// SPDX-License-Identifier: GPL-2.0

//! The steps of a side's thread.

use support::config::Dir;

use super::calls::Model;
use super::stream::Stream;

/// What a step does, and how often. `Flow` is what lets sound flow: whatever is needed next for
/// that.
#[derive(Clone, Copy)]
enum Act {
    Flow,
    Ask,
    Pause,
    Rewind,
    Drain,
    Drop,
    Configure,
    Thresholds,
    Prepare,
    Start,
    Free,
    Close,
    Link,
    Any,
}

const ACTS: [(Act, u64); 14] = [
    (Act::Flow, 600),
    (Act::Ask, 180),
    (Act::Pause, 30),
    (Act::Rewind, 30),
    (Act::Drain, 12),
    (Act::Drop, 12),
    (Act::Configure, 12),
    (Act::Thresholds, 12),
    (Act::Prepare, 10),
    (Act::Start, 8),
    (Act::Free, 5),
    (Act::Close, 10),
    (Act::Link, 14),
    (Act::Any, 20),
];

impl Stream {
    pub fn step(&mut self) {
        self.actor.step();
        let all = ACTS.iter().map(|act| act.1).sum();
        let mut lot = self.random().below(all);
        let mut act = Act::Flow;
        for (each, weight) in ACTS {
            if lot < weight {
                act = each;
                break;
            }
            lot -= weight;
        }
        if self.pcm.is_none() {
            return self.open();
        }
        match act {
            Act::Flow => self.flow(),
            Act::Ask => self.ask(),
            Act::Pause => self.pause(),
            Act::Rewind => self.rewind(),
            Act::Drain => self.drain(),
            Act::Drop => {
                self.stop();
            }
            Act::Configure => self.configure(),
            Act::Thresholds => self.set_thresholds(),
            Act::Prepare => self.prepare(),
            Act::Start => self.start(),
            Act::Free => self.free(),
            Act::Close => self.close(),
            Act::Link => self.link(),
            Act::Any => self.anything(),
        }
    }

    /// Brings the stream nearer to flowing, or lets it flow.
    fn flow(&mut self) {
        match self.known() {
            Model::Closed => self.open(),
            Model::Fresh => self.configure(),
            Model::Setup => self.prepare(),
            Model::Xrun => self.prepare(),
            Model::Prepared => {
                if self.dir == Dir::Playback {
                    self.write();
                }
                if self.dir == Dir::Capture && self.starts {
                    self.read();
                }
                if self.known() == Model::Prepared {
                    self.start();
                }
            }
            Model::Running => {
                for _ in 0..=self.random().below(8) {
                    if self.known() != Model::Running || self.actor.world.ended() {
                        break;
                    }
                    self.transfer();
                    self.wait();
                }
            }
            Model::Paused => self.release(),
            Model::Suspended => match self.random().once_in(3) {
                true => self.prepare(),
                false => self.resume(),
            },
            Model::Draining => {
                let _ = self.poll();
                self.observe();
                // A capture stays so.
                if self.known() == Model::Draining && self.dir == Dir::Capture {
                    self.prepare();
                }
            }
            Model::Unknown => {
                self.observe();
                if self.is_linked() {
                    // What it is now tells what to try, not what will come of it.
                    self.try_what_fits();
                }
            }
        }
    }

    /// A stream that others act on as well.
    fn try_what_fits(&mut self) {
        match self.model {
            Model::Setup | Model::Xrun => self.prepare(),
            Model::Prepared | Model::Running => {
                self.transfer();
                self.start();
            }
            Model::Paused => self.release(),
            Model::Suspended => self.resume(),
            _ => {}
        }
    }
}
