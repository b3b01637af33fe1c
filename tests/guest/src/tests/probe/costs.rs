// SPDX-License-Identifier: GPL-2.0

//! What calls cost that have nothing to wait for. Those that wait for a timer's callback to be over
//! may find themselves waiting for much more: on `PREEMPT_RT`, for a grace period of RCU.

use support::check;
use support::config::Dir;
use support::config::USUAL;
use support::kernel::now_ns;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;

use super::test;
use super::Both;
use crate::tests::CABLE;

/// How often each call is made. The quickest counts: what else the guest does is in the others.
const ROUNDS: usize = 50;

/// How many times as long as C's a call may take, at most.
const TIMES: u64 = 2;

pub(super) fn tests() -> Vec<Test> {
    Dir::BOTH
        .into_iter()
        .map(|dir| {
            test(
                format!("7.11 PREPARE, HW_PARAMS, HW_FREE, close last no longer than C's: {dir:?}"),
                move |both| compare(both, dir),
            )
        })
        .collect()
}

/// The least time that each call takes, in nanoseconds, by its name.
type Costs = [(&'static str, u64); 5];

fn compare(both: &Both, dir: Dir) -> Outcome {
    let [c, ours] = both.each(|ctx| measure(ctx, dir))?;
    let mut slow = Vec::new();
    for ((call, ours), (_, c)) in ours.into_iter().zip(c) {
        note(&format!("{call}: {ours} ns, C {c} ns"));
        if ours > TIMES * c {
            slow.push(call);
        }
    }
    check!(
        slow.is_empty(),
        "more than {TIMES} times as long as C's: {slow:?}"
    );
    Ok(())
}

fn measure(ctx: &Context, dir: Dir) -> Result<Costs, Fail> {
    let mut costs = [
        ("PREPARE", u64::MAX),
        ("PREPARE after it has run", u64::MAX),
        ("HW_PARAMS", u64::MAX),
        ("HW_FREE", u64::MAX),
        ("close", u64::MAX),
    ];
    for _ in 0..ROUNDS {
        let mut least = |call: usize, begun: i64| {
            let took = (now_ns() - begun) as u64;
            costs[call].1 = costs[call].1.min(took);
        };
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.configure(&USUAL)?;

        let begun = now_ns();
        pcm.prepare()?;
        least(0, begun);

        if dir == Dir::Playback {
            pcm.write(&USUAL.silence(USUAL.buffer()), 0, USUAL.buffer())?;
        }
        pcm.start()?;
        pcm.stop()?;
        let begun = now_ns();
        pcm.prepare()?;
        least(1, begun);

        let begun = now_ns();
        pcm.set_params(&USUAL, 0)?;
        least(2, begun);

        let begun = now_ns();
        pcm.hw_free()?;
        least(3, begun);

        pcm.configure(&USUAL)?;
        let begun = now_ns();
        drop(pcm);
        least(4, begun);
    }
    Ok(costs)
}
