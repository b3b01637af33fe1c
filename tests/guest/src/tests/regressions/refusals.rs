// SPDX-License-Identifier: GPL-2.0

//! What the core refuses, and has to happen all the same.
//!
//! `snd_pcm_stop()` stops nobody if one of the linked substreams has no parameters. A stream that
//! is started by a DRAIN when HW_PARAMS has just found it not running would then run on in a buffer
//! that is freed. Three things have to meet for that, in a certain order; a probe holds up the
//! first one meanwhile.

use support::cable::cable_works;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::DRAINING;
use support::config::LONG;
use support::config::USUAL;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::trace::armed_timers;
use support::trace::Probes;

use super::Meeting;
use super::MEETINGS;
use crate::tests::CABLE;

/// The substream that is linked with the one of `CABLE`.
const OTHER: Cable = Cable {
    device: 1,
    subdevice: 0,
};

/// In the group `callbacks`: it needs a kernel with probes too.
pub fn tests() -> Vec<Test> {
    let name = "reading of 2026: HW_PARAMS ends a playback that a DRAIN starts meanwhile, \
                though a linked one has no parameters";
    vec![Test::new("callbacks", name, drained_meanwhile).limit(120)]
}

/// How long after HW_PARAMS, which is held up, the DRAIN comes, in nanoseconds; the probes take
/// longer.
const LATE: i64 = 500_000;

fn drained_meanwhile(ctx: &Context) -> Outcome {
    if ctx.is_c_driver() {
        return Err(Fail::Skip("it runs on in memory that is free".into()));
    }
    // HW_PARAMS leads there between its look at the state and what it does to the buffer. (A
    // function in C: the kernel wants no probes in those that Rust has made.)
    let probes = Probes::that_hold_up_one(ctx, "snd_pcm_buffer_locked", 100)?;
    let larger: Config = LONG;
    let mut meeting = Meeting::new(ctx)?;
    let mut met = 0;
    while meeting.goes_on_for(met) {
        let (mut play, mut linked) = (CABLE.playback(ctx)?, OTHER.playback(ctx)?);
        play.configure(&USUAL)?;
        linked.configure(&USUAL)?;
        play.link(&linked)?;
        linked.setup(&USUAL)?;
        play.write(&USUAL.signal(480, 7), 0, 480)?;
        let drained = play.share()?;
        probes.arm()?;
        let (done, between) = meeting.round_after(
            [0, LATE],
            || play.hw_params(&larger.request()),
            || {
                // It does not wait, and says EAGAIN.
                let _ = drained.drain();
                let freed = linked.hw_free();
                freed.and_then(|()| drained.state())
            },
        )?;
        if done.is_err() {
            // The DRAIN came first, and HW_PARAMS was right to refuse.
            continue;
        }
        // It had been started, nobody had stopped it, and the other had no parameters any more.
        met += u64::from(matches!(between, Ok(DRAINING)));
        check_eq!(
            format!("round {}: armed timers after HW_PARAMS", meeting.rounds),
            armed_timers(ctx)?,
            0
        );
    }
    note(&format!(
        "{} rounds, a DRAIN and a linked HW_FREE fell in {met}",
        meeting.rounds
    ));
    check!(met >= MEETINGS, "they hardly ever met");
    cable_works(ctx, CABLE)
}
