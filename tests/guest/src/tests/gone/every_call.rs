// SPDX-License-Identifier: GPL-2.0

//! Each call at a card that is gone says so, at once.

use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::OPEN;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::XRUN;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::elements::SHIFT;
use support::kernel as k;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::machine::Unbind;
use support::pcm::open_control;
use support::pcm::Pcm;
use support::shared::Page;
use support::shared::SHARED;
use support::shared::STATE;
use support::shared::STATUS;
use support::timer::UserTimer;

use super::cable;
use super::in_state;
use super::read;
use super::wait_for_input;
use super::wait_in;
use super::AT_ONCE;
use super::DISCONNECTED;
use crate::tests::probe::calls;
use crate::tests::probe::states::fill;
use crate::tests::CABLE;

/// Requests of the control device: name, direction, number and size of the argument.
pub(super) const CONTROL_CALLS: [(&str, u64, u64, usize); 13] = [
    ("PVERSION", 2, 0x00, 4),
    ("CARD_INFO", 2, 0x01, 376),
    ("ELEM_LIST", 3, 0x10, 80),
    ("ELEM_INFO", 3, 0x11, 272),
    ("ELEM_READ", 3, 0x12, 1224),
    ("ELEM_WRITE", 3, 0x13, 1224),
    ("ELEM_LOCK", 1, 0x14, 64),
    ("ELEM_UNLOCK", 1, 0x15, 64),
    ("SUBSCRIBE_EVENTS", 3, 0x16, 4),
    ("TLV_READ", 3, 0x1a, 8),
    ("PCM_NEXT_DEVICE", 2, 0x30, 4),
    ("PCM_INFO", 3, 0x31, size_of::<k::Info>()),
    ("POWER_STATE", 2, 0xd1, 4),
];

