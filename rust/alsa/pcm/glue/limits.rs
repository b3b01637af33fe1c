// SPDX-License-Identifier: GPL-2.0

//! A driver's limits as rules of the core's refinement.

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
    error::to_result,
    prelude::*, //
};

impl<T: Ops> Glue<T> {
    /// Has the core ask for [`Ops::limits`] whenever it refines parameters.
    ///
    /// # Safety
    ///
    /// `substream` must be valid, with a runtime that nobody else uses yet, and be opened before a
    /// rule is applied.
    pub(super) unsafe fn add_rules(substream: *mut bindings::snd_pcm_substream) -> Result {
        if !T::HAS_LIMITS {
            return Ok(());
        }
        // SAFETY: The substream is valid.
        let runtime = unsafe { (*substream).runtime };
        for var in [
            bindings::SNDRV_PCM_HW_PARAM_FORMAT,
            bindings::SNDRV_PCM_HW_PARAM_RATE,
            bindings::SNDRV_PCM_HW_PARAM_CHANNELS,
            bindings::SNDRV_PCM_HW_PARAM_PERIOD_BYTES,
        ] {
            // SAFETY: The runtime is valid, and the rule goes with it. The rule's function gets the
            // substream, which is there as long as the runtime is.
            to_result(unsafe {
                bindings::snd_pcm_hw_rule_add_one(
                    runtime,
                    var as c_int,
                    Some(Self::rule),
                    substream.cast(),
                )
            })?;
        }
        Ok(())
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
        // The core applies the hardware's limits only to what a request names as changed, and its
        // rules would take the rest for boundless.
        let within = |range: (u32, u32), hardware: &RangeInclusive<u32>| {
            (range.0.max(*hardware.start()), range.1.min(*hardware.end()))
        };
        let range = match var as c_uint {
            bindings::SNDRV_PCM_HW_PARAM_FORMAT => {
                let formats = formats.bits() & T::HARDWARE.formats.bits();
                // SAFETY: The parameters are valid.
                return unsafe { bindings::params_refine_formats(params, formats) };
            }
            bindings::SNDRV_PCM_HW_PARAM_RATE => within(rate, &T::HARDWARE.rates),
            bindings::SNDRV_PCM_HW_PARAM_CHANNELS => within(channels, &T::HARDWARE.channels),
            _ if period_bytes == Limits::NONE.period_bytes => return 0,
            _ => period_bytes,
        };
        // SAFETY: The parameters are valid, and `var` is one of the intervals among them.
        unsafe {
            bindings::params_refine_range(
                params,
                var as bindings::snd_pcm_hw_param_t,
                range.0,
                range.1,
            )
        }
    }
}
