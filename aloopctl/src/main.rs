// SPDX-License-Identifier: GPL-2.0

//! `aloopctl`: lists, makes, sets, watches and checks the loopback cards of snd-aloop-rs.
//!
//! What is read is taken apart in [`parse`] and [`store`], which touch no file; [`root`] does that,
//! [`card`] and [`configfs`] know where what lies, and each command has a file in [`commands`].

#![forbid(unsafe_code)]

mod attributes;
mod card;
mod cli;
mod commands;
mod configfs;
mod controls;
mod doctor;
mod error;
#[cfg(test)]
mod fake;
mod installed;
mod output;
mod parse;
mod root;
mod sequence;
mod store;
mod table;

use clap::Parser;

use crate::cli::Arguments;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

fn main() -> std::process::ExitCode {
    // It ends here by itself, with status 2, if the arguments are wrong.
    let arguments = Arguments::parse();
    let root = Root::new(arguments.root);
    let mut out = Output::new(arguments.json);
    let result = commands::run(&arguments.command, &root, &mut out);
    let flushed = out.flush();
    let status = match result.and_then(|status| flushed.map(|()| status)) {
        Ok(status) => status,
        Err(error) => {
            output::complain(&error);
            error.status
        }
    };
    std::process::ExitCode::from(status as u8)
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
