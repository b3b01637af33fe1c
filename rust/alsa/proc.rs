// SPDX-License-Identifier: GPL-2.0

//! Text files in a card's folder `/proc/asound/cardN/`.
//!
//! C header: [`include/sound/info.h`](srctree/include/sound/info.h)

use crate::bindings;
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    types::ForeignOwnable, //
};

/// A file that is text when it is read. The callback may sleep, and may be called by several threads
/// at once.
pub trait Text: Send + Sync + 'static {
    /// Writes the text, with `seq_print!`.
    fn show(&self, file: &SeqFile);
}

/// Adds a text file to a card.
///
/// # Safety
///
/// `card` must be a valid card that is not registered.
pub(crate) unsafe fn add<T: Text>(card: *mut bindings::snd_card, name: &CStr, text: T) -> Result {
    // SAFETY: `card` is valid and the name is copied.
    let entry = unsafe {
        bindings::snd_info_create_card_entry(card, name.as_char_ptr(), core::ptr::null_mut())
    };
    if entry.is_null() {
        return Err(ENOMEM);
    }
    let text = match KBox::new(text, GFP_KERNEL) {
        Ok(text) => text.into_foreign(),
        Err(err) => {
            // SAFETY: The entry is new and nobody uses it.
            unsafe { bindings::snd_info_free_entry(entry) };
            return Err(err.into());
        }
    };
    // SAFETY: The entry is new, nobody uses it. Its content is text: `c.text` is the member in use.
    // It is freed with the card, with its `private_free`.
    unsafe {
        (*entry).private_data = text;
        (*entry).private_free = Some(private_free::<T>);
        (*entry).c.text.read = Some(read::<T>);
    }
    Ok(())
}

/// # Safety
///
/// Called only by the core, with an entry that [`add`] has made for `T`, and a buffer that is a
/// `seq_file` which only this thread uses.
unsafe extern "C" fn read<T: Text>(
    entry: *mut bindings::snd_info_entry,
    buffer: *mut bindings::snd_info_buffer,
) {
    // SAFETY: `add` stored the pointer of a box, which `private_free` takes back.
    let text = unsafe { <KBox<T> as ForeignOwnable>::borrow((*entry).private_data) };
    // SAFETY: See `snd_iprintf()`: for a text file the buffer's pointer is a `seq_file`.
    let file = unsafe { SeqFile::from_raw((*buffer).buffer.cast()) };
    text.show(file);
}

/// # Safety
///
/// Called only by the core, as the last thing done to an entry that [`add`] has made for `T`.
unsafe extern "C" fn private_free<T: Text>(entry: *mut bindings::snd_info_entry) {
    // SAFETY: `add` stored the pointer, and nobody borrows it any more.
    drop(unsafe { <KBox<T> as ForeignOwnable>::from_foreign((*entry).private_data) });
}
