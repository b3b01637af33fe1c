// SPDX-License-Identifier: GPL-2.0

//! `save`: what there is, into the file of cards.

use crate::attributes::check_name;
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
    let configfs = configfs::open(root);
    // A driver without it has no such cards.
    if let Ok(configfs) = &configfs {
        for name in configfs.names() {
            let entry = configfs.read(&name)?;
            if let Err(what) = check_name(&name) {
                complain(&format!("the card '{name}' is not saved: {what}"));
            } else if !entry.live {
                complain(&format!("the card '{name}' is not live, and is not saved"));
            } else {
                store.cards.insert(Name(name), entry.attributes);
            }
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
    if store.cards.is_empty() {
        keep_cards(root, &arguments.file, configfs.err())?;
    }
    let text = store
        .text()
        .map_err(|what| Error::new(Status::Wrong, what))?;
    let old = keep_old(root, &arguments.file, &store)?;
    root.replace(&arguments.file, &text)
        .map_err(|e| Error::file(&arguments.file, &e))?;
    if let Some(old) = old {
        complain(&format!(
            "{} had cards that are not there, or can't be read; what it was before is {old}",
            arguments.file
        ));
    }
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

/// Refuses to write a file without cards in place of one with cards, unless they have been taken
/// away: they may never have been made.
fn keep_cards(root: &Root, file: &str, no_configfs: Option<Error>) -> Result {
    let Some(text) = root.text_if_any(file) else {
        return Ok(());
    };
    let refuse = |why: String| {
        Err(Error::new(Status::Busy, format!("{file}: {why}")).advise(format!(
            "nothing has been saved. 'aloopctl restore --file {file}' makes its cards; if they are not \
             wanted any more, remove the file first"
        )))
    };
    match (Store::parse(&text), no_configfs) {
        (Err(what), _) => refuse(format!("it can't be read ({what}), and may have cards")),
        (Ok(old), Some(error)) if !old.cards.is_empty() => refuse(format!(
            "it has cards, and whether they are there can't be seen ({error})"
        )),
        _ => Ok(()),
    }
}

/// Keeps a file that has cards which are not among what is saved, and returns where.
fn keep_old(root: &Root, file: &str, store: &Store) -> Result<Option<String>> {
    let text = root.text_if_any(file).unwrap_or_default();
    // What can't be read may have cards.
    let has_all = Store::parse(&text)
        .is_ok_and(|old| old.cards.keys().all(|name| store.cards.contains_key(name)));
    if has_all {
        return Ok(None);
    }
    let kept = format!("{file}.old");
    root.replace(&kept, &text)
        .map_err(|e| Error::file(&kept, &e))?;
    Ok(Some(kept))
}

/// Returns the cables whose controls are not what they are without anybody's doing.
pub fn settings(root: &Root, card: &Card) -> Result<Vec<CableSetting>> {
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

/// Returns what the card's controls `PCM Notify` begin with: what its directory says, or the
/// module's parameter for its slot; off if neither is known.
fn default_notify(root: &Root, card: &Card) -> bool {
    let configfs = configfs::open(root).ok();
    let entry = configfs.and_then(|it| it.read(&it.name_of(card.number)?).ok());
    if let Some(entry) = entry {
        return entry.attributes.pcm_notify.unwrap_or(false);
    }
    let values = root.text_if_any("/sys/module/snd_aloop_rs/parameters/pcm_notify");
    let values = values.unwrap_or_default();
    let mut slots = values.trim().split(',').enumerate();
    slots.any(|(slot, value)| {
        let device = format!("/sys/devices/platform/snd_aloop.{slot}");
        value != "0" && root.is_folder(&format!("{device}/sound/card{}", card.number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const FILE: &str = "/etc/snd-aloop-rs/cards.toml";
    const STUDIO: &[u8] = b"[cards.studio]\nsubstreams = 2\n";

    #[test]
    fn cards_that_cannot_be_seen_are_not_forgotten() {
        let refused = |text: &[u8], has_configfs: bool| {
            let fake = Fake::new(&[(FILE, text)]);
            let error = Error::new(Status::Unavailable, "the module isn't loaded");
            keep_cards(&fake.root, FILE, (!has_configfs).then_some(error)).is_err()
        };
        assert!(refused(STUDIO, false));
        assert!(refused(b"[cards.studio\n", true));
        // Taken away, with a driver that could have them.
        assert!(!refused(STUDIO, true));
        assert!(!refused(b"", false));
        assert!(keep_cards(&Fake::new(&[]).root, FILE, None).is_ok());
    }

    #[test]
    fn notify_of_the_modules_cards_is_the_parameters() {
        let device = "/sys/devices/platform/snd_aloop.1/sound/card4/id";
        let parameter = "/sys/module/snd_aloop_rs/parameters/pcm_notify";
        for (values, expected) in [("0,1,0\n", true), ("1,0,1\n", false), ("", false)] {
            let fake = Fake::new(&[(device, b"A\n"), (parameter, values.as_bytes())]);
            let card = Card {
                number: 4,
                id: "A".into(),
                name: "Loopback".into(),
                module: None,
                timer_source: None,
            };
            assert_eq!(default_notify(&fake.root, &card), expected, "{values}");
        }
    }

    #[test]
    fn what_is_left_out_is_kept() {
        let fake = Fake::new(&[(FILE, STUDIO)]);
        let studio = Store::parse("[cards.studio]\n").expect("a file");
        assert_eq!(keep_old(&fake.root, FILE, &studio).expect("it can"), None);
        let kept = keep_old(&fake.root, FILE, &Store::default()).expect("it can");
        let kept = kept.expect("it has a card");
        assert_eq!(fake.root.bytes(&kept).expect("a file"), STUDIO);
        let broken = Fake::new(&[(FILE, b"[cards.studio\n")]);
        let kept = keep_old(&broken.root, FILE, &studio).expect("it can");
        assert!(kept.is_some(), "it may have a card");
    }
}
