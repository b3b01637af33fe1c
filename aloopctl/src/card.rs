// SPDX-License-Identifier: GPL-2.0

//! The cards of this driver, and what goes on in their cables.

use std::fs::OpenOptions;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::error::reason;
use crate::error::status_of;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::parse::cable_id::CableId;
use crate::parse::cables;
use crate::parse::cables::Pins;
use crate::parse::cables::SideLines;
use crate::parse::cards;
use crate::parse::substream;
use crate::root::Root;

/// What the driver calls itself, as the C driver does. No module is called so.
const DRIVER: &str = "Loopback";

/// A loopback card.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    pub number: u32,
    pub id: String,
    pub name: String,
    /// `snd_aloop_rs`, or that of the C driver.
    pub module: Option<String>,
    /// What the cables run by; nothing for the system's clock.
    pub timer_source: Option<String>,
}

/// A cable: one side plays, the other records.
#[derive(Clone, Debug, Serialize)]
pub struct Cable {
    pub cable: CableId,
    pub playback: Option<Side>,
    pub capture: Option<Side>,
}

/// An open side of a cable.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    pub pcm: String,
    pub program: Option<String>,
    pub pid: Option<u32>,
    pub state: String,
    pub format: Option<String>,
    pub rate: Option<u32>,
    pub channels: Option<u32>,
    pub access: Option<String>,
    pub period_size: Option<u64>,
    pub buffer_size: Option<u64>,
    /// For how many seconds it has been in this state.
    pub since_seconds: Option<f64>,
    pub rate_shift: Option<u64>,
    /// What the other side is bound to by this one; not told by older drivers.
    pub pins: Option<Pins>,
    /// The same, as the driver says it.
    #[serde(skip)]
    pub pins_text: Option<String>,
    pub xruns: Option<u64>,
    pub evictions: Option<u64>,
}

impl Cable {
    pub fn is_idle(&self) -> bool {
        self.playback.is_none() && self.capture.is_none()
    }

    /// Returns the sides that are open, with their direction.
    pub fn sides(&self) -> impl Iterator<Item = (&'static str, &Side)> {
        let playback = self.playback.iter().map(|side| ("playback", side));
        playback.chain(self.capture.iter().map(|side| ("capture", side)))
    }
}

/// Returns the loopback cards that there are.
pub fn all(root: &Root) -> Vec<Card> {
    let list = root.text_if_any("/proc/asound/cards").unwrap_or_default();
    let modules = root.text_if_any("/proc/asound/modules").unwrap_or_default();
    let is_ours = |card: &cards::ListedCard| {
        card.driver == DRIVER && root.exists(&format!("{}/cable#0", folder(card.number)))
    };
    let listed = cards::parse(&list).into_iter().filter(is_ours);
    let with_more = |card: cards::ListedCard| Card {
        module: cards::module_of(&modules, card.number).map(String::from),
        timer_source: root
            .text_if_any(&format!("{}/timer_source", folder(card.number)))
            .map(|text| text.trim().to_string()),
        number: card.number,
        id: card.id,
        name: card.name,
    };
    listed.map(with_more).collect()
}

/// Returns the card with this number or identifier.
pub fn find(root: &Root, name: &str) -> Result<Card> {
    let cards = all(root);
    let is_it = |card: &&Card| card.id == name || name.parse() == Ok(card.number);
    if let Some(card) = cards.iter().find(is_it) {
        return Ok(card.clone());
    }
    let names: Vec<&str> = cards.iter().map(|card| card.id.as_str()).collect();
    let advice = match names.is_empty() {
        true => "there is none at all; 'aloopctl doctor' says why".to_string(),
        false => format!("there are: {}", names.join(", ")),
    };
    let what = format!("there is no loopback card '{name}'");
    Err(Error::new(Status::Missing, what).advise(advice))
}

/// Returns the card of this name, or the first one.
pub fn find_or_first(root: &Root, name: Option<&str>) -> Result<Card> {
    if let Some(name) = name {
        return find(root, name);
    }
    all(root).into_iter().next().ok_or_else(|| {
        Error::new(Status::Missing, "there is no loopback card")
            .advise("'modprobe snd-aloop-rs' makes one; 'aloopctl doctor' says what is in the way")
    })
}

fn folder(card: u32) -> String {
    format!("/proc/asound/card{card}")
}

