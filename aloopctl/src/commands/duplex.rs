// SPDX-License-Identifier: GPL-2.0

//! Plays into a cable and records from it, at once.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use alsa::pcm::Access;
use alsa::pcm::Format;
use alsa::pcm::HwParams;
use alsa::pcm::State;
use alsa::pcm::Status as PcmStatus;
use alsa::pcm::PCM;
use alsa::poll::poll;
use alsa::poll::Descriptors;
use alsa::Direction;
use alsa::ValueOr;

use crate::commands::latency::Observations;
use crate::commands::latency::Positions;
use crate::controls::told;
use crate::error::system;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::sequence::Judge;
use crate::sequence::Sequence;

/// What a stream is to be.
#[derive(Clone, Copy)]
pub struct Parameters {
    pub format: Format,
    pub rate: u32,
    pub channels: u32,
    pub period: u32,
}

/// Both sides of a cable, open and set up alike.
pub struct Duplex {
    playback: PCM,
    capture: PCM,
    pub period: usize,
    pub buffer: usize,
}

/// What was observed.
pub struct Heard {
    pub judge: Judge,
    /// What went wrong though no frame was wrong.
    pub trouble: Option<String>,
    /// By how many frames a frame is recorded later than it is played.
    pub delays: Observations,
    /// How long frames took from the program's write to its read, in seconds.
    pub through: Observations,
}

/// How long nothing may move.
const PATIENCE: Duration = Duration::from_secs(5);

impl Duplex {
    pub fn open(playback: &str, capture: &str, wanted: Parameters) -> Result<Self> {
        let open = |name: &str, direction| {
            PCM::new(name, direction, true)
                .map_err(|e| told(&format!("{name} can't be opened"), &e))
        };
        let playback = open(playback, Direction::Playback)?;
        let capture = open(capture, Direction::Capture)?;
        let (period, buffer) = set_up(&playback, wanted)?;
        set_up(&capture, wanted)?;
        Ok(Self {
            playback,
            capture,
            period,
            buffer,
        })
    }

    /// Plays the sequence, and records until all of it has come, or something went wrong.
    pub fn run(&self, sequence: Sequence, rate: u32) -> Result<Heard> {
        let mut heard = Heard {
            judge: Judge::new(sequence),
            trouble: None,
            delays: Observations::new(),
            through: Observations::new(),
        };
        let mut flow = Flow {
            duplex: self,
            sequence,
            rate: f64::from(rate),
            written: 0,
            read: 0,
            bytes: vec![0; self.period.saturating_mul(sequence.frame_bytes)],
            on_the_way: VecDeque::new(),
        };
        self.capture
            .start()
            .map_err(|e| told("the recording can't start", &e))?;
        flow.play(&mut heard)?;
        flow.on_the_way.clear();
        self.playback
            .start()
            .map_err(|e| told("the player can't start", &e))?;

        let seconds = sequence.frames as f64 / f64::from(rate);
        let patience = PATIENCE + Duration::from_secs_f64(seconds.max(0.0) * 1.5);
        let begin = Instant::now();
        let mut moved = begin;
        while heard.trouble.is_none() && !heard.judge.has_ended() {
            let mut descriptors = self.descriptors()?;
            match poll(&mut descriptors, 500) {
                Ok(_) => (),
                Err(error) if error.errno() == libc::EINTR => continue,
                Err(error) => return Err(told("waiting for the streams", &error)),
            }
            let before = (flow.written, flow.read);
            flow.play(&mut heard)?;
            flow.record(&mut heard)?;
            flow.observe(&mut heard)?;
            let now = Instant::now();
            if before != (flow.written, flow.read) {
                moved = now;
            }
            if now - moved > PATIENCE || now - begin > patience {
                let what =
                    "nothing moves any more, or too slowly: is it a cable with a timer_source?";
                heard.trouble = Some(what.to_string());
            }
        }
        // What they are at now doesn't matter any more.
        let _ = self.playback.drop();
        let _ = self.capture.drop();
        Ok(heard)
    }

    fn descriptors(&self) -> Result<Vec<alsa::poll::pollfd>> {
        let of = |pcm: &PCM| pcm.get().map_err(|e| told("waiting for the streams", &e));
        let mut descriptors = of(&self.playback)?;
        descriptors.extend(of(&self.capture)?);
        Ok(descriptors)
    }
}

/// Sets a stream up; returns its period and its buffer.
fn set_up(pcm: &PCM, wanted: Parameters) -> Result<(usize, usize)> {
    let refused = |what: String| {
        Error::new(Status::Wrong, format!("the cable can't be set to {what}"))
            .advise("the other side may have it set already, or the card can't do it")
    };
    let failed = |e: alsa::Error| told("the stream can't be set up", &e);
    let hw = HwParams::any(pcm).map_err(failed)?;
    hw.set_access(Access::RWInterleaved).map_err(failed)?;
    hw.set_format(wanted.format)
        .map_err(|_| refused(format!("the format {}", wanted.format)))?;
    hw.set_channels(wanted.channels)
        .map_err(|_| refused(format!("{} channels", wanted.channels)))?;
    hw.set_rate(wanted.rate, ValueOr::Nearest)
        .map_err(|_| refused(format!("{} Hz", wanted.rate)))?;
    hw.set_period_size_near(wanted.period.into(), ValueOr::Nearest)
        .map_err(|_| refused(format!("periods of {} frames", wanted.period)))?;
    let buffer = i64::from(wanted.period).saturating_mul(4);
    hw.set_buffer_size_near(buffer)
        .map_err(|_| refused(format!("buffers of {buffer} frames")))?;
    pcm.hw_params(&hw).map_err(failed)?;
    let period = hw.get_period_size().map_err(failed)?;
    let buffer = hw.get_buffer_size().map_err(failed)?;

    let sw = pcm.sw_params_current().map_err(failed)?;
    // It is started by hand, and tells when its positions were true.
    let boundary = sw.get_boundary().map_err(failed)?;
    sw.set_start_threshold(boundary).map_err(failed)?;
    sw.set_avail_min(period).map_err(failed)?;
    sw.set_tstamp_mode(true).map_err(failed)?;
    pcm.sw_params(&sw).map_err(failed)?;
    let size = |it| usize::try_from(it).unwrap_or(0);
    Ok((size(period), size(buffer)))
}

