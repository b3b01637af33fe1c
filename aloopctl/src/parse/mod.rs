// SPDX-License-Identifier: GPL-2.0

//! Takes texts of the kernel's apart. Nothing here touches a file, and nothing fails: what isn't
//! understood isn't there.

pub mod cable_id;
pub mod cables;
pub mod cards;
pub mod formats;
pub mod modules;
pub mod substream;

/// Returns key and value of a line "key: value", whatever stands around them.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    Some((key.trim(), value.trim()))
}

/// Returns the value of the line with this key.
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(pair);
    pairs.find(|(it, _)| *it == key).map(|(_, value)| value)
}
