// SPDX-License-Identifier: GPL-2.0

//! Kernel extensions: what drivers need and the `kernel` crate does not have yet.
//!
//! Each file says which file of the kernel it would be, and what makes it superfluous. Nothing here
//! knows of sound, or uses anything of this crate but what is here and the bindings.
//!
//! - [`lock`]: a spinlock that keeps interrupts off (`rust/kernel/sync/lock/spinlock.rs`).
//! - [`global`]: a mutex in a `static` (`rust/kernel/sync/lock/global.rs`).
//! - `hrtimer`: a timer that can be cancelled without a wait (`rust/kernel/time/hrtimer.rs`).
//! - `irq_work`: a call as soon as interrupts are on (`rust/kernel/irq_work.rs`).
//! - `kthread`: a thread for works, on `PREEMPT_RT` (`rust/kernel/kthread.rs`).
//! - [`time`]: points in time as numbers (`rust/kernel/time.rs`).
//! - `configfs`: a directory of configfs that may be refused (`rust/kernel/configfs.rs`).
//! - [`param`]: arrays of module parameters (`rust/kernel/module_param.rs`).
//! - [`platform`]: platform devices that a module makes (`rust/kernel/platform.rs`).
//! - [`print`]: messages, no more than some in a time (`rust/kernel/print.rs`).
//! - [`task`]: which program has called (`rust/kernel/task.rs`).
//! - [`compat`]: what differs between kernels (nowhere).

pub mod compat;
#[cfg(CONFIG_CONFIGFS_FS)]
pub mod configfs;
pub mod global;
pub(crate) mod hrtimer;
pub(crate) mod irq_work;
#[cfg(CONFIG_PREEMPT_RT)]
pub(crate) mod kthread;
pub mod lock;
pub mod param;
pub mod platform;
pub mod print;
pub mod task;
pub mod time;
