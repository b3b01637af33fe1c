// SPDX-License-Identifier: GPL-2.0

//! Whatever a program has done: when all is closed, a stream goes through a cable whole.
//!
//! The parameters are drawn from the input: a format, channels, ways of access, buffers of odd
//! lengths that differ between the two sides. No frame of what is played looks like one near it,
//! nor like silence. It is longer than both buffers, and ends with a DRAIN or because nothing more
//! comes. Recorded is silence until it begins, all of it, and silence again for as long as it takes
//! once round the buffer. Before that, half of the time, a part of a buffer is recorded; then the
//! capture is prepared anew, and alone: it hears silence from its first frame on.
//!
//! What comes too late is not judged: then one of the two stops with an xrun.

mod side;

use std::time::Duration;

use support::kernel as k;

use crate::calls::ioctl_plain;
use crate::calls::open;
use crate::found;
use crate::input::Header;
use crate::pcm::FORMATS;
use crate::rules::CABLES;
use crate::rules::SETUP;
use crate::tally;
use crate::values::Noise;
use crate::world::Session;
use crate::world::SLOTS;
use side::Side;

const RATE: u64 = 48_000;
/// What is written behind a buffer, where nobody else writes.
const MARK: u8 = 0xa5;
/// So often is looked whether there is something to read or to write.
const LOOKS: usize = 200;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Drain,
    Underrun,
}

/// One side.
#[derive(Clone, Copy, Debug)]
struct Shape {
    period: u64,
    periods: u64,
    mapped: bool,
}

impl Shape {
    fn buffer(&self) -> u64 {
        self.period * self.periods
    }
}

/// What goes through which cable.
#[derive(Debug)]
pub struct Aftermath {
    card: usize,
    cable: usize,
    format: u32,
    channels: u64,
    planar: bool,
    play: Shape,
    record: Shape,
    ending: Ending,
    frames: u64,
    seed: u64,
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Bytes of a sample of one of the card's formats.
fn width(format: u32) -> u64 {
    match format {
        48 => 1,
        2 | 3 | 49 | 51 => 2,
        32 | 33 => 3,
        _ => 4,
    }
}

impl Aftermath {
    pub fn new(card: usize, header: &Header, data: &[u8]) -> Self {
        let seed = match u64::from_le_bytes(header.after) {
            0 => hash(data),
            seed => seed,
        };
        let mut noise = Noise::new(seed);
        let formats = FORMATS.0;
        let format = formats[noise.below(formats.len())];
        let channels = [2, 1, 3, 6, 5, 8][noise.below(6)];
        let frame_bytes = width(format) * channels;
        let least = 64u64.div_ceil(frame_bytes).max(40);
        let mut shape = || Shape {
            period: least + noise.below(64) as u64,
            periods: 4 + noise.below(3) as u64,
            mapped: noise.below(2) != 0,
        };
        let (play, record) = (shape(), shape());
        Aftermath {
            card,
            cable: noise.below(CABLES),
            format,
            channels,
            planar: noise.below(2) != 0,
            play,
            record,
            ending: [Ending::Drain, Ending::Underrun][noise.below(2)],
            frames: play.buffer().max(record.buffer())
                + play.buffer() / 2
                + noise.below(200) as u64,
            seed,
        }
    }

    fn frame_bytes(&self) -> u64 {
        width(self.format) * self.channels
    }

    /// The byte that silence is made of. [5.2]
    fn silence(&self) -> u8 {
        if (48..=52).contains(&self.format) {
            0x69
        } else {
            0
        }
    }

