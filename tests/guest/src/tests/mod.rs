// SPDX-License-Identifier: GPL-2.0

//! The tests, one file per subject. Numbers in names are rules: `Documentation/behaviour.rst`.

mod blocking;
mod client;
mod comparator;
mod compat;
mod controls;
mod data;
mod drain;
mod errors;
mod events;
mod faults;
mod flow;
mod followed;
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
mod power;
mod probe;
mod proc;
mod races;
mod regressions;
mod rewind;
mod secrets;
mod slack;
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
mod who;

use support::cable::Cable;
use support::ktap::Outcome;
use support::ktap::Test;

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
        who::tests(),
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
        followed::tests(),
        slack::tests(),
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

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 0,
};
