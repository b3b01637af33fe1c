// SPDX-License-Identifier: GPL-2.0

//! Inputs that don't end.
//!
//! Each call is bounded ([`crate::calls::bounded`]). libFuzzer's own time-out interrupts the thread
//! that hangs; one that the kernel doesn't let go of is beyond that. So a thread watches, and
//! switches the machine off: the host has the input.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// Odd while an input is carried out.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// The longest that an input may take, in seconds of the guest's. Its calls together are bound to
/// less.
const LIMIT: u32 = 60;

/// An input begins, or has ended.
pub fn step() {
    STEPS.fetch_add(1, Relaxed);
}

/// Starts the watch.
pub fn start() {
    thread::spawn(|| {
        let mut last = 0;
        let mut seconds = 0;
        loop {
            thread::sleep(Duration::from_secs(1));
            let steps = STEPS.load(Relaxed);
            if steps != last || steps % 2 == 0 {
                last = steps;
                seconds = 0;
                continue;
            }
            seconds += 1;
            if seconds < LIMIT {
                continue;
            }
            let mut text = format!("<4>WARNING: an input of the fuzzer hangs for {LIMIT} s\n");
            for task in fs::read_dir("/proc/self/task")
                .into_iter()
                .flatten()
                .flatten()
            {
                let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
                text += &format!("<4>{} {}", read("comm").trim(), read("syscall"));
                for line in read("stack").lines() {
                    text += &format!("<4> {line}\n");
                }
            }
            for line in text.lines() {
                let _ = fs::write("/dev/kmsg", line);
            }
            // SAFETY: The machine is ours.
            unsafe { libc::reboot(libc::RB_AUTOBOOT) };
        }
    });
}
