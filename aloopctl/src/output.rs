// SPDX-License-Identifier: GPL-2.0

//! What the program says. Whoever stops reading, as `head` does, is no error.

use std::io;
use std::io::BufWriter;
use std::io::IsTerminal;
use std::io::Stdout;
use std::io::Write;

use serde::Serialize;

use crate::error::reason;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;

/// The standard output.
pub struct Output {
    to: BufWriter<Stdout>,
    /// For programs: JSON, and no text.
    pub json: bool,
    closed: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self {
            to: BufWriter::new(io::stdout()),
            json,
            closed: false,
        }
    }

    /// Returns whether a person is looking at it, and it can be drawn anew.
    pub fn is_terminal(&self) -> bool {
        self.to.get_ref().is_terminal()
    }

    /// Returns whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn judge(&mut self, result: io::Result<()>) -> Result {
        match result {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                self.closed = true;
                let what = format!("the output can't be written: {}", reason(&error));
                Err(Error::new(Status::Wrong, what))
            }
        }
    }

    /// Writes text as it is.
    pub fn text(&mut self, text: &str) -> Result {
        if self.closed {
            return Ok(());
        }
        let result = self.to.write_all(text.as_bytes());
        self.judge(result)
    }

    /// Writes a line of text.
    pub fn line(&mut self, line: &str) -> Result {
        self.text(line)?;
        self.text("\n")
    }

    /// Writes a remark for people; those who want JSON are not told.
    pub fn remark(&mut self, line: &str) -> Result {
        if self.json {
            return Ok(());
        }
        self.line(line)
    }

    /// Writes a value as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result {
        let text = serde_json::to_string(value)
            .map_err(|e| Error::new(Status::Wrong, format!("no JSON can be made of this: {e}")))?;
        self.line(&text)
    }

    /// Lets whoever reads have what was written.
    pub fn flush(&mut self) -> Result {
        if self.closed {
            return Ok(());
        }
        let result = self.to.flush();
        self.judge(result)
    }
}

/// Says on the standard error what went wrong.
pub fn complain(what: &dyn std::fmt::Display) {
    // There is nobody to tell that this could not be told.
    let _ = writeln!(io::stderr(), "aloopctl: {what}");
}
