// SPDX-License-Identifier: GPL-2.0

//! Which results a call may have.

use libc::EAGAIN;
use libc::EALREADY;
use libc::EBADFD;
use libc::EBUSY;
use libc::EINVAL;
use libc::EIO;
use libc::ENODEV;
use libc::ENOENT;
use libc::ENOSYS;
use libc::ENXIO;
use libc::EPIPE;
use libc::ERANGE;
use libc::ESTRPIPE;

use support::config::Dir;

use super::kind::Kind;

/// The state of a stream, as far as its thread knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Closed,
    /// Open, without parameters.
    Fresh,
    Setup,
    Prepared,
    /// Unless it has run over or dry, or a playback of other parameters has stopped it.
    Running,
    Paused,
    /// Or it has ended by now.
    Draining,
    Xrun,
    Suspended,
    /// Anything: others act on it, or have acted.
    Unknown,
}

/// What is known about a call.
pub struct Facts {
    pub model: Model,
    pub dir: Dir,
    /// The card has gone since the stream was opened, or may have.
    pub gone: bool,
    /// The cable may run by a clock that does not tick, or does not fit.
    pub odd_clock: bool,
    /// The other side may have been prepared, for whatever.
    pub limited: bool,
    /// The buffer is mapped.
    pub mapped: bool,
    /// The playback has nothing in its buffer, and would stop for that.
    pub empty: bool,
    /// A processor stood still for so long that a wake-up may be late.
    pub stalled: bool,
    /// Somebody else may have the substream open.
    pub contended: bool,
}

/// Whether the result of a call is legitimate.
///
/// # Errors
///
/// Why it is not.
pub fn judge(kind: Kind, facts: &Facts, result: Result<(), i32>) -> Result<(), &'static str> {
    match result {
        Ok(()) if must_fail(kind, facts) => Err("has succeeded in a state in which it cannot"),
        Ok(()) => Ok(()),
        Err(ENODEV | ENOENT | ENXIO) if facts.gone => Ok(()),
        // What those say who were asleep when it went.
        Err(EBADFD | EIO) if facts.gone => Ok(()),
        Err(code) if may_fail(kind, facts, code) => Ok(()),
        Err(_) => Err("has an error that it cannot have there"),
    }
}

fn must_fail(kind: Kind, facts: &Facts) -> bool {
    use Kind::*;
    use Model::*;
    match (facts.model, kind) {
        (
            Fresh,
            Prepare | Start | Write | WriteWaiting | Read | ReadWaiting | Drop | Drain
            | DrainWaiting | HwFree | Pause | Release | Delay | Hwsync | Resume | ChannelInfo,
        ) => true,
        (
            Setup,
            Start | Write | WriteWaiting | MmapWrite | Read | ReadWaiting | MmapRead | Pause
            | Release | Rewind | Forward | Delay | Hwsync | Resume,
        ) => true,
        (Prepared, Pause | Release | Resume) => true,
        (Prepared, Start) => facts.dir == Dir::Playback && facts.empty,
        (Running, Start | HwParams | HwFree | Release | Resume) => true,
        (Paused, Start | Pause | HwParams | HwFree | Resume) => true,
        (Suspended, Start | Pause | Release | HwParams | HwFree) => true,
        (Fresh | Setup | Prepared, HwParams) => facts.mapped,
        _ => false,
    }
}

fn may_fail(kind: Kind, facts: &Facts, code: i32) -> bool {
    use Kind::*;
    use Model::*;
    if must_fail(kind, facts) && code == EBADFD {
        return true;
    }
    // Without parameters, a stream cannot do such things at all.
    if code == ENOSYS && facts.model == Fresh {
        return matches!(kind, Pause | Release | Resume);
    }
    let capture = facts.dir == Dir::Capture;
    // A capture that a playback of other parameters makes impossible.
    let refused = capture && facts.limited;
    let timer = facts.odd_clock && matches!(code, EINVAL | EBUSY | ENODEV | EIO | EAGAIN);
    match (kind, facts.model) {
        (Open, _) => {
            code == EBUSY && facts.contended
                || facts.odd_clock && matches!(code, EINVAL | ERANGE | ENODEV | EBUSY | ENOENT)
        }
        (OpenWaiting, _) => {
            facts.odd_clock && matches!(code, EINVAL | ERANGE | ENODEV | EBUSY | ENOENT)
        }
        (Refine, _) => code == EINVAL && (facts.limited || facts.odd_clock),
        (HwParams, Unknown | Draining) => {
            matches!(code, EBADFD | EBUSY) || code == EINVAL && facts.limited
        }
        (HwParams, _) => code == EINVAL && facts.limited || code == EBADFD && facts.model == Xrun,
        (HwFree, Unknown | Draining | Xrun) => matches!(code, EBADFD | EBUSY),
        (HwFree, _) => code == EBADFD && facts.mapped,
        (SwParams, model) => {
            code == EBADFD && matches!(model, Fresh | Unknown)
                || code == EPIPE && !matches!(model, Fresh | Setup | Prepared)
        }
        (Map, _) => false,
        (Prepare, Running | Draining) => code == EBUSY,
        (Prepare, Unknown) => matches!(code, EBUSY | EBADFD | ESTRPIPE),
        (Prepare, _) => false,
        (Start, Prepared) => {
            code == EPIPE && !capture && facts.empty || code == EIO && refused || timer
        }
        (Start, _) => matches!(code, EBADFD | EPIPE) || code == EIO || timer,
        (Pause, _) => matches!(code, EBADFD | EPIPE) || timer,
        (Release | Resume, Paused | Suspended) => code == EIO && refused || timer,
        (Release | Resume, _) => matches!(code, EBADFD | EPIPE) || code == EIO || timer,
        (Write | WriteWaiting | MmapWrite | Read | ReadWaiting | MmapRead, model) => match code {
            EIO => {
                refused && model == Prepared || facts.odd_clock || facts.stalled || model == Unknown
            }
            EPIPE => !matches!(model, Prepared | Paused | Setup),
            EBADFD => capture && model == Running || matches!(model, Draining | Unknown | Xrun),
            ESTRPIPE => matches!(model, Suspended | Unknown),
            EINVAL => timer,
            _ => false,
        },
        (Rewind | Forward | Delay | Hwsync | SyncPtr | Pages, model) => match code {
            EPIPE => !matches!(model, Prepared | Paused | Setup | Fresh),
            EBADFD => {
                capture && model == Running
                    || matches!(model, Fresh | Setup | Draining | Unknown | Xrun)
            }
            ESTRPIPE => matches!(model, Suspended | Unknown),
            _ => false,
        },
        (Drain | DrainWaiting, model) => match code {
            EIO => facts.odd_clock || facts.stalled || model == Unknown,
            EPIPE | ESTRPIPE => model == Unknown,
            EBADFD => matches!(model, Suspended | Unknown),
            _ => timer,
        },
        (Drop, Unknown) => code == EBADFD,
        (Link, _) => matches!(code, EALREADY | EBADFD),
        (Unlink, _) => code == EALREADY,
        (ChannelInfo, Unknown) => code == EBADFD,
        _ => false,
    }
}
