// SPDX-License-Identifier: GPL-2.0

//! Messages that applications can cause.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use crate::bindings;

/// Whether one more message may be printed now. Ask before each that an application can cause at
/// will.
///
/// C: `__ratelimit()`, with a state of the crate's own.
pub fn ratelimit() -> bool {
    // SAFETY: It may be called in any context.
    unsafe { bindings::alsa_printk_ratelimit() }
}
