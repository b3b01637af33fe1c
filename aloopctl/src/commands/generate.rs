// SPDX-License-Identifier: GPL-2.0

//! `generate`: manual pages and completions, made of the definition of the command line.

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Arguments;
use crate::cli::Generate;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;

/// What stands in the manual besides what the command line tells of itself.
const MANUAL: &str = include_str!("manual.roff");

pub fn run(arguments: &Generate) -> Result<Status> {
    let folder = &arguments.folder;
    all(folder).map_err(|e| Error::file(&folder.display().to_string(), &e))?;
    Ok(Status::Fine)
}

fn all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = Arguments::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "aloopctl", folder)?;
    }
    command.build();
    let source = format!("aloopctl {}", env!("ALOOPCTL_VERSION"));
    let mut page = fs::File::create(folder.join("aloopctl.1"))?;
    let man = Man::new(command.clone()).manual("snd-aloop-rs");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    page.write_all(MANUAL.as_bytes())?;
    man.render_version_section(&mut page)?;
    for sub in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = format!("aloopctl-{}", sub.get_name());
        let file = fs::File::create(folder.join(format!("{name}.1")))?;
        let man = Man::new(sub.clone().name(name)).manual("snd-aloop-rs");
        man.source(&source).render(&mut &file)?;
    }
    Ok(())
}
