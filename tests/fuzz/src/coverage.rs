// SPDX-License-Identifier: GPL-2.0

//! What libFuzzer steers by: counters that it looks at after each input.
//!
//! The checker kernel has KCOV, and the module is built with it: each task has a buffer in which the
//! kernel notes the addresses of the driver's code that the task runs. The ALSA core is not built so; what
//! becomes of it is seen in the answers and states of the streams.

use std::cell::UnsafeCell;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

const CODE: usize = 1 << 17;
const ANSWERS: usize = 1 << 15;

#[repr(C)]
struct Counters(UnsafeCell<[u8; CODE + ANSWERS]>);

// SAFETY: Bytes that are counted up; that a count of another thread may be lost does no harm, and
// they are read between inputs only.
unsafe impl Sync for Counters {}

// libFuzzer's own name for it.
#[used]
#[link_section = "__libfuzzer_extra_counters"]
static COUNTERS: Counters = Counters(UnsafeCell::new([0; CODE + ANSWERS]));

/// Marks that something has happened. How often does not count: or else the longest programs would be the
/// best ones.
fn mark(index: usize) {
    let base: *mut u8 = COUNTERS.0.get().cast();
    debug_assert!(index < CODE + ANSWERS);
    // SAFETY: The index is inside of the array; see `Sync`.
    unsafe { base.add(index).write_volatile(1) };
}

fn mix(value: u64) -> usize {
    (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}

/// Whether ways and peers make no difference: for a corpus that is small.
static COARSE: AtomicBool = AtomicBool::new(false);

/// Only places count from now on, and answers whatever the peer is doing.
pub fn set_coarse() {
    COARSE.store(true, Relaxed);
}

/// Notes an answer: the call, its error number, the states of the two ends.
pub fn note_answer(kind: u8, errno: i32, own: i32, peer: i32) {
    let peer = if COARSE.load(Relaxed) { 0 } else { peer };
    let value = u64::from(kind)
        | u64::from(errno as u8) << 8
        | u64::from(own as u8) << 16
        | u64::from(peer as u8) << 24;
    mark(CODE + mix(value) % ANSWERS);
}

const WORDS: usize = 1 << 16;
// _IOR('c', 1, unsigned long), _IO('c', 100)
const INIT_TRACE: u64 = 0x8008_6301;
const ENABLE: u64 = 0x6364;
const TRACE_PC: u64 = 0;

/// The module is shorter than so many bytes.
const MODULE: usize = 1 << 21;

/// The places of the driver that have run so far: a bit for each byte from the module's start on.
static SEEN: [AtomicU64; MODULE / 64] = [const { AtomicU64::new(0) }; MODULE / 64];
static PLACES: AtomicUsize = AtomicUsize::new(0);

/// How many places of the driver have run so far.
pub fn places() -> usize {
    PLACES.load(Relaxed)
}

/// Writes down which places have run: their distances from the module's start, in hexadecimal.
pub fn save() {
    let mut text = String::new();
    for (index, word) in SEEN.iter().enumerate() {
        let word = word.load(Relaxed);
        for bit in (0..64).filter(|bit| word >> bit & 1 != 0) {
            text += &format!("{:x}\n", index * 64 + bit);
        }
    }
    let _ = fs::write("/out/places", text);
}

/// What the calling thread runs of the driver.
pub struct Trace {
    area: *mut u64,
    start: u64,
}

// SAFETY: The area is mapped until the process ends.
unsafe impl Send for Trace {}

impl Trace {
    /// Begins to trace the calling thread.
    pub fn begin() -> Result<Self, String> {
        let start = fs::read_to_string("/sys/module/snd_aloop_rs/sections/.text")
            .map_err(|error| format!("the module's address: {error}"))?;
        let start = u64::from_str_radix(start.trim().trim_start_matches("0x"), 16)
            .map_err(|_| format!("the module's address is {start:?}"))?;
        let path = c"/sys/kernel/debug/kcov";
        // SAFETY: A constant path; the file stays open until the process ends, as does the mapping.
        unsafe {
            let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if fd < 0 {
                return Err(format!("{path:?}: {}", std::io::Error::last_os_error()));
            }
            if libc::ioctl(fd, INIT_TRACE, WORDS) < 0 {
                return Err(format!(
                    "KCOV_INIT_TRACE: {}",
                    std::io::Error::last_os_error()
                ));
            }
            let area = libc::mmap(
                std::ptr::null_mut(),
                WORDS * 8,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd,
                0,
            );
            if area == libc::MAP_FAILED {
                return Err(format!("KCOV's area: {}", std::io::Error::last_os_error()));
            }
            if libc::ioctl(fd, ENABLE, TRACE_PC) < 0 {
                return Err(format!("KCOV_ENABLE: {}", std::io::Error::last_os_error()));
            }
            Ok(Trace {
                area: area.cast(),
                start,
            })
        }
    }

    /// Counts what has run since the last time.
    pub fn collect(&mut self) {
        // SAFETY: The kernel writes the area for this thread only, which is here now.
        let length = unsafe { self.area.read_volatile() } as usize;
        let coarse = COARSE.load(Relaxed);
        let mut before = 0;
        for index in 1..=length.min(WORDS - 1) {
            // SAFETY: The index is inside of the area.
            let place = unsafe { self.area.add(index).read_volatile() }.wrapping_sub(self.start);
            // From where it came says which way was taken.
            mark(mix(place ^ before << 24) % CODE);
            before = if coarse { 0 } else { place };
            let at = place as usize % MODULE;
            let bit = 1 << (at % 64);
            if SEEN[at / 64].load(Relaxed) & bit == 0
                && SEEN[at / 64].fetch_or(bit, Relaxed) & bit == 0
            {
                PLACES.fetch_add(1, Relaxed);
            }
        }
        // SAFETY: As above.
        unsafe { self.area.write_volatile(0) };
    }
}