/// With an argument of zeroes.
pub(super) fn control_call(
    fd: i32,
    (name, dir, number, size): (&'static str, u64, u64, usize),
) -> Option<i32> {
    let mut argument = [0u64; 153];
    assert!(size <= size_of_val(&argument));
    let request = k::request(dir, b'U', number, size);
    // SAFETY: The argument is as long as the request says, or longer, and zeroes are no addresses.
    unsafe { k::ioctl(fd, name, request, argument.as_mut_ptr()) }
        .err()
        .map(|e| e.code)
}

/// What a call says to a client of a card that is gone. What has no place in the first place is
/// refused for that, before the card is asked.
pub(super) fn said(call: &str, dir: Dir) -> String {
    let answer = match (call, dir) {
        ("read" | "read of half a frame", Dir::Playback) => "EINVAL".into(),
        ("write" | "write of half a frame", Dir::Capture) => "EINVAL".into(),
        ("lseek", _) => format!("error {}", libc::ESPIPE),
        ("poll for reading" | "poll for writing", _) => format!("ok {}", libc::POLLERR),
        _ => "ENODEV".into(),
    };
    format!("{answer}, then STATUS: ENODEV")
}

/// All that a client may have open.
pub(super) struct Clients {
    sides: Vec<Pcm>,
    mapped: [Pcm; 2],
    control: OwnedFd,
    controls: Controls,
    timer: UserTimer,
}

/// Says which call is being made, for whoever finds that it does not come back, and how long the
/// longest took.
pub(super) struct Watch {
    now: Arc<Mutex<String>>,
    longest: Duration,
}

impl Watch {
    fn call<T>(&mut self, name: String, call: impl FnOnce() -> T) -> Result<T, Fail> {
        *self.now.lock().expect("no panic") = name.clone();
        let begun = Instant::now();
        let answer = call();
        let took = begun.elapsed();
        check!(took < AT_ONCE, "{name} took {took:?}");
        self.longest = self.longest.max(took);
        Ok(answer)
    }
}

impl Clients {
    fn begin(ctx: &Context) -> Result<Self, Fail> {
        let mut sides = Vec::new();
        for state in [OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED] {
            for dir in Dir::BOTH {
                sides.push(in_state(ctx, cable(sides.len() as u32), dir, state)?);
            }
        }
        let cfg = Config {
            access: Access::MmapInterleaved,
            ..LONG
        };
        let (mut play, mut rec) = cable(15).open(ctx, &cfg, &cfg)?;
        for pcm in [&mut play, &mut rec] {
            pcm.sw_params(u64::MAX)?;
            fill(pcm)?;
            pcm.start()?;
        }
        let control = open_control(ctx.index)?;
        wait_in(control.as_raw_fd());
        for call in CONTROL_CALLS {
            let answer = control_call(control.as_raw_fd(), call);
            check!(answer != Some(libc::ENOTTY), "{} is no call", call.0);
        }
        let controls = Controls::of(ctx, cable(15))?;
        check_eq!("Slave Active", controls.get(ACTIVE)?, 1);
        let timer = UserTimer::open()?;
        timer.select(ctx.index, 0, 0)?;
        Ok(Clients {
            sides,
            mapped: [play, rec],
            control,
            controls,
            timer,
        })
    }

    fn call_all(&mut self, watch: &mut Watch) -> Outcome {
        for pcm in &self.sides {
            for call in calls::all() {
                let name = format!("{}, {:?}", call.name, pcm.dir);
                let answer = watch.call(name.clone(), || call.answer(pcm))?;
                check_eq!(name, answer, said(call.name, pcm.dir));
            }
            let revents = watch.call(format!("poll, {:?}", pcm.dir), || pcm.poll(10_000))?;
            check_eq!("poll", revents, Some(libc::POLLERR));
        }
        let [play, rec] = &mut self.mapped;
        let silence = LONG.silence(480);
        let written = watch.call("a write by mmap".into(), || play.write(&silence, 0, 480))?;
        expect_error("a write by mmap", written, libc::ENODEV)?;
        let mut heard = LONG.nothing();
        let taken = watch.call("a read by mmap".into(), || rec.read(&mut heard, 480))?;
        expect_error("a read by mmap", taken, libc::ENODEV)?;
        let linked = watch.call("LINK".into(), || play.link(rec))?;
        expect_error("LINK", linked, libc::ENODEV)?;
        self.call_control(watch)?;
        self.call_timer(watch)
    }

    fn call_control(&self, watch: &mut Watch) -> Outcome {
        let fd = self.control.as_raw_fd();
        for call in CONTROL_CALLS {
            let answer = watch.call(call.0.into(), || control_call(fd, call))?;
            check_eq!(call.0, answer, Some(libc::ENODEV));
        }
        let got = watch.call("a read of events".into(), || read(fd, &mut [0; 72]))?;
        expect_error("a read of events", got, libc::ENODEV)?;
        let revents = watch.call("poll, control".into(), || wait_for_input(fd, 10_000))?;
        check_eq!("poll of the control device", revents, libc::POLLERR);
        let c = &self.controls;
        let got = watch.call("reading a control".into(), || c.get(ACTIVE))?;
        expect_error("reading a control", got, libc::ENODEV)?;
        let set = watch.call("writing a control".into(), || c.set(SHIFT, 100_000))?;
        expect_error("writing a control", set, libc::ENODEV)
    }

    /// A timer's file is the core's, not the card's, and stays. (The core would let a read wait for
    /// ever that begins now: who polls knows better.)
    fn call_timer(&self, watch: &mut Watch) -> Outcome {
        let timer = &self.timer;
        let revents = watch.call("poll, timer".into(), || wait_for_input(timer.fd(), 10_000))?;
        check_eq!("poll of the timer", revents, libc::POLLERR);
        let started = watch.call("START of the timer".into(), || timer.start())?;
        expect_error("START of the timer", started, libc::ENODEV)?;
        let started = watch.call("CONTINUE of the timer".into(), || timer.go_on())?;
        expect_error("CONTINUE of the timer", started, libc::ENODEV)?;
        // It does not run, which is all that the core says.
        let _ = watch.call("STOP of the timer".into(), || timer.stop())?;
        Ok(())
    }

    fn close(self, watch: &mut Watch) -> Outcome {
        for pcm in self.sides.into_iter().chain(self.mapped) {
            watch.call("close of a stream".into(), || drop(pcm))?;
        }
        watch.call("close of a control device".into(), || drop(self.control))?;
        watch.call("close of alsa-lib's".into(), || drop(self.controls))?;
        // The last one: the card is freed in it, with all its substreams, which a kernel that
        // checks itself takes longer for.
        drop(self.timer);
        Ok(())
    }
}

pub(super) fn every_call(ctx: &Context) -> Outcome {
    let mut clients = Clients::begin(ctx)?;
    let mut pages = Vec::new();
    if SHARED {
        for pcm in clients.sides.iter().chain(&clients.mapped) {
            pages.push(Page::of(pcm, STATUS)?);
        }
    }
    let unbind = Unbind::begin(ctx)?;
    for page in &pages {
        // The state has the lower half of the word.
        let state = page.word(STATE) & u64::from(u32::MAX);
        check_eq!("the state in a mapped page", state, DISCONNECTED);
    }
    drop(pages);
    let now = Arc::new(Mutex::new(String::new()));
    let mut watch = Watch {
        now: now.clone(),
        longest: Duration::ZERO,
    };
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let outcome = clients.call_all(&mut watch);
        let outcome = outcome.and_then(|()| clients.close(&mut watch));
        let _ = send.send(outcome.map(|()| watch.longest));
    });
    let longest = receive
        .recv_timeout(Duration::from_secs(20))
        .map_err(|_| {
            let name = now.lock().expect("no panic").clone();
            format!("{name} has not come back after 20 s")
        })??;
    note(&format!("at most {longest:?} a call"));
    unbind.end_and_bind(ctx)?;
    cable_works(ctx, CABLE)
}
