// SPDX-License-Identifier: GPL-2.0

//! What bindgen made of the sound headers, with the types of the `kernel` crate for all else.

#![allow(
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

use kernel::ffi;
use pin_init::MaybeZeroable;

pub use kernel::bindings::*;

include!(concat!(env!("ALSA_OBJTREE"), "/bindings_generated.rs"));

pub use helpers::*;

mod helpers {
    use super::*;

    include!(concat!(env!("ALSA_OBJTREE"), "/helpers_generated.rs"));
}