impl Card {
    /// Returns the numbers of the cables that the card has.
    pub fn cable_ids(&self, root: &Root) -> Vec<CableId> {
        let substreams = |device| {
            let names = root.names(&format!("{}/pcm{device}p", folder(self.number)));
            let numbers = names.into_iter();
            let mut numbers: Vec<u32> = numbers
                .filter_map(|name| name.strip_prefix("sub")?.parse().ok())
                .collect();
            numbers.sort_unstable();
            let with_device = move |substream| CableId { device, substream };
            numbers.into_iter().map(with_device)
        };
        (0..=1).flat_map(substreams).collect()
    }

    /// Fails if this user may not use the card. (What alsa-lib makes of that is another error.)
    pub fn require_access(&self, root: &Root) -> Result {
        let path = format!("/dev/snd/controlC{}", self.number);
        let mut options = OpenOptions::new();
        match options.read(true).write(true).open(root.path(&path)) {
            Err(error) if status_of(&error) == Status::Denied => {
                let what = format!("{path}: {}", reason(&error));
                Err(Error::new(Status::Denied, what)
                    .advise("be in the group audio, or root; 'aloopctl doctor' says more"))
            }
            // Everything else has an error of its own later.
            _ => Ok(()),
        }
    }

    /// Fails if the card has no such cable.
    pub fn require_cable(&self, root: &Root, id: CableId) -> Result {
        let ids = self.cable_ids(root);
        if ids.contains(&id) {
            return Ok(());
        }
        let of_device = |device| {
            let count = ids.iter().filter(|it| it.device == device).count();
            format!("{count} of device {device}")
        };
        let what = format!("the card {} has no cable {id}", self.id);
        let advice = format!("it has {} and {}", of_device(0), of_device(1));
        Err(Error::new(Status::Missing, what).advise(advice))
    }

    /// Returns all cables of the card as they are now.
    pub fn cables(&self, root: &Root) -> Vec<Cable> {
        let lines = [0, 1].map(|device| {
            let path = format!("{}/cable#{device}", folder(self.number));
            cables::parse(&root.text_if_any(&path).unwrap_or_default())
        });
        let ids = self.cable_ids(root).into_iter();
        ids.map(|cable| {
            let lines = lines
                .get(cable.device as usize)
                .and_then(|it| it.get(&cable.substream));
            let lines = lines.cloned().unwrap_or_default();
            let (device, capture) = (cable.device, cable.capture_device());
            Cable {
                cable,
                playback: self.side(root, device, 'p', cable.substream, lines.playback),
                capture: self.side(root, capture, 'c', cable.substream, lines.capture),
            }
        })
        .collect()
    }

    fn side(
        &self,
        root: &Root,
        device: u32,
        direction: char,
        substream: u32,
        lines: Option<SideLines>,
    ) -> Option<Side> {
        let folder = format!(
            "{}/pcm{device}{direction}/sub{substream}",
            folder(self.number)
        );
        let status = substream::status(&root.text_if_any(&format!("{folder}/status"))?)?;
        let setup = root.text_if_any(&format!("{folder}/hw_params"));
        let setup = setup.and_then(|text| substream::setup(&text));
        // The two texts were not read at one time: a side may have been opened meanwhile.
        let lines = lines.unwrap_or_default();
        let told = lines.program().map(|(name, pid)| (name.to_string(), pid));
        // 0 is one that is not seen from here, as from inside of a container, or has ended.
        let pid = told.as_ref().map(|(_, pid)| *pid).or(status.owner);
        let pid = pid.filter(|&it| it != 0);
        let program = told.map(|(name, _)| name).or_else(|| {
            let name = root.text_if_any(&format!("/proc/{}/comm", pid?))?;
            Some(name.trim_end().to_string())
        });
        let setup = setup.as_ref();
        Some(Side {
            pcm: format!("hw:{},{device},{substream}", self.id),
            program,
            pid,
            format: setup.map(|it| it.format.clone()),
            rate: setup.map(|it| it.rate),
            channels: setup.map(|it| it.channels),
            access: setup.map(|it| it.access.clone()),
            period_size: setup.map(|it| it.period_size),
            buffer_size: setup.map(|it| it.buffer_size),
            since_seconds: age_now(root, status.trigger),
            state: status.state,
            rate_shift: lines.number("rate_shift"),
            pins: lines.pins(),
            pins_text: lines.get("pins").map(String::from),
            xruns: lines.number("xruns"),
            evictions: lines.number("evictions"),
        })
    }
}

