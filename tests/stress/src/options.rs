// SPDX-License-Identifier: GPL-2.0

//! The command line.

use support::kernel;

use super::kind::Kind;

pub const USAGE: &str = "\
Usage: aloop-stress [OPTION]...

Does everything at once with an ALSA loopback card, checks what comes of it, and reports in KTAP.
The streams of the card must not be in use.

  --card ID      id of the card (default: Loopback)
  --seed N       what the threads draw from (default: a number that is printed)
  --seconds S    how long (default: 60); 90 s more or twice that if a kind of call has not
                 succeeded by then
  --steps N      so many steps of each thread, however long they take
  --cables N     use only the first N cables (default: 16)
  --cpus N       use only the first N processors
  --without WHAT leave out `suspend` or `unbind`; may be given more than once
  --unload       unload the module afterwards, and load it again
  --help         print this text
";

pub struct Options {
    pub card: String,
    pub seed: u64,
    pub seconds: u64,
    pub steps: u64,
    pub cables: usize,
    pub cpus: usize,
    pub without: Vec<Kind>,
    pub unload: bool,
}

pub fn parse() -> Result<Option<Options>, String> {
    let mut options = Options {
        card: "Loopback".into(),
        seed: kernel::now_ns() as u64,
        seconds: 60,
        steps: u64::MAX,
        cables: 16,
        cpus: usize::MAX,
        without: Vec::new(),
        unload: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("no number: {text}"))
        };
        match arg.as_str() {
            "--card" => options.card = value()?,
            "--seed" => options.seed = number(value()?)?,
            "--seconds" => options.seconds = number(value()?)?,
            "--steps" => {
                options.steps = number(value()?)?;
                options.seconds = u64::from(u32::MAX);
            }
            "--cables" => options.cables = number(value()?)? as usize,
            "--cpus" => options.cpus = number(value()?)? as usize,
            "--without" => options.without.push(match value()?.as_str() {
                "suspend" => Kind::Suspend,
                "unbind" => Kind::Unbind,
                other => return Err(format!("cannot leave out {other}")),
            }),
            "--unload" => options.unload = true,
            "--help" => return Ok(None),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if !(1..=16).contains(&options.cables) {
        return Err(format!("{} cables: there are 1 to 16", options.cables));
    }
    if options.cpus == 0 {
        return Err("0 processors".into());
    }
    Ok(Some(options))
}
impl Options {
    /// What does not happen, by these options.
    pub fn never(&self) -> Vec<Kind> {
        let mut never = self.without.clone();
        if never.contains(&Kind::Unbind) {
            never.push(Kind::Bind);
        }
        if never.contains(&Kind::Suspend) {
            never.push(Kind::Resume);
        }
        never
    }
}
