// SPDX-License-Identifier: GPL-2.0

//! The threads that are not a side of a cable: its controls, the card's files, and what happens to
//! the whole card.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::config::Dir;
use support::control;
use support::control::Control;
use support::elements::ACCESS;
use support::elements::ACTIVE;
use support::elements::CHANNELS;
use support::elements::FORMAT;
use support::elements::NAMES;
use support::elements::NOTIFY;
use support::elements::RATE;
use support::elements::SHIFT;
use support::kernel::Errno;
use support::pcm::Pcm;
use support::signal::FORMATS;

use super::kind::Kind;
use super::world::Actor;
use super::world::World;
use super::world::Wrong;
use super::world::BEAT_MS;
use super::world::NO_ARG;
use super::world::PLAIN_MS;

pub fn of_io(call: &'static str) -> impl Fn(io::Error) -> Errno {
    move |e| Errno {
        call,
        code: e.raw_os_error().unwrap_or(0),
    }
}

/// Notes a failure unless the card may be away.
pub fn must_work<T>(actor: &Actor, gone: u64, result: &Result<T, Errno>) {
    if let Err(e) = result {
        let away = matches!(
            e.code,
            libc::ENODEV | libc::ENOENT | libc::ENXIO | libc::EIO
        );
        if !(away && actor.world.is_gone_since(gone)) {
            actor.fail(Wrong::Call, &format!("{e}, with the card there"));
        }
    }
}

/// The controls of a cable.
pub struct Controls {
    pub actor: Actor,
    line: usize,
    open: Option<Handle>,
}

/// An open control device.
struct Handle {
    control: Control,
    ids: [u32; 7],
    /// `World::gone` when it was opened.
    gone: u64,
    /// What was written last, if it was.
    written: [Option<i64>; 2],
    /// The value that was read after the last event of each.
    mirror: [i64; 7],
    /// Since when it is not the value that is read.
    differs: [Option<Vec<u64>>; 7],
}

/// How many beats there may be from a new value to its event. It takes microseconds.
const EVENT_BEATS: u64 = 3000 / BEAT_MS;

impl Controls {
    pub fn new(actor: Actor, line: usize) -> Self {
        Controls {
            actor,
            line,
            open: None,
        }
    }

