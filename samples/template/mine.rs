// SPDX-License-Identifier: GPL-2.0

//! A sound card that can do nothing yet.

#![forbid(unsafe_code)]

use alsa::{
    card::{
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
        let mut card =
            UnregisteredCard::new(compat::faux_device(&parent), -1, Some(c"Mine"), module)?;
        card.set_names(c"Mine", c"Mine", fmt!("My sound card"), c"Mine");
        Ok(Self {
            _card: card.register()?,
            _parent: parent,
        })
    }
}
