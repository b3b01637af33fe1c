// SPDX-License-Identifier: GPL-2.0

//! `takeover` and `handback`: which driver `modprobe snd-aloop` loads.
//!
//! An alias in a file of our own in `modprobe.d` does it. `modprobe` looks for aliases first, and
//! gives a module the options that are written for the alias as well: what a user has written for
//! `snd-aloop`, and whatever loads that at boot, goes on to work, for the other driver.

use std::io;
use std::process;

use crate::cli::Takeover;
use crate::error::reason;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::installed;
use crate::output::complain;
use crate::output::Output;
use crate::root::Root;

/// Where the alias stands.
pub const FILE: &str = "/etc/modprobe.d/snd-aloop-rs-takeover.conf";

/// The first line of the file, by which it is known to be ours.
const MARK: &str = "# Written by 'aloopctl takeover', and removed by 'aloopctl handback'.";

const BODY: &str = "\
# Whatever loads snd-aloop gets snd-aloop-rs, with the options that are written for snd-aloop.
alias snd-aloop snd-aloop-rs
";

/// The modules, as they are called in `/sys/module`.
const OURS: &str = "snd_aloop_rs";
const THEIRS: &str = "snd_aloop";

/// What is in the place of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    None,
    Ours,
    /// Somebody else has written it, or changed it.
    Foreign,
}

pub fn state(root: &Root) -> State {
    match root.bytes(FILE) {
        Ok(text) if text == contents().as_bytes() => State::Ours,
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::None,
        _ => State::Foreign,
    }
}

fn contents() -> String {
    format!("{MARK}\n{BODY}")
}

pub fn takeover(arguments: &Takeover, root: &Root, out: &mut Output) -> Result<Status> {
    let without = releases_without(root)?;
    let changed = match state(root) {
        State::Ours => false,
        State::Foreign => return Err(foreign()),
        State::None => {
            root.replace(FILE, &contents())
                .map_err(|e| Error::file(FILE, &e))?;
            true
        }
    };
    for release in &without {
        complain(&format!(
            "Linux {release} has no snd-aloop-rs: started with it, modprobe snd-aloop will not \
             find the module, until that is installed there, or by 'aloopctl handback'"
        ));
    }
    out.remark(match changed {
        true => "modprobe snd-aloop loads snd-aloop-rs from now on; 'aloopctl handback' undoes it",
        false => "modprobe snd-aloop loads snd-aloop-rs already",
    })?;
    finish(arguments, root, out, changed, THEIRS)
}

pub fn handback(arguments: &Takeover, root: &Root, out: &mut Output) -> Result<Status> {
    let changed = match state(root) {
        State::None => false,
        State::Foreign => return Err(foreign()),
        State::Ours => {
            root.remove_file(FILE).map_err(|e| Error::file(FILE, &e))?;
            true
        }
    };
    out.remark(match changed {
        true => "modprobe snd-aloop loads the C driver again",
        false => "there is nothing to hand back: modprobe snd-aloop loads the C driver",
    })?;
    finish(arguments, root, out, changed, OURS)
}

/// Changes the drivers at once if that is wanted, or says how it is done. `other` is the one that is
/// to go.
fn finish(
    arguments: &Takeover,
    root: &Root,
    out: &mut Output,
    changed: bool,
    other: &str,
) -> Result<Status> {
    let loaded = root.is_folder(&format!("/sys/module/{other}"));
    if arguments.now {
        if loaded {
            call(root, "rmmod", other).map_err(|error| {
                error.advise(format!(
                    "programs that use its cards have to end first ('aloopctl list' names \
                     them), and cards of configfs to be removed; otherwise it changes with the \
                     next start of the machine, or by: rmmod {other} && modprobe snd-aloop"
                ))
            })?;
        }
        call(root, "modprobe", "snd-aloop")?;
    } else if loaded {
        out.remark(&format!(
            "{other} is loaded, and stays until the machine is started again. At once (programs \
             that use its cards have to end first): rmmod {other} && modprobe snd-aloop"
        ))?;
    }
    if out.json {
        let stays = loaded && !arguments.now;
        out.json(&serde_json::json!({ "file": FILE, "changed": changed, "still_loaded": stays }))?;
    }
    Ok(Status::Fine)
}

