// SPDX-License-Identifier: GPL-2.0

//! Whether the running kernel can have a module in Rust.

use super::Finding;
use super::Patient;
use crate::parse::modules::config;

pub fn rust(patient: &Patient<'_>) -> Finding {
    let about = "kernel";
    let release = &patient.release;
    if patient.loaded {
        return Finding::ok(about, format!("{release} has loaded the module"));
    }
    if release.is_empty() {
        let what = "which kernel runs can't be told";
        return Finding::unknown(about, what, "is /proc mounted?");
    }
    let files = [
        format!("/boot/config-{release}"),
        format!("/lib/modules/{release}/config"),
        format!("/lib/modules/{release}/build/.config"),
    ];
    let texts = files
        .iter()
        .find_map(|it| Some((it, patient.root.text_if_any(it)?)));
    let Some((file, text)) = texts else {
        let advice = match patient.root.exists("/proc/config.gz") {
            true => "zgrep CONFIG_RUST= /proc/config.gz (it has to say y)".to_string(),
            false => OTHER.to_string(),
        };
        let what = format!("{release}: its configuration isn't there");
        return Finding::unknown(about, what, advice);
    };
    match config(&text, "CONFIG_RUST") {
        "y" => Finding::ok(about, format!("{release} has Rust ({file})")),
        _ => Finding::wrong(
            about,
            format!("{release} was built without Rust ({file})"),
            OTHER,
        ),
    }
}

const OTHER: &str = "Debian's kernels since 7.2 have Rust: Documentation/kernels.rst";

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn rust_or_not() {
        let verdict = |files: &[(&str, &[u8])], loaded| {
            rust(&Patient::fake(&Fake::new(files).root, loaded)).verdict
        };
        assert_eq!(
            verdict(&[("/boot/config-7.3.4", b"CONFIG_RUST=y\n")], false),
            Verdict::Ok
        );
        let without: &[u8] = b"# CONFIG_RUST is not set\n";
        assert_eq!(
            verdict(&[("/boot/config-7.3.4", without)], false),
            Verdict::Wrong
        );
        assert_eq!(
            verdict(&[("/boot/config-7.3.4", without)], true),
            Verdict::Ok
        );
        assert_eq!(
            verdict(&[("/boot/config-7.3.3", without)], false),
            Verdict::Unknown
        );
        let finding = rust(&Patient::fake(
            &Fake::new(&[("/proc/config.gz", b"")]).root,
            false,
        ));
        assert!(finding.advice.is_some_and(|it| it.starts_with("zgrep")));
    }
}
