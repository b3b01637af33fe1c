// SPDX-License-Identifier: GPL-2.0

//! What one client can do to the others, and to the machine.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::Duration;
use std::time::Instant;

use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::state_name;
use support::config::Access;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::config::RUNNING;
use support::kernel::is_realtime;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::shared;
use support::shared::Page;
use support::signal;
use support::signal::Expect;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("hostile", name, run);
    vec![
        test(
            "3.6 15 cables with periods of a frame leave the 16th alone",
            |ctx| {
                let one_frame = Config {
                    format: signal::S32_LE,
                    channels: 32,
                    period: 1,
                    ..HASTY
                };
                leave_alone(ctx, &one_frame)
            },
        ),
        test(
            "3.6 15 cables with periods of 64 bytes leave the 16th alone",
            |ctx| leave_alone(ctx, &HASTY),
        ),
        test(
            "3.6 hundreds who watch one stream leave three quarters of the machine",
            |ctx| {
                // They take a quarter, and the clock's own interrupts a little.
                watched(ctx, 1, |alone| alone * 3 / 2)
            },
        ),
        test(
            "3.6 periods of 16 frames come on time, on as many cables as half of the processor can serve",
            well_behaved,
        ),
        Test::new(
            "crowd",
            "3.6 hundreds who watch each of twelve streams leave half of a processor",
            // Twelve quarters would be all of both.
            |ctx| watched(ctx, 12, half),
        ),
        Test::new(
            "crowd",
            "3.6 all streams of 32 cards, one with hundreds who watch it, leave half of a processor",
            crowd,
        )
        .limit(600),
        Test::new(
            "parallel",
            "7.8 DRAIN of a ring of two frames, not asked for long, leaves its processor alone",
            drained_for_ever,
        )
        .limit(300),
        test(
            "3.10 the rings of a card take no more than the core allows",
            rings,
        ),
    ]
}

/// A player that nobody has asked for a while has gone round its ring some hundred thousand times;
/// a DRAIN tells the core so, step by step, and it goes on for as long as there are frames in the
/// ring. Another processor sees to it that there always are: for that, both have to run at the same
/// time, which a busy host does not grant each time.
fn drained_for_ever(ctx: &Context) -> Outcome {
    if is_realtime()? {
        return Err(Fail::Skip(
            "the steps are a thread's there, and keep no interrupt".into(),
        ));
    }
    pin(0)?;
    let (mut met, mut most, mut longest) = (0, 0, 0);
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(240) {
        rounds += 1;
        let (told, gap) = drain_with_company(ctx)?;
        // Half of a second is more than a busy host holds a processor up for; a hundred thousand
        // steps and more take seconds.
        check!(
            gap < 500_000_000,
            "a processor did nothing else for {:.1} s",
            gap as f64 / 1e9
        );
        (most, longest) = (most.max(told), longest.max(gap));
        // That is more than the first step.
        met += i32::from(told >= 3);
        if met == 4 {
            note(&format!(
                "told of {most} frames; the processor was away for {:.1} ms at most",
                longest as f64 / 1e6
            ));
            return Ok(());
        }
    }
    Err(format!("in {rounds} rounds, the processors ran at the same time in {met} only").into())
}

/// Drains a player of a ring of two frames, with another processor that goes ahead of it. Returns
/// the position that was last told, and the longest time that this processor was away, in
/// nanoseconds.
fn drain_with_company(ctx: &Context) -> Result<(u64, i64), Fail> {
    // 50 us; the steps of a shorter one take their time.
    let cfg = Config {
        rate: 40_000,
        channels: 32,
        period: 1,
        periods: 2,
        ..LONG
    };
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    let mut play = cable.player(ctx)?;
    play.configure_unwoken(&cfg)?;
    play.set_thresholds(u64::MAX, u64::MAX, 1)?;
    play.write(&cfg.signal(2, 7), 0, 2)?;
    let status = Page::of(&play, shared::STATUS)?;
    let over = AtomicBool::new(false);
    let gap = std::thread::scope(|scope| -> Result<i64, Fail> {
        let (over, play) = (&over, &play);
        let ahead = scope.spawn(move || -> Outcome {
            pin(1)?;
            let status = Page::of(play, shared::STATUS)?;
            let control = Page::of(play, shared::CONTROL)?;
            while !over.load(Ordering::Relaxed) {
                control.set_word(shared::APPL_PTR, status.word(shared::HW_PTR) + 2);
            }
            Ok(())
        });
        let drain = || -> Result<i64, Fail> {
            play.start()?;
            std::thread::sleep(Duration::from_secs(4));
            expect_error("DRAIN", play.drain(), libc::EAGAIN)?;
            let (mut last, mut gap) = (now_ns(), 0);
            let until = last + 100_000_000;
            while last < until {
                let now = now_ns();
                gap = gap.max(now - last);
                last = now;
            }
            Ok(gap)
        };
        let drained = drain();
        over.store(true, Ordering::Relaxed);
        ahead
            .join()
            .map_err(|_| Fail::from("a panic".to_string()))??;
        drained
    })?;
    Ok((status.word(shared::HW_PTR), gap))
}

