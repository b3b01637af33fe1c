// SPDX-License-Identifier: GPL-2.0

//! `/proc/asound/cardN/pcmDp/subS/status` and `hw_params`: what the core tells of a stream.

/// What `status` tells. A substream that nobody has opened has none.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamStatus {
    pub state: String,
    pub owner: Option<u32>,
    /// When the state began, in seconds of the clock that the program has chosen.
    pub trigger: Option<f64>,
}

/// What `hw_params` tells, if the stream has been set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    pub access: String,
    pub format: String,
    pub rate: u32,
    pub channels: u32,
    pub period_size: u64,
    pub buffer_size: u64,
}

/// Returns the status; `None` if the substream is closed.
pub fn status(text: &str) -> Option<StreamStatus> {
    let state = super::value(text, "state")?.to_string();
    let trigger = super::value(text, "trigger_time").and_then(|it| it.parse().ok());
    Some(StreamStatus {
        state,
        owner: super::value(text, "owner_pid").and_then(|it| it.parse().ok()),
        trigger: trigger.filter(|it: &f64| it.is_finite() && *it > 0.0),
    })
}

/// Returns the parameters; `None` if there are none yet.
pub fn setup(text: &str) -> Option<Setup> {
    let text_of = |key| super::value(text, key);
    Some(Setup {
        access: text_of("access")?.to_string(),
        format: text_of("format")?.to_string(),
        // "44100 (44100/1)"
        rate: text_of("rate")?.split(' ').next()?.parse().ok()?,
        channels: text_of("channels")?.parse().ok()?,
        period_size: text_of("period_size")?.parse().ok()?,
        buffer_size: text_of("buffer_size")?.parse().ok()?,
    })
}

/// Returns for how long a state has lasted that began at `trigger`. Of which clock, isn't told:
/// alsa-lib chooses the monotonic one, other programs keep that of the day.
pub fn age(trigger: f64, uptime: f64, today: f64) -> Option<f64> {
    // Times of the day are far behind the longest uptime.
    let now = match trigger > 1e9 {
        true => today,
        false => uptime,
    };
    let age = now - trigger;
    // The texts were read one after the other.
    (age > -1.0).then_some(age.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_stream() {
        let status = status(include_str!("samples/status")).expect("it is open");
        assert_eq!(status.state, "RUNNING");
        assert_eq!(status.owner, Some(118));
        assert_eq!(status.trigger, Some(6.066920627));
        let setup = setup(include_str!("samples/hw_params")).expect("it is set up");
        assert_eq!((setup.format.as_str(), setup.rate), ("S32_LE", 96000));
        assert_eq!(
            (setup.channels, setup.access.as_str()),
            (8, "RW_INTERLEAVED")
        );
        assert_eq!((setup.period_size, setup.buffer_size), (12000, 48000));
    }

    #[test]
    fn others() {
        assert_eq!(status("closed\n"), None);
        assert_eq!(setup("closed\n"), None);
        assert_eq!(setup("no setup\n"), None);
        let open = status("state: OPEN\nowner_pid   : 7\ntrigger_time: 0.000000000\n");
        assert_eq!(open.map(|it| (it.owner, it.trigger)), Some((Some(7), None)));
        assert_eq!(setup("access: x\nformat: y\nrate: z\n"), None);
    }

    #[test]
    fn ages() {
        assert_eq!(age(6.0, 7.5, 1.7e9), Some(1.5));
        assert_eq!(age(1.7e9, 7.5, 1.7e9 + 2.0), Some(2.0));
        assert_eq!(age(7.6, 7.5, 1.7e9), Some(0.0));
        assert_eq!(age(1000.0, 7.5, 1.7e9), None);
    }
}
