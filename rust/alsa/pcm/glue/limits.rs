// SPDX-License-Identifier: GPL-2.0

//! Rules of the core's refinement: a driver's limits, and what HW_PARAMS has to do by the way.

use super::Glue;
use crate::{
    bindings,
    pcm::{
        Limits,
        Ops, //
    },
};
use core::ops::RangeInclusive;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*, //
};

/// Leaves of the formats only those that are in `formats`, and returns whether that changed
/// anything.
///
/// C: `snd_mask_refine()`.
fn refine_formats(params: &mut bindings::snd_pcm_hw_params, formats: u64) -> Result<c_int> {
    const FORMATS: usize =
        (bindings::SNDRV_PCM_HW_PARAM_FORMAT - bindings::SNDRV_PCM_HW_PARAM_FIRST_MASK) as usize;
    let mut mask: bindings::snd_mask = pin_init::zeroed();
    // The lower and the upper half.
    [mask.bits[0], mask.bits[1]] = [formats as u32, (formats >> 32) as u32];
    // SAFETY: Both masks are valid.
    changed(unsafe { bindings::snd_mask_refine(&mut params.masks[FORMATS], &mask) })
}

/// Leaves of the interval of a parameter only what is in a range, and returns whether that changed
/// anything.
///
/// C: `snd_interval_refine()`.
fn refine_range(
    params: &mut bindings::snd_pcm_hw_params,
    var: c_uint,
    range: RangeInclusive<u32>,
) -> Result<c_int> {
    let interval = var
        .checked_sub(bindings::SNDRV_PCM_HW_PARAM_FIRST_INTERVAL)
        .and_then(|number| params.intervals.get_mut(number as usize))
        .ok_or(EINVAL)?;
    let range = bindings::snd_interval {
        min: *range.start(),
        max: *range.end(),
        ..bindings::snd_interval::default()
    };
    // SAFETY: Both intervals are valid.
    changed(unsafe { bindings::snd_interval_refine(interval, &range) })
}

/// Returns what a refinement has returned: an error, or whether it changed anything.
fn changed(returned: c_int) -> Result<c_int> {
    to_result(returned)?;
    Ok(returned)
}

/// A rule: the parameter that it is for, and what applies it.
type Rule = (
    c_uint,
    unsafe extern "C" fn(*mut bindings::snd_pcm_hw_params, *mut bindings::snd_pcm_hw_rule) -> c_int,
);

