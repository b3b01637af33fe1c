// SPDX-License-Identifier: GPL-2.0

//! Trees of files that stand for a system, for unit tests.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::root::Root;

/// A tree, which goes when it is dropped.
pub struct Fake {
    folder: PathBuf,
    pub root: Root,
}

impl Fake {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("aloopctl-fake-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let root = Root::new(Some(folder.clone()));
        for (path, content) in files {
            let path = root.path(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, content).expect("it can be written");
        }
        Self { folder, root }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
