// SPDX-License-Identifier: GPL-2.0

//! Test signals and their comparison.
//!
//! A signal is a stream of pseudo-random bytes, different for each seed, in which no sample of any
//! frame looks like silence. So every frame can be told from every other one and from silence, and
//! a comparison finds a frame that is missing, doubled, altered or stale.

/// A sample format: name, ALSA's number, bytes per sample, the byte that silence is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub name: &'static str,
    pub number: u32,
    pub bytes: usize,
    pub silence: u8,
}

const fn pcm(name: &'static str, number: u32, bytes: usize) -> Format {
    Format {
        name,
        number,
        bytes,
        silence: 0,
    }
}

const fn dsd(name: &'static str, number: u32, bytes: usize) -> Format {
    Format {
        name,
        number,
        bytes,
        silence: 0x69,
    }
}

pub const S16_LE: Format = pcm("S16_LE", 2, 2);
pub const S24_3LE: Format = pcm("S24_3LE", 32, 3);
pub const S32_LE: Format = pcm("S32_LE", 10, 4);
pub const DSD_U8: Format = dsd("DSD_U8", 48, 1);
pub const DSD_U16_BE: Format = dsd("DSD_U16_BE", 51, 2);

/// The formats of rule 3.3.
pub const FORMATS: [Format; 15] = [
    S16_LE,
    pcm("S16_BE", 3, 2),
    pcm("S24_LE", 6, 4),
    pcm("S24_BE", 7, 4),
    S32_LE,
    pcm("S32_BE", 11, 4),
    pcm("FLOAT_LE", 14, 4),
    pcm("FLOAT_BE", 15, 4),
    S24_3LE,
    pcm("S24_3BE", 33, 3),
    DSD_U8,
    dsd("DSD_U16_LE", 49, 2),
    dsd("DSD_U32_LE", 50, 4),
    DSD_U16_BE,
    dsd("DSD_U32_BE", 52, 4),
];

/// Frames in memory: one plane for interleaved audio, one per channel for non-interleaved.
#[derive(Clone)]
pub struct Audio {
    pub planes: Vec<Vec<u8>>,
    /// Bytes that one frame takes in each plane.
    pub unit: usize,
    pub channels: usize,
    pub silence: u8,
}

impl Audio {
    /// No frames yet.
    pub fn empty(format: Format, channels: usize, planar: bool) -> Self {
        let (planes, unit) = if planar {
            (channels, format.bytes)
        } else {
            (1, format.bytes * channels)
        };
        Audio {
            planes: vec![Vec::new(); planes],
            unit,
            channels,
            silence: format.silence,
        }
    }

    /// `frames` frames of silence.
    pub fn silent(format: Format, channels: usize, planar: bool, frames: usize) -> Self {
        let mut audio = Self::empty(format, channels, planar);
        for plane in &mut audio.planes {
            plane.resize(frames * audio.unit, format.silence);
        }
        audio
    }

    /// `frames` frames of the signal that `seed` names.
    pub fn signal(format: Format, channels: usize, planar: bool, frames: usize, seed: u64) -> Self {
        let mut audio = Self::empty(format, channels, planar);
        for (number, plane) in audio.planes.iter_mut().enumerate() {
            fill(
                plane,
                frames * audio.unit,
                format.silence,
                (seed << 8) | number as u64,
            );
        }
        audio
    }

    /// So many frames.
    pub fn len(&self) -> usize {
        self.planes[0].len() / self.unit
    }

    pub fn is_empty(&self) -> bool {
        self.planes[0].is_empty()
    }

    /// The sample of a channel in the frame `at`; each has so many `bytes`.
    pub fn sample(&self, at: usize, channel: usize, bytes: usize) -> &[u8] {
        let (plane, offset) = if self.planes.len() > 1 {
            (channel, at * bytes)
        } else {
            (0, at * self.unit + channel * bytes)
        };
        &self.planes[plane][offset..offset + bytes]
    }

    fn frame_is_silent(&self, frame: usize) -> bool {
        let (from, to) = (frame * self.unit, (frame + 1) * self.unit);
        self.planes
            .iter()
            .all(|p| p[from..to].iter().all(|&b| b == self.silence))
    }

    /// The first frame from `from` on that is not silent.
    ///
    /// Recordings are searched while they are made, so whole blocks are compared first.
    pub fn first_sound(&self, from: usize) -> Option<usize> {
        let block = [self.silence; 256];
        let in_plane = |plane: &Vec<u8>| {
            let rest = &plane[from * self.unit..];
            let number = rest.chunks(256).position(|c| *c != block[..c.len()])?;
            let start = number * 256;
            let byte = rest[start..].iter().position(|&b| b != self.silence)?;
            Some(from + (start + byte) / self.unit)
        };
        self.planes.iter().filter_map(in_plane).min()
    }

    /// The last frame that is not silent.
    pub fn last_sound(&self) -> Option<usize> {
        (0..self.len()).rev().find(|&f| !self.frame_is_silent(f))
    }

    /// Adds the frames `range` of `other`, which has the same layout.
    pub fn append(&mut self, other: &Audio, range: std::ops::Range<usize>) {
        for (to, from) in self.planes.iter_mut().zip(&other.planes) {
            to.extend_from_slice(&from[range.start * other.unit..range.end * other.unit]);
        }
    }

    /// How many frames there are from the first sound to the last.
    pub fn sounding(&self) -> usize {
        let ends = self.first_sound(0).zip(self.last_sound());
        ends.map_or(0, |(first, last)| last + 1 - first)
    }

