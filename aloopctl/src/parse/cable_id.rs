// SPDX-License-Identifier: GPL-2.0

//! Which cable of a card: `D,S`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// A cable by the device and substream that are played into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CableId {
    pub device: u32,
    pub substream: u32,
}

impl CableId {
    /// Returns the device that records from the cable.
    pub fn capture_device(self) -> u32 {
        1 - self.device
    }
}

impl FromStr for CableId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (device, substream) = text.split_once(',')?;
            let device: u32 = device.trim().parse().ok()?;
            let substream: u32 = substream.trim().parse().ok()?;
            (device <= 1 && substream < 32).then_some(Self { device, substream })
        };
        parse().ok_or_else(|| {
            format!(
                "'{text}' is no cable: a cable is DEVICE,SUBSTREAM as it is played into, the \
                 device 0 or 1, the substream 0 to 31, as in 0,3"
            )
        })
    }
}

impl TryFrom<String> for CableId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CableId> for String {
    fn from(id: CableId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for CableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.device, self.substream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cables_have_two_numbers() {
        let id: CableId = "1,31".parse().expect("a cable");
        assert_eq!((id.device, id.substream, id.capture_device()), (1, 31, 0));
        assert_eq!(id.to_string(), "1,31");
        for text in [
            "",
            "0",
            "2,0",
            "0,32",
            "0,-1",
            "0,0,0",
            "a,b",
            "0;0",
            "99999999999,0",
        ] {
            assert!(text.parse::<CableId>().is_err(), "{text}");
        }
    }
}
