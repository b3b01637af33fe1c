// SPDX-License-Identifier: GPL-2.0

//! `set`: controls of a card's cables, and attributes of a card of configfs.

use crate::attributes::check_name;
use crate::card;
use crate::card::Card;
use crate::cli::Set;
use crate::configfs;
use crate::configfs::Configfs;
use crate::controls::Control;
use crate::controls::Controls;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

pub fn run(arguments: &Set, root: &Root, out: &mut Output) -> Result<Status> {
    let has_controls = arguments.rate_shift.is_some() || arguments.notify.is_some();
    let has_attributes = !arguments.attributes.files().is_empty();
    let usage = |what: &str| Error::new(Status::Usage, what);
    if !has_controls && !has_attributes {
        return Err(usage("there is nothing to set").advise("'aloopctl set --help' lists it"));
    }
    if !has_controls && !arguments.cables.is_empty() {
        return Err(usage("--cable is for --rate-shift and --notify")
            .advise("attributes are the whole card's"));
    }
    if !has_attributes && arguments.restart {
        return Err(usage("--restart is for attributes").advise("controls need none"));
    }
    if has_attributes {
        set_attributes(arguments, root, out)?;
    }
    if has_controls {
        set_controls(arguments, root)?;
    }
    if out.json {
        out.json(&serde_json::json!({ "set": arguments.card }))?;
    }
    Ok(Status::Fine)
}

/// Returns the card of configfs that is meant: by its name there, or by the card that it is.
fn name_in_configfs(configfs: &Configfs<'_>, root: &Root, wanted: &str) -> Result<String> {
    if check_name(wanted).is_ok() && configfs.contains(wanted) {
        return Ok(wanted.to_string());
    }
    let card = card::find(root, wanted)?;
    configfs.name_of(card.number).ok_or_else(|| {
        let what = format!("the card {} was made by the module's parameters", card.id);
        Error::new(Status::Unavailable, what)
            .advise("such a card's attributes can't be changed; 'aloopctl add' makes others")
    })
}

fn set_attributes(arguments: &Set, root: &Root, out: &mut Output) -> Result {
    let configfs = configfs::open(root)?;
    let name = name_in_configfs(&configfs, root, &arguments.card)?;
    let old = configfs.read(&name);
    if old.live && !arguments.restart {
        let what = format!("the card {name} is live, and attributes can't be changed then");
        return Err(Error::new(Status::Busy, what)
            .advise("--restart takes it away and brings it back; programs lose it meanwhile"));
    }
    if !old.live {
        return configfs.write(&name, &arguments.attributes);
    }
    configfs.set_live(&name, false)?;
    let new = configfs.write(&name, &arguments.attributes);
    if let Err(error) = new.and_then(|()| configfs.set_live(&name, true)) {
        // As it was, as far as that can be.
        let again = configfs.write(&name, &old.attributes);
        return Err(match again.and_then(|()| configfs.set_live(&name, true)) {
            Ok(()) => error.advise("the card is as it was"),
            Err(other) => error.advise(format!("and the card can't be brought back: {other}")),
        });
    }
    let card = configfs.read(&name).card;
    let number = card.map_or("?".to_string(), |it| it.to_string());
    out.remark(&format!("{name} is card {number}"))
}

fn set_controls(arguments: &Set, root: &Root) -> Result {
    let card = card_of(arguments, root)?;
    let mut cables = arguments.cables.clone();
    for &cable in &cables {
        card.require_cable(root, cable)?;
    }
    if cables.is_empty() {
        cables = card.cable_ids(root);
    }
    let controls = Controls::open(root, &card)?;
    for cable in cables {
        if let Some(shift) = arguments.rate_shift {
            controls.set(Control::RateShift, cable, shift)?;
        }
        if let Some(on) = arguments.notify {
            controls.set(Control::Notify, cable, on.into())?;
        }
    }
    Ok(())
}

/// Returns the card, which can be named as in configfs too.
fn card_of(arguments: &Set, root: &Root) -> Result<Card> {
    let found = card::find(root, &arguments.card);
    if let (Err(_), Ok(configfs)) = (&found, configfs::open(root)) {
        if check_name(&arguments.card).is_ok() && configfs.contains(&arguments.card) {
            return match configfs.read(&arguments.card).card {
                Some(number) => card::find(root, &number.to_string()),
                None => {
                    let what = format!("the card {} is not live", arguments.card);
                    Err(Error::new(Status::Missing, what).advise("so it has no controls"))
                }
            };
        }
    }
    found
}
