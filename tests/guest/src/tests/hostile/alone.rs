// SPDX-License-Identifier: GPL-2.0

//! What many cables leave of another one, and of the memory.

use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal::Expect;

/// How long a computation takes that needs no kernel, in nanoseconds.
pub(super) fn work() -> i64 {
    let begun = now_ns();
    let mut sum = 0u64;
    for number in 0..20_000_000u64 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(number));
    }
    now_ns() - begun
}

/// Streams that nobody serves and that never stop, at all cables but the first.
pub(super) fn leave_alone(ctx: &Context, cfg: &Config) -> Outcome {
    // The machine may still be busy with what was before.
    let alone = (0..4).map(|_| work()).min().unwrap_or(0);
    let mut streams = Vec::new();
    for number in 1..16 {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        for dir in Dir::BOTH {
            let mut pcm = Pcm::open(cable.side(ctx, dir))?;
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
