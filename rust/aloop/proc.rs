// SPDX-License-Identifier: GPL-2.0

//! `/proc/asound/cardN/cable#0` and `cable#1`: what the cables are doing.

use crate::{
    cable::{
        Activity,
        Cable,
        Incidents,
        Side,
        State,
        TimerInfo, //
    },
    follow::Follow,
    params::MAX_SUBSTREAMS,
    units::{
        Bytes,
        Frames, //
    },
};
use alsa::{
    kext::task::Program,
    pcm::{
        Direction,
        Format,
        Limits, //
    },
    proc::Text, //
};
use kernel::{
    prelude::*,
    seq_file::{
        seq_print,
        SeqFile, //
    },
    sync::Arc,
};

/// The file of the cables that lead from the playback of one device.
pub(crate) struct Cables {
    /// The number of the device.
    pub(crate) number: u32,
    /// The cables, by the number of the substream.
    pub(crate) cables: KVec<Arc<Cable>>,
}

/// What the file says of one side; taken under the lock of the cable, printed without.
#[derive(Default)]
struct SideView {
    buffer_size: Bytes,
    buffer_pos: Bytes,
    silent_size: Bytes,
    period_size: Bytes,
    bytes_per_sec: Bytes,
    sample_align: Bytes,
    rate_shift: u32,
    timer: Option<TimerInfo>,
    follow: Option<Follow>,
    program: Option<Arc<Program>>,
    pins: Option<Pins>,
    incidents: Incidents,
}

/// What one side forbids the other to choose otherwise.
struct Pins {
    format: Format,
    rate: u32,
    channels: u32,
    period_bytes: Option<u32>,
}

impl Pins {
    /// Returns what the side of a direction forbids, if anything.
    fn new(state: &State, direction: Direction) -> Option<Self> {
        let limits = state.limits(direction.opposite());
        if limits == Limits::NONE {
            return None;
        }
        let params = &state.side(direction).setup()?.params;
        let (shortest, longest) = limits.period_bytes.into_inner();
        Some(Self {
            format: params.format,
            rate: params.rate,
            channels: params.channels,
            period_bytes: (shortest == longest).then_some(shortest),
        })
    }
}

impl SideView {
    fn new(state: &State, direction: Direction, silent_size: Bytes) -> Option<Self> {
        let side = state.side(direction);
        if !side.is_open() {
            return None;
        }
        let view = Self {
            rate_shift: side.shift(),
            timer: state.timer(),
            follow: state.follow().copied(),
            program: side.program().cloned(),
            pins: Pins::new(state, direction),
            incidents: side.incidents(),
            ..Self::default()
        };
        let Some(setup) = side.setup() else {
            return Some(view);
        };
        let align = setup.frame_bytes();
        // At most 2^32 frames of 1024 bytes, or 768000 of them a second.
        let bytes = |frames: u32| align * Frames::from(frames);
        Some(Self {
            buffer_size: bytes(setup.params.buffer_size),
            buffer_pos: bytes(side.buffer_position()),
            silent_size,
            period_size: bytes(setup.params.period_size),
            bytes_per_sec: bytes(setup.params.rate),
            sample_align: align,
            ..view
        })
    }

    fn show(view: &Option<Self>, name: &str, file: &SeqFile) {
        seq_print!(file, "  {}\n", name);
        let Some(view) = view else {
            seq_print!(file, "    inactive\n");
            return;
        };
        seq_print!(file, "    buffer_size:\t{}\n", view.buffer_size.0);
        seq_print!(file, "    buffer_pos:\t\t{}\n", view.buffer_pos.0);
        seq_print!(file, "    silent_size:\t{}\n", view.silent_size.0);
        seq_print!(file, "    period_size:\t{}\n", view.period_size.0);
        seq_print!(file, "    bytes_per_sec:\t{}\n", view.bytes_per_sec.0);
        seq_print!(file, "    sample_align:\t{}\n", view.sample_align.0);
        seq_print!(file, "    rate_shift:\t\t{}\n", view.rate_shift);
        if let Some(TimerInfo { id, opened_by, .. }) = &view.timer {
            let opened_by = match opened_by {
                Direction::Playback => "Playback",
                Direction::Capture => "Capture",
            };
            seq_print!(file, "    sound timer:\thw:{id}\n");
            seq_print!(file, "    timer open:\t\t{}\n", opened_by);
        }
        // What comes now is not in C.
        if let Some(follow) = &view.follow {
            let (sign, speed) = match follow.speed() {
                speed @ 0.. => ('+', speed.unsigned_abs()),
                speed => ('-', speed.unsigned_abs()),
            };
            let how = match (follow.is_measured(), follow.is_in_phase()) {
                (false, _) => "silent",
                (true, false) => "measured",
                (true, true) => "in phase",
            };
            seq_print!(
                file,
                "    follows:\t\t{}{}.{:03} ppm, {}\n",
                sign,
                speed / 1000,
                speed % 1000,
                how
            );
        }
        if let Some(program) = &view.program {
            let (name, pid) = (program.name(), program.pid());
            seq_print!(file, "    program:\t\t{} ({})\n", name, pid);
        }
        match &view.pins {
            None => seq_print!(file, "    pins:\t\tnothing\n"),
            Some(pins) => {
                let format = pins.format.name();
                seq_print!(
                    file,
                    "    pins:\t\tformat {}, rate {}, channels {}",
                    format,
                    pins.rate,
                    pins.channels
                );
                if let Some(bytes) = pins.period_bytes {
                    seq_print!(file, ", period_bytes {}", bytes);
                }
                seq_print!(file, "\n");
            }
        }
        seq_print!(file, "    xruns:\t\t{}\n", view.incidents.xruns);
        seq_print!(file, "    evictions:\t\t{}\n", view.incidents.evictions);
    }
}

/// Returns a bit for the playback and one for the capture.
fn bits(state: &State, bit: impl Fn(&Side) -> bool) -> u32 {
    u32::from(bit(state.side(Direction::Playback)))
        | u32::from(bit(state.side(Direction::Capture))) << 1
}

#[vtable]
impl Text for Cables {
    fn show(&self, file: &SeqFile) {
        // Those that the card might have had are shown too, as in C.
        for substream in 0..self.cables.len().max(MAX_SUBSTREAMS as usize) {
            seq_print!(file, "Cable {} substream {}:\n", self.number, substream);
            let Some(cable) = self.cables.get(substream) else {
                seq_print!(file, "  inactive\n");
                continue;
            };
            let state = cable.lock();
            let playback = SideView::new(&state, Direction::Playback, Bytes::ZERO);
            let capture = SideView::new(&state, Direction::Capture, state.silent_bytes());
            let valid = bits(&state, |side| side.setup().is_some());
            // A stream that pauses is said to run and to pause.
            let running = bits(&state, |side| side.activity() != Activity::Stopped);
            let pause = bits(&state, |side| {
                matches!(side.activity(), Activity::Paused(_))
            });
            drop(state);

            if playback.is_none() && capture.is_none() {
                seq_print!(file, "  inactive\n");
                continue;
            }
            seq_print!(file, "  valid: {}\n", valid);
            seq_print!(file, "  running: {}\n", running);
            seq_print!(file, "  pause: {}\n", pause);
            SideView::show(&playback, "Playback", file);
            SideView::show(&capture, "Capture", file);
        }
    }
}
