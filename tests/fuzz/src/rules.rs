// SPDX-License-Identifier: GPL-2.0

//! What holds for a cable, whatever a program has called. (In brackets: the numbers of the rules.)
//!
//! Each rule is looked at after each call, at the cable that the call was about, and once more
//! before all is closed. One that asks the driver something, such as its position, moves the cable
//! along by that; so an input may choose not to be asked ([`QUIET_STAMPS`] and so on), except at
//! the end.
//!
//! A rule only judges what is known for sure. What else may happen meanwhile (the interrupt of a
//! timer, a call of another thread) is no excuse for ever: what does not hold has to hold soon.

mod clock;
mod watch;

pub use clock::within_frame;
pub use clock::Stamp;
pub use clock::LINK;
pub use watch::Watch;

use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::thread::sleep;
use std::time::Duration;

use support::elements::ACTIVE;
use support::elements::FORMAT;
use support::elements::NOTIFY;
use support::elements::SHIFT;
use support::kernel as k;

use crate::calls::ioctl;
use crate::calls::Answer;
use crate::found;
use crate::input::Kind;
use crate::pcm::Config;
use crate::pcm::Prepared;
use crate::pcm::Stream;
use crate::world::World;
use crate::world::SLOTS;
use clock::right_speed;
use clock::right_ticks;

/// Cables that programs use.
pub const CABLES: usize = SLOTS.len() / 2;

/// Streams are not asked for time stamps, nor have any unless the program wants them.
pub const QUIET_STAMPS: u8 = 1;
/// Controls are not read.
pub const QUIET_CONTROLS: u8 = 2;
/// Nobody asks what a side may be set to.
pub const QUIET_LIMITS: u8 = 4;

/// States of a stream, as ALSA numbers them.
pub const SETUP: i32 = 1;
pub const PREPARED: i32 = 2;
pub const RUNNING: i32 = 3;
pub const DRAINING: i32 = 5;

/// Does it move, as far as its application knows?
pub fn is_active(state: i32) -> bool {
    matches!(state, RUNNING | DRAINING)
}

/// Whether something holds, or will in a moment: no longer than it takes others to do what is due,
/// for what is wrong may come right by itself. On one processor, interrupts that are due come
/// before the program goes on.
pub fn soon(mut holds: impl FnMut() -> bool) -> bool {
    static TIMES: OnceLock<(u32, Duration)> = OnceLock::new();
    let (times, pause) = *TIMES.get_or_init(|| match available_parallelism() {
        Ok(NonZero::<usize>::MIN) => (10, Duration::from_micros(100)),
        _ => (50, Duration::from_millis(1)),
    });
    for _ in 0..times {
        if holds() {
            return true;
        }
        sleep(pause);
    }
    holds()
}

