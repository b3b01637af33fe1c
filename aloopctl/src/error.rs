// SPDX-License-Identifier: GPL-2.0

//! What can go wrong, what to do about it, and the exit status.

use std::fmt;
use std::io;

/// Exit statuses. They are told by the manual, and don't change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// All is as it should be.
    Fine = 0,
    /// Something is wrong: not exact, different from the file, broken.
    Wrong = 1,
    /// The arguments are wrong; also clap's own.
    Usage = 2,
    /// There is no such card, cable or directory.
    Missing = 3,
    /// The user may not do that.
    Denied = 4,
    /// It is in use, or there already.
    Busy = 5,
    /// The module isn't loaded, or has no configfs, or that isn't mounted.
    Unavailable = 6,
}

/// What went wrong, and what to do.
#[derive(Debug)]
pub struct Error {
    pub status: Status,
    what: String,
    advice: Option<String>,
}

pub type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self {
            status,
            what: what.into(),
            advice: None,
        }
    }

    /// Returns the error with what a user can do about it.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns the error that a file's `io::Error` is.
    pub fn file(path: &str, error: &io::Error) -> Self {
        let this = Self::new(status_of(error), format!("{path}: {}", reason(error)));
        match this.status {
            Status::Denied => this.advise("do it as root, for instance with sudo"),
            _ => this,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

/// Returns the exit status that stands for an error of the system's.
pub fn status_of(error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => Status::Denied,
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Status::Missing,
        Some(libc::EBUSY | libc::EEXIST) => Status::Busy,
        _ => Status::Wrong,
    }
}

/// Returns the text of an error without the number that Rust puts behind it.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// Returns the error that a call of alsa-lib's has ended with, as one of the system's.
pub fn system(error: &alsa::Error) -> io::Error {
    io::Error::from_raw_os_error(error.errno().abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_no_numbers() {
        let error = io::Error::from_raw_os_error(libc::EBUSY);
        assert_eq!(reason(&error), "Device or resource busy");
        assert_eq!(status_of(&error), Status::Busy);
        assert_eq!(reason(&io::Error::other("odd")), "odd");
    }

    #[test]
    fn whoever_may_not_is_told_what_to_do() {
        let error = Error::file("/x", &io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(error.status, Status::Denied);
        assert_eq!(
            error.to_string(),
            "/x: Permission denied: do it as root, for instance with sudo"
        );
    }
}
