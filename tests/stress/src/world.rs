// SPDX-License-Identifier: GPL-2.0

//! What the threads share: what is known of the card, what each of them has done, and what went
//! wrong.

mod actor;

pub use actor::thread_of;
pub use actor::Actor;
pub use actor::NO_ARG;
pub use actor::PLAIN_MS;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Mutex;
use std::sync::MutexGuard;

use support::cable::Cable;
use support::config::Config;
use support::kernel::errno_name;
use support::kernel::now_ns;
use support::ktap::Context;

use super::kind::Kind;
use super::kind::KINDS;
use super::sound::Programme;

/// Locks it, whatever became of others who had.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// What went wrong: one test of the report for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Call,
    Sound,
    Position,
    Control,
    Stuck,
}

pub const WRONGS: [(Wrong, &str); 5] = [
    (Wrong::Call, "calls fail only where they may"),
    (
        Wrong::Sound,
        "what is heard was played on this cable, in this order",
    ),
    (
        Wrong::Position,
        "positions go forward, as fast as time does",
    ),
    (Wrong::Control, "controls and files tell what is true"),
    (Wrong::Stuck, "nobody waits for ever"),
];

/// One side of a cable, as far as others have to know.
#[derive(Default)]
pub struct Side {
    /// Its descriptor, if others may link it.
    pub fd: Mutex<Option<i32>>,
    /// It is or was linked since its parameters were set.
    pub linked: AtomicBool,
    /// Odd while it may be prepared, and so limits the other side.
    pub limits: AtomicU64,
    pub cfg: Mutex<Option<Config>>,
}

