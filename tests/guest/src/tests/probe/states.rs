// SPDX-License-Identifier: GPL-2.0

//! Every call in every state of a stream, beside each kind of peer.

use std::time::Duration;

use support::cable::wait_for_position;
use support::cable::Cable;
use support::check_eq;
use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::DRAINING;
use support::config::LONG;
use support::config::OPEN;
use support::config::PAUSED;
use support::config::PREPARED;
use support::config::RUNNING;
use support::config::SETUP;
use support::config::SUSPENDED;
use support::config::XRUN;
use support::kernel as k;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::machine;
use support::pcm::Pcm;

use super::calls;
use super::calls::Call;
use super::test;
use super::Both;
use super::Comparison;
use super::Meant;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for state in [OPEN, SETUP, PREPARED, RUNNING, XRUN, DRAINING, PAUSED] {
        for dir in Dir::BOTH {
            tests.push(test(
                format!("16 every call on a {dir:?} in {}", state_name(state)),
                move |both| in_state(both, state, dir),
            ));
        }
    }
    tests.push(test(
        "16 every call on sides that are SUSPENDED".into(),
        suspended,
    ));
    tests.push(test(
        "16 every call on sides that are DISCONNECTED".into(),
        disconnected,
    ));
    tests
}

const CABLE: Cable = Cable {
    device: 0,
    subdevice: 3,
};

/// What the other side is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Closed,
    Open,
    Setup,
    Prepared,
    Running,
    /// Prepared at another rate, before the side itself is.
    OtherRate,
}

const PEERS: [Peer; 6] = [
    Peer::Closed,
    Peer::Open,
    Peer::Setup,
    Peer::Prepared,
    Peer::Running,
    Peer::OtherRate,
];

fn other(dir: Dir) -> Dir {
    match dir {
        Dir::Playback => Dir::Capture,
        Dir::Capture => Dir::Playback,
    }
}

/// Half a buffer, or for a capture some frames to read.
pub fn fill(pcm: &mut Pcm) -> Result<(), Fail> {
    let half = LONG.buffer() / 2;
    if pcm.dir == Dir::Playback {
        pcm.write(&pcm.config().silence(half), 0, half)?;
    }
    Ok(())
}

