// SPDX-License-Identifier: GPL-2.0

//! When the period timers of a cable expire, and what they do then.
//!
//! A timer is armed for the next thing that has to happen at a certain time, and for nothing else:
//!
//! - the end of the present period, if the application wants to be told of it, or a little later
//!   (see [`End::period_wakeup`]);
//! - otherwise, the last frame of a drain: somebody waits for that;
//! - the end of a capture that ends with its player;
//! - for a capture whose ring is being filled, the time at which [`PIECE`] bytes have to be copied
//!   or silenced. So that, which happens with interrupts off, does not take as long as a period
//!   may.
//!
//! What nobody has asked for in the meantime is made up for at the next call, however late.

use super::{
    engine::written,
    peer::look_later,
    port,
    Activity,
    End,
    Setup,
    State,
    Time,
    PLAYBACK, //
};
use crate::ring::left_to_read;
use alsa::{
    pcm::{
        self,
        Direction,
        Port,
        PortTable, //
    },
    time::{
        thread_switches,
        Ktime, //
    },
};
use core::cmp::{
    max,
    min, //
};
use kernel::cpu::CpuId;

/// How many bytes there may be to copy or to silence before a timer is due, as long as timers are
/// on time.
const PIECE: u64 = 256 * 1024;

/// The least time from one call of a period timer to the next, in nanoseconds.
///
/// A period can be as short as a microsecond. Timers must not fill a processor with interrupts: at
/// periods shorter than this, several end at each.
const MIN_INTERVAL: u64 = 50_000;

/// What a period timer was last armed for.
#[derive(Clone, Copy)]
pub(super) struct Armed {
    /// The time, in nanoseconds.
    at: u64,
    /// The processor that will be interrupted.
    cpu: u32,
}

impl Armed {
    /// Nothing.
    pub(super) const NEVER: Self = Self { at: 0, cpu: 0 };
}

impl State {
    /// Arms the period timer of an end, if it runs and there is something to wait for; but not for
    /// before `earliest`.
    pub(super) fn arm(&mut self, direction: Direction, ports: &PortTable<'_, 2>, earliest: Ktime) {
        let (Time::Clock(clock), Some(own)) = (&self.time, ports.get(port(direction))) else {
            return;
        };
        let Some(ahead) = self.next_event(direction, &own) else {
            return;
        };
        let earliest = max(earliest.as_nanos(), self.end(direction).duty.until());
        let at = max(clock.time_of(ahead), earliest);
        let cpu = self.end_mut(direction).arm_at(&own, at);

        // Two timers that are due at the same time cost one interrupt, if it is that of one
        // processor.
        let opposite = direction.opposite();
        let other = self.end_mut(opposite);
        if other.is_running() && other.armed.at == at && other.armed.cpu != cpu {
            if let Some(port) = ports.get(port(opposite)) {
                port.arm_timer(Ktime::from_nanos(at));
                other.armed.cpu = cpu;
            }
        }
    }

    /// In how many frames something has to be done for an end, if ever. `own` is its port.
    fn next_event(&self, direction: Direction, own: &Port<'_>) -> Option<u64> {
        let end = self.end(direction);
        let setup = end.setup.as_ref().filter(|_| end.is_running())?;
        let mut next = u64::MAX;
        if setup.params.period_wakeups {
            next = end
                .deferred
                .unwrap_or(end.period_end)
                .saturating_sub(end.position);
        } else if direction == Direction::Playback && own.state() != pcm::State::Running {
            // In a drain. A stream that does not run yet is just being started or resumed, maybe in
            // one.
            next = written(own, end, setup);
        }
        if direction == Direction::Capture {
            if self.has_much_to_fill(setup) {
                next = min(
                    next,
                    PIECE.checked_div(setup.frame_bytes()).unwrap_or(PIECE),
                );
            }
            if let Some(last) = end.end {
                next = min(next, last.saturating_sub(end.position));
            }
        }
        (next < u64::MAX).then_some(next)
    }

    /// Whether the ring of the capture is large, and being filled with sound or silence.
    fn has_much_to_fill(&self, setup: &Setup) -> bool {
        let ring = setup.geometry.frames();
        let position = self.capture.position;
        setup.bytes() as u64 > PIECE
            && (self.playback.is_running() || self.silence.to_clear(ring, position, u64::MAX) > 0)
    }

    /// The application has written all that there will be: its end is waited for.
    pub(crate) fn drain(&mut self, direction: Direction, ports: &PortTable<'_, 2>, now: Ktime) {
        if direction == Direction::Capture {
            // Its application reads what is there.
            return;
        }
        self.update(ports, now);
        self.playback.deferred = None;
        self.arm(Direction::Playback, ports, now);
        if let (Activity::Waiting, Some(own)) = (self.playback.activity, ports.get(PLAYBACK)) {
            look_later(&own, now);
        }
    }

