// SPDX-License-Identifier: GPL-2.0

//! The attributes of a card's directory: what may be written, and what is read then.

use crate::settings::{is_directory, is_number, switch, Attribute, Settings};
use crate::source::Error;
use crate::text::Text;
use proptest::prelude::*;

const ALL: [Attribute; 13] = [
    Attribute::Id,
    Attribute::Index,
    Attribute::Name,
    Attribute::Substreams,
    Attribute::ChannelsMax,
    Attribute::Device0Name,
    Attribute::Device1Name,
    Attribute::Direction,
    Attribute::PcmNotify,
    Attribute::WaitForPeer,
    Attribute::EndWithPeer,
    Attribute::TimerSource,
    Attribute::TimerSlack,
];

fn shown(settings: &Settings, attribute: Attribute) -> String {
    let mut text = String::new();
    settings.show(attribute, &mut text).unwrap();
    text
}

/// What writing `text` to a new directory's attribute leads to: what is read then, without the end
/// of the line.
fn after(attribute: Attribute, text: &[u8]) -> Result<String, Error> {
    let mut settings = Settings::new(b"studio");
    let before = settings;
    let result = settings.set(attribute, text);
    for other in ALL {
        if other != attribute || result.is_err() {
            assert_eq!(shown(&settings, other), shown(&before, other));
        }
    }
    result?;
    let line = shown(&settings, attribute);
    Ok(line.strip_suffix('\n').unwrap().to_owned())
}

fn taken(attribute: Attribute, texts: &[&str]) {
    for text in texts {
        for written in [format!("{text}\n"), (*text).to_owned()] {
            let read = after(attribute, written.as_bytes());
            assert_eq!(read.as_deref(), Ok(*text), "{attribute:?}: {written:?}");
        }
    }
}

fn refused(attribute: Attribute, error: Error, texts: &[&str]) {
    for text in texts {
        for written in [format!("{text}\n"), (*text).to_owned()] {
            // That would be the end of the line.
            if written == *text && text.ends_with('\n') {
                continue;
            }
            let read = after(attribute, written.as_bytes());
            assert_eq!(read, Err(error), "{attribute:?}: {written:?}");
        }
    }
}

#[test]
fn defaults() {
    let settings = Settings::new(b"studio");
    let lines = ALL.map(|attribute| shown(&settings, attribute));
    let want = [
        "studio\n",
        "-1\n",
        "Loopback\n",
        "8\n",
        "32\n",
        "Loopback PCM\n",
        "Loopback PCM\n",
        "both\n",
        "0\n",
        "0\n",
        "0\n",
        "\n",
        "0\n",
    ];
    assert_eq!(lines, want);
    assert!(settings.both_ways);
}

/// A directory may be called what no card can be.
#[test]
fn directory_is_no_id() {
    for name in [
        "my studio",
        "a-b",
        "a_b",
        "7",
        "7up",
        "card7",
        "pcm",
        "abcdefghijklmnop",
        "ü",
    ] {
        let settings = Settings::new(name.as_bytes());
        assert!(is_directory(name.as_bytes()), "{name}");
        assert!(settings.id.is_none(), "{name}");
        assert_eq!(shown(&settings, Attribute::Id), "\n");
    }
    for name in ["", " ", "a\nb", "a\x7f", "\u{85}"] {
        assert!(!is_directory(name.as_bytes()), "{name:?}");
    }
    assert!(is_directory(&[b'x'; 63]) && !is_directory(&[b'x'; 64]));
    assert!(!is_directory(b"a\xff"));
    assert!(is_number(b"7") && is_number(b"0123") && !is_number(b"7a") && !is_number(b"-7"));
}

#[test]
fn ids() {
    taken(
        Attribute::Id,
        &[
            "a",
            "Studio",
            "x9",
            "abcdefghijklmno",
            "Card",
            "pcm1",
            "Seq",
        ],
    );
    let bad = [
        "",
        " ",
        "9x",
        "a b",
        "a-b",
        "a_b",
        "ü",
        "abcdefghijklmnop",
        "card",
        "card0",
        "cards",
        "cardigan",
        "version",
        "meminfo",
        "memdebug",
        "detect",
        "devices",
        "oss",
        "timers",
        "synth",
        "pcm",
        "seq",
        "modules",
        "hwdep",
        "a\n",
        "a\0",
    ];
    refused(Attribute::Id, Error::Invalid, &bad);
}

#[test]
fn numbers() {
    taken(Attribute::Index, &["-1", "0", "31"]);
    refused(
        Attribute::Index,
        Error::Range,
        &["-2", "32", "99999999999999999999", "-99999999999999999999"],
    );
    taken(Attribute::Substreams, &["1", "8", "32"]);
    refused(
        Attribute::Substreams,
        Error::Range,
        &["0", "33", "-1", "4294967297"],
    );
    taken(Attribute::ChannelsMax, &["1", "2", "256"]);
    refused(
        Attribute::ChannelsMax,
        Error::Range,
        &["0", "257", "4294967298"],
    );
    for attribute in [
        Attribute::Index,
        Attribute::Substreams,
        Attribute::ChannelsMax,
    ] {
        let bad = [
            "", "-", "+1", " 1", "1 ", "0x1", "1.0", "one", "1\n", "--1", "1,2", "1\0",
        ];
        refused(attribute, Error::Invalid, &bad);
    }
    // Zeros before make it no octal number.
    assert_eq!(after(Attribute::Substreams, b"010"), Ok("10".to_owned()));
}

