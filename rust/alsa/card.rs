// SPDX-License-Identifier: GPL-2.0

//! Sound cards.
//!
//! [`Card`] is a card, whoever has made it. A driver makes one in steps: it is made, furnished with
//! PCM devices, controls and text files, and then registered, from which moment on applications see
//! it. The types follow that: what can be added is a method of [`UnregisteredCard`], which stands
//! in the file of what is added, and [`UnregisteredCard::register`] turns it into a
//! [`Registration`], which can only be dropped, or disconnected.
//!
//! C header: [`include/sound/core.h`](srctree/include/sound/core.h)

mod disconnected;

pub use self::disconnected::Disconnected;

use self::disconnected::Freed;
use crate::bindings;
use core::{
    fmt::Write,
    mem::ManuallyDrop,
    ops::{
        Deref,
        Range, //
    },
    ptr::NonNull, //
};
use kernel::{
    device,
    error::to_result,
    fmt,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    task::might_sleep,
    types::Opaque, //
};

/// A sound card.
///
/// What is made by a driver, and found by its number or identifier. A reference ([`ARef`]) keeps
/// the C struct; whether there still is a card behind it is another matter.
///
/// Who drops the [`Registration`] of a card waits for all of its references: don't keep one for
/// long, and never in what the card itself owns (the data of a PCM device, an element, a text), for
/// which that drop would wait for ever. A reference to the card's device (`ARef<Device>`) counts
/// too. A reference is given back in process context: with the last of them the card is freed, and
/// what it owns is dropped.
///
/// C: `struct snd_card`.
///
/// # Examples
///
/// ```
/// use alsa::card::Card;
///
/// if let Some(card) = Card::by_id(b"Loopback") {
///     dev_info!(card, "the loopback is card {}\n", card.number());
/// }
/// ```
///
/// # Invariants
///
/// The card is valid, and has been initialised by `snd_card_new()`.
#[repr(transparent)]
pub struct Card(Opaque<bindings::snd_card>);

/// The numbers that a card can have.
const NUMBERS: Range<i32> = 0..bindings::SNDRV_CARDS as i32;

// SAFETY: References to a card may be taken and given back by any thread. The one that gives back
// the last also drops what the card owns: all that can be added to a card may be dropped by any
// thread.
unsafe impl Send for Card {}
// SAFETY: What a shared reference allows may be done by several threads at once.
unsafe impl Sync for Card {}

// SAFETY: These are the functions by which C counts references. Since `Card` is transparent over
// the C struct, that is not freed as long as there is one.
unsafe impl AlwaysRefCounted for Card {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: The card is valid, so that its count is not zero.
        unsafe { bindings::get_device(&raw mut (*self.as_raw()).card_dev) };
    }

    #[inline]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // The last one frees the card.
        might_sleep();
        // As `snd_card_unref()`.
        // SAFETY: By the caller's promise there is a reference to give back.
        unsafe {
            bindings::put_device(&raw mut (*obj.cast::<bindings::snd_card>().as_ptr()).card_dev)
        };
    }
}

impl Card {
    /// Makes a reference from what the core has.
    ///
    /// # Safety
    ///
    /// `ptr` must be a card that is valid for `'a`.
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::snd_card) -> &'a Self {
        // CAST: `Self` is transparent over the C struct.
        // INVARIANT: By the caller's promise.
        // SAFETY: `ptr` is valid for `'a`, as the caller promises.
        unsafe { &*ptr.cast() }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::snd_card {
        self.0.get()
    }

    /// Returns the card of that number, if there is one.
    ///
    /// May sleep.
    ///
    /// C: `snd_card_ref()`.
    pub fn by_number(number: i32) -> Option<ARef<Self>> {
        // The core looks into its array without a bound.
        if !NUMBERS.contains(&number) {
            return None;
        }
        // SAFETY: It is a number that a card can have.
        let card = NonNull::new(unsafe { bindings::snd_card_ref(number) })?;
        // CAST: `Self` is transparent over the C struct.
        // SAFETY: The function has taken a reference.
        Some(unsafe { ARef::from_raw(card.cast()) })
    }

    /// Returns the card of that identifier, if there is one.
    ///
    /// May sleep.
    pub fn by_id(id: &[u8]) -> Option<ARef<Self>> {
        NUMBERS
            .filter_map(Self::by_number)
            .find(|card| card.has_id(id))
    }

    /// Returns the number of the card.
    pub fn number(&self) -> i32 {
        // SAFETY: The card is valid, by the type invariant; the field never changes.
        unsafe { (*self.as_raw()).number }
    }

    /// Returns whether that is the card's identifier, which may change at any time.
    pub fn has_id(&self, id: &[u8]) -> bool {
        // SAFETY: The card is valid, by the type invariant. What is compared is a copy, for which
        // any mixture of an old and a new identifier will do.
        let name = unsafe { (&raw const (*self.as_raw()).id).read_volatile() };
        name.split(|&byte| byte == 0).next() == Some(id)
    }
}

