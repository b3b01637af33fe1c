// SPDX-License-Identifier: GPL-2.0

//! On an x86, any process makes calls of 32 bits if its memory has addresses of 32 bits.

use std::arch::asm;

/// Memory that an address of 32 bits reaches.
pub struct Low {
    at: *mut u8,
    bytes: usize,
}

// SAFETY: The memory is mapped until drop, and belongs to nobody else.
unsafe impl Send for Low {}

impl Low {
    /// Zeros, or `None` if there is no such memory.
    pub fn new(bytes: usize) -> Option<Self> {
        // SAFETY: A new mapping.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
                -1,
                0,
            )
        };
        (at != libc::MAP_FAILED).then(|| Low {
            at: at.cast(),
            bytes,
        })
    }

    pub fn address(&self) -> u32 {
        self.at as usize as u32
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: Our own mapping, of this length, which the kernel writes during calls only.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.bytes) }
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        // SAFETY: Mapped by us, and not used any more.
        unsafe { libc::munmap(self.at.cast(), self.bytes) };
    }
}

/// An ioctl of 32 bits: its value, or the error number.
pub fn ioctl32(fd: i32, request: u32, argument: u32) -> Result<i32, i32> {
    const IOCTL: u64 = 54;
    let result: u64;
    // SAFETY: The kernel keeps all registers but these. It writes at addresses of 32 bits only,
    // where this process has nothing but `Low` memory.
    unsafe {
        asm!(
            "xchg rbx, {fd}",
            "int 0x80",
            "xchg rbx, {fd}",
            fd = inout(reg) fd as u64 => _,
            inlateout("rax") IOCTL => result,
            in("rcx") u64::from(request),
            in("rdx") u64::from(argument),
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    match result as i32 {
        result @ ..0 => Err(-result),
        result => Ok(result),
    }
}
