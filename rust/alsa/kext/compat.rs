// SPDX-License-Identifier: GPL-2.0

//! What differs between the kernels that this crate builds for, in one form.
//!
//! It has no home in the kernel, which is one kernel. Each item goes with the last kernel that
//! needs it.
//!
//! `rust/compat.mk` finds out which of the variants it is.

use kernel::{
    device,
    faux, //
};

/// Returns the device of a faux registration, to be the parent of a card.
///
/// It is bound as long as it is registered.
#[cfg(alsa_faux_device)] // Linux 7.3
pub fn faux_device(registration: &faux::Registration) -> &device::Device<device::Bound> {
    let device: &faux::Device<_> = registration.as_ref();
    device.as_ref()
}

/// Returns the device of a faux registration, to be the parent of a card.
///
/// It is bound as long as it is registered.
#[cfg(not(alsa_faux_device))] // Linux 7.2
pub fn faux_device(registration: &faux::Registration) -> &device::Device<device::Bound> {
    let device: &device::Device = registration.as_ref();
    // SAFETY: The registration has bound the device to the driver of its bus, from which user space
    // cannot unbind it; its drop does.
    unsafe { device.as_bound() }
}
