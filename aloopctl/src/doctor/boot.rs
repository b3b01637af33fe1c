// SPDX-License-Identifier: GPL-2.0

//! Whether the kernel refuses modules that are not signed: Secure Boot and lockdown.

use super::Finding;
use super::Patient;
use crate::installed;
use crate::parse::modules::is_compressed;

const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

const SIGN: &str = "that is what 'Key was rejected by service' of modprobe means: make a key that the \
                    firmware knows (dkms generate_mok; mokutil --import /var/lib/dkms/mok.pub; then \
                    restart the machine), and have the module signed with it (of a package: \
                    dpkg-reconfigure snd-aloop-rs-modules-$(uname -r); of dkms: dkms install --force)";

/// The machine's own key, with which dkms and the packages sign.
const KEY: &str = "/var/lib/dkms/mok.pub";

/// The keys that the kernel takes modules of, beside those of its own: shim leaves them there.
const ENROLLED: &str = "/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23";

/// Stands at the end of a module that is signed.
const SIGNATURE: &[u8] = b"~Module signature appended~\n";

pub fn all(patient: &Patient<'_>) -> Vec<Finding> {
    // What is compressed isn't looked into.
    let is_signed = installed::find(patient.root, &patient.release)
        .and_then(|path| patient.root.bytes(&path).ok())
        .filter(|it| !is_compressed(it))
        .map(|it| it.ends_with(SIGNATURE));
    vec![
        secure_boot(patient),
        lockdown(patient, is_signed),
        enforced(patient, is_signed),
    ]
}

fn secure_boot(patient: &Patient<'_>) -> Finding {
    let about = "Secure Boot";
    if !patient.root.is_folder("/sys/firmware/efi") {
        return Finding::ok(
            about,
            "there is none: the machine has not been started by EFI",
        );
    }
    // Four bytes of attributes, and the value.
    match patient.root.bytes(SECURE_BOOT).map(|it| it.get(4).copied()) {
        Ok(Some(0)) => Finding::ok(about, "off"),
        Ok(Some(_)) => Finding::ok(about, "on; the kernel may refuse modules, see lockdown"),
        _ => Finding::unknown(
            about,
            "the firmware's variable can't be read",
            "mokutil --sb-state",
        ),
    }
}

fn lockdown(patient: &Patient<'_>, is_signed: Option<bool>) -> Finding {
    let about = "lockdown";
    let Ok(text) = patient.root.text("/sys/kernel/security/lockdown") else {
        let file = "/sys/kernel/security/lockdown";
        return match patient.loaded {
            true => Finding::ok(about, "it has let the module in"),
            false => Finding::unknown(
                about,
                format!("{file} isn't there, or can't be read"),
                "if modprobe says 'Key was rejected by service', it is that",
            ),
        };
    };
    // The one that holds is in brackets.
    let level = text.split(['[', ']']).nth(1).unwrap_or("?");
    let what = format!("the level is {level}");
    match (level, patient.loaded, is_signed) {
        ("none", ..) | (_, true, _) => Finding::ok(about, what),
        (_, _, Some(true)) => signed(patient, about, &what),
        (_, _, Some(false)) => {
            Finding::wrong(about, format!("{what}, and the module isn't signed"), SIGN)
        }
        _ => Finding::unknown(about, format!("{what}: unsigned modules are refused"), SIGN),
    }
}

/// What to say of a module that is signed, of a kernel that takes only such.
fn signed(patient: &Patient<'_>, about: &'static str, what: &str) -> Finding {
    let what = format!("{what}, and the module is signed");
    let key = patient.root.bytes(KEY).ok().filter(|it| !it.is_empty());
    let enrolled = patient.root.bytes(ENROLLED).ok();
    match key.zip(enrolled) {
        // The variable has certificates one after the other, each as it is in its file.
        Some((key, keys)) if keys.windows(key.len()).any(|it| it == key) => {
            Finding::ok(about, format!("{what}; the machine's key is enrolled"))
        }
        Some(_) => Finding::wrong(
            about,
            format!("{what}, but the firmware does not know the machine's key"),
            format!(
                "that is what 'Key was rejected by service' of modprobe means: mokutil --import \
                 {KEY}, then restart the machine, and enrol the key on the blue screen"
            ),
        ),
        None => Finding::unknown(
            about,
            format!("{what}; whether with a key that the firmware knows can't be told"),
            format!("mokutil --test-key {KEY}"),
        ),
    }
}

