// SPDX-License-Identifier: GPL-2.0

//! The file of cards: `/etc/snd-aloop-rs/cards.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::attributes::check_name;
use crate::attributes::Attributes;
use crate::parse::cable_id::CableId;

/// Where it is if nobody says otherwise.
pub const DEFAULT: &str = "/etc/snd-aloop-rs/cards.toml";

/// The speeds that a cable can have.
pub const SHIFTS: std::ops::RangeInclusive<i32> = 80_000..=120_000;

const HEADING: &str =
    "# Cards of snd-aloop-rs, written by 'aloopctl save', made by 'aloopctl restore'.\n";

/// The name of a directory in configfs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(pub String);

/// How fast a cable is: 100000 is nominal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Shift(pub i32);

/// What the controls of a cable are set to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CableSetting {
    /// The identifier of the card, which need not be of configfs.
    pub card: String,
    pub cable: CableId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_shift: Option<Shift>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// By the names of their directories.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cards: BTreeMap<Name, Attributes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cables: Vec<CableSetting>,
}

impl Store {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// What is wrong, behind its line and column: `3:14: ...`.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            let message = error.message().trim_end().replace('\n', " ");
            format!("{line}:{column}: {message}")
        })
    }

    /// Returns the text of the file.
    pub fn text(&self) -> Result<String, String> {
        let body = toml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("{HEADING}\n{body}"))
    }
}

/// Returns line and column, both from 1 on, of a byte in a text.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let mut ends = (0..=byte.min(text.len())).rev();
    let end = ends.find(|&it| text.is_char_boundary(it));
    let before = text.get(..end.unwrap_or(0)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |it| it.chars().count())
        + 1;
    (line, column)
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_name(&text).map(Self)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<i64> for Shift {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let shift = i32::try_from(number).ok().filter(|it| SHIFTS.contains(it));
        let (least, most) = (SHIFTS.start(), SHIFTS.end());
        shift
            .map(Self)
            .ok_or_else(|| format!("a rate shift is {least} to {most}, and not {number}"))
    }
}

impl From<Shift> for i64 {
    fn from(shift: Shift) -> Self {
        shift.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
[cards.studio]
id = 'Studio'
title = 'My studio'
substreams = 4
direction = '0-to-1'
wait_for_peer = true

[cards.'second one']

[[cables]]
card = 'Studio'
cable = '0,3'
rate_shift = 100010
";

    #[test]
    fn reads_and_writes() {
        let store = Store::parse(GOOD).expect("it is right");
        assert_eq!(store.cards.len(), 2);
        let studio = &store.cards[&Name("studio".into())];
        assert_eq!(studio.substreams, Some(4));
        assert_eq!(studio.timer_source, None);
        assert_eq!(store.cables[0].rate_shift, Some(Shift(100_010)));
        let text = store.text().expect("it can be written");
        assert_eq!(Store::parse(&text), Ok(store));
        assert_eq!(Store::parse(""), Ok(Store::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |from: &str, to: &str, place: &str, message: &str| {
            assert!(GOOD.contains(from), "{from}");
            let error = Store::parse(&GOOD.replace(from, to)).expect_err(to);
            assert!(error.starts_with(place), "{to}: {error}");
            assert!(error.contains(message), "{to}: {error}");
        };
        wrong("substreams = 4", "substreams = ", "5:14: ", "");
        wrong("substreams = 4", "substreams = 'x'", "5:14: ", "expected");
        wrong("substreams = 4", "substreams = 33", "5:14: ", "1 to 32");
        wrong("substreams = 4", "substrams = 4", "5:1: ", "unknown field");
        wrong("'0-to-1'", "'up'", "6:13: ", "unknown variant");
        wrong("'My studio'", "\"a\\nb\"", "4:9: ", "can't be seen");
        wrong("100010", "7", "14:14: ", "80000 to 120000");
        wrong("100010", "99999999999999", "14:14: ", "80000 to 120000");
        wrong("'0,3'", "'2,3'", "13:9: ", "is no cable");
        wrong("card = 'Studio'\n", "", "11:1: ", "missing field");
        wrong("[cards.studio]", "[cards.'a/b']", "", "no slash");
        wrong("[cards.studio]", "[cards.studio", "2:", "");
        wrong("[[cables]]", "[tables]", "11:2: ", "unknown field");
    }

    #[test]
    fn places() {
        assert_eq!(place("ab\ncd", 0), (1, 1));
        assert_eq!(place("ab\ncd", 4), (2, 2));
        assert_eq!(place("ä\nöö", 3), (2, 1));
        assert_eq!(place("ä\nöö", 4), (2, 1));
        assert_eq!(place("ä\nöö", 5), (2, 2));
        assert_eq!(place("ab", 99), (1, 3));
    }
}