    /// The application has written or read frames, or gone back on it.
    pub(crate) fn acknowledge(&mut self, direction: Direction, ports: &PortTable<'_, 2>) {
        let by_clock = matches!(self.time, Time::Clock(_));
        let end = self.end_mut(direction);
        let (true, Some(own)) = (by_clock && end.is_running(), ports.get(port(direction))) else {
            return;
        };
        if !end.has_period_wakeups() {
            return;
        }
        let deferred = end.deferral(direction, &own);
        if deferred != end.deferred {
            end.deferred = deferred;
            let expired_at = Ktime::from_nanos(end.expired_at);
            self.arm(direction, ports, soon(expired_at));
        }
    }

    /// The period timer of an end has expired: has one of its periods ended?
    pub(crate) fn period_timer(
        &mut self,
        direction: Direction,
        ports: &PortTable<'_, 2>,
        now: Ktime,
    ) -> pcm::Action {
        if self.end_mut(direction).expired(now) {
            return pcm::Action::None;
        }
        self.update(ports, now);
        let own = ports.get(port(direction));
        let end = self.end_mut(direction);
        match end.activity {
            Activity::Running if end.is_held(now) => pcm::Action::None,
            Activity::Running if end.has_played_out(own.as_ref()) => {
                end.played_out = true;
                pcm::Action::PeriodElapsed
            }
            Activity::Running => self.elapsed(direction, own),
            Activity::Waiting if own.is_some_and(|own| own.state() == pcm::State::Draining) => {
                pcm::Action::KeepDraining
            }
            Activity::Evicted => pcm::Action::Stop(pcm::StopState::Draining),
            Activity::OutOfStep => pcm::Action::Stop(pcm::StopState::Xrun),
            Activity::Stopped | Activity::Paused | Activity::Waiting => pcm::Action::None,
        }
    }

    /// What [`State::period_timer`] has asked for has been done: arms the timer anew.
    pub(crate) fn rearm(&mut self, direction: Direction, ports: &PortTable<'_, 2>) {
        let end = self.end_mut(direction);
        let expired_at = Ktime::from_nanos(end.expired_at);
        if end.is_put_off() {
            if let Some(own) = ports.get(port(direction)) {
                end.arm_at(&own, end.duty.until());
            }
            return;
        }
        // Also if the callback has stopped the stream, and with it left the port.
        end.rest(Ktime::now());
        let Some(own) = ports.get(port(direction)) else {
            return;
        };
        match end.activity {
            Activity::Running => {
                if let Some(held) = end.held.filter(|_| end.is_held(expired_at)) {
                    own.arm_timer(Ktime::from_nanos(held.until));
                } else if end.played_out && end.is_behind() {
                    own.arm_timer(max(soon(expired_at), Ktime::from_nanos(end.duty.until())));
                } else if end.is_over() {
                    look_later(&own, expired_at);
                } else {
                    self.arm(direction, ports, soon(expired_at));
                }
            }
            // One that is prepared is just being started, maybe by a drain.
            Activity::Waiting
                if direction == Direction::Playback && own.state() != pcm::State::Running =>
            {
                look_later(&own, expired_at);
            }
            _ => {}
        }
    }

    /// What the core has to do about an end that runs, at its present position.
    fn elapsed(&mut self, direction: Direction, own: Option<Port<'_>>) -> pcm::Action {
        let by_ticks = matches!(self.time, Time::Ticks);
        let end = self.end_mut(direction);
        let Some(own) = own else {
            return pcm::Action::None;
        };
        if end.is_over() {
            return end.look_for_reader(&own);
        }
        if end.has_period_wakeups() {
            // A tick is the end of a period: there is nothing in between to wait for.
            return match by_ticks {
                false => end.period_wakeup(direction, &own),
                true if end.next_period() => pcm::Action::PeriodElapsed,
                true => pcm::Action::None,
            };
        }
        let left = end.setup.as_ref().map(|setup| written(&own, end, setup));
        if own.state() != pcm::State::Draining || left != Some(0) {
            return pcm::Action::None;
        }
        // The core then asks for the position and finds the stream drained.
        end.played_out = true;
        pcm::Action::PeriodElapsed
    }

    /// Lets the period timers of the ends that run expire at once.
    pub(super) fn expire_timers(&self, ports: &PortTable<'_, 2>) {
        for direction in [Direction::Playback, Direction::Capture] {
            if let (true, Some(port)) =
                (self.end(direction).is_running(), ports.get(port(direction)))
            {
                port.expire_timer_now();
            }
        }
    }
}