/// Returns the age of a state that began at this time of one clock or another.
fn age_now(root: &Root, trigger: Option<f64>) -> Option<f64> {
    let uptime = root.text_if_any("/proc/uptime")?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let today = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let age = substream::age(trigger?, uptime, today.as_secs_f64())?;
    // Milliseconds are what the texts are worth.
    Some((age * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const CARDS: (&str, &[u8]) = ("/proc/asound/cards", include_bytes!("parse/samples/cards"));
    const STATUS: &[u8] = include_bytes!("parse/samples/status");
    const PARAMS: &[u8] = include_bytes!("parse/samples/hw_params");

    /// A card whose cable 0,1 is used at both sides, beside one that is no loopback card.
    fn with(cable: &'static [u8]) -> Fake {
        Fake::new(&[
            CARDS,
            (
                "/proc/asound/modules",
                b" 0 snd_aloop_rs\n 1 snd_hda_intel\n",
            ),
            ("/proc/asound/card0/cable#0", cable),
            ("/proc/asound/card0/timer_source", b"PCH.0.0\n"),
            ("/proc/asound/card0/pcm0p/sub0/status", b"closed\n"),
            ("/proc/asound/card0/pcm0p/sub1/status", STATUS),
            ("/proc/asound/card0/pcm0p/sub1/hw_params", PARAMS),
            ("/proc/asound/card0/pcm1c/sub0/status", b"closed\n"),
            ("/proc/asound/card0/pcm1c/sub1/status", STATUS),
            ("/proc/asound/card0/pcm1c/sub1/hw_params", b"no setup\n"),
            ("/proc/118/comm", b"from comm\n"),
            ("/proc/uptime", b"10.5 1.0\n"),
        ])
    }

    #[test]
    fn cards_of_the_driver() {
        let fake = with(b"");
        let cards = all(&fake.root);
        // The other one of that driver's name has no cables.
        assert_eq!(cards.len(), 1);
        assert_eq!(cards[0].module.as_deref(), Some("snd_aloop_rs"));
        assert_eq!(cards[0].timer_source.as_deref(), Some("PCH.0.0"));
        for name in ["0", "Loopback"] {
            assert_eq!(find(&fake.root, name).expect(name).number, 0);
        }
        for name in ["1", "PCH", "Studio", "", "00x"] {
            let error = find(&fake.root, name).expect_err(name);
            assert_eq!(error.status, Status::Missing);
        }
        let ids: Vec<String> = cards[0]
            .cable_ids(&fake.root)
            .iter()
            .map(|it| it.to_string())
            .collect();
        assert_eq!(ids, ["0,0", "0,1"]);
    }

    #[test]
    fn ends_with_an_older_driver() {
        let fake = with(include_bytes!("parse/samples/cable-old"));
        let cables = all(&fake.root)[0].cables(&fake.root);
        assert!(cables[0].is_idle());
        let playback = cables[1].playback.as_ref().expect("it is open");
        assert_eq!(playback.program.as_deref(), Some("from comm"));
        assert_eq!((playback.pid, playback.rate), (Some(118), Some(96000)));
        assert_eq!(playback.since_seconds, Some(4.433));
        assert_eq!((playback.pins.as_ref(), playback.xruns), (None, None));
        let capture = cables[1].capture.as_ref().expect("it is open");
        assert_eq!(
            (capture.format.as_ref(), capture.pcm.as_str()),
            (None, "hw:Loopback,1,1")
        );
    }

    #[test]
    fn ends_with_a_newer_driver() {
        let fake = with(include_bytes!("parse/samples/cable-new"));
        let cables = all(&fake.root)[0].cables(&fake.root);
        let playback = cables[1].playback.as_ref().expect("it is open");
        assert_eq!(playback.program.as_deref(), Some("aplay"));
        assert!(playback
            .pins
            .as_ref()
            .is_some_and(|it| it.channels == Some(2)));
        let capture = cables[1].capture.as_ref().expect("it is open");
        assert_eq!(capture.program.as_deref(), Some("a (b) c"));
        assert_eq!(
            (capture.pid, capture.xruns, capture.evictions),
            (Some(116), Some(3), Some(1))
        );
    }
}
