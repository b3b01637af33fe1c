// SPDX-License-Identifier: GPL-2.0

//! The commands, a file each.

mod add;
mod check;
mod duplex;
mod generate;
mod latency;
mod list;
mod remove;
mod restore;
mod save;
mod set;
pub mod takeover;
mod watch;
mod watch_view;

use crate::cli::Command;
use crate::doctor;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

/// Carries out a command.
pub fn run(command: &Command, root: &Root, out: &mut Output) -> Result<Status> {
    match command {
        Command::List(arguments) => list::run(arguments, root, out),
        Command::Add(arguments) => add::run(arguments, root, out),
        Command::Remove(arguments) => remove::run(arguments, root, out),
        Command::Set(arguments) => set::run(arguments, root, out),
        Command::Watch(arguments) => watch::run(arguments, root, out),
        Command::Check(arguments) => check::run(arguments, root, out),
        Command::Save(arguments) => save::run(arguments, root, out),
        Command::Restore(arguments) => restore::run(arguments, root, out),
        Command::Takeover(arguments) => takeover::takeover(arguments, root, out),
        Command::Handback(arguments) => takeover::handback(arguments, root, out),
        Command::Doctor => doctor::run(root, out),
        Command::Generate(arguments) => generate::run(arguments),
    }
}
