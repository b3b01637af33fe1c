// SPDX-License-Identifier: GPL-2.0

//! Judges what a capture hears.
//!
//! Each frame of a recording is silent, or a frame of a generation that was played on this very
//! cable with these very parameters. And since both sides of a cable read one clock:
//!
//! - frames follow each other in the order in which they were played;
//! - none is left out, but by as many silent ones as are heard in its place, or while the capture
//!   is paused or suspended;
//! - what went by before the capture was at a position is not heard after it. The playback tells
//!   what has gone by ([`Programme::floor`]); the capture looks at that, asks for its position,
//!   and remembers both.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use support::config::Config;
use support::signal::Audio;

use super::sound::frames_to_know;
use super::sound::is_silent;
use super::sound::Generation;
use super::sound::Place;
use super::sound::Programme;
use super::torn::Torn;

/// What a capture has heard since its PREPARE.
pub struct Ear {
    cfg: Config,
    /// The position from which on nothing comes before the place.
    floors: VecDeque<(u64, Place)>,
    /// The last frame of sound: its position and what it was. None if that is not known.
    last: Option<(u64, Arc<Generation>, u64)>,
    /// The last place that is known.
    bound: Place,
    /// Positions between which frames may be left out; the end is not known yet while the capture
    /// is not heard to run.
    gaps: Vec<(u64, Option<u64>)>,
    /// Nothing is known of the order: others may have prepared the stream.
    pub loose: bool,
    pub heard: u64,
    pub silent: u64,
    /// The last runs of sound: position, generation, frame, and how many.
    runs: VecDeque<(u64, u64, u64, u64)>,
}

/// For a search: what the buffers may hold of a stream that goes on.
const RECENT: Place = (0, 1);

/// Frames that are there, or how far they can be told.
enum Found {
    Known(Arc<Generation>, u64),
    /// Too few bytes to be sure.
    Unsure,
    Nothing,
}

impl Ear {
    pub fn new(cfg: Config, floor: Place) -> Self {
        Ear {
            cfg,
            floors: VecDeque::from([(0, floor)]),
            last: None,
            bound: floor,
            gaps: Vec::new(),
            loose: false,
            heard: 0,
            silent: 0,
            runs: VecDeque::new(),
        }
    }

    /// The last runs of sound that were heard.
    pub fn history(&self) -> String {
        let run = |&(position, generation, frame, count): &(u64, u64, u64, u64)| {
            format!("{count} from {position} on: frame {frame} of generation {generation}")
        };
        let runs: Vec<String> = self.runs.iter().map(run).collect();
        format!(
            "{}; floors {:?}, bound {:?}, gaps {:?}",
            runs.join(", "),
            self.floors,
            self.bound,
            self.gaps
        )
    }

    fn note_run(&mut self, position: u64, generation: u64, frame: u64, count: u64) {
        if let Some(last) = self.runs.back_mut() {
            let next = (last.0 + last.3, last.1, last.2 + last.3);
            if next == (position, generation, frame) {
                last.3 += count;
                return;
            }
        }
        if self.runs.len() == 8 {
            self.runs.pop_front();
        }
        self.runs.push_back((position, generation, frame, count));
    }

    /// At `position` or later, nothing before `floor` is recorded any more.
    pub fn raise_floor(&mut self, position: u64, floor: Place) {
        if self.floors.back().is_some_and(|&(_, last)| floor > last) {
            self.floors.push_back((position, floor));
        }
    }

    /// The capture stops moving at `position` or later.
    pub fn begin_gap(&mut self, position: u64) {
        if self.gaps.last().is_none_or(|gap| gap.1.is_some()) {
            self.gaps.push((position, None));
        }
    }

    /// It runs again, and is at `position`.
    pub fn end_gap(&mut self, position: u64) {
        if let Some((_, end @ None)) = self.gaps.last_mut() {
            *end = Some(position);
        }
    }

    /// Frames have been passed over without being heard, or go by again.
    pub fn skip(&mut self) {
        self.last = None;
    }

