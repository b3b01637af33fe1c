// SPDX-License-Identifier: GPL-2.0

//! `takeover` and `handback`: which driver `modprobe snd-aloop` loads.
//!
//! An alias in a file of our own in `modprobe.d` does it. `modprobe` looks for aliases first, and
//! gives a module the options that are written for the alias as well: what a user has written for
//! `snd-aloop`, and whatever loads that at boot, goes on to work, for the other driver.

use std::io;
use std::process;

use crate::cli::Takeover;
use crate::doctor;
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

const WHY: &str =
    "# Whatever loads snd-aloop gets snd-aloop-rs, with the options that are written for snd-aloop.";

const ALIAS: &str = "alias snd-aloop snd-aloop-rs";

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
    match root.text(FILE) {
        Ok(text) if is_ours(&text) => State::Ours,
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::None,
        _ => State::Foreign,
    }
}

/// Returns whether a text is one that `takeover` writes, of this version or of another: it has the
/// mark, and beside comments the alias alone.
fn is_ours(text: &str) -> bool {
    let is_comment = |line: &&str| line.is_empty() || line.starts_with('#');
    let mut lines = text.lines().map(str::trim).filter(|line| !is_comment(line));
    text.starts_with(MARK) && lines.next() == Some(ALIAS) && lines.next().is_none()
}

/// Writes the alias, or removes it.
fn set_alias(root: &Root, takes: bool) -> Result {
    let result = match takes {
        true => root.replace(FILE, &format!("{MARK}\n{WHY}\n{ALIAS}\n")),
        false => root.remove_file(FILE),
    };
    result.map_err(|e| Error::file(FILE, &e))
}

pub fn takeover(arguments: &Takeover, root: &Root, out: &mut Output) -> Result<Status> {
    let without = releases_without(root)?;
    let running = root.text_if_any("/proc/sys/kernel/osrelease");
    let running = running.unwrap_or_default();
    if arguments.now && installed::find(root, running.trim()).is_none() {
        let what = format!(
            "snd-aloop-rs is not installed for {}, which runs",
            running.trim()
        );
        return Err(Error::new(Status::Unavailable, what)
            .advise("'aloopctl doctor' says what to type; nothing has been changed"));
    }
    let changed = match state(root) {
        State::Ours => false,
        State::Foreign => return Err(foreign()),
        State::None => {
            set_alias(root, true)?;
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
    let way = Way {
        takes: true,
        changed,
    };
    let status = finish(arguments, root, out, way)?;
    if let (false, Some(reason)) = (arguments.now, doctor::refusal(root)) {
        complain(&format!(
            "with the kernel that runs, modprobe snd-aloop will fail: {reason}. 'aloopctl doctor' \
             says what to do; 'aloopctl handback' gives its place back to the C driver"
        ));
    }
    Ok(status)
}

pub fn handback(arguments: &Takeover, root: &Root, out: &mut Output) -> Result<Status> {
    let changed = match state(root) {
        State::None => false,
        State::Foreign => return Err(foreign()),
        State::Ours => {
            set_alias(root, false)?;
            true
        }
    };
    out.remark(match changed {
        true => "modprobe snd-aloop loads the C driver again",
        false => "there is nothing to hand back: modprobe snd-aloop loads the C driver",
    })?;
    let way = Way {
        takes: false,
        changed,
    };
    finish(arguments, root, out, way)
}

/// Which way it goes.
#[derive(Clone, Copy)]
struct Way {
    /// `takeover`, not `handback`.
    takes: bool,
    /// The file has been changed for it just now.
    changed: bool,
}

/// Changes the drivers at once if that is wanted, or says how it is done.
fn finish(arguments: &Takeover, root: &Root, out: &mut Output, way: Way) -> Result<Status> {
    // The one that is to go.
    let other = match way.takes {
        true => THEIRS,
        false => OURS,
    };
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
        call(root, "modprobe", "snd-aloop").map_err(|error| go_back(root, way, loaded, error))?;
    } else if loaded {
        out.remark(&format!(
            "{other} is loaded, and stays until the machine is started again. At once (programs \
             that use its cards have to end first): rmmod {other} && modprobe snd-aloop"
        ))?;
    }
    if out.json {
        let stays = loaded && !arguments.now;
        let changed = way.changed;
        out.json(&serde_json::json!({ "file": FILE, "changed": changed, "still_loaded": stays }))?;
    }
    Ok(Status::Fine)
}

/// Loads the driver again that was to go, if it was loaded, since the other one can't be: nobody is
/// to be left without a card. The file is left as it was before. Returns what to tell.
fn go_back(root: &Root, way: Way, loaded: bool, error: Error) -> Error {
    let back = || {
        set_alias(root, !way.takes)?;
        let again = match loaded {
            true => call(root, "modprobe", "snd-aloop"),
            false => Ok(()),
        };
        if !way.changed {
            set_alias(root, way.takes)?;
        }
        again
    };
    error.advise(match (back(), loaded) {
        (Ok(()), true) => {
            "the driver that was loaded is so again. 'aloopctl doctor' says why the other is not"
                .to_string()
        }
        (Ok(()), false) => "'aloopctl doctor' says why".to_string(),
        (Err(other), _) => format!("and there is no way back: {other}"),
    })
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
    fn what_another_version_wrote_is_ours() {
        let text = format!("{MARK}\n# In other words.\n\n{ALIAS}\n");
        let fake = Fake::new(&[DEP, MODULE, (FILE, text.as_bytes())]);
        assert_eq!(state(&fake.root), State::Ours);
        let text = format!("{text}options snd-aloop id=Mine\n");
        let fake = Fake::new(&[(FILE, text.as_bytes())]);
        assert_eq!(state(&fake.root), State::Foreign);
    }

    #[test]
    fn goes_back_if_the_other_cannot_be_loaded() {
        for (takes, changed, left) in [
            (true, true, State::None),
            (true, false, State::Ours),
            (false, true, State::Ours),
            (false, false, State::None),
        ] {
            let fake = Fake::new(&[DEP, MODULE]);
            if takes {
                set_alias(&fake.root, true).expect("it can");
            }
            let error = Error::new(Status::Busy, "it failed");
            let error = go_back(&fake.root, Way { takes, changed }, true, error);
            assert!(error.to_string().contains("is so again"), "{error}");
            assert_eq!(state(&fake.root), left);
        }
    }

    #[test]
    fn not_at_once_without_the_module_for_the_kernel_that_runs() {
        let release = ("/proc/sys/kernel/osrelease", b"6.12.0\n".as_slice());
        let fake = Fake::new(&[DEP, OTHER, MODULE, release]);
        let mut out = Output::new(true);
        let error = takeover(&Takeover { now: true }, &fake.root, &mut out).expect_err("it runs");
        assert_eq!(error.status, Status::Unavailable);
        assert_eq!(state(&fake.root), State::None);
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