#[test]
fn names() {
    let longest = ["x".repeat(31), "x".repeat(79)];
    taken(
        Attribute::Name,
        &["Studio", "My studio", "ü", " x", &longest[0]],
    );
    for attribute in [Attribute::Device0Name, Attribute::Device1Name] {
        taken(attribute, &["To the left", &longest[0], &longest[1]]);
    }
    refused(
        Attribute::Name,
        Error::Invalid,
        &[&format!("{}x", longest[0])],
    );
    refused(
        Attribute::Device0Name,
        Error::Invalid,
        &[&format!("{}x", longest[1])],
    );
    for attribute in [
        Attribute::Name,
        Attribute::Device0Name,
        Attribute::Device1Name,
    ] {
        refused(
            attribute,
            Error::Invalid,
            &["", "  ", "a\tb", "a\x1b[2J", "a\n", "a\0"],
        );
        assert_eq!(after(attribute, b"a\xffb\n"), Err(Error::Invalid));
    }
}

#[test]
fn words_and_switches() {
    taken(Attribute::Direction, &["both", "0-to-1"]);
    refused(
        Attribute::Direction,
        Error::Invalid,
        &["", "1-to-0", "Both", "both ", "0"],
    );
    for attribute in [
        Attribute::PcmNotify,
        Attribute::WaitForPeer,
        Attribute::EndWithPeer,
    ] {
        taken(attribute, &["0", "1"]);
        refused(attribute, Error::Range, &["2", "-1"]);
        refused(attribute, Error::Invalid, &["", "y", "on", "1 "]);
    }
    assert_eq!(switch(b"1\n"), Ok(true));
    assert_eq!(switch(b"0"), Ok(false));
    assert_eq!(switch(b"2\n"), Err(Error::Range));
}

#[test]
fn timer_sources() {
    let longest = format!("{}.0.0", "x".repeat(59));
    taken(
        Attribute::TimerSource,
        &[
            "",
            "hrtimer",
            "-1.0.0",
            "Loopback",
            "hw:Loopback,1,0",
            "PCH.0",
            "0x1.2",
            &longest,
        ],
    );
    refused(
        Attribute::TimerSource,
        Error::Invalid,
        &[
            "PCH.x",
            "0.0.",
            "0.0.0.0",
            "a\tb",
            "\n",
            &format!("x{longest}"),
        ],
    );
    refused(Attribute::TimerSource, Error::Range, &["0.99999999999"]);
}

/// Each attribute has a name of its own, and says what is allowed.
#[test]
fn attributes_are_told_apart() {
    let mut names = ALL.map(Attribute::name);
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    for attribute in ALL {
        assert!(!attribute.allowed().is_empty());
    }
}

proptest! {
    /// Whatever is written: what is taken is read again, and can be written again.
    #[test]
    fn read_is_what_was_written(
        attribute in prop::sample::select(&ALL[..]),
        text in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        if let Ok(read) = after(attribute, &text) {
            prop_assert!(!read.contains(char::is_control));
            prop_assert_eq!(after(attribute, read.as_bytes()), Ok(read));
        }
    }

    /// The same of texts that are often right.
    #[test]
    fn likely_texts(
        attribute in prop::sample::select(&ALL[..]),
        text in "(-?[0-9]{1,4}|[a-zA-Z0-9]{1,20}|[ -~]{0,90}|both|0-to-1)\n?",
    ) {
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if let Ok(read) = after(attribute, text.as_bytes()) {
            // But for zeros before a number.
            let same = match (read.parse::<i64>(), line.parse::<i64>()) {
                (Ok(read), Ok(line)) => read == line,
                _ => read == line,
            };
            prop_assert!(same, "{:?} became {:?}", line, read);
        }
    }

    /// Numbers: in the range or not, and nothing between.
    #[test]
    fn any_number(value in any::<i32>(), attribute in prop::sample::select(&[
        (Attribute::Index, -1, 31),
        (Attribute::Substreams, 1, 32),
        (Attribute::ChannelsMax, 1, 256),
    ][..])) {
        let (attribute, min, max) = attribute;
        let value = if value % 2 == 0 { value } else { value % 300 };
        let want = if (min..=max).contains(&value) {
            Ok(value.to_string())
        } else {
            Err(Error::Range)
        };
        prop_assert_eq!(after(attribute, value.to_string().as_bytes()), want);
    }

    /// A text has all of its bytes, or there is none.
    #[test]
    fn texts(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let fits = bytes.len() < 16 && !bytes.contains(&0);
        match Text::<16>::new(&bytes) {
            Some(text) => {
                prop_assert!(fits);
                prop_assert_eq!(text.as_bytes(), &bytes[..]);
                prop_assert_eq!(text.as_c_str().to_bytes(), &bytes[..]);
            }
            None => prop_assert!(!fits),
        }
    }
}

#[test]
fn slack() {
    taken(Attribute::TimerSlack, &["0", "1", "1000"]);
    refused(
        Attribute::TimerSlack,
        Error::Range,
        &["1001", "-1", "99999999999999999999"],
    );
    refused(
        Attribute::TimerSlack,
        Error::Invalid,
        &["", "1ms", "0.5", " 1"],
    );
}
