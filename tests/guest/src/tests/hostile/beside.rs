// SPDX-License-Identifier: GPL-2.0

//! What is left of a processor beside the card: by how long a computation takes.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use support::check;
use support::check_eq;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::note;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::Pcm;

use super::alone::work;
use super::HASTY;

/// A capture that nobody serves and that never stops, and 20 times 30 descriptors that are told of
/// each frame: what its timer's interrupt does for them, nobody is charged with.
pub(super) struct Watched {
    pub(super) pcm: Pcm,
    _copies: Vec<OwnedFd>,
    _groups: Vec<OwnedFd>,
}

impl Watched {
    pub(super) fn new(mut pcm: Pcm) -> Result<Self, Fail> {
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
pub(super) struct Beside {
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
pub(super) fn be_urgent() -> Outcome {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: The call reads the parameter.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) };
    check_eq!("sched_setscheduler", result, 0);
    Ok(())
}

/// Sleeps for half a millisecond. Returns how much longer that was, in nanoseconds.
pub(super) fn wake_up() -> i64 {
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
pub(super) fn leave(start: impl Fn(usize) -> Outcome, most: fn(i64) -> i64, late: i64) -> Outcome {
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
        "a computation of {:.1} ms takes {:.1} ms; a wake-up at most {:.1} us late comes at most \
         {:.1} us late",
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

/// A new epoll descriptor that watches these.
pub(super) fn watch(fds: impl Iterator<Item = i32>) -> Result<OwnedFd, Fail> {
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
