// SPDX-License-Identifier: GPL-2.0

//! The command line. Help, manual and completions are made of this.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::attributes::check_name;
use crate::attributes::on_off;
use crate::attributes::Attributes;
use crate::parse::cable_id::CableId;
use crate::store;

/// Lists, makes, sets, watches and checks loopback cards of snd-aloop-rs
#[derive(Debug, Parser)]
#[command(name = "aloopctl", version = env!("ALOOPCTL_VERSION"), arg_required_else_help = true,
          disable_help_subcommand = true)]
#[command(
    after_help = "Exit status: 0 fine, 1 something is wrong, 2 usage, 3 no such card, \
    4 not permitted, 5 in use, 6 not available"
)]
pub struct Arguments {
    /// For programs: JSON in place of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Take the files under this folder for those of the system
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows cards, cables, and who uses them
    List(List),
    /// Makes a card, by configfs
    Add(Add),
    /// Takes a card away that was made by add
    Remove(Remove),
    /// Sets controls of a card's cables, or attributes of a card that was made by add
    Set(Set),
    /// Shows what players do, as it happens
    Watch(Watch),
    /// Plays through a free cable, and compares what arrives
    Check(Check),
    /// Writes the cards that add has made, and what cables are set to, into a file
    Save(File),
    /// Makes the cards of the file, and sets their cables
    Restore(Restore),
    /// Has 'modprobe snd-aloop' load this driver in place of the C driver, with the same options
    Takeover(Takeover),
    /// Undoes takeover: 'modprobe snd-aloop' loads the C driver again
    Handback(Takeover),
    /// Says what is in the way of a working card, and what to type
    Doctor,
    /// Writes manual pages and completions into a folder
    #[command(hide = true)]
    Generate(Generate),
}

#[derive(Args, Debug)]
pub struct List {
    /// Only this card: its number or identifier
    pub card: Option<String>,
    /// Also the cables that nobody uses
    #[arg(long)]
    pub all: bool,
}

#[derive(Args, Debug)]
pub struct Add {
    /// The card's name in configfs
    #[arg(value_parser = check_name)]
    pub name: String,
    #[command(flatten)]
    pub attributes: Attributes,
}

#[derive(Args, Debug)]
pub struct Remove {
    /// The card's name in configfs
    #[arg(value_parser = check_name)]
    pub name: String,
}

#[derive(Args, Debug)]
pub struct Set {
    /// The card's number or identifier; or its name in configfs
    pub card: String,
    /// The cable, by the device and the substream that are played into, as in 0,3; may be repeated
    /// [default: all of the card]
    #[arg(long = "cable", value_name = "D,S")]
    pub cables: Vec<CableId>,
    /// How long the cable's second lasts, 100000 being nominal: 100010 is 0.01 % slower
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(i32).range(80_000..=120_000))]
    pub rate_shift: Option<i32>,
    /// Whether a playback may choose other parameters beside a capture that is set up (PCM Notify)
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub notify: Option<bool>,
    /// Take the card away for a moment, as attributes can't be changed otherwise
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub attributes: Attributes,
}

#[derive(Args, Debug)]
pub struct Watch {
    /// Only this card: its number or identifier
    pub card: Option<String>,
    /// Also the cables that nobody plays into
    #[arg(long)]
    pub all: bool,
    /// End after so many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
}

#[derive(Args, Debug)]
pub struct Check {
    /// The card: its number or identifier [default: the first]
    pub card: Option<String>,
    /// The cable, by the device and the substream that are played into [default: the last free one]
    #[arg(long, value_name = "D,S")]
    pub cable: Option<CableId>,
    /// The sample format
    #[arg(long, default_value = "S16_LE")]
    pub format: String,
    /// The rate in Hz
    #[arg(long, default_value_t = 48_000,
          value_parser = clap::value_parser!(u32).range(1..=768_000))]
    pub rate: u32,
    /// The number of channels
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub channels: u32,
    /// For how long
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub seconds: f64,
    /// The period in frames [default: 10 ms]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub period: Option<u32>,
}

#[derive(Args, Debug)]
pub struct File {
    /// Which file
    #[arg(long, default_value = store::DEFAULT)]
    pub file: String,
}

#[derive(Args, Debug)]
pub struct Restore {
    #[command(flatten)]
    pub file: File,
    /// Rebuild cards that differ, and set cables that differ
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct Takeover {
    /// Change the drivers at once, and not when one is loaded next: unload the other, load this
    #[arg(long)]
    pub now: bool,
}

#[derive(Args, Debug)]
pub struct Generate {
    pub folder: PathBuf,
}

/// Reads a length of time.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|it| (0.05..=86_400.0).contains(it))
        .ok_or_else(|| "so many seconds: 0.05 to 86400".to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn is_consistent() {
        Arguments::command().debug_assert();
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn what_is_right() {
        let set = parse("aloopctl set studio --cable 0,3 --rate-shift 100010").expect("right");
        let Command::Set(set) = set.command else {
            panic!("another command");
        };
        assert_eq!((set.cables.len(), set.rate_shift), (1, Some(100_010)));
        let add = parse("aloopctl add --pcm-notify x --wait-for-peer=off --index -1");
        let Command::Add(add) = add.expect("right").command else {
            panic!("another command");
        };
        assert_eq!(add.name, "x");
        assert_eq!(add.attributes.pcm_notify, Some(true));
        assert_eq!(add.attributes.wait_for_peer, Some(false));
        assert_eq!(add.attributes.end_with_peer, None);
        assert!(parse("aloopctl list --json").expect("right").json);
    }

    #[test]
    fn what_is_wrong() {
        for line in [
            "aloopctl",
            "aloopctl fly",
            "aloopctl add",
            "aloopctl add a/b",
            "aloopctl add x --substreams 33",
            "aloopctl add x --index 32",
            "aloopctl add x --direction up",
            "aloopctl add x --pcm-notify=maybe",
            "aloopctl set x --cable 2,0 --notify on",
            "aloopctl set x --rate-shift 1",
            "aloopctl check --seconds nan",
            "aloopctl check --seconds -1",
            "aloopctl check --channels 0",
            "aloopctl check --rate 99999999999",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
