// SPDX-License-Identifier: GPL-2.0

//! Reads and writes that wait: how long. It can only be judged under the counted clock.

use support::check;
use support::config::Config;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;

use crate::tests::timing::before_all_others;
use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    Dir::BOTH
        .into_iter()
        .map(|dir| {
            let name = format!(
                "8.6 a {} that waits for less than avail_min does not wait for that",
                if dir == Dir::Playback {
                    "write"
                } else {
                    "read"
                }
            );
            let run = move |ctx: &Context| before_all_others().and_then(|()| waits(ctx, dir));
            Test::new("timing", name, run).limit(60)
        })
        .chain(Dir::BOTH.map(|dir| {
            let name = format!(
                "8.7 a {} that begins in the middle of a period ends when a period is there",
                if dir == Dir::Playback {
                    "write"
                } else {
                    "read"
                }
            );
            let run = move |ctx: &Context| before_all_others().and_then(|()| lags(ctx, dir));
            Test::new("timing", name, run).c_defect("8.7").limit(60)
        }))
        .chain(Dir::BOTH.map(|dir| {
            let name = format!("8.6 a signal tells of each period, whatever avail_min is, {dir:?}");
            let run = move |ctx: &Context| before_all_others().and_then(|()| signals(ctx, dir));
            Test::new("timing", name, run).limit(60)
        }))
        .collect()
}

/// Who takes all there is in the middle of a period, and then waits for a period, lacks some frames
/// at the end of the present one. In a call that may wait, the core says only then what it waits
/// for.
fn lags(ctx: &Context, dir: Dir) -> Outcome {
    let cfg = USUAL;
    let (period, buffer) = (cfg.period as usize, cfg.buffer());
    for into_period in [1, 3, 8] {
        let what = format!("{into_period} ms into a period");
        let mut pcm = Pcm::open_with(CABLE.side(ctx, dir), 0)?;
        pcm.configure(&cfg)?;
        let start = if dir == Dir::Playback {
            buffer as u64
        } else {
            1
        };
        pcm.set_thresholds(start, buffer as u64, period as u64)?;
        let source = cfg.silence(buffer);
        let transfer = |pcm: &mut Pcm, frames: usize| match dir {
            Dir::Playback => pcm.write(&source, 0, frames),
            Dir::Capture => pcm.read(&mut cfg.nothing(), frames),
        };
        match dir {
            Dir::Playback => transfer(&mut pcm, buffer)?,
            Dir::Capture => {
                pcm.start()?;
                0
            }
        };
        let mut wanted = 0;
        let mut ended = Vec::new();
        for _ in 0..20 {
            poll(&mut [], into_period);
            let there = pcm.status()?.avail as usize;
            if there > 0 {
                transfer(&mut pcm, there)?;
            }
            transfer(&mut pcm, period)?;
            wanted += there + period;
            ended.push((now_ns(), wanted));
        }
        let begun = pcm.status()?.trigger_tstamp.ns();
        // When the device was at that position.
        let late = |(time, frames): (i64, usize)| {
            time - begun - frames as i64 * 1_000_000_000 / i64::from(cfg.rate)
        };
        let latest = ended.into_iter().map(late).max().unwrap_or(i64::MAX);
        note(&format!(
            "{what}: at most {:.0} us late",
            latest as f64 / 1e3
        ));
        check!(
            latest <= 200_000,
            "{what}: a call has ended {latest} ns late"
        );
    }
    Ok(())
}

/// A buffer of two periods: who waits for more than the next end of one is too late, or nearly so.
const CFG: Config = Config {
    period: 1024,
    periods: 2,
    ..USUAL
};

