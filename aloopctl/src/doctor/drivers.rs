// SPDX-License-Identifier: GPL-2.0

//! What the C driver, and lines that were written for it, are in the way of.

use std::path::Path;

use super::Finding;
use super::Patient;
use crate::commands::takeover;
use crate::commands::takeover::State;
use crate::installed;
use crate::parse::modules::modprobe_lines;

const DRIVER: &str = "/sys/bus/platform/drivers/snd_aloop/module";

pub fn all(patient: &Patient<'_>) -> Vec<Finding> {
    let state = takeover::state(patient.root);
    let mut findings = vec![c_driver(patient, state), taken_over(patient, state)];
    findings.extend(modprobe(patient, state));
    findings
}

fn c_driver(patient: &Patient<'_>, state: State) -> Finding {
    let about = "C driver";
    // Whose the platform driver is that both call snd_aloop.
    let owner = std::fs::read_link(patient.root.path(DRIVER)).ok();
    let owner = owner.as_deref().and_then(Path::file_name);
    let is_theirs = owner.is_some_and(|it| it == "snd_aloop");
    let c_loaded = is_theirs || patient.root.is_folder("/sys/module/snd_aloop");
    match (c_loaded, patient.loaded) {
        (true, false) if state == State::Ours => Finding::wrong(
            about,
            "snd-aloop is loaded: the cards are its. It was before 'aloopctl takeover'",
            "rmmod snd-aloop && modprobe snd-aloop (programs that use its cards have to end first)",
        ),
        (true, false) => Finding::wrong(
            about,
            "snd-aloop is loaded: the cards are its. It is what something, or somebody, has asked \
             for by that name",
            "aloopctl takeover --now (programs that use its cards have to end first)",
        ),
        (true, true) => Finding::ok(
            about,
            "snd-aloop is loaded as well; 'aloopctl list' says which card is whose",
        ),
        (false, true) => Finding::ok(
            about,
            "snd-aloop isn't loaded. (It can't be now: it would end with 'already registered'. \
             Loaded before snd-aloop-rs, it can be beside it.)",
        ),
        (false, false) => Finding::ok(about, "snd-aloop isn't loaded"),
    }
}

/// Which driver `modprobe snd-aloop` loads.
fn taken_over(patient: &Patient<'_>, state: State) -> Finding {
    let about = "takeover";
    match state {
        State::None => Finding::ok(
            about,
            "no: modprobe snd-aloop loads the C driver, and modprobe snd-aloop-rs this one",
        ),
        State::Foreign => Finding::unknown(
            about,
            format!("{} is not as 'aloopctl takeover' writes it", takeover::FILE),
            "look at it, and remove it if it is of no use to you",
        ),
        State::Ours if installed::find(patient.root, &patient.release).is_none() => Finding::wrong(
            about,
            format!(
                "modprobe snd-aloop would load snd-aloop-rs, which isn't there for {}",
                patient.release
            ),
            "install it, or aloopctl handback",
        ),
        State::Ours => Finding::ok(
            about,
            "yes: modprobe snd-aloop loads snd-aloop-rs, with the options for either",
        ),
    }
}

