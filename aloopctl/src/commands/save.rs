// SPDX-License-Identifier: GPL-2.0

//! `save`: what there is, into the file of cards.

use crate::card;
use crate::card::Card;
use crate::cli::File;
use crate::configfs;
use crate::controls::Controls;
use crate::controls::NOMINAL;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::complain;
use crate::output::Output;
use crate::root::Root;
use crate::store::CableSetting;
use crate::store::Name;
use crate::store::Shift;
use crate::store::Store;

pub fn run(arguments: &File, root: &Root, out: &mut Output) -> Result<Status> {
    let mut store = Store::default();
    // A driver without it has no such cards.
    if let Ok(configfs) = configfs::open(root) {
        for name in configfs.names() {
            let attributes = configfs.read(&name).attributes;
            store.cards.insert(Name(name), attributes);
        }
    }
    let cards = card::all(root);
    if cards.is_empty() && store.cards.is_empty() {
        // An empty file in place of one with cards would be a surprise.
        return Err(
            Error::new(Status::Missing, "there is no loopback card to save")
                .advise("'aloopctl doctor' says what is in the way of one"),
        );
    }
    if root.is_fake() {
        complain(&"with --root there are no controls: those of cables are not saved");
    } else {
        for card in &cards {
            store.cables.extend(settings(root, card)?);
        }
    }
    let text = store
        .text()
        .map_err(|what| Error::new(Status::Wrong, what))?;
    root.replace(&arguments.file, &text)
        .map_err(|e| Error::file(&arguments.file, &e))?;
    let (cards, cables) = (store.cards.len(), store.cables.len());
    if out.json {
        let file = &arguments.file;
        out.json(&serde_json::json!({ "file": file, "cards": cards, "cables": cables }))?;
    }
    out.remark(&format!(
        "{}: cards: {cards}, cables that are set: {cables}",
        arguments.file
    ))?;
    Ok(Status::Fine)
}

/// Returns the cables whose controls are not what they are without anybody's doing.
fn settings(root: &Root, card: &Card) -> Result<Vec<CableSetting>> {
    let controls = Controls::open(root, card)?;
    let notify = default_notify(root, card);
    let mut settings = Vec::new();
    for cable in card.cable_ids(root) {
        let values = controls.values(cable)?;
        let setting = CableSetting {
            card: card.id.clone(),
            cable,
            rate_shift: (values.rate_shift != NOMINAL).then_some(Shift(values.rate_shift)),
            notify: (values.notify != notify).then_some(values.notify),
        };
        if setting.rate_shift.is_some() || setting.notify.is_some() {
            settings.push(setting);
        }
    }
    Ok(settings)
}

/// Returns what the card's controls `PCM Notify` begin with. (Which parameter one of the module's
/// had can't be told: off is what it has if nobody says otherwise.)
fn default_notify(root: &Root, card: &Card) -> bool {
    let configfs = configfs::open(root).ok();
    let entry = configfs.and_then(|it| Some(it.read(&it.name_of(card.number)?)));
    entry
        .and_then(|it| it.attributes.pcm_notify)
        .unwrap_or(false)
}
