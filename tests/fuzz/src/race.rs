// SPDX-License-Identifier: GPL-2.0

//! Calls at the same time, in threads of their own.
//!
//! The threads are let go together, each begins its call after a time of its own, and the later
//! ones have the higher priorities: on one processor, each interrupts the call of the one before at
//! a place that the input has chosen, and goes on until it ends or sleeps. On the deterministic
//! clock, that place is the same each time.

use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::Arc;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::kernel as k;

use crate::background::perform;
use crate::background::Job;
use crate::calls::Answer;
use crate::coverage;
use crate::coverage::Trace;
use crate::input::Kind;
use crate::input::Record;
use crate::pcm::hw_params_bytes;
use crate::sound::ROOM;
use crate::tally;
use crate::world::World;
use crate::world::SLOTS;

/// The most calls at the same time.
pub const RACERS: usize = 3;

struct Task {
    job: Job,
    /// The kind of call.
    kind: Kind,
    delay: Duration,
    start: Arc<Barrier>,
}

/// A thread.
struct Racer {
    tasks: Sender<Task>,
    done: Receiver<()>,
}

pub struct Racers(Vec<Racer>);

fn run(tasks: Receiver<Task>, done: Sender<()>, mut trace: Trace) {
    for task in tasks {
        task.start.wait();
        if !task.delay.is_zero() {
            thread::sleep(task.delay);
        }
        let start = Instant::now();
        let succeeded = perform(task.job);
        tally::call_done(Kind::Race, succeeded, start.elapsed());
        coverage::note_answer(Kind::Race as u8, task.kind as i32, succeeded.into(), 0);
        trace.collect();
        if done.send(()).is_err() {
            break;
        }
    }
}

fn start(priority: i32) -> Result<Racer, String> {
    let (tasks, receive) = mpsc::channel();
    let (finished, done) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let parameters = libc::sched_param {
            sched_priority: priority,
        };
        // SAFETY: The structure is valid, and it is this thread's own matter.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) };
        match Trace::begin() {
            Ok(trace) => {
                let _ = tell.send(Ok(()));
                run(receive, finished, trace);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
    told.recv().map_err(|error| error.to_string())??;
    Ok(Racer { tasks, done })
}

impl Racers {
    pub fn start() -> Result<Self, String> {
        (1..=RACERS as i32)
            .map(start)
            .collect::<Result<_, _>>()
            .map(Racers)
    }

    fn race(&self, jobs: Vec<(Job, Kind, Duration)>) {
        let start = Arc::new(Barrier::new(jobs.len() + 1));
        let count = jobs.len();
        for (racer, (job, kind, delay)) in self.0.iter().zip(jobs) {
            let start = Arc::clone(&start);
            let _ = racer.tasks.send(Task {
                job,
                kind,
                delay,
                start,
            });
        }
        start.wait();
        for racer in &self.0[..count] {
            let _ = racer.done.recv();
        }
    }
}

/// How many of the calls that follow a record are made at the same time.
pub fn count(record: &Record) -> usize {
    2 + usize::from(record.bytes[0] % 2)
}

/// How long one of them waits first.
fn delay(record: &Record, number: usize) -> Duration {
    let coarse = u64::from(record.bytes[1 + number]) * 2000;
    let fine = record.wide >> (16 * number) & 0xffff;
    Duration::from_nanos(coarse + fine)
}

impl World<'_> {
    /// The calls of some records, all at once.
    pub fn race(&mut self, record: &Record, racers: &[Record]) -> Answer {
        let mut prepares = false;
        let jobs: Vec<_> = racers
            .iter()
            .take(RACERS)
            .enumerate()
            .filter_map(|(number, racer)| {
                let (job, kind) = self.racer(racer).ok()?;
                Some((job, kind, delay(record, number)))
            })
            // The core takes the buffer mutex of the stream that is prepared (or reset), then those of
            // the streams that are linked with it: two such calls, for two of them, wait for each other
            // for ever (snd_pcm_action_group()).
            .filter(|(_, kind, _)| {
                let of_group = matches!(kind, Kind::Prepare | Kind::Reset);
                !of_group || !std::mem::replace(&mut prepares, true)
            })
            .collect();
        let count = jobs.len() as i64;
        self.session.racers.race(jobs);
        for racer in racers {
            self.forget_all(Self::slot(racer));
        }
        Ok(count)
    }

    /// The call of a record, as far as it can be made in any thread.
    fn racer(&mut self, record: &Record) -> Result<(Job, Kind), i32> {
        const OTHERS: [Kind; 6] = [
            Kind::Prepare,
            Kind::Drain,
            Kind::Params,
            Kind::Free,
            Kind::Drop,
            Kind::Start,
        ];
        let slot = Self::slot(record);
        let [first, second, ..] = record.bytes;
        let fd = self.fd(record)?;
        let plain = |request| Job::Number(fd, request, 0);
        let mut kind = record.kind();
        loop {
            let job = match kind {
                Kind::Prepare => plain(k::PREPARE),
                Kind::Reset => plain(k::RESET),
                Kind::Start => plain(k::START),
                Kind::Drop => plain(k::DROP),
                Kind::Drain => plain(k::DRAIN),
                Kind::Resume => plain(k::RESUME),
                Kind::Xrun => plain(k::XRUN),
                Kind::Unlink => plain(k::UNLINK),
                Kind::Hwsync => plain(k::HWSYNC),
                Kind::Free => plain(k::HW_FREE),
                Kind::Pause => Job::Number(fd, k::PAUSE, u64::from(first % 2 == 0)),
                Kind::Link => {
                    let other = self.fd(&Record {
                        slot: record.slot ^ 1 ^ (first & 6),
                        ..*record
                    })?;
                    self.note_link();
                    Job::Number(fd, k::LINK, other as u64)
                }
                Kind::Params | Kind::Refine => {
                    let mut bytes = vec![0; 608];
                    bytes[..536].copy_from_slice(&hw_params_bytes(record));
                    let request = if kind == Kind::Params {
                        k::HW_PARAMS
                    } else {
                        k::HW_REFINE
                    };
                    Job::Bytes(fd, request, bytes)
                }
                Kind::Status | Kind::StatusExt => Job::Bytes(fd, k::STATUS, vec![0; 152]),
                Kind::SyncPtr => {
                    let mut bytes = vec![0; 136];
                    bytes[0] = second & 7;
                    Job::Bytes(fd, k::SYNC_PTR, bytes)
                }
                Kind::Rewind | Kind::Forward => {
                    let request = if kind == Kind::Rewind {
                        k::REWIND
                    } else {
                        k::FORWARD
                    };
                    Job::Call(fd, request, [u64::from(second), 0, 0])
                }
                Kind::Transfer | Kind::Plain | Kind::Flow => {
                    let frames = (u64::from(second) * 8 + 16).min(ROOM as u64 / 128);
                    if SLOTS[slot].1 {
                        Job::Call(fd, k::READI, [0, self.session.behind.address(), frames])
                    } else {
                        let sound = self.session.sounds.address(slot / 2);
                        Job::Call(fd, k::WRITEI, [0, sound, frames])
                    }
                }
                Kind::Poll => Job::Poll(fd, 2),
                _ => {
                    kind = OTHERS[usize::from(first) % OTHERS.len()];
                    continue;
                }
            };
            return Ok((job, kind));
        }
    }
}
