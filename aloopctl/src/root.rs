// SPDX-License-Identifier: GPL-2.0

//! The files that are read and written: those of the system, or those under a folder that stands
//! for it, as in tests.

use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::error::Error;
use crate::error::Result;

/// Where `/` is.
pub struct Root(Option<PathBuf>);

impl Root {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// Returns whether this is not the system itself: what isn't a file is not to be touched then.
    pub fn is_fake(&self) -> bool {
        self.0.is_some()
    }

    /// Returns where a file with this absolute path is.
    pub fn path(&self, path: &str) -> PathBuf {
        match &self.0 {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => Path::new(path).to_path_buf(),
        }
    }

    /// Reads a file as it is.
    pub fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a text, in which what is no text is replaced.
    pub fn text(&self, path: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(path)?).into_owned())
    }

    /// Reads a text; `None` if the file can't be read, which has to be no surprise.
    pub fn text_if_any(&self, path: &str) -> Option<String> {
        self.text(path).ok()
    }

    /// Reads the one line of a file.
    pub fn value(&self, path: &str) -> Result<String> {
        let text = self.text(path).map_err(|e| Error::file(path, &e))?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_string())
    }

    pub fn metadata(&self, path: &str) -> io::Result<Metadata> {
        fs::metadata(self.path(path))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.metadata(path).is_ok()
    }

    pub fn is_folder(&self, path: &str) -> bool {
        self.metadata(path).is_ok_and(|it| it.is_dir())
    }

    /// Returns the names in a folder, sorted; none if there is no such folder.
    pub fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Writes to a file that the kernel has made, in one go. (A fake kernel makes none.)
    pub fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.is_fake() {
            options.create(true).truncate(true);
        }
        options.open(self.path(path))?.write_all(text.as_bytes())
    }

    pub fn make_folder(&self, path: &str) -> io::Result<()> {
        fs::create_dir(self.path(path))
    }

    /// Removes a folder whose files are the kernel's, and go with it.
    pub fn remove_folder(&self, path: &str) -> io::Result<()> {
        if self.is_fake() {
            fs::remove_dir_all(self.path(path))
        } else {
            fs::remove_dir(self.path(path))
        }
    }

    pub fn remove_file(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    /// Replaces a file, or makes it, in one step: at no time there is half of it. Of a link, it is
    /// the file behind it.
    ///
    /// # Errors
    ///
    /// Also if there is something else than a file.
    pub fn replace(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.path(path);
        let path = match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path,
            other => other?,
        };
        if fs::metadata(&path).is_ok_and(|it| !it.is_file()) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut new_name = std::ffi::OsString::from(".");
        new_name.push(name);
        new_name.push(format!(".{}", std::process::id()));
        let new = folder.join(new_name);
        let result = write_all(&new, text).and_then(|()| fs::rename(&new, &path));
        if result.is_err() {
            // The other error is the one to tell.
            let _ = fs::remove_file(&new);
        }
        result
    }
}

/// Writes a new file, onto the disk. Everybody may read it, whatever the umask is: it has no
/// secrets, and `doctor` of an ordinary user looks at it.
fn write_all(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let system = Root::new(None);
        assert_eq!(system.path("/proc/x"), Path::new("/proc/x"));
        let fake = Root::new(Some("/tmp/fake".into()));
        assert_eq!(fake.path("/proc/x"), Path::new("/tmp/fake/proc/x"));
        assert_eq!(fake.path("x"), Path::new("/tmp/fake/x"));
    }

    #[test]
    fn replaces_in_one_step() {
        let folder = std::env::temp_dir().join(format!("aloopctl-root-{}", std::process::id()));
        let root = Root::new(Some(folder.clone()));
        root.replace("/etc/a/b", "one").expect("a new file");
        root.replace("/etc/a/b", "two").expect("an old file");
        assert_eq!(root.text("/etc/a/b").expect("it is there"), "two");
        assert_eq!(root.names("/etc/a"), ["b"]);
        // A link stays one.
        std::os::unix::fs::symlink("b", root.path("/etc/a/link")).expect("a link");
        root.replace("/etc/a/link", "three").expect("a linked file");
        assert_eq!(root.text("/etc/a/b").expect("it is there"), "three");
        assert!(fs::read_link(root.path("/etc/a/link")).is_ok());
        // A folder can't be replaced, nor a device, and nothing is left behind.
        assert!(root.replace("/etc/a", "four").is_err());
        assert_eq!(root.names("/etc"), ["a"]);
        std::os::unix::fs::symlink("/dev/null", root.path("/etc/a/null")).expect("a link");
        assert!(root.replace("/etc/a/null", "four").is_err());
        fs::remove_dir_all(folder).expect("it is ours");
    }
}
