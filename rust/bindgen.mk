# SPDX-License-Identifier: GPL-2.0
#
# bindgen for a module outside of the tree. What stands here is private to rust/Makefile in the
# kernel: the flags are taken from there where they can be, so that they follow the kernel's.

# gcc's flags that libclang does not know.
bindgen_skip_c_flags := $(shell sed -n '/^bindgen_skip_c_flags := /,/[^\\]$$/p' \
	$(srctree)/rust/Makefile | sed -e 's/^bindgen_skip_c_flags := //' -e 's/\\$$//')

ALSA_BINDGEN_TARGET_x86 := x86_64-linux-gnu
ALSA_BINDGEN_TARGET_arm64 := aarch64-linux-gnu

ifdef CONFIG_CC_IS_CLANG
alsa_bindgen_c_flags = $(c_flags)
else
alsa_bindgen_c_flags = $(filter-out $(bindgen_skip_c_flags), $(c_flags)) -w \
	--target=$(ALSA_BINDGEN_TARGET_$(SRCARCH))
endif

ifdef CONFIG_LTO
alsa_bindgen_c_flags_final = $(filter-out $(CC_FLAGS_LTO), $(alsa_bindgen_c_flags))
else
alsa_bindgen_c_flags_final = $(alsa_bindgen_c_flags)
endif

quiet_cmd_alsa_bindgen = BINDGEN $@
      cmd_alsa_bindgen = \
	$(BINDGEN) $< $(bindgen_target_flags) --rust-target 1.85 \
		--use-core --with-derive-default --ctypes-prefix ffi --no-layout-tests \
		--no-debug '.*' --enable-function-attribute-detection --formatter none \
		-o $@ -- $(alsa_bindgen_c_flags_final) -fno-builtin -D__BINDGEN__ -DMODULE \
		$(bindgen_target_extra)
