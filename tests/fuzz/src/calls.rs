// SPDX-License-Identifier: GPL-2.0

//! System calls, none of which waits for ever.

use std::cell::Cell;
use std::io;
use std::sync::Once;

/// What a call returned: its value, or the error number.
pub type Answer = Result<i64, i32>;

/// A descriptor that is closed with its owner.
pub struct Fd(pub i32);

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: The descriptor is ours.
        unsafe { libc::close(self.0) };
    }
}

pub fn answer(result: i64) -> Answer {
    if result < 0 {
        Err(io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        Ok(result)
    }
}

pub fn open(path: &str, flags: i32) -> Result<Fd, i32> {
    let path = std::ffi::CString::new(path).map_err(|_| libc::EINVAL)?;
    // SAFETY: `path` is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) };
    answer(fd.into()).map(|_| Fd(fd))
}

/// An ioctl whose argument is an address or a number.
///
/// # Safety
///
/// What the kernel writes through `argument` must be memory that nobody else relies on.
pub unsafe fn ioctl_raw(fd: i32, request: u64, argument: u64) -> Answer {
    // SAFETY: As the caller promises; other addresses are an error.
    answer(unsafe { libc::ioctl(fd, request, argument) }.into())
}

/// An ioctl on bytes of ours, of which there are enough for every request of the kernel's.
pub fn ioctl_bytes(fd: i32, request: u64, bytes: &mut [u8; GARBAGE]) -> Answer {
    // SAFETY: No request has an argument of more than 14 bits of length, and the kernel uses what
    // its own structures have.
    unsafe { ioctl_raw(fd, request, bytes.as_mut_ptr() as u64) }
}

/// The length of buffers for requests that are anything.
pub const GARBAGE: usize = 1 << 14;

/// An ioctl on a structure of ours.
pub fn ioctl<T>(fd: i32, request: u64, argument: &mut T) -> Answer {
    assert!((request >> 16 & 0x3fff) as usize <= size_of::<T>());
    // SAFETY: The structure is as long as the request says.
    unsafe { ioctl_raw(fd, request, argument as *mut T as u64) }
}

/// An ioctl without an argument.
pub fn ioctl_plain(fd: i32, nr: u64) -> Answer {
    // SAFETY: The kernel writes nothing.
    unsafe { ioctl_raw(fd, nr, 0) }
}

extern "C" fn interrupt(_signal: i32) {}

/// After so many milliseconds, a call that waits is interrupted, again and again.
const PATIENCE_MS: i64 = 25;

thread_local! {
    static TIMER: Cell<Option<libc::timer_t>> = const { Cell::new(None) };
}

fn new_timer() -> libc::timer_t {
    static HANDLER: Once = Once::new();
    let signal = libc::SIGRTMIN() + 1;
    HANDLER.call_once(|| {
        // SAFETY: The structure is all zeros but for the handler, which does nothing. Without
        // SA_RESTART a call that waits ends with EINTR.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = interrupt as extern "C" fn(i32) as usize;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    });
    // SAFETY: Zero is a value of each field; the timer is this thread's.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = std::mem::zeroed();
        assert_eq!(
            libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer),
            0
        );
        timer
    }
}

fn set_timer(milliseconds: i64) {
    let timer = TIMER.get().unwrap_or_else(|| {
        let timer = new_timer();
        TIMER.set(Some(timer));
        timer
    });
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: milliseconds * 1_000_000,
    };
    let times = libc::itimerspec {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: The timer is this thread's.
    unsafe { libc::timer_settime(timer, 0, &times, std::ptr::null_mut()) };
}

/// Makes a call that may wait.
pub fn bounded<T>(call: impl FnOnce() -> T) -> T {
    set_timer(PATIENCE_MS);
    let result = call();
    // errno belongs to the call.
    // SAFETY: The place of errno is valid for this thread.
    let errno = unsafe { *libc::__errno_location() };
    set_timer(0);
    // SAFETY: As above.
    unsafe { *libc::__errno_location() = errno };
    result
}
