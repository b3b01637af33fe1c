// SPDX-License-Identifier: GPL-2.0

//! Where a program runs: the sides of three cables of a card, its control device and a sound timer.
//! Afterwards all is as it was before.

use std::io::Write;
use std::time::Instant;

use support::bits32::Low;

use crate::aftermath::Aftermath;
use crate::background::Worker;
use crate::calls::Answer;
use crate::complaints::Log;
use crate::control::Card;
use crate::control::Control;
use crate::coverage;
use crate::coverage::Trace;
use crate::files;
use crate::found;
use crate::input;
use crate::input::Header;
use crate::input::Kind;
use crate::input::Record;
use crate::narrow;
use crate::pcm::Stream;
use crate::race;
use crate::race::Racers;
use crate::rules::Watch;
use crate::rules::CABLES;
use crate::rules::QUIET_LIMITS;
use crate::sound::Buffer;
use crate::sound::Sounds;
use crate::tally;
use crate::timer::Timer;
use crate::watchdog;

/// The substreams: device, whether it captures, number. Two that follow each other are a cable.
pub const SLOTS: [(u32, bool, u32); 6] = [
    (0, false, 0),
    (1, true, 0),
    (1, false, 0),
    (0, true, 0),
    (0, false, 7),
    (1, true, 7),
];

/// The cards: that with the usual habits, and one that waits for peers and ends with them.
const CARDS: usize = 2;

/// What stays from one input to the next.
pub struct Session {
    pub cards: Vec<Card>,
    pub sounds: Sounds,
    /// Where recordings go.
    pub buffer: Buffer,
    /// Where those of the background go.
    pub behind: Buffer,
    /// For calls of 32 bits.
    pub low: Low,
    pub worker: Worker,
    pub racers: Racers,
    /// For each card.
    pub watches: Vec<Watch>,
    log: Log,
    trace: Trace,
    /// Tell each call.
    verbose: bool,
}

/// What there is while an input is carried out.
pub struct World<'a> {
    pub session: &'a mut Session,
    pub card: usize,
    pub streams: [Option<Stream>; SLOTS.len()],
    /// What is not asked after each call.
    pub quiet: u8,
    /// All cables run by the timer of the system.
    pub by_system_timer: bool,
    /// The cables that calls were about.
    touched: [bool; CABLES],
    control: Control,
    timer: Timer,
    /// `timer_source` may have been written.
    pub source_written: bool,
}

impl Session {
    pub fn new() -> Result<Self, String> {
        if std::env::var_os("ALOOP_FUZZ_COARSE").is_some() {
            coverage::set_coarse();
        }
        let worker = Worker::start()?;
        let trace = Trace::begin()?;
        watchdog::start();
        let cards: Vec<_> = (0..CARDS).map(Card::open).collect::<Result<_, _>>()?;
        Ok(Session {
            watches: (0..CARDS)
                .map(|card| Watch::new(card, &cards[card]))
                .collect::<Result<_, _>>()?,
            cards,
            sounds: Sounds::new(),
            buffer: Buffer::new(0),
            behind: Buffer::new(0),
            low: narrow::low(),
            worker,
            racers: Racers::start()?,
            log: Log::open()?,
            trace,
            verbose: std::env::var_os("ALOOP_FUZZ_VERBOSE").is_some(),
        })
    }

    /// Carries out an input.
    pub fn run(&mut self, data: &[u8]) {
        watchdog::step();
        let (header, records) = input::decode(data);
        let verbose = self.verbose;
        self.sounds.change();
        let card = usize::from(header.card) % CARDS;
        self.watches[card].forget();
        let mut world = World {
            card,
            quiet: header.quiet,
            by_system_timer: false,
            touched: [false; CABLES],
            session: self,
            streams: Default::default(),
            control: Control::default(),
            timer: Timer::default(),
            source_written: false,
        };
        let source = files::SOURCES[usize::from(header.source) % files::SOURCES.len()];
        if verbose {
            tell(&format!("card {}, timer_source {source:?}", world.card));
        }
        if !source.is_empty() {
            world.source_written = true;
            world.by_system_timer = source == files::SYSTEM_TIMER;
            if files::set_source(world.card, source.as_bytes()).is_err() {
                found("timer_source can't be written");
            }
        }
        let mut rest = &records[..];
        while let [record, after @ ..] = rest {
            let kind = record.kind();
            let racers = if kind == Kind::Race {
                &after[..after.len().min(race::count(record))]
            } else {
                &[]
            };
            rest = &after[racers.len()..];
            if verbose {
                tell(&format!("{kind:?} {record:?}"));
                for racer in racers {
                    tell(&format!("  {:?} {racer:?}", racer.kind()));
                }
            }
            let (own_before, _) = world.states(record);
            let start = Instant::now();
            let answer = match kind {
                Kind::Race => world.race(record, racers),
                _ => world.perform(kind, record),
            };
            let time = start.elapsed();
            let (own, peer) = world.states(record);
            if verbose {
                tell(&format!("  {answer:?}, states {own} {peer}, {time:?}"));
            }
            judge(kind, answer);
            tally::call_done(kind, answer.is_ok(), time);
            coverage::note_answer(kind as u8, answer.err().unwrap_or(0), own, peer);
            world.session.trace.collect();
            world.judge(kind, record, own_before, answer);
            for racer in racers {
                world.judge_cable(World::slot(racer) / 2, header.quiet);
            }
            world.session.trace.forget();
        }
        world.judge_end(&header);
        world.end();
        self.trace.collect();
        Aftermath::new(card, &header, data).run(self);
        self.trace.forget();
        if let Some(complaint) = self.log.complaint() {
            found(&format!("the kernel says: {complaint}"));
        }
        watchdog::step();
    }
}

