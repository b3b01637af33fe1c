// SPDX-License-Identifier: GPL-2.0

//! How threads meet where processors take turns.
//!
//! Under the clock that counts instructions, one processor at a time runs. Its turn ends at a
//! fraction of the time until some timer expires, which may be milliseconds; when a timer is armed;
//! and with each `PAUSE`, the hint of a loop that it waits. A call of another thread that is to
//! fall into one of some microseconds needs a timer that expires meanwhile. Where processors run at
//! the same time, none of this does any harm.

use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;

use crate::kernel::now_ns;

/// A time that is waited for without sleeping, with a timer that expires then.
///
/// Nobody is woken by the timer. But another processor may be in the midst of its turn: the timer
/// ends that, and it is this one's turn just when its time has come.
pub struct Alarm {
    until: i64,
    _timer: Option<OwnedFd>,
}

impl Alarm {
    /// An alarm in so many nanoseconds. No time, or less, is no wait.
    pub fn after(nanos: i64) -> Self {
        let until = now_ns() + nanos;
        Alarm {
            until,
            _timer: (nanos > 0).then(|| timer_at(until)).flatten(),
        }
    }

    /// Waits for it.
    pub fn spin(&self) {
        spin_until(|| now_ns() >= self.until);
    }
}

/// A timer that expires at this time of `CLOCK_MONOTONIC`, if there can be one.
fn timer_at(time: i64) -> Option<OwnedFd> {
    let at = libc::itimerspec {
        it_interval: libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: libc::timespec {
            tv_sec: time / 1_000_000_000,
            tv_nsec: time % 1_000_000_000,
        },
    };
    // SAFETY: The descriptor is new and owned by nobody else; `at` is a valid time.
    unsafe {
        let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC);
        if fd < 0 {
            return None;
        }
        let timer = OwnedFd::from_raw_fd(fd);
        libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &at, std::ptr::null_mut());
        Some(timer)
    }
}

/// Waits without sleeping. Each hint that this is a wait ends a turn: for the host, that is much
/// more work than to look a few times more.
pub fn spin_until(mut holds: impl FnMut() -> bool) {
    while !(0..20).any(|_| holds()) {
        std::hint::spin_loop();
    }
}

/// Lets so many nanoseconds go by, without sleeping.
pub fn spin(nanos: i64) {
    Alarm::after(nanos).spin();
}
