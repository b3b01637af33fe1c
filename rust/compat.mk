# SPDX-License-Identifier: GPL-2.0
#
# What differs between the kernels that the modules build for. Here is what the tree is asked (it, and not
# its version: stable updates change such things too), and in rust/alsa/compat.rs what follows from it.
# Whatever can be written in one way for all kernels is, and is not listed. To drop a kernel, delete the
# lines here and there that name it.

alsa_tree_has = $(shell grep -qs '$1' $(srctree)/rust/kernel/$2 && echo y)

# From Linux 7.3 on, a faux registration gives a `faux::Device`; in 7.2 it gives a `device::Device`.
alsa_compat-$(call alsa_tree_has,AsRef<Device<device::Bound>> for Registration,faux.rs) += faux_device

alsa_compat_flags := $(addprefix --cfg=alsa_,$(alsa_compat-y))
