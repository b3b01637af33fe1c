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
    duty::SLACK_MAX,
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
    units::Delta,
};
use alsa::{
    card::{
        Index,
        Names,
        Registration,
        UnregisteredCard, //
    },
    kext,
    pcm::{
        self,
        Direction, //
    },
    timer, //
};
use kernel::{
    acpi,
    device::{
        Bound,
        Core,
        Device, //
    },
    fmt,
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

/// Makes the card of a device, of the parameters in its slot.
fn probe(device: &platform::Device<Core<'_>>) -> Result<Registration> {
    let id = kext::platform::id(device);
    let slot = match usize::try_from(id) {
        Ok(slot) if slot < params::SLOTS => slot,
        _ => {
            dev_warn!(device, "no slot {}: using 0\n", id);
            0
        }
    };
    let config = Config {
        id: params::id.get(slot),
        index: params::index.get(slot).map_or(Index::Any, Index::from),
        name: c"Loopback",
        device_names: [PCM_NAME; 2],
        both_ways: true,
        substreams: substreams(slot),
        channels_max: params::SLOT_CHANNELS_MAX,
        notify: params::pcm_notify.get(slot).unwrap_or(0) != 0,
        habits: Habits {
            wait_for_peer: params::wait_for_peer.get(slot).unwrap_or(false),
            end_with_peer: params::end_with_peer.get(slot).unwrap_or(false),
            timer_slack: timer_slack(slot),
        },
        timer_source: params::timer_source
            .get(slot)
            .map_or(&b""[..], |text| text.to_bytes()),
    };
    make(
        device.as_ref(),
        &kext::platform::owner(device),
        &config,
        fmt!("Loopback {}", slot.saturating_add(1)),
    )
}

/// The name of a PCM device of which nothing else is said, and the identifier of each.
pub(crate) const PCM_NAME: &CStr = c"Loopback PCM";

/// What a card is to be like.
pub(crate) struct Config<'a> {
    /// The identifier; the core alters one that it doesn't take. Without one, it makes one up.
    pub(crate) id: Option<&'a CStr>,
    /// The number.
    pub(crate) index: Index,
    /// The short name.
    pub(crate) name: &'a CStr,
    /// The names of both PCM devices.
    pub(crate) device_names: [&'a CStr; 2],
    /// Whether there are cables from device 1 to device 0 too. Otherwise device 0 only plays, and
    /// device 1 only records.
    pub(crate) both_ways: bool,
    /// The number of substreams of each device and direction.
    pub(crate) substreams: u32,
    pub(crate) channels_max: u32,
    /// What the controls `PCM Notify` are set to at first.
    pub(crate) notify: bool,
    pub(crate) habits: Habits,
    /// What the cables run by.
    pub(crate) timer_source: &'a [u8],
}

/// Makes a card, and registers it.
///
/// # Errors
///
/// What the core returns, as `EBUSY` if the number is taken.
pub(crate) fn make(
    parent: &Device<Bound>,
    module: &ThisModule,
    config: &Config<'_>,
    longname: fmt::Arguments<'_>,
) -> Result<Registration> {
    let mut card = UnregisteredCard::new(parent, config.index, config.id, module)?;
    // alsa-lib finds the card's configuration by the driver's name.
    card.set_names(&Names {
        driver: c"Loopback",
        short: config.name,
        long: longname,
        mixer: c"Loopback Mixer",
    });
    let source = Arc::pin_init(TimerSource::new(config.timer_source), GFP_KERNEL)?;

    // Cable 0 leads from device 0 to device 1, cable 1 the other way.
    let back = if config.both_ways {
        config.substreams
    } else {
        0
    };
    let cables = [
        new_cables(config.substreams, config)?,
        new_cables(back, config)?,
    ];
    let [from_0, from_1] = &cables;
    // In the order of the devices that capture, which is that of the controls' numbers.
    let slaves_to_0 = add_controls(&mut card, from_1, 0)?;
    let slaves_to_1 = add_controls(&mut card, from_0, 1)?;
    // Added last, so that the controls that C has too keep the numbers that they have there.
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
    let substreams = [(config.substreams, back), (back, config.substreams)];
    for (((number, data), name), (playback, capture)) in
        (0..).zip(devices).zip(config.device_names).zip(substreams)
    {
        let device = pcm::DeviceConfig {
            id: PCM_NAME,
            name,
            number,
            playback,
            capture,
            channels_max: Some(config.channels_max),
        };
        card.add_pcm::<stream::Stream, _>(&device, data)?;
    }
    for ((number, cables), name) in (0..).zip(cables).zip([c"cable#0", c"cable#1"]) {
        card.add_proc(name, proc::Cables { number, cables })?;
    }
    card.add_proc(c"timer_source", SourceFile(source))?;
    card.register()
}

/// Returns the number of substreams of the card in a slot, and has sysfs show what is used.
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

/// Returns how late the period timers of the card in a slot may be, and has sysfs show what is
/// used.
fn timer_slack(slot: usize) -> Delta {
    let wanted = params::timer_slack.get(slot).unwrap_or(0);
    let slack = u32::try_from(wanted).unwrap_or(0).min(SLACK_MAX);
    if let Ok(used) = i32::try_from(slack) {
        params::timer_slack.set(slot, used);
    }
    Delta::from_micros(slack.into())
}

/// Makes the cables of one direction.
fn new_cables(substreams: u32, config: &Config<'_>) -> Result<KVec<Arc<Cable>>> {
    let mut cables = KVec::with_capacity(substreams as usize, GFP_KERNEL)?;
    for _ in 0..substreams {
        let state = State::new(config.notify, config.habits);
        let cable = Arc::pin_init(Cable::new(state), GFP_KERNEL)?;
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
    let number = card.number();
    for ((substream, cable), slave) in (0..).zip(cables).zip(slaves) {
        let own = [
            (device, Direction::Playback),
            (device ^ 1, Direction::Capture),
        ];
        let own =
            own.map(|(device, direction)| timer::Id::of(number, device, substream, direction));
        let line = Line {
            cable: cable.clone(),
            timer: Arc::pin_init(CableTimer::new(source.clone(), own), GFP_KERNEL)?,
            ids: Ids {
                slave,
                capture_active: controls::add_capture_active(card, cable, device, substream)?,
            },
        };
        lines.push(line, GFP_KERNEL)?;
    }
    Ok(lines)
}

/// Makes another list of the same cables.
fn clone(lines: &[Line]) -> Result<KVec<Line>> {
    let mut copy = KVec::with_capacity(lines.len(), GFP_KERNEL)?;
    for line in lines {
        copy.push(line.clone(), GFP_KERNEL)?;
    }
    Ok(copy)
}
