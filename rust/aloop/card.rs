// SPDX-License-Identifier: GPL-2.0

//! A card with its devices, controls and text files.

use crate::{
    cable::{
        Cable,
        Habits,
        State, //
    },
    controls::{
        self,
        Ids,
        SlaveIds, //
    },
    params, proc,
    stream::{
        self,
        Line, //
    },
    ticks::{
        CableTimer,
        SourceFile,
        TimerSource, //
    },
};
use alsa::{
    card::{
        Registration,
        UnregisteredCard, //
    },
    kext,
    pcm, //
};
use kernel::{
    acpi,
    device::Core,
    of,
    platform,
    prelude::*,
    sync::Arc, //
};

/// The platform driver: makes a card for each device.
pub(crate) struct Driver;

impl platform::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Registration;

    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = None;
    const ACPI_ID_TABLE: Option<acpi::IdTable<Self::IdInfo>> = None;

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        probe(device)
    }
}

/// Makes the card of a device.
fn probe(device: &platform::Device<Core<'_>>) -> Result<Registration> {
    let id = kext::platform::id(device);
    let slot = match usize::try_from(id) {
        Ok(slot) if slot < params::SLOTS => slot,
        _ => {
            dev_warn!(device, "no slot {}: using 0\n", id);
            0
        }
    };
    let substreams = substreams(slot);
    let index = params::index.get(slot).unwrap_or(-1);
    let notify = params::pcm_notify.get(slot).unwrap_or(0) != 0;
    let habits = Habits {
        wait_for_peer: params::wait_for_peer.get(slot).unwrap_or(false),
        end_with_peer: params::end_with_peer.get(slot).unwrap_or(false),
    };

    let mut card = UnregisteredCard::new(
        device.as_ref(),
        index,
        params::id.get(slot),
        &kext::platform::owner(device),
    )?;
    card.set_names(
        c"Loopback",
        c"Loopback",
        fmt!("Loopback {}", slot.saturating_add(1)),
        c"Loopback Mixer",
    );

    let source = params::timer_source
        .get(slot)
        .map_or(&b""[..], |text| text.to_bytes());
    let source = Arc::pin_init(TimerSource::new(source), GFP_KERNEL)?;

    // Cable 0 leads from device 0 to device 1, cable 1 the other way.
    let cables = [
        new_cables(substreams, notify, habits)?,
        new_cables(substreams, notify, habits)?,
    ];
    let [from_0, from_1] = &cables;
    // In the order of the devices that capture, which is that of the controls' numbers.
    let slaves_to_0 = add_controls(&mut card, from_1, 0)?;
    let slaves_to_1 = add_controls(&mut card, from_0, 1)?;
    // Behind all that C has.
    let to_1 = add_lines(&mut card, from_0, slaves_to_1, &source, 0)?;
    let to_0 = add_lines(&mut card, from_1, slaves_to_0, &source, 1)?;

    let devices = [
        stream::Device {
            playback: clone(&to_1)?,
            capture: clone(&to_0)?,
        },
        stream::Device {
            playback: to_0,
            capture: to_1,
        },
    ];
    for (number, data) in (0..).zip(devices) {
        let device = pcm::DeviceConfig {
            id: c"Loopback PCM",
            number,
            playback: substreams,
            capture: substreams,
        };
        card.add_pcm::<stream::Stream>(&device, data)?;
    }
    for ((number, cables), name) in (0..).zip(cables).zip([c"cable#0", c"cable#1"]) {
        card.add_proc(name, proc::Cables { number, cables })?;
    }
    card.add_proc(c"timer_source", SourceFile(source))?;
    card.register()
}

/// The number of substreams of the card in a slot; what is used is shown in sysfs.
fn substreams(slot: usize) -> u32 {
    let wanted = params::pcm_substreams.get(slot).unwrap_or(1);
    let substreams = u32::try_from(wanted)
        .unwrap_or(0)
        .clamp(1, params::MAX_SUBSTREAMS);
    if let Ok(used) = i32::try_from(substreams) {
        params::pcm_substreams.set(slot, used);
    }
    substreams
}

/// Makes the cables of one direction.
fn new_cables(substreams: u32, notify: bool, habits: Habits) -> Result<KVec<Arc<Cable>>> {
    let mut cables = KVec::with_capacity(substreams as usize, GFP_KERNEL)?;
    for _ in 0..substreams {
        let cable = Arc::pin_init(Cable::new(State::new(notify, habits)), GFP_KERNEL)?;
        cables.push(cable, GFP_KERNEL)?;
    }
    Ok(cables)
}

/// Adds the controls of the cables that lead to the captures of `device`.
fn add_controls(
    card: &mut UnregisteredCard,
    cables: &[Arc<Cable>],
    device: u32,
) -> Result<KVec<SlaveIds>> {
    let mut ids = KVec::with_capacity(cables.len(), GFP_KERNEL)?;
    for (substream, cable) in (0..).zip(cables) {
        ids.push(controls::add(card, cable, device, substream)?, GFP_KERNEL)?;
    }
    Ok(ids)
}

/// Adds the controls of the cables that lead from the playbacks of `device`, and makes all that a
/// stream needs of them.
fn add_lines(
    card: &mut UnregisteredCard,
    cables: &[Arc<Cable>],
    slaves: KVec<SlaveIds>,
    source: &Arc<TimerSource>,
    device: u32,
) -> Result<KVec<Line>> {
    let mut lines = KVec::with_capacity(cables.len(), GFP_KERNEL)?;
    for ((substream, cable), slave) in (0..).zip(cables).zip(slaves) {
        let line = Line {
            cable: cable.clone(),
            timer: Arc::pin_init(CableTimer::new(source.clone()), GFP_KERNEL)?,
            ids: Ids {
                slave,
                capture_active: controls::add_capture_active(card, cable, device, substream)?,
            },
        };
        lines.push(line, GFP_KERNEL)?;
    }
    Ok(lines)
}

/// Another list of the same cables.
fn clone(lines: &[Line]) -> Result<KVec<Line>> {
    let mut copy = KVec::with_capacity(lines.len(), GFP_KERNEL)?;
    for line in lines {
        copy.push(line.clone(), GFP_KERNEL)?;
    }
    Ok(copy)
}