/// The device of the card, which `dev_info!()` and the like name.
impl AsRef<device::Device> for Card {
    fn as_ref(&self) -> &device::Device {
        // SAFETY: The device is a part of the card, and so is its count of references, of which
        // there is one at least for as long as `self` is borrowed.
        unsafe { device::Device::from_raw(&raw mut (*self.as_raw()).card_dev) }
    }
}

/// The number that a card gets.
///
/// C: the parameter `index` of drivers, and of `snd_card_new()`.
///
/// # Examples
///
/// ```
/// use alsa::card::Index;
///
/// // What users give as a parameter.
/// assert_eq!(Index::from(-1), Index::Any);
/// assert_eq!(Index::from(2), Index::Number(2));
/// assert_eq!(Index::from(-8), Index::OneOf(0xffff_fff8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// The least number that is free.
    Any,
    /// This number.
    Number(u32),
    /// The least number that is free, of those whose bits are set.
    ///
    /// The number 31 is always one of them: the core knows a set of numbers by this bit.
    OneOf(u32),
}

impl From<i32> for Index {
    /// Reads a number as C's drivers take it: a negative one is the bits of those that are allowed.
    fn from(index: i32) -> Self {
        match index {
            -1 => Self::Any,
            0.. => Self::Number(index.unsigned_abs()),
            // CAST: The bits stay.
            _ => Self::OneOf(index as u32),
        }
    }
}

impl Index {
    /// Returns what the core takes.
    fn to_raw(self) -> c_int {
        match self {
            Self::Any => -1,
            // There is no card of a greater number, and so none of this.
            Self::Number(number) => c_int::try_from(number).unwrap_or(c_int::MAX),
            // CAST: As above.
            Self::OneOf(numbers) => (numbers | 1 << 31) as c_int,
        }
    }
}

/// The names of a card, each of which is cut to the room that it has.
///
/// # Examples
///
/// ```
/// use alsa::card::{
///     Names,
///     UnregisteredCard, //
/// };
///
/// fn set_names(card: &mut UnregisteredCard, room: u32) {
///     card.set_names(&Names {
///         driver: c"Mine",
///         short: c"Mine",
///         long: fmt!("My sound card in room {room}"),
///         mixer: c"Mine",
///     });
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// The driver's name, by which alsa-lib finds the card's configuration: 15 bytes.
    pub driver: &'a CStr,
    /// The short name: 31 bytes.
    pub short: &'a CStr,
    /// The long name: 79 bytes.
    pub long: fmt::Arguments<'a>,
    /// The name of the mixer: 79 bytes.
    pub mixer: &'a CStr,
}

/// A card that applications don't see yet. Dropped, it is freed with all that was added to it.
///
/// # Examples
///
/// ```
/// use alsa::card::{
///     Index,
///     Names,
///     Registration,
///     UnregisteredCard, //
/// };
/// use kernel::device;
///
/// fn probe(parent: &device::Device<device::Bound>, module: &ThisModule) -> Result<Registration> {
///     let mut card = UnregisteredCard::new(parent, Index::Any, Some(c"Mine"), module)?;
///     card.set_names(&Names {
///         driver: c"Mine",
///         short: c"Mine",
///         long: fmt!("My sound card"),
///         mixer: c"Mine",
///     });
///     // Here it gets its devices and controls.
///     card.register()
/// }
/// ```
///
/// # Invariants
///
/// The pointer is a valid card that is not registered. Others use no more of it than a [`Card`]
/// offers.
pub struct UnregisteredCard(NonNull<Card>);

