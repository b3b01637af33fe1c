// SPDX-License-Identifier: GPL-2.0

//! Texts of a few bytes that are kept where they are: what users have written.
//!
//! Nothing here is of the kernel; `tests/host` compiles this file as well.

use core::ffi::CStr;

/// A text of less than `N` bytes, none of which is 0.
///
/// # Invariants
///
/// The bytes from the first 0 on are 0, and there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Keeps as much of a text as there is room for, and nothing from a 0 on.
    pub(crate) const fn cut(text: &[u8]) -> Self {
        let mut bytes = [0; N];
        let mut len = 0;
        while len < text.len() && len.saturating_add(1) < N && text[len] != 0 {
            bytes[len] = text[len];
            len += 1;
        }
        // INVARIANT: By the loop's condition; all are 0 at first.
        Self(bytes)
    }

    /// Returns the text.
    pub(crate) fn as_c_str(&self) -> &CStr {
        // There is a 0, by the type invariant.
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}
