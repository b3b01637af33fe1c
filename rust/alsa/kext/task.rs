// SPDX-License-Identifier: GPL-2.0

//! Which program has called.
//!
//! Its home would be `rust/kernel/task.rs` (`Task::comm()`) and a `rust/kernel/pid.rs`. When those
//! have names of tasks and references to pids, this is superfluous.
//!
//! C headers: [`include/linux/sched.h`](srctree/include/linux/sched.h),
//! [`include/linux/pid.h`](srctree/include/linux/pid.h)

use crate::bindings;
use kernel::{
    prelude::*,
    str::BStr, //
};

/// The room for a name; C: `TASK_COMM_LEN`.
const NAME_LEN: usize = 16;

/// A program that has called, which may have ended since.
///
/// # Examples
///
/// ```
/// use alsa::kext::task::Program;
///
/// /// Says who has opened a device.
/// fn opened() {
///     let program = Program::current();
///     pr_info!("{} ({}) has opened it\n", program.name(), program.pid());
/// }
/// ```
///
/// # Invariants
///
/// `pid` is null, or valid with a reference of its own.
pub struct Program {
    pid: *mut bindings::pid,
    name: [u8; NAME_LEN],
}

// SAFETY: References to a pid may be used and given back by any thread.
unsafe impl Send for Program {}
// SAFETY: What a shared reference allows may be done by several threads at once.
unsafe impl Sync for Program {}

impl Program {
    /// Returns the program that calls: name and number are those of its first thread.
    ///
    /// Process context.
    ///
    /// C: `current->group_leader->comm`, `task_tgid(current)`.
    pub fn current() -> Self {
        let current = kernel::current!();
        let leader = current.group_leader().as_ptr();
        // SAFETY: The leader is valid while its thread `current` runs. The name may change at any
        // time: any mixture of an old and a new one will do.
        let name = unsafe { (&raw const (*leader).comm).read_volatile() };
        // SAFETY: As above. The function takes a reference, or returns null.
        let pid = unsafe { bindings::get_task_pid(leader, bindings::pid_type_PIDTYPE_TGID) };
        // INVARIANT: The reference is this value's.
        Self { pid, name }
    }

    /// Returns the name, of at most 15 bytes.
    ///
    /// Any bytes may be in it but 0: its program chooses.
    pub fn name(&self) -> &BStr {
        let bytes = self.name.split(|&byte| byte == 0).next();
        BStr::from_bytes(bytes.unwrap_or(&[]))
    }

    /// Returns the number of the process, as the process that asks would see it; 0 if it would not
    /// see it, or the process has ended.
    ///
    /// Process context.
    ///
    /// C: `pid_vnr()`.
    pub fn pid(&self) -> i32 {
        // SAFETY: The function takes null, and what is valid by the type invariant.
        unsafe { bindings::pid_vnr(self.pid) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to give back, or null, which the
        // function takes.
        unsafe { bindings::put_pid(self.pid) };
    }
}

#[kunit_tests(alsa_task)]
mod tests {
    use super::*;

    /// Whoever runs the tests sees itself.
    #[test]
    fn current() {
        let program = Program::current();
        assert!(program.pid() == kernel::current!().tgid());
        assert!(!program.name().is_empty() && program.name().len() < NAME_LEN);
    }
}