impl World<'_> {
    fn state_of(&self, slot: usize) -> i32 {
        self.streams[slot].as_ref().map_or(-1, Stream::state)
    }

    /// The parameters of a side, if they are known.
    fn config_of(&self, slot: usize) -> Option<Config> {
        self.streams[slot].as_ref().and_then(|stream| stream.config)
    }

    /// Looks at a cable. `quiet`: what is not asked.
    pub fn judge_cable(&mut self, cable: usize, quiet: u8) {
        self.rule_sides_match(cable);
        if quiet & QUIET_CONTROLS == 0 {
            self.rule_active(cable);
            self.rule_slave(cable);
            let watch = &mut self.session.watches[self.card];
            for which in [SHIFT, NOTIFY] {
                let value = watch.read(cable, which);
                watch.note(cable, which, value);
            }
        }
        if quiet & QUIET_STAMPS == 0 {
            for slot in [cable * 2, cable * 2 + 1] {
                self.rule_clock(slot);
            }
        }
    }

    /// [6.4, 6.5, 17.1] Sides that run have the same parameters. A capture that a playback has made
    /// stop is DRAINING.
    fn rule_sides_match(&self, cable: usize) {
        let (play, record) = (cable * 2, cable * 2 + 1);
        let (Some(a), Some(b)) = (self.config_of(play), self.config_of(record)) else {
            return;
        };
        let alike = |c: &Config| (c.format, c.rate, c.channels);
        if alike(&a) == alike(&b) {
            return;
        }
        let holds = soon(|| !is_active(self.state_of(play)) || self.state_of(record) != RUNNING);
        if !holds {
            found(&format!(
                "rule 6.5: both sides of cable {cable} run, a playback of {a:?} and a capture of \
                 {b:?}"
            ));
        }
    }

    /// [6.4, 11.7] A START that is refused starts nothing.
    pub fn rule_refused_start(&mut self, kind: Kind, slot: usize, before: i32, answer: Answer) {
        let Err(errno) = answer else {
            return;
        };
        // Whoever writes may start it meanwhile.
        if kind != Kind::Start || before != PREPARED || self.session.worker.is_busy() {
            return;
        }
        let state = self.state_of(slot);
        if is_active(state) {
            found(&format!(
                "rule 6.4: START of substream {slot} failed with {errno}, and its state is {state}"
            ));
        }
    }

    /// Whether it is a playback that drains at its first frame, and whose timer may be one that
    /// can't be started (11.7): DRAIN passes over that.
    fn may_not_have_started(&self, play: usize) -> bool {
        self.source_written
            && self.streams[play]
                .as_ref()
                .is_some_and(|stream| stream.state() == DRAINING && stream.hw_ptr() == 0)
    }

    /// [9.7] `PCM Slave Active` is on just while the playback runs or drains. (Unless its timer
    /// can't be started, 11.7: a DRAIN passes over that, and the playback drains without running.)
    fn rule_active(&mut self, cable: usize) {
        let play = cable * 2;
        // Whoever is in a call keeps what has been closed.
        if self.streams[play].is_none() && self.session.worker.is_busy() {
            return;
        }
        let mut last = (0, 0);
        let holds = soon(|| {
            let state = self.state_of(play);
            let active = self.session.watches[self.card].read(cable, ACTIVE);
            last = (state, active);
            self.state_of(play) != state
                || (active != 0) == is_active(state)
                || active == 0 && self.may_not_have_started(play)
        });
        if !holds {
            found(&format!(
                "rule 9.7: PCM Slave Active of cable {cable} is {}, the playback's state {}",
                last.1, last.0
            ));
        }
        let watch = &mut self.session.watches[self.card];
        watch.note(cable, ACTIVE, last.1);
    }

    /// [9.8, 9.9] The other `PCM Slave` controls are the parameters of a playback that runs.
    fn rule_slave(&mut self, cable: usize) {
        let play = cable * 2;
        let Some(config) = self
            .config_of(play)
            .filter(|_| is_active(self.state_of(play)))
        else {
            return;
        };
        if self.may_not_have_started(play) {
            return;
        }
        let expected = [
            i64::from(config.format),
            config.rate as i64,
            config.channels as i64,
            i64::from(!config.interleaved),
        ];
        let mut last = [0; 4];
        let holds = soon(|| {
            let watch = &self.session.watches[self.card];
            last = std::array::from_fn(|which| watch.read(cable, FORMAT + which));
            !is_active(self.state_of(play)) || last == expected
        });
        if !holds {
            found(&format!(
                "rule 9.8: PCM Slave Format, Rate, Channels, Access of cable {cable} are {last:?}, \
                 the playback has {expected:?}"
            ));
        }
        let watch = &mut self.session.watches[self.card];
        for (which, value) in last.into_iter().enumerate() {
            watch.note(cable, FORMAT + which, value);
        }
    }

    /// [4] What a side may be set to: anything, unless the other side has been prepared.
    pub fn rule_limits(&mut self, slot: usize) {
        let Some(stream) = &self.streams[slot] else {
            return;
        };
        let limits = match &self.streams[slot ^ 1] {
            None if self.session.worker.is_busy() => return,
            None => Prepared::Not,
            Some(other) => other.prepared,
        };
        let limits = match limits {
            Prepared::Unknown => return,
            Prepared::Not => None,
            Prepared::For(config) => Some(config),
        };
        let is_playback = !SLOTS[slot].1;
        let notify = self.session.watches[self.card].read(slot / 2, NOTIFY) != 0;
        let limits = limits.filter(|_| !is_playback || !notify);
        let mut params = k::HwParams::any();
        if let Err(errno) = ioctl(stream.fd.0, k::HW_REFINE, &mut params) {
            found(&format!("rule 4.2: HW_REFINE of anything: error {errno}"));
        }
        let range = |param| {
            let interval = params.interval(param);
            (u64::from(interval.min), u64::from(interval.max))
        };
        let got = (
            params.mask(k::FORMAT),
            range(k::RATE),
            range(k::CHANNELS),
            params.mask(k::ACCESS),
        );
        let expected = match limits {
            None => (ALL_FORMATS, (8_000, 768_000), (1, 32), ALL_ACCESSES),
            Some(config) => (
                1 << config.format,
                (config.rate, config.rate),
                (config.channels, config.channels),
                ALL_ACCESSES,
            ),
        };
        if got != expected {
            found(&format!(
                "rule 4.2: substream {slot} may have formats, rates, channels and accesses \
                 {got:x?}, not {expected:x?}; the other side has {limits:?}, PCM Notify is {notify}"
            ));
        }
    }

    /// [8.9] Position, audio time and system time are of one reading of the clock, and the clock
    /// has the right speed.
    fn rule_clock(&mut self, slot: usize) {
        let Some(stream) = &mut self.streams[slot] else {
            return;
        };
        let last = stream.stamp.take();
        let Some(config) = stream.config else {
            return;
        };
        if stream.odd_clock || !is_active(stream.state()) {
            return;
        }
        let shift = self.session.watches[self.card].read(slot / 2, SHIFT);
        let mut status = k::Status::default();
        status.audio_tstamp_data = LINK;
        if ioctl(stream.fd.0, k::STATUS_EXT, &mut status).is_err() {
            return;
        }
        let report = status.audio_tstamp_data >> 16;
        let is_link = report & 1 != 0 && report >> 1 & 0xf == LINK;
        if !is_active(status.state) || stream.state() != status.state {
            return;
        }
        let stamp = Stamp {
            trigger: status.trigger_tstamp.ns(),
            system: status.tstamp.ns(),
            audio: status.audio_tstamp.ns(),
            shift,
            hw_ptr: status.hw_ptr,
        };
        if !is_link {
            if self.by_system_timer && status.state == RUNNING {
                // The core tells the time at which its audio time was last another one.
                let stamp = Stamp {
                    system: k::now_ns(),
                    ..stamp
                };
                let first = last.filter(|last| last.trigger == stamp.trigger);
                right_ticks(slot, &first.unwrap_or(stamp), &stamp, config.rate);
                stream.stamp = Some(first.unwrap_or(stamp));
            }
            return;
        }
        within_frame(slot, stamp.audio, status.hw_ptr, config.rate);
        if status.state != RUNNING {
            return;
        }
        stream.stamp = Some(stamp);
        let Some(last) = last.filter(|last| last.trigger == stamp.trigger) else {
            return;
        };
        // A capture that is over stands still.
        if self.card == 0 {
            right_speed(slot, &last, &stamp);
        }
    }
}

/// [3.2, 3.3]
const ALL_FORMATS: u64 = 0x001f_0003_0000_cccc;
const ALL_ACCESSES: u64 = 0b11011;
