// SPDX-License-Identifier: GPL-2.0

//! The attributes of a card that is made by configfs: their names, on the command line, in the file
//! of cards and in configfs.

use clap::ArgAction;
use clap::Args;
use clap::ValueEnum;
use serde::de::Error;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

/// Which ways sound can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
pub enum Way {
    /// Both devices play and record.
    #[serde(rename = "both")]
    Both,
    /// Device 0 only plays, device 1 only records.
    #[serde(rename = "0-to-1")]
    #[value(name = "0-to-1")]
    ZeroToOne,
}

/// Attributes; what isn't given is left as it is, which for a new card is the driver's default.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// The card's identifier, by which programs find it (hw:ID) [default: NAME]
    #[arg(long, value_name = "ID", value_parser = identifier)]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_identifier"
    )]
    pub id: Option<String>,
    /// The card's number; -1: any that is free
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-1..32))]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_index"
    )]
    pub index: Option<i32>,
    /// What people see: the card's name [default: Loopback]
    #[arg(long, value_parser = one_line)]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_line"
    )]
    pub title: Option<String>,
    /// Substreams of each device and direction [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_substreams"
    )]
    pub substreams: Option<u32>,
    /// The most channels that a stream can have [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_channels"
    )]
    pub channels_max: Option<u32>,
    /// Name of PCM device 0 [default: Loopback PCM]
    #[arg(long, value_name = "NAME", value_parser = one_line)]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_line"
    )]
    pub device0_name: Option<String>,
    /// Name of PCM device 1 [default: Loopback PCM]
    #[arg(long, value_name = "NAME", value_parser = one_line)]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_line"
    )]
    pub device1_name: Option<String>,
    /// Which ways sound can go [default: both]
    #[arg(long, value_name = "WAY", value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
    /// The controls PCM Notify are on at first [default: off]
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1,
          require_equals = true, default_missing_value = "on", action = ArgAction::Set)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pcm_notify: Option<bool>,
    /// The end that starts first waits for the other [default: off]
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1,
          require_equals = true, default_missing_value = "on", action = ArgAction::Set)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_peer: Option<bool>,
    /// A recording ends when its player is closed [default: off]
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1,
          require_equals = true, default_missing_value = "on", action = ArgAction::Set)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_with_peer: Option<bool>,
    /// What the cables run by: [follow:]CARD[.DEVICE[.SUBDEVICE]]; empty: the system's clock
    #[arg(long, value_name = "TIMER", value_parser = one_line)]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_line"
    )]
    pub timer_source: Option<String>,
    /// How many microseconds wake-ups may be late, to share interrupts [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "stored_slack"
    )]
    pub timer_slack: Option<u32>,
}

/// Reads a text that is one line.
fn one_line(text: &str) -> Result<String, String> {
    match text.contains(char::is_control) {
        true => Err("it is one line, with nothing that can't be seen".to_string()),
        false => Ok(text.to_string()),
    }
}

/// What `/proc/asound` has under names that could be a card's.
const RESERVED: [&str; 13] = [
    "version", "meminfo", "memdebug", "detect", "devices", "oss", "cards", "timers", "synth",
    "pcm", "seq", "modules", "hwdep",
];

/// Returns whether a card can be called so. From other identifiers ALSA leaves characters out, or
/// makes up another; the driver refuses them.
pub fn is_identifier(text: &str) -> bool {
    let plain = text.bytes().all(|it| it.is_ascii_alphanumeric());
    let begins = text.starts_with(|it: char| it.is_ascii_alphabetic());
    // That is for the folders of numbers: "card0".
    let free = !text.starts_with("card") && !RESERVED.contains(&text);
    text.len() <= 15 && plain && begins && free
}

/// Reads an identifier of a card.
fn identifier(text: &str) -> Result<String, String> {
    match is_identifier(text) {
        true => Ok(text.to_string()),
        false => Err(format!(
            "an identifier is up to 15 letters and digits of ASCII, the first a letter, and nothing \
             that begins with 'card' or that /proc/asound has already ({})",
            RESERVED.join(", ")
        )),
    }
}

/// Reads an identifier of the file of cards.
fn stored_identifier<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    identifier(&text).map(Some).map_err(D::Error::custom)
}

/// Reads a text of the file of cards.
fn stored_line<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    one_line(&text).map(Some).map_err(D::Error::custom)
}

/// Reads a number of the file of cards, which is to be in a range.
fn stored<'de, D, T>(from: D, least: i64, most: i64) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let number = i64::deserialize(from)?;
    let in_range = Some(number).filter(|it| (least..=most).contains(it));
    let value = in_range.and_then(|it| T::try_from(it).ok());
    let message = || D::Error::custom(format!("it is {least} to {most}, and not {number}"));
    value.map(Some).ok_or_else(message)
}

fn stored_index<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    stored(from, -1, 31)
}

fn stored_substreams<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    stored(from, 1, 32)
}

fn stored_channels<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    stored(from, 1, 256)
}

fn stored_slack<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    stored(from, 0, 1000)
}

/// Reads a switch.
pub fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "1" | "yes" | "true" => Ok(true),
        "off" | "0" | "no" | "false" => Ok(false),
        _ => Err("a switch is on or off".to_string()),
    }
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::ZeroToOne => "0-to-1",
        }
    }

    fn of(word: &str) -> Option<Self> {
        match word {
            "both" => Some(Self::Both),
            "0-to-1" => Some(Self::ZeroToOne),
            _ => None,
        }
    }
}

