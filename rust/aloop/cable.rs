// SPDX-License-Identifier: GPL-2.0

//! A cable: what one playback and one capture substream share.
//!
//! # The engine
//!
//! Both sides read one [`Clock`](crate::clock::Clock). Whenever somebody wants to know or to change
//! something (the period timer of a stream, a question for its position, a trigger, a control),
//! [`Locked::update`] moves the cable to the present: so many frames have elapsed, and exactly so
//! many are copied from the buffer of the playback to that of the capture, and counted at both
//! sides. Each frame is moved once, by whoever comes first; how often anybody comes makes no
//! difference to the result.
//!
//! | question | file |
//! |---|---|
//! | what is there, and who may do what with it? | `state`: [`State`], and [`Locked`] at a moment |
//! | what is a stream, and what survives PREPARE? | `side`; its parameters: `setup` |
//! | where is the copy? | `flow` |
//! | what starts and stops streams? | `trigger` |
//! | what does the core know of a position? | `told`, `position` |
//! | where does a period end, and when is its timer due? | `periods`, `wakeup`, `expiry` |
//! | what is known of the application? | `application` |
//! | who waits for whom, and who ends with whom? | `peer`, `ending`; if that is chosen: `habits` |
//! | what do the controls tell of a playback? | `slave` |
//! | what makes time go on, and what if a sound timer ticks? | `time`, `tick`, `pace` |
//!
//! # Locks
//!
//! The state of a cable has one lock, that of its [`Shared`](alsa::pcm::Shared).
//! `Documentation/architecture.rst` says which locks are taken outside and inside of it ("Locks").
//!
//! Nothing that takes a stream lock is called under the cable's lock, and the lock of one side's
//! stream is never taken to do something about the other side: a capture that a playback has made
//! impossible (see [`Locked::start`]) is *evicted*. The engine lets go of it at once, and its own
//! timer, made to expire at once, which can take its stream lock, stops it.

mod application;
mod ending;
mod expiry;
mod flow;
mod habits;
mod pace;
mod peer;
mod periods;
mod position;
mod setup;
mod side;
mod slave;
mod state;
mod tick;
mod time;
mod told;
mod trigger;
mod wakeup;

pub(crate) use self::{
    habits::Habits,
    setup::Setup,
    side::{
        Activity,
        Incidents,
        Side, //
    },
    slave::Changes,
    state::{
        Cable,
        Locked,
        State, //
    },
    tick::Mismatch,
    time::{
        TickSource,
        TimerInfo, //
    },
};