impl UnregisteredCard {
    /// Makes a card.
    ///
    /// May sleep.
    ///
    /// `index` is the card's number. `id` is its identifier; without one the core makes it from the
    /// names. The card's files keep `module` in memory while they are open.
    ///
    /// The card keeps `parent`, but not its driver: the driver drops the card, or its registration,
    /// when it is unbound.
    ///
    /// C: `snd_card_new()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the number is taken, `ENODEV` if there is no such number, `ENOMEM`.
    pub fn new(
        parent: &device::Device<device::Bound>,
        index: Index,
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
                index.to_raw(),
                id.map_or(core::ptr::null(), |id| id.as_char_ptr()),
                module.as_ptr(),
                0,
                &mut card,
            )
        })?;
        // CAST: `Card` is transparent over the C struct.
        // INVARIANT: The card is new.
        let card = Self(NonNull::new(card.cast()).ok_or(ENOMEM)?);
        // SAFETY: The card is valid and new: nobody else uses its private data.
        unsafe { bindings::alsa_card_keep_root(card.as_raw()) };
        Ok(card)
    }

    /// Sets the names of the card.
    pub fn set_names(&mut self, names: &Names<'_>) {
        let card = self.as_raw();
        // SAFETY: The card is valid, and by the type invariant nobody else uses its names.
        let (to_driver, to_short, to_long, to_mixer) = unsafe {
            (
                &mut (*card).driver,
                &mut (*card).shortname,
                &mut (*card).longname,
                &mut (*card).mixername,
            )
        };
        copy_name(to_driver, names.driver);
        copy_name(to_short, names.short);
        write_name(to_long, names.long);
        copy_name(to_mixer, names.mixer);
    }

    /// Registers the card: from now on applications see it.
    ///
    /// May sleep.
    ///
    /// C: `snd_card_register()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what the core returns if a device of the card can't be registered, as `EBUSY` for
    /// a name that is taken; the card has been freed then.
    pub fn register(self) -> Result<Registration> {
        // Here, so that a disconnect needs no memory.
        let freed = KBox::pin_init(Freed::new(), GFP_KERNEL)?;
        // SAFETY: The card is valid.
        let registered = to_result(unsafe { bindings::snd_card_register(self.as_raw()) });
        if registered.is_err() {
            // SAFETY: The card is valid, and about to be freed.
            unsafe { bindings::alsa_card_unregister_halves(self.as_raw()) };
        }
        registered?;
        // INVARIANT: The card is registered. `self` is not dropped, so that it is not freed.
        let registration = Registration(self.0, freed);
        core::mem::forget(self);
        Ok(registration)
    }
}

/// The registration of a card that applications see.
///
/// Dropped, the card disappears at once for those that have it open (their calls return `ENODEV`),
/// and is freed when the last of them has closed it; the drop waits for that, and so may sleep for
/// long. [`Registration::disconnect`] doesn't.
///
/// As with the registrations of the `kernel` crate, the module that made it has to drop it: who
/// forgets it (`core::mem::forget()`), or leaves it in a `static`, leaves a card behind whose
/// callbacks go with the module.
///
/// C: `snd_card_free()`.
///
/// # Examples
///
/// ```
/// use alsa::{
///     card::{
///         Index,
///         Registration,
///         UnregisteredCard, //
///     },
///     kext::compat, //
/// };
/// use kernel::faux;
///
/// /// The loaded module. Its card is dropped first.
/// struct Mine {
///     card: Registration,
///     parent: faux::Registration,
/// }
///
/// impl Mine {
///     fn new(module: &ThisModule) -> Result<Self> {
///         let parent = faux::Registration::new(c"mine", None)?;
///         let device = compat::faux_device(&parent);
///         let card = UnregisteredCard::new(device, Index::Any, Some(c"Mine"), module)?;
///         Ok(Self {
///             card: card.register()?,
///             parent,
///         })
///     }
/// }
/// ```
///
/// # Invariants
///
/// The pointer is a valid, registered card.
pub struct Registration(NonNull<Card>, Pin<KBox<Freed>>);

// SAFETY: A card may be freed by any thread.
unsafe impl Send for Registration {}
// SAFETY: A shared reference gives no more than one to the card, which is `Sync`.
unsafe impl Sync for Registration {}

impl Registration {
    /// Takes the card away, and doesn't wait for those who have it open.
    ///
    /// May sleep, but not for long.
    ///
    /// Their calls return `ENODEV`; the card's number and identifier are free for another. The card
    /// is freed, and what it owns is dropped, when the last of them has closed it. What is returned
    /// tells whether that has happened; the module has to drop it before it goes.
    ///
    /// C: `snd_card_free_when_closed()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use alsa::card::{
    ///     Disconnected,
    ///     Registration, //
    /// };
    ///
    /// /// Takes a card away whose users may take their time, and keeps what is left of it.
    /// fn put_away(card: Registration, gone: &mut KVec<Disconnected>) -> Result {
    ///     gone.reserve(1, GFP_KERNEL)?;
    ///     gone.push(card.disconnect(), GFP_KERNEL)?;
    ///     Ok(())
    /// }
    /// ```
    pub fn disconnect(self) -> Disconnected {
        let this = ManuallyDrop::new(self);
        let card = this.as_raw();
        // SAFETY: `this` is not dropped, and not used any more but for the pointer.
        let freed = unsafe { core::ptr::read(&this.1) };
        // SAFETY: The card is valid. Others who set the field are those who free the card, of whom
        // there is one: the owner of the registration. The completion is pinned, and dropped only
        // after the core has completed it.
        unsafe { (*card).release_completion = freed.as_raw() };
        // SAFETY: By the type invariant the card is valid, and it is not used any more. (The core
        // looks at the field when the last reference has gone, one of which is given back here.)
        unsafe { bindings::snd_card_free_when_closed(card) };
        // INVARIANT: The core completes it when it frees the card, of which the registration's
        // reference is gone.
        Disconnected(freed)
    }
}

