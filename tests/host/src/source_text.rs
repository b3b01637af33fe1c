// SPDX-License-Identifier: GPL-2.0

//! `timer_source`: what is read out of a text.

use crate::source::{Error, Source};
use proptest::prelude::*;

fn timer(card: i32, device: i32, subdevice: i32) -> Result<Source, Error> {
    Ok(Source::Timer {
        card,
        device,
        subdevice,
        follows: false,
    })
}

/// The same, of which only the speed is followed.
fn followed(card: i32, device: i32, subdevice: i32) -> Result<Source, Error> {
    Ok(Source::Timer {
        card,
        device,
        subdevice,
        follows: true,
    })
}

/// The most bytes that a text may have.
const TEXT_MAX: usize = 63;

/// The number of the one card that is there: `Intel`.
const INTEL: i32 = 17;

fn find(id: &[u8]) -> Option<i32> {
    (id == b"Intel").then_some(INTEL)
}

/// What `kstrtoint(text, 0, …)` makes of a text, by another way: the longest run of digits first,
/// then 128-bit arithmetic.
fn kstrtoint(text: &[u8]) -> Result<i32, Error> {
    let text = String::from_utf8_lossy(text).into_owned();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let lower = text.to_ascii_lowercase();
    let hexadecimal =
        lower.starts_with("0x") && lower[2..].starts_with(|c: char| c.is_ascii_hexdigit());
    let (base, text) = match hexadecimal {
        true => (16, &text[2..]),
        false if text.starts_with('0') => (8, text),
        false => (10, text),
    };
    let digits: String = text.chars().take_while(|c| c.is_digit(base)).collect();
    let trimmed = digits.trim_start_matches('0');
    let value = if trimmed.len() > 30 {
        i128::MAX
    } else {
        i128::from_str_radix(&format!("0{trimmed}"), base).unwrap()
    };
    if value > i128::from(u64::MAX) {
        return Err(Error::Range);
    }
    let rest = &text[digits.len()..];
    if digits.is_empty() || !(rest.is_empty() || rest == "\n") {
        return Err(Error::Invalid);
    }
    i32::try_from(sign * value).map_err(|_| Error::Range)
}

/// What a text says, read from the manual: split into words first, which are read one after the
/// other.
fn by_the_manual(text: &[u8]) -> Result<Source, Error> {
    if [&b""[..], b"hrtimer"].contains(&text) {
        return Ok(Source::System);
    }
    let mut pieces = text.split(|&byte| byte == b':');
    let first = pieces.next().unwrap();
    // All behind the first colon, with the others in it.
    let rest: Vec<&[u8]> = pieces.collect();
    let follows = !rest.is_empty() && first == b"follow";
    let rest = if rest.is_empty() {
        first.to_vec()
    } else {
        rest.join(&b':')
    };
    let mut words: Vec<Vec<u8>> = vec![vec![]];
    for byte in rest {
        if (byte == b'.' || byte == b',') && words.len() < 3 {
            words.push(vec![]);
        } else {
            words.last_mut().unwrap().push(byte);
        }
    }
    let card = match kstrtoint(&words[0]) {
        Err(Error::Invalid) if follows => find(&words[0]).ok_or(Error::Absent)?,
        Err(Error::Invalid) => find(&words[0]).ok_or(Error::Invalid)?,
        card => card?,
    };
    let mut others = [0; 2];
    for (other, word) in others.iter_mut().zip(&words[1..]) {
        *other = kstrtoint(word)?;
    }
    match follows {
        true => followed(card, others[0], others[1]),
        false => timer(card, others[0], others[1]),
    }
}

/// Texts of what is between words and in them.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(&b"."[..]),
        Just(&b","[..]),
        Just(&b":"[..]),
        Just(&b"Intel"[..]),
        Just(&b"hrtimer"[..]),
        Just(&b"hw"[..]),
        Just(&b"follow"[..]),
        Just(&b"0x"[..]),
        Just(&b"0"[..]),
        Just(&b"-1"[..]),
        Just(&b"+"[..]),
        Just(&b"9"[..]),
        Just(&b"2147483647"[..]),
        Just(&b"2147483648"[..]),
        Just(&b"18446744073709551615"[..]),
        Just(&b"f"[..]),
        Just(&b" "[..]),
        Just(&b"\n"[..]),
        Just(&b"\0"[..]),
        Just(&b"\xff"[..]),
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