/// What files of modprobe's say of either module.
fn modprobe(patient: &Patient<'_>, state: State) -> Vec<Finding> {
    let about = "modprobe";
    let mut findings = Vec::new();
    let mut ours = false;
    let mut theirs = None;
    for folder in ["/etc", "/run", "/usr/lib", "/lib"] {
        let folder = format!("{folder}/modprobe.d");
        for name in patient.root.names(&folder) {
            let path = format!("{folder}/{name}");
            let text = patient
                .root
                .text_if_any(&path)
                .filter(|_| name.ends_with(".conf"));
            let text = text.unwrap_or_default();
            for line in modprobe_lines(&text, "snd-aloop-rs") {
                ours |= command(line) == "options";
                let what = match command(line) {
                    "install" => "takes the place of loading the module",
                    "blacklist" => "keeps it from being loaded at boot (modules-load.d)",
                    _ => continue,
                };
                let what = format!("{path}: '{line}' {what}");
                findings.push(Finding::wrong(about, what, "remove the line"));
            }
            let lines = modprobe_lines(&text, "snd-aloop");
            for line in &lines {
                // modprobe goes by the name that an alias stands for, but for options.
                let passed = ["install", "softdep"].contains(&command(line));
                if passed && state == State::Ours {
                    let what = format!("{path}: '{line}' has no effect on snd-aloop-rs");
                    findings.push(Finding::wrong(about, what, "write it for snd-aloop-rs too"));
                }
            }
            let mut options = lines.iter().filter(|line| command(line) == "options");
            theirs = theirs.or_else(|| Some((path.clone(), options.next()?.to_string())));
        }
    }
    let by_our_name = loaded_at_boot(patient);
    match theirs {
        Some((path, line)) if state == State::Ours && !ours && by_our_name.is_some() => {
            let boot = by_our_name.unwrap_or_default();
            let what = format!("{path}: '{line}' has no effect on what {boot} loads at boot");
            let advice = "write snd-aloop there, in place of snd-aloop-rs";
            findings.push(Finding::wrong(about, what, advice));
        }
        Some((path, line)) if state == State::Ours => {
            let what = format!("{path}: '{line}' holds when it is loaded as snd-aloop");
            findings.push(Finding::ok(about, what));
        }
        Some((path, line)) if !ours => {
            let what = format!("{path}: '{line}' has no effect on snd-aloop-rs");
            let options: Vec<&str> = line.split_whitespace().skip(2).collect();
            let advice = format!(
                "write it for this module too: options snd-aloop-rs {} (or: aloopctl takeover)",
                options.join(" ")
            );
            findings.push(Finding::wrong(about, what, advice));
        }
        _ => (),
    }
    if findings.is_empty() {
        findings.push(Finding::ok(about, "nothing in modprobe.d is in the way"));
    }
    findings
}

/// Returns the first word of a line.
fn command(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}

