// SPDX-License-Identifier: GPL-2.0

//! Controls: values of a card that applications read, write and listen to.
//!
//! A driver implements [`Element`] for what it wants to show, with the type of its value, and adds
//! it with [`UnregisteredCard::add_control`]. The core tells listeners of a value that an
//! application has written; of one that the driver changes by itself, the driver tells them
//! ([`Triggering::notify`]).
//!
//! [`UnregisteredCard::add_control`]: crate::card::UnregisteredCard::add_control
//! [`Triggering::notify`]: crate::pcm::Triggering::notify
//!
//! C header: [`include/sound/control.h`](srctree/include/sound/control.h)

use crate::{
    bindings,
    card::{
        copy_name,
        Card,
        UnregisteredCard, //
    }, //
};
use kernel::{
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    prelude::*,
    types::ForeignOwnable, //
};

/// A control with one value.
///
/// The callbacks may sleep, and may be called by several threads at once.
///
/// C: `struct snd_kcontrol_new`.
///
/// # Examples
///
/// ```
/// use alsa::control;
/// use kernel::sync::{
///     atomic::{
///         Atomic,
///         Relaxed, //
///     },
///     Arc, //
/// };
///
/// /// A switch.
/// struct Mute(Arc<Atomic<bool>>);
///
/// #[vtable]
/// impl control::Element for Mute {
///     type Value = bool;
///
///     fn range(&self) {}
///
///     fn get(&self) -> Result<bool> {
///         Ok(self.0.load(Relaxed))
///     }
///
///     fn put(&self, value: bool) -> Result<bool> {
///         Ok(self.0.xchg(value, Relaxed) != value)
///     }
/// }
/// ```
#[vtable]
pub trait Element: Send + Sync + 'static {
    /// The type of the value: `bool`, `i64` or [`Item`].
    type Value: Value;

    /// Returns the values that there are.
    fn range(&self) -> <Self::Value as Value>::Range;

    /// Returns the value.
    ///
    /// # Errors
    ///
    /// An error is returned to the application.
    fn get(&self) -> Result<Self::Value>;

    /// Sets the value, and returns whether that changed it.
    ///
    /// An element without this cannot be written. The value need not be in the range: the core
    /// checks that only if so configured.
    ///
    /// # Errors
    ///
    /// An error is returned to the application.
    fn put(&self, value: Self::Value) -> Result<bool> {
        let _ = value;
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A type that the value of a control can have.
///
/// C: `snd_ctl_elem_type_t`, and the unions in `struct snd_ctl_elem_info` and
/// `struct snd_ctl_elem_value`.
///
/// # Examples
///
/// ```
/// use alsa::control::{
///     IntegerRange,
///     Value, //
/// };
///
/// fn volume() -> <i64 as Value>::Range {
///     IntegerRange {
///         min: 0,
///         max: 100,
///         step: 1,
///     }
/// }
/// ```
pub trait Value: Sized + sealed::Sealed {
    /// How the possible values are described.
    type Range;

    #[doc(hidden)]
    fn describe(range: &Self::Range, info: &mut RawInfo<'_>);
    #[doc(hidden)]
    fn read(value: &RawValue<'_>) -> Self;
    #[doc(hidden)]
    fn write(self, value: &mut RawValue<'_>);
}

/// What the core asks about an element; only the types of values in this module use it.
#[doc(hidden)]
pub struct RawInfo<'a>(&'a mut bindings::snd_ctl_elem_info);

/// A value between the core and an element; only the types of values in this module use it.
#[doc(hidden)]
pub struct RawValue<'a>(&'a mut bindings::snd_ctl_elem_value);

impl RawValue<'_> {
    fn integer(&self) -> c_long {
        // SAFETY: Every bit pattern is an integer; the whole union is initialised.
        unsafe { self.0.value.integer.value[0] }
    }

    fn set_integer(&mut self, value: c_long) {
        // SAFETY: The element's type says that this is the member in use.
        unsafe { self.0.value.integer.value[0] = value };
    }
}

impl sealed::Sealed for bool {}

impl Value for bool {
    type Range = ();

    fn describe(_range: &(), info: &mut RawInfo<'_>) {
        info.0.type_ = bindings::SNDRV_CTL_ELEM_TYPE_BOOLEAN;
        // SAFETY: The type says that this is the member in use.
        let integer = unsafe { info.0.value.integer.as_mut() };
        (integer.min, integer.max) = (0, 1);
    }

    fn read(value: &RawValue<'_>) -> Self {
        value.integer() != 0
    }

    fn write(self, value: &mut RawValue<'_>) {
        value.set_integer(self.into());
    }
}

/// The values that an integer control can have.
///
/// # Examples
///
/// ```
/// use alsa::control::IntegerRange;
///
/// const PERCENT: IntegerRange = IntegerRange {
///     min: 0,
///     max: 100,
///     step: 1,
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IntegerRange {
    /// The smallest value.
    pub min: i64,
    /// The largest value.
    pub max: i64,
    /// The distance between values; 0 if it varies.
    pub step: i64,
}

impl sealed::Sealed for i64 {}

impl Value for i64 {
    type Range = IntegerRange;

    fn describe(range: &IntegerRange, info: &mut RawInfo<'_>) {
        info.0.type_ = bindings::SNDRV_CTL_ELEM_TYPE_INTEGER;
        // SAFETY: The type says that this is the member in use.
        let integer = unsafe { info.0.value.integer.as_mut() };
        // CAST: A C `long` is 64 bits wide where the kernel is.
        (integer.min, integer.max, integer.step) = (
            range.min as c_long,
            range.max as c_long,
            range.step as c_long,
        );
    }

    fn read(value: &RawValue<'_>) -> Self {
        value.integer() as i64
    }

    fn write(self, value: &mut RawValue<'_>) {
        value.set_integer(self as c_long);
    }
}

/// The value of a control that is one of a list of items: its place in the list, from 0.
///
/// # Examples
///
/// ```
/// use alsa::control::{
///     Element,
///     Item, //
/// };
///
/// /// Where the sound comes from: always from the line.
/// struct Source;
///
/// #[vtable]
/// impl Element for Source {
///     type Value = Item;
///
///     fn range(&self) -> &'static [&'static CStr] {
///         &[c"Microphone", c"Line"]
///     }
///
///     fn get(&self) -> Result<Item> {
///         Ok(Item(1))
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item(pub u32);

impl sealed::Sealed for Item {}

impl Value for Item {
    /// The names of the items, each less than 64 bytes.
    type Range = &'static [&'static CStr];

    fn describe(names: &Self::Range, info: &mut RawInfo<'_>) {
        info.0.type_ = bindings::SNDRV_CTL_ELEM_TYPE_ENUMERATED;
        // SAFETY: The type says that this is the member in use.
        let enumerated = unsafe { info.0.value.enumerated.as_mut() };
        let items = u32::try_from(names.len()).unwrap_or(u32::MAX);
        enumerated.items = items;
        // The application asks for one item at a time; for one beyond the end it gets the last.
        enumerated.item = enumerated.item.min(items.saturating_sub(1));
        // The field has what the application has left there.
        let name = names.get(enumerated.item as usize);
        copy_name(&mut enumerated.name, name.copied().unwrap_or(c""));
    }

    fn read(value: &RawValue<'_>) -> Self {
        // SAFETY: Every bit pattern is an integer; the whole union is initialised.
        Self(unsafe { value.0.value.enumerated.item[0] })
    }

    fn write(self, value: &mut RawValue<'_>) {
        // SAFETY: The element's type says that this is the member in use.
        unsafe { value.0.value.enumerated.item[0] = self.0 };
    }
}

