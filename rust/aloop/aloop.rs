// SPDX-License-Identifier: GPL-2.0

//! ALSA's loopback sound card.
//!
//! A card has two PCM devices. What is played into a substream of one is captured from the
//! substream of the same number of the other:
//!
//! ```text
//!   device 0 playback s ──── cable 0, s ────► device 1 capture s
//!   device 0 capture  s ◄─── cable 1, s ───── device 1 playback s
//! ```
//!
//! - `clock`: time to frames and back. `buffer`: which bytes to copy or to silence. `duty`: how
//!   often timers may expire. `follow`: how a cable keeps in phase with another card. `units`:
//!   frames and times, and what becomes of them when they overflow. `text`: what users have
//!   written. They know nothing of the kernel, and are tested on the host as well; so are `source`
//!   and `settings`, below.
//! - `account`: the account of `duty`, which all cards have in common.
//! - `cable`: what the two sides of a cable share; every change of state goes through it.
//! - `stream`: the PCM callbacks of one side. `hardware`: what it can do.
//! - `source`, `ticks`: cables that run by a sound timer.
//! - `controls`, `proc`, `params`, `card`: what the user sees.
//! - `settings`, `directories`: cards that are made at run time, by configfs.
//!
//! The driver has no unsafe code: all that touches C is in the `alsa` crate.

#![forbid(unsafe_code)]

use alsa::kext::platform;
use kernel::{
    driver,
    prelude::*, //
};

mod account;
mod buffer;
mod cable;
mod card;
mod clock;
mod controls;
#[cfg(CONFIG_CONFIGFS_FS)]
mod directories;
mod duty;
mod follow;
mod hardware;
#[cfg(CONFIG_KUNIT = "y")]
mod kunit;
mod params;
mod proc;
#[cfg(CONFIG_CONFIGFS_FS)]
mod settings;
mod source;
mod stream;
mod text;
mod ticks;
mod units;

module! {
    type: Aloop,
    name: "snd_aloop_rs",
    authors: ["The snd-aloop-rs developers"],
    description: "A loopback soundcard",
    license: "GPL",
}

/// The name of the platform driver and devices: that of the C driver, since users' configurations
/// name the path `platform-snd_aloop.0`.
const NAME: &CStr = c"snd_aloop";

/// The name while the C driver, which may be loaded as well, has the other.
const NAME_BESIDE_C: &CStr = c"snd_aloop_rs";

type Driver = driver::Registration<kernel::platform::Adapter<card::Driver>>;

/// The loaded module.
///
/// The devices are dropped before their driver: that takes the cards away.
struct Aloop {
    #[cfg(CONFIG_CONFIGFS_FS)]
    _directories: directories::Directories,
    _devices: KVec<platform::Device>,
    _driver: Pin<KBox<Driver>>,
}

impl kernel::Module for Aloop {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let name = if platform::has_driver(NAME) {
            NAME_BESIDE_C
        } else {
            NAME
        };
        let driver = KBox::pin_init(Driver::new(name, module), GFP_KERNEL)?;

        let mut devices = KVec::new();
        let mut is_wanted = false;
        for slot in 0..params::SLOTS {
            if !params::enable.get(slot).unwrap_or(false) {
                continue;
            }
            is_wanted = true;
            let Ok(id) = i32::try_from(slot) else {
                continue;
            };
            // A card that cannot be had does not keep the others from being made.
            match platform::Device::new(name, id) {
                Ok(device) if device.is_bound() => devices.push(device, GFP_KERNEL)?,
                _ => {}
            }
        }
        // Without one, there may be cards later, where there is configfs.
        if devices.is_empty() && (is_wanted || !cfg!(CONFIG_CONFIGFS_FS)) {
            pr_err!("No loopback enabled\n");
            return Err(ENODEV);
        }
        Ok(Self {
            #[cfg(CONFIG_CONFIGFS_FS)]
            _directories: directories::Directories::new(module)?,
            _devices: devices,
            _driver: driver,
        })
    }
}
