// SPDX-License-Identifier: GPL-2.0

//! Unit tests: are the C structs as large for Rust, to which clang has described them, as they are
//! for the compiler of the kernel?

use crate::bindings;
use kernel::prelude::*;

/// The sizes in the order of `alsa_sizes()` in `helpers.c`.
macro_rules! sizes {
    ($($name:ident,)*) => {
        &[$((stringify!($name), size_of::<bindings::$name>()),)*]
    };
}

const SIZES: &[(&str, usize)] = sizes! {
    snd_card,
    snd_ctl_elem_id,
    snd_ctl_elem_info,
    snd_ctl_elem_value,
    snd_device_ops,
    snd_info_buffer,
    snd_info_entry,
    snd_interval,
    snd_kcontrol,
    snd_kcontrol_new,
    snd_mask,
    snd_pcm,
    snd_pcm_hardware,
    snd_pcm_hw_params,
    snd_pcm_hw_rule,
    snd_pcm_ops,
    snd_pcm_runtime,
    snd_pcm_substream,
    snd_timer_id,
    snd_timer_instance,
    spinlock_t,
    hrtimer,
    irq_work,
};

#[kunit_tests(alsa_layout)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let mut i = 0;
        for (name, size) in SIZES {
            // SAFETY: Any number may be asked for.
            let c = unsafe { bindings::alsa_size(i) };
            if c != *size {
                pr_err!("{}: {} bytes in C, {} in Rust\n", name, c, size);
            }
            assert_eq!(c, *size);
            i += 1;
        }
        #[cfg(CONFIG_PREEMPT_RT)]
        {
            // SAFETY: Any number may be asked for.
            let c = unsafe { bindings::alsa_size(i) };
            assert_eq!(c, size_of::<bindings::kthread_work>());
            i += 1;
        }
        // SAFETY: Any number may be asked for.
        assert_eq!(unsafe { bindings::alsa_size(i) }, 0);
    }
}
