// SPDX-License-Identifier: GPL-2.0

//! Wake-ups, and audio that flows from one side to the other.

use std::collections::VecDeque;

use support::config::Config;
use support::config::Dir;
use support::kernel::now_ns;
use support::kernel::Errno;
use support::pcm::poll;

use crate::row::measured;
use crate::row::Card;
use crate::row::Failed;
use crate::row::Plan;
use crate::row::Row;
use crate::stream::usual;
use crate::stream::Stream;
use crate::stream::Wish;
use crate::work::Window;

/// How late a capture is woken, and how many periods it gets each time.
///
/// The stream begins at its `trigger_tstamp`. The end of period *n* is due *n* * period / rate
/// later: that is compared with the time at which poll() returns. The capture is started first, so
/// that its own START sets the clock, and has a long buffer, so that late wake-ups are just late.
///
/// One reader takes whole periods. Another, which is greedy, takes every frame that is there. If
/// there is one more than the period has, the next period's end finds one too few, wakes nobody,
/// and the reader gets two periods together, by whatever driver: so it is with ALSA's `avail_min`.
pub fn wakeups(plan: &Plan, card: &Card) {
    let rows = plan.periods().into_iter().map(|period| (period, false));
    let greedy = [128, 480, 1024].map(|period| (period, true));
    for (period, greedy) in rows.chain(greedy) {
        if plan.ticks && greedy {
            continue;
        }
        let row = Row::new(if greedy { "greedy" } else { "wakeups" })
            .with("driver", &card.id)
            .with("period", period);
        measured(row, 120.0, |row| {
            let seconds = plan.seconds(10.0, 3.0, 0.5);
            let count = (seconds * 48000.0 / f64::from(period)).clamp(20.0, 5000.0) as usize;
            let periods = if plan.ticks {
                8
            } else {
                (8192 / period).clamp(4, 512)
            };
            let cfg = usual(period, periods);
            let rec = Stream::open(card, 0, Dir::Capture, cfg, Wish::default())?;
            let play = Stream::open(card, 0, Dir::Playback, cfg, Wish::default())?;
            let mut data = vec![0; cfg.buffer() * cfg.frame_bytes()];
            play.transfer(&mut data, cfg.buffer())?;
            rec.start()?;
            play.start()?;
            let begun = rec.trigger_ns()?;
            let (mut late, mut consumed, mut wakeups, mut early) = (Vec::new(), 0, 0, 0);
            let mut owed = 0;
            let window = Window::begin_ways()?;
            while late.len() < count {
                if !rec.wait(1000) {
                    return Err(Failed(format!("no wake-up for 1 s after {}", late.len())));
                }
                let now = now_ns();
                let due = (consumed + period as usize) as i64 * 1_000_000_000 / 48000;
                wakeups += 1;
                let wanted = if greedy {
                    cfg.buffer()
                } else {
                    rec.whole_periods()?
                };
                if wanted == 0 {
                    early += 1;
                    continue;
                }
                late.push(now - begun - due);
                let frames = rec.transfer(&mut data, wanted)?;
                consumed += frames;
                owed += frames;
                owed -= play.transfer(&mut data, owed.min(cfg.buffer()))?;
            }
            let row = window.end(row)?;
            let per_wakeup = consumed as f64 / f64::from(period) / f64::from(wakeups);
            plan.trace(
                &format!("wakeups-{period}-{}.tsv", card.id),
                late.iter().map(i64::to_string),
            )?;
            Ok(row
                .with("periods_per_wakeup", format!("{per_wakeup:.3}"))
                .with("early", early)
                .with_spread("late", &mut late))
        });
    }
}

/// A playback and a capture, served by one program. Each frame of four bytes is its own number.
struct Session {
    rec: Stream,
    play: Stream,
    data: Vec<u8>,
    /// Both sides start and stop together.
    linked: bool,
    written: u32,
    heard: u32,
    /// Number of a block's last frame, and when it was about to be written.
    blocks: VecDeque<(u32, i64)>,
    latencies: Vec<i64>,
    xruns: u32,
    stalls: u32,
    breaks: u32,
}

impl Session {
    fn open(card: &Card, cfg: Config, linked: bool) -> Result<Self, Failed> {
        let rec = Stream::open(card, 0, Dir::Capture, cfg, Wish::default())?;
        let play = Stream::open(card, 0, Dir::Playback, cfg, Wish::default())?;
        if linked {
            play.link(&rec)?;
        }
        let mut session = Session {
            data: vec![0; cfg.buffer() * cfg.frame_bytes()],
            rec,
            play,
            linked,
            written: 0,
            heard: 0,
            blocks: VecDeque::new(),
            latencies: Vec::new(),
            xruns: 0,
            stalls: 0,
            breaks: 0,
        };
        session.fill(cfg.buffer())?;
        session.start()?;
        Ok(session)
    }

    fn start(&self) -> Result<(), Errno> {
        if !self.linked {
            self.rec.start()?;
        }
        self.play.start()
    }

    fn fill(&mut self, frames: usize) -> Result<usize, Errno> {
        for (at, frame) in self.data.chunks_exact_mut(4).take(frames).enumerate() {
            let number = self.written.wrapping_add(at as u32 + 1);
            frame.copy_from_slice(&number.to_le_bytes());
        }
        let moved = self.play.transfer(&mut self.data, frames)?;
        self.written = self.written.wrapping_add(moved as u32);
        Ok(moved)
    }

