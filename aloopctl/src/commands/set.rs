// SPDX-License-Identifier: GPL-2.0

//! `set`: controls of a card's cables, and attributes of a card of configfs.

use crate::attributes::check_name;
use crate::card;
use crate::card::Card;
use crate::cli::Set;
use crate::commands::restore;
use crate::commands::save;
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
    let mut directory = None;
    if has_attributes {
        if has_controls && arguments.attributes.substreams.is_none() {
            // Before anything is changed.
            let card = card_of(arguments, None, root)?;
            for &cable in &arguments.cables {
                card.require_cable(root, cable)?;
            }
        }
        directory = Some(set_attributes(arguments, root, out)?);
    }
    if has_controls {
        set_controls(arguments, directory.as_deref(), root)?;
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

/// Returns the name of the card in configfs.
fn set_attributes(arguments: &Set, root: &Root, out: &mut Output) -> Result<String> {
    let configfs = configfs::open(root)?;
    let name = name_in_configfs(&configfs, root, &arguments.card)?;
    let old = configfs.read(&name)?;
    if old.live && !arguments.restart {
        let what = format!("the card {name} is live, and attributes can't be changed then");
        return Err(Error::new(Status::Busy, what)
            .advise("--restart takes it away and brings it back; programs lose it meanwhile"));
    }
    if !old.live {
        configfs.write(&name, &arguments.attributes)?;
        return Ok(name);
    }
    // They go with the card. (With --root there are none.)
    let mut cables = Vec::new();
    if let (Some(number), false) = (old.card, root.is_fake()) {
        cables = save::settings(root, &card::find(root, &number.to_string())?)?;
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
    let card = configfs.read(&name)?.card;
    let number = card.map_or("?".to_string(), |it| it.to_string());
    for mut setting in cables {
        setting.card = number.clone();
        // One that there is no more, is set no more.
        if let Err(error) = restore::cable(root, &setting, true) {
            if error.status != Status::Missing {
                return Err(error);
            }
        }
    }
    out.remark(&format!("{name} is card {number}"))?;
    Ok(name)
}

fn set_controls(arguments: &Set, directory: Option<&str>, root: &Root) -> Result {
    let card = card_of(arguments, directory, root)?;
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

/// Returns the card, which can be named as in configfs too: first of all so, as for its attributes.
/// `directory` is its name there, if that is known.
fn card_of(arguments: &Set, directory: Option<&str>, root: &Root) -> Result<Card> {
    let Ok(configfs) = configfs::open(root) else {
        return card::find(root, &arguments.card);
    };
    let named = || {
        let name = arguments.card.as_str();
        (check_name(name).is_ok() && configfs.contains(name)).then_some(name)
    };
    let Some(name) = directory.or_else(named) else {
        return card::find(root, &arguments.card);
    };
    let cards = card::all(root).into_iter();
    let mut cards = cards.filter(|it| configfs.name_of(it.number).as_deref() == Some(name));
    cards.next().ok_or_else(|| {
        let what = format!("the card {name} is not live");
        Error::new(Status::Missing, what).advise("so it has no controls")
    })
}
