// SPDX-License-Identifier: GPL-2.0

//! What `watch` shows: a table, or a line for each event.

use serde::Serialize;

use crate::controls::Control;
use crate::controls::Values;
use crate::controls::NOMINAL;
use crate::parse::cable_id::CableId;
use crate::parse::formats;
use crate::table::columns;

/// The state of a cable's playback, as the controls tell it.
#[derive(Serialize)]
pub struct State<'a> {
    /// Seconds since 1970.
    pub time: f64,
    pub card: u32,
    pub id: &'a str,
    pub cable: CableId,
    /// What has changed; nothing in what is told at the beginning.
    pub changed: Option<&'static str>,
    pub active: bool,
    pub format: String,
    pub rate: i32,
    pub channels: i32,
    pub rate_shift: i32,
    pub notify: bool,
    /// Whether it is recorded; null where the driver doesn't tell.
    pub recorded: Option<bool>,
}

impl<'a> State<'a> {
    pub fn new(
        time: f64,
        card: (u32, &'a str),
        cable: CableId,
        changed: Option<Control>,
        values: &Values,
    ) -> Self {
        Self {
            time: (time * 1000.0).round() / 1000.0,
            card: card.0,
            id: card.1,
            cable,
            changed: changed.map(Control::name),
            active: values.active,
            format: formats::name(values.format),
            rate: values.rate,
            channels: values.channels,
            rate_shift: values.rate_shift,
            notify: values.notify,
            recorded: values.recorded,
        }
    }

    /// Returns a line for people: the time of the day is that of UTC.
    pub fn line(&self) -> String {
        let seconds = self.time.max(0.0) as u64;
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        let seconds = (self.time % 60.0 * 1000.0).floor() / 1000.0;
        let changed = self.changed.unwrap_or("now");
        let cells = self.cells().join(" ");
        format!("{hours:02}:{minutes:02}:{seconds:06.3}Z {changed}: {cells}")
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            self.id.to_string(),
            format!("cable {}", self.cable),
            if self.active { "plays" } else { "silent" }.to_string(),
            format!(
                "{} {} Hz {} channels",
                self.format, self.rate, self.channels
            ),
        ];
        if self.rate_shift != NOMINAL {
            cells.push(format!("rate shift {}", self.rate_shift));
        }
        if self.notify {
            cells.push("notify".to_string());
        }
        if self.recorded == Some(true) {
            cells.push("recorded".to_string());
        }
        cells
    }
}

/// Returns the table of all that is to be seen.
pub fn table(states: &[State<'_>]) -> String {
    if states.is_empty() {
        return "nobody has played or recorded yet\n".to_string();
    }
    let rows: Vec<Vec<String>> = states.iter().map(State::cells).collect();
    columns(&rows, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let values = Values {
            rate_shift: 100_010,
            notify: true,
            active: true,
            format: 2,
            rate: 44_100,
            channels: 2,
            recorded: Some(true),
        };
        let cable = CableId {
            device: 0,
            substream: 3,
        };
        let state = State::new(3725.5, (1, "A"), cable, Some(Control::Rate), &values);
        assert_eq!(
            state.line(),
            "01:02:05.500Z PCM Slave Rate: A cable 0,3 plays S16_LE 44100 Hz 2 channels \
             rate shift 100010 notify recorded"
        );
        let json = serde_json::to_string(&state).expect("it is plain");
        assert!(
            json.contains(r#""cable":"0,3","changed":"PCM Slave Rate","active":true"#),
            "{json}"
        );
        assert_eq!(table(&[]), "nobody has played or recorded yet\n");
        let line = table(&[state]);
        assert!(line.starts_with("A  cable 0,3  plays  S16_LE"), "{line}");
    }
}
