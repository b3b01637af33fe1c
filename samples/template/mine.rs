// SPDX-License-Identifier: GPL-2.0

//! A sound card that can do nothing yet.

#![forbid(unsafe_code)]

use alsa::{
    card::{
        Index,
        Names,
        Registration,
        UnregisteredCard, //
    },
    kext::compat, //
};
use kernel::{
    faux,
    prelude::*, //
};

module! {
    type: Mine,
    name: "snd_mine_rs",
    authors: ["Me"],
    description: "My sound card",
    license: "GPL",
}

/// The loaded module. The card is dropped before its parent.
struct Mine {
    _card: Registration,
    _parent: faux::Registration,
}

impl kernel::Module for Mine {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let parent = faux::Registration::new(c"snd-mine-rs", None)?;
        let device = compat::faux_device(&parent);
        let mut card = UnregisteredCard::new(device, Index::Any, Some(c"Mine"), module)?;
        card.set_names(&Names {
            driver: c"Mine",
            short: c"Mine",
            long: fmt!("My sound card"),
            mixer: c"Mine",
        });
        Ok(Self {
            _card: card.register()?,
            _parent: parent,
        })
    }
}
