// SPDX-License-Identifier: GPL-2.0

//! `doctor`: what is in the way of a working card, and what to type.

mod boot;
mod devices;
mod drivers;
mod kernel;
mod module;

use serde::Serialize;

use crate::error::Result;
use crate::error::Status;
use crate::output::Output;
use crate::root::Root;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Wrong,
    Unknown,
}

/// What is found of one thing.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    about: &'static str,
    verdict: Verdict,
    what: String,
    /// What to do, or to type.
    advice: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self {
            about,
            verdict: Verdict::Ok,
            what: what.into(),
            advice: None,
        }
    }

    fn wrong(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Wrong,
            advice: Some(advice.into()),
            ..Self::ok(about, what)
        }
    }

    fn unknown(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Unknown,
            ..Self::wrong(about, what, advice)
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    fine: bool,
    findings: &'a [Finding],
}

/// What several findings need to know.
struct Patient<'a> {
    root: &'a Root,
    /// The release of the running kernel.
    release: String,
    /// The module is loaded.
    loaded: bool,
}

#[cfg(test)]
impl<'a> Patient<'a> {
    /// Returns one whose kernel is 7.3.4.
    fn fake(root: &'a Root, loaded: bool) -> Self {
        Self {
            root,
            release: "7.3.4".into(),
            loaded,
        }
    }
}

impl<'a> Patient<'a> {
    fn new(root: &'a Root) -> Self {
        let release = root.text_if_any("/proc/sys/kernel/osrelease");
        Self {
            root,
            release: release.unwrap_or_default().trim().to_string(),
            loaded: root.is_folder("/sys/module/snd_aloop_rs"),
        }
    }
}

/// Returns why the kernel that runs would refuse the module, if that is known.
pub fn refusal(root: &Root) -> Option<String> {
    let findings = boot::all(&Patient::new(root)).into_iter();
    findings
        .filter(|it| it.verdict == Verdict::Wrong)
        .map(|it| it.what)
        .next()
}

pub fn run(root: &Root, out: &mut Output) -> Result<Status> {
    let patient = Patient::new(root);
    let mut findings = vec![kernel::rust(&patient)];
    findings.extend(module::all(&patient));
    findings.extend(boot::all(&patient));
    findings.extend(drivers::all(&patient));
    findings.extend(devices::all(&patient));
    let is_wrong = findings.iter().any(|it| it.verdict == Verdict::Wrong);
    if out.json {
        out.json(&Answer {
            fine: !is_wrong,
            findings: &findings,
        })?;
    } else {
        for finding in &findings {
            out.text(&describe(finding))?;
        }
    }
    Ok(if is_wrong {
        Status::Wrong
    } else {
        Status::Fine
    })
}

fn describe(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Wrong => "WRONG",
        Verdict::Unknown => "unknown",
    };
    let mut text = format!("{verdict:<8} {}: {}\n", finding.about, finding.what);
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("         -> {advice}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_people() {
        let finding = Finding::wrong("module", "it isn't loaded", "modprobe snd-aloop-rs");
        assert_eq!(
            describe(&finding),
            "WRONG    module: it isn't loaded\n         -> modprobe snd-aloop-rs\n"
        );
        assert_eq!(describe(&Finding::ok("a", "b")), "ok       a: b\n");
    }
}
