# SPDX-License-Identifier: GPL-2.0
# What a user or CI calls; `make help` lists it. The module's own build is in Kbuild.

# One of Debian's kernels, for all that runs in the build root or in a guest: a name that `make kernels`
# shows, a version or a release. Without it, the newest that is known to work is taken.
export KERNEL

# The kernel tree that `make` builds on: the running kernel's, if nothing else is said.
KDIR ?= /lib/modules/$(shell uname -r)/build
# The kernel that `make stock` builds and `make install` installs for.
RELEASE ?=
MO := $(CURDIR)/build/host
# The types of a module are described by those of the kernel. Without them Kbuild warns that it skips that.
NO_BTF = $(if $(wildcard $(KDIR)/vmlinux),,CONFIG_DEBUG_INFO_BTF_MODULES=)

.PHONY: all module stock kdir kernels install demo test test-kernels test-clients test-packages soak fuzz bench aloopctl install-aloopctl deb dist fmt check doc rust-analyzer shell clean distclean help
.DEFAULT_GOAL := all

all: module

module:
	@scripts/check-kdir "$(KDIR)"
	@mkdir -p $(MO)
	$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR) MO=$(MO) $(NO_BTF) modules
	@echo "built: build/host/snd-aloop-rs.ko; sudo make install puts it where modprobe finds it"

stock:
	@scripts/build-stock $(RELEASE)

kdir:
	@echo "$$(scripts/kernel-tree)/build"

kernels:
	@scripts/kernel --table

install:
	@scripts/install-module $(RELEASE)

demo:
	@scripts/demo

test:
	@tests/run

# QUICK=1: everything for a moment only.
bench:
	@tests/bench/run $(if $(QUICK),--quick)

# All suites on each kernel of scripts/kernels.list: hours.
test-kernels:
	@tests/run kernels-all

test-clients:
	@tests/run clients clients-long

test-packages:
	@tests/run packages-all

# MINUTES=N: how long each ramp lasts (60).
soak:
	@MINUTES=$(or $(MINUTES),60) tests/run soak

# SECONDS=N: how long (until interrupted), SEED=N: the same choices again, MERGE=1: into the tree's corpus.
fuzz:
	@tests/fuzz/run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(MERGE),--merge)

aloopctl:
	@aloopctl/build >/dev/null
	@echo "built: build/aloopctl/release/aloopctl; sudo make install-aloopctl puts it into /usr/local"

install-aloopctl:
	@aloopctl/install

# ARCH=arm64 for machines of the other architecture, KERNELS="7.3 rt" for fewer kernels.
deb:
	@ARCH="$(ARCH)" KERNELS="$(KERNELS)" packages/build

dist:
	@packages/dist

fmt:
	@scripts/check-static fmt

check:
	@tests/run static

doc:
	@scripts/build-module --to build/doc ALSA_RUSTDOC=1 >&2
	@echo "rendered: build/doc/doc/alsa/index.html"

# For editors: what the crates are, and where.
rust-analyzer:
	@scripts/rust-analyzer

shell:
	@scripts/build-module >&2
	@qemu/run -- sh

# What can be made again from the caches in seconds or minutes, ...
clean:
	@scripts/clean build

# ... and the caches too.
distclean:
	@scripts/clean all

help:
	@echo 'Everything but all and the installs works without preparation on Debian 12 and 13: the tools'
	@echo 'come from a build root in $${XDG_CACHE_HOME:-~/.cache}/snd-aloop-rs, made when first needed.'
	@echo
	@echo '  make demo       boot the stock kernel in QEMU, loop real audio, compare every sample'
	@echo '  make test       run all the tests'
	@echo '  make test-kernels  all the suites on each kernel that the driver is known to work on: hours'
	@echo '  make bench      measure the C driver and ours in one boot: tables and plots in build/bench'
	@echo '                  (QUICK=1: for a moment only; tests/bench/publish: into the documents;'
	@echo '                  with KERNEL=NAME in build/bench-NAME)'
	@echo '  make test-clients  all tests with the programs that people use, the long ones too'
	@echo '  make test-packages  packages on a computer with Debian 13: kernels upgraded, dkms, Secure Boot'
	@echo '  make soak       hours of sound, thousands of opens, loads and faults (MINUTES=60: of each ramp)'
	@echo '  make fuzz       calls that are made up, in a kernel that checks itself, until interrupted'
	@echo '                  (SECONDS=N: so long; SEED=N: the same choices again; MERGE=1: what is new'
	@echo '                  into the corpus; tests/fuzz/run --help: to carry out an input again)'
	@echo '  make check      the static checks only: rustfmt, clippy, shellcheck, checkpatch'
	@echo '  tests/one NAME  one test, in the guest that it wants (tests/one --help; CONTRIBUTING.rst)'
	@echo '  make shell      a shell in the stock kernel, with the modules at hand'
	@echo '                  (qemu/run --help: any command, and what else it can do)'
	@echo
	@echo '  make kernels    which of Debian'"'"'s kernels there are, and which were tested. All of the above'
	@echo '                  takes the first of them, or KERNEL=NAME (as in make demo KERNEL=rt)'
	@echo
	@echo '  make            build the module for KDIR with this machine'"'"'s tools'
	@echo '                  (KDIR=$(KDIR))'
	@echo '  make stock      build it in the build root for the running kernel, if that is one of Debian'"'"'s'
	@echo '                  (RELEASE=... or KERNEL=... for another)'
	@echo '  make kdir       make a tree of a kernel of Debian'"'"'s to build on, Rust included; print its'
	@echo '                  folder: make KDIR=$$(make -s kdir)'
	@echo '  make install    as root: install the module built for the running kernel, by either'
	@echo '                  (another kernel: RELEASE=...; another root: INSTALL_MOD_PATH=...)'
	@echo
	@echo '  make aloopctl   build the program that lists, makes, watches and checks cards, and its manual'
	@echo '                  (build/aloopctl; sudo make install-aloopctl: into /usr/local, or DESTDIR=...)'
	@echo
	@echo '  make deb        build packages of Debian 13: modules, dkms, aloopctl; build/packages/ARCH is a'
	@echo '                  folder that apt can take them from (ARCH=arm64; KERNELS="7.3 rt": fewer kernels)'
	@echo '  make dist       the sources as build/snd-aloop-rs-VERSION.tar.xz, which needs no git'
	@echo
	@echo '  make fmt        format the Rust sources'
	@echo '  make doc        render the documentation of the Rust items'
	@echo '  make rust-analyzer  write rust-project.json, by which editors know the crates'
	@echo '  make clean      remove build/'
	@echo '  make distclean  remove build/ and the caches'
