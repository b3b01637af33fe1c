// SPDX-License-Identifier: GPL-2.0

//! A thread that waits in a call while the program goes on.

use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use crate::calls::bounded;
use crate::calls::ioctl_raw;
use crate::coverage::Trace;
use crate::input::Kind;
use crate::tally;

/// A call on a descriptor, which the program may close meanwhile.
pub enum Job {
    /// An ioctl; its argument is a structure of three words or nothing.
    Call(i32, u64, [u64; 3]),
    /// An ioctl whose argument is a number.
    Number(i32, u64, u64),
    /// An ioctl whose argument is a structure of so many bytes.
    Bytes(i32, u64, Vec<u8>),
    /// Waits for events so many milliseconds.
    Poll(i32, i32),
}

pub struct Worker {
    jobs: Sender<Job>,
    done: Receiver<()>,
    pending: usize,
}

/// Makes a call; returns whether it succeeded.
pub fn perform(job: Job) -> bool {
    match job {
        Job::Call(fd, request, mut argument) => {
            // SAFETY: The structures of these calls are three words or less; the addresses in them
            // are those of buffers of which nobody relies on anything.
            bounded(|| unsafe { ioctl_raw(fd, request, argument.as_mut_ptr() as u64) }).is_ok()
        }
        Job::Number(fd, request, argument) => {
            // SAFETY: The argument is a number.
            bounded(|| unsafe { ioctl_raw(fd, request, argument) }).is_ok()
        }
        Job::Bytes(fd, request, mut bytes) => {
            assert!((request >> 16 & 0x3fff) as usize <= bytes.len());
            // SAFETY: There are as many bytes as the request says.
            bounded(|| unsafe { ioctl_raw(fd, request, bytes.as_mut_ptr() as u64) }).is_ok()
        }
        Job::Poll(fd, milliseconds) => {
            let mut poll = libc::pollfd {
                fd,
                events: libc::POLLIN | libc::POLLOUT,
                revents: 0,
            };
            // SAFETY: One structure, as said.
            bounded(|| unsafe { libc::poll(&mut poll, 1, milliseconds) }) >= 0
        }
    }
}

impl Worker {
    pub fn start() -> Result<Self, String> {
        let (jobs, receive) = mpsc::channel();
        let (finished, done) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut trace = match Trace::begin() {
                Ok(trace) => {
                    let _ = tell.send(Ok(()));
                    trace
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            for job in receive {
                let start = Instant::now();
                tally::call_done(Kind::Background, perform(job), start.elapsed());
                trace.collect();
                if finished.send(()).is_err() {
                    break;
                }
            }
        });
        told.recv().map_err(|error| error.to_string())??;
        Ok(Worker {
            jobs,
            done,
            pending: 0,
        })
    }

    /// Hands over a call.
    pub fn submit(&mut self, job: Job) {
        if self.jobs.send(job).is_ok() {
            self.pending += 1;
        }
    }

    /// Whether some call is not over.
    pub fn is_busy(&mut self) -> bool {
        while self.pending > 0 && self.done.try_recv().is_ok() {
            self.pending -= 1;
        }
        self.pending > 0
    }

    /// Waits until all calls are over.
    pub fn finish(&mut self) {
        while self.pending > 0 {
            if self.done.recv().is_err() {
                break;
            }
            self.pending -= 1;
        }
    }
}
