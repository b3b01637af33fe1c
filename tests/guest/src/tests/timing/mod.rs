// SPDX-License-Identifier: GPL-2.0

//! Exactness of positions and wake-ups. It can only be judged under the counted clock.

mod buffers;
mod speed;
mod steps;
mod wakeups;

pub use speed::fit;
pub use speed::observe;
pub use steps::steps;
pub use wakeups::lateness;
pub use wakeups::us;
pub use wakeups::Lateness;

use support::cable::wait_for_position;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::control::Control;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;

use crate::tests::CABLE;
use buffers::fast_buffer;
use buffers::small_buffer;
use buffers::smallest_buffer;
use buffers::tiny_buffer;
use buffers::turning;
use speed::pause_position;
use speed::shift_change;
use speed::slope;
use steps::delay_under_shifts;
use steps::until_nothing_is_left;
use wakeups::greedy;
use wakeups::shift_moves_the_end;
use wakeups::wakeups;

pub fn tests() -> Vec<Test> {
    let test = |name: String, run: Box<dyn Fn(&Context) -> Outcome>| {
        let run = move |ctx: &Context| {
            before_all_others()?;
            run(ctx)
        };
        Test::new("timing", name, run).limit(120)
    };
    let mut tests = Vec::new();
    for dir in Dir::BOTH {
        tests.push(
            test(
                format!("8.2 steps of at most 2 frames at 48 kHz, busy {dir:?}"),
                Box::new(move |ctx| steps(ctx, dir)),
            )
            .c_defect("8.2"),
        );
        for period in [480, 1024, 64] {
            tests.push(
                test(
                    format!("8.5 8.6 wake-ups at {period} frames less than 100 us late, {dir:?}"),
                    Box::new(move |ctx| wakeups(ctx, dir, period)),
                )
                .c_defect("8.6"),
            );
        }
    }
    tests.push(
        test(
            "8.2 steps of a playback's delay while Rate Shift changes".into(),
            Box::new(delay_under_shifts),
        )
        .c_defect("8.2"),
    );
    for dir in Dir::BOTH {
        for period in [480, 64] {
            tests.push(
                test(
                    format!("8.7 one wake-up a period of {period} frames if all is taken, {dir:?}"),
                    Box::new(move |ctx| greedy(ctx, dir, period)),
                )
                .c_defect("8.7"),
            );
        }
    }
    for rate in [48000, 768_000] {
        tests.push(test(
            format!("8.2 reads and writes until there is nothing left end, {rate} Hz"),
            Box::new(move |ctx| until_nothing_is_left(ctx, rate)),
        ));
    }
    // Other rates, and other shifts, are judged to the nanosecond by the group `stamps`.
    tests.push(
        test(
            "8.9 8.10 position within 1 ppm and 2 frames of the time at 48000 Hz".into(),
            Box::new(|ctx| slope(ctx, 48000, 100_000)),
        )
        .c_defect("8.9"),
    );
    tests.push(
        test(
            "9.11 Rate Shift 101000 is exact".into(),
            Box::new(|ctx| slope(ctx, 48000, 101_000)),
        )
        .c_defect("8.9"),
    );
    tests.push(
        test(
            "9.11 17.13 a change of Rate Shift keeps the position's phase".into(),
            Box::new(shift_change),
        )
        .c_defect("17.13"),
    );
    for dir in Dir::BOTH {
        tests.push(
            test(
                format!(
                    "9.11 8.6 a change of Rate Shift moves the end of the present period, {dir:?}"
                ),
                Box::new(move |ctx| shift_moves_the_end(ctx, dir)),
            )
            .c_defect("9.11"),
        );
    }
    tests.push(
        test(
            "7.6 PAUSE loses no time before it".into(),
            Box::new(pause_position),
        )
        .c_defect("7.6"),
    );
    for frames in [192, 384] {
        tests.push(
            test(
                format!("8.8 17.7 a buffer of {frames} frames is clean for 2 s"),
                Box::new(move |ctx| small_buffer(ctx, frames)),
            )
            .c_defect("8.8"),
        );
    }
    tests.push(test(
        "6.3 interleaved to not interleaved costs less than two copies".into(),
        Box::new(turning),
    ));
    tests.push(
        test(
            "3.6 a buffer of two periods of 16 frames is exact".into(),
            Box::new(|ctx| tiny_buffer(ctx, 48000, 16, 2)),
        )
        .c_defect("8.8"),
    );
    tests.push(
        test(
            "3.6 the smallest buffer of 64 bytes is exact to a busy reader".into(),
            Box::new(smallest_buffer),
        )
        .c_defect("8.8"),
    );
    tests.push(test(
        "3.4 192000 Hz, 32 channels of S32_LE, round both buffers".into(),
        Box::new(|ctx| fast_buffer(ctx, 192_000, 32)),
    ));
    tests
}

/// Gives this process real-time priority, as audio programs have: what other tasks of the guest do
/// meanwhile is not judged here.
pub(super) fn before_all_others() -> Outcome {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: Changes the scheduling of this process only.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) };
    check_eq!("sched_setscheduler", result, 0);
    Ok(())
}

/// One running side of the usual cable. A playback gets the whole buffer of silence first and never
/// stops by itself, so that it can be watched alone.
pub fn running(ctx: &Context, dir: Dir, cfg: &Config) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
    pcm.configure(cfg)?;
    if dir == Dir::Playback {
        pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    }
    pcm.sw_params(u64::MAX)?;
    pcm.start()?;
    // The core stamps positions that differ from the last one, so none has a stamp at first.
    wait_for_position(&pcm, 1, std::time::Duration::from_secs(1))?;
    Ok(pcm)
}

/// Runs something with the Rate Shift of `CABLE` set, and sets it back.
pub(super) fn with_shift<T>(
    ctx: &Context,
    shift: i64,
    run: impl FnOnce(&Control, u32) -> Result<T, Fail>,
) -> Result<T, Fail> {
    let control = Control::open(ctx.index)?;
    let id = control.find("PCM Rate Shift 100000", CABLE.device ^ 1, CABLE.subdevice)?;
    control.write(id, shift)?;
    let result = run(&control, id);
    control.write(id, 100_000)?;
    result
}