    pub fn step(&mut self) {
        self.actor.step();
        if self.actor.counts.steps == 1 {
            control::say_nothing();
        }
        let lot = self.actor.random.below(100);
        if self
            .open
            .as_ref()
            .is_some_and(|open| self.actor.world.is_gone_since(open.gone))
        {
            self.open = None;
        }
        if lot < 8 {
            return self.probe();
        }
        let Some(mut open) = self.open.take().or_else(|| self.open()) else {
            std::thread::sleep(Duration::from_millis(10));
            return;
        };
        let result = match lot {
            8..30 => self.read(&mut open),
            30..55 => self.write(&mut open),
            55..60 => self.write_refused(&open),
            60..95 => self.follow(&mut open),
            _ => return, // Closed.
        };
        if result.is_ok() {
            self.open = Some(open);
        }
        self.actor.pause();
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    fn open(&mut self) -> Option<Handle> {
        let world = std::sync::Arc::clone(&self.actor.world);
        let gone = world.gone.load(Ordering::SeqCst);
        let cable = World::cable(self.line);
        let result = self.actor.plain(Kind::ControlOpen, [NO_ARG; 2], || {
            let control = Control::open(world.ctx.index)?;
            control.subscribe()?;
            let (mut ids, mut mirror) = ([0; 7], [0; 7]);
            for which in 0..7 {
                ids[which] = control.find(NAMES[which], cable.device ^ 1, cable.subdevice)?;
                mirror[which] = control.read(ids[which])?;
            }
            Ok((control, ids, mirror))
        });
        must_work(&self.actor, gone, &result);
        let (control, ids, mirror) = result.ok()?;
        Some(Handle {
            control,
            ids,
            gone,
            written: [None; 2],
            mirror,
            differs: Default::default(),
        })
    }

    fn value(&mut self, open: &Handle, which: usize) -> Result<i64, Errno> {
        let (result, _) = self.actor.call(
            Kind::ControlRead,
            [which as i64, NO_ARG],
            String::new(),
            PLAIN_MS,
            |&value| value,
            || open.control.read(open.ids[which]),
        );
        must_work(&self.actor, open.gone, &result);
        result
    }

    fn read(&mut self, open: &mut Handle) -> Result<(), Errno> {
        let which = self.actor.random.below(7) as usize;
        let value = self.value(open, which)?;
        let good = match which {
            SHIFT => (80_000..=120_000).contains(&value),
            NOTIFY | ACTIVE | ACCESS => (0..=1).contains(&value),
            FORMAT => FORMATS
                .iter()
                .any(|format| i64::from(format.number) == value),
            RATE => (8000..=768_000).contains(&value),
            CHANNELS => (1..=32).contains(&value),
            _ => true,
        };
        let written = open.written.get(which).copied().flatten();
        if !good || written.is_some_and(|written| written != value) {
            let text = format!("{} is {value}, last written {written:?}", NAMES[which]);
            self.actor.fail(Wrong::Control, &text);
        }
        Ok(())
    }

    fn write(&mut self, open: &mut Handle) -> Result<(), Errno> {
        let which = self.actor.random.below(2) as usize;
        let value = match which {
            SHIFT if self.actor.random.once_in(2) => 100_000,
            SHIFT => 80_000 + self.actor.random.below(40_001) as i64,
            _ => self.actor.random.below(2) as i64,
        };
        let result = self
            .actor
            .plain(Kind::ControlWrite, [which as i64, value], || {
                open.control.write(open.ids[which], value)
            });
        must_work(&self.actor, open.gone, &result);
        result?;
        open.written[which] = Some(value);
        Ok(())
    }

    fn write_refused(&mut self, open: &Handle) -> Result<(), Errno> {
        let which = self
            .actor
            .random
            .one_of(&[ACTIVE, FORMAT, RATE, CHANNELS, ACCESS]);
        let (mut code, id) = (0, open.ids[which]);
        let result = self
            .actor
            .plain(Kind::ControlRefused, [which as i64, 1], || {
                match open.control.write(id, 1) {
                    Err(e) if e.code == libc::EPERM => Ok(()),
                    Err(e) => Err(e),
                    Ok(()) => {
                        code = 1;
                        Ok(())
                    }
                }
            });
        must_work(&self.actor, open.gone, &result);
        if code == 1 {
            let text = format!("{} could be written", NAMES[which]);
            self.actor.fail(Wrong::Control, &text);
        }
        result
    }

    /// Takes the events that are there, and reads what they are about.
    fn take_events(&mut self, open: &mut Handle) -> Result<(), Errno> {
        let (result, _) = self.actor.call(
            Kind::ControlEvents,
            [NO_ARG; 2],
            String::new(),
            PLAIN_MS,
            |events: &Vec<(u32, u32)>| events.len() as i64,
            || open.control.events(),
        );
        must_work(&self.actor, open.gone, &result);
        for (id, _) in result? {
            if let Some(which) = open.ids.iter().position(|&own| own == id) {
                open.mirror[which] = self.value(open, which)?;
                open.differs[which] = None;
            }
        }
        Ok(())
    }

    /// Who reads a value after each of its events knows it, but for events that are still to come.
    fn follow(&mut self, open: &mut Handle) -> Result<(), Errno> {
        self.take_events(open)?;
        let mut now = [0; 7];
        for (which, value) in now.iter_mut().enumerate() {
            *value = self.value(open, which)?;
        }
        self.take_events(open)?;
        for (which, value) in now.into_iter().enumerate() {
            // The event was read just now, or the value has changed back: then another one comes.
            if open.mirror[which] == value || self.value(open, which)? != value {
                open.differs[which] = None;
                continue;
            }
            let since = open.differs[which].get_or_insert_with(|| self.actor.world.passed_since());
            if self.actor.world.passed(since) > EVENT_BEATS {
                let text = format!(
                    "{} is {value}, and was {} after its last event: no event has told of it",
                    NAMES[which], open.mirror[which]
                );
                self.actor.fail(Wrong::Control, &text);
            }
        }
        Ok(())
    }

    /// Opens a side that its thread has open, or would like to.
    fn probe(&mut self) {
        let dir = self.actor.random.one_of(&Dir::BOTH);
        let waits = self.actor.random.once_in(3);
        let world = std::sync::Arc::clone(&self.actor.world);
        let gone = world.gone.load(Ordering::SeqCst);
        let at = World::cable(self.line).side(&world.ctx, dir);
        let source = world.opening(self.line);
        let (kind, flags) = match waits {
            true => (Kind::OpenWaiting, 0),
            false => (Kind::Open, libc::O_NONBLOCK),
        };
        // Who has it open closes it now and then.
        let (result, _) = self.actor.call(
            kind,
            [dir as i64, NO_ARG],
            "of another thread's side".into(),
            6 * PLAIN_MS,
            |_| 0,
            || Pcm::open_with(at, flags),
        );
        let odd = world.opened(self.line, source);
        let timer = |code| {
            matches!(
                code,
                libc::EINVAL | libc::ERANGE | libc::ENODEV | libc::EBUSY | libc::ENOENT
            )
        };
        let taken = |code| !waits && code == libc::EBUSY;
        if !matches!(&result, Err(e) if odd && timer(e.code) || taken(e.code)) {
            must_work(&self.actor, gone, &result);
        }
        self.actor.random.spin();
        drop(result);
        world.closed(self.line);
    }
}