/// How far the program has come.
struct Flow<'a> {
    duplex: &'a Duplex,
    sequence: Sequence,
    rate: f64,
    written: u64,
    read: u64,
    bytes: Vec<u8>,
    /// Frames that were written up to a time.
    on_the_way: VecDeque<(u64, Instant)>,
}

impl Flow<'_> {
    /// Writes as much as there is room for. Silence follows the sequence, so that the playback
    /// doesn't end before the capture has all.
    fn play(&mut self, heard: &mut Heard) -> Result {
        let frame_bytes = self.sequence.frame_bytes;
        loop {
            for (number, frame) in (self.written..).zip(self.bytes.chunks_mut(frame_bytes)) {
                match number < self.sequence.frames {
                    true => self.sequence.frame(number, frame),
                    false => frame.fill(0),
                }
            }
            let now = Instant::now();
            match self.duplex.playback.io_bytes().writei(&self.bytes) {
                Ok(0) => return Ok(()),
                Ok(frames) => {
                    self.written = self.written.saturating_add(frames as u64);
                    self.on_the_way.push_back((self.written, now));
                    // The card goes on meanwhile: who takes each frame at once never rests.
                    if frames < self.duplex.period {
                        return Ok(());
                    }
                }
                Err(error) => match error.errno().abs() {
                    libc::EAGAIN => return Ok(()),
                    libc::EPIPE => {
                        let what = format!("an underrun before frame {}", self.written);
                        heard.trouble = Some(too_slow(&what));
                        return Ok(());
                    }
                    _ => return Err(told("the player", &error)),
                },
            }
        }
    }

    /// Reads as much as there is.
    fn record(&mut self, heard: &mut Heard) -> Result {
        loop {
            match self.duplex.capture.io_bytes().readi(&mut self.bytes) {
                Ok(0) => return Ok(()),
                Ok(frames) => {
                    let length = frames.saturating_mul(self.sequence.frame_bytes);
                    heard
                        .judge
                        .hear(self.bytes.get(..length).unwrap_or(&self.bytes));
                    self.read = self.read.saturating_add(frames as u64);
                    self.arrived(heard);
                    if frames < self.duplex.period {
                        return Ok(());
                    }
                }
                Err(error) => match error.errno().abs() {
                    libc::EAGAIN => return Ok(()),
                    libc::EPIPE => {
                        let what = format!("an overrun behind frame {}", heard.judge.recorded());
                        heard.trouble = Some(too_slow(&what));
                        return Ok(());
                    }
                    libc::EBADFD => {
                        heard.trouble = Some("the recording was stopped by the card".to_string());
                        return Ok(());
                    }
                    _ => return Err(told("the recorder", &error)),
                },
            }
        }
    }

    /// Notes how long the frames took that have come.
    fn arrived(&mut self, heard: &mut Heard) {
        let recorded = heard.judge.recorded();
        while let Some((last, when)) = self.on_the_way.front().copied() {
            if last > recorded {
                return;
            }
            heard.through.add(when.elapsed().as_secs_f64());
            self.on_the_way.pop_front();
        }
    }

    /// Notes where both sides are.
    fn observe(&mut self, heard: &mut Heard) -> Result {
        let status = |pcm: &PCM| pcm.status();
        let (Ok(played), Ok(recorded)) =
            (status(&self.duplex.playback), status(&self.duplex.capture))
        else {
            return Ok(());
        };
        let both_run = [&played, &recorded]
            .iter()
            .all(|it| it.get_state() == State::Running);
        // Before the first frame has come, nothing is known.
        if let (true, Some(before)) = (both_run, heard.judge.before()) {
            let played_frames = self.written as f64 - played.get_delay() as f64;
            let recorded_frames = self.read as f64 + recorded.get_avail() as f64;
            let positions = Positions {
                played: (played_frames, time_of(&played)),
                recorded: (recorded_frames, time_of(&recorded)),
            };
            heard.delays.add(positions.delay(before, self.rate));
        }
        Ok(())
    }
}

fn time_of(status: &PcmStatus) -> f64 {
    let time = status.get_htstamp();
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn too_slow(what: &str) -> String {
    format!("{what}: this program was woken too late; a longer --period helps")
}

/// Returns the bytes of a frame.
pub fn frame_bytes(format: Format, channels: u32) -> Result<usize> {
    let width = format.physical_width();
    let width =
        width.map_err(|e| Error::new(Status::Usage, format!("{format}: {}", system(&e))))?;
    let bits = usize::try_from(width)
        .unwrap_or(0)
        .saturating_mul(channels as usize);
    if bits == 0 || bits % 8 != 0 {
        let what = format!("a frame of {channels} channels in {format} isn't made of bytes");
        return Err(Error::new(Status::Usage, what).advise("take another format"));
    }
    Ok(bits / 8)
}