/// What an element belongs to.
///
/// C: `snd_ctl_elem_iface_t`.
///
/// # Examples
///
/// ```
/// use alsa::control::{
///     Iface,
///     Name, //
/// };
///
/// const VOLUME: Name<'static> = Name {
///     iface: Iface::Mixer,
///     name: c"Master Playback Volume",
///     device: 0,
///     subdevice: 0,
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iface {
    /// The card.
    Card,
    /// The mixer: what `alsamixer` shows.
    Mixer,
    /// A PCM device or substream.
    Pcm,
}

/// Identifies a control element.
///
/// # Examples
///
/// ```
/// use alsa::{
///     card::UnregisteredCard,
///     control::{
///         Element,
///         ElementId,
///         Iface,
///         Name, //
///     }, //
/// };
///
/// fn add(card: &mut UnregisteredCard, format: impl Element) -> Result<ElementId> {
///     let name = Name {
///         iface: Iface::Pcm,
///         name: c"PCM Slave Format",
///         device: 1,
///         subdevice: 0,
///     };
///     card.add_control(&name, format)
/// }
/// ```
pub struct Name<'a> {
    /// What it belongs to.
    pub iface: Iface,
    /// Its name, less than 44 bytes.
    pub name: &'a CStr,
    /// The number of the device it belongs to, or 0.
    pub device: u32,
    /// The number of the substream it belongs to, or 0.
    pub subdevice: u32,
}

/// The identity of an element of a card, by which its changes are announced.
///
/// C: `struct snd_ctl_elem_id`.
///
/// # Examples
///
/// ```
/// use alsa::{
///     card::Registration,
///     control::ElementId, //
/// };
///
/// /// The device has turned its volume by itself.
/// fn volume_has_changed(card: &Registration, volume: &ElementId) {
///     volume.notify(card);
/// }
/// ```
#[derive(Clone, Copy)]
pub struct ElementId(bindings::snd_ctl_elem_id);

