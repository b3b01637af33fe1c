// SPDX-License-Identifier: GPL-2.0

//! The tests, one file per subject. Numbers in names are rules: `Documentation/behaviour.rst`.

mod blocking;
mod client;
mod comparator;
mod compat;
pub(crate) mod controls;
mod data;
mod drain;
mod errors;
mod events;
mod faults;
mod flow;
mod follower;
mod format;
mod geometry;
mod gone;
mod hostile;
mod limits;
mod linked;
mod motion;
mod names;
mod notify;
mod pages;
mod pause;
mod peer;
pub(crate) mod power;
mod probe;
mod proc;
mod races;
mod regressions;
mod rewind;
mod secrets;
mod soak;
mod source;
mod stalls;
mod stamps;
mod ticks;
mod timers;
mod timing;
mod triggers;
mod unwoken;
mod wakeups;

use crate::cable::Cable;
use crate::cable::Session;
use crate::config::Access;
use crate::config::Config;
use crate::ktap::unless_stalled;
use crate::ktap::Context;
use crate::ktap::Outcome;
use crate::ktap::Test;
use crate::signal;
use crate::signal::Expect;

/// All tests, in the order in which they run.
pub fn all() -> Vec<Test> {
    [
        comparator::tests(),
        names::tests(),
        limits::tests(),
        data::tests(),
        geometry::tests(),
        pages::tests(),
        flow::tests(),
        rewind::tests(),
        pause::tests(),
        drain::tests(),
        linked::tests(),
        format::tests(),
        controls::tests(),
        events::tests(),
        notify::tests(),
        proc::tests(),
        source::tests(),
        ticks::tests(),
        client::tests(),
        stamps::tests(),
        triggers::tests(),
        wakeups::tests(),
        unwoken::tests(),
        timers::tests(),
        compat::tests(),
        timing::tests(),
        blocking::tests(),
        motion::tests(),
        follower::tests(),
        stalls::tests(),
        errors::tests(),
        secrets::tests(),
        hostile::tests(),
        power::tests(),
        gone::tests(),
        data::matrix(),
        races::tests(),
        regressions::tests(),
        probe::tests(),
        faults::tests(),
        peer::tests(),
        soak::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// S16_LE, stereo, 48 kHz, eight periods of 10 ms.
const USUAL: Config = Config {
    access: Access::RwInterleaved,
    format: signal::S16_LE,
    rate: 48000,
    channels: 2,
    period: 480,
    periods: 8,
};

/// As `USUAL`, with a ring of 320 ms: for tests that stop serving a stream for a while.
const LONG: Config = Config {
    periods: 32,
    ..USUAL
};

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 0,
};

/// A cable is in order: a short stream goes through it whole.
pub(crate) fn cable_works(ctx: &Context, cable: Cable) -> Outcome {
    unless_stalled(|| {
        let mut session = Session::open(ctx, cable, &LONG, LONG.signal(9600, 0xc0de))?;
        session.run()?;
        session.verify(Expect::Whole)
    })
}
