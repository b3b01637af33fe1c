// SPDX-License-Identifier: GPL-2.0

//! What is known of modules and of the kernel's configuration.

/// Returns a field of a module's information, such as `vermagic`, from the module as it is on disk.
/// `None` if it has none, or is compressed.
pub fn modinfo(module: &[u8], key: &str) -> Option<String> {
    let mut wanted = vec![0];
    wanted.extend_from_slice(key.as_bytes());
    wanted.push(b'=');
    let at = module.windows(wanted.len()).position(|it| it == wanted)?;
    let value = module.get(at.checked_add(wanted.len())?..)?;
    let end = value.iter().position(|&byte| byte == 0)?;
    Some(String::from_utf8_lossy(value.get(..end)?).into_owned())
}

/// Returns whether a file begins as one that is compressed with xz, zstd or gzip.
pub fn is_compressed(module: &[u8]) -> bool {
    let magic: [&[u8]; 3] = [b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"];
    magic.iter().any(|it| module.starts_with(it))
}

/// Returns the value of an option of the kernel's configuration: `n` if it isn't set.
pub fn config<'a>(text: &'a str, option: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .find(|(name, _)| *name == option)
        .map_or("n", |(_, value)| value)
}

/// Returns the lines of a file of `modprobe.d` that are about a module. Names are the same with `-`
/// and `_`.
pub fn modprobe_lines<'a>(text: &'a str, module: &str) -> Vec<&'a str> {
    let module = module.replace('-', "_");
    let is_about = |line: &&str| {
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or("");
        matches!(
            command,
            "options" | "blacklist" | "install" | "alias" | "softdep"
        ) && words
            .next()
            .is_some_and(|it| it.replace('-', "_") == module)
    };
    text.lines().map(str::trim).filter(is_about).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_of_a_module() {
        let module = b"\x7fELF..\0license=GPL\0vermagic=7.3.4 SMP \0version=0.9.0\0srcversion=X";
        assert_eq!(modinfo(module, "vermagic").as_deref(), Some("7.3.4 SMP "));
        assert_eq!(modinfo(module, "version").as_deref(), Some("0.9.0"));
        // The end is missing.
        assert_eq!(modinfo(module, "srcversion"), None);
        assert_eq!(modinfo(b"", "version"), None);
        assert!(!is_compressed(module));
        assert!(is_compressed(b"\xfd7zXZ\0"));
    }

    #[test]
    fn options_of_the_kernel() {
        let text = "# CONFIG_KUNIT is not set\nCONFIG_RUST=y\nCONFIG_RUSTC_VERSION=108501\n";
        assert_eq!(config(text, "CONFIG_RUST"), "y");
        assert_eq!(config(text, "CONFIG_KUNIT"), "n");
    }

    #[test]
    fn lines_of_modprobe() {
        let text = "# options snd-aloop x\noptions snd-aloop index=1\n  blacklist snd_aloop\n\
                    options snd-aloop-rs id=A\noptions\n";
        let lines = modprobe_lines(text, "snd-aloop");
        assert_eq!(lines, ["options snd-aloop index=1", "blacklist snd_aloop"]);
        assert_eq!(modprobe_lines(text, "snd-aloop-rs").len(), 1);
    }
}