    /// A byte of a frame of what is played, never one of silence.
    fn byte(&self, frame: u64, at: u64) -> u8 {
        let mixed =
            (frame * self.frame_bytes() + at ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        0x80 | (mixed >> 56) as u8
    }

    fn tell(&self, what: &str) -> ! {
        found(&format!("after all was closed: {what} ({self:?})"))
    }

    /// Carries it out.
    pub fn run(&self, session: &mut Session) {
        let verdict = self.attempt(session);
        tally::aftermath_done(verdict.is_some());
    }

    /// `None`: it came too late.
    fn attempt(&self, session: &mut Session) -> Option<()> {
        let record = self.open(session, true, &self.record);
        let play = self.open(session, false, &self.play);
        if self.seed & 1 == 0 {
            self.rehearse(&play, &record)?;
        }
        record.start();
        let mut heard = Vec::new();
        let wanted = self.frames + self.record.buffer();
        let mut written = play.write(0)?;
        play.start();
        let mut ended = false;
        let mut lead = None;
        for look in 0.. {
            let before = self.frames_of(&heard);
            heard.extend(record.read()?);
            record.is_in_time(before + self.record.buffer())?;
            lead = lead.or_else(|| self.first_sound(&heard));
            let rest = self.frames_of(&heard) - lead.unwrap_or(self.frames_of(&heard));
            if rest >= wanted {
                break;
            }
            if look == LOOKS {
                self.tell(&format!(
                    "{} frames are heard, {rest} of them since the first that was played",
                    self.frames_of(&heard)
                ));
            }
            if written < self.frames {
                let before = written;
                written += play.write(written)?;
                play.is_in_time(before)?;
            } else if !ended {
                ended = true;
                if self.ending == Ending::Drain {
                    // It goes on in the background.
                    let _ = ioctl_plain(play.fd.0, k::DRAIN);
                }
            }
            [&play, &record][look % 2].judge_clock();
            let least = self.play.buffer().min(self.record.buffer());
            std::thread::sleep(Duration::from_micros(least * 1_000_000 / RATE / 3));
        }
        let lead = lead.unwrap_or(0);
        self.judge(&heard, lead, written)?;
        let status = play.status();
        let is_drained = status.state == SETUP && status.hw_ptr >= status.appl_ptr;
        if self.ending == Ending::Drain && !is_drained {
            self.tell(&format!(
                "rule 7.8: after its drain the playback has state {}, hw_ptr {}, appl_ptr {}",
                status.state, status.hw_ptr, status.appl_ptr
            ));
        }
        drop(play);
        record.judge_margin();
        Some(())
    }

    /// Lets a part of a buffer be recorded, and prepares both sides anew. [5.2] Of that, a capture
    /// alone hears nothing.
    fn rehearse(&self, play: &Side<'_>, record: &Side<'_>) -> Option<()> {
        let buffer = self.record.buffer();
        let part = |frames: u64| Duration::from_micros(frames * 1_000_000 / RATE / 3);
        record.start();
        play.write(0)?;
        play.start();
        std::thread::sleep(part(2 * buffer.min(self.play.buffer())));
        for side in [record, play] {
            side.call("DROP", k::DROP);
            side.call("PREPARE", k::PREPARE);
        }
        if self.card == 1 {
            // It would wait.
            return Some(());
        }
        record.start();
        let mut alone = Vec::new();
        for look in 0.. {
            if self.frames_of(&alone) > buffer {
                break;
            }
            if look == LOOKS {
                self.tell("a capture alone does not move");
            }
            std::thread::sleep(part(buffer));
            let before = self.frames_of(&alone);
            alone.extend(record.read()?);
            record.is_in_time(before + buffer)?;
        }
        if let Some(at) = alone.iter().position(|&byte| byte != self.silence()) {
            self.tell(&format!(
                "rule 5.2: a capture alone hears {:#04x} in frame {} since its PREPARE",
                alone[at],
                at as u64 / self.frame_bytes()
            ));
        }
        record.call("DROP", k::DROP);
        record.call("PREPARE", k::PREPARE);
        Some(())
    }

    fn frames_of(&self, bytes: &[u8]) -> u64 {
        bytes.len() as u64 / self.frame_bytes()
    }

    /// The first frame that is not silent.
    fn first_sound(&self, heard: &[u8]) -> Option<u64> {
        heard
            .iter()
            .position(|&byte| byte != self.silence())
            .map(|at| at as u64 / self.frame_bytes())
    }

    fn judge(&self, heard: &[u8], lead: u64, written: u64) -> Option<()> {
        if self.card == 1 && lead > 0 {
            self.tell(&format!(
                "a capture that waits for its peer hears {lead} frames of silence"
            ));
        }
        for (frame, bytes) in heard.chunks_exact(self.frame_bytes() as usize).enumerate() {
            let frame = frame as u64;
            for (at, &byte) in bytes.iter().enumerate() {
                let expected = match frame.checked_sub(lead) {
                    Some(number) if number < written => self.byte(number, at as u64),
                    _ => self.silence(),
                };
                if byte != expected {
                    self.tell(&format!(
                        "rule 5: byte {at} of frame {frame} recorded is {byte:#04x}, not \
                         {expected:#04x}; the first of {written} frames of sound is {lead}"
                    ));
                }
            }
        }
        Some(())
    }

    fn open<'a>(&'a self, session: &Session, capture: bool, shape: &'a Shape) -> Side<'a> {
        let (device, _, subdevice) = SLOTS[self.cable * 2 + usize::from(capture)];
        let letter = if capture { 'c' } else { 'p' };
        let path = format!("/dev/snd/pcmC{}D{device}{letter}", self.card);
        let fd = session.cards[self.card]
            .prefer(subdevice)
            .and_then(|_| open(&path, libc::O_RDWR | libc::O_NONBLOCK))
            .unwrap_or_else(|errno| self.tell(&format!("{path} can't be opened: error {errno}")));
        let mut side = Side {
            all: self,
            fd,
            shape,
            capture,
            map: None,
        };
        side.configure();
        side
    }
}
