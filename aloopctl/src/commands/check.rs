// SPDX-License-Identifier: GPL-2.0

//! `check`: plays through a free cable, and compares what arrives.

use std::str::FromStr;

use alsa::pcm::Format;
use serde::Serialize;

use crate::card;
use crate::card::Cable;
use crate::card::Card;
use crate::cli::Check;
use crate::commands::duplex;
use crate::commands::duplex::Duplex;
use crate::commands::duplex::Heard;
use crate::commands::duplex::Parameters;
use crate::commands::latency::Summary;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::parse::cable_id::CableId;
use crate::root::Root;
use crate::sequence::Sequence;

/// The verdict.
#[derive(Serialize)]
struct Checked {
    card: u32,
    id: String,
    cable: CableId,
    format: String,
    rate: u32,
    channels: u32,
    period: usize,
    buffer: usize,
    /// Frames that were played, and those of them that were recorded as they should be.
    frames: u64,
    right: u64,
    exact: bool,
    problem: Option<String>,
    /// From a frame's being played to its being recorded, by the positions of both streams.
    card_frames: Option<Summary>,
    card_ms: Option<Summary>,
    /// From this program's write to its read.
    through_frames: Option<Summary>,
    through_ms: Option<Summary>,
}

pub fn run(arguments: &Check, root: &Root, out: &mut Output) -> Result<Status> {
    let usage = |what: String| Error::new(Status::Usage, what);
    let format = match Format::from_str(&arguments.format) {
        Ok(Format::Unknown) | Err(_) => {
            let what = format!("'{}' is no format that is known here", arguments.format);
            return Err(usage(what).advise("formats are S16_LE, S24_3LE, S32_LE, FLOAT_LE, ..."));
        }
        Ok(format) => format,
    };
    let parameters = Parameters {
        format,
        rate: arguments.rate,
        channels: arguments.channels,
        period: arguments.period.unwrap_or(arguments.rate.div_ceil(100)),
    };
    let sequence = Sequence {
        frame_bytes: duplex::frame_bytes(format, arguments.channels)?,
        frames: (arguments.seconds * f64::from(arguments.rate)).max(1.0) as u64,
    };
    let card = card::find_or_first(root, arguments.card.as_deref())?;
    if root.is_fake() {
        return Err(Error::new(
            Status::Unavailable,
            "with --root nothing can be played",
        ));
    }
    card.require_access(root)?;
    let (cable, duplex) = open(root, &card, arguments.cable, parameters)?;
    let heard = duplex.run(sequence, arguments.rate)?;
    let checked = judge(&card, cable, &duplex, parameters, sequence, &heard);
    let status = match checked.exact {
        true => Status::Fine,
        false => Status::Wrong,
    };
    if out.json {
        out.json(&checked)?;
    } else {
        out.text(&describe(&checked))?;
    }
    Ok(status)
}

/// Opens the cable that is wanted, or the last that is free.
fn open(
    root: &Root,
    card: &Card,
    wanted: Option<CableId>,
    parameters: Parameters,
) -> Result<(CableId, Duplex)> {
    let cables = card.cables(root);
    if let Some(cable) = wanted {
        card.require_cable(root, cable)?;
        let found = cables.iter().find(|it| it.cable == cable && !it.is_idle());
        if let Some(cable) = found {
            return Err(in_use(cable));
        }
        return Ok((cable, open_cable(card, cable, parameters)?));
    }
    // The first ones are what programs take that ask for none.
    let free = cables
        .iter()
        .filter(|cable| cable.is_idle())
        .map(|it| it.cable);
    let mut free: Vec<CableId> = free.collect();
    free.sort_by_key(|cable| (cable.device, u32::MAX - cable.substream));
    for cable in free {
        match open_cable(card, cable, parameters) {
            // Somebody else was faster.
            Err(error) if error.status == Status::Busy => continue,
            result => return Ok((cable, result?)),
        }
    }
    let what = format!("no cable of the card {} is free", card.id);
    Err(Error::new(Status::Busy, what).advise("'aloopctl list' says who uses them"))
}

fn open_cable(card: &Card, cable: CableId, parameters: Parameters) -> Result<Duplex> {
    let name = |device| format!("hw:{},{device},{}", card.number, cable.substream);
    let (playback, capture) = (name(cable.device), name(cable.capture_device()));
    Duplex::open(&playback, &capture, parameters)
}

fn in_use(cable: &Cable) -> Error {
    let program = |(direction, side): (&str, &card::Side)| {
        let name = side.program.as_deref().unwrap_or("a program");
        let pid = side.pid.map_or(String::new(), |pid| format!(" ({pid})"));
        format!("{name}{pid} has its {direction}")
    };
    let programs: Vec<String> = cable.sides().map(program).collect();
    let what = format!("cable {} is in use: {}", cable.cable, programs.join(", "));
    Error::new(Status::Busy, what).advise("take another one, or none: a free one is found then")
}

fn judge(
    card: &Card,
    cable: CableId,
    duplex: &Duplex,
    parameters: Parameters,
    sequence: Sequence,
    heard: &Heard,
) -> Checked {
    let rate = f64::from(parameters.rate);
    let problem = heard.judge.problem().map(String::from);
    let problem = problem.or_else(|| heard.trouble.clone());
    let card_frames = heard.delays.summary();
    let through = heard.through.summary();
    Checked {
        card: card.number,
        id: card.id.clone(),
        cable,
        format: parameters.format.to_string(),
        rate: parameters.rate,
        channels: parameters.channels,
        period: duplex.period,
        buffer: duplex.buffer,
        frames: sequence.frames,
        right: heard.judge.recorded(),
        exact: problem.is_none() && heard.judge.recorded() == sequence.frames,
        problem,
        card_frames,
        card_ms: card_frames.map(|it| it.scaled(1000.0 / rate)),
        through_frames: through.map(|it| it.scaled(rate)),
        through_ms: through.map(|it| it.scaled(1000.0)),
    }
}

fn describe(checked: &Checked) -> String {
    let mut text = format!(
        "card {} ({}), cable {}: {} {} Hz {} channels, {} frames: ",
        checked.card,
        checked.id,
        checked.cable,
        checked.format,
        checked.rate,
        checked.channels,
        checked.frames
    );
    match &checked.problem {
        None => text.push_str("exact\n"),
        Some(problem) => {
            let right = checked.right;
            text.push_str(&format!(
                "NOT exact\n  {problem}; {right} frames were right\n"
            ));
        }
    }
    if let (Some(frames), Some(ms)) = (checked.card_frames, checked.card_ms) {
        text.push_str(&format!(
            "  latency of the card:  {:.1} frames, {:.3} ms (at most {:.1} frames)\n",
            frames.median, ms.median, frames.most
        ));
    }
    if let (Some(frames), Some(ms)) = (checked.through_frames, checked.through_ms) {
        text.push_str(&format!(
            "  from write to read:   {:.0} frames, {:.1} ms (period {}, buffer {} frames)\n",
            frames.median, ms.median, checked.period, checked.buffer
        ));
    }
    text
}
