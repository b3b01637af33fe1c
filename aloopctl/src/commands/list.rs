// SPDX-License-Identifier: GPL-2.0

//! `list`: cards, cables, and who uses them.

use serde::Serialize;

use crate::card;
use crate::card::Cable;
use crate::card::Card;
use crate::card::Side;
use crate::cli::List;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;
use crate::table::columns;
use crate::table::plain;

/// What stands before the details of a side: they are below its direction.
const DETAILS: &str = "               ";

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    card: Card,
    /// The number of cables that nobody uses.
    idle: usize,
    cables: Vec<Cable>,
}

#[derive(Serialize)]
struct Answer<'a> {
    cards: &'a [Listed],
}

pub fn run(arguments: &List, root: &Root, out: &mut Output) -> Result<Status> {
    let cards = match &arguments.card {
        Some(name) => vec![card::find(root, name)?],
        None => card::all(root),
    };
    let none = cards.is_empty();
    let list = |card: Card| {
        let mut cables = card.cables(root);
        let idle = cables.iter().filter(|cable| cable.is_idle()).count();
        cables.retain(|cable| arguments.all || !cable.is_idle());
        Listed { card, idle, cables }
    };
    let listed: Vec<Listed> = cards.into_iter().map(list).collect();
    if out.json {
        out.json(&Answer { cards: &listed })?;
    } else {
        for card in &listed {
            out.text(&describe(card))?;
        }
    }
    if none {
        return Err(
            Error::new(Status::Missing, "there is no loopback card").advise(
                "'modprobe snd-aloop-rs' makes one; 'aloopctl doctor' says what is in the way",
            ),
        );
    }
    Ok(Status::Fine)
}

fn describe(listed: &Listed) -> String {
    let card = &listed.card;
    let mut text = format!("card {}: {} ({})", card.number, card.id, plain(&card.name));
    if let Some(module) = &card.module {
        text.push_str(&format!(", {module}"));
    }
    if let Some(source) = card.timer_source.as_ref().filter(|it| !it.is_empty()) {
        text.push_str(&format!(", by the timer {}", plain(source)));
    }
    text.push('\n');
    // The columns are those of the whole card.
    let sides = |cable: &Cable| cable.sides().count();
    let rows: Vec<Vec<String>> = listed.cables.iter().flat_map(rows).collect();
    let lines = columns(&rows, 2);
    let mut lines = lines.lines();
    for cable in &listed.cables {
        if cable.is_idle() {
            push(&mut text, lines.next());
        }
        for (_, side) in cable.sides().take(sides(cable)) {
            push(&mut text, lines.next());
            push(&mut text, details(side).as_deref());
        }
    }
    match (listed.idle, listed.cables.iter().any(Cable::is_idle)) {
        (0, _) | (_, true) => (),
        (1, _) => text.push_str("  1 cable is idle\n"),
        (idle, _) => text.push_str(&format!("  {idle} cables are idle\n")),
    }
    text
}

fn push(text: &mut String, line: Option<&str>) {
    if let Some(line) = line {
        text.push_str(line);
        text.push('\n');
    }
}

fn rows(cable: &Cable) -> Vec<Vec<String>> {
    let name = format!("cable {}", cable.cable);
    if cable.is_idle() {
        return vec![vec![name, "idle".to_string()]];
    }
    let mut name = Some(name);
    let sides = cable.sides();
    let mut row = |(direction, side): (&str, &Side)| {
        let program = side.program.as_deref().unwrap_or("?");
        vec![
            name.take().unwrap_or_default(),
            direction.to_string(),
            side.pcm.clone(),
            match side.pid {
                Some(pid) => format!("{} ({pid})", plain(program)),
                None => plain(program),
            },
            side.state.clone(),
            parameters(side),
            side.since_seconds.map_or(String::new(), duration),
        ]
    };
    sides.map(&mut row).collect()
}

fn parameters(side: &Side) -> String {
    match (&side.format, side.rate, side.channels) {
        (Some(format), Some(rate), Some(channels)) => {
            let plural = if channels == 1 { "" } else { "s" };
            format!("{format} {rate} Hz {channels} channel{plural}")
        }
        _ => "not set up".to_string(),
    }
}

/// Returns what newer drivers tell of a side.
fn details(side: &Side) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(pins) = &side.pins_text {
        parts.push(format!("pins {}", plain(pins)));
    }
    let shift = side.rate_shift.filter(|&it| it != 100_000 && it != 0);
    parts.extend(shift.map(|it| format!("rate shift {it}")));
    let counts = [("xrun", side.xruns), ("eviction", side.evictions)];
    for (name, count) in counts {
        let count = count.filter(|&it| it > 0);
        let plural = if count == Some(1) { "" } else { "s" };
        parts.extend(count.map(|it| format!("{it} {name}{plural}")));
    }
    (!parts.is_empty()).then(|| format!("{DETAILS}{}", parts.join("; ")))
}

fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..=59 => format!("for {seconds:.1} s"),
        60..=3599 => format!("for {}:{:02} min", whole / 60, whole % 60),
        _ => format!("for {}:{:02} h", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::cable_id::CableId;

    fn side(pins: Option<&str>) -> Side {
        Side {
            pcm: "hw:A,0,1".into(),
            program: Some("a\x1bplay".into()),
            pid: Some(118),
            state: "RUNNING".into(),
            format: Some("S16_LE".into()),
            rate: Some(44100),
            channels: Some(1),
            access: None,
            period_size: None,
            buffer_size: None,
            since_seconds: Some(125.0),
            rate_shift: Some(100_010),
            pins: None,
            pins_text: pins.map(String::from),
            xruns: Some(2),
            evictions: Some(0),
        }
    }

    #[test]
    fn text_for_people() {
        let card = Card {
            number: 3,
            id: "A".into(),
            name: "Name".into(),
            module: Some("snd_aloop_rs".into()),
            timer_source: Some(String::new()),
        };
        let cable = |substream, playback| Cable {
            cable: CableId {
                device: 0,
                substream,
            },
            playback,
            capture: None,
        };
        let mut listed = Listed {
            card,
            idle: 2,
            cables: vec![cable(1, Some(side(Some("nothing"))))],
        };
        assert_eq!(
            describe(&listed),
            "card 3: A (Name), snd_aloop_rs\n  \
             cable 0,1  playback  hw:A,0,1  a?play (118)  RUNNING  \
             S16_LE 44100 Hz 1 channel  for 2:05 min\n               \
             pins nothing; rate shift 100010; 2 xruns\n  \
             2 cables are idle\n"
        );
        listed.cables.push(cable(2, None));
        let text = describe(&listed);
        assert!(text.ends_with("\n  cable 0,2  idle\n"), "{text}");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(0.04), "for 0.0 s");
        assert_eq!(duration(60.0), "for 1:00 min");
        assert_eq!(duration(7380.0), "for 2:03 h");
    }
}
