// SPDX-License-Identifier: GPL-2.0

//! Audio time, and how fast it goes by.

use crate::found;

/// What a stream has told of its clock.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub(super) trigger: i64,
    pub(super) system: i64,
    pub(super) audio: i64,
    /// The `PCM Rate Shift` then.
    pub(super) shift: i64,
    pub(super) hw_ptr: u64,
}

/// `SNDRV_PCM_AUDIO_TSTAMP_TYPE_LINK`.
pub const LINK: u32 = 2;

/// To what times are rounded, in nanoseconds.
pub(super) const ROUNDING: i64 = 10;

/// [8.9] Audio time lies in the frame that begins at the position.
pub fn within_frame(slot: usize, audio: i64, hw_ptr: u64, rate: u64) {
    // In 1/rate ns; audio time is rounded down to whole nanoseconds.
    let ahead = i128::from(audio) * i128::from(rate) - i128::from(hw_ptr) * 1_000_000_000;
    if ahead <= -i128::from(rate) || ahead >= 1_000_000_000 {
        found(&format!(
            "rule 8.9: the audio time of substream {slot} is {audio} ns at frame {hw_ptr} of \
             {rate} Hz: {:.3} frames ahead",
            ahead as f64 / 1e9
        ));
    }
}

/// [9.11, 17.13] Audio time goes by as `PCM Rate Shift` says, which may have changed once
/// meanwhile.
pub(super) fn right_speed(slot: usize, last: &Stamp, now: &Stamp) {
    let (system, audio) = (now.system - last.system, now.audio - last.audio);
    let at = |shift: i64| (i128::from(system) * 100_000 / i128::from(shift.max(1))) as i64;
    let (a, b) = (at(last.shift), at(now.shift));
    let (least, most) = (a.min(b) - ROUNDING, a.max(b) + ROUNDING);
    if audio < least || audio > most {
        found(&format!(
            "rule 9.11: the audio time of substream {slot} went on by {audio} ns in {system} ns, \
             not by {least} to {most}: Rate Shift is {}, it was {}",
            now.shift, last.shift
        ));
    }
}

/// [11.4, 17.9] The system's timer tells several ticks at once, and all of them count.
pub(super) fn right_ticks(slot: usize, first: &Stamp, now: &Stamp, rate: u64) {
    let time = now.system - first.system;
    let frames = now.hw_ptr as i64 - first.hw_ptr as i64;
    // A tick is a period; one may have just begun. It is the speed that counts.
    let expected = time / 1000 * rate as i64 / 1_000_000;
    if time > 60_000_000 && frames < expected * 7 / 10 {
        found(&format!(
            "rule 11.4: substream {slot} moved by {frames} frames in {time} ns, in which \
             {expected} go by"
        ));
    }
}