    /// The same frames as one interleaved plane.
    pub fn interleaved(&self) -> Audio {
        if self.planes.len() == 1 {
            return self.clone();
        }
        let mut bytes = Vec::with_capacity(self.len() * self.unit * self.channels);
        for frame in 0..self.len() {
            for plane in &self.planes {
                bytes.extend_from_slice(&plane[frame * self.unit..(frame + 1) * self.unit]);
            }
        }
        Audio {
            planes: vec![bytes],
            unit: self.unit * self.channels,
            channels: self.channels,
            silence: self.silence,
        }
    }

    fn frame(&self, frame: usize) -> &[u8] {
        &self.planes[0][frame * self.unit..(frame + 1) * self.unit]
    }
}

/// Fills with pseudo-random bytes (splitmix64), none of which is `silence`.
fn fill(plane: &mut Vec<u8>, bytes: usize, silence: u8, seed: u64) {
    let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5851_f42d_4c95_7f2d;
    plane.reserve_exact(bytes + 8);
    while plane.len() < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        plane.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    plane.truncate(bytes);
    for byte in plane {
        if *byte == silence {
            *byte = !silence;
        }
    }
}

/// How a recording is to relate to its source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Silence, the whole source from its first frame on without a break, silence.
    Whole,
    /// As `Whole`, but the source may have begun before the recording did.
    Tail,
    /// As `Whole`, but with silence of any length between two frames.
    WithPauses,
}

/// Compares a recording with its source; returns the frame at which the sound begins in the
/// recording, and how many silent breaks it has.
///
/// # Errors
///
/// A sentence that names the first wrong frame and the kind of damage.
pub fn compare(
    source: &Audio,
    recording: &Audio,
    expect: Expect,
) -> Result<(usize, usize), String> {
    let (source, rec) = (source.interleaved(), recording.interleaved());
    let frames = source.len();
    let begin = rec
        .first_sound(0)
        .ok_or_else(|| format!("no sound in {} recorded frames", rec.len()))?;
    let mut next = match expect {
        Expect::Tail => find(&source, &rec, begin, 0, frames)
            .ok_or_else(|| format!("recorded frame {begin} is no frame of the source"))?,
        _ => 0,
    };
    let (mut at, mut breaks, mut in_break) = (begin, 0, false);
    while next < frames {
        if at >= rec.len() {
            return Err(format!(
                "the recording ends after source frame {next} of {frames}"
            ));
        }
        if rec.frame(at) == source.frame(next) {
            next += 1;
            in_break = false;
        } else if expect == Expect::WithPauses && rec.frame_is_silent(at) {
            breaks += usize::from(!in_break);
            in_break = true;
        } else {
            return Err(damage(&source, &rec, next, at, begin));
        }
        at += 1;
    }
    if let Some(extra) = rec.first_sound(at) {
        return Err(format!(
            "after the last source frame: recorded frame {extra} ({} after the end) is not silent",
            extra - at
        ));
    }
    Ok((begin, breaks))
}

/// Compares a recording that begins and ends within its source; returns the first frame of the
/// source that it has, and how many follow each other from there on. Silence may come before them.
///
/// # Errors
///
/// As [`compare`].
pub fn part_of(source: &Audio, recording: &Audio) -> Result<(usize, usize), String> {
    let (source, rec) = (source.interleaved(), recording.interleaved());
    let begin = rec
        .first_sound(0)
        .ok_or_else(|| format!("no sound in {} recorded frames", rec.len()))?;
    let first = find(&source, &rec, begin, 0, source.len())
        .ok_or_else(|| format!("recorded frame {begin} is no frame of the source"))?;
    let most = (rec.len() - begin).min(source.len() - first);
    match (0..most).find(|&i| rec.frame(begin + i) != source.frame(first + i)) {
        Some(i) => Err(damage(&source, &rec, first + i, begin + i, begin)),
        None => Ok((first, most)),
    }
}

/// The frame of `source` within `from..to` from which on `rec` goes on at `at`.
fn find(source: &Audio, rec: &Audio, at: usize, from: usize, to: usize) -> Option<usize> {
    let run = 8.min(rec.len() - at);
    (from..to).find(|&s| {
        let run = run.min(source.len() - s);
        (0..run).all(|i| source.frame(s + i) == rec.frame(at + i))
    })
}

/// Names what happened at recorded frame `at`, where source frame `next` was to come.
fn damage(source: &Audio, rec: &Audio, next: usize, at: usize, begin: usize) -> String {
    let frames = source.len();
    let place = format!(
        "source frame {next} of {frames} (recorded frame {at}, {} after the start)",
        at - begin
    );
    if rec.frame_is_silent(at) {
        let end = rec.first_sound(at).unwrap_or(rec.len());
        return format!("{place}: silence for {} frames instead", end - at);
    }
    match find(source, rec, at, 0, frames) {
        Some(s) if s > next => format!("{place}: {} frames are missing", s - next),
        Some(s) => format!("{place}: frames from {s} on come again"),
        None => {
            let (got, want) = (rec.frame(at), source.frame(next));
            let byte = got.iter().zip(want).position(|(a, b)| a != b).unwrap_or(0);
            let width = rec.unit / rec.channels;
            format!(
                "{place}: channel {} altered, expected byte {:#04x}, got {:#04x}",
                byte / width,
                want[byte],
                got[byte]
            )
        }
    }
}