/// Returns the file that has this driver loaded at boot by its own name.
fn loaded_at_boot(patient: &Patient<'_>) -> Option<String> {
    let folders = ["/etc", "/run", "/usr/lib"].map(|folder| format!("{folder}/modules-load.d"));
    let paths = folders.iter().flat_map(|folder| {
        let names = patient.root.names(folder).into_iter();
        names.map(move |name| format!("{folder}/{name}"))
    });
    let mut paths = paths.filter(|path| path.ends_with(".conf"));
    paths.find(|path| {
        let text = patient.root.text_if_any(path).unwrap_or_default();
        text.lines()
            .any(|line| line.trim().replace('_', "-") == "snd-aloop-rs")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn who_is_loaded() {
        let verdict = |files: &[(&str, &[u8])], loaded| {
            let fake = Fake::new(files);
            let finding = c_driver(&Patient::fake(&fake.root, loaded), State::None);
            (finding.verdict, finding.what)
        };
        let c = ("/sys/module/snd_aloop/refcnt", b"0".as_slice());
        assert_eq!(verdict(&[c], false).0, Verdict::Wrong);
        assert!(verdict(&[c], true).1.contains("as well"));
        assert!(verdict(&[], true).1.contains("already registered"));
        assert_eq!(verdict(&[], false).0, Verdict::Ok);
    }

    #[test]
    fn whose_the_platform_driver_is() {
        let fake = Fake::new(&[("/sys/bus/platform/drivers/snd_aloop/uevent", b"")]);
        let link = fake.root.path(DRIVER);
        std::os::unix::fs::symlink("../../../../module/snd_aloop", link).expect("a link");
        assert_eq!(
            c_driver(&Patient::fake(&fake.root, false), State::None).verdict,
            Verdict::Wrong
        );
    }

    #[test]
    fn which_is_loaded_by_the_name_of_the_other() {
        let fake = Fake::new(&[]);
        let patient = Patient::fake(&fake.root, false);
        let verdict = |state| taken_over(&patient, state).verdict;
        assert_eq!(verdict(State::None), Verdict::Ok);
        assert_eq!(verdict(State::Foreign), Verdict::Unknown);
        // There is nothing to be loaded.
        assert_eq!(verdict(State::Ours), Verdict::Wrong);
        let fake = Fake::new(&[("/lib/modules/7.3.4/updates/snd-aloop-rs.ko", b"")]);
        let patient = Patient::fake(&fake.root, false);
        assert_eq!(taken_over(&patient, State::Ours).verdict, Verdict::Ok);
    }

    #[test]
    fn lines_for_the_other_driver() {
        let findings = |files: &[(&str, &[u8])]| {
            modprobe(&Patient::fake(&Fake::new(files).root, true), State::None)
        };
        let theirs = (
            "/etc/modprobe.d/a.conf",
            b"options snd-aloop index=3 id=A\n".as_slice(),
        );
        let found = findings(&[theirs]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].verdict, Verdict::Wrong);
        let advice = found[0].advice.clone().expect("what to type");
        assert!(
            advice.contains("options snd-aloop-rs index=3 id=A (or: "),
            "{advice}"
        );
        // Taken over, it has an effect.
        let fake = Fake::new(&[theirs]);
        let found = modprobe(&Patient::fake(&fake.root, true), State::Ours);
        assert_eq!(found[0].verdict, Verdict::Ok);
        assert!(found[0].what.contains("index=3"), "{found:?}");
        // But not if it is loaded by its own name, or for what an alias is nothing.
        let boot = (
            "/etc/modules-load.d/a.conf",
            b"# ours\nsnd-aloop-rs\n".as_slice(),
        );
        let fake = Fake::new(&[theirs, boot]);
        let found = modprobe(&Patient::fake(&fake.root, true), State::Ours);
        assert_eq!(found[0].verdict, Verdict::Wrong);
        assert!(found[0].what.contains("modules-load.d/a.conf"), "{found:?}");
        let softdep = (
            "/etc/modprobe.d/a.conf",
            b"softdep snd-aloop pre: snd-usb-audio\n".as_slice(),
        );
        for (state, verdict) in [(State::Ours, Verdict::Wrong), (State::None, Verdict::Ok)] {
            let fake = Fake::new(&[softdep]);
            let found = modprobe(&Patient::fake(&fake.root, true), state);
            assert_eq!(found[0].verdict, verdict);
        }
        // The words may be apart by whatever, and be contained in others.
        let tab = (
            "/etc/modprobe.d/a.conf",
            b"options\tsnd-aloop\tid=aloop1 index=3\n".as_slice(),
        );
        let advice = findings(&[tab])[0].advice.clone().expect("what to type");
        assert!(
            advice.contains("options snd-aloop-rs id=aloop1 index=3 (or: "),
            "{advice}"
        );
        let blacklist = (
            "/etc/modprobe.d/b.conf",
            b"blacklist snd_aloop_rs\n".as_slice(),
        );
        assert_eq!(findings(&[blacklist])[0].verdict, Verdict::Wrong);
        // Who has both, knows.
        let ours = (
            "/etc/modprobe.d/b.conf",
            b"options snd_aloop_rs id=A\n".as_slice(),
        );
        assert_eq!(findings(&[theirs, ours])[0].verdict, Verdict::Ok);
        let install = (
            "/lib/modprobe.d/c.conf",
            b"install snd-aloop-rs /bin/false\n".as_slice(),
        );
        assert_eq!(findings(&[install])[0].verdict, Verdict::Wrong);
        // modprobe reads no such file.
        let other = (
            "/etc/modprobe.d/a.bak",
            b"options snd-aloop index=3\n".as_slice(),
        );
        assert_eq!(findings(&[other])[0].verdict, Verdict::Ok);
    }
}
