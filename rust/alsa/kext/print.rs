// SPDX-License-Identifier: GPL-2.0

//! Messages that applications can cause.
//!
//! Its home would be `rust/kernel/print.rs`. Macros of this kind there make it superfluous.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use crate::bindings;

/// Returns whether one more message may be printed now.
///
/// C: `__ratelimit()`, with a state of the crate's own.
#[doc(hidden)]
pub fn ratelimit() -> bool {
    // SAFETY: It may be called in any context.
    unsafe { bindings::alsa_ratelimit() }
}

/// Prints an error that applications can cause at will: no more than ten of them in five seconds.
///
/// C: `pr_err_ratelimited()`.
///
/// # Examples
///
/// ```
/// use alsa::pr_err_ratelimited;
///
/// fn set_rate(rate: u32) -> Result {
///     if rate == 0 {
///         pr_err_ratelimited!("a rate of {rate} makes no sound\n");
///         return Err(EINVAL);
///     }
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! pr_err_ratelimited {
    ($($message:tt)*) => {
        if $crate::kext::print::ratelimit() {
            ::kernel::pr_err!($($message)*);
        }
    };
}
