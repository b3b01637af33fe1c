// SPDX-License-Identifier: GPL-2.0

//! The kernel's log, read after each input.
//!
//! The judge is `qemu/complaints.list`, on the host, when all is over; this is for knowing which
//! input it was. What only the list knows is blamed on the inputs that came last.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::OpenOptionsExt;

const WORDS: [&str; 24] = [
    "BUG:",
    "WARNING:",
    "[ cut here ]",
    "Oops",
    "Call Trace:",
    "KASAN:",
    "UBSAN:",
    "possible recursive locking",
    "possible circular locking",
    "possible irq lock inversion",
    "inconsistent lock state",
    "bad unlock balance",
    "suspicious RCU usage",
    "held lock freed",
    "Invalid wait context",
    "sleeping function called",
    "panicked",
    "corruption",
    "ODEBUG:",
    "DEBUG_LOCKS_WARN_ON",
    "refcount_t:",
    "invalid position",
    "access overflow",
    "blocked for more than",
];

pub struct Log(File);

impl Log {
    /// What is logged from now on.
    pub fn open() -> Result<Self, String> {
        File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .and_then(|mut file| {
                file.seek(SeekFrom::End(0))?;
                Ok(Log(file))
            })
            .map_err(|error| format!("/dev/kmsg: {error}"))
    }

    /// The first complaint since the last time.
    pub fn complaint(&mut self) -> Option<String> {
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return None,
                Ok(len) => {
                    let text = String::from_utf8_lossy(&record[..len]);
                    // "level,number,time,flags;text", then lines that begin with a space.
                    let text = text.split_once(';').map_or("", |(_, text)| text);
                    if WORDS.iter().any(|word| text.contains(word)) {
                        return Some(text.trim_end().to_owned());
                    }
                }
                // Overwritten before it was read: go on with what is there.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}