    /// The capture goes back: frames will be heard again.
    pub fn rewind(&mut self) {
        self.last = None;
        self.bound = (0, 0);
    }

    fn floor_at(&mut self, position: u64, keep_from: u64) -> Place {
        while self.floors.len() > 1 && self.floors[1].0 <= keep_from {
            self.floors.pop_front();
        }
        self.floors
            .iter()
            .rev()
            .find(|floor| floor.0 <= position)
            .map_or((0, 0), |floor| floor.1)
    }

    fn may_leave_out(&self, after: u64, until: u64) -> bool {
        self.gaps
            .iter()
            .any(|&(from, to)| from <= until && to.is_none_or(|to| to > after))
    }

    /// Judges `audio`, heard from `position` on. `keep_from`: no earlier position will be heard
    /// again.
    ///
    /// # Errors
    ///
    /// A sentence about the first frame that must not be there; with the frame's number in `audio`.
    pub fn hear(
        &mut self,
        audio: &Audio,
        position: u64,
        keep_from: u64,
        programme: &Programme,
    ) -> Result<(), (usize, String)> {
        let count = audio.len();
        let mut torn = Torn::new(&self.cfg);
        let mut at = 0;
        while at < count {
            // Whole blocks of silence first.
            let next = audio.first_sound(at).unwrap_or(count);
            self.silent += (next - at) as u64;
            at = next;
            if at == count {
                break;
            }
            if self.loose && is_silent(audio, at, self.cfg.format.silence, true) {
                at += 1;
                continue;
            }
            let here = position + at as u64;
            let floor = self.floor_at(here, keep_from);
            match self.identify(audio, at, position, floor, programme) {
                Ok(Found::Known(generation, frame)) => {
                    torn.forget();
                    self.bound = (generation.number, frame);
                    self.note_run(here, generation.number, frame, 1);
                    self.last = Some((here, generation, frame));
                    at += 1;
                    at += self.run_on(audio, at, position);
                }
                Ok(Found::Unsure) => {
                    self.last = None;
                    at += 1;
                }
                Ok(Found::Nothing) | Err(_) if self.loose_here(floor, programme) => {
                    let Some(run) = torn.judge(audio, at, &self.cfg, &programme.since(0)) else {
                        return Err((at, "no sound of this cable".into()));
                    };
                    self.last = None;
                    self.heard += run as u64 - 1;
                    at += run;
                }
                Ok(Found::Nothing) => {
                    return Err((at, "no sound of this cable at its time".into()))
                }
                Err(why) => return Err((at, why)),
            }
            self.heard += 1;
        }
        self.gaps.retain(|gap| {
            gap.1
                .is_none_or(|end| end > keep_from || self.last.is_none())
        });
        Ok(())
    }

    /// Counts the frames from `at` on that just go on.
    fn run_on(&mut self, audio: &Audio, at: usize, position: u64) -> usize {
        let Some((_, generation, frame)) = &mut self.last else {
            return 0;
        };
        let mut run = 0;
        while at + run < audio.len() && generation.is_at(audio, at + run, *frame + 1) {
            *frame += 1;
            run += 1;
        }
        self.bound = (generation.number, *frame);
        self.heard += run as u64;
        if run > 0 {
            let end = position + (at + run) as u64;
            if let Some((here, generation, frame)) = &mut self.last {
                *here = end - 1;
                let (number, first) = (generation.number, *frame + 1 - run as u64);
                self.note_run(end - run as u64, number, first, run as u64);
            }
        }
        run
    }

    /// Whether sound in disorder may be heard at present.
    fn loose_here(&self, floor: Place, programme: &Programme) -> bool {
        self.loose
            || programme
                .since(floor.0.min(self.bound.0).saturating_sub(1))
                .iter()
                .any(|generation| generation.loose.load(Ordering::SeqCst))
    }

