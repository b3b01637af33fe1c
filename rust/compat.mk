# SPDX-License-Identifier: GPL-2.0
#
# What differs between the kernels that the modules build for. Here is what the tree is asked (it, and not
# its version: stable updates change such things too), and in rust/alsa/kext/compat.rs what follows from it.
# Whatever can be written in one way for all kernels is, and is not listed. To drop a kernel, delete the
# lines here and there that name it.

# alsa_kernel_has(ITEM): y if there is `kernel::ITEM`. It is the crate that is asked, as a module would: trees
# of some distributions have the crates without their sources. Any other answer than that there is no such
# item (E0432) ends the build: what comes of a wrong guess is harder to read.
alsa_kernel_has = $(call alsa_kernel_answer,$1,$(shell printf 'pub use kernel::%s;\n' '$1' | \
	OBJTREE=$(abspath $(objtree)) RUST_MODFILE=alsa_probe $(RUSTC) $(KBUILD_RUSTFLAGS) --cfg MODULE \
	-Zcrate-attr=no_std -Zunstable-options --extern kernel -L $(objtree)/rust --sysroot=/dev/null \
	--crate-type rlib --crate-name alsa_probe --emit=dep-info=/dev/null - 2>&1 && echo y))
alsa_kernel_answer = $(if $(filter y,$(lastword $2)),y,$(if $(findstring E0432,$2),,$(error \
	$(RUSTC) can't say whether the kernel crate has $1: $2)))

# From Linux 7.3 on, a faux registration gives a `faux::Device`; in 7.2 it gives a `device::Device`.
alsa_compat-$(call alsa_kernel_has,faux::Device) += faux_device

alsa_compat_flags := $(addprefix --cfg=alsa_,$(alsa_compat-y))
