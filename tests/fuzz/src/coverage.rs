// SPDX-License-Identifier: GPL-2.0

//! What libFuzzer steers by: counters that it looks at after each input.
//!
//! The checker kernel has KCOV, and the module is built with it, as is what it talks to in the ALSA
//! core: each task has a buffer in which the kernel notes the addresses of that code that the task
//! runs. What becomes of the streams is seen in the answers and states, too.

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

/// Marks that something has happened. How often does not count: or else the longest programs would
/// be the best ones.
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

/// Notes an answer: the call, its error number, the states of the two sides.
pub fn note_answer(kind: u8, errno: i32, own: i32, peer: i32) {
    let peer = if COARSE.load(Relaxed) { 0 } else { peer };
    let value = u64::from(kind)
        | u64::from(errno as u8) << 8
        | u64::from(own as u8) << 16
        | u64::from(peer as u8) << 24;
    mark(CODE + mix(value) % ANSWERS);
}

const WORDS: usize = 1 << 18;
// _IOR('c', 1, unsigned long), _IO('c', 100)
const INIT_TRACE: u64 = 0x8008_6301;
const ENABLE: u64 = 0x6364;
const TRACE_PC: u64 = 0;

/// The modules that are traced: the driver first.
pub const MODULES: [&str; 4] = ["snd_aloop_rs", "snd_pcm", "snd_timer", "snd"];
/// Each is shorter than so many bytes.
const LENGTH: usize = 1 << 21;

/// The places that have run so far: for each module, a bit for each byte from its start on.
static SEEN: [[AtomicU64; LENGTH / 64]; MODULES.len()] =
    [const { [const { AtomicU64::new(0) }; LENGTH / 64] }; MODULES.len()];
static PLACES: [AtomicUsize; MODULES.len()] = [const { AtomicUsize::new(0) }; MODULES.len()];

/// How many places of each module have run so far.
pub fn places() -> [usize; MODULES.len()] {
    PLACES.each_ref().map(|places| places.load(Relaxed))
}

/// Writes down which places of the driver have run: their distances from its start, in hexadecimal.
pub fn save() {
    let mut text = String::new();
    for (index, word) in SEEN[0].iter().enumerate() {
        let word = word.load(Relaxed);
        for bit in (0..64).filter(|bit| word >> bit & 1 != 0) {
            text += &format!("{:x}\n", index * 64 + bit);
        }
    }
    let _ = fs::write("/out/places", text);
}

/// Where a module's code begins; one that is not loaded is nowhere.
fn start_of(module: &str) -> Result<u64, String> {
    let Ok(start) = fs::read_to_string(format!("/sys/module/{module}/sections/.text")) else {
        return Ok(u64::MAX);
    };
    u64::from_str_radix(start.trim().trim_start_matches("0x"), 16)
        .map_err(|_| format!("the address of {module} is {start:?}"))
}

/// What the calling thread runs of the modules.
pub struct Trace {
    area: *mut u64,
    starts: [u64; MODULES.len()],
}

// SAFETY: The area is mapped until the process ends.
unsafe impl Send for Trace {}

impl Trace {
    /// Begins to trace the calling thread.
    pub fn begin() -> Result<Self, String> {
        let mut starts = [u64::MAX; MODULES.len()];
        for (start, module) in starts.iter_mut().zip(MODULES) {
            *start = start_of(module)?;
        }
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
                starts,
            })
        }
    }

    /// Does not count what has run since the last time.
    pub fn forget(&mut self) {
        // SAFETY: The area is mapped.
        unsafe { self.area.write_volatile(0) };
    }

    /// Counts what has run since the last time.
    pub fn collect(&mut self) {
        // SAFETY: The kernel writes the area for this thread only, which is here now.
        let length = unsafe { self.area.read_volatile() } as usize;
        let coarse = COARSE.load(Relaxed);
        let mut before = 0;
        for index in 1..=length.min(WORDS - 1) {
            // SAFETY: The index is inside of the area.
            let address = unsafe { self.area.add(index).read_volatile() };
            let Some((module, place)) = self.place(address) else {
                continue;
            };
            // From where it came says which way was taken.
            let here = (module * LENGTH + place) as u64;
            mark(mix(here ^ before << 24) % CODE);
            before = if coarse { 0 } else { here };
            let bit = 1 << (place % 64);
            let word = &SEEN[module][place / 64];
            if word.load(Relaxed) & bit == 0 && word.fetch_or(bit, Relaxed) & bit == 0 {
                PLACES[module].fetch_add(1, Relaxed);
            }
        }
        // SAFETY: As above.
        unsafe { self.area.write_volatile(0) };
    }

    /// The module that an address belongs to, and how far into it that is.
    fn place(&self, address: u64) -> Option<(usize, usize)> {
        let before = |&(_, &start): &(usize, &u64)| start <= address;
        let found = self.starts.iter().enumerate().filter(before);
        let (module, start) = found.max_by_key(|&(_, &start)| start)?;
        let place = (address - start) as usize;
        (place < LENGTH).then_some((module, place))
    }
}