fn enforced(patient: &Patient<'_>, is_signed: Option<bool>) -> Finding {
    let about = "signatures";
    let text = patient
        .root
        .text_if_any("/sys/module/module/parameters/sig_enforce");
    match (text.as_deref().map(str::trim), patient.loaded, is_signed) {
        (Some("Y"), false, Some(false)) => Finding::wrong(
            about,
            "the kernel wants them, and the module isn't signed",
            SIGN,
        ),
        (Some("Y"), false, None) => {
            Finding::unknown(about, "the kernel wants modules to be signed", SIGN)
        }
        (Some("Y"), true, _) => Finding::ok(about, "the kernel wants them, and has them"),
        (Some("Y"), false, Some(true)) => signed(patient, about, "the kernel wants them"),
        _ => Finding::ok(about, "the kernel takes modules without"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::fake::Fake;

    const PATH: &str = "/lib/modules/7.3.4/updates/snd-aloop-rs.ko";
    const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
    const ENFORCE: &str = "/sys/module/module/parameters/sig_enforce";

    fn verdicts(files: &[(&str, &[u8])], loaded: bool) -> Vec<Verdict> {
        let fake = Fake::new(files);
        let findings = all(&Patient::fake(&fake.root, loaded)).into_iter();
        findings.map(|it| it.verdict).collect()
    }

    #[test]
    fn what_is_refused() {
        use Verdict::*;
        assert_eq!(verdicts(&[], false), [Ok, Unknown, Ok]);
        assert_eq!(verdicts(&[], true), [Ok, Ok, Ok]);
        let on = (SECURE_BOOT, b"\x06\0\0\0\x01".as_slice());
        let locked = (LOCKDOWN, b"none [integrity] confidentiality\n".as_slice());
        let enforced = (ENFORCE, b"Y\n".as_slice());
        let unsigned = (PATH, b"\x7fELF".as_slice());
        let signed = (PATH, b"\x7fELF..~Module signature appended~\n".as_slice());
        assert_eq!(
            verdicts(&[on, locked, enforced, unsigned], false),
            [Ok, Wrong, Wrong]
        );
        assert_eq!(
            verdicts(&[on, locked, enforced, unsigned], true),
            [Ok, Ok, Ok]
        );
        // With which key is what counts.
        let key = (KEY, b"0\x82cert".as_slice());
        let enrolled = (ENROLLED, b"\x06\0\0\0list:0\x82cert;".as_slice());
        let others = (ENROLLED, b"\x06\0\0\0list:0\x82other;".as_slice());
        for (files, verdict) in [
            ([on, locked, enforced, signed, key, enrolled].as_slice(), Ok),
            (&[on, locked, enforced, signed, key, others], Wrong),
            (&[on, locked, enforced, signed, key], Unknown),
            (&[on, locked, enforced, signed, enrolled], Unknown),
        ] {
            assert_eq!(verdicts(files, false), [Ok, verdict, verdict]);
        }
        assert_eq!(
            verdicts(&[on, locked, enforced], false),
            [Ok, Unknown, Unknown]
        );
        let compressed = (PATH, b"\xfd7zXZ\0".as_slice());
        assert_eq!(
            verdicts(&[on, locked, enforced, compressed], false),
            [Ok, Unknown, Unknown]
        );
        let open = (LOCKDOWN, b"[none] integrity confidentiality\n".as_slice());
        assert_eq!(verdicts(&[open, unsigned], false), [Ok, Ok, Ok]);
        // The variable is there, and empty.
        assert_eq!(verdicts(&[(SECURE_BOOT, b"")], false)[0], Unknown);
    }
}
