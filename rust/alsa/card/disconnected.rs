// SPDX-License-Identifier: GPL-2.0

//! Cards that are gone for applications, but that some still have open.
//!
//! # Who waits for whom
//!
//! Who has opened one of a card's files keeps the card, and the module that made it, in memory
//! until it closes the file. But the core gives back the module first and the card then
//! (`snd_pcm_release()`, `snd_ctl_release()`): with the last close, there is a moment at which
//! nothing keeps the module any more, and what the card owns (PCM devices, elements, texts) is
//! still to be dropped, by the module's code. Who has found the card by its number
//! ([`Card::by_number`](super::Card::by_number)) keeps the card without the module anyway.
//!
//! [`Registration`](super::Registration) waits in its drop until all of that is over.
//! [`Disconnected`] stands for the same wait, put off: the module drops it before it goes, and that
//! drop returns when the core has freed the card. The core says so
//! (`snd_card::release_completion`) after it has called the last function of the module, and by
//! code of its own: when the wait is over, no processor is in that function any more.
//!
//! An unload is refused as long as there are files that are open. So what it then may have to wait
//! for are the last steps of such a close.

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// What the core completes when it has freed a card.
///
/// C: `struct completion`.
///
/// # Invariants
///
/// The completion has been initialised.
#[pin_data]
pub(super) struct Freed {
    #[pin]
    completion: Opaque<bindings::completion>,
}

// SAFETY: A completion may be waited for, and freed, by any thread.
unsafe impl Send for Freed {}
// SAFETY: A completion is there for several threads.
unsafe impl Sync for Freed {}

impl Freed {
    pub(super) fn new() -> impl PinInit<Self> {
        // INVARIANT: The closure initialises it.
        pin_init!(Self {
            completion <- Opaque::ffi_init(|completion| {
                // SAFETY: The pointer is valid, and the memory pinned.
                unsafe { bindings::init_completion(completion) }
            }),
        })
    }

    pub(super) fn as_raw(&self) -> *mut bindings::completion {
        self.completion.get()
    }
}

/// A card that has been disconnected: see
/// [`Registration::disconnect`](super::Registration::disconnect).
///
/// Dropped, it waits until the card has been freed, for which the last of those who have it open
/// must have closed it. The module has to drop it before it goes: who forgets it, or leaves it in a
/// `static`, leaves a card behind whose callbacks go with the module.
///
/// # Examples
///
/// ```
/// use alsa::card::Disconnected;
///
/// /// Forgets the cards that nobody has open any more: their drop does not wait.
/// fn tidy(cards: &mut KVec<Disconnected>) {
///     cards.retain(|card| !card.is_freed());
/// }
/// ```
///
/// # Invariants
///
/// The core completes it when it has freed the card, or has done so.
pub struct Disconnected(pub(super) Pin<KBox<Freed>>);

impl Disconnected {
    /// Returns whether the card has been freed.
    ///
    /// It stays so.
    ///
    /// C: `completion_done()`.
    pub fn is_freed(&self) -> bool {
        // If it is, this waits for the core to let go of the completion, which then can be dropped.
        // SAFETY: The completion is initialised, by its type's invariant.
        unsafe { bindings::completion_done(self.0.as_raw()) }
    }
}

impl Drop for Disconnected {
    fn drop(&mut self) {
        // By the type invariant this comes to an end. Afterwards the core does not use the
        // completion any more.
        // SAFETY: The completion is initialised, by its type's invariant.
        unsafe { bindings::wait_for_completion(self.0.as_raw()) };
    }
}

#[kunit_tests(alsa_disconnected)]
mod tests {
    use crate::{
        bindings,
        card::{
            Card,
            Index,
            Registration,
            UnregisteredCard, //
        },
        kext::compat,
    };
    use kernel::{
        faux,
        prelude::*, //
    };

    fn card(parent: &faux::Registration) -> Result<Registration> {
        let module = (&raw const bindings::__this_module).cast_mut();
        // SAFETY: It is the module that the tests are a part of.
        let module = unsafe { ThisModule::from_ptr(module) };
        let parent = compat::faux_device(parent);
        UnregisteredCard::new(parent, Index::Any, Some(c"Gone"), &module)?.register()
    }

    /// A card that nobody has open is freed at once.
    #[test]
    fn freed_at_once() -> Result {
        let parent = faux::Registration::new(c"alsa_disconnected", None)?;
        let gone = card(&parent)?.disconnect();
        assert!(gone.is_freed());
        Ok(())
    }

    /// One that somebody holds is gone at once, and freed with the last reference, be its parent
    /// there or not.
    #[test]
    fn freed_with_the_last_reference() -> Result {
        let parent = faux::Registration::new(c"alsa_disconnected", None)?;
        let card = card(&parent)?;
        let held = Card::by_number(card.number()).ok_or(ENODEV)?;
        assert!(held.has_id(b"Gone"));
        let gone = card.disconnect();
        drop(parent);
        assert!(Card::by_id(b"Gone").is_none());
        assert!(!gone.is_freed());
        drop(held);
        assert!(gone.is_freed());
        Ok(())
    }
}
