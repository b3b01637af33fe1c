# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a guest is, by its architecture, and how its time is measured. Source it after scripts/lib.sh.
# Architectures have Debian's names: amd64, arm64.

# guest_arch KERNEL: what the kernel in this folder runs on. A tree of scripts/kernel-tree says it in
# the file arch beside its folder stock; another folder may have such a file itself; what says nothing
# is of this machine's architecture.
guest_arch() {
	local file
	for file in "$1/arch" "$1/../arch"; do
		[[ ! -f $file ]] || {
			cat -- "$file"
			return
		}
	done
	host_arch
}

# machine ARCH ACCEL: sets QEMU, the emulator's name, MACHINE, its arguments for the machine and
# its processors, CONSOLE, the kernel's name of the first serial line, and APPEND, what the kernel
# has to be told on this machine.
# shellcheck disable=SC2034 # for whoever sources this
machine() {
	local arch=$1 accel=$2
	APPEND=()
	case $arch in
	amd64)
		QEMU=qemu-system-x86_64 CONSOLE=ttyS0
		MACHINE=(-machine pc)
		APPEND=(no_timer_check unknown_nmi_panic)
		# Linux 7.2 checks clocks against each other even while stop_machine() exchanges them. It
		# waits for a processor that is stopped, and measures how long by the clock that stands
		# still: for ever. That takes processors that don't run at the same time, and QEMU's needn't
		# be checked.
		[[ $accel != tcg ]] || APPEND+=(tsc=nowatchdog)
		;;
	arm64)
		QEMU=qemu-system-aarch64 CONSOLE=ttyAMA0
		MACHINE=(-machine "virt,gic-version=max")
		APPEND=(sysrq_always_enabled)
		# It has programs of 32 bits, atomic instructions, and no flaw that the kernel would work
		# around at each system call; nor needs it be hidden where the kernel lies, by other page
		# tables at each system call, which an emulator is slow with.
		[[ $accel != tcg ]] || { MACHINE+=(-cpu cortex-a55) && APPEND+=(kpti=off); }
		;;
	*) die "no guests of the architecture $arch: amd64 or arm64" ;;
	esac
	[[ $accel != kvm ]] || MACHINE+=(-cpu host)
}

# panic_guest ARCH RUN: makes a guest's kernel panic, whose monitor and serial line (its input, if QEMU was
# told to read it) are pipes in the folder RUN. A PC has an interrupt that can't be masked; elsewhere, it is
# the key SysRq-C on the serial line, which takes a kernel that still listens.
panic_guest() {
	# Opened for reading too: that waits for nobody.
	case $1 in
	amd64) echo nmi 1<>"$2/monitor.in" ;;
	*)
		# The key has to come after the break: the monitor answers when that has been sent.
		printf '%s\n' 'chardev-send-break serial' 'print/d 0x3039' 1<>"$2/monitor.in"
		timeout 5 grep -q -m 1 '^12345' "$2/monitor.out" || true
		printf c 1<>"$2/serial.in"
		;;
	esac
}

# time_out SECONDS PROCESS: returns when what PROCESS has become has had that long. What its threads waited
# for a processor of a busy host (the one that waited longest) doesn't count.
time_out() {
	local begun=$SECONDS process child file waited longest
	while kill -0 "$$" 2>/dev/null; do
		# bwrap is the parent, and has one child at each step.
		process=$2
		while :; do
			# The line has no end, which read tells by its status.
			child=''
			read -r child _ 2>/dev/null <"/proc/$process/task/$process/children" || true
			[[ $child ]] || break
			process=$child
		done
		longest=0
		for file in "/proc/$process/task"/*/schedstat; do
			# In nanoseconds: it ran, it waited.
			read -r _ waited _ <"$file" || waited=0
			((waited <= longest)) || longest=$waited
		done
		((SECONDS - begun - longest / 1000000000 < $1)) || return 0
		sleep 1
	done
}
