// SPDX-License-Identifier: GPL-2.0

//! On an ARM, a process is of 32 or of 64 bits from its beginning. A program of 32 bits, which is a
//! part of this one (`calls.c`), makes the calls: it shares memory with this one, and takes its
//! files.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::ptr;
use std::slice;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;

static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/calls"));

/// All memory that the program of 32 bits sees of this one, and where it sees it: as in `calls.c`.
const BYTES: usize = 64 << 20;
const BASE: usize = 0x4000_0000;
/// No piece of memory begins where another one ends.
const GAP: usize = 1 << 16;

fn memory_file(name: &std::ffi::CStr) -> File {
    // SAFETY: A valid name; the descriptor is a new one, or the error is seen.
    unsafe {
        let fd = libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0, "memfd_create: {}", std::io::Error::last_os_error());
        File::from_raw_fd(fd)
    }
}

struct Memory {
    file: File,
    at: *mut u8,
    taken: Mutex<Vec<Range<usize>>>,
}

// SAFETY: The pointer is to memory that is never unmapped. Each piece of it has one owner.
unsafe impl Send for Memory {}
// SAFETY: As above.
unsafe impl Sync for Memory {}

impl Memory {
    fn the() -> &'static Self {
        static MEMORY: OnceLock<Memory> = OnceLock::new();
        MEMORY.get_or_init(|| {
            let file = memory_file(c"low");
            file.set_len(BYTES as u64).expect("room in memory");
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            let fd = file.as_raw_fd();
            // SAFETY: A new mapping.
            let at = unsafe { libc::mmap(ptr::null_mut(), BYTES, rights, libc::MAP_SHARED, fd, 0) };
            assert!(
                at != libc::MAP_FAILED,
                "mmap: {}",
                std::io::Error::last_os_error()
            );
            Memory {
                file,
                at: at.cast(),
                taken: Mutex::new(Vec::new()),
            }
        })
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Range<usize>>> {
        self.taken.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Memory that an address of 32 bits reaches.
pub struct Low(Range<usize>);

impl Low {
    /// Zeros, or `None` if there is no such memory.
    pub fn new(bytes: usize) -> Option<Self> {
        let mut taken = Memory::the().taken();
        let begin = |end: usize| (end + GAP).next_multiple_of(GAP);
        let free = |range: &Range<usize>| {
            range.end <= BYTES
                && taken
                    .iter()
                    .all(|t| range.end < t.start || range.start > t.end)
        };
        let range = std::iter::once(0)
            .chain(taken.iter().map(|t| begin(t.end)))
            .map(|start| start..start + bytes)
            .find(free)?;
        taken.push(range.clone());
        drop(taken);
        let mut low = Low(range);
        low.bytes().fill(0);
        Some(low)
    }

    pub fn address(&self) -> u32 {
        (BASE + self.0.start) as u32
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: Inside of the mapping, and nobody else's. The kernel writes it during calls only.
        unsafe { slice::from_raw_parts_mut(Memory::the().at.add(self.0.start), self.0.len()) }
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        Memory::the().taken().retain(|t| t.start != self.0.start);
    }
}

/// The program of 32 bits at work.
struct Caller(Child);

impl Caller {
    fn begin() -> Self {
        static FILE: OnceLock<File> = OnceLock::new();
        let file = FILE.get_or_init(|| {
            let mut file = memory_file(c"calls");
            file.write_all(PROGRAM).expect("room in memory");
            // What is open for writing can't be run.
            File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("it is there")
        });
        let child = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()))
            .arg(Memory::the().file.as_raw_fd().to_string())
            .arg(BYTES.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| {
                panic!("this kernel or processor runs no programs of 32 bits: {e}")
            });
        Caller(child)
    }

    fn call(&mut self, call: [u32; 3]) -> std::io::Result<i32> {
        let mut message = Vec::with_capacity(12);
        for word in call {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        let mut result = [0; 4];
        let ended = || std::io::Error::other("no pipe");
        self.0
            .stdin
            .as_mut()
            .ok_or_else(ended)?
            .write_all(&message)?;
        self.0
            .stdout
            .as_mut()
            .ok_or_else(ended)?
            .read_exact(&mut result)?;
        Ok(i32::from_ne_bytes(result))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// An ioctl of 32 bits: its value, or the error number.
pub fn ioctl32(fd: i32, request: u32, argument: u32) -> Result<i32, i32> {
    thread_local! {
        static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
    }
    let result = CALLER.with_borrow_mut(|caller| {
        caller
            .get_or_insert_with(Caller::begin)
            .call([fd as u32, request, argument])
            .unwrap_or_else(|e| panic!("the program of 32 bits has ended: {e}"))
    });
    match result {
        result @ ..0 => Err(-result),
        result => Ok(result),
    }
}