impl<T: Ops> Glue<T> {
    /// The rules, in the order in which they are applied.
    const RULES: &'static [Rule] = if T::HAS_LIMITS {
        &[
            (bindings::SNDRV_PCM_HW_PARAM_FORMAT, Self::leaving_rule),
            (bindings::SNDRV_PCM_HW_PARAM_FORMAT, Self::rule),
            (bindings::SNDRV_PCM_HW_PARAM_RATE, Self::rule),
            (bindings::SNDRV_PCM_HW_PARAM_CHANNELS, Self::rule),
            (bindings::SNDRV_PCM_HW_PARAM_PERIOD_BYTES, Self::rule),
        ]
    } else {
        &[(bindings::SNDRV_PCM_HW_PARAM_FORMAT, Self::leaving_rule)]
    };

    /// Has the core ask for [`Ops::limits`] whenever it refines parameters, and a stream leave
    /// before its buffer is replaced.
    ///
    /// # Safety
    ///
    /// `substream` must be valid, with a runtime that nobody else uses yet, and be opened before a
    /// rule is applied.
    pub(super) unsafe fn add_rules(substream: *mut bindings::snd_pcm_substream) -> Result {
        // SAFETY: The substream is valid.
        let runtime = unsafe { (*substream).runtime };
        for &(var, function) in Self::RULES {
            // SAFETY: The runtime is valid, and the rule goes with it. The rule's function gets the
            // substream, which is there as long as the runtime is.
            to_result(unsafe {
                // It depends on the parameter that it is for, and on no other.
                bindings::snd_pcm_hw_rule_add(
                    runtime,
                    0,
                    var as c_int,
                    Some(function),
                    substream.cast(),
                    var as c_int,
                    -1 as c_int,
                )
            })?;
        }
        Ok(())
    }

    /// Lets a stream that does not run leave what it is attached to, if HW_PARAMS is about to
    /// replace its buffer. It changes no parameter.
    ///
    /// `sync_stop` does so, but HW_PARAMS does not call that if an unbind of the card has just
    /// begun to. What comes after it and before the buffer is a refinement of all parameters.
    ///
    /// # Safety
    ///
    /// Called only by the core, with a rule that `open` has added, and without the stream lock.
    unsafe extern "C" fn leaving_rule(
        _params: *mut bindings::snd_pcm_hw_params,
        rule: *mut bindings::snd_pcm_hw_rule,
    ) -> c_int {
        // SAFETY: The rule is valid, and the core applies rules once `open` has succeeded, and to
        // open substreams.
        let open = unsafe { Self::opened((*rule).private.cast()) };
        let this = open.get_ref().substream();
        if this.is_buffer_locked() {
            let locked = this.lock();
            if !locked.is_running() {
                open.leave();
            }
        }
        0
    }

    /// # Safety
    ///
    /// Called only by the core, with valid parameters and a rule that `open` has added.
    unsafe extern "C" fn rule(
        params: *mut bindings::snd_pcm_hw_params,
        rule: *mut bindings::snd_pcm_hw_rule,
    ) -> c_int {
        // SAFETY: The rule is valid.
        let (var, substream) = unsafe { ((*rule).var, (*rule).private.cast()) };
        // SAFETY: The core applies rules once `open` has succeeded, and to open substreams.
        let open = unsafe { Self::opened(substream) };
        let Limits {
            formats,
            rate,
            channels,
            period_bytes,
        } = T::limits(&open.data);
        let device_channels = open.get_ref().substream().channels();
        // The core applies the hardware's limits only to what a request names as changed, and its
        // rules would take the rest for boundless.
        let within = |range: RangeInclusive<u32>, hardware: &RangeInclusive<u32>| {
            *range.start().max(hardware.start())..=*range.end().min(hardware.end())
        };
        // SAFETY: The parameters are valid, and nobody else uses them meanwhile.
        let params = unsafe { &mut *params };
        from_result(|| match var as c_uint {
            bindings::SNDRV_PCM_HW_PARAM_FORMAT => {
                refine_formats(params, formats.bits() & T::HARDWARE.formats.bits())
            }
            var @ bindings::SNDRV_PCM_HW_PARAM_RATE => {
                refine_range(params, var, within(rate, &T::HARDWARE.rates))
            }
            var @ bindings::SNDRV_PCM_HW_PARAM_CHANNELS => {
                refine_range(params, var, within(channels, &device_channels))
            }
            _ if period_bytes == Limits::NONE.period_bytes => Ok(0),
            var => refine_range(params, var, period_bytes),
        })
    }
}

#[kunit_tests(alsa_pcm_limits)]
mod tests {
    use super::*;

    /// What the core would take for parameters of which nothing is known yet.
    fn any() -> bindings::snd_pcm_hw_params {
        // Zeros.
        let mut params = bindings::snd_pcm_hw_params::default();
        // Of a mask it uses 64 bits, and leaves the rest alone.
        for mask in &mut params.masks {
            (mask.bits[0], mask.bits[1]) = (u32::MAX, u32::MAX);
        }
        for interval in &mut params.intervals {
            interval.max = u32::MAX;
        }
        params
    }

    /// Formats of both halves of the mask, and none that there is not.
    #[test]
    fn formats() -> Result {
        let mut params = any();
        assert_eq!(refine_formats(&mut params, 1 << 2 | 1 << 48)?, 1);
        assert!(params.masks[1].bits == [1 << 2, 1 << 16, 0, 0, 0, 0, 0, 0]);
        assert!(params.masks[0].bits == [u32::MAX, u32::MAX, 0, 0, 0, 0, 0, 0]);
        assert_eq!(refine_formats(&mut params, 1 << 2 | 1 << 48)?, 0);
        assert_eq!(refine_formats(&mut params, 1 << 48)?, 1);
        assert!(refine_formats(&mut params, 1 << 2) == Err(EINVAL));
        Ok(())
    }

    #[test]
    fn ranges() -> Result {
        let mut params = any();
        let rate = bindings::SNDRV_PCM_HW_PARAM_RATE;
        assert_eq!(refine_range(&mut params, rate, 8000..=96000)?, 1);
        assert_eq!(refine_range(&mut params, rate, 8000..=96000)?, 0);
        assert_eq!(refine_range(&mut params, rate, 0..=48000)?, 1);
        // SAMPLE_BITS, FRAME_BITS, CHANNELS, RATE.
        let interval = &params.intervals[3];
        assert!((interval.min, interval.max) == (8000, 48000));
        assert!(refine_range(&mut params, rate, 96000..=96000) == Err(EINVAL));
        for var in [bindings::SNDRV_PCM_HW_PARAM_FORMAT, c_uint::MAX] {
            assert!(refine_range(&mut params, var, 1..=2) == Err(EINVAL));
        }
        Ok(())
    }
}