/// How late others may be woken beside streams as hostile as can be, in nanoseconds.
const LATE: i64 = 1_000_000;

/// The shortest periods of one channel, at the greatest rate: 83 us.
const HASTY: Config = Config {
    access: Access::RwInterleaved,
    format: signal::DSD_U8,
    rate: 768_000,
    channels: 1,
    period: 64,
    periods: 1024,
};

/// All ends with the greatest rings: those beyond the core's limit for a card get none, until
/// another is given up.
fn rings(ctx: &Context) -> Outcome {
    let cfg = Config {
        format: signal::S32_LE,
        channels: 32,
        period: 4096,
        periods: 4,
        ..HASTY
    };
    let text = std::fs::read_to_string("/sys/module/snd_pcm/parameters/max_alloc_per_card")?;
    let limit: usize = text.trim().parse().map_err(|e| format!("{text}: {e}"))?;
    let mut ends: Vec<Pcm> = Vec::new();
    for number in 0..32 {
        let cable = Cable {
            device: number / 16,
            subdevice: number / 2 % 8,
        };
        ends.push(Pcm::open(cable.end(ctx, Dir::BOTH[number as usize % 2]))?);
    }
    let ring = cfg.buffer() * cfg.frame_bytes();
    let fit = limit / ring;
    check!(fit < ends.len(), "{limit} bytes are enough for all");
    let (first, rest) = ends.split_at_mut(fit);
    for end in first.iter_mut() {
        end.setup(&cfg)?;
    }
    for end in rest.iter_mut() {
        expect_error("HW_PARAMS beyond the limit", end.setup(&cfg), libc::ENOMEM)?;
    }
    first[0].hw_free()?;
    rest[0].setup(&cfg)?;
    Ok(())
}

/// How long a computation takes that needs no kernel, in nanoseconds.
fn work() -> i64 {
    let begun = now_ns();
    let mut sum = 0u64;
    for number in 0..20_000_000u64 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(number));
    }
    now_ns() - begun
}

/// Streams that nobody serves and that never stop, at all cables but the first.
fn leave_alone(ctx: &Context, cfg: &Config) -> Outcome {
    // The machine may still be busy with what was before.
    let alone = (0..4).map(|_| work()).min().unwrap_or(0);
    let mut streams = Vec::new();
    for number in 1..16 {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        for dir in Dir::BOTH {
            let mut pcm = Pcm::open(cable.end(ctx, dir))?;
            pcm.setup(cfg)?;
            pcm.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
            pcm.prepare()?;
            if dir == Dir::Playback {
                pcm.write(&cfg.signal(cfg.buffer(), 1), 0, cfg.buffer())?;
            }
            pcm.start()?;
            streams.push(pcm);
        }
    }
    // Somebody waits for each of them, for more than will ever be there.
    let mut fds: Vec<libc::pollfd> = streams.iter().map(Pcm::pollfd).collect();
    let waiter = std::thread::spawn(move || poll(&mut fds, 20_000));
    let beside = work();
    note(&format!(
        "a computation of {:.1} ms takes {:.1} ms",
        alone as f64 / 1e6,
        beside as f64 / 1e6
    ));
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    let mut session = Session::open(ctx, cable, &LONG, LONG.signal(48_000, 11))?;
    session.run()?;
    session.verify(Expect::Whole)?;
    check!(!waiter.is_finished(), "a stream has stopped");
    check!(
        beside < 4 * alone,
        "the machine has {:.0} % of its time left",
        alone as f64 * 100.0 / beside as f64
    );
    Ok(())
}

/// A capture that nobody serves and that never stops, and 20 times 30 descriptors that are told of
/// each frame: what its timer's interrupt does for them, nobody is charged with.
struct Watched {
    pcm: Pcm,
    _copies: Vec<OwnedFd>,
    _groups: Vec<OwnedFd>,
}

impl Watched {
    fn new(mut pcm: Pcm) -> Result<Self, Fail> {
        pcm.setup(&HASTY)?;
        pcm.set_thresholds(u64::MAX, u64::MAX, 1)?;
        pcm.prepare()?;
        // SAFETY: The stream lives longer.
        let stream = unsafe { BorrowedFd::borrow_raw(pcm.fd()) };
        let copies: Vec<OwnedFd> = (0..30)
            .map(|_| stream.try_clone_to_owned())
            .collect::<Result<_, _>>()?;
        let groups = (0..20)
            .map(|_| watch(copies.iter().map(|fd| fd.as_raw_fd())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            pcm,
            _copies: copies,
            _groups: groups,
        })
    }
}