impl Attributes {
    /// Returns the files that the attributes are written to, with what is written.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let switch = |it: Option<bool>| it.map(|on| u8::from(on).to_string());
        let number = |it: Option<u32>| it.map(|it| it.to_string());
        let all = [
            ("id", self.id.clone()),
            ("index", self.index.map(|it| it.to_string())),
            ("name", self.title.clone()),
            ("substreams", number(self.substreams)),
            ("channels_max", number(self.channels_max)),
            ("device0_name", self.device0_name.clone()),
            ("device1_name", self.device1_name.clone()),
            ("direction", self.direction.map(|it| it.word().to_string())),
            ("pcm_notify", switch(self.pcm_notify)),
            ("wait_for_peer", switch(self.wait_for_peer)),
            ("end_with_peer", switch(self.end_with_peer)),
            ("timer_source", self.timer_source.clone()),
            ("timer_slack", number(self.timer_slack)),
        ];
        all.into_iter()
            .filter_map(|(file, it)| Some((file, it?)))
            .collect()
    }

    /// Returns the attributes as their files have them; what can't be read isn't there.
    pub fn from_files(read: impl Fn(&str) -> Option<String>) -> Self {
        let switch = |file| read(file).and_then(|it| on_off(&it).ok());
        let number = |file| read(file).and_then(|it| it.parse().ok());
        Self {
            // A directory whose name can be no identifier has none at first.
            id: read("id").filter(|it| !it.is_empty()),
            index: read("index").and_then(|it| it.parse().ok()),
            title: read("name"),
            substreams: number("substreams"),
            channels_max: number("channels_max"),
            device0_name: read("device0_name"),
            device1_name: read("device1_name"),
            direction: read("direction").and_then(|it| Way::of(&it)),
            pcm_notify: switch("pcm_notify"),
            wait_for_peer: switch("wait_for_peer"),
            end_with_peer: switch("end_with_peer"),
            timer_source: read("timer_source"),
            timer_slack: number("timer_slack"),
        }
    }

    /// Returns the files whose content isn't what is wanted here: file, wanted, and what there is.
    pub fn differences(&self, there: &Self) -> Vec<(&'static str, String, Option<String>)> {
        let there = there.files();
        let value = |file: &str| {
            let found = there.iter().find(|(it, _)| *it == file);
            found.map(|(_, value)| value)
        };
        let wanted = self.files().into_iter();
        wanted
            .filter(|(file, wanted)| value(file) != Some(wanted))
            .map(|(file, wanted)| (file, wanted, value(file).cloned()))
            .collect()
    }
}

/// Says whether this can be the name of a directory in configfs.
pub fn check_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.starts_with('.') || name.len() > 63 {
        return Err("a name has 1 to 63 characters, and begins with no dot".to_string());
    }
    if name.contains(|c: char| c == '/' || c.is_control()) {
        return Err("a name has no slash, and nothing that can't be seen".to_string());
    }
    Ok(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_back() {
        let attributes = Attributes {
            id: Some("A".into()),
            index: Some(-1),
            title: Some("My card".into()),
            substreams: Some(32),
            channels_max: Some(256),
            device0_name: Some("in".into()),
            device1_name: Some("out".into()),
            direction: Some(Way::ZeroToOne),
            pcm_notify: Some(true),
            wait_for_peer: Some(false),
            end_with_peer: Some(true),
            timer_source: Some(String::new()),
            timer_slack: Some(1000),
        };
        let files = attributes.files();
        assert_eq!(files.len(), 13);
        assert!(files.contains(&("name", "My card".to_string())));
        assert!(files.contains(&("direction", "0-to-1".to_string())));
        assert!(files.contains(&("wait_for_peer", "0".to_string())));
        let read = |file: &str| {
            let found = files.iter().find(|(it, _)| *it == file);
            found.map(|(_, value)| value.clone())
        };
        let again = Attributes::from_files(read);
        assert_eq!(again, attributes);
        assert!(attributes.differences(&again).is_empty());
    }

    #[test]
    fn only_what_is_given_can_differ() {
        let wanted = Attributes {
            substreams: Some(4),
            ..Attributes::default()
        };
        let there = Attributes {
            id: Some("B".into()),
            substreams: Some(8),
            ..Attributes::default()
        };
        let differences = wanted.differences(&there);
        assert_eq!(differences, [("substreams", "4".into(), Some("8".into()))]);
        assert_eq!(Attributes::default().differences(&there), []);
        assert_eq!(wanted.differences(&Attributes::default())[0].2, None);
    }

    #[test]
    fn identifiers() {
        for id in ["a", "Studio", "USB2", "abcdefghijklmno", "Card1", "pcm0"] {
            assert_eq!(identifier(id), Ok(id.to_string()), "{id}");
        }
        for id in [
            "",
            "my card",
            "my-card",
            "a_b",
            "7up",
            "card",
            "card1",
            "abcdefghijklmnop",
            "ü",
            "a\n",
            "a/b",
            "pcm",
            "version",
            "oss",
        ] {
            let error = identifier(id).expect_err(id);
            assert!(error.contains("up to 15 letters and digits"), "{error}");
        }
    }

    #[test]
    fn reserved_identifiers_are_those_of_the_driver() {
        let driver = include_str!("../../rust/aloop/settings.rs");
        let (_, list) = driver.split_once("const RESERVED").expect("it has them");
        let (list, _) = list.split_once("\n];").expect("the list ends");
        let words: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(words, RESERVED);
    }

    #[test]
    fn what_a_new_directory_has() {
        let read = |file: &str| Some(if file == "id" { "" } else { "1" }.to_string());
        assert_eq!(Attributes::from_files(read).id, None);
    }

    #[test]
    fn names() {
        for name in ["a", "My card", "ä"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(64);
        for name in ["", ".", "..", ".a", "a/b", "a\nb", long.as_str()] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
