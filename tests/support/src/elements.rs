// SPDX-License-Identifier: GPL-2.0

//! The control elements of each cable: section 9 of `Documentation/behaviour.rst`.

use crate::cable::Cable;
use crate::check;
use crate::check_eq;
use crate::control::Control;
use crate::kernel::Errno;
use crate::ktap::Context;
use crate::ktap::Fail;

/// The names of those that the C driver has as well, in the card's order.
pub const NAMES: [&str; 7] = [
    "PCM Rate Shift 100000",
    "PCM Notify",
    "PCM Slave Active",
    "PCM Slave Format",
    "PCM Slave Rate",
    "PCM Slave Channels",
    "PCM Slave Access Mode",
];
pub const SHIFT: usize = 0;
pub const NOTIFY: usize = 1;
pub const ACTIVE: usize = 2;
pub const FORMAT: usize = 3;
pub const RATE: usize = 4;
pub const CHANNELS: usize = 5;
pub const ACCESS: usize = 6;

/// The one beside the playback side, which the C driver has not.
pub const CAPTURE_ACTIVE: &str = "PCM Capture Active";

/// The elements of one cable.
pub struct Controls {
    pub control: Control,
    ids: [u32; 7],
    capture_active: Option<u32>,
}

impl Controls {
    pub fn of(ctx: &Context, cable: Cable) -> Result<Self, Fail> {
        let control = Control::open(ctx.index)?;
        let mut ids = [0; 7];
        for (id, name) in ids.iter_mut().zip(NAMES) {
            *id = control.find(name, cable.device ^ 1, cable.subdevice)?;
        }
        let capture_active = control.find(CAPTURE_ACTIVE, cable.device, cable.subdevice);
        Ok(Controls {
            control,
            ids,
            capture_active: capture_active.ok(),
        })
    }

    /// The number id of one of them.
    pub fn id(&self, which: usize) -> u32 {
        self.ids[which]
    }

    pub fn get(&self, which: usize) -> Result<i64, Errno> {
        self.control.read(self.ids[which])
    }

    pub fn set(&self, which: usize, value: i64) -> Result<(), Errno> {
        self.control.write(self.ids[which], value)
    }

    /// Format, rate, channels, access mode.
    pub fn slave(&self) -> Result<[i64; 4], Errno> {
        Ok([
            self.get(FORMAT)?,
            self.get(RATE)?,
            self.get(CHANNELS)?,
            self.get(ACCESS)?,
        ])
    }

    /// The number id of `PCM Capture Active`.
    pub fn capture_active_id(&self) -> Result<u32, Fail> {
        self.capture_active
            .ok_or_else(|| Fail::Wrong(format!("there is no control {CAPTURE_ACTIVE}")))
    }

    /// The value of `PCM Capture Active`.
    pub fn capture_active(&self) -> Result<i64, Fail> {
        Ok(self.control.read(self.capture_active_id()?)?)
    }

    /// The controls of this cable that have events waiting, in order; all must be VALUE events.
    /// Without `PCM Capture Active`, which the C driver has not.
    pub fn events(&self) -> Result<Vec<&'static str>, Fail> {
        let mut events = self.all_events()?;
        events.retain(|&name| name != CAPTURE_ACTIVE);
        Ok(events)
    }

    /// As [`Controls::events`], with it.
    pub fn all_events(&self) -> Result<Vec<&'static str>, Fail> {
        let mut names = Vec::new();
        for (numid, mask) in self.control.events()? {
            check_eq!(format!("event mask of control {numid}"), mask, 1);
            match self.ids.iter().position(|&id| id == numid) {
                Some(which) => names.push(NAMES[which]),
                None if self.capture_active == Some(numid) => names.push(CAPTURE_ACTIVE),
                None => check!(false, "an event of another cable's control {numid}"),
            }
        }
        Ok(names)
    }

    /// How many of the events since the last question are of `PCM Capture Active`.
    pub fn capture_events(&self) -> Result<usize, Fail> {
        let events = self.all_events()?;
        Ok(events
            .iter()
            .filter(|&&name| name == CAPTURE_ACTIVE)
            .count())
    }
}
