// SPDX-License-Identifier: GPL-2.0

//! `restore`: makes what the file of cards has, and leaves alone what is so already.

use serde::Serialize;

use crate::attributes::Attributes;
use crate::card;
use crate::cli::Restore;
use crate::configfs;
use crate::configfs::Configfs;
use crate::controls::Control;
use crate::controls::Controls;
use crate::controls::NOMINAL;
use crate::error::reason;
use crate::error::status_of;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::complain;
use crate::output::Output;
use crate::root::Root;
use crate::store::CableSetting;
use crate::store::Store;

/// What became of a card or a cable.
#[derive(Serialize)]
struct Done {
    what: String,
    outcome: Outcome,
    details: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Made,
    Equal,
    Set,
    Rebuilt,
    Differs,
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Equal => "is so already",
            Self::Set => "set",
            Self::Rebuilt => "rebuilt",
            Self::Differs => "differs",
            Self::Failed => "failed",
        }
    }
}

pub fn run(arguments: &Restore, root: &Root, out: &mut Output) -> Result<Status> {
    // All of it is read before anything is done.
    let store = read(root, &arguments.file.file)?;
    let mut status = Status::Fine;
    match configfs::open(root) {
        Err(error) if !store.cards.is_empty() => {
            status = error.status;
            complain(&format!("cards: {error}"));
        }
        Err(_) => (),
        Ok(configfs) => {
            // Those that want a number of their own first: others would take it.
            let (with, without): (Vec<_>, Vec<_>) = store
                .cards
                .iter()
                .partition(|(_, attributes)| attributes.index.is_some_and(|it| it >= 0));
            for (name, attributes) in with.into_iter().chain(without) {
                let result = card(&configfs, &name.0, attributes, arguments.force);
                tell(out, format!("card {}", name.0), result, &mut status)?;
            }
        }
    }
    for setting in &store.cables {
        let result = cable(root, setting, arguments.force);
        let what = format!("cable {} of {}", setting.cable, setting.card);
        tell(out, what, result, &mut status)?;
    }
    Ok(status)
}

fn read(root: &Root, file: &str) -> Result<Store> {
    let bytes = root.bytes(file).map_err(|e| {
        let error = Error::new(status_of(&e), format!("{file}: {}", reason(&e)));
        match error.status {
            Status::Missing => error.advise("'aloopctl save' writes one"),
            _ => error,
        }
    })?;
    let broken = |what: String| {
        Error::new(Status::Wrong, format!("{file}:{what}")).advise("nothing has been changed")
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        let line = line.filter(|&&it| it == b'\n').count().saturating_add(1);
        broken(format!("{line}: this is no text (UTF-8)"))
    })?;
    Store::parse(&text).map_err(broken)
}

/// Tells what became of something; the worst is the status.
fn tell(
    out: &mut Output,
    what: String,
    result: Result<(Outcome, Option<String>)>,
    status: &mut Status,
) -> Result {
    let (outcome, details) = match result {
        Ok(done) => done,
        Err(error) => {
            *status = (*status).max(error.status);
            complain(&format!("{what}: {error}"));
            (Outcome::Failed, Some(error.to_string()))
        }
    };
    if outcome == Outcome::Differs {
        *status = (*status).max(Status::Wrong);
    }
    let done = Done {
        what,
        outcome,
        details,
    };
    if out.json {
        return out.json(&done);
    }
    let details = done.details.filter(|_| outcome == Outcome::Differs);
    let details = details.map(|it| format!(": {it} (--force changes it)"));
    let word = outcome.word();
    out.line(&format!(
        "{}: {word}{}",
        done.what,
        details.unwrap_or_default()
    ))
}

fn card(
    configfs: &Configfs<'_>,
    name: &str,
    attributes: &Attributes,
    force: bool,
) -> Result<(Outcome, Option<String>)> {
    if !configfs.contains(name) {
        configfs.make(name, attributes)?;
        return Ok((Outcome::Made, None));
    }
    let there = configfs.read(name)?;
    let difference = |(file, wanted, there): (&str, String, Option<String>)| {
        format!("{file} is '{}', not '{wanted}'", there.unwrap_or_default())
    };
    let differences = attributes.differences(&there.attributes).into_iter();
    let mut differences: Vec<String> = differences.map(difference).collect();
    if !there.live {
        differences.push("it is not live".to_string());
    }
    let details = differences.join(", ");
    if differences.is_empty() {
        return Ok((Outcome::Equal, None));
    }
    if !force {
        return Ok((Outcome::Differs, Some(details)));
    }
    configfs.remove(name)?;
    let Err(error) = configfs.make(name, attributes) else {
        return Ok((Outcome::Rebuilt, Some(details)));
    };
    if !there.live {
        return Err(error);
    }
    // As it was, as far as that can be.
    Err(match configfs.make(name, &there.attributes) {
        Ok(_) => error.advise("the card is as it was"),
        Err(other) => error.advise(format!("and the card can't be brought back: {other}")),
    })
}

/// Sets a cable, unless somebody else has.
pub fn cable(
    root: &Root,
    setting: &CableSetting,
    force: bool,
) -> Result<(Outcome, Option<String>)> {
    let card = card::find(root, &setting.card)?;
    card.require_cable(root, setting.cable)?;
    let controls = Controls::open(root, &card)?;
    let shift = setting
        .rate_shift
        .map(|it| (Control::RateShift, it.0, NOMINAL));
    let notify = setting.notify.map(|it| (Control::Notify, it.into(), 0));
    let mut outcome = Outcome::Equal;
    let mut differences = Vec::new();
    for (control, wanted, default) in shift.into_iter().chain(notify) {
        let there = controls.get(control, setting.cable)?;
        if there == wanted {
            continue;
        }
        // A value that somebody has chosen meanwhile is left alone. (A switch has none but its
        // default beside the one that is wanted.)
        if there != default && control != Control::Notify && !force {
            differences.push(format!("{} is {there}, not {wanted}", control.name()));
            continue;
        }
        controls.set(control, setting.cable, wanted)?;
        outcome = Outcome::Set;
    }
    if differences.is_empty() {
        return Ok((outcome, None));
    }
    Ok((Outcome::Differs, Some(differences.join(", "))))
}
