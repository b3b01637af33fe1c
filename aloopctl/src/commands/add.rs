// SPDX-License-Identifier: GPL-2.0

//! `add`: makes a card by configfs.

use crate::cli::Add;
use crate::configfs;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

pub fn run(arguments: &Add, root: &Root, out: &mut Output) -> Result<Status> {
    let configfs = configfs::open(root)?;
    let card = configfs.make(&arguments.name, &arguments.attributes)?;
    if out.json {
        out.json(&serde_json::json!({ "name": arguments.name, "card": card }))?;
    } else {
        // The number alone, for scripts that take it.
        out.line(&card.map_or("?".to_string(), |it| it.to_string()))?;
    }
    Ok(Status::Fine)
}
