// SPDX-License-Identifier: GPL-2.0

//! Plays into cables and records from them at the same time, in one thread.

use std::time::Duration;
use std::time::Instant;

use crate::check_eq;
use crate::config::state_name;
use crate::config::Address;
use crate::config::Config;
use crate::config::Dir;
use crate::config::LONG;
use crate::config::XRUN;
use crate::kernel::is_realtime;
use crate::kernel::now_ns;
use crate::kernel::Errno;
use crate::ktap::unless_stalled;
use crate::ktap::Context;
use crate::ktap::Fail;
use crate::ktap::Outcome;
use crate::pcm::poll;
use crate::pcm::Pcm;
use crate::signal::compare;
use crate::signal::Audio;
use crate::signal::Expect;

/// One of the card's cables: from the playback side of `device` to the capture side of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable {
    pub device: u32,
    pub subdevice: u32,
}

impl Cable {
    pub fn playback(self, ctx: &Context) -> Result<Pcm, Errno> {
        Pcm::open(self.side(ctx, Dir::Playback))
    }

    pub fn capture(self, ctx: &Context) -> Result<Pcm, Errno> {
        Pcm::open(self.side(ctx, Dir::Capture))
    }

    pub fn side(self, ctx: &Context, dir: Dir) -> Address {
        Address {
            card: ctx.index,
            device: match dir {
                Dir::Playback => self.device,
                Dir::Capture => self.device ^ 1,
            },
            subdevice: self.subdevice,
            dir,
        }
    }

    /// Opens and prepares both sides.
    pub fn open(self, ctx: &Context, play: &Config, rec: &Config) -> Result<(Pcm, Pcm), Errno> {
        let (mut p, mut r) = (self.playback(ctx)?, self.capture(ctx)?);
        p.configure(play)?;
        r.configure(rec)?;
        Ok((p, r))
    }
}

/// When the playback stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It goes on with silence until the recording is complete.
    Silence,
    /// It drains after the last source frame.
    Drain,
    /// It writes nothing more, and the stream runs dry.
    Underrun,
}

/// A source on its way through a cable.
pub struct Session {
    pub play: Pcm,
    pub rec: Pcm,
    pub source: Audio,
    pub recorded: Audio,
    /// Frames to record before the playback starts.
    pub lead: usize,
    /// Frames to record after the last source frame.
    pub tail: usize,
    pub end: End,
    silence: Audio,
    written: usize,
    sound_at: Option<usize>,
    playing: bool,
    ended: bool,
    served: i64,
    longest_gap: i64,
}

impl Session {
    /// Both sides must be prepared. Records one period before the playback starts and one buffer
    /// after it ends, unless `lead` and `tail` are changed.
    pub fn new(play: Pcm, rec: Pcm, source: Audio) -> Self {
        let (p, r) = (*play.config(), *rec.config());
        Session {
            recorded: r.nothing(),
            lead: r.period as usize,
            tail: p.buffer().max(r.buffer()),
            end: End::Silence,
            silence: p.silence(p.buffer()),
            written: 0,
            sound_at: None,
            playing: false,
            ended: false,
            served: 0,
            longest_gap: 0,
            play,
            rec,
            source,
        }
    }

    /// Opens `cable` with the same parameters at both sides.
    pub fn open(ctx: &Context, cable: Cable, cfg: &Config, source: Audio) -> Result<Self, Fail> {
        let (play, rec) = cable.open(ctx, cfg, cfg)?;
        Ok(Self::new(play, rec, source))
    }

    fn shortest_buffer(&self) -> i64 {
        self.play
            .config()
            .buffer_ns()
            .min(self.rec.config().buffer_ns())
    }

    fn longest_period(&self) -> i64 {
        let (p, r) = (self.play.config(), self.rec.config());
        p.period_ns().max(r.period_ns())
    }

    /// Fills the playback buffer, starts the recording, and the playback if nothing is to be
    /// recorded before it.
    pub fn begin(&mut self) -> Result<(), Fail> {
        self.feed()?;
        // Before the START: it may take a while until this program runs on after it.
        self.served = now_ns();
        self.rec.start()?;
        if self.lead == 0 {
            self.start_playback()?;
        }
        Ok(())
    }

    /// The capture side runs already, for example because it was linked and started.
    pub fn begin_running(&mut self) {
        self.served = now_ns();
        self.playing = true;
    }

    pub fn start_playback(&mut self) -> Result<(), Fail> {
        self.play.start()?;
        self.playing = true;
        Ok(())
    }

