// SPDX-License-Identifier: GPL-2.0

//! Messages that applications can cause.
//!
//! C header: [`include/linux/printk.h`](srctree/include/linux/printk.h)

use crate::bindings;

/// Whether one more message may be printed now. Ask before each that an application can cause at will.
///
/// C: `printk_ratelimit()`.
pub fn ratelimit() -> bool {
    // SAFETY: It may be called in any context.
    unsafe { bindings::alsa_printk_ratelimit() }
}