macro_rules! owns_card {
    ($($owner:ident),*) => {
        $(
            impl Deref for $owner {
                type Target = Card;

                fn deref(&self) -> &Card {
                    // SAFETY: By the type invariant the card is valid, until `self` is dropped.
                    unsafe { self.0.as_ref() }
                }
            }

            impl Drop for $owner {
                fn drop(&mut self) {
                    // SAFETY: By the type invariant the card is valid, and it is not used any more.
                    unsafe { bindings::snd_card_free(self.as_raw()) };
                }
            }
        )*
    };
}

owns_card!(UnregisteredCard, Registration);

/// Copies a name into an array of the C struct, cut to its length, with a zero at the end.
///
/// (What is printed of a [`CStr`] is something else if there is more than ASCII in it.)
pub(crate) fn copy_name(to: &mut [c_char], name: &CStr) {
    let room = to.len().saturating_sub(1);
    to.fill(0);
    for (to, from) in to.iter_mut().take(room).zip(name.to_bytes()) {
        *to = *from as c_char;
    }
}

/// Writes a name into an array of the C struct, cut to its length, with zeros at the end.
///
/// A character is not cut in two. (`NullTerminatedFormatter` leaves out a whole piece that does not
/// fit.)
fn write_name(to: &mut [c_char], name: fmt::Arguments<'_>) {
    to.fill(0);
    if let Some((_, room)) = to.split_last_mut() {
        // An error is that the name was cut.
        let _ = Room(room).write_fmt(name);
    }
}

/// The room that is left for a name.
struct Room<'a>(&'a mut [c_char]);

impl fmt::Write for Room<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = core::mem::take(&mut self.0);
        // `str::floor_char_boundary()` is not stable for all compilers.
        let mut ends = (0..=piece.len().min(room.len())).rev();
        let fits = ends.find(|&end| piece.is_char_boundary(end)).unwrap_or(0);
        for (to, from) in room.iter_mut().zip(piece.bytes().take(fits)) {
            *to = from as c_char;
        }
        if fits < piece.len() {
            // Nor does what follows fit: a shorter piece is not to come in its place.
            return Err(fmt::Error);
        }
        self.0 = room.get_mut(fits..).unwrap_or_default();
        Ok(())
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
        // A piece that fits in part, and ends within a character.
        for (room, length) in [(9usize, 8usize), (10, 8), (11, 10)] {
            let mut name = [0x7f; 16];
            if let Some(name) = name.get_mut(..room) {
                write_name(name, fmt!("A at {}{}", "B\u{fc}\u{fc}hne", 1234));
            }
            assert!(name.iter().position(|&byte| byte == 0) == Some(length));
        }
    }

    /// So is one that is copied, all of whose bytes are kept.
    #[test]
    fn copied_names_are_cut() {
        for (room, length) in [(1usize, 0usize), (5, 4), (9, 8), (16, 9)] {
            let mut name = [0x7f; 16];
            if let Some(name) = name.get_mut(..room) {
                copy_name(name, c"B\u{fc}hne 12");
            }
            assert!(name.iter().position(|&byte| byte == 0) == Some(length));
            assert!(name.iter().skip(room).all(|&byte| byte == 0x7f));
            assert!(room < 3 || name[1] as u8 == 0xc3);
        }
        copy_name(&mut [], c"Loopback");
    }

    /// The core gets the number that a user has given, whatever it says.
    #[test]
    fn index_is_kept() {
        for raw in [-1, 0, 31, 32, i32::MAX, -8, i32::MIN] {
            assert_eq!(Index::from(raw).to_raw(), raw);
        }
        assert_eq!(Index::OneOf(0b110).to_raw(), i32::MIN + 6);
        assert_eq!(Index::Number(u32::MAX).to_raw(), i32::MAX);
    }

    #[test]
    fn no_such_card() {
        for id in [&b""[..], b"no such card", &[b'x'; 100]] {
            assert!(Card::by_id(id).is_none());
        }
        for number in [-1, NUMBERS.end, i32::MIN, i32::MAX] {
            assert!(Card::by_number(number).is_none());
        }
    }
}
