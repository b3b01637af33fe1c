// SPDX-License-Identifier: GPL-2.0

//! Cards that are made while the module is loaded: `/sys/kernel/config/snd-aloop`.

use std::cell::RefCell;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::OpenOptionsExt;

use crate::attributes::is_identifier;
use crate::attributes::Attributes;
use crate::error::reason;
use crate::error::status_of;
use crate::error::Error;
use crate::error::Result;
use crate::error::Status;
use crate::root::Root;

const MOUNT: &str = "/sys/kernel/config";
const FOLDER: &str = "/sys/kernel/config/snd-aloop";

/// A card as configfs has it.
pub struct Entry {
    pub attributes: Attributes,
    pub live: bool,
    /// The card's number, while it is live.
    pub card: Option<u32>,
}

/// The folder of the cards, which is there.
pub struct Configfs<'a> {
    root: &'a Root,
}

/// Returns the folder of the cards, or an error that says what is missing.
pub fn open(root: &Root) -> Result<Configfs<'_>> {
    if root.is_folder(FOLDER) {
        return Ok(Configfs { root });
    }
    let unavailable = |what: &str| Error::new(Status::Unavailable, what);
    if !root.is_folder("/sys/module/snd_aloop_rs") {
        return Err(unavailable("the module snd-aloop-rs isn't loaded")
            .advise("type 'modprobe snd-aloop-rs', or with enable=0 for no card but your own"));
    }
    let version = root.text_if_any("/sys/module/snd_aloop_rs/version");
    let version = version.unwrap_or_default();
    let has_none = || {
        let what = format!(
            "the module that is loaded ({}) has no configfs",
            version.trim()
        );
        unavailable(&what).advise(
            "the kernel may be without it (CONFIG_CONFIGFS_FS), or the module an old one. Cards \
             can be made by parameters: modprobe snd-aloop-rs enable=1,1 id=A,B",
        )
    };
    // A module that has it, has brought it.
    let known = root.text_if_any("/proc/filesystems").unwrap_or_default();
    let mut known = known.lines().map(|line| line.split_whitespace().last());
    if !known.any(|it| it == Some("configfs")) {
        return Err(has_none());
    }
    let mounts = root.text_if_any("/proc/mounts").unwrap_or_default();
    let mut mounted = mounts.lines().map(|line| line.split(' ').nth(1));
    if mounted.any(|folder| folder == Some(MOUNT)) {
        return Err(has_none());
    }
    Err(unavailable("configfs isn't mounted")
        .advise(format!("as root: mount -t configfs none {MOUNT}")))
}

