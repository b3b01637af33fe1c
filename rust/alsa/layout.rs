// SPDX-License-Identifier: GPL-2.0

//! Unit tests: are the C structs as large for Rust, to which clang has described them, as they are
//! for the compiler of the kernel?

use crate::bindings;
use core::mem::offset_of;
use kernel::prelude::*;

/// The sizes in the order of `layout.c`.
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
    snd_pcm_group,
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
    kthread_work,
    kthread_worker,
    task_struct,
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
        // SAFETY: Any number may be asked for.
        assert_eq!(unsafe { bindings::alsa_size(i) }, 0);
    }

    /// The counts of [`crate::kext::time::thread_switches`].
    #[test]
    fn task() {
        let offsets = [
            offset_of!(bindings::task_struct, nivcsw),
            offset_of!(bindings::task_struct, nvcsw),
        ];
        for (voluntary, offset) in [false, true].into_iter().zip(offsets) {
            // SAFETY: The function may be called at any time.
            assert_eq!(unsafe { bindings::alsa_task_offset(voluntary) }, offset);
        }
    }
}