/// What there is to all others while the driver's timers expire, on all processors.
struct Beside {
    /// How long a computation takes on each, at most, in nanoseconds.
    work: i64,
    /// How late a thread of real-time priority was woken at worst meanwhile, in nanoseconds.
    late: i64,
}

impl Beside {
    fn measure() -> Result<Self, Fail> {
        let cpus = std::thread::available_parallelism()?.get();
        let over = AtomicBool::new(false);
        let join = |thread: ScopedJoinHandle<'_, Result<i64, Fail>>| {
            thread
                .join()
                .map_err(|_| Fail::from("a panic".to_string()))?
        };
        let begun = now_ns();
        std::thread::scope(|scope| {
            let computing: Vec<_> = (0..cpus)
                .map(|cpu| {
                    scope.spawn(move || {
                        pin(cpu)?;
                        work();
                        Ok(now_ns())
                    })
                })
                .collect();
            let waiting: Vec<_> = (0..cpus)
                .map(|cpu| {
                    let over = &over;
                    scope.spawn(move || {
                        pin(cpu)?;
                        be_urgent()?;
                        let mut worst = 0;
                        while !over.load(Ordering::Relaxed) {
                            worst = worst.max(wake_up());
                        }
                        Ok(worst)
                    })
                })
                .collect();
            let computed: Vec<Result<i64, Fail>> = computing.into_iter().map(join).collect();
            over.store(true, Ordering::Relaxed);
            let mut beside = Self { work: 0, late: 0 };
            for ended in computed {
                beside.work = beside.work.max(ended? - begun);
            }
            for thread in waiting {
                beside.late = beside.late.max(join(thread)?);
            }
            Ok(beside)
        })
    }
}

/// Gives the calling thread a real-time priority.
fn be_urgent() -> Outcome {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: The call reads the parameter.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) };
    check_eq!("sched_setscheduler", result, 0);
    Ok(())
}

/// Sleeps for half a millisecond. Returns how much longer that was, in nanoseconds.
fn wake_up() -> i64 {
    let begun = now_ns();
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 500_000,
    };
    // SAFETY: The call reads the time, and is to write none.
    unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            0,
            &raw const time,
            std::ptr::null_mut(),
        )
    };
    now_ns() - begun - time.tv_nsec
}

/// What is left to others beside the streams that are then started: the computation takes less than
/// `most` says for how long it takes alone, and others are woken less than `late` nanoseconds late.
/// `start` starts every other stream, the even ones or the odd ones: each half runs on a processor
/// of its own, if there are several.
fn leave(start: impl Fn(usize) -> Outcome, most: fn(i64) -> i64, late: i64) -> Outcome {
    let cpus = std::thread::available_parallelism()?.get();
    // The machine may still be busy with what was before.
    let mut alone = Beside::measure()?;
    for _ in 0..4 {
        let again = Beside::measure()?;
        alone.work = alone.work.min(again.work);
        alone.late = alone.late.min(again.late);
    }
    for half in 0..2 {
        pin(half % cpus)?;
        start(half)?;
    }
    // Until the driver knows what they take, and they have distributed themselves.
    std::thread::sleep(Duration::from_secs(3));
    let beside = Beside::measure()?;
    note(&format!(
        "a computation of {:.1} ms takes {:.1} ms; a wake-up at most {:.1} us late comes at most {:.1} us late",
        alone.work as f64 / 1e6,
        beside.work as f64 / 1e6,
        alone.late as f64 / 1e3,
        beside.late as f64 / 1e3
    ));
    check!(
        beside.work < most(alone.work),
        "the machine has {:.0} % of its time left",
        alone.work as f64 * 100.0 / beside.work as f64
    );
    check!(
        beside.late < late,
        "a wake-up {:.1} us late",
        beside.late as f64 / 1e3
    );
    Ok(())
}

fn watched(ctx: &Context, streams: u32, most: fn(i64) -> i64) -> Outcome {
    let streams = (0..streams)
        .map(|number| {
            let cable = Cable {
                device: number / 8,
                subdevice: number % 8,
            };
            Watched::new(Pcm::open(cable.end(ctx, Dir::Capture))?)
        })
        .collect::<Result<Vec<_>, Fail>>()?;
    leave(
        |half| {
            for stream in streams.iter().skip(half).step_by(2) {
                stream.pcm.start()?;
            }
            Ok(())
        },
        most,
        LATE,
    )?;
    for Watched { pcm, .. } in &streams {
        check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
        check!(poll(&mut [pcm.pollfd()], 0), "nobody is woken");
    }
    Ok(())
}

