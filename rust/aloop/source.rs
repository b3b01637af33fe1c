// SPDX-License-Identifier: GPL-2.0

//! What `timer_source` says: which timer a card's cables run by.
//!
//! Nothing here is of the kernel; `tests/host` compiles this file as well.

use crate::text::Text;

/// The text: of 63 bytes at most, as in C.
pub(crate) type SourceText = Text<64>;

/// What the text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The clock of the system.
    System,
    /// A timer of the ALSA core.
    Timer {
        /// The number of the card; -1 stands for the global timers.
        card: i32,
        /// The device.
        device: i32,
        /// The subdevice.
        subdevice: i32,
        /// Whether the cables follow its speed only, by the clock of the system.
        follows: bool,
    },
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// Something that should be a number is none, or there is no such card.
    Invalid,
    /// A number is too large.
    Range,
    /// There is no such card, whose speed could be followed.
    Absent,
}

impl Source {
    /// Reads `[PREFIX:]CARD[{.|,}DEVICE[{.|,}SUBDEVICE]]`, where CARD is a number or an identifier.
    ///
    /// No text at all, and the word `hrtimer`, stand for the clock of the system. The prefix
    /// `follow` says that only the timer's speed is followed; any other has no meaning.
    ///
    /// Numbers are read as the kernel's `kstrtoint()` does: `0x` leads hexadecimal ones, `0` octal
    /// ones, a sign may stand before. `find_card` gives the number of the card with an identifier;
    /// it is asked before the other numbers are read, as in C: a card that is not there is the
    /// error that is found first.
    ///
    /// # Errors
    ///
    /// [`Error::Absent`] if there is no such card, and its speed was to be followed;
    /// [`Error::Range`] if a number is too large; otherwise [`Error::Invalid`].
    pub(crate) fn parse(
        text: &[u8],
        find_card: impl FnOnce(&[u8]) -> Option<i32>,
    ) -> Result<Self, Error> {
        if text.is_empty() || text == b"hrtimer" {
            return Ok(Self::System);
        }
        let (prefix, text) = match text.iter().position(|&byte| byte == b':') {
            Some(colon) => (
                text.get(..colon).unwrap_or(b""),
                text.get(colon.saturating_add(1)..).unwrap_or(b""),
            ),
            None => (&b""[..], text),
        };
        let follows = prefix == b"follow";
        // A third separator and what follows it belong to the subdevice, and make it no number.
        let mut parts = text.splitn(3, |&byte| byte == b'.' || byte == b',');
        let card = parts.next().unwrap_or(b"");
        let card = match number(card) {
            Err(Error::Invalid) => find_card(card).ok_or(if follows {
                Error::Absent
            } else {
                Error::Invalid
            })?,
            number => number?,
        };
        Ok(Self::Timer {
            card,
            device: parts.next().map_or(Ok(0), number)?,
            subdevice: parts.next().map_or(Ok(0), number)?,
            follows,
        })
    }
}

/// Reads a number.
fn number(text: &[u8]) -> Result<i32, Error> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    let end = digits
        .iter()
        .position(|&byte| char::from(byte).to_digit(base).is_none())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end).ok_or(Error::Invalid)?;
    let value = digits.iter().try_fold(0u64, |value, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        value.checked_mul(base.into())?.checked_add(digit.into())
    });
    // In this order, as the kernel does: a number that is too large need not be one to its end.
    let value = value.ok_or(Error::Range)?;
    if digits.is_empty() || !matches!(rest, b"" | b"\n") {
        return Err(Error::Invalid);
    }
    let value = i64::try_from(value).map_err(|_| Error::Range)?;
    let value = if negative {
        value.wrapping_neg()
    } else {
        value
    };
    i32::try_from(value).map_err(|_| Error::Range)
}
