// SPDX-License-Identifier: GPL-2.0

//! The pages of a stream that the kernel shares with its client.

use crate::kernel::Errno;
use crate::pcm::Pcm;

/// The status page and the control page, mapped.
pub struct Pages {
    status: *const u64,
    control: *mut u64,
}

const PAGE: usize = 4096;
const STATUS: i64 = 0x8200_0000;
const CONTROL: i64 = 0x8300_0000;

fn map(pcm: &Pcm, which: i64, protection: i32) -> Result<*mut u64, Errno> {
    // SAFETY: A new mapping.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE,
            protection,
            libc::MAP_SHARED,
            pcm.fd(),
            which,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(Errno {
            call: "mmap of a page",
            code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        });
    }
    Ok(page.cast())
}

impl Pages {
    pub fn map(pcm: &Pcm) -> Result<Self, Errno> {
        let status = map(pcm, STATUS, libc::PROT_READ)?;
        let control = map(pcm, CONTROL, libc::PROT_READ | libc::PROT_WRITE).inspect_err(|_| {
            // SAFETY: Just mapped, and not used.
            unsafe { libc::munmap(status.cast(), PAGE) };
        })?;
        Ok(Pages { status, control })
    }

    /// The position as the kernel knew it when somebody last asked.
    pub fn hw_ptr(&self) -> u64 {
        // SAFETY: Within the page; the kernel may change it at any time.
        unsafe { self.status.add(1).read_volatile() }
    }

    /// Writes `avail_min` as it is.
    pub fn touch(&self) {
        // SAFETY: Within the page.
        unsafe {
            let avail_min = self.control.add(1).read_volatile();
            self.control.add(1).write_volatile(avail_min);
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: Mapped by us, and not used any more.
        unsafe {
            libc::munmap(self.status.cast_mut().cast(), PAGE);
            libc::munmap(self.control.cast(), PAGE);
        }
    }
}
