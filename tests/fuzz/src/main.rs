// SPDX-License-Identifier: GPL-2.0

//! A fuzzer of what a loopback card offers to programs: the PCM, control and timer devices and the
//! files in `/proc/asound`.
//!
//! libFuzzer brings `main()`, keeps the corpus and judges by coverage which input is worth keeping.
//! An input is a program: records of 16 bytes, a call each ([`input`]), which [`world`] carries out
//! on the sides of three cables. What libFuzzer calls coverage is the code of the driver that the
//! calls have run ([`kcov`]), and which answers they got in which states of both sides.
//!
//! Finding something means: the kernel complains ([`complaints`]), or an answer cannot be true
//! ([`world::World::judge`]), or a recording has bytes that nobody played.

#![no_main]
// As in the kernel.
#![allow(clippy::precedence)]

mod aftermath;
mod background;
mod calls;
mod complaints;
mod control;
mod coverage;
mod files;
mod input;
mod mutate;
mod narrow;
mod pcm;
mod race;
mod rules;
mod sound;
mod tally;
mod timer;
mod values;
mod watchdog;
mod world;

use std::io::Write;
use std::sync::Mutex;

use crate::world::Session;

static SESSION: Mutex<Option<Session>> = Mutex::new(None);

/// Says what was found, and ends in a way that makes libFuzzer keep the input.
pub fn found(what: &str) -> ! {
    eprintln!("FOUND: {what}");
    tally::report();
    std::process::abort()
}

/// Whoever started the guest has had enough: that is a `q` on stdin.
fn is_over() -> bool {
    let mut byte = 0u8;
    // SAFETY: The buffer is one byte long; stdin does not block, see `LLVMFuzzerInitialize`.
    let got = unsafe { libc::read(0, (&raw mut byte).cast(), 1) };
    got == 1 && byte == b'q'
}

/// Called by libFuzzer once, before the first input.
#[no_mangle]
pub extern "C" fn LLVMFuzzerInitialize(_argc: *mut i32, _argv: *mut *mut *mut i8) -> i32 {
    // SAFETY: Plain calls on our own stdin.
    unsafe {
        let flags = libc::fcntl(0, libc::F_GETFL);
        libc::fcntl(0, libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
    match Session::new() {
        Ok(session) => *SESSION.lock().expect("no thread has panicked") = Some(session),
        Err(error) => {
            eprintln!("aloop-fuzz: {error}");
            std::process::exit(2);
        }
    }
    tally::report_at_exit();
    eprintln!("fuzz: begins");
    0
}

/// Called by libFuzzer for each input.
///
/// # Safety
///
/// There are `size` bytes at `data`, which may be null if there are none.
#[no_mangle]
pub unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
    let data = match size {
        0 => &[],
        // SAFETY: As the caller promises.
        _ => unsafe { std::slice::from_raw_parts(data, size) },
    };
    let mut session = SESSION.lock().expect("no thread has panicked");
    let session = session.as_mut().expect("LLVMFuzzerInitialize has run");

    // The host has to have it before it runs: the guest may not live to tell.
    let mut line = String::with_capacity(2 * size + 1);
    for byte in data {
        line.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        line.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    line.push('\n');
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        eprintln!("aloop-fuzz: stdout can't be written");
        std::process::exit(2);
    }

    session.run(data);
    if tally::input_done() % 16 == 0 && is_over() {
        tally::report();
        // SAFETY: Ends the process without the handlers by which libFuzzer notices a target that
        // ends.
        unsafe { libc::_exit(0) };
    }
    0
}