/// A line on stderr, in one piece: each piece takes its time.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Calls after which other sides may be set to other parameters than before.
const LIMITING: [Kind; 8] = [
    Kind::Setup,
    Kind::Pair,
    Kind::Open,
    Kind::Close,
    Kind::Params,
    Kind::Free,
    Kind::Prepare,
    Kind::ControlWrite,
];
/// Calls that do nothing to streams.
const PASSIVE: [Kind; 20] = [
    Kind::Refine,
    Kind::Info,
    Kind::Version,
    Kind::ChannelInfo,
    Kind::ControlList,
    Kind::ControlInfo,
    Kind::ControlRead,
    Kind::ControlTlv,
    Kind::ControlLock,
    Kind::Subscribe,
    Kind::Events,
    Kind::Card,
    Kind::TimerOpen,
    Kind::TimerSelect,
    Kind::TimerParams,
    Kind::TimerRun,
    Kind::TimerAsk,
    Kind::TimerRead,
    Kind::RawTimer,
    Kind::FileRead,
];
/// Calls that may write any cable's control.
const CONTROLLING: [Kind; 3] = [Kind::ControlWrite, Kind::RawControl, Kind::Narrow];

/// What no call may answer: an error that is the kernel's own.
fn judge(kind: Kind, answer: Answer) {
    if let Err(errno) = answer {
        if !(1..=133).contains(&errno) {
            found(&format!(
                "{kind:?} failed with {errno}, which is no error of a program's"
            ));
        }
    }
}

impl World<'_> {
    pub fn slot(record: &Record) -> usize {
        usize::from(record.slot) % SLOTS.len()
    }

    /// The states of a side and of its peer; -1 for one that is closed.
    pub fn states(&self, record: &Record) -> (i32, i32) {
        let slot = Self::slot(record);
        let state = |slot: usize| self.streams[slot].as_ref().map_or(-1, Stream::state);
        (state(slot), state(slot ^ 1))
    }

    /// Looks at what a call has done to the cable that it was about.
    fn judge(&mut self, kind: Kind, record: &Record, before: i32, answer: Answer) {
        if PASSIVE.contains(&kind) {
            return;
        }
        let slot = Self::slot(record);
        self.touched[slot / 2] = true;
        self.rule_refused_start(kind, slot, before, answer);
        if CONTROLLING.contains(&kind) {
            (0..CABLES).for_each(|cable| self.judge_cable(cable, self.quiet));
        } else {
            self.judge_cable(slot / 2, self.quiet);
        }
        if self.quiet & QUIET_LIMITS == 0 && LIMITING.contains(&kind) {
            self.rule_limits(slot);
            self.rule_limits(slot ^ 1);
        }
    }

    /// Looks at all cables at the end of a program, and then at what is left when a side of each
    /// has been closed.
    fn judge_end(&mut self, header: &Header) {
        for cable in 0..CABLES {
            if !self.touched[cable] {
                continue;
            }
            self.judge_cable(cable, 0);
            let (play, record) = (cable * 2, cable * 2 + 1);
            self.rule_limits(play);
            self.rule_limits(record);
            self.streams[play | usize::from(header.quiet >> 7)] = None;
            self.rule_limits(play);
            self.rule_limits(record);
        }
    }

    fn perform(&mut self, kind: Kind, record: &Record) -> Answer {
        let card = self.card;
        let cards = &mut self.session.cards;
        match kind {
            Kind::ControlList => self.control.list(card, record),
            Kind::ControlInfo => self.control.info(card, &cards[card], record),
            Kind::ControlRead => self.control.read(card, &cards[card], record),
            Kind::ControlWrite => self.control.write(card, &mut cards[card], record),
            Kind::ControlTlv => self.control.tlv(card, &cards[card], record),
            Kind::ControlLock => self.control.lock(card, &cards[card], record),
            Kind::Subscribe => self.control.subscribe(card, record),
            Kind::Events => self.control.events(card, record),
            Kind::Card => self.control.card(card, record),
            Kind::RawControl => self.control.raw(card, &mut cards[card], record),
            Kind::TimerOpen => self.timer.open(record),
            Kind::TimerSelect => self.timer.select(card, record),
            Kind::TimerParams => self.timer.params(card, record),
            Kind::TimerRun => self.timer.run(card, record),
            Kind::TimerAsk => self.timer.ask(card, record),
            Kind::TimerRead => self.timer.read(record),
            Kind::RawTimer => self.timer.raw(record),
            Kind::Narrow => self.narrow(record),
            Kind::FileRead => files::read(card, record),
            Kind::Source => {
                self.source_written = true;
                self.by_system_timer = false;
                files::source(card, record)
            }
            Kind::FileWrite => {
                self.source_written = true;
                self.by_system_timer = false;
                files::write(card, record)
            }
            _ => self.perform_pcm(kind, record),
        }
    }

    /// Leaves nothing behind.
    fn end(mut self) {
        // Closed descriptors first: what waits in the background is bounded by itself.
        self.streams = Default::default();
        self.session.worker.finish();
        drop(self.control);
        drop(self.timer);
        if self.source_written && files::set_source(self.card, b"\n").is_err() {
            found("timer_source can't be written");
        }
        self.session.cards[self.card].reset();
    }
}
