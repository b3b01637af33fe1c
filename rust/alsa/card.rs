// SPDX-License-Identifier: GPL-2.0

//! Sound cards.
//!
//! A card is made, furnished with PCM devices, controls and text files, and then registered, from
//! which moment on applications see it. The types follow that: what can be added is a method of
//! [`UnregisteredCard`], and [`UnregisteredCard::register`] turns it into a [`Registration`], which
//! can only be dropped.
//!
//! C header: [`include/sound/core.h`](srctree/include/sound/core.h)

use crate::{
    bindings,
    control::{
        self,
        Element,
        ElementId, //
    },
    pcm,
    proc, //
};
use core::{
    fmt::Write,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::to_result,
    fmt,
    prelude::*,
    str::NullTerminatedFormatter, //
};

/// A card that applications don't see yet. Dropped, it is freed with all that was added to it.
///
/// # Invariants
///
/// The pointer is a valid card that is not registered and that nobody else uses.
pub struct UnregisteredCard(NonNull<bindings::snd_card>);

impl UnregisteredCard {
    /// Makes a card. May sleep.
    ///
    /// `index` is the card's number, or a negative number whose bits are the numbers that it may
    /// have (-1: any). `id` is its identifier; without one the core makes it from the names. The
    /// card's files keep `module` in memory while they are open.
    ///
    /// C: `snd_card_new()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the number is taken, `ENODEV` if there is no such number, `ENOMEM`.
    pub fn new(
        parent: &device::Device,
        index: i32,
        id: Option<&CStr>,
        module: &ThisModule,
    ) -> Result<Self> {
        let mut card = core::ptr::null_mut();
        // CAST: `Device` is transparent over the C struct.
        let parent = core::ptr::from_ref(parent).cast_mut().cast();
        // SAFETY: `parent` and `module` are valid, `id` is null or a string that is copied, and
        // `card` may be written. The core takes a reference to `parent`.
        to_result(unsafe {
            bindings::snd_card_new(
                parent,
                index,
                id.map_or(core::ptr::null(), |id| id.as_char_ptr()),
                module.as_ptr(),
                0,
                &mut card,
            )
        })?;
        // INVARIANT: The card is new.
        Ok(Self(NonNull::new(card).ok_or(ENOMEM)?))
    }

    fn as_raw(&self) -> *mut bindings::snd_card {
        self.0.as_ptr()
    }

    /// Names the card, each name cut to the room that it has: the driver's name (15 bytes), which
    /// alsa-lib uses to find the card's configuration, the short name (31), the long name (79) and
    /// the name of the mixer (79).
    pub fn set_names(
        &mut self,
        driver: &CStr,
        shortname: &CStr,
        longname: fmt::Arguments<'_>,
        mixername: &CStr,
    ) {
        // SAFETY: The card is valid, and by the type invariant nobody else uses it.
        let card = unsafe { &mut *self.as_raw() };
        write_name(&mut card.driver, fmt!("{driver}"));
        write_name(&mut card.shortname, fmt!("{shortname}"));
        write_name(&mut card.longname, longname);
        write_name(&mut card.mixername, fmt!("{mixername}"));
    }

    /// Adds a PCM device, whose callbacks are those of `T`. May sleep.
    ///
    /// C: `snd_pcm_new()`, `snd_pcm_set_ops()`, `snd_pcm_set_managed_buffer_all()`.
    pub fn add_pcm<T: pcm::Ops>(&mut self, device: &pcm::Device<'_>, data: T::Data) -> Result {
        // SAFETY: By the type invariant.
        unsafe { pcm::add::<T>(self.as_raw(), device, data) }
    }

    /// Adds a control. Returns the identity by which a change of its value is announced. May sleep.
    ///
    /// C: `snd_ctl_add()`.
    pub fn add_control<T: Element>(
        &mut self,
        name: &control::Name<'_>,
        element: T,
    ) -> Result<ElementId> {
        // SAFETY: By the type invariant.
        unsafe { control::add(self.as_raw(), name, element) }
    }

    /// Adds a text file to the card's folder in `/proc/asound`. May sleep.
    ///
    /// C: `snd_card_rw_proc_new()`.
    pub fn add_proc<T: proc::Text>(&mut self, name: &CStr, text: T) -> Result {
        // SAFETY: By the type invariant.
        unsafe { proc::add(self.as_raw(), name, text) }
    }