#[test]
fn texts_of_the_manual() {
    for (text, want) in [
        ("", Ok(Source::System)),
        ("hrtimer", Ok(Source::System)),
        ("0", timer(0, 0, 0)),
        ("2.1", timer(2, 1, 0)),
        ("2,1", timer(2, 1, 0)),
        ("2.1,3", timer(2, 1, 3)),
        ("hw:1,0,1", timer(1, 0, 1)),
        ("0x1f.010", timer(31, 8, 0)),
        ("-1.0.0", timer(-1, 0, 0)),
        ("-1.3.0", timer(-1, 3, 0)),
        ("-1.4.7", timer(-1, 4, 7)),
        ("Intel.2", timer(INTEL, 2, 0)),
        ("hw:Intel", timer(INTEL, 0, 0)),
        ("follow:Intel", followed(INTEL, 0, 0)),
        ("follow:1.0.1", followed(1, 0, 1)),
        ("follow:USB", Err(Error::Absent)),
        ("follow:1.x", Err(Error::Invalid)),
        ("follow", Err(Error::Invalid)),
        ("follow1", Err(Error::Invalid)),
        ("1st", Err(Error::Invalid)),
        (".1", Err(Error::Invalid)),
        ("a:b:c.1", Err(Error::Invalid)),
        ("hrtimer.0", Err(Error::Invalid)),
        ("0x", Err(Error::Invalid)),
        ("08", Err(Error::Invalid)),
        ("0.", Err(Error::Invalid)),
        ("0.x", Err(Error::Invalid)),
        ("0.1.", Err(Error::Invalid)),
        ("0.1.2.3", Err(Error::Invalid)),
        ("0.1 ", Err(Error::Invalid)),
        ("2147483648", Err(Error::Range)),
        ("-2147483648", timer(i32::MIN, 0, 0)),
        ("99999999999999999999", Err(Error::Range)),
        ("99999999999999999999x", Err(Error::Range)),
        ("0.99999999999", Err(Error::Range)),
        ("Intel.99999999999", Err(Error::Range)),
        // There is no such card: that is found first.
        ("Other.99999999999", Err(Error::Invalid)),
    ] {
        assert_eq!(Source::parse(text.as_bytes(), find), want, "{text:?}");
    }
}

proptest! {
    /// Any bytes at all give an answer.
    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..=TEXT_MAX)) {
        let _ = Source::parse(&text, find);
    }

    /// Texts that nearly are some, and such that are, mean what the manual says.
    #[test]
    fn texts_mean_what_the_manual_says(text in texts()) {
        prop_assert_eq!(Source::parse(&text, find), by_the_manual(&text));
    }

    /// Bytes that are anything, too.
    #[test]
    fn bytes_mean_what_the_manual_says(text in prop::collection::vec(any::<u8>(), 0..=TEXT_MAX)) {
        prop_assert_eq!(Source::parse(&text, find), by_the_manual(&text));
    }

    /// What is written as a text is read again.
    #[test]
    fn numbers_come_back(
        card in any::<i32>(),
        device in any::<i32>(),
        subdevice in any::<i32>(),
        hex in any::<bool>(),
    ) {
        let written = |number: i32| match (hex, number) {
            (true, 0..) => format!("{number:#x}"),
            _ => number.to_string(),
        };
        let text = format!("hw:{},{}.{}", written(card), written(device), written(subdevice));
        prop_assert_eq!(Source::parse(text.as_bytes(), find), timer(card, device, subdevice));
    }

    /// Each of the three numbers is read as the kernel reads it.
    #[test]
    fn numbers_are_the_kernels(
        texts in prop::array::uniform3("[-+]?(0x|0X|0)?[0-9a-fA-F]{0,22}[g\n]?"),
    ) {
        let whole = texts.join(".");
        prop_assume!(!whole.is_empty() && whole != "hrtimer");
        let [card, device, subdevice] = texts.each_ref().map(|text| kstrtoint(text.as_bytes()));
        let want = match card {
            Err(Error::Range) => Err(Error::Range),
            Err(_) => Ok(INTEL),
            Ok(number) => Ok(number),
        };
        let want = want.and_then(|card| {
            Ok(Source::Timer { card, device: device?, subdevice: subdevice?, follows: false })
        });
        let find = |id: &[u8]| (id == texts[0].as_bytes()).then_some(INTEL);
        prop_assert_eq!(Source::parse(whole.as_bytes(), find), want);
    }

    /// A prefix makes no difference.
    #[test]
    fn a_prefix_is_passed_over(prefix in "[^:]{0,8}", rest in "[0-9a-z.,]{1,12}") {
        prop_assume!(rest != "hrtimer");
        let text = format!("{prefix}:{rest}");
        prop_assert_eq!(Source::parse(text.as_bytes(), find), Source::parse(rest.as_bytes(), find));
    }
}
