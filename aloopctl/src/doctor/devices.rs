// SPDX-License-Identifier: GPL-2.0

//! Whether there is a card, and whether this user may use it.

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt;

use super::Finding;
use super::Patient;
use crate::card;
use crate::configfs;
use crate::parse;

pub fn all(patient: &Patient<'_>) -> Vec<Finding> {
    let cards = card::all(patient.root);
    let mut findings = vec![cards_there(patient, &cards)];
    let mut nodes = patient.root.names("/dev/snd");
    let is_of = |node: &str| {
        let ours = |card: &card::Card| {
            let number = card.number;
            node == format!("controlC{number}") || node.starts_with(&format!("pcmC{number}D"))
        };
        cards.iter().any(ours)
    };
    nodes.retain(|it| is_of(it));
    if !cards.is_empty() {
        findings.push(permissions(patient, &nodes));
    }
    if patient.loaded {
        findings.push(cards_to_make(patient));
    }
    findings
}

fn cards_there(patient: &Patient<'_>, cards: &[card::Card]) -> Finding {
    let about = "cards";
    let names: Vec<String> = cards
        .iter()
        .map(|it| format!("{} ({})", it.number, it.id))
        .collect();
    match (names.is_empty(), patient.loaded) {
        (false, _) => Finding::ok(about, names.join(", ")),
        (true, true) => Finding::wrong(
            about,
            "the module is loaded and there is no loopback card",
            "aloopctl add NAME, or load the module without enable=0; the kernel's log may say \
             more: dmesg | grep -i aloop",
        ),
        (true, false) => Finding::wrong(about, "there is none", "load the module first"),
    }
}

fn cards_to_make(patient: &Patient<'_>) -> Finding {
    match configfs::open(patient.root) {
        Ok(_) => Finding::ok("configfs", "cards can be made: aloopctl add"),
        Err(error) => {
            let what = format!("add, remove and restore are not available: {error}");
            Finding::ok("configfs", what)
        }
    }
}

/// Who this process is.
struct Who {
    user: u32,
    groups: Vec<u32>,
}

