// SPDX-License-Identifier: GPL-2.0

//! `watch`: what players do, by the events of the controls.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use alsa::poll::poll;

use crate::card;
use crate::card::Card;
use crate::cli::Watch;
use crate::commands::watch_view::table;
use crate::commands::watch_view::State;
use crate::controls::Control;
use crate::controls::Controls;
use crate::controls::Values;
use crate::error::reason;
use crate::error::system;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::complain;
use crate::output::Output;
use crate::parse::cable_id::CableId;
use crate::root::Root;

/// How often cards are looked for that have come.
const EVERY: Duration = Duration::from_secs(1);

/// Clears a terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// A card whose events come.
struct Watched {
    card: Card,
    controls: Controls,
    /// What was last told of each cable, and whether somebody has used it since the beginning.
    cables: BTreeMap<CableId, (Values, bool)>,
}

impl Watched {
    fn new(root: &Root, card: Card) -> Result<Self> {
        let controls = Controls::open(root, &card)?;
        // First the events: what happens in between is told twice, and nothing is missed.
        controls.subscribe()?;
        let mut cables = BTreeMap::new();
        for cable in card.cable_ids(root) {
            let values = controls.values(cable)?;
            cables.insert(cable, (values, is_used(&values)));
        }
        Ok(Self {
            card,
            controls,
            cables,
        })
    }

    fn state(&self, cable: CableId, changed: Option<Control>, values: &Values) -> State<'_> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let time = time.unwrap_or_default().as_secs_f64();
        State::new(
            time,
            (self.card.number, &self.card.id),
            cable,
            changed,
            values,
        )
    }
}

pub fn run(arguments: &Watch, root: &Root, out: &mut Output) -> Result<Status> {
    let wanted = arguments.card.as_deref();
    // It has to be there at the beginning.
    card::find_or_first(root, wanted)?;
    let draws = !out.json && out.is_terminal();
    let begin = Instant::now();
    let left = |begin: Instant| {
        let all = Duration::from_secs_f64(arguments.seconds?);
        Some(all.saturating_sub(begin.elapsed()))
    };
    let mut watched: BTreeMap<u32, Watched> = BTreeMap::new();
    let mut fresh = true;
    let mut last_look: Option<Instant> = None;
    loop {
        if last_look.is_none_or(|it| it.elapsed() >= EVERY) {
            let (any, failure) = look(root, wanted, &mut watched, draws, arguments.all, out)?;
            // Later, one card may be on its way, and another be somebody else's.
            if let (None, true, Some(error)) = (last_look, watched.is_empty(), failure) {
                return Err(error);
            }
            fresh |= any;
            last_look = Some(Instant::now());
        }
        if draws && fresh {
            let states = watched.values().flat_map(|it| {
                let shown = it
                    .cables
                    .iter()
                    .filter(|(_, (_, seen))| *seen || arguments.all);
                shown.map(|(&cable, (values, _))| it.state(cable, None, values))
            });
            let states: Vec<State<'_>> = states.collect();
            out.text(&format!("{CLEAR}{}", table(&states)))?;
        }
        out.flush()?;
        fresh = false;
        if out.is_closed() || left(begin).is_some_and(|it| it.is_zero()) {
            return Ok(Status::Fine);
        }
        wait(&watched, left(begin).map_or(EVERY, |it| it.min(EVERY)))?;
        let mut gone = Vec::new();
        for (&number, one) in &mut watched {
            let mut changes = Vec::new();
            if let Err(error) = events(one, &mut changes) {
                complain(&format!(
                    "the card {} has gone: {}",
                    one.card.id,
                    reason(&error)
                ));
                gone.push(number);
            }
            fresh |= !changes.is_empty();
            if !draws {
                for (control, cable, values) in &changes {
                    tell(&one.state(*cable, Some(*control), values), out)?;
                }
            }
        }
        for number in gone {
            fresh = true;
            watched.remove(&number);
        }
    }
}

/// Begins to watch cards that have come; returns whether there are any, and why one can't be
/// watched.
fn look(
    root: &Root,
    wanted: Option<&str>,
    watched: &mut BTreeMap<u32, Watched>,
    draws: bool,
    all: bool,
    out: &mut Output,
) -> Result<(bool, Option<Error>)> {
    let cards = match wanted {
        Some(name) => card::find(root, name).into_iter().collect(),
        None => card::all(root),
    };
    let mut any = false;
    let mut failure = None;
    for card in cards {
        let number = card.number;
        if watched.contains_key(&number) {
            continue;
        }
        let one = match Watched::new(root, card) {
            Ok(one) => one,
            // Of one that comes and goes, the next look tells more.
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        for (&cable, (values, used)) in &one.cables {
            if (*used || all) && !draws {
                tell(&one.state(cable, None, values), out)?;
            }
        }
        watched.insert(number, one);
        any = true;
    }
    Ok((any, failure))
}

/// Waits for an event.
fn wait(watched: &BTreeMap<u32, Watched>, at_most: Duration) -> Result {
    let failed = |error: &io::Error| {
        Error::new(
            Status::Wrong,
            format!("waiting for events: {}", reason(error)),
        )
    };
    let mut descriptors = Vec::new();
    for one in watched.values() {
        // Of a card that has gone, its events tell.
        descriptors.extend(one.controls.descriptors().unwrap_or_default());
    }
    // Not less than is left, or the last moment would be spent without a rest.
    let milliseconds = at_most.as_millis().saturating_add(1);
    match poll(
        &mut descriptors,
        i32::try_from(milliseconds).unwrap_or(i32::MAX),
    ) {
        Ok(_) => Ok(()),
        Err(error) if error.errno().abs() == libc::EINTR => Ok(()),
        Err(error) => Err(failed(&system(&error))),
    }
}

/// Takes all events of a card, with what its controls say then.
fn events(one: &mut Watched, changes: &mut Vec<(Control, CableId, Values)>) -> io::Result<()> {
    while let Some((control, cable)) = one.controls.event()? {
        // If it can't be read, the card is going: the next event tells.
        let Ok(values) = one.controls.values(cable) else {
            continue;
        };
        let seen = one.cables.get(&cable).is_some_and(|(_, seen)| *seen) || is_used(&values);
        one.cables.insert(cable, (values, seen));
        changes.push((control, cable, values));
    }
    Ok(())
}

/// Returns whether somebody plays into a cable, or records from it.
fn is_used(values: &Values) -> bool {
    values.active || values.recorded == Some(true)
}

fn tell(state: &State<'_>, out: &mut Output) -> Result {
    match out.json {
        true => out.json(state),
        false => out.line(&state.line()),
    }
}
