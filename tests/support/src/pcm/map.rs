// SPDX-License-Identifier: GPL-2.0

//! The buffer of a stream, mapped.

use std::io;
use std::os::fd::AsRawFd;

use super::Pcm;
use crate::kernel as k;
use crate::kernel::Errno;

pub(super) struct Map {
    pub(super) addr: *mut u8,
    pub(super) bytes: usize,
}

// SAFETY: The mapping belongs to the process, not to a thread.
unsafe impl Send for Map {}
// SAFETY: Its memory is touched only through `&mut Pcm`.
unsafe impl Sync for Map {}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The region was mapped by us and nothing else refers to it.
        unsafe { libc::munmap(self.addr.cast(), self.bytes) };
    }
}

impl Pcm {
    /// Maps the buffer, if it is not.
    pub fn map(&mut self) -> Result<(), Errno> {
        if self.map.is_none() {
            let cfg = self.config();
            let bytes = cfg.buffer() * cfg.frame_bytes();
            self.map = Some(self.map_buffer(bytes)?);
        }
        Ok(())
    }

    /// Unmaps the buffer, if it is mapped.
    pub fn unmap(&mut self) {
        self.map = None;
    }

    pub fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// Maps the buffer, with all its pages at once: once the card is gone, the kernel has a signal
    /// (`SIGBUS`) for whoever touches one for the first time, which no caller could turn into an
    /// error.
    pub(super) fn map_buffer(&self, bytes: usize) -> Result<Map, Errno> {
        let bytes = bytes.next_multiple_of(4096);
        // SAFETY: A new mapping of our own descriptor.
        let addr = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                self.fd.as_raw_fd(),
                0,
            )
        };
        if addr == libc::MAP_FAILED {
            return Err(Errno {
                call: "mmap",
                code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
            });
        }
        let map = Map {
            addr: addr.cast(),
            bytes,
        };
        // That a page is missing, `mmap` doesn't tell. The card's calls are refused before its
        // pages are.
        let mut version = 0;
        self.call("mmap", k::PVERSION, &mut version)?;
        Ok(map)
    }
}