    /// The first `frames` frames of the source have been written by other means.
    pub fn skip_writing(&mut self, frames: usize) {
        self.written = frames;
    }

    /// Writes what fits.
    pub fn feed(&mut self) -> Result<(), Fail> {
        // One call each: an exact position moves on meanwhile, and there would be no end to it.
        let left = self.source.len() - self.written;
        self.written += self.play.write(&self.source, self.written, left)?;
        if self.written < self.source.len() {
            return Ok(());
        }
        match self.end {
            End::Silence => {
                self.play.write(&self.silence, 0, self.silence.len())?;
            }
            End::Drain if self.playing && !self.ended => {
                self.ended = true;
                match self.play.drain() {
                    Err(e) if e.code != libc::EAGAIN => return Err(e.into()),
                    _ => {}
                }
            }
            End::Drain | End::Underrun => {}
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), Fail> {
        let buffer = self.rec.config().buffer();
        let had = self.recorded.len();
        self.rec.read(&mut self.recorded, buffer)?;
        if self.sound_at.is_none() {
            self.sound_at = self.recorded.first_sound(had);
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.sound_at
            .is_some_and(|at| self.recorded.len() >= at + self.source.len() + self.tail)
    }

    /// Moves what can be moved now.
    pub fn serve(&mut self) -> Result<(), Fail> {
        let before = std::mem::replace(&mut self.served, now_ns());
        let result = self.collect().and_then(|()| {
            if !self.playing && self.recorded.len() >= self.lead {
                self.start_playback()?;
            }
            let dry = self.end == End::Underrun && self.written == self.source.len();
            if dry || self.ended {
                return Ok(());
            }
            self.feed()
        });
        // From before the last transfers to after these: never less than what lay between them.
        let gap = now_ns() - before;
        self.longest_gap = self.longest_gap.max(gap);
        // A stream that was lapped while the guest stood still may be stopped a little later.
        result.map_err(|e| self.explain(e, self.longest_gap))
    }

    /// For so long without service, a buffer runs over or dry, whatever the driver does.
    fn is_stall(&self, gap: i64) -> bool {
        gap > self.shortest_buffer() / 10 * 9
    }

    /// Tells a stream that stopped because this program was not run in time from other failures.
    fn explain(&self, e: Fail, gap: i64) -> Fail {
        let Fail::Wrong(text) = e else { return e };
        let which = |pcm: &Pcm| pcm.state() == Ok(XRUN);
        let end = match (which(&self.play), which(&self.rec)) {
            (true, _) => "underrun of the playback",
            (_, true) => "overrun of the capture",
            _ => return Fail::Wrong(text),
        };
        let ms = |ns: i64| ns as f64 / 1e6;
        let text = format!(
            "{end} ({text}) after {:.1} ms without service, buffer {:.1} ms, {} frames recorded",
            ms(gap),
            ms(self.shortest_buffer()),
            self.recorded.len()
        );
        if self.is_stall(gap) {
            Fail::Stalled(text)
        } else {
            Fail::Wrong(text)
        }
    }

    /// Runs this session alone to its end.
    pub fn run(&mut self) -> Result<(), Fail> {
        run(std::slice::from_mut(self))
    }

    /// Compares what was recorded with the source.
    pub fn verify(&self, expect: Expect) -> Result<(), Fail> {
        match compare(&self.source, &self.recorded, expect) {
            Ok(_) => Ok(()),
            // The core does not notice when a buffer is lapped while the whole machine stands
            // still.
            Err(why) if self.is_stall(self.longest_gap) => Err(Fail::Stalled(format!(
                "{why}; {:.1} ms without service, buffer {:.1} ms",
                self.longest_gap as f64 / 1e6,
                self.shortest_buffer() as f64 / 1e6
            ))),
            Err(why) => Err(Fail::Wrong(why)),
        }
    }
}

/// Starts all sessions and serves them until each recording is complete.
pub fn run(sessions: &mut [Session]) -> Result<(), Fail> {
    for s in sessions.iter_mut() {
        s.begin()?;
    }
    serve_all(sessions)
}

/// Serves running sessions until each recording is complete.
///
/// # Errors
///
/// Besides failed calls: no wake-up for two periods and 20 ms, or no end after five times the time
/// that the sessions should take.
pub fn serve_all(sessions: &mut [Session]) -> Result<(), Fail> {
    let length = |s: &Session| {
        let frames = s.source.len() + s.lead + s.tail + 2 * s.rec.config().buffer();
        frames as f64 / f64::from(s.rec.config().rate)
    };
    let expected = sessions.iter().map(length).fold(0.0, f64::max);
    let until = Instant::now() + Duration::from_secs_f64(5.0 * expected + 5.0);
    let patience = sessions
        .iter()
        .map(Session::longest_period)
        .max()
        .unwrap_or(0);
    let patience = (2 * patience / 1_000_000 + 20) as i32;
    loop {
        for s in sessions.iter_mut().filter(|s| !s.is_complete()) {
            s.serve()?;
        }
        let open: Vec<&Session> = sessions.iter().filter(|s| !s.is_complete()).collect();
        if open.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            let counts: Vec<usize> = open.iter().map(|s| s.recorded.len()).collect();
            return Err(Fail::Wrong(format!(
                "not finished after {:.1} s instead of {expected:.1} s; frames recorded: \
                 {counts:?}",
                5.0 * expected + 5.0
            )));
        }
        let mut fds: Vec<libc::pollfd> = open.iter().map(|s| s.rec.pollfd()).collect();
        fds.extend(
            open.iter()
                .filter(|s| s.playing && !s.ended && s.wants_to_write())
                .map(|s| s.play.pollfd()),
        );
        let begun = now_ns();
        if !poll(&mut fds, patience) {
            let waited = (now_ns() - begun) / 1_000_000;
            if waited < i64::from(patience) * 3 / 2 {
                return Err(Fail::Late(format!(
                    "no wake-up for {waited} ms, two periods and more"
                )));
            }
        }
    }
}

impl Session {
    fn wants_to_write(&self) -> bool {
        self.end == End::Silence || self.written < self.source.len()
    }
}

/// Records silence until `frames` frames have been taken or 10 s have passed.
pub fn record(rec: &mut Pcm, frames: usize) -> Result<Audio, Fail> {
    let mut audio = rec.config().nothing();
    let until = Instant::now() + Duration::from_secs(10);
    while audio.len() < frames {
        let left = frames - audio.len();
        if rec.read(&mut audio, left)? == 0 && rec.poll(2000).is_none() {
            return Err(Fail::Wrong("no wake-up of the capture for 2 s".into()));
        }
        if Instant::now() > until {
            return Err(Fail::Wrong(format!(
                "{} of {frames} frames recorded after 10 s",
                audio.len()
            )));
        }
    }
    Ok(audio)
}

/// Waits until the stream is in `state`, polling its descriptor.
pub fn wait_for_state(pcm: &Pcm, state: i32, limit: Duration) -> Result<(), Fail> {
    let until = Instant::now() + limit;
    loop {
        let now = pcm.state()?;
        if now == state {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Fail::Wrong(format!(
                "state {} after {:.1} s instead of {}",
                crate::config::state_name(now),
                limit.as_secs_f64(),
                crate::config::state_name(state)
            )));
        }
        // The state has no event of its own; a short wait lets the stream's timer run.
        poll(&mut [], 1);
    }
}