impl Configfs<'_> {
    /// Returns the names of the cards, live or not.
    pub fn names(&self) -> Vec<String> {
        self.root.names(FOLDER)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.root.is_folder(&path(name))
    }

    /// Fails if there is no card of that name.
    pub fn require(&self, name: &str) -> Result {
        if self.contains(name) {
            return Ok(());
        }
        let names = self.names();
        let advice = match names.is_empty() {
            true => "there is none yet; 'aloopctl add NAME' makes one".to_string(),
            false => format!("there are: {}", names.join(", ")),
        };
        let what = format!("{FOLDER} has no card '{name}'");
        Err(Error::new(Status::Missing, what).advise(advice))
    }

    /// Returns the name of the live card with this number.
    pub fn name_of(&self, card: u32) -> Option<String> {
        // The attributes are root's. Whose the device is, everybody can see.
        let has_device = |name: &String| {
            ['.', ':'].iter().any(|separator| {
                let device = format!("/sys/devices/platform/snd_aloop{separator}{name}");
                self.root.is_folder(&format!("{device}/sound/card{card}"))
            })
        };
        let is_it = |name: &String| {
            has_device(name) || self.read(name).is_ok_and(|it| it.card == Some(card))
        };
        self.names().into_iter().find(is_it)
    }

    /// Returns a card as it is; an attribute that the driver hasn't is none.
    ///
    /// # Errors
    ///
    /// An attribute can't be read: they are root's.
    pub fn read(&self, name: &str) -> Result<Entry> {
        let failure = RefCell::new(None);
        let read = |file: &str| match self.root.value(&format!("{}/{file}", path(name))) {
            Ok(value) => Some(value),
            Err(error) if error.status == Status::Missing => None,
            Err(error) => {
                failure.borrow_mut().get_or_insert(error);
                None
            }
        };
        let entry = Entry {
            attributes: Attributes::from_files(read),
            live: read("live").as_deref() == Some("1"),
            card: read("card").and_then(|it| it.parse().ok()),
        };
        match failure.into_inner() {
            None => Ok(entry),
            Some(error) => Err(error),
        }
    }

    /// Makes a card, and returns its number. If that fails, nothing is left of it.
    pub fn make(&self, name: &str, attributes: &Attributes) -> Result<Option<u32>> {
        if attributes.id.is_none() && !is_identifier(name) {
            let what = format!("the card '{name}' has no identifier, and its name can be none");
            return Err(Error::new(Status::Usage, what)
                .advise("give it one, by which programs find it: --id ID"));
        }
        let folder = path(name);
        self.root.make_folder(&folder).map_err(|e| {
            let error = Error::file(&folder, &e);
            match error.status {
                Status::Busy => error.advise(format!(
                    "there is such a card already: 'aloopctl remove {name}' takes it away, \
                     'aloopctl set {name}' changes it"
                )),
                _ => error,
            }
        })?;
        let result = self
            .write(name, attributes)
            .and_then(|()| self.set_live(name, true));
        match result {
            Ok(()) => Ok(self.read(name)?.card),
            Err(error) => {
                // That it could not be made is the error to tell.
                let _ = self.root.remove_folder(&folder);
                Err(error)
            }
        }
    }

    /// Writes attributes of a card that isn't live.
    pub fn write(&self, name: &str, attributes: &Attributes) -> Result {
        for (file, value) in attributes.files() {
            self.write_file(name, file, &value)?;
        }
        Ok(())
    }

    pub fn set_live(&self, name: &str, live: bool) -> Result {
        self.write_file(name, "live", if live { "1" } else { "0" })
    }

    fn write_file(&self, name: &str, file: &str, value: &str) -> Result {
        let path = format!("{}/{file}", path(name));
        let mut log = Log::open(self.root);
        let Err(error) = self.root.write(&path, &format!("{value}\n")) else {
            return Ok(());
        };
        if matches!(status_of(&error), Status::Denied) {
            return Err(Error::file(&path, &error));
        }
        let mut what = format!("{path}: '{value}' was refused: {}", reason(&error));
        if let Some(line) = log.as_mut().and_then(|it| it.first_about(name)) {
            what.push_str(&format!(" ({line})"));
        }
        let error = Error::new(status_of(&error), what);
        Err(match error.status {
            Status::Busy if file == "live" => {
                error.advise("another card has its number or its identifier")
            }
            Status::Busy => error.advise("the card is live: see --restart"),
            _ => error,
        })
    }

    /// Takes a card away.
    pub fn remove(&self, name: &str) -> Result {
        self.require(name)?;
        let folder = path(name);
        self.root
            .remove_folder(&folder)
            .map_err(|e| Error::file(&folder, &e))
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// What the kernel logs from now on.
struct Log(File);

impl Log {
    /// Not everybody may read it.
    fn open(root: &Root) -> Option<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let mut file = options.open(root.path("/dev/kmsg")).ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self(file))
    }

    /// Returns the first line of the driver's about a card: those that follow say less.
    fn first_about(&mut self, name: &str) -> Option<String> {
        let mut record = [0; 8192];
        loop {
            let length = match self.0.read(&mut record) {
                Ok(0) => break,
                Ok(length) => length,
                // Some have been lost.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => continue,
                Err(_) => break,
            };
            let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
            let line = text.lines().next().unwrap_or_default();
            let line = line.split_once(';').map_or(line, |(_, line)| line);
            if line.contains("aloop") && line.contains(name) {
                return Some(line.to_string());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn whose_a_card_is() {
        let fake = Fake::new(&[
            ("/sys/kernel/config/snd-aloop/studio/live", b"1\n"),
            (
                "/sys/devices/platform/snd_aloop.studio/sound/card3/id",
                b"S\n",
            ),
            ("/sys/kernel/config/snd-aloop/7/live", b"1\n"),
            ("/sys/devices/platform/snd_aloop:7/sound/card4/id", b"T\n"),
            ("/sys/kernel/config/snd-aloop/old/card", b"5\n"),
            // One of the parameters, in a slot.
            ("/sys/devices/platform/snd_aloop.0/sound/card6/id", b"L\n"),
        ]);
        let configfs = open(&fake.root).expect("a folder");
        let names = [3, 4, 5, 6].map(|card| configfs.name_of(card));
        assert_eq!(
            names,
            [Some("studio"), Some("7"), Some("old"), None].map(|it| it.map(String::from))
        );
    }
}
