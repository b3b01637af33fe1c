// SPDX-License-Identifier: GPL-2.0

//! The controls of each cable.
//!
//! The device and subdevice of a control name the *capture* side of the cable that it is about: the
//! program that records finds it by the substream that it records from. There are seven of these,
//! which are those of the C driver. An eighth, behind them all, is for the program that plays: it
//! names the playback side.

use crate::{
    cable::{
        Cable,
        Locked,
        State, //
    },
    clock::{
        SHIFT_MAX,
        SHIFT_MIN, //
    },
    hardware::HARDWARE, //
};
use alsa::{
    card::UnregisteredCard,
    control::{
        Element,
        ElementId,
        Iface,
        IntegerRange,
        Item,
        Name, //
    },
    pcm::Format,
    time::Ktime,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The identities of the controls that tell about the streams of a cable.
#[derive(Clone)]
pub(crate) struct Ids {
    /// Those that tell about the playback.
    pub(crate) slave: SlaveIds,
    /// The one that tells about the capture.
    pub(crate) capture_active: ElementId,
}

/// The identities of the controls that tell about the playback of a cable.
#[derive(Clone)]
pub(crate) struct SlaveIds {
    pub(crate) active: ElementId,
    pub(crate) format: ElementId,
    pub(crate) rate: ElementId,
    pub(crate) channels: ElementId,
    pub(crate) access: ElementId,
}

/// Returns the name of a control that stands beside a substream.
fn name_beside(name: &'static CStr, device: u32, subdevice: u32) -> Name<'static> {
    Name {
        iface: Iface::Pcm,
        name,
        device,
        subdevice,
    }
}

/// Adds the control of `cable` that tells the program which plays whether it is recorded.
///
/// The playback is substream `subdevice` of PCM device `device`.
pub(crate) fn add_capture_active(
    card: &mut UnregisteredCard,
    cable: &Arc<Cable>,
    device: u32,
    subdevice: u32,
) -> Result<ElementId> {
    card.add_control(
        &name_beside(c"PCM Capture Active", device, subdevice),
        Active(cable.clone(), State::is_capture_active),
    )
}

/// Adds the controls of `cable`, whose capture is substream `subdevice` of PCM device `device`.
pub(crate) fn add(
    card: &mut UnregisteredCard,
    cable: &Arc<Cable>,
    device: u32,
    subdevice: u32,
) -> Result<SlaveIds> {
    let name = |name| name_beside(name, device, subdevice);
    // The order is that of the elements' numbers, by which some programs know them.
    card.add_control(&name(c"PCM Rate Shift 100000"), RateShift(cable.clone()))?;
    card.add_control(&name(c"PCM Notify"), Notify(cable.clone()))?;
    let active = Active(cable.clone(), State::is_playback_active);
    let active = card.add_control(&name(c"PCM Slave Active"), active)?;
    let number = |range, value| SlaveNumber {
        cable: cable.clone(),
        range,
        value,
    };
    let range = |min, max| IntegerRange { min, max, step: 1 };
    let format = card.add_control(
        &name(c"PCM Slave Format"),
        number(range(0, Format::MAX), |state| state.slave().format),
    )?;
    let rate_max = i64::from(*HARDWARE.rates.end());
    let rate = card.add_control(
        &name(c"PCM Slave Rate"),
        number(range(0, rate_max), |state| state.slave().rate),
    )?;
    let channels = card.add_control(
        &name(c"PCM Slave Channels"),
        number(range(1, 1024), |state| state.slave().channels),
    )?;
    let access = card.add_control(&name(c"PCM Slave Access Mode"), SlaveAccess(cable.clone()))?;
    Ok(SlaveIds {
        active,
        format,
        rate,
        channels,
        access,
    })
}

/// `PCM Rate Shift 100000`: the effective rate is nominal * 100000 / value.
struct RateShift(Arc<Cable>);

#[vtable]
impl Element for RateShift {
    type Value = i64;

    fn range(&self) -> IntegerRange {
        IntegerRange {
            min: SHIFT_MIN.into(),
            max: SHIFT_MAX.into(),
            step: 1,
        }
    }

    fn get(&self) -> Result<i64> {
        Ok(self.0.lock().shift().into())
    }

    fn put(&self, value: i64) -> Result<bool> {
        // As in C: the low 32 bits, without sign, moved into the range.
        let shift = (value as u32).clamp(SHIFT_MIN, SHIFT_MAX);
        let mut guard = self.0.lock();
        Ok(Locked::new(&mut guard, Ktime::now()).set_shift(shift))
    }
}

/// `PCM Notify`: a playback may choose other parameters than a capture that has been prepared.
struct Notify(Arc<Cable>);

#[vtable]
impl Element for Notify {
    type Value = bool;

    fn range(&self) {}

    fn get(&self) -> Result<bool> {
        Ok(self.0.lock().notify())
    }

    fn put(&self, value: bool) -> Result<bool> {
        Ok(self.0.lock().set_notify(value))
    }
}

/// `PCM Slave Active`, `PCM Capture Active`: a playback, or a capture, is running.
struct Active(Arc<Cable>, fn(&State) -> bool);

#[vtable]
impl Element for Active {
    type Value = bool;

    fn range(&self) {}

    fn get(&self) -> Result<bool> {
        Ok(self.1(&self.0.lock()))
    }
}

/// `PCM Slave Format`, `PCM Slave Rate`, `PCM Slave Channels`: those of the last playback.
struct SlaveNumber {
    cable: Arc<Cable>,
    range: IntegerRange,
    value: fn(&State) -> i64,
}

#[vtable]
impl Element for SlaveNumber {
    type Value = i64;

    fn range(&self) -> IntegerRange {
        self.range
    }

    fn get(&self) -> Result<i64> {
        Ok((self.value)(&self.cable.lock()))
    }
}

/// `PCM Slave Access Mode`: how the last playback's samples lay.
struct SlaveAccess(Arc<Cable>);

#[vtable]
impl Element for SlaveAccess {
    type Value = Item;

    fn range(&self) -> &'static [&'static CStr] {
        &[c"Interleaved", c"Non-interleaved"]
    }

    fn get(&self) -> Result<Item> {
        Ok(Item(u32::from(!self.0.lock().slave().interleaved)))
    }
}