fn who(patient: &Patient<'_>) -> Option<Who> {
    let text = patient.root.text_if_any("/proc/self/status")?;
    // The second of each is what counts.
    let effective = |key| {
        parse::value(&text, key)?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    let mut groups = vec![effective("Gid")?];
    let more = parse::value(&text, "Groups").unwrap_or_default();
    groups.extend(
        more.split_whitespace()
            .filter_map(|it| it.parse::<u32>().ok()),
    );
    Some(Who {
        user: effective("Uid")?,
        groups,
    })
}

fn permissions(patient: &Patient<'_>, nodes: &[String]) -> Finding {
    let about = "permissions";
    let Some(who) = who(patient) else {
        return Finding::unknown(about, "who this is can't be told", "is /proc mounted?");
    };
    if nodes.is_empty() {
        let what = "/dev/snd has no nodes of the card";
        return Finding::wrong(about, what, "is udev running, and /dev mounted (devtmpfs)?");
    }
    let closed: Vec<&String> = nodes
        .iter()
        .filter(|it| !may_use(patient, &who, it))
        .collect();
    let Some(first) = closed.first() else {
        return Finding::ok(
            about,
            format!("the {} nodes in /dev/snd can be used", nodes.len()),
        );
    };
    let what = format!(
        "/dev/snd/{first} and {} more can't be used",
        closed.len().saturating_sub(1)
    );
    let (name, is_member) = membership(patient, who.user);
    let advice = match is_member {
        true => {
            "you are in the group audio, but not since you logged in: do that again".to_string()
        }
        false => format!("sudo usermod -aG audio {name}, then log in again"),
    };
    Finding::wrong(about, what, advice)
}

fn may_use(patient: &Patient<'_>, who: &Who, node: &str) -> bool {
    let path = format!("/dev/snd/{node}");
    let Ok(metadata) = patient.root.metadata(&path) else {
        return false;
    };
    let mode = metadata.mode();
    let bits = match metadata.uid() == who.user {
        true => mode >> 6,
        false if who.groups.contains(&metadata.gid()) => mode >> 3,
        false => mode,
    };
    if who.user == 0 || bits & 6 == 6 {
        return true;
    }
    // Lists of access, which let in who sits at the machine, are not in the mode. To open a control
    // device disturbs nobody; the others have the same list.
    let control = format!("/dev/snd/{}", control_of(node));
    let mut options = OpenOptions::new();
    let opened = options
        .read(true)
        .write(true)
        .open(patient.root.path(&control));
    !patient.root.is_fake() && opened.is_ok()
}

/// Returns the control device beside a node: `pcmC0D1c` is of `controlC0`.
fn control_of(node: &str) -> String {
    let card = node.split_once('C').map_or("", |(_, rest)| rest);
    let digits = card.chars().take_while(char::is_ascii_digit);
    format!("controlC{}", digits.collect::<String>())
}

/// Returns the user's name, and whether the file of groups has it in audio.
fn membership(patient: &Patient<'_>, user: u32) -> (String, bool) {
    let users = patient.root.text_if_any("/etc/passwd").unwrap_or_default();
    let number = user.to_string();
    let is_user = |line: &&str| line.split(':').nth(2) == Some(&number);
    let name = users
        .lines()
        .find(is_user)
        .and_then(|line| line.split(':').next());
    let name = name.unwrap_or(&number).to_string();
    let groups = patient.root.text_if_any("/etc/group").unwrap_or_default();
    let audio = groups.lines().find(|line| line.starts_with("audio:"));
    let members = audio
        .and_then(|line| line.rsplit(':').next())
        .unwrap_or_default();
    let is_member = members.split(',').any(|it| it.trim() == name);
    (name, is_member)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::Verdict;
    use super::*;
    use crate::fake::Fake;

    const SYSTEM: [(&str, &[u8]); 6] = [
        (
            "/proc/asound/cards",
            b" 0 [Loopback       ]: Loopback - Loopback\n",
        ),
        ("/proc/asound/card0/cable#0", b""),
        ("/dev/snd/controlC0", b""),
        ("/dev/snd/pcmC0D0p", b""),
        ("/dev/snd/controlC1", b""),
        (
            "/etc/passwd",
            b"root:x:0:0::/:/bin/sh\nann:x:4711:4711::/:/bin/sh\n",
        ),
    ];
    /// Somebody whose files these are not, whoever runs the test.
    const ANN: &[u8] =
        b"Uid:\t4711\t4711\t4711\t4711\nGid:\t4711\t4711\t4711\t4711\nGroups:\t4712 \n";

    fn with(mode: u32, more: &[(&str, &[u8])]) -> Vec<Finding> {
        let files: Vec<(&str, &[u8])> = SYSTEM.iter().chain(more).copied().collect();
        let fake = Fake::new(&files);
        for node in ["controlC0", "pcmC0D0p", "controlC1"] {
            let path = fake.root.path(&format!("/dev/snd/{node}"));
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
        }
        all(&Patient::fake(&fake.root, false))
    }

    #[test]
    fn who_may_and_who_may_not() {
        let ann = ("/proc/self/status", ANN);
        let found = with(0o600, &[ann]);
        assert_eq!(
            (found[0].verdict, found[1].verdict),
            (Verdict::Ok, Verdict::Wrong)
        );
        assert_eq!(found[1].what, "/dev/snd/controlC0 and 1 more can't be used");
        let advice = found[1].advice.clone().expect("what to type");
        assert!(advice.starts_with("sudo usermod -aG audio ann"), "{advice}");
        let group = ("/etc/group", b"root:x:0:\naudio:x:29:bob,ann\n".as_slice());
        let found = with(0o600, &[ann, group]);
        assert!(found[1]
            .advice
            .clone()
            .is_some_and(|it| it.contains("do that again")));
        assert_eq!(with(0o666, &[ann])[1].verdict, Verdict::Ok);
        let root = (
            "/proc/self/status",
            b"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n".as_slice(),
        );
        assert_eq!(with(0o600, &[root])[1].verdict, Verdict::Ok);
        assert_eq!(with(0o600, &[])[1].verdict, Verdict::Unknown);
    }

    #[test]
    fn no_card_and_no_node() {
        let found = all(&Patient::fake(&Fake::new(&[]).root, true));
        assert_eq!(found[0].verdict, Verdict::Wrong);
        // There is no more to say of permissions; that configfs is missing is no fault.
        assert_eq!((found.len(), found[1].verdict), (2, Verdict::Ok));
        let files = [SYSTEM[0], SYSTEM[1], ("/proc/self/status", ANN)];
        let found = all(&Patient::fake(&Fake::new(&files).root, false));
        assert!(found[1].what.contains("no nodes"), "{found:?}");
        assert_eq!(control_of("pcmC12D1c"), "controlC12");
    }
}