    /// After an xrun or a stall: from the beginning, with one side or with both.
    fn again(&mut self, play: bool, rec: bool) -> Result<(), Errno> {
        let (play, rec) = (play || self.linked, rec || self.linked);
        self.blocks.clear();
        if rec {
            self.rec.stop().ok();
            self.rec.prepare()?;
        }
        if play {
            self.play.stop().ok();
            self.play.prepare()?;
            self.fill(self.play.cfg.buffer())?;
        }
        if rec && !self.linked {
            self.rec.start()?;
        }
        if play {
            self.play.start()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Errno> {
        let frames = self.play.whole_periods()?;
        if frames > 0 {
            let now = now_ns();
            self.fill(frames)?;
            self.blocks.push_back((self.written, now));
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Errno> {
        let frames = self.rec.whole_periods()?;
        if frames == 0 {
            return Ok(());
        }
        let frames = self.rec.transfer(&mut self.data, frames)?;
        let now = now_ns();
        for frame in self.data.chunks_exact(4).take(frames) {
            let number = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]);
            // Silence comes before the first frame only.
            if number != self.heard.wrapping_add(1) && (number != 0 || self.heard != 0) {
                self.breaks += 1;
            }
            self.heard = number;
        }
        while let Some(&(last, begun)) = self.blocks.front() {
            if last > self.heard {
                break;
            }
            self.latencies.push(now - begun);
            self.blocks.pop_front();
        }
        Ok(())
    }

    /// Lets audio flow for `seconds`, or until `enough` latencies are known. Returns what was
    /// played, as a share of what should have been.
    fn run(&mut self, seconds: f64, enough: usize) -> Result<f64, Failed> {
        let begun = now_ns();
        let until = begun + (seconds * 1e9) as i64;
        while now_ns() < until && self.latencies.len() < enough {
            let mut fds = [self.rec.pollfd(), self.play.pollfd()];
            if !poll(&mut fds, 500) {
                self.stalls += 1;
                self.again(true, true)?;
                continue;
            }
            if fds[0].revents != 0 {
                match self.read() {
                    Err(e) if e.code == libc::EPIPE => {
                        self.xruns += 1;
                        self.again(false, true)?;
                        continue;
                    }
                    other => other?,
                }
            }
            if fds[1].revents != 0 {
                match self.write() {
                    Err(e) if e.code == libc::EPIPE => {
                        self.xruns += 1;
                        self.again(true, false)?;
                    }
                    other => other?,
                }
            }
        }
        let played = f64::from(self.written) - self.play.cfg.buffer() as f64;
        Ok(played / 48000.0 / ((now_ns() - begun) as f64 / 1e9))
    }

    /// Every frame arrived, in order and in its time. (The last period may still be on its way.)
    fn clean(&self, share: f64, seconds: f64) -> bool {
        let slack = 0.001 + f64::from(self.play.cfg.period) / 48000.0 / seconds;
        self.xruns + self.stalls + self.breaks == 0 && (share - 1.0).abs() < slack
    }
}

/// Streams of small periods and few of them: xruns, stalls of half a second, and, if there were
/// none, frames that were not in order.
pub fn xruns(plan: &Plan, card: &Card) {
    let seconds = plan.seconds(60.0, 5.0, 1.0);
    for period in plan.periods() {
        for periods in [2, 3, 4] {
            let row = Row::new("xruns")
                .with("driver", &card.id)
                .with("period", period)
                .with("periods", periods)
                .with("seconds", seconds);
            measured(row, seconds * 3.0 + 30.0, |row| {
                let mut session = Session::open(card, usual(period, periods), false)?;
                let share = session.run(seconds, usize::MAX)?;
                let interrupted = session.xruns + session.stalls > 0;
                Ok(row
                    .with("xruns", session.xruns)
                    .with("stalls", session.stalls)
                    // After an interruption, frames are missing in any case.
                    .with("breaks", if interrupted { 0 } else { session.breaks })
                    .with("share", format!("{share:.4}"))
                    .with("clean", u8::from(session.clean(share, seconds))))
            });
        }
    }
}

/// From the moment before `writei` of a block to the moment after the `readi` that brings its last
/// frame. Both sides start in the same frame and have the fewest periods with which they run.
pub fn latency(plan: &Plan, card: &Card) {
    for period in plan.periods() {
        let row = Row::new("latency")
            .with("driver", &card.id)
            .with("period", period);
        measured(row, 200.0, |row| {
            let seconds = plan.seconds(10.0, 3.0, 0.5);
            for periods in 2..=4 {
                let mut session = Session::open(card, usual(period, periods), true)?;
                let share = session.run(seconds, 5000)?;
                let took = f64::from(session.written) / 48000.0;
                if session.clean(share, took) {
                    plan.trace(
                        &format!("latency-{period}-{}.tsv", card.id),
                        session.latencies.iter().map(i64::to_string),
                    )?;
                    return Ok(row
                        .with("periods", periods)
                        .with_spread("latency", &mut session.latencies));
                }
            }
            Err(Failed("does not run".into()))
        });
    }
}
