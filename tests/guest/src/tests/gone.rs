// SPDX-License-Identifier: GPL-2.0

//! The clients of a card that is taken away, 13.2: every call says so, and none waits.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::state_name;
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
use support::kernel::Errno;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::machine::wait_until;
use support::machine::Unbind;
use support::pcm::open_control;
use support::pcm::poll;
use support::pcm::Pcm;
use support::shared::Page;
use support::shared::SHARED;
use support::shared::STATE;
use support::shared::STATUS;
use support::timer::UserTimer;

use crate::tests::probe::calls;
use crate::tests::probe::states::advance;
use crate::tests::probe::states::fill;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("power", name, run).limit(60);
    vec![
        test(
            "13.2 a card that is gone: every call says so, at once",
            every_call,
        ),
        test("13.2 a card that goes: whoever waits is woken", sleepers),
    ]
}

/// The state of a stream whose card is gone.
const DISCONNECTED: u64 = 8;

/// Where the core waits by itself, it gives up after 100 ms or more.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The cable with this number, of sixteen.
fn cable(number: u32) -> Cable {
    Cable {
        device: number / 8,
        subdevice: number % 8,
    }
}

/// Lets the calls on a descriptor wait.
fn wait_in(fd: i32) {
    // SAFETY: Changes the flags of our own descriptor.
    unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_RDWR) };
}

/// An end in this state, whose calls may wait.
fn in_state(ctx: &Context, cable: Cable, dir: Dir, state: i32) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(cable.end(ctx, dir))?;
    if state != OPEN {
        pcm.setup(&LONG)?;
        pcm.sw_params(u64::MAX)?;
    }
    if state != OPEN && state != SETUP {
        pcm.prepare()?;
        fill(&mut pcm)?;
        advance(&mut pcm, state)?;
    }
    wait_in(pcm.fd());
    Ok(pcm)
}

/// Requests of the control device: name, direction, number and size of the argument.
const CONTROL_CALLS: [(&str, u64, u64, usize); 13] = [
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
fn control_call(
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

fn read(fd: i32, bytes: &mut [u8]) -> Result<isize, Errno> {
    // SAFETY: As many bytes as there are.
    let got = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    if got < 0 {
        return Err(Errno {
            call: "read",
            code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        });
    }
    Ok(got)
}

/// Waits for input until there is some or the card is gone, for `ms` milliseconds at most.
fn wait_for_input(fd: i32, ms: i32) -> i16 {
    let mut fds = [libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }];
    poll(&mut fds, ms);
    fds[0].revents
}

/// What a call says to a client of a card that is gone. What has no place in the first place is
/// refused for that, before the card is asked.
fn said(call: &str, dir: Dir) -> String {
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
struct Clients {
    ends: Vec<Pcm>,
    mapped: [Pcm; 2],
    control: OwnedFd,
    controls: Controls,
    timer: UserTimer,
}

/// Says which call is being made, for whoever finds that it does not come back, and how long the
/// longest took.
struct Watch {
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
        let mut ends = Vec::new();
        for state in [OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED] {
            for dir in Dir::BOTH {
                ends.push(in_state(ctx, cable(ends.len() as u32), dir, state)?);
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
            ends,
            mapped: [play, rec],
            control,
            controls,
            timer,
        })
    }

    fn call_all(&mut self, watch: &mut Watch) -> Outcome {
        for pcm in &self.ends {
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
        for pcm in self.ends.into_iter().chain(self.mapped) {
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

fn every_call(ctx: &Context) -> Outcome {
    let mut clients = Clients::begin(ctx)?;
    let mut pages = Vec::new();
    if SHARED {
        for pcm in clients.ends.iter().chain(&clients.mapped) {
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

/// The answer of a call that waited, as text.
fn answer<T: std::fmt::Debug>(result: Result<T, Errno>) -> String {
    match result {
        Ok(value) => format!("ok {value:?}"),
        Err(e) => k::errno_name(e.code).to_string(),
    }
}

/// A client that waits: what for, what wakes it up with which answer, and the thread's number.
struct Sleeper {
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

/// A paused end that has nothing to read, and no room to write into: nothing but the card's end
/// wakes who waits for it. (Its transfers wait.)
fn stuck(ctx: &Context, number: u32, dir: Dir) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open_with(cable(number).end(ctx, dir), 0)?;
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

fn sleepers(ctx: &Context) -> Outcome {
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
    let mut pcm = cable(4).player(ctx)?;
    pcm.configure(&slow)?;
    pcm.write(&slow.silence(slow.buffer()), 0, slow.buffer())?;
    pcm.start()?;
    pcm.set_blocking(true);
    waiting.push(Sleeper::begin("DRAIN", "ENODEV", move || {
        answer(pcm.drain())
    })?);
    let taken = [Dir::Playback, Dir::Capture].map(|dir| cable(5).end(ctx, dir));
    let holders = [Pcm::open(taken[0])?, Pcm::open(taken[1])?];
    for end in taken {
        waiting.push(Sleeper::begin("open", "ENODEV", move || {
            answer(Pcm::open_with(end, 0).map(drop))
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
