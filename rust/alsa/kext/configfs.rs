// SPDX-License-Identifier: GPL-2.0

//! A configfs subsystem whose registration may fail.
//!
//! [`Subsystem::new`] of the `kernel` crate drops a subsystem that could not be registered, and one
//! that is dropped is unregistered: `configfs_unregister_subsystem()` then follows a pointer that
//! has never been set. A module that is loaded when there is no memory, or when there is such a
//! directory already, ends in an oops. It is so up to Linux 7.3.4.
//!
//! Its home would be `rust/kernel/configfs.rs`: there, `configfs_register_subsystem()` would be
//! called at the end of `try_pin_init!`, in a block `_: { … }`, in place of `pin_chain()`. What
//! fails in such a block drops the fields, and not what they are a part of.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use crate::bindings;
use kernel::{
    alloc::flags,
    configfs::{
        HasGroup,
        ItemType,
        Subsystem, //
    },
    container_of,
    error::to_result,
    prelude::*,
    static_lock_class, //
};

/// Makes a subsystem, and registers it as the directory `name` of configfs.
///
/// May sleep.
///
/// `data` takes no memory: of types that do, it is not known here where in a subsystem they lie.
///
/// # Errors
///
/// `EINVAL` if the name has 20 bytes or more; `EEXIST` if there is such a directory; `ENOMEM`, or
/// what mounting configfs returns.
///
/// C: `config_group_init_type_name()`, `configfs_register_subsystem()`.
///
/// # Examples
///
/// ```
/// use alsa::kext::configfs::new_subsystem;
/// use kernel::configfs::{
///     ItemType,
///     Subsystem, //
/// };
///
/// /// The data of a directory that has none.
/// struct Root;
///
/// fn register(
///     item_type: &'static ItemType<Subsystem<Root>, Root>,
/// ) -> Result<Pin<KBox<Subsystem<Root>>>> {
///     new_subsystem(c"mine", item_type, Root)
/// }
/// ```
pub fn new_subsystem<Data: Send + Sync>(
    name: &'static CStr,
    item_type: &'static ItemType<Subsystem<Data>, Data>,
    data: Data,
) -> Result<Pin<KBox<Subsystem<Data>>>> {
    // All are of one class. lockdep wants one name for it, at one address: a literal would have
    // another one in each crate that this function is compiled for.
    static NAME: &CStr = c"configfs_subsystem";

    const {
        assert!(size_of::<Data>() == 0, "there is no place for the data");
        assert!(
            size_of::<Subsystem<Data>>() == size_of::<bindings::configfs_subsystem>()
                && align_of::<Data>() <= align_of::<bindings::configfs_subsystem>(),
            "a `Subsystem` is more than C's and the data"
        );
        assert!(
            size_of::<ItemType<Subsystem<Data>, Data>>() == size_of::<bindings::config_item_type>(),
            "an `ItemType` is more than C's type"
        );
    }
    if name.to_bytes().len() >= bindings::CONFIGFS_ITEM_NAME_LEN as usize {
        return Err(EINVAL);
    }

    let zeroed = GFP_KERNEL | flags::__GFP_ZERO;
    let mut memory = KBox::<Subsystem<Data>>::new_uninit(zeroed)?;
    let this = memory.as_mut_ptr();
    // SAFETY: `this` is an allocation of that size, and the group of a `Subsystem` is the member of
    // that name of a `configfs_subsystem`. Addresses are computed, with no reference but to an
    // `Opaque`.
    let subsystem = unsafe {
        let group = <Subsystem<Data> as HasGroup<Data>>::group(this).cast_mut();
        container_of!(group, bindings::configfs_subsystem, su_group)
    };
    // By the size, all the memory that an `ItemType` takes is C's type.
    let item_type = core::ptr::from_ref(item_type).cast::<bindings::config_item_type>();
    let class = static_lock_class!();
    // SAFETY: The memory is zeroed, as C's is when it is initialised, and nobody else uses it. The
    // name fits into the group, which has a copy. Type and class are static.
    unsafe {
        let group = &raw mut (*subsystem).su_group;
        bindings::config_group_init_type_name(group, name.as_char_ptr(), item_type);
        let mutex = &raw mut (*subsystem).su_mutex;
        bindings::__mutex_init(mutex, NAME.as_char_ptr(), class.as_ptr());
    }
    // SAFETY: The group and the mutex are initialised. Callbacks that come before this returns find
    // a value of `Data`, which takes no memory and is `data` here. The memory is on the heap, does
    // not move, and if this succeeds is not freed before the subsystem is unregistered, by the drop
    // of what is returned. If it fails, `unlink_group()` has taken back the one reference that
    // there was, before anybody could see the directory, and the memory is freed as what it is. (A
    // directory that was seen cannot fail any more unless it has attributes of its own.)
    to_result(unsafe { bindings::configfs_register_subsystem(subsystem) })?;
    // It takes no memory, so it is where it belongs already.
    core::mem::forget(data);
    // SAFETY: All of it is initialised, as `Subsystem::new()` does it: C's part just now, and
    // `data` is a value of its type. By its size, a `Subsystem` has nothing else.
    let subsystem = unsafe { memory.assume_init() };
    Ok(KBox::into_pin(subsystem))
}