/// How long a computation may take if half of one processor is taken, and some more for how that is
/// measured. Of a guest whose clock counts instructions, several processors are as much as one.
fn half(alone: i64) -> i64 {
    alone * 2 * 11 / 10
}

/// As many streams as there can be, of all cards of the driver, with the shortest periods that one
/// channel can have. It wants 32 cards, and two processors.
fn crowd(ctx: &Context) -> Outcome {
    let modules = std::fs::read_to_string("/proc/asound/modules")?;
    let cards: Vec<u32> = modules
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(_, module)| module.trim() == ctx.module)
        .filter_map(|(number, _)| number.parse().ok())
        .collect();
    check_eq!("cards", cards.len(), 32);
    let files = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    // SAFETY: The call reads the limit.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files) };
    check_eq!("setrlimit", result, 0);
    let cfg = Config {
        periods: 16,
        ..HASTY
    };
    let mut streams = Vec::new();
    let mut dear = None;
    for card in cards {
        for number in 0..32 {
            let pcm = Pcm::open(Address {
                card,
                device: number / 16,
                subdevice: number / 2 % 8,
                dir: Dir::BOTH[number as usize % 2],
            })?;
            if dear.is_none() && number == 1 {
                dear = Some(Watched::new(pcm)?);
                continue;
            }
            streams.push(pcm);
        }
    }
    for pcm in &mut streams {
        pcm.setup(&cfg)?;
        pcm.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
        pcm.prepare()?;
        if pcm.dir == Dir::Playback {
            pcm.write(&cfg.signal(cfg.buffer(), 1), 0, cfg.buffer())?;
        }
    }
    let dear = dear.ok_or("no card".to_string())?;
    let all: Vec<&Pcm> = streams.iter().chain([&dear.pcm]).collect();
    leave(
        |half| {
            for pcm in all.iter().skip(half).step_by(2) {
                pcm.start()?;
            }
            Ok(())
        },
        half,
        LATE,
    )?;
    for pcm in all {
        check_eq!("state", state_name(pcm.state()?), state_name(RUNNING));
    }
    Ok(())
}

/// Streams that a program for live music would have: the limit is not for them.
fn well_behaved(ctx: &Context) -> Outcome {
    const PERIODS: u64 = 1500;
    let cfg = Config {
        format: signal::S16_LE,
        rate: 48_000,
        channels: 2,
        period: 16,
        periods: 64,
        ..HASTY
    };
    // With its interrupt, and a thread on PREEMPT_RT, a callback takes 6 us, or 13, of a processor
    // of 500 million instructions a second; a cable has 6000 in a second.
    let cables = if is_realtime()? { 4 } else { 8 };
    // As such a program does. The machine may still be busy with what was before.
    be_urgent()?;
    // Others do as much, whatever they may do with it.
    let mut others = Vec::new();
    for number in 1..cables {
        for dir in Dir::BOTH {
            let cable = Cable {
                device: 0,
                subdevice: number,
            };
            let mut pcm = Pcm::open(cable.end(ctx, dir))?;
            pcm.setup(&cfg)?;
            pcm.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
            pcm.prepare()?;
            pcm.start()?;
            others.push(pcm);
        }
    }
    let cable = Cable {
        device: 0,
        subdevice: 0,
    };
    let mut rec = Pcm::open(cable.end(ctx, Dir::Capture))?;
    rec.configure(&cfg)?;
    rec.sw_params_waking_at_a_period()?;
    let mut play = Pcm::open(cable.end(ctx, Dir::Playback))?;
    play.configure(&cfg)?;
    play.set_thresholds(u64::MAX, u64::MAX, i64::MAX as u64)?;
    play.start()?;
    rec.start()?;
    let mut heard = cfg.nothing();
    // How much there is at first says how long this program took to come here.
    check!(rec.poll(1000).is_some(), "no wake-up for a second");
    rec.read(&mut heard, cfg.buffer())?;
    let mut frames = 0;
    while frames < PERIODS * 16 {
        check!(rec.poll(1000).is_some(), "no wake-up for a second");
        let got = rec.read(&mut heard, cfg.buffer())?;
        // A period, and what has come while it was read.
        check!(
            got < 32,
            "after {frames} frames, a wake-up after {got}, where a period has 16"
        );
        frames += got as u64;
    }
    Ok(())
}

/// A new epoll descriptor that watches these.
fn watch(fds: impl Iterator<Item = i32>) -> Result<OwnedFd, Fail> {
    // SAFETY: No pointers; what is returned belongs to nobody else.
    let group = unsafe {
        let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error().into());
        }
        OwnedFd::from_raw_fd(fd)
    };
    for fd in fds {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        // SAFETY: The event lives as long as the call.
        let result =
            unsafe { libc::epoll_ctl(group.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        if result < 0 {
            return Err(io::Error::last_os_error().into());
        }
    }
    Ok(group)
}