    /// Lets applications see the card. May sleep.
    ///
    /// C: `snd_card_register()`.
    ///
    /// # Errors
    ///
    /// What the core returns; the card has been freed then.
    pub fn register(self) -> Result<Registration> {
        // SAFETY: The card is valid.
        let registered = to_result(unsafe { bindings::snd_card_register(self.as_raw()) });
        if registered.is_err() {
            // SAFETY: The card is valid, and about to be freed.
            unsafe { bindings::alsa_card_unregister_halves(self.as_raw()) };
        }
        registered?;
        // INVARIANT: The card is registered. `self` is not dropped, so that it is not freed.
        let registration = Registration(self.0);
        core::mem::forget(self);
        Ok(registration)
    }
}

impl Drop for UnregisteredCard {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the card is valid, and it is not used any more.
        unsafe { bindings::snd_card_free(self.as_raw()) };
    }
}

/// A card that applications see.
///
/// Dropped, it disappears at once for those that have it open (their calls return `ENODEV`), and is
/// freed when the last of them has closed it; the drop waits for that, and so may sleep for long.
///
/// As with the registrations of the `kernel` crate, the module that made it has to drop it: who
/// forgets it (`core::mem::forget()`) leaves a card behind whose callbacks go with the module.
///
/// C: `snd_card_free()`.
///
/// # Invariants
///
/// The pointer is a valid, registered card.
pub struct Registration(NonNull<bindings::snd_card>);

// SAFETY: A card may be freed by any thread.
unsafe impl Send for Registration {}
// SAFETY: A shared reference allows nothing.
unsafe impl Sync for Registration {}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the card is valid, and it is not used any more.
        unsafe { bindings::snd_card_free(self.0.as_ptr()) };
    }
}

/// The number of the card whose identifier is `id`; `None` if there is none. May sleep.
pub fn find(id: &[u8]) -> Option<i32> {
    // SAFETY: The variable is always there, and aligned. It is set when the module `snd` is loaded;
    // should somebody write it nevertheless, it is read once, and any value will do.
    let limit = unsafe { (&raw const bindings::snd_ecards_limit).read_volatile() };
    (0..limit).find(|&number| {
        // SAFETY: Any number may be asked for.
        let card = NonNull::new(unsafe { bindings::snd_card_ref(number) });
        card.is_some_and(|card| {
            // SAFETY: The card is valid as long as the reference is held. Its identifier may change
            // meanwhile: what is compared is copied, byte by byte, and its last byte is always
            // zero.
            let name = unsafe { (&raw const (*card.as_ptr()).id).read_volatile() };
            // SAFETY: The reference that was taken above, as snd_card_unref() gives it back.
            unsafe { bindings::put_device(&raw mut (*card.as_ptr()).card_dev) };
            name.split(|&byte| byte == 0).next() == Some(id)
        })
    })
}

/// Writes a name into an array of the C struct, cut to its length, with a zero at the end.
fn write_name(to: &mut [c_char], name: fmt::Arguments<'_>) {
    // `None` is an array with no room at all; an error is that the name was cut.
    if let Some(mut formatter) = NullTerminatedFormatter::new(to) {
        let _ = formatter.write_fmt(name);
    }
}

#[kunit_tests(alsa_card)]
mod tests {
    use super::*;

    /// A name is cut to its room, and always ends with a zero.
    #[test]
    fn names_are_cut() {
        for (room, length) in [(1usize, 0usize), (5, 4), (9, 8), (16, 8)] {
            let mut name = [0x7f; 16];
            if let Some(name) = name.get_mut(..room) {
                write_name(name, fmt!("Loop{}", 1234));
            }
            assert!(name.iter().position(|&byte| byte == 0) == Some(length));
            assert!(name.iter().skip(room).all(|&byte| byte == 0x7f));
        }
        write_name(&mut [], fmt!("Loopback"));
    }

    #[test]
    fn no_such_card() {
        for id in [&b""[..], b"no such card", &[b'x'; 100]] {
            assert!(find(id).is_none());
        }
    }
}