impl ElementId {
    /// Tells listeners of `card` that the value has changed.
    ///
    /// Any context in which a spinlock may be taken: not an NMI, and on `PREEMPT_RT` neither an
    /// interrupt nor with a raw spinlock held.
    ///
    /// The identity should be that of an element of the same card: one of another announces the
    /// element that has its number there.
    ///
    /// C: `snd_ctl_notify()` with `SNDRV_CTL_EVENT_MASK_VALUE`.
    pub fn notify(&self, card: &Card) {
        let (card, mut id) = (card.as_raw(), self.0);
        // SAFETY: The card is valid, and the lists and locks that are used of it have been set up
        // by `snd_card_new()`. The identity is copied.
        unsafe { bindings::snd_ctl_notify(card, bindings::SNDRV_CTL_EVENT_MASK_VALUE, &mut id) };
    }
}

impl UnregisteredCard {
    /// Adds a control, and returns the identity by which a change of its value is announced.
    ///
    /// May sleep.
    ///
    /// C: `snd_ctl_add()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is a control of that name, `ENOMEM`.
    pub fn add_control<T: Element>(&mut self, name: &Name<'_>, element: T) -> Result<ElementId> {
        let mut access = bindings::SNDRV_CTL_ELEM_ACCESS_READ;
        if T::HAS_PUT {
            access |= bindings::SNDRV_CTL_ELEM_ACCESS_WRITE;
        }
        let template = bindings::snd_kcontrol_new {
            iface: match name.iface {
                Iface::Card => bindings::SNDRV_CTL_ELEM_IFACE_CARD,
                Iface::Mixer => bindings::SNDRV_CTL_ELEM_IFACE_MIXER,
                Iface::Pcm => bindings::SNDRV_CTL_ELEM_IFACE_PCM,
            },
            name: name.name.as_char_ptr(),
            device: name.device,
            subdevice: name.subdevice,
            access,
            count: 1,
            info: Some(info_callback::<T>),
            get: Some(get_callback::<T>),
            put: const {
                if T::HAS_PUT {
                    Some(put_callback::<T>)
                } else {
                    None
                }
            },
            ..pin_init::zeroed()
        };
        let element = KBox::new(element, GFP_KERNEL)?.into_foreign();
        // SAFETY: The template is valid, and the core copies it and its name.
        let kcontrol = unsafe { bindings::snd_ctl_new1(&template, element) };
        if kcontrol.is_null() {
            // SAFETY: The core has not kept the pointer.
            drop(unsafe { <KBox<T> as ForeignOwnable>::from_foreign(element) });
            return Err(ENOMEM);
        }
        // SAFETY: The control is new. From now on it is freed with its `private_free`.
        unsafe { (*kcontrol).private_free = Some(private_free::<T>) };
        // SAFETY: Both are valid; if the control cannot be added, the core frees it.
        to_result(unsafe { bindings::snd_ctl_add(self.as_raw(), kcontrol) })?;
        // The core has given it its number now.
        // SAFETY: The control is part of the card and is not removed before the card is freed.
        Ok(ElementId(unsafe { (*kcontrol).id }))
    }
}

/// Returns the element of a control.
///
/// # Safety
///
/// `kcontrol` must be a control that `add_control` has made for `T`, and not be freed for `'a`.
unsafe fn element<'a, T: Element>(kcontrol: *mut bindings::snd_kcontrol) -> &'a T {
    // SAFETY: `add_control` stored the pointer of a box, which `private_free` takes back.
    unsafe { <KBox<T> as ForeignOwnable>::borrow((*kcontrol).private_data) }
}

/// # Safety
///
/// Called only by the core, with a control for `T` and an initialised `info`, which has what the
/// application has left there but for the id.
unsafe extern "C" fn info_callback<T: Element>(
    kcontrol: *mut bindings::snd_kcontrol,
    info: *mut bindings::snd_ctl_elem_info,
) -> c_int {
    // SAFETY: The control is for `T`.
    let element = unsafe { element::<T>(kcontrol) };
    // SAFETY: `info` is valid, and nobody else uses it meanwhile.
    let info = unsafe { &mut *info };
    info.count = 1;
    T::Value::describe(&element.range(), &mut RawInfo(info));
    0
}