/// Returns the installed kernels for which there is no module of ours.
///
/// # Errors
///
/// There is none for any of them: then nothing would be left that can be loaded.
fn releases_without(root: &Root) -> Result<Vec<String>> {
    let releases = root.names("/lib/modules").into_iter();
    let mut releases: Vec<String> = releases
        .filter(|it| root.exists(&format!("/lib/modules/{it}/modules.dep")))
        .collect();
    let all = releases.len();
    releases.retain(|release| installed::find(root, release).is_none());
    if releases.len() == all {
        return Err(
            Error::new(Status::Unavailable, "snd-aloop-rs is not installed")
                .advise("'aloopctl doctor' says what to type"),
        );
    }
    Ok(releases)
}

fn foreign() -> Error {
    let what = format!("{FILE} is not as 'aloopctl takeover' writes it");
    Error::new(Status::Busy, what).advise("look at it, and remove it if it is of no use to you")
}

/// Runs one of kmod's programs, as a person would. They say by themselves what is wrong.
fn call(root: &Root, program: &str, module: &str) -> Result {
    if root.is_fake() {
        complain(&format!(
            "with --root nothing is loaded: {program} {module}"
        ));
        return Ok(());
    }
    let failed = |why: &str| Error::new(Status::Busy, format!("{program} {module}: {why}"));
    // Where they are for root; others may have no such place in their PATH.
    let status = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        .map(|folder| format!("{folder}/{program}"))
        .into_iter()
        .find(|path| root.exists(path))
        .map(|path| process::Command::new(path).arg(module).status());
    match status {
        None => Err(Error::new(
            Status::Unavailable,
            format!("there is no {program}: install kmod"),
        )),
        Some(Err(error)) => Err(failed(&reason(&error))),
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(_)) => Err(failed("it failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const DEP: (&str, &[u8]) = ("/lib/modules/7.3.4/modules.dep", b"");
    const OTHER: (&str, &[u8]) = ("/lib/modules/6.12.0/modules.dep", b"");
    const MODULE: (&str, &[u8]) = ("/lib/modules/7.3.4/updates/snd-aloop-rs.ko", b"");

    fn run(fake: &Fake, takes: bool) -> Result<Status> {
        let arguments = Takeover { now: false };
        let mut out = Output::new(true);
        match takes {
            true => takeover(&arguments, &fake.root, &mut out),
            false => handback(&arguments, &fake.root, &mut out),
        }
    }

    #[test]
    fn there_and_back() {
        let fake = Fake::new(&[DEP, MODULE]);
        assert_eq!(state(&fake.root), State::None);
        for _ in 0..2 {
            assert_eq!(run(&fake, true).expect("it can"), Status::Fine);
            assert_eq!(state(&fake.root), State::Ours);
        }
        let text = fake.root.text(FILE).expect("a text");
        assert!(text.lines().any(|it| it == "alias snd-aloop snd-aloop-rs"));
        for _ in 0..2 {
            assert_eq!(run(&fake, false).expect("it can"), Status::Fine);
            assert_eq!(state(&fake.root), State::None);
        }
    }

    #[test]
    fn what_a_user_wrote_is_left_alone() {
        let fake = Fake::new(&[DEP, MODULE, (FILE, b"alias snd-aloop other\n")]);
        for takes in [true, false] {
            let error = run(&fake, takes).expect_err("a foreign file");
            assert_eq!(error.status, Status::Busy);
        }
        let text = fake.root.text(FILE).expect("a text");
        assert_eq!(text, "alias snd-aloop other\n");
    }

    #[test]
    fn not_without_the_module() {
        let fake = Fake::new(&[DEP, OTHER]);
        let error = run(&fake, true).expect_err("no module");
        assert_eq!(error.status, Status::Unavailable);
        assert_eq!(state(&fake.root), State::None);
        let fake = Fake::new(&[DEP, OTHER, MODULE]);
        assert_eq!(releases_without(&fake.root).expect("one has"), ["6.12.0"]);
    }
}
