// SPDX-License-Identifier: GPL-2.0

//! The files in `/proc/asound`.

use crate::calls::answer;
use crate::calls::open;
use crate::calls::Answer;
use crate::input::Record;
use crate::values::number;
use crate::values::Noise;

/// The timer of the system, in words of `timer_source`.
pub const SYSTEM_TIMER: &str = "-1.0.0";
/// What `timer_source` may say. The first is what it says by itself.
pub const SOURCES: [&str; 16] = [
    "",
    "0.0.0",
    "hw:0,1,1",
    "1.0.0",
    SYSTEM_TIMER,
    "hrtimer",
    "0.0.2",
    "Loopback.1.0",
    "0.1.3",
    "0,0,99",
    "9.0.0",
    "99999999999",
    "0x0.00.-1",
    "a:b:c",
    // Ticks too fast: no START.
    "-1.3.0",
    "0.0.0.0",
];

/// Files that are read. In a card's folder, if they don't begin with a slash.
const FILES: [&str; 16] = [
    "cable#0",
    "cable#1",
    "timer_source",
    "pcm0p/sub0/status",
    "pcm1c/sub0/status",
    "pcm0p/sub0/hw_params",
    "pcm1c/sub0/sw_params",
    "pcm0p/sub0/info",
    "pcm1p/sub0/status",
    "pcm0c/sub0/status",
    "pcm0p/info",
    "id",
    "/proc/asound/timers",
    "/proc/asound/pcm",
    "/proc/asound/cards",
    "/proc/asound/devices",
];

fn path(card: usize, file: &str) -> String {
    if file.starts_with('/') {
        file.to_owned()
    } else {
        format!("/proc/asound/card{card}/{file}")
    }
}

/// Reads a file in pieces of a size, at a place.
pub fn read(card: usize, record: &Record) -> Answer {
    let [file, size, place, ..] = record.bytes;
    let fd = open(
        &path(card, FILES[usize::from(file) % FILES.len()]),
        libc::O_RDONLY,
    )?;
    let size = number(size, record.wide, &[4096, 1, 100, 1024]).min(8192) as usize;
    let mut buffer = [0u8; 8192];
    if place >= 0xc0 {
        // SAFETY: The buffer is as long as said.
        return answer(unsafe {
            libc::pread(
                fd.0,
                buffer.as_mut_ptr().cast(),
                size,
                number(place, record.wide, &[0, 1, 4096]) as i64,
            )
        } as i64);
    }
    let mut total = 0;
    for _ in 0..8 {
        // SAFETY: As above.
        let got = answer(unsafe { libc::read(fd.0, buffer.as_mut_ptr().cast(), size) } as i64)?;
        if got == 0 {
            break;
        }
        total += got;
    }
    Ok(total)
}

fn write_bytes(fd: i32, bytes: &[u8]) -> Answer {
    // SAFETY: The slice is as long as it says.
    answer(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } as i64)
}

/// Writes `timer_source`.
pub fn set_source(card: usize, text: &[u8]) -> Answer {
    let fd = open(&path(card, "timer_source"), libc::O_WRONLY)?;
    write_bytes(fd.0, text)
}

/// Writes `timer_source`: mostly what it knows.
pub fn source(card: usize, record: &Record) -> Answer {
    let [which, how, ..] = record.bytes;
    let mut text = SOURCES[usize::from(which) % SOURCES.len()]
        .as_bytes()
        .to_vec();
    text.push(b'\n');
    let mut noise = Noise::new(record.wide);
    match how {
        0xf0.. => {
            text.resize(noise.below(5000), 0);
            noise.fill(&mut text);
        }
        0xe0.. => {
            let at = noise.below(text.len());
            text[at] = noise.next() as u8;
        }
        0xd0.. => text = text.repeat(1 + noise.below(40)),
        0xc0.. => text.truncate(noise.below(text.len())),
        _ => {}
    }
    set_source(card, &text)
}

/// Writes garbage into files, most of which can't be written.
pub fn write(card: usize, record: &Record) -> Answer {
    const WRITTEN: [&str; 4] = ["timer_source", "cable#0", "timer_source", "id"];
    let [file, flags, place, ..] = record.bytes;
    let flags = match flags % 4 {
        0 => libc::O_WRONLY,
        1 => libc::O_RDWR,
        2 => libc::O_RDWR | libc::O_NONBLOCK,
        _ => libc::O_WRONLY | libc::O_TRUNC | libc::O_APPEND,
    };
    let fd = open(
        &path(card, WRITTEN[usize::from(file) % WRITTEN.len()]),
        flags,
    )?;
    let mut noise = Noise::new(record.wide);
    let mut text = vec![0; noise.below(300)];
    noise.fill(&mut text);
    let place = number(place, record.wide, &[0, 0, 1, 4096, 16384]) as i64;
    // SAFETY: The slice is as long as it says.
    answer(unsafe { libc::pwrite(fd.0, text.as_ptr().cast(), text.len(), place) } as i64)
}
