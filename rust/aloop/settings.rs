// SPDX-License-Identifier: GPL-2.0

//! What a card that is made at run time is to be like: the attributes of its directory, as text.
//!
//! Nothing here is of the kernel; `tests/host` compiles this file as well.

use crate::{
    duty::SLACK_MAX,
    source::{
        Error,
        Source,
        SourceText, //
    },
    text::Text,
};
use core::{
    fmt,
    ops::RangeInclusive,
    str, //
};

/// The greatest number of channels that a card of a directory can have: all that there are.
pub(crate) const DIRECTORY_CHANNELS_MAX: u32 = 256;

/// The most bytes of a directory's name.
pub(crate) const DIRECTORY_MAX: usize = 63;

/// The numbers that a card can be told to have; -1 stands for any.
const INDEX: RangeInclusive<i64> = -1..=31;

const SUBSTREAMS: RangeInclusive<i64> = 1..=32;

const CHANNELS: RangeInclusive<i64> = 1..=DIRECTORY_CHANNELS_MAX as i64;

const SLACK: RangeInclusive<i64> = 0..=SLACK_MAX as i64;

/// What `/proc/asound` has, or may have, under names that could be a card's. (The core knows most of
/// them; of the others, a card's link would be the second entry.)
const RESERVED: [&[u8]; 13] = [
    b"version",
    b"meminfo",
    b"memdebug",
    b"detect",
    b"devices",
    b"oss",
    b"cards",
    b"timers",
    b"synth",
    b"pcm",
    b"seq",
    b"modules",
    b"hwdep",
];

impl<const N: usize> Text<N> {
    /// Makes the text of these bytes, if there is room for them.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let cut = Self::cut(text);
        (cut.as_bytes() == text).then_some(cut)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.as_c_str().to_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        // Those that are read from attributes are UTF-8.
        str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

/// An attribute that says what the card is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Id,
    Index,
    Name,
    Substreams,
    ChannelsMax,
    Device0Name,
    Device1Name,
    Direction,
    PcmNotify,
    WaitForPeer,
    EndWithPeer,
    TimerSource,
    TimerSlack,
}

impl Attribute {
    /// Returns the name of its file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Index => "index",
            Self::Name => "name",
            Self::Substreams => "substreams",
            Self::ChannelsMax => "channels_max",
            Self::Device0Name => "device0_name",
            Self::Device1Name => "device1_name",
            Self::Direction => "direction",
            Self::PcmNotify => "pcm_notify",
            Self::WaitForPeer => "wait_for_peer",
            Self::EndWithPeer => "end_with_peer",
            Self::TimerSource => "timer_source",
            Self::TimerSlack => "timer_slack",
        }
    }

    /// Says what may be written to it.
    pub(crate) const fn allowed(self) -> &'static str {
        match self {
            Self::Id => ID_ALLOWED,
            Self::Index => "a number from -1 (any) to 31",
            Self::Name => "text of 1 to 31 bytes",
            Self::Substreams => "a number from 1 to 32",
            Self::ChannelsMax => "a number from 1 to 256",
            Self::Device0Name | Self::Device1Name => "text of 1 to 79 bytes",
            Self::Direction => "both, or 0-to-1",
            Self::PcmNotify | Self::WaitForPeer | Self::EndWithPeer => SWITCH_ALLOWED,
            Self::TimerSource => "nothing, or [PREFIX:]CARD[.DEVICE[.SUBDEVICE]] of up to 63 bytes",
            Self::TimerSlack => "a number from 0 to 1000 (microseconds)",
        }
    }
}

/// What an identifier may be.
pub(crate) const ID_ALLOWED: &str =
    "up to 15 letters and digits, the first a letter, and no name that /proc/asound has already";

/// What may be written to an attribute that is on or off.
pub(crate) const SWITCH_ALLOWED: &str = "0 or 1";

/// What a card is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The identifier; none if the directory's name can't be one, and nobody has written another.
    pub(crate) id: Option<Text<16>>,
    /// The number; -1: any.
    pub(crate) index: i32,
    /// The short name.
    pub(crate) name: Text<32>,
    /// The number of substreams of each device and direction.
    pub(crate) substreams: u32,
    pub(crate) channels_max: u32,
    /// The names of the PCM devices.
    pub(crate) device_names: [Text<80>; 2],
    /// Whether there are cables from device 1 to device 0 too. Otherwise device 0 only plays, and
    /// device 1 only records.
    pub(crate) both_ways: bool,
    pub(crate) pcm_notify: bool,
    pub(crate) wait_for_peer: bool,
    pub(crate) end_with_peer: bool,
    pub(crate) timer_source: SourceText,
    /// How late a period timer may be, in microseconds.
    pub(crate) timer_slack: u32,
}

impl Settings {
    /// Returns what a directory of that name begins with.
    pub(crate) fn new(directory: &[u8]) -> Self {
        Self {
            id: id(directory).ok(),
            index: -1,
            name: Text::cut(b"Loopback"),
            substreams: 8,
            channels_max: 32,
            device_names: [Text::cut(b"Loopback PCM"); 2],
            both_ways: true,
            pcm_notify: false,
            wait_for_peer: false,
            end_with_peer: false,
            timer_source: Text::cut(b""),
            timer_slack: 0,
        }
    }

