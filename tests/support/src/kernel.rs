// SPDX-License-Identifier: GPL-2.0

//! The kernel's interface: [`pcm`], [`control`] and [`timer`] have the structures and request
//! numbers of `<sound/asound.h>`, 64 bit.
//!
//! The tests of the PCM callbacks speak to the kernel and not to alsa-lib, because alsa-lib
//! prepares after HW_PARAMS, checks states before the kernel can, and turns some errors into
//! others. What a client of alsa-lib sees is tested in `tests::client`.

pub mod control;
pub mod log;
pub mod pcm;
pub mod timer;

use std::fmt;
use std::fs;
use std::io;

pub use pcm::*;

/// A failed call, with its name and its `errno` (positive).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno {
    pub call: &'static str,
    pub code: i32,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = errno_name(self.code);
        if name.is_empty() {
            write!(f, "{}: error {}", self.call, self.code)
        } else {
            write!(f, "{}: {}", self.call, name)
        }
    }
}

/// The symbolic name of an error number, or an empty string for one that no test expects.
pub fn errno_name(code: i32) -> &'static str {
    match code {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EIO => "EIO",
        libc::ENXIO => "ENXIO",
        libc::EBADF => "EBADF",
        libc::EFAULT => "EFAULT",
        libc::ENOSYS => "ENOSYS",
        libc::EALREADY => "EALREADY",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EBUSY => "EBUSY",
        libc::ENODEV => "ENODEV",
        libc::EINVAL => "EINVAL",
        libc::ERANGE => "ERANGE",
        libc::ENOTTY => "ENOTTY",
        libc::EPIPE => "EPIPE",
        libc::EBADFD => "EBADFD",
        libc::ESTRPIPE => "ESTRPIPE",
        libc::ETIMEDOUT => "ETIMEDOUT",
        _ => "",
    }
}

pub const NONE: u64 = 0;
pub const WRITE: u64 = 1;
pub const READ: u64 = 2;

/// The number of a request: direction (1 the kernel reads, 2 it writes), kind, number, size of the
/// argument.
pub const fn request(dir: u64, kind: u8, nr: u64, size: usize) -> u64 {
    (dir << 30) | ((size as u64) << 16) | ((kind as u64) << 8) | nr
}

/// Issues `request` with a pointer argument.
///
/// # Safety
///
/// `arg` must point to what `request` reads and writes.
pub unsafe fn ioctl<T>(
    fd: i32,
    call: &'static str,
    request: u64,
    arg: *mut T,
) -> Result<i32, Errno> {
    // SAFETY: As the caller promises.
    let result = unsafe { libc::ioctl(fd, request, arg) };
    if result < 0 {
        Err(Errno {
            call,
            code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
        })
    } else {
        Ok(result)
    }
}

/// The text of a fixed-size, NUL-terminated field.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now_ns() -> i64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec * 1_000_000_000 + ts.tv_nsec
}

/// Whether the kernel is a real-time one, where what interrupts do elsewhere is done by threads.
pub fn is_realtime() -> Result<bool, io::Error> {
    Ok(fs::read_to_string("/proc/version")?.contains("PREEMPT_RT"))
}

/// Whether the kernel is one that checks itself, and so takes several times as long for everything.
pub fn is_checked() -> bool {
    fs::exists("/sys/kernel/debug/kmemleak").unwrap_or(false)
}

/// Pauses of the kernel's timers.
///
/// When its interrupt for timers finds, three times in a row, that others have expired while it was
/// at work, the kernel leaves all timers of the processor alone for a while. In Linux 7.2 and 7.3
/// that is as long as such an interrupt has ever taken there (`upstream/hrtimer-hang.rst`).
pub struct Pauses {
    /// How many there have been on all processors, since the boot.
    pub count: u64,
    /// How long the next one is, on any processor, in nanoseconds.
    pub length: u64,
}

impl Pauses {
    /// Reads what the kernel says of them in `/proc/timer_list`, which takes it a while.
    pub fn read() -> Result<Self, io::Error> {
        let list = fs::read_to_string("/proc/timer_list")?;
        let values = |name: &'static str| {
            list.lines()
                .filter_map(move |line| line.trim().strip_prefix(name)?.trim().strip_prefix(':'))
                .filter_map(|value| value.split_whitespace().next()?.parse::<u64>().ok())
        };
        let length = values(".max_hang_time").max();
        Ok(Self {
            count: values(".nr_hangs").sum(),
            length: length.ok_or(io::ErrorKind::NotFound)?,
        })
    }
}

/// Lets the calling thread run on one processor only.
///
/// # Errors
///
/// EINVAL if there is no such processor.
pub fn pin(cpu: usize) -> Result<(), Errno> {
    pin_thread(0, cpu)
}

/// Lets the threads that a card has on `PREEMPT_RT`, where callbacks run in them, run on one
/// processor only.
///
/// # Errors
///
/// EINVAL if there is no such processor.
pub fn pin_threads_of(card: u32, cpu: usize) -> Result<(), Errno> {
    let name = format!("snd/C{card}D");
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let comm = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        let number = process.file_name().to_str().and_then(|n| n.parse().ok());
        if let (true, Some(thread)) = (comm.starts_with(&name), number) {
            pin_thread(thread, cpu)?;
        }
    }
    Ok(())
}

/// 0 is the calling thread.
fn pin_thread(thread: libc::pid_t, cpu: usize) -> Result<(), Errno> {
    // SAFETY: A set of processors is plain data, that says how long it is; the call changes where
    // a thread runs.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), &set)
    };
    if result < 0 {
        return Err(Errno {
            call: "sched_setaffinity",
            code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
        });
    }
    Ok(())
}
