// SPDX-License-Identifier: GPL-2.0

//! `remove`: takes a card away.

use crate::cli::Remove;
use crate::configfs;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

pub fn run(arguments: &Remove, root: &Root, out: &mut Output) -> Result<Status> {
    configfs::open(root)?.remove(&arguments.name)?;
    if out.json {
        out.json(&serde_json::json!({ "removed": arguments.name }))?;
    }
    Ok(Status::Fine)
}