/// Lets the core ask once more for the position of a stream that has played out.
///
/// At once: somebody waits for the end of the drain. But of a ring shorter than [`MIN_INTERVAL`],
/// as much time may go by with a step as the step leads on, and an application that moves its
/// pointer along could have that go on for ever.
pub(super) fn take_next_step(own: &Port<'_>, setup: &Setup, now: Ktime) {
    if setup.ring_lasts() >= MIN_INTERVAL {
        own.expire_timer_now();
    } else {
        own.arm_timer(soon(now));
    }
}

/// The earliest time at which a period timer may be called again.
pub(super) fn soon(now: Ktime) -> Ktime {
    Ktime::from_nanos(now.as_nanos().saturating_add(MIN_INTERVAL))
}

impl End {
    /// Arms its timer. Returns which processor that will interrupt. `own` is the end's port.
    fn arm_at(&mut self, own: &Port<'_>, at: u64) -> u32 {
        let cpu = CpuId::current().as_u32();
        own.arm_timer(Ktime::from_nanos(at));
        self.armed = Armed { at, cpu };
        if let Some(member) = &self.member {
            self.duty.armed(at, member);
        }
        cpu
    }

    /// Its timer has expired. Returns whether the callback is put off: it is others' turn.
    fn expired(&mut self, now: Ktime) -> bool {
        self.expired_at = now.as_nanos();
        self.switches = switches();
        if let Some(member) = self.member.as_ref().filter(|_| self.is_running()) {
            self.duty.expired(self.expired_at, member);
        }
        self.is_put_off()
    }

    /// Whether the callback of its timer, which has last expired, is put off.
    fn is_put_off(&self) -> bool {
        self.is_running() && self.duty.is_put_off(self.expired_at)
    }

    /// The callback of its timer ends: it rests.
    fn rest(&mut self, ended: Ktime) {
        let Some(member) = self.member.as_ref().filter(|_| self.expired_at > 0) else {
            return;
        };
        // On PREEMPT_RT it is a thread's work, and whom it has woken may have run at once.
        let is_known = self.switches == switches();
        let ended = ended.as_nanos();
        let length = is_known.then(|| ended.saturating_sub(self.expired_at));
        self.duty.rest(length, ended, member);
    }

    /// Whether the core is to be told now that a period has ended. `own` is the end's port.
    ///
    /// It is told at the end of the period; but if the application then has to wait for a few
    /// frames more, when those are there. An application that takes all there is at each wake-up
    /// gets a frame or two of the next period, if only because it takes time. At the end of that it
    /// lacks as many, the core wakes nobody, and it would wait for another period.
    ///
    /// What it has taken is mostly known before ([`State::acknowledge`]), and the timer armed for
    /// the right time. An application that moves its pointer in mapped memory, or waits in a read
    /// or write, says nothing.
    fn period_wakeup(&mut self, direction: Direction, own: &Port<'_>) -> pcm::Action {
        let before = self.deferred;
        if before.unwrap_or(self.period_end) > self.position {
            return pcm::Action::None;
        }
        if before.is_none() {
            self.deferred = self.deferral(direction, own);
            self.next_period();
            if self.deferred.is_some() {
                return pcm::Action::None;
            }
        }
        self.deferred = None;
        self.next_period();
        pcm::Action::PeriodElapsed
    }

    /// The position at which the application has what it waits for, if that comes after the end of
    /// the period, but before that of the next.
    fn deferral(&self, direction: Direction, own: &Port<'_>) -> Option<u64> {
        let setup = self.setup.as_ref()?;
        let wanted = own.wakeup_frames();
        if wanted == 0 || own.state() != pcm::State::Running {
            return None;
        }
        let available = match direction {
            Direction::Playback => {
                u64::from(setup.params.buffer_size).saturating_sub(written(own, self, setup))
            }
            Direction::Capture => {
                let pointers = own.pointers();
                left_to_read(
                    pointers.hw_ptr,
                    pointers.appl_ptr,
                    pointers.boundary,
                    setup.params.buffer_size,
                    self.position,
                )
            }
        };
        let end = max(self.period_end, self.position);
        let by_then = available.saturating_add(end.saturating_sub(self.position));
        let missing = wanted.saturating_sub(by_then);
        (0 < missing && missing < setup.params.period_size.into())
            .then(|| end.saturating_add(missing))
    }
}

/// How often the thread that calls back has made way for another. There is one on `PREEMPT_RT`
/// only: an interrupt makes way for nobody.
fn switches() -> usize {
    if cfg!(CONFIG_PREEMPT_RT) {
        thread_switches()
    } else {
        0
    }
}
