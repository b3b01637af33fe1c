// SPDX-License-Identifier: GPL-2.0

//! Text files in a card's directory `/proc/asound/cardN/`.
//!
//! C header: [`include/sound/info.h`](srctree/include/sound/info.h)

use crate::{
    bindings,
    card::UnregisteredCard, //
};
use core::ptr::NonNull;
use kernel::{
    error::{
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    prelude::*,
    seq_file::SeqFile,
    types::ForeignOwnable, //
};

/// A file that is text when it is read. The callbacks may sleep, and may be called by several
/// threads at once.
///
/// # Examples
///
/// ```
/// use alsa::{
///     card::UnregisteredCard,
///     proc::Text, //
/// };
/// use kernel::{
///     new_mutex,
///     seq_file::{
///         seq_print,
///         SeqFile, //
///     },
///     sync::{
///         Arc,
///         Mutex, //
///     },
/// };
///
/// /// A number that root can set.
/// struct Level(Arc<Mutex<u8>>);
///
/// #[vtable]
/// impl Text for Level {
///     fn show(&self, file: &SeqFile) {
///         seq_print!(file, "{}\n", *self.0.lock());
///     }
///
///     fn store(&self, line: &[u8]) {
///         if let [digit @ b'0'..=b'9'] = line {
///             *self.0.lock() = digit - b'0';
///         }
///     }
/// }
///
/// fn add(card: &mut UnregisteredCard) -> Result {
///     let level = Arc::pin_init(new_mutex!(5), GFP_KERNEL)?;
///     card.add_proc(c"level", Level(level))
/// }
/// ```
#[vtable]
pub trait Text: Send + Sync + 'static {
    /// Prints the text to `file`, with `seq_print!`.
    fn show(&self, file: &SeqFile);

    /// Takes what has been written to the file: its first line, without the line's end.
    ///
    /// No more than [`LINE_MAX`] bytes of it are kept. It is called when the file is closed. A file
    /// without this cannot be written; with it, its owner can.
    fn store(&self, line: &[u8]) {
        let _ = line;
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The length of the longest line that [`Text::store`] gets.
pub const LINE_MAX: usize = 63;

impl UnregisteredCard {
    /// Adds a text file to the card's directory in `/proc/asound`.
    ///
    /// May sleep.
    ///
    /// The file is the card's, as a device of its own: the card frees its devices, and so what
    /// `text` holds, when the last reader has gone.
    ///
    /// C: `snd_card_rw_proc_new()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn add_proc<T: Text>(&mut self, name: &CStr, text: T) -> Result {
        let card = self.as_raw();
        // SAFETY: `card` is valid and the name is copied.
        let entry = unsafe {
            bindings::snd_info_create_card_entry(card, name.as_char_ptr(), core::ptr::null_mut())
        };
        // INVARIANT: The entry is new, and known to nobody else until the card is registered.
        let entry = Entry(NonNull::new(entry).ok_or(ENOMEM)?);
        let raw = entry.0.as_ptr();
        let file = KBox::new(File { entry, text }, GFP_KERNEL)?.into_foreign();
        // SAFETY: `card` is valid, and the callback frees what `file` is.
        let added = to_result(unsafe {
            bindings::snd_device_new(
                card,
                bindings::snd_device_type_SNDRV_DEV_LOWLEVEL,
                file,
                File::<T>::ops(),
            )
        });
        if let Err(err) = added {
            // SAFETY: The core has not kept the pointer.
            drop(unsafe { <KBox<File<T>> as ForeignOwnable>::from_foreign(file) });
            return Err(err);
        }
        // SAFETY: The entry is new, nobody uses it. Its content is text: `c.text` is the member in
        // use.
        unsafe {
            (*raw).private_data = file;
            (*raw).c.text.read = Some(read::<T>);
            (*raw).mode |= if T::HAS_STORE { 0o200 } else { 0 };
            (*raw).c.text.write = const {
                if T::HAS_STORE {
                    Some(write::<T>)
                } else {
                    None
                }
            };
        }
        Ok(())
    }
}

/// An entry of a card's directory. Dropped, it is freed.
///
/// # Invariants
///
/// The pointer is a valid entry that nobody else frees: whoever would, finds it in its parent's
/// list, from which the drop takes it.
struct Entry(NonNull<bindings::snd_info_entry>);

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. Its parent is valid: the card's directory, which is freed
        // after the card's devices.
        unsafe { bindings::snd_info_free_entry(self.0.as_ptr()) };
    }
}

/// What a card owns of a file.
struct File<T> {
    // Declared first, as it is dropped first: it refers to the text.
    #[expect(dead_code, reason = "kept for its drop")]
    entry: Entry,
    text: T,
}

impl<T: Text> File<T> {
    const OPS: bindings::snd_device_ops = bindings::snd_device_ops {
        dev_free: Some(Self::free),
        ..pin_init::zeroed()
    };

    const fn ops() -> &'static bindings::snd_device_ops {
        &Self::OPS
    }

    /// # Safety
    ///
    /// Called only by the core, once, with a device that `add_proc` has made for `T`, when the file
    /// has been removed and its readers have gone.
    unsafe extern "C" fn free(device: *mut bindings::snd_device) -> c_int {
        // SAFETY: `add_proc` stored the pointer, and nobody borrows it any more.
        drop(unsafe { <KBox<Self> as ForeignOwnable>::from_foreign((*device).device_data) });
        0
    }
}

/// # Safety
///
/// Called only by the core, with an entry that `add_proc` has made for `T`, and a buffer that is a
/// `seq_file` which only this thread uses.
unsafe extern "C" fn read<T: Text>(
    entry: *mut bindings::snd_info_entry,
    buffer: *mut bindings::snd_info_buffer,
) {
    // SAFETY: `add_proc` stored the pointer of a box. The card, which owns it, removes the file and
    // waits for its readers before it frees the box.
    let file = unsafe { <KBox<File<T>> as ForeignOwnable>::borrow((*entry).private_data) };
    // SAFETY: See `snd_iprintf()`: for a text file the buffer's pointer is a `seq_file`.
    let seq_file = unsafe { SeqFile::from_raw((*buffer).buffer.cast()) };
    file.text.show(seq_file);
}

/// # Safety
///
/// Called only by the core, with an entry that `add_proc` has made for `T`, and a buffer with what
/// has been written, which only this thread uses.
unsafe extern "C" fn write<T: Text>(
    entry: *mut bindings::snd_info_entry,
    buffer: *mut bindings::snd_info_buffer,
) {
    // SAFETY: As in `read`: the file is closed before it has been removed.
    let file = unsafe { <KBox<File<T>> as ForeignOwnable>::borrow((*entry).private_data) };
    let mut line = [0u8; LINE_MAX + 1];
    // SAFETY: The buffer is valid, and `line` has as much room as said. It ends with a zero after.
    let end = unsafe {
        bindings::snd_info_get_line(buffer, line.as_mut_ptr().cast(), line.len() as c_int)
    };
    // Nothing was written, or there was no memory for it.
    if end != 0 {
        return;
    }
    file.text
        .store(line.split(|&byte| byte == 0).next().unwrap_or(&[]));
}