    /// The frame `at` among all that were played: those first that both buffers may hold of a
    /// stream that goes on, then those that were there before a pause.
    fn search_all(&self, audio: &Audio, at: usize, position: u64, programme: &Programme) -> Found {
        let all = programme.since(0);
        let recent = &all[all.len().saturating_sub(8)..];
        match self.search(audio, at, position, RECENT, None, recent) {
            Found::Nothing => self.search(audio, at, position, (0, 0), None, &all),
            found => found,
        }
    }

    fn identify(
        &self,
        audio: &Audio,
        at: usize,
        position: u64,
        floor: Place,
        programme: &Programme,
    ) -> Result<Found, String> {
        let here = position + at as u64;
        if self.loose {
            return Ok(self.search_all(audio, at, position, programme));
        }
        let from = self.bound.max(floor);
        // What was loose before may come again.
        let is_loose = |generation: &Arc<Generation>| generation.loose.load(Ordering::SeqCst);
        if programme.since(from.0).first().is_some_and(is_loose) {
            return Ok(self.search_all(audio, at, position, programme));
        }
        let Some((before, last, frame)) = &self.last else {
            return Ok(self.search(audio, at, position, from, None, &programme.since(from.0)));
        };
        let silent = here - before - 1;
        let limit = (!self.may_leave_out(*before, here)).then_some(silent);
        let found = self.search(
            audio,
            at,
            position,
            (last.number, *frame + 1),
            limit.map(|limit| (last.number, *frame + 1 + limit, limit)),
            &programme.since(last.number),
        );
        match found {
            Found::Known(generation, frame)
                if (generation.number, frame) < floor
                    && !generation.loose.load(Ordering::SeqCst) =>
            {
                Err(format!(
                    "frame {frame} of generation {} is old: at this position nothing before frame \
                     {} of generation {} can be recorded",
                    generation.number, floor.1, floor.0
                ))
            }
            Found::Nothing => Err(match self.search_all(audio, at, position, programme) {
                Found::Known(generation, got) => format!(
                    "frame {got} of generation {} after frame {frame} of generation {} and \
                         {silent} silent ones",
                    generation.number, last.number
                ),
                _ => "no sound of this cable".into(),
            }),
            found => Ok(found),
        }
    }

    /// The frame `at` among those from `from` on. `limit`: in the generation of this number the
    /// last frame that may come, in later ones the same.
    fn search(
        &self,
        audio: &Audio,
        at: usize,
        position: u64,
        from: Place,
        limit: Option<(u64, u64, u64)>,
        generations: &[Arc<Generation>],
    ) -> Found {
        let wanted = frames_to_know(self.cfg.format, self.cfg.channels);
        for generation in generations.iter().filter(|g| g.fits(&self.cfg)) {
            let written = generation.written_now();
            let begin = match generation.number == from.0 {
                true => from.1,
                false if from == RECENT => {
                    let buffers = self.cfg.buffer() + generation.cfg.buffer();
                    written.saturating_sub(4 * buffers as u64)
                }
                false => 0,
            };
            let end = match limit {
                Some((number, last, _)) if number == generation.number => last + 1,
                Some((_, _, last)) => last + 1,
                None => u64::MAX,
            };
            for frame in begin..end.min(written) {
                if !generation.is_at(audio, at, frame) {
                    continue;
                }
                let mut same = 1;
                while same < wanted
                    && at + same < audio.len()
                    && generation.is_at(audio, at + same, frame + same as u64)
                {
                    same += 1;
                }
                if same == wanted {
                    return Found::Known(Arc::clone(generation), frame);
                }
                // They may end here: with the block, with silence, where frames are left out, or
                // where the next generation begins. Otherwise it was chance.
                let next = at + same;
                let here = position + next as u64;
                if next >= audio.len()
                    || is_silent(audio, next, self.cfg.format.silence, true)
                    || self.may_leave_out(here - 1, here)
                    || generations.iter().any(|g| {
                        g.number > generation.number && g.fits(&self.cfg) && g.is_at(audio, next, 0)
                    })
                {
                    return Found::Unsure;
                }
            }
        }
        Found::Nothing
    }
}
