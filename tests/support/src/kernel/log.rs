// SPDX-License-Identifier: GPL-2.0

//! What the kernel has logged.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use super::now_ns;
use crate::pcm::poll;

/// The kernel's log, from a moment on.
pub struct Log(File);

impl Log {
    /// The log from now on.
    pub fn from_now() -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Log(file))
    }

    /// The next line, if there is one: priority and time, a semicolon, and the text.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = [0; 8192];
        let length = self.0.read(&mut line).ok()?;
        Some(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    /// Whether a line with this text comes within a second.
    ///
    /// What is before that line, and the line, is used up.
    pub fn says(&mut self, text: &str) -> bool {
        let until = now_ns() + 1_000_000_000;
        loop {
            while let Some(line) = self.next_line() {
                if line.contains(text) {
                    return true;
                }
            }
            let ms = (until - now_ns()).div_euclid(1_000_000);
            let mut fds = [libc::pollfd {
                fd: self.0.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            }];
            if ms <= 0 || !poll(&mut fds, ms as i32) {
                return false;
            }
        }
    }
}
