// SPDX-License-Identifier: GPL-2.0

//! `/proc/asound/cardN/cable#0` and `cable#1`: what the cables are doing.

use crate::{
    cable::{
        Activity,
        Cable,
        End,
        State, //
    },
    params::MAX_SUBSTREAMS,
};
use alsa::proc::Text;
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

/// What the file says of one end; taken under the lock of the cable, printed without.
struct EndView {
    buffer_size: u64,
    buffer_pos: u64,
    period_size: u64,
    bytes_per_sec: u64,
    sample_align: u64,
}

impl EndView {
    fn new(end: &End) -> Option<Self> {
        if !end.open {
            return None;
        }
        let Some(setup) = &end.setup else {
            return Some(Self {
                buffer_size: 0,
                buffer_pos: 0,
                period_size: 0,
                bytes_per_sec: 0,
                sample_align: 0,
            });
        };
        let align = setup.frame_bytes();
        // At most 2^32 frames of 128 bytes, or 768000 of them a second.
        let bytes = |frames: u32| align.saturating_mul(frames.into());
        Some(Self {
            buffer_size: bytes(setup.params.buffer_size),
            buffer_pos: bytes(end.ring_position()),
            period_size: bytes(setup.params.period_size),
            bytes_per_sec: bytes(setup.params.rate),
            sample_align: align,
        })
    }

    fn show(view: &Option<Self>, name: &str, shift: u32, file: &SeqFile) {
        seq_print!(file, "  {}\n", name);
        let Some(view) = view else {
            seq_print!(file, "    inactive\n");
            return;
        };
        seq_print!(file, "    buffer_size:\t{}\n", view.buffer_size);
        seq_print!(file, "    buffer_pos:\t\t{}\n", view.buffer_pos);
        seq_print!(file, "    period_size:\t{}\n", view.period_size);
        seq_print!(file, "    bytes_per_sec:\t{}\n", view.bytes_per_sec);
        seq_print!(file, "    sample_align:\t{}\n", view.sample_align);
        seq_print!(file, "    rate_shift:\t\t{}\n", shift);
    }
}

/// A bit for the playback and one for the capture.
fn bits(state: &State, bit: impl Fn(&End) -> bool) -> u32 {
    u32::from(bit(&state.playback)) | u32::from(bit(&state.capture)) << 1
}

impl Text for Cables {
    fn show(&self, file: &SeqFile) {
        for substream in 0..MAX_SUBSTREAMS {
            seq_print!(file, "Cable {} substream {}:\n", self.number, substream);
            let Some(cable) = self.cables.get(substream as usize) else {
                seq_print!(file, "  inactive\n");
                continue;
            };
            let state = cable.lock();
            let (playback, capture) = (EndView::new(&state.playback), EndView::new(&state.capture));
            let valid = bits(&state, |end| end.setup.is_some());
            // A stream that pauses is said to run and to pause.
            let running = bits(&state, |end| end.activity != Activity::Stopped);
            let pause = bits(&state, |end| end.activity == Activity::Paused);
            let shift = state.shift;
            drop(state);

            if playback.is_none() && capture.is_none() {
                seq_print!(file, "  inactive\n");
                continue;
            }
            seq_print!(file, "  valid: {}\n", valid);
            seq_print!(file, "  running: {}\n", running);
            seq_print!(file, "  pause: {}\n", pause);
            EndView::show(&playback, "Playback", shift, file);
            EndView::show(&capture, "Capture", shift, file);
        }
    }
}
