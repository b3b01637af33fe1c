// SPDX-License-Identifier: GPL-2.0

//! The table of the groups, `tests/groups`, which the scripts that start guests read too.

/// A line of the table.
pub struct Group {
    pub name: &'static str,
    /// It runs if neither a group nor a name is given.
    pub is_default: bool,
    pub about: &'static str,
}

/// Returns the groups in the order of the table.
///
/// # Panics
///
/// If a line has not six fields: the table is a part of the program.
pub fn all() -> Vec<Group> {
    let parse = |line: &'static str| {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, default, _cpus, _options, _parameters, about] = fields[..] else {
            panic!("tests/groups: not six fields: {line}");
        };
        Group {
            name,
            is_default: default == "yes",
            about,
        }
    };
    include_str!("../../groups")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(parse)
        .collect()
}
