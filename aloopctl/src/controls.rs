// SPDX-License-Identifier: GPL-2.0

//! The controls of a card's cables, through alsa-lib.
//!
//! A control is found by the device and substream that *record* from the cable; the one that tells
//! whether a playback is recorded, by those that play.

use std::ffi::CStr;
use std::io;

use alsa::ctl::Ctl;
use alsa::ctl::ElemId;
use alsa::ctl::ElemIface;
use alsa::ctl::ElemType;
use alsa::ctl::ElemValue;
use alsa::poll::pollfd;
use alsa::poll::Descriptors;

use crate::card::Card;
use crate::error::reason;
use crate::error::status_of;
use crate::error::system;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::parse::cable_id::CableId;
use crate::root::Root;

/// The speed at which a cable's second lasts a second.
pub const NOMINAL: i32 = 100_000;

/// The controls that tell something, or set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    RateShift,
    Notify,
    Active,
    Format,
    Rate,
    Channels,
    /// The C driver has none.
    Recorded,
}

impl Control {
    pub const ALL: [Self; 7] = [
        Self::RateShift,
        Self::Notify,
        Self::Active,
        Self::Format,
        Self::Rate,
        Self::Channels,
        Self::Recorded,
    ];

    fn c_name(self) -> &'static CStr {
        match self {
            Self::RateShift => c"PCM Rate Shift 100000",
            Self::Notify => c"PCM Notify",
            Self::Active => c"PCM Slave Active",
            Self::Format => c"PCM Slave Format",
            Self::Rate => c"PCM Slave Rate",
            Self::Channels => c"PCM Slave Channels",
            Self::Recorded => c"PCM Capture Active",
        }
    }

    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or("PCM")
    }

    fn is_switch(self) -> bool {
        matches!(self, Self::Notify | Self::Active | Self::Recorded)
    }

    /// Returns the device of this control of a cable; or, of the cable's number, that of its device.
    fn device(self, of: u32) -> u32 {
        match self {
            Self::Recorded => of,
            _ => 1_u32.saturating_sub(of),
        }
    }
}

/// What the controls of a cable say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    pub rate_shift: i32,
    pub notify: bool,
    pub active: bool,
    pub format: i32,
    pub rate: i32,
    pub channels: i32,
    /// Whether what is played is recorded, where the driver tells.
    pub recorded: Option<bool>,
}

/// The control device of a card.
pub struct Controls {
    ctl: Ctl,
    id: String,
}

impl Controls {
    pub fn open(root: &Root, card: &Card) -> Result<Self> {
        if root.is_fake() {
            let what = "with --root there are files only, and no controls";
            return Err(Error::new(Status::Unavailable, what));
        }
        card.require_access(root)?;
        let what = format!("the controls of the card {}", card.id);
        let ctl = Ctl::new(&format!("hw:{}", card.number), true).map_err(|e| told(&what, &e))?;
        Ok(Self {
            ctl,
            id: card.id.clone(),
        })
    }

    fn value_of(&self, control: Control, cable: CableId) -> Result<ElemValue> {
        let kind = match control.is_switch() {
            true => ElemType::Boolean,
            false => ElemType::Integer,
        };
        let mut id = ElemId::new(ElemIface::PCM);
        id.set_device(control.device(cable.device));
        id.set_subdevice(cable.substream);
        id.set_name(control.c_name());
        let mut value = ElemValue::new(kind).map_err(|e| self.told(control, cable, &e))?;
        value.set_id(&id);
        Ok(value)
    }

    fn told(&self, control: Control, cable: CableId, error: &alsa::Error) -> Error {
        let name = control.name();
        told(
            &format!("'{name}' of cable {cable} of the card {}", self.id),
            error,
        )
    }

    /// Returns the value of a control; 1 for a switch that is on.
    pub fn get(&self, control: Control, cable: CableId) -> Result<i32> {
        let mut value = self.value_of(control, cable)?;
        self.ctl
            .elem_read(&mut value)
            .map_err(|e| self.told(control, cable, &e))?;
        let number = match control.is_switch() {
            true => value.get_boolean(0).map(i32::from),
            false => value.get_integer(0),
        };
        Ok(number.unwrap_or_default())
    }

    pub fn set(&self, control: Control, cable: CableId, number: i32) -> Result {
        let mut value = self.value_of(control, cable)?;
        match control.is_switch() {
            true => value.set_boolean(0, number != 0),
            false => value.set_integer(0, number),
        };
        self.ctl
            .elem_write(&value)
            .map_err(|e| self.told(control, cable, &e))
    }

    /// Returns what all controls of a cable say.
    pub fn values(&self, cable: CableId) -> Result<Values> {
        let get = |control| self.get(control, cable);
        Ok(Values {
            rate_shift: get(Control::RateShift)?,
            notify: get(Control::Notify)? != 0,
            active: get(Control::Active)? != 0,
            format: get(Control::Format)?,
            rate: get(Control::Rate)?,
            channels: get(Control::Channels)?,
            recorded: get(Control::Recorded).ok().map(|it| it != 0),
        })
    }

    /// Asks to be told of changes, by [`Controls::event`].
    pub fn subscribe(&self) -> Result {
        let what = format!("events of the card {}", self.id);
        self.ctl.subscribe_events(true).map_err(|e| told(&what, &e))
    }

    pub fn descriptors(&self) -> io::Result<Vec<pollfd>> {
        self.ctl.get().map_err(|e| system(&e))
    }

    /// Returns the next change of a control that we know; `None` if there is none at present.
    ///
    /// # Errors
    ///
    /// The card has gone.
    pub fn event(&self) -> io::Result<Option<(Control, CableId)>> {
        loop {
            let event = match self.ctl.read() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(error) => {
                    let error = system(&error);
                    return match error.kind() {
                        io::ErrorKind::WouldBlock => Ok(None),
                        io::ErrorKind::Interrupted => continue,
                        _ => Err(error),
                    };
                }
            };
            let id = event.get_id();
            let name = id.get_name().unwrap_or_default();
            let mut all = Control::ALL.into_iter();
            let Some(control) = all.find(|it| it.name() == name) else {
                continue;
            };
            if !event.get_mask().value() || id.get_device() > 1 {
                continue;
            }
            let cable = CableId {
                device: control.device(id.get_device()),
                substream: id.get_subdevice(),
            };
            return Ok(Some((control, cable)));
        }
    }
}

/// Returns the error that a call of alsa-lib's about `what` has ended with.
pub fn told(what: &str, error: &alsa::Error) -> Error {
    let error = system(error);
    let this = Error::new(status_of(&error), format!("{what}: {}", reason(&error)));
    match this.status {
        Status::Denied => {
            this.advise("be in the group audio, or root; 'aloopctl doctor' says more")
        }
        _ => this,
    }
}
