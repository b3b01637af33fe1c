// SPDX-License-Identifier: GPL-2.0

//! Who waits in a call when the card goes is woken.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::cable::cable_works;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::PAUSED;
use support::kernel as k;
use support::kernel::Errno;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::machine::wait_until;
use support::machine::Unbind;
use support::pcm::open_control;
use support::pcm::Pcm;
use support::timer::UserTimer;

use super::cable;
use super::read;
use super::wait_for_input;
use super::wait_in;
use crate::tests::probe::states::fill;
use crate::tests::CABLE;

/// The answer of a call that waited, as text.
pub(super) fn answer<T: std::fmt::Debug>(result: Result<T, Errno>) -> String {
    match result {
        Ok(value) => format!("ok {value:?}"),
        Err(e) => k::errno_name(e.code).to_string(),
    }
}

/// A client that waits: what for, what wakes it up with which answer, and the thread's number.
pub(super) struct Sleeper {
    name: &'static str,
    want: &'static str,
    thread: libc::pid_t,
    answer: mpsc::Receiver<String>,
}

impl Sleeper {
    fn begin(
        name: &'static str,
        want: &'static str,
        wait: impl FnOnce() -> String + Send + 'static,
    ) -> Result<Self, Fail> {
        let (number, its_number) = mpsc::channel();
        let (send, answer) = mpsc::channel();
        thread::spawn(move || {
            // SAFETY: A plain system call.
            let _ = number.send(unsafe { libc::gettid() });
            let _ = send.send(wait());
        });
        let thread = its_number
            .recv()
            .map_err(|_| format!("{name}: no thread"))?;
        Ok(Sleeper {
            name,
            want,
            thread,
            answer,
        })
    }

    /// Whether it sleeps in a call (but those by which threads wait for each other).
    fn sleeps(&self) -> bool {
        let text = fs::read_to_string(format!("/proc/self/task/{}/syscall", self.thread));
        let number = text.ok().and_then(|text| {
            let word = text.split_whitespace().next()?;
            word.parse::<libc::c_long>().ok()
        });
        number.is_some_and(|number| number >= 0 && number != libc::SYS_futex)
    }

    fn end(self) -> Outcome {
        let answer = self
            .answer
            .recv_timeout(Duration::from_secs(5))
            .map_err(|_| format!("{} still waits, 5 s after unbind", self.name))?;
        check_eq!(self.name, answer, self.want);
        Ok(())
    }
}

/// A paused side that has nothing to read, and no room to write into: nothing but the card's end
/// wakes who waits for it. (Its transfers wait.)
pub(super) fn stuck(ctx: &Context, number: u32, dir: Dir) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open_with(cable(number).side(ctx, dir), 0)?;
    pcm.configure(&LONG)?;
    fill(&mut pcm)?;
    pcm.start()?;
    pcm.pause(true)?;
    let avail = pcm.status()?.avail as usize;
    if avail > 0 {
        match dir {
            Dir::Playback => pcm.write(&LONG.silence(avail), 0, avail)?,
            Dir::Capture => pcm.read(&mut LONG.nothing(), avail)?,
        };
    }
    check_eq!("state", state_name(pcm.state()?), state_name(PAUSED));
    check_eq!("frames available", pcm.status()?.avail, 0);
    Ok(pcm)
}

pub(super) fn sleepers(ctx: &Context) -> Outcome {
    const ERROR: &str = "ok 8";
    let polled = |fd| format!("ok {}", wait_for_input(fd, -1));
    // A transfer that waits has had the state looked at when it was woken, and not the card.
    let mut waiting = Vec::new();
    let mut pcm = stuck(ctx, 0, Dir::Playback)?;
    waiting.push(Sleeper::begin("WRITEI", "EBADFD", move || {
        answer(pcm.write(&LONG.silence(480), 0, 480))
    })?);
    let mut pcm = stuck(ctx, 1, Dir::Capture)?;
    waiting.push(Sleeper::begin("READI", "EBADFD", move || {
        answer(pcm.read(&mut LONG.nothing(), 480))
    })?);
    for (number, dir) in [(2, Dir::Playback), (3, Dir::Capture)] {
        let pcm = stuck(ctx, number, dir)?;
        waiting.push(Sleeper::begin("poll of a stream", ERROR, move || {
            format!("ok {}", pcm.poll(-1).unwrap_or(0))
        })?);
    }
    // Ten seconds.
    let slow = Config {
        rate: 8000,
        period: 8000,
        periods: 10,
        ..LONG
    };
    let mut pcm = cable(4).playback(ctx)?;
    pcm.configure(&slow)?;
    pcm.write(&slow.silence(slow.buffer()), 0, slow.buffer())?;
    pcm.start()?;
    pcm.set_blocking(true);
    waiting.push(Sleeper::begin("DRAIN", "ENODEV", move || {
        answer(pcm.drain())
    })?);
    let taken = [Dir::Playback, Dir::Capture].map(|dir| cable(5).side(ctx, dir));
    let holders = [Pcm::open(taken[0])?, Pcm::open(taken[1])?];
    for side in taken {
        waiting.push(Sleeper::begin("open", "ENODEV", move || {
            answer(Pcm::open_with(side, 0).map(drop))
        })?);
    }
    let mut subscribed = Vec::new();
    for _ in 0..2 {
        let control = open_control(ctx.index)?;
        let mut yes = 1;
        // SAFETY: The request reads and writes one int.
        unsafe {
            k::ioctl(
                control.as_raw_fd(),
                "SUBSCRIBE_EVENTS",
                k::control::SUBSCRIBE,
                &mut yes,
            )?
        };
        wait_in(control.as_raw_fd());
        subscribed.push(control);
    }
    let [reader, poller] = <[OwnedFd; 2]>::try_from(subscribed).expect("two");
    waiting.push(Sleeper::begin("a read of events", "ENODEV", move || {
        answer(read(reader.as_raw_fd(), &mut [0; 72]))
    })?);
    waiting.push(Sleeper::begin("poll for events", ERROR, move || {
        polled(poller.as_raw_fd())
    })?);
    let (reader, poller) = (UserTimer::open()?, UserTimer::open()?);
    reader.select(ctx.index, 0, 0)?;
    poller.select(ctx.index, 0, 1)?;
    waiting.push(Sleeper::begin("a read of ticks", "ENODEV", move || {
        answer(read(reader.fd(), &mut [0; 8]))
    })?);
    waiting.push(Sleeper::begin("poll for ticks", ERROR, move || {
        polled(poller.fd())
    })?);
    for sleeper in &waiting {
        wait_until(&format!("{} does not wait", sleeper.name), || {
            sleeper.sleeps()
        })?;
    }
    let unbind = Unbind::begin(ctx)?;
    for sleeper in waiting {
        sleeper.end()?;
    }
    drop(holders);
    unbind.end_and_bind(ctx)?;
    cable_works(ctx, CABLE)
}