    /// Sets an attribute to what has been written to its file.
    ///
    /// Without success, nothing changes.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for a number out of range, otherwise [`Error::Invalid`].
    pub(crate) fn set(&mut self, attribute: Attribute, written: &[u8]) -> Result<(), Error> {
        let text = line(written);
        match attribute {
            Attribute::Id => self.id = Some(id(text)?),
            Attribute::Index => self.index = number(text, &INDEX)?,
            Attribute::Name => self.name = words(text)?,
            Attribute::Substreams => self.substreams = number(text, &SUBSTREAMS)?,
            Attribute::ChannelsMax => self.channels_max = number(text, &CHANNELS)?,
            Attribute::Device0Name => self.device_names[0] = words(text)?,
            Attribute::Device1Name => self.device_names[1] = words(text)?,
            Attribute::Direction => {
                self.both_ways = match text {
                    b"both" => true,
                    b"0-to-1" => false,
                    _ => return Err(Error::Invalid),
                }
            }
            Attribute::PcmNotify => self.pcm_notify = switch(written)?,
            Attribute::WaitForPeer => self.wait_for_peer = switch(written)?,
            Attribute::EndWithPeer => self.end_with_peer = switch(written)?,
            Attribute::TimerSource => self.timer_source = timer_source(text)?,
            Attribute::TimerSlack => self.timer_slack = number(text, &SLACK)?,
        }
        Ok(())
    }

    /// Writes the line that is read from the file of an attribute.
    pub(crate) fn show(&self, attribute: Attribute, to: &mut dyn fmt::Write) -> fmt::Result {
        let number = |value: bool| u32::from(value);
        match attribute {
            Attribute::Id => writeln!(to, "{}", self.id.as_ref().map_or("", Text::as_str)),
            Attribute::Index => writeln!(to, "{}", self.index),
            Attribute::Name => writeln!(to, "{}", self.name.as_str()),
            Attribute::Substreams => writeln!(to, "{}", self.substreams),
            Attribute::ChannelsMax => writeln!(to, "{}", self.channels_max),
            Attribute::Device0Name => writeln!(to, "{}", self.device_names[0].as_str()),
            Attribute::Device1Name => writeln!(to, "{}", self.device_names[1].as_str()),
            Attribute::Direction => {
                if self.both_ways {
                    writeln!(to, "both")
                } else {
                    writeln!(to, "0-to-1")
                }
            }
            Attribute::PcmNotify => writeln!(to, "{}", number(self.pcm_notify)),
            Attribute::WaitForPeer => writeln!(to, "{}", number(self.wait_for_peer)),
            Attribute::EndWithPeer => writeln!(to, "{}", number(self.end_with_peer)),
            Attribute::TimerSource => writeln!(to, "{}", self.timer_source.as_str()),
            Attribute::TimerSlack => writeln!(to, "{}", self.timer_slack),
        }
    }
}

/// Returns whether a directory can be called so.
pub(crate) fn is_directory(name: &[u8]) -> bool {
    name.len() <= DIRECTORY_MAX && is_words(name)
}

/// Returns whether a name is a number.
///
/// Devices that are called so have a number behind their name.
pub(crate) fn is_number(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

/// Reads a 0 or a 1, from what has been written.
///
/// # Errors
///
/// [`Error::Range`] for another number, otherwise [`Error::Invalid`].
pub(crate) fn switch(written: &[u8]) -> Result<bool, Error> {
    Ok(number::<u32>(line(written), &(0..=1))? != 0)
}

/// Takes the end of the line off, which `echo` writes.
fn line(written: &[u8]) -> &[u8] {
    written.strip_suffix(b"\n").unwrap_or(written)
}

/// Reads an identifier that the core takes as it is.
///
/// From others it leaves characters out, or makes up another.
fn id(text: &[u8]) -> Result<Text<16>, Error> {
    let plain = text.iter().all(u8::is_ascii_alphanumeric);
    let begins = text.first().is_some_and(u8::is_ascii_alphabetic);
    // That is for the directories of numbers: "card0".
    let free = !text.starts_with(b"card") && !RESERVED.contains(&text);
    match Text::new(text) {
        Some(id) if plain && begins && free => Ok(id),
        _ => Err(Error::Invalid),
    }
}

/// Returns whether a text can be shown: there is something in it, and nothing that moves a cursor.
fn is_words(text: &[u8]) -> bool {
    let words = |text: &str| {
        !text.contains(|c: char| c.is_control()) && !text.chars().all(char::is_whitespace)
    };
    str::from_utf8(text).is_ok_and(words)
}

/// Reads a text that is shown to people.
fn words<const N: usize>(text: &[u8]) -> Result<Text<N>, Error> {
    match Text::new(text) {
        Some(words) if is_words(text) => Ok(words),
        _ => Err(Error::Invalid),
    }
}

/// Reads a decimal number in a range.
fn number<T: TryFrom<i64>>(text: &[u8], range: &RangeInclusive<i64>) -> Result<T, Error> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Error::Invalid);
    }
    let value = digits.iter().fold(0i64, |value, &digit| {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        value.saturating_mul(10).saturating_add(digit)
    });
    let value = if negative {
        value.saturating_neg()
    } else {
        value
    };
    if !range.contains(&value) {
        return Err(Error::Range);
    }
    T::try_from(value).map_err(|_| Error::Range)
}

/// Reads what the cables are to run by.
///
/// There may be such a card later.
fn timer_source(text: &[u8]) -> Result<SourceText, Error> {
    let text = if text.is_empty() {
        Text::cut(b"")
    } else {
        words(text)?
    };
    Source::parse(text.as_bytes(), |_| Some(0))?;
    Ok(text)
}