/// # Safety
///
/// Called only by the core, with a control for `T` and a valid `value`.
unsafe extern "C" fn get_callback<T: Element>(
    kcontrol: *mut bindings::snd_kcontrol,
    value: *mut bindings::snd_ctl_elem_value,
) -> c_int {
    from_result(|| {
        // SAFETY: The control is for `T`.
        let element = unsafe { element::<T>(kcontrol) };
        // SAFETY: `value` is valid, and nobody else uses it meanwhile.
        let value = unsafe { &mut *value };
        element.get()?.write(&mut RawValue(value));
        Ok(0)
    })
}

/// # Safety
///
/// Called only by the core, with a control for `T` and a valid `value`.
unsafe extern "C" fn put_callback<T: Element>(
    kcontrol: *mut bindings::snd_kcontrol,
    value: *mut bindings::snd_ctl_elem_value,
) -> c_int {
    from_result(|| {
        // SAFETY: The control is for `T`.
        let element = unsafe { element::<T>(kcontrol) };
        // SAFETY: `value` is valid, and nobody else uses it meanwhile.
        let value = unsafe { &mut *value };
        let changed = element.put(T::Value::read(&RawValue(value)))?;
        Ok(changed.into())
    })
}

/// # Safety
///
/// Called only by the core, as the last thing done to a control that `add_control` has made for
/// `T`.
unsafe extern "C" fn private_free<T: Element>(kcontrol: *mut bindings::snd_kcontrol) {
    // SAFETY: `add_control` stored the pointer, and nobody borrows it any more.
    drop(unsafe { <KBox<T> as ForeignOwnable>::from_foreign((*kcontrol).private_data) });
}

#[kunit_tests(alsa_control)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;

    /// Returns what the core would be told of a value of type `V`, where an application has left
    /// all kinds of things.
    fn described<V: Value>(range: &V::Range, item: u32) -> bindings::snd_ctl_elem_info {
        let mut info = MaybeUninit::<bindings::snd_ctl_elem_info>::uninit();
        // SAFETY: There is room for one, and any bytes are a value of this plain C struct.
        let mut info = unsafe {
            info.as_mut_ptr().write_bytes(0x7f, 1);
            info.assume_init()
        };
        // SAFETY: Any member may be written.
        unsafe { info.value.enumerated.as_mut() }.item = item;
        V::describe(range, &mut RawInfo(&mut info));
        info
    }

    /// The value that comes back from the core.
    fn passed<V: Value>(value: V) -> V {
        // SAFETY: As above.
        let mut raw: bindings::snd_ctl_elem_value = unsafe { core::mem::zeroed() };
        value.write(&mut RawValue(&mut raw));
        V::read(&RawValue(&mut raw))
    }

    #[test]
    fn values_pass_unchanged() {
        for value in [0, 1, -1, 48000, i64::MIN, i64::MAX] {
            assert_eq!(passed(value), value);
        }
        for value in [false, true] {
            assert_eq!(passed(value), value);
        }
        for value in [0, 1, u32::MAX] {
            assert_eq!(passed(Item(value)), Item(value));
        }
    }

    #[test]
    fn ranges() {
        let range = IntegerRange {
            min: -5,
            max: 768_000,
            step: 3,
        };
        let info = described::<i64>(&range, 0);
        // INTEGER of `<sound/asound.h>`.
        assert_eq!(info.type_, 2);
        // SAFETY: Every bit pattern is an integer.
        let integer = unsafe { info.value.integer.as_ref() };
        assert!((integer.min, integer.max, integer.step) == (-5, 768_000, 3));

        let info = described::<bool>(&(), 0);
        assert_eq!(info.type_, 1);
        // SAFETY: As above.
        let integer = unsafe { info.value.integer.as_ref() };
        assert!((integer.min, integer.max) == (0, 1));
    }

    /// Who asks for an item beyond the last one gets the last one; a name fits and ends with a
    /// zero.
    #[test]
    fn items() {
        const LONG: &CStr =
            c"1234567890123456789012345678901234567890123456789012345678901234567890";
        let names: &[&CStr] = &[c"Interleaved", LONG];
        for (asked, told, length) in [(0, 0, 11), (1, 1, 63), (2, 1, 63), (u32::MAX, 1, 63)] {
            let info = described::<Item>(&names, asked);
            assert_eq!(info.type_, 3);
            // SAFETY: As above.
            let item = unsafe { info.value.enumerated.as_ref() };
            assert_eq!(item.items, 2);
            assert_eq!(item.item, told);
            assert!(item.name.iter().position(|&byte| byte == 0) == Some(length));
        }
    }

    #[test]
    fn no_items() {
        let names: &[&CStr] = &[];
        let info = described::<Item>(&names, 7);
        // SAFETY: As above.
        let item = unsafe { info.value.enumerated.as_ref() };
        assert!((item.items, item.item, item.name[0]) == (0, 0, 0));
    }
}
