// SPDX-License-Identifier: GPL-2.0

//! Whether the module is loaded, or installed, and for which kernel.

use super::Finding;
use super::Patient;
use crate::installed;
use crate::parse::modules::is_compressed;
use crate::parse::modules::modinfo;

/// What helps where there are no packages.
const BUILD: &str = "or, in the repository: make stock && sudo make install";

const LOAD: &str = "modprobe snd-aloop-rs";

pub fn all(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = vec![loaded(patient)];
    let Some(path) = installed::find(patient.root, &patient.release) else {
        findings.push(not_installed(patient));
        return findings;
    };
    findings.push(known(patient, &path));
    findings.extend(made_for(patient, &path));
    findings
}

fn loaded(patient: &Patient<'_>) -> Finding {
    let about = "module";
    if patient.loaded {
        let version = patient.root.text_if_any("/sys/module/snd_aloop_rs/version");
        let version = version.unwrap_or_default();
        return Finding::ok(about, format!("snd-aloop-rs {} is loaded", version.trim()));
    }
    Finding::wrong(about, "snd-aloop-rs isn't loaded", LOAD)
}

fn not_installed(patient: &Patient<'_>) -> Finding {
    let about = "installed";
    let release = &patient.release;
    let mut others = patient.root.names("/lib/modules");
    others.retain(|it| it != release && installed::find(patient.root, it).is_some());
    let what = match others.is_empty() {
        true => format!("the module isn't installed for {release}"),
        false => format!(
            "the module is installed for {}, not for {release}",
            others.join(", ")
        ),
    };
    let advice = format!("install the package snd-aloop-rs-modules-{release}; {BUILD}");
    match patient.loaded {
        true => Finding::unknown(about, format!("{what}, but loaded from elsewhere"), advice),
        false => Finding::wrong(about, what, advice),
    }
}

fn known(patient: &Patient<'_>, path: &str) -> Finding {
    let list = format!("/lib/modules/{}/modules.dep", patient.release);
    let known = patient.root.text_if_any(&list).unwrap_or_default();
    match known.contains("/snd-aloop-rs.ko") {
        true => Finding::ok("installed", path),
        false => Finding::wrong(
            "installed",
            format!("{path}, but modprobe doesn't know it"),
            "depmod",
        ),
    }
}

/// What the module says of the kernel that it was made for.
fn made_for(patient: &Patient<'_>, path: &str) -> Option<Finding> {
    let about = "made for";
    let module = patient.root.bytes(path).ok()?;
    let Some(magic) = modinfo(&module, "vermagic") else {
        let what = match is_compressed(&module) {
            true => "the module is compressed, and isn't looked into",
            false => "the module doesn't say for which kernel it was made",
        };
        let advice = format!(
            "modinfo -F vermagic snd-aloop-rs (it has to begin with {})",
            patient.release
        );
        return Some(Finding::unknown(about, what, advice));
    };
    let release = magic.split(' ').next().unwrap_or_default();
    if release == patient.release {
        return Some(Finding::ok(about, magic.trim()));
    }
    let what = format!(
        "the module was made for {release}, and {} runs",
        patient.release
    );
    Some(Finding::wrong(
        about,
        what,
        format!(
            "install snd-aloop-rs-modules-{} anew; {BUILD}",
            patient.release
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::fake::Fake;

    const MODULE: &[u8] = b"..\0vermagic=7.3.4 SMP \0..";
    const OTHER: &[u8] = b"..\0vermagic=7.3.3 SMP \0..";
    const PATH: &str = "/lib/modules/7.3.4/updates/snd-aloop-rs.ko";
    const DEP: (&str, &[u8]) = (
        "/lib/modules/7.3.4/modules.dep",
        b"updates/snd-aloop-rs.ko: kernel/x.ko\n",
    );

    fn verdicts(files: &[(&str, &[u8])], loaded: bool) -> Vec<(Verdict, String)> {
        let fake = Fake::new(files);
        let findings = all(&Patient::fake(&fake.root, loaded)).into_iter();
        findings.map(|it| (it.verdict, it.what)).collect()
    }

    #[test]
    fn as_it_should_be() {
        let found = verdicts(&[(PATH, MODULE), DEP], true);
        assert!(found.iter().all(|it| it.0 == Verdict::Ok), "{found:?}");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn not_as_it_should_be() {
        let found = verdicts(&[], false);
        assert_eq!((found[0].0, found[1].0), (Verdict::Wrong, Verdict::Wrong));
        let elsewhere = "/lib/modules/7.2.1/updates/snd-aloop-rs.ko";
        let found = verdicts(&[(elsewhere, MODULE)], false);
        assert!(found[1].1.contains("for 7.2.1, not for 7.3.4"), "{found:?}");
        // Nobody has run depmod, and it was made for another kernel.
        let found = verdicts(&[(PATH, OTHER)], false);
        assert_eq!((found[1].0, found[2].0), (Verdict::Wrong, Verdict::Wrong));
        assert!(
            found[2].1.contains("made for 7.3.3, and 7.3.4 runs"),
            "{found:?}"
        );
        let compressed = "/lib/modules/7.3.4/extra/snd-aloop-rs.ko.xz";
        let found = verdicts(&[(compressed, b"\xfd7zXZ\0"), DEP], false);
        assert_eq!((found[1].0, found[2].0), (Verdict::Ok, Verdict::Unknown));
    }
}
