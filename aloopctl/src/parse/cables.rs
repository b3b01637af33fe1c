// SPDX-License-Identifier: GPL-2.0

//! `/proc/asound/cardN/cable#D`: the driver on the cables that device D plays into.

use std::collections::BTreeMap;

use serde::Serialize;

/// What one side binds the other to. If it has none of it, it binds it to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pins {
    pub format: Option<String>,
    pub rate: Option<u32>,
    pub channels: Option<u32>,
    /// Where the cable runs by the ticks of a sound timer.
    pub period_bytes: Option<u64>,
}

/// What the file says of one open side, by its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideLines(BTreeMap<String, String>);

impl SideLines {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// Returns name and process of the program, which newer drivers tell.
    pub fn program(&self) -> Option<(&str, u32)> {
        // The name may have parentheses of its own.
        let (name, pid) = self.get("program")?.rsplit_once(" (")?;
        Some((name, pid.strip_suffix(')')?.parse().ok()?))
    }

    /// Returns what the side binds the other to, which newer drivers tell.
    pub fn pins(&self) -> Option<Pins> {
        let mut pins = Pins::default();
        for part in self.get("pins")?.split(", ") {
            match part.split_once(' ') {
                Some(("format", format)) => pins.format = Some(format.to_string()),
                Some(("rate", rate)) => pins.rate = rate.parse().ok(),
                Some(("channels", channels)) => pins.channels = channels.parse().ok(),
                Some(("period_bytes", bytes)) => pins.period_bytes = bytes.parse().ok(),
                _ => (),
            }
        }
        Some(pins)
    }
}

/// What the file says of one cable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CableLines {
    pub playback: Option<SideLines>,
    pub capture: Option<SideLines>,
}

/// Returns the cables by their substream.
pub fn parse(text: &str) -> BTreeMap<u32, CableLines> {
    let mut cables = BTreeMap::new();
    let mut cable: Option<&mut CableLines> = None;
    let mut is_capture = false;
    for line in text.lines() {
        if let Some(substream) = heading(line) {
            cable = Some(cables.entry(substream).or_insert_with(CableLines::default));
            is_capture = false;
            continue;
        }
        let Some(cable) = cable.as_deref_mut() else {
            continue;
        };
        match line.trim() {
            "Playback" => is_capture = false,
            "Capture" => is_capture = true,
            "inactive" => (),
            // Those of the cable itself are indented less.
            _ if !line.starts_with("    ") => (),
            _ => {
                let side = match is_capture {
                    false => &mut cable.playback,
                    true => &mut cable.capture,
                };
                if let Some((key, value)) = super::pair(line) {
                    let side = side.get_or_insert_with(SideLines::default);
                    side.0.insert(key.to_string(), value.to_string());
                }
            }
        }
    }
    cables
}

/// Returns the substream of a line "Cable 0 substream 3:".
fn heading(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("Cable ")?;
    let (_, substream) = rest.strip_suffix(':')?.split_once(" substream ")?;
    substream.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a guest, with `aplay` and two `arecord`.
    const OLD: &str = include_str!("samples/cable-old");
    /// The same with the lines that later drivers add.
    const NEW: &str = include_str!("samples/cable-new");

    #[test]
    fn an_older_driver() {
        let cables = parse(OLD);
        assert_eq!(cables.len(), 8);
        assert_eq!(cables[&0], CableLines::default());
        let playback = cables[&1].playback.as_ref().expect("it is open");
        assert_eq!(playback.number("rate_shift"), Some(100000));
        assert_eq!(playback.number("buffer_size"), Some(88208));
        assert_eq!(playback.program(), None);
        assert_eq!(playback.pins(), None);
        assert!(cables[&1].capture.is_some());
        assert!(cables[&2].playback.is_none());
        let capture = cables[&2].capture.as_ref().expect("it is open");
        assert_eq!(capture.number("sample_align"), Some(32));
    }

    #[test]
    fn a_newer_driver() {
        let cables = parse(NEW);
        let playback = cables[&1].playback.as_ref().expect("it is open");
        assert_eq!(playback.program(), Some(("aplay", 118)));
        let pins = Pins {
            format: Some("S16_LE".into()),
            rate: Some(44100),
            channels: Some(2),
            period_bytes: Some(22052),
        };
        assert_eq!(playback.pins(), Some(pins));
        let capture = cables[&1].capture.as_ref().expect("it is open");
        assert_eq!(capture.program(), Some(("a (b) c", 116)));
        assert_eq!(capture.get("pins"), Some("nothing"));
        assert_eq!(capture.pins(), Some(Pins::default()));
        assert_eq!(capture.number("xruns"), Some(3));
        assert_eq!(capture.number("evictions"), Some(1));
    }

    #[test]
    fn whatever_it_is_it_does_no_harm() {
        for text in [
            "",
            "\n\n",
            "    key: value",
            "Cable x substream y:\n    a:b",
            "Cable 0",
        ] {
            assert!(parse(text).is_empty(), "{text}");
        }
        let cables = parse("Cable 0 substream 4294967295:\n  Capture\n    :\n    program: x\n");
        let side = cables[&u32::MAX].capture.as_ref().expect("it has lines");
        assert_eq!(side.program(), None);
    }
}
