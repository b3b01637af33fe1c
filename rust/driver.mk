# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild of a driver that is built on the abstractions. Before it includes this file, it says where this
# folder is, in or below its own: samples/template/Kbuild is an example, for a driver in a repository of its own.
#
#   alsa-rs := snd-aloop-rs/rust
#   include $(src)/$(alsa-rs)/driver.mk
#   obj-m := snd-mine-rs.o
#   snd-mine-rs-y := mine.o $(alsa-objs)
#   $(call alsa-driver,mine)
#
# $(alsa-objs) are what the abstractions add to the driver's module; $(call alsa-driver,CRATE) lets CRATE.rs use
# the crate `alsa`.

include $(src)/$(alsa-rs)/bindgen.mk
include $(src)/$(alsa-rs)/compat.mk

alsa-objs := $(addprefix $(alsa-rs)/alsa/,alsa.o helpers.o quirks.o)
alsa-objs += $(if $(filter y,$(CONFIG_KUNIT)),$(alsa-rs)/alsa/layout.o)

# Where `alsa/bindings.rs` finds what bindgen wrote; it differs from the source's folder with MO=.
export ALSA_OBJTREE := $(abspath $(obj))/$(alsa-rs)/alsa

# `alsa` is a crate of its own, linked into each module that is built on it: rustc is asked for its
# metadata too, by which the driver crates know it. (The kernel's own extra crates are built by
# rust/Makefile, which has no place for ours.)
RUSTFLAGS_$(alsa-rs)/alsa/alsa.o := --emit=metadata=$(obj)/$(alsa-rs)/alsa/libalsa.rmeta $(alsa_compat_flags)
$(obj)/$(alsa-rs)/alsa/alsa.o: $(obj)/$(alsa-rs)/alsa/bindings_generated.rs \
	$(obj)/$(alsa-rs)/alsa/helpers_generated.rs

# Their prototypes are those that bindgen makes for Rust.
CFLAGS_$(alsa-rs)/alsa/helpers.o := -Wno-missing-prototypes -Wno-missing-declarations
CFLAGS_$(alsa-rs)/alsa/layout.o := -Wno-missing-prototypes -Wno-missing-declarations
CFLAGS_$(alsa-rs)/alsa/quirks.o := -Wno-missing-prototypes -Wno-missing-declarations

alsa-driver = $(eval RUSTFLAGS_$1.o := --extern alsa -L $(obj)/$(alsa-rs)/alsa)$(eval \
	$(obj)/$1.o: $(obj)/$(alsa-rs)/alsa/alsa.o)

# Constants that bindings_helper.h gives the type that they have in C. Bindgen evaluates those whose macros
# have no cast as well (from Linux 7.3 on, none of these has), and takes them for `u32`.
alsa_bindgen_blocklist := \
	--blocklist-item 'SNDRV_(PCM_(FORMAT|STATE|ACCESS)|CTL_ELEM_(TYPE|IFACE))_[A-Z0-9_]*'

# The sound headers and what they need beyond what the `kernel` crate has bound already: its types
# are used as they are, so that a `struct device` is one type in both.
$(obj)/$(alsa-rs)/alsa/bindings_generated.rs: private bindgen_target_flags = \
	$(shell grep -Ev '^\#|^$$' $(srctree)/rust/bindgen_parameters) \
	--allowlist-file '.*/sound/.*' --no-recursive-allowlist \
	--allowlist-var 'RUST_CONST_HELPER_.*' $(alsa_bindgen_blocklist)
$(obj)/$(alsa-rs)/alsa/bindings_generated.rs: private bindgen_target_extra = ; \
	sed -Ei 's/pub const RUST_CONST_HELPER_([a-zA-Z0-9_]*)/pub const \1/g' $@
$(obj)/$(alsa-rs)/alsa/bindings_generated.rs: $(src)/$(alsa-rs)/alsa/bindings_helper.h FORCE
	$(call if_changed_dep,alsa_bindgen)

$(obj)/$(alsa-rs)/alsa/helpers_generated.rs: private bindgen_target_flags = \
	--blocklist-type '.*' --allowlist-var '' --allowlist-function 'rust_helper_.*'
$(obj)/$(alsa-rs)/alsa/helpers_generated.rs: private bindgen_target_extra = ; sed -Ei \
	's/pub fn rust_helper_([a-zA-Z0-9_]*)/\#[link_name="rust_helper_\1"]\n    pub fn \1/g' $@
$(obj)/$(alsa-rs)/alsa/helpers_generated.rs: $(src)/$(alsa-rs)/alsa/helpers.h FORCE
	$(call if_changed_dep,alsa_bindgen)

targets += $(alsa-rs)/alsa/bindings_generated.rs $(alsa-rs)/alsa/helpers_generated.rs
clean-files += $(alsa-rs)/alsa/bindings_generated.rs $(alsa-rs)/alsa/helpers_generated.rs \
	$(alsa-rs)/alsa/libalsa.rmeta
