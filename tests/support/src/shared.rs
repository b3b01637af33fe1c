// SPDX-License-Identifier: GPL-2.0

//! The pages of a stream that the kernel shares with its client: one with its status, which the
//! client reads, one of the client's own, which the kernel reads.

use crate::kernel as k;
use crate::kernel::Errno;
use crate::ktap::expect_error;
use crate::ktap::Outcome;
use crate::pcm::Pcm;

/// The kernel shares them where all processors and devices see the same memory, of which x86 is
/// sure. Elsewhere there are none, and SYNC_PTR tells the same.
pub const SHARED: bool = cfg!(target_arch = "x86_64");

const PAGE: usize = 4096;

/// Where `mmap` finds a page, of `<sound/asound.h>`.
pub const STATUS: i64 = 0x8200_0000;
pub const CONTROL: i64 = 0x8300_0000;

/// Words of the status page.
pub const STATE: usize = 0;
pub const HW_PTR: usize = 1;
/// Words of the control page.
pub const APPL_PTR: usize = 0;
pub const AVAIL_MIN: usize = 1;

fn map(fd: i32, which: i64) -> Result<*mut u64, Errno> {
    let protection = match which {
        STATUS => libc::PROT_READ,
        _ => libc::PROT_READ | libc::PROT_WRITE,
    };
    let anywhere = std::ptr::null_mut();
    // SAFETY: A new mapping.
    let page = unsafe { libc::mmap(anywhere, PAGE, protection, libc::MAP_SHARED, fd, which) };
    if page == libc::MAP_FAILED {
        return Err(Errno {
            call: "mmap of a page",
            code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        });
    }
    Ok(page.cast())
}

/// Where the kernel shares no pages, it says so.
pub fn refused(pcm: &Pcm) -> Outcome {
    for which in [STATUS, CONTROL] {
        expect_error(
            "mmap of a page",
            map(pcm.fd(), which).map(drop),
            libc::ENXIO,
        )?;
    }
    Ok(())
}

/// A page, or what SYNC_PTR gives in its place: which moves nothing by itself either.
pub enum Page {
    Mapped(*mut u64),
    Asked { fd: i32, which: i64 },
}

impl Page {
    pub fn of(pcm: &Pcm, which: i64) -> Result<Self, Errno> {
        let fd = pcm.fd();
        if SHARED {
            map(fd, which).map(Page::Mapped)
        } else {
            let page = Page::Asked { fd, which };
            page.ask(&mut Page::look()).map(|()| page)
        }
    }

    fn look() -> k::SyncPtr {
        k::SyncPtr {
            flags: k::SYNC_PTR_APPL | k::SYNC_PTR_AVAIL_MIN,
            ..Default::default()
        }
    }

    fn ask(&self, sync: &mut k::SyncPtr) -> Result<(), Errno> {
        let Page::Asked { fd, .. } = *self else {
            return Ok(());
        };
        // SAFETY: What SYNC_PTR reads and writes.
        unsafe { k::ioctl(fd, "SYNC_PTR", k::SYNC_PTR, sync) }.map(drop)
    }

    pub fn word(&self, number: usize) -> u64 {
        match *self {
            // SAFETY: Within the page; the kernel may change it at any time.
            Page::Mapped(page) => unsafe { page.add(number).read_volatile() },
            Page::Asked { which, .. } => {
                let mut sync = Page::look();
                if self.ask(&mut sync).is_err() {
                    return u64::MAX;
                }
                match (which, number) {
                    (STATUS, STATE) => sync.state as u64,
                    (STATUS, HW_PTR) => sync.hw_ptr,
                    (CONTROL, APPL_PTR) => sync.appl_ptr,
                    (CONTROL, AVAIL_MIN) => sync.avail_min,
                    _ => unreachable!("no such word"),
                }
            }
        }
    }

    /// SYNC_PTR may refuse it; a page can't.
    pub fn set_word(&self, number: usize, value: u64) {
        match *self {
            // SAFETY: As above; only control pages are written.
            Page::Mapped(page) => unsafe { page.add(number).write_volatile(value) },
            Page::Asked { .. } => {
                let mut sync = Page::look();
                match number {
                    APPL_PTR => (sync.flags, sync.appl_ptr) = (k::SYNC_PTR_AVAIL_MIN, value),
                    _ => (sync.flags, sync.avail_min) = (k::SYNC_PTR_APPL, value),
                }
                let _ = self.ask(&mut sync);
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Page::Mapped(page) = *self {
            // SAFETY: Mapped by us, and not used any more.
            unsafe { libc::munmap(page.cast(), PAGE) };
        }
    }
}