/// Brings a stream that is set up and prepared on to `state`.
pub fn advance(pcm: &mut Pcm, state: i32) -> Result<(), Fail> {
    if state == PREPARED {
        return Ok(());
    }
    pcm.start()?;
    wait_for_position(pcm, 480, Duration::from_secs(2))?;
    match state {
        XRUN => {
            // SAFETY: The request has no argument.
            unsafe { k::ioctl(pcm.fd(), "XRUN", k::XRUN, std::ptr::null_mut::<u8>())? };
        }
        PAUSED => pcm.pause(true)?,
        DRAINING => match pcm.drain() {
            Err(e) if e.code != libc::EAGAIN => return Err(e.into()),
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

/// A side in `state` beside a peer. The rates of `OtherRate` are all that ever differs.
fn bring(ctx: &Context, dir: Dir, state: i32, peer: Peer) -> Result<(Pcm, Option<Pcm>), Fail> {
    let mut side = Pcm::open(CABLE.side(ctx, dir))?;
    if state != OPEN {
        side.setup(&LONG)?;
    }
    let mut beside = match peer {
        Peer::Closed => None,
        _ => Some(Pcm::open(CABLE.side(ctx, other(dir)))?),
    };
    if let Some(beside) = &mut beside {
        match peer {
            Peer::Closed | Peer::Open => {}
            Peer::Setup => beside.setup(&LONG)?,
            Peer::Prepared => beside.configure(&LONG)?,
            Peer::Running => {
                beside.configure(&LONG)?;
                fill(beside)?;
                beside.sw_params(u64::MAX)?;
                beside.start()?;
            }
            Peer::OtherRate => beside.configure(&Config {
                rate: 44100,
                ..LONG
            })?,
        }
    }
    if state != OPEN && state != SETUP {
        side.prepare()?;
        fill(&mut side)?;
        advance(&mut side, state)?;
    }
    Ok((side, beside))
}

/// Whether the state can be had: a capture does not start beside a playback of another rate.
fn possible(dir: Dir, state: i32, peer: Peer) -> bool {
    peer != Peer::OtherRate || dir == Dir::Playback || [OPEN, SETUP, PREPARED].contains(&state)
}

const NONE: &[Meant] = &[];

/// A side that is prepared does not limit itself.
const OF_PREPARED: &[Meant] = &[
    Meant(
        "4.5",
        "HW_PARAMS, another rate, peer *",
        "EINVAL, then OPEN",
        "ok 0, then SETUP",
        "a side never limits itself",
    ),
    Meant(
        "4.5",
        "HW_PARAMS, other channels, peer *",
        "EINVAL, then OPEN",
        "ok 0, then SETUP",
        "a side never limits itself",
    ),
];

fn meant(state: i32) -> &'static [Meant] {
    match state {
        PREPARED => OF_PREPARED,
        _ => NONE,
    }
}

fn in_state(both: &Both, state: i32, dir: Dir) -> Outcome {
    let mut comparison = Comparison::new(meant(state));
    for peer in PEERS {
        if !possible(dir, state, peer) {
            continue;
        }
        for call in calls::all() {
            let [c, ours] = both.each(|ctx| {
                let (pcm, _peer) = bring(ctx, dir, state, peer)
                    .map_err(|e| Fail::Wrong(format!("{}, peer {peer:?}: {e:?}", ctx.card)))?;
                check_eq!(
                    format!("state of {} beside {peer:?}", ctx.card),
                    state_name(pcm.state()?),
                    state_name(state)
                );
                Ok(call.answer(&pcm))
            })?;
            comparison.entry(&format!("{}, peer {peer:?}", call.name), &c, &ours);
        }
    }
    comparison.verdict()
}

/// Both sides of sixteen cables, all running.
fn running(ctx: &Context) -> Result<Vec<Pcm>, Fail> {
    let mut sides = Vec::new();
    for number in 0..16 {
        let cable = Cable {
            device: number / 8,
            subdevice: number % 8,
        };
        let (mut play, mut rec) = cable.open(ctx, &LONG, &LONG)?;
        fill(&mut play)?;
        for pcm in [&mut rec, &mut play] {
            pcm.sw_params(u64::MAX)?;
            pcm.start()?;
        }
        sides.extend([play, rec]);
    }
    Ok(sides)
}

fn answers(calls: &[Call], sides: &[Pcm]) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for (call, sides) in calls.iter().zip(sides.chunks(2)) {
        for pcm in sides {
            answers.push((format!("{}, {:?}", call.name, pcm.dir), call.answer(pcm)));
        }
    }
    answers
}

fn compare_all(comparison: &mut Comparison, [c, ours]: [Vec<(String, String)>; 2]) {
    for ((name, c), (_, ours)) in c.iter().zip(&ours) {
        comparison.entry(name, c, ours);
    }
}

fn suspended(both: &Both) -> Outcome {
    let mut comparison = Comparison::new(NONE);
    for calls in calls::all().chunks(16) {
        let sides = both.each(running)?;
        machine::suspend()?;
        for pcm in sides.iter().flatten() {
            check_eq!("state", state_name(pcm.state()?), state_name(SUSPENDED));
        }
        let answers = sides.map(|sides| answers(calls, &sides));
        compare_all(&mut comparison, answers);
    }
    comparison.verdict()
}

fn disconnected(both: &Both) -> Outcome {
    let mut comparison = Comparison::new(NONE);
    for calls in calls::all().chunks(16) {
        let answers = both.each(|ctx| {
            let sides = running(ctx)?;
            let unbind = machine::Unbind::begin(ctx)?;
            let answers = answers(calls, &sides);
            drop(sides);
            unbind.end_and_bind(ctx)?;
            Ok(answers)
        })?;
        compare_all(&mut comparison, answers);
    }
    comparison.verdict()
}