impl Side {
    pub fn may_limit(&self) {
        if self.limits.load(Ordering::SeqCst) % 2 == 0 {
            self.limits.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub fn limits_no_more(&self) {
        if self.limits.load(Ordering::SeqCst) % 2 == 1 {
            self.limits.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// One cable.
#[derive(Default)]
pub struct Line {
    pub sides: [Side; 2],
    pub programme: Programme,
    /// How many may have it open.
    open: Mutex<u32>,
    /// It may run by another clock than the system's.
    pub odd_clock: AtomicBool,
}

/// One call, as it is remembered.
struct Entry {
    began: i64,
    took: Option<i64>,
    step: u64,
    kind: Kind,
    args: [i64; 2],
    note: String,
    result: Result<i64, i32>,
}

/// What a thread has done last.
#[derive(Default)]
struct Journal(VecDeque<Entry>);

/// A call that has not returned yet.
struct Pending {
    kind: Kind,
    /// The beats of the processors when it began.
    since: Vec<u64>,
    /// How many beats of each it may take.
    beats: u64,
}

/// What there is of a thread for others to see.
struct Desk {
    name: String,
    journal: Mutex<Journal>,
    pending: Mutex<Option<Pending>>,
}

pub struct World {
    pub ctx: Context,
    /// Cables that are used.
    pub lines: Vec<Line>,
    pub seed: u64,
    pub stop: AtomicBool,
    /// Odd from before an unbind until after the bind.
    pub gone: AtomicU64,
    /// Odd during a suspend.
    pub suspends: AtomicU64,
    /// Held by who prepares a stream that may be linked: the core lets two such calls wait for each other
    /// for ever, since each takes the buffer mutex of its own stream first (snd_pcm_action_group()).
    pub preparing: Mutex<()>,
    /// Odd while cables that are opened may run by another clock.
    pub odd_source: AtomicU64,
    desks: Vec<Desk>,
    /// One for each processor.
    pub pulses: Vec<Pulse>,
    failures: Mutex<Vec<(Wrong, String)>>,
    /// Kinds that have succeeded, in the order of `KINDS`.
    done: Vec<AtomicBool>,
    began: i64,
}

/// How far apart the beats of a processor are, in milliseconds.
pub const BEAT_MS: u64 = 5;

/// How late a beat has to be to be remembered, in nanoseconds.
const LATE_NS: i64 = 1_000_000;
/// How many late beats of a processor are remembered.
const LATE_KEPT: usize = 4096;

/// By which it is seen that a processor runs.
pub struct Pulse {
    beats: AtomicU64,
    heart: Mutex<Heart>,
}

/// When a processor has beaten.
struct Heart {
    /// The last time, in nanoseconds.
    last: i64,
    /// Beats that were late: when, and by how much.
    late: VecDeque<(i64, i64)>,
}

impl Pulse {
    fn new() -> Self {
        Pulse {
            beats: AtomicU64::new(0),
            heart: Mutex::new(Heart {
                last: now_ns(),
                late: VecDeque::new(),
            }),
        }
    }

    pub fn beat(&self) {
        let mut heart = locked(&self.heart);
        let now = now_ns();
        let late = heart.late_by(now);
        if late > LATE_NS {
            if heart.late.len() == LATE_KEPT {
                heart.late.pop_front();
            }
            heart.late.push_back((now, late));
        }
        heart.last = now;
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// By how many nanoseconds the latest beat since `began` was late, or the next one is.
    fn late(&self, began: i64) -> i64 {
        let heart = locked(&self.heart);
        let beats = heart.late.iter().rev();
        let late = beats.take_while(|beat| beat.0 >= began).map(|beat| beat.1);
        late.max().unwrap_or(0).max(heart.late_by(now_ns()))
    }
}

impl Heart {
    fn late_by(&self, now: i64) -> i64 {
        now - self.last - (BEAT_MS * 1_000_000) as i64
    }
}

/// More failures than this are not shown.
const FAILURES_KEPT: usize = 8;
/// How many calls of each thread are remembered.
const CALLS_KEPT: usize = 40;

impl World {
    pub fn new(ctx: Context, cables: usize, cpus: usize, names: Vec<String>) -> Self {
        let desk = |name| Desk {
            name,
            journal: Mutex::default(),
            pending: Mutex::default(),
        };
        World {
            seed: ctx.seed,
            lines: (0..cables).map(|_| Line::default()).collect(),
            stop: AtomicBool::new(false),
            gone: AtomicU64::new(0),
            suspends: AtomicU64::new(0),
            preparing: Mutex::default(),
            odd_source: AtomicU64::new(0),
            desks: names.into_iter().map(desk).collect(),
            pulses: (0..cpus).map(|_| Pulse::new()).collect(),
            failures: Mutex::default(),
            done: KINDS.iter().map(|_| AtomicBool::new(false)).collect(),
            began: now_ns(),
            ctx,
        }
    }

    /// The cable with this number.
    pub fn cable(number: usize) -> Cable {
        Cable {
            device: number as u32 % 2,
            subdevice: number as u32 / 2,
        }
    }

    pub fn ended(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the card is away, or has been since `gone` was this.
    pub fn is_gone_since(&self, gone: u64) -> bool {
        gone % 2 == 1 || self.gone.load(Ordering::SeqCst) != gone
    }

    /// Before a side of a cable is opened; `opened` or `closed` has to follow.
    pub fn opening(&self, line: usize) -> u64 {
        let line = &self.lines[line];
        let mut open = locked(&line.open);
        let source = self.odd_source.load(Ordering::SeqCst);
        if *open == 0 {
            line.odd_clock.store(source % 2 == 1, Ordering::SeqCst);
        } else if source % 2 == 1 {
            line.odd_clock.store(true, Ordering::SeqCst);
        }
        *open += 1;
        source
    }

    /// `source` is what `opening` has returned. Returns whether another clock was to be had
    /// meanwhile.
    pub fn opened(&self, line: usize, source: u64) -> bool {
        let odd = source % 2 == 1 || self.odd_source.load(Ordering::SeqCst) != source;
        if odd {
            self.lines[line].odd_clock.store(true, Ordering::SeqCst);
        }
        odd
    }

    pub fn closed(&self, line: usize) {
        *locked(&self.lines[line].open) -= 1;
    }

    /// How often each processor has beaten, for `passed`.
    pub fn passed_since(&self) -> Vec<u64> {
        self.pulses
            .iter()
            .map(|pulse| pulse.beats.load(Ordering::Relaxed))
            .collect()
    }

    /// Notes a failure, with what the threads `who` have done last. The run ends.
    pub fn fail(&self, wrong: Wrong, who: &[usize], text: &str) {
        let mut report = format!("{text}\n");
        for &number in who {
            if let Some(desk) = self.desks.get(number) {
                let _ = writeln!(report, "last calls of {} (thread {number}):", desk.name);
                report.push_str(&locked(&desk.journal).shown(self.began));
            }
        }
        let mut failures = locked(&self.failures);
        if failures.len() < FAILURES_KEPT {
            failures.push((wrong, report));
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether each kind of call has succeeded, but for those that are left out.
    pub fn all_done(&self, but: &[Kind]) -> bool {
        KINDS
            .iter()
            .zip(&self.done)
            .all(|(kind, done)| done.load(Ordering::Relaxed) || but.contains(kind))
    }

    pub fn failures(&self) -> Vec<(Wrong, String)> {
        locked(&self.failures).clone()
    }

    /// Looks for calls that take too long, and notes a failure for each.
    pub fn find_stuck(&self) {
        for (number, desk) in self.desks.iter().enumerate() {
            let stuck = match &*locked(&desk.pending) {
                Some(pending) if self.passed(&pending.since) > pending.beats => Some((
                    pending.kind,
                    self.passed(&pending.since) * BEAT_MS,
                    pending.beats * BEAT_MS,
                )),
                _ => None,
            };
            if let Some((kind, took, may)) = stuck {
                let text = format!(
                    "{}: {} does not return: {took} ms that every processor has run through, where \
                     {may} are enough",
                    desk.name,
                    kind.name()
                );
                self.fail(Wrong::Stuck, &self.group_of(number), &text);
            }
        }
    }

    /// How often the processor with the fewest beats has beaten since.
    pub fn passed(&self, since: &[u64]) -> u64 {
        let now = self.passed_since();
        now.iter()
            .zip(since)
            .map(|(now, then)| now - then)
            .min()
            .unwrap_or(0)
    }

    /// For how long a processor has stood still at most since `began`, in nanoseconds, as far as its beats tell:
    /// what goes by between two of them they don't.
    pub fn stood_still(&self, began: i64) -> i64 {
        let pulses = self.pulses.iter();
        pulses.map(|pulse| pulse.late(began)).max().unwrap_or(0)
    }

    /// A thread and those that have to do with the same cable, and with the whole card.
    pub fn group_of(&self, number: usize) -> Vec<usize> {
        let of_cables = 3 * self.lines.len();
        let mut group = vec![number];
        if number < of_cables {
            let first = number / 3 * 3;
            group.extend((first..first + 3).filter(|&n| n != number));
        }
        group.extend((of_cables..self.desks.len()).filter(|&n| n != number));
        group
    }
}

impl Journal {
    fn shown(&self, began: i64) -> String {
        let mut text = String::new();
        for entry in &self.0 {
            let at = (entry.began - began) as f64 / 1e9;
            let _ = write!(
                text,
                "  {at:11.6} step {} {}",
                entry.step,
                entry.kind.name()
            );
            for arg in entry.args.iter().filter(|&&arg| arg != NO_ARG) {
                let _ = write!(text, " {arg}");
            }
            if !entry.note.is_empty() {
                let _ = write!(text, " [{}]", entry.note);
            }
            let _ = match (entry.took, entry.result) {
                (None, _) => write!(text, " … has not returned"),
                (Some(_), Ok(value)) => write!(text, " = {value}"),
                (Some(_), Err(code)) => write!(text, " = {} ({code})", errno_name(code)),
            };
            if let Some(took) = entry.took {
                let _ = write!(text, ", {} us", took / 1000);
            }
            text.push('\n');
        }
        text
    }
}