fn waits(ctx: &Context, dir: Dir) -> Outcome {
    let buffer = CFG.buffer() as u64;
    // The C driver wakes with the second jiffy after the end of the period at the latest.
    let late = if ctx.is_c_driver() {
        8_000_000
    } else {
        100_000
    };
    for (avail_min, frames) in [(2040, 512), (1500, 512), (2048, 256)] {
        let what = format!("avail_min {avail_min}, {frames} frames a call");
        let mut pcm = Pcm::open_with(CABLE.side(ctx, dir), 0)?;
        pcm.configure(&CFG)?;
        let start = if dir == Dir::Playback { buffer } else { 1 };
        pcm.set_thresholds(start, buffer, avail_min)?;
        let source = CFG.silence(frames);
        let mut longest = 0;
        for call in 0..100 {
            let begun = now_ns();
            let moved = match dir {
                Dir::Playback => pcm.write(&source, 0, frames),
                Dir::Capture => pcm.read(&mut CFG.nothing(), frames),
            }
            .map_err(|e| Fail::Wrong(format!("{what}: call {call}: {e}")))?;
            check!(moved == frames, "{what}: call {call} has moved {moved}");
            longest = longest.max(now_ns() - begun);
        }
        note(&format!("{what}: at most {:.2} ms", longest as f64 / 1e6));
        check!(
            longest <= CFG.period_ns() + late,
            "{what}: a call took {longest} ns, a period has {}",
            CFG.period_ns()
        );
    }
    Ok(())
}

/// Who waits by a signal, as with `snd_async_add_pcm_handler()`, and serves a period at each.
fn signals(ctx: &Context, dir: Dir) -> Outcome {
    const PERIODS: u64 = 50;
    let cfg = Config {
        period: 480,
        periods: 8,
        ..USUAL
    };
    let (period, buffer) = (cfg.period as usize, cfg.buffer());
    // By the C driver as in `waits`. From the core to the program, a signal passes through a worker
    // without priority, for which any other thread may keep the processor for a while: all that is
    // asked is that it does not wait for `avail_min`, half a period later.
    let late = if ctx.is_c_driver() {
        8_000_000
    } else {
        2_500_000
    };
    let mut pcm = Pcm::open_with(CABLE.side(ctx, dir), 0)?;
    pcm.configure(&cfg)?;
    // More than a period, which no signal waits for.
    pcm.set_thresholds(u64::MAX, u64::MAX, 720)?;
    let source = cfg.silence(buffer);
    if dir == Dir::Playback {
        pcm.write(&source, 0, buffer)?;
    }
    let signals = Signals::of(pcm.fd())?;
    pcm.start()?;
    let begun = pcm.status()?.trigger_tstamp.ns();
    let mut latest = 0;
    for number in 1..=PERIODS {
        let got = signals.next()?;
        let after = got - begun - number as i64 * cfg.period_ns();
        check!(
            (0..=late).contains(&after),
            "signal {number} came {after} ns after the period's end"
        );
        latest = latest.max(after);
        match dir {
            Dir::Playback => pcm.write(&source, 0, period)?,
            Dir::Capture => pcm.read(&mut cfg.nothing(), period)?,
        };
    }
    note(&format!("at most {:.0} us late", latest as f64 / 1e3));
    Ok(())
}

/// `SIGIO` of a file, for this thread, which does not interrupt it.
struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    fn of(fd: i32) -> Result<Self, Fail> {
        const F_SETOWN_EX: i32 = 15;
        #[repr(C)]
        struct Owner {
            // `F_OWNER_TID`: a thread.
            kind: i32,
            id: i32,
        }
        // SAFETY: The set is written before it is read; the owner lives until the call returns.
        let (set, results) = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGIO);
            let owner = Owner {
                kind: 0,
                id: libc::syscall(libc::SYS_gettid) as i32,
            };
            let results = [
                libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()),
                libc::fcntl(fd, F_SETOWN_EX, &owner),
                libc::fcntl(fd, libc::F_SETFL, libc::O_RDWR | libc::O_ASYNC),
            ];
            (set, results)
        };
        check!(results == [0; 3], "no signals: {results:?}");
        Ok(Self { set })
    }

    /// Waits for the next, for a second at most, and returns when it came.
    fn next(&self) -> Result<i64, Fail> {
        let limit = libc::timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        // SAFETY: The set and the limit live until the call returns; nobody wants more of it.
        let got = unsafe { libc::sigtimedwait(&self.set, std::ptr::null_mut(), &limit) };
        let at = now_ns();
        check!(got == libc::SIGIO, "no signal for a second");
        Ok(at)
    }
}
