// SPDX-License-Identifier: GPL-2.0

//! What one client can do to the others, and to the machine.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;

use super::LONG;
use crate::cable::Cable;
use crate::cable::Session;
use crate::check;
use crate::check_eq;
use crate::config::state_name;
use crate::config::Access;
use crate::config::Config;
use crate::config::Dir;
use crate::config::RUNNING;
use crate::kernel::now_ns;
use crate::ktap::expect_error;
use crate::ktap::note;
use crate::ktap::Context;
use crate::ktap::Fail;
use crate::ktap::Outcome;
use crate::ktap::Test;
use crate::pcm::poll;
use crate::pcm::Pcm;
use crate::signal;
use crate::signal::Expect;

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
            watched,
        ),
        test(
            "3.10 the rings of a card take no more than the core allows",
            rings,
        ),
    ]
}

/// The shortest periods of one channel, at the greatest rate: 83 us.
const HASTY: Config = Config {
    access: Access::RwInterleaved,
    format: signal::DSD_U8,
    rate: 768_000,
    channels: 1,
    period: 64,
    periods: 1024,
};

/// All ends with the greatest rings: those beyond the core's limit for a card get none, until another is
/// given up.
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
    let alone = work();
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

/// A stream that wakes hundreds at each period: all that its timer's interrupt does, and nobody is charged
/// with it.
fn watched(ctx: &Context) -> Outcome {
    const GROUPS: usize = 20;
    const EACH: usize = 30;
    let cable = Cable {
        device: 0,
        subdevice: 1,
    };
    let mut pcm = Pcm::open(cable.end(ctx, Dir::Capture))?;
    pcm.setup(&HASTY)?;
    pcm.set_thresholds(u64::MAX, u64::MAX, 1)?;
    pcm.prepare()?;
    // Each of these descriptors is told, in each of these groups.
    // SAFETY: The stream lives longer.
    let stream = unsafe { BorrowedFd::borrow_raw(pcm.fd()) };
    let copies: Vec<OwnedFd> = (0..EACH)
        .map(|_| stream.try_clone_to_owned())
        .collect::<Result<_, _>>()?;
    let mut groups = Vec::new();
    for _ in 0..GROUPS {
        let group = watch(copies.iter().map(|fd| fd.as_raw_fd()))?;
        groups.push(group);
    }
    // The machine may still be busy with what was before.
    let alone = (0..4).map(|_| work()).min().unwrap_or(0);
    pcm.start()?;
    let beside = work();
    let status = pcm.status()?;
    note(&format!(
        "a computation of {:.1} ms takes {:.1} ms",
        alone as f64 / 1e6,
        beside as f64 / 1e6
    ));
    check_eq!("state", state_name(status.state), state_name(RUNNING));
    check!(poll(&mut [pcm.pollfd()], 0), "nobody is woken");
    // It takes a quarter, and the clock's own interrupts a little.
    check!(
        beside < alone * 3 / 2,
        "the machine has {:.0} % of its time left",
        alone as f64 * 100.0 / beside as f64
    );
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