/// Checks the state into which the START of the other side has brought a stream, by the time that
/// it returns. On `PREEMPT_RT`, it is a thread that does so, soon.
pub fn state_by_peer(pcm: &Pcm, state: i32) -> Result<(), Fail> {
    if is_realtime()? {
        return wait_for_state(pcm, state, Duration::from_millis(100));
    }
    let (now, wanted) = (pcm.state()?, state);
    check_eq!(
        format!("state of the {:?}", pcm.dir),
        state_name(now),
        state_name(wanted)
    );
    Ok(())
}

/// Waits until the hardware position has reached `frame`.
pub fn wait_for_position(pcm: &Pcm, frame: u64, limit: Duration) -> Result<(), Fail> {
    let until = Instant::now() + limit;
    loop {
        let status = pcm.status()?;
        if status.hw_ptr >= frame {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Fail::Wrong(format!(
                "position {} instead of {frame} after {:.1} s, state {}",
                status.hw_ptr,
                limit.as_secs_f64(),
                crate::config::state_name(status.state)
            )));
        }
        poll(&mut [], 1);
    }
}

/// A cable is in order: a short stream goes through it whole.
pub fn cable_works(ctx: &Context, cable: Cable) -> Outcome {
    unless_stalled(|| {
        let mut session = Session::open(ctx, cable, &LONG, LONG.signal(9600, 0xc0de))?;
        session.run()?;
        session.verify(Expect::Whole)
    })
}
