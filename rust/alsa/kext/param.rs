// SPDX-License-Identifier: GPL-2.0

//! Arrays of module parameters.
//!
//! The `module!` macro offers one integer a parameter, which sysfs does not show. Sound drivers
//! take an array for each parameter, with a slot for each card, of integers, truth values or
//! strings:
//! [`module_param_array!`] declares one as C's `module_param_array()` does.
//!
//! [`module_param_array!`]: crate::module_param_array
//!
//! Its home would be `rust/kernel/module_param.rs`, and the `params` of the `module!` macro. When
//! that takes arrays, and strings, and lets sysfs show them, this is superfluous.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use crate::bindings;
use core::cell::UnsafeCell;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// The values of a parameter, one for each slot.
///
/// The kernel writes them before the module's init function runs, and not later: the permission
/// that [`module_param_array!`](crate::module_param_array) takes has no bit for writing. Sysfs
/// reads them at any time.
///
/// # Examples
///
/// ```
/// alsa::module_param_array! {
///     /// Whether there is a card in the slot.
///     static enable: [bool; 8] = [true; 8], "Enable this soundcard."
/// }
///
/// for slot in (0..8).filter(|&slot| enable.get(slot) == Some(true)) {
///     pr_info!("a card in slot {slot}\n");
/// }
/// ```
///
/// # Invariants
///
/// C code writes no value at a time at which Rust code may use the array. (It may read them.) A
/// string that it has stored stays as long as the module.
#[repr(transparent)]
pub struct Array<T, const N: usize>(UnsafeCell<[T; N]>);

// SAFETY: Rust code uses the values as atomics (integers), or only reads them (truth values,
// strings); C code does not write them meanwhile, by the type invariant.
unsafe impl<T: Slot, const N: usize> Sync for Array<T, N> {}

mod sealed {
    use crate::bindings;

    /// What a slot can hold.
    pub trait Slot: Copy {
        /// How the kernel reads such a value, and prints it: it takes a slot for one of this type.
        const OPS: *const bindings::kernel_param_ops;
    }
}

use sealed::Slot;

impl Slot for c_int {
    const OPS: *const bindings::kernel_param_ops = &raw const bindings::param_ops_int;
}

impl Slot for bool {
    const OPS: *const bindings::kernel_param_ops = &raw const bindings::param_ops_bool;
}

impl Slot for Charp {
    const OPS: *const bindings::kernel_param_ops = &raw const bindings::param_ops_charp;
}

/// A string that the kernel has stored, or none.
///
/// # Examples
///
/// ```
/// alsa::module_param_array! {
///     /// The identifier of each card.
///     static id: [charp; 8], "ID string."
/// }
///
/// fn name(slot: usize) -> &'static CStr {
///     id.get(slot).unwrap_or(c"Mine")
/// }
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Charp(*mut c_char);

impl<const N: usize> Array<c_int, N> {
    /// Makes an array for [`module_param_array!`](crate::module_param_array).
    #[doc(hidden)]
    pub const fn new_int(values: [c_int; N]) -> Self {
        // INVARIANT: C code knows of the array by `as_kparam()` only.
        Self(UnsafeCell::new(values))
    }
}

impl<const N: usize> Array<bool, N> {
    /// Makes an array for [`module_param_array!`](crate::module_param_array).
    #[doc(hidden)]
    pub const fn new_bool(values: [bool; N]) -> Self {
        // INVARIANT: As above.
        Self(UnsafeCell::new(values))
    }
}

impl<const N: usize> Array<Charp, N> {
    /// Makes an array of no strings for [`module_param_array!`](crate::module_param_array).
    ///
    /// Only the kernel stores any.
    #[doc(hidden)]
    pub const fn new_charp() -> Self {
        // INVARIANT: As above.
        Self(UnsafeCell::new([Charp(core::ptr::null_mut()); N]))
    }
}

impl<T: Slot, const N: usize> Array<T, N> {
    /// Returns the array as C has it, for [`module_param_array!`](crate::module_param_array).
    ///
    /// # Safety
    ///
    /// A parameter that is made of the result must be set only when no Rust code uses the array,
    /// and not be freed before the module is. (The module's own are set at load, before its code
    /// runs, and later by sysfs, unless their `perm` has no bit for writing.)
    #[doc(hidden)]
    pub const unsafe fn as_kparam(&'static self) -> KparamArray {
        // INVARIANT: By the caller's promise C code sets no parameter at a wrong time.
        KparamArray(bindings::kparam_array {
            max: N as c_uint,
            elemsize: size_of::<T>() as c_uint,
            // How many were given is of no interest: sysfs shows all slots.
            num: core::ptr::null_mut(),
            ops: T::OPS,
            elem: self.0.get().cast(),
        })
    }

    /// Returns the address of a slot.
    fn slot(&self, slot: usize) -> Option<*mut T> {
        // CAST: An array lies in memory as its elements do.
        // SAFETY: The slot is inside of the array.
        (slot < N).then(|| unsafe { self.0.get().cast::<T>().add(slot) })
    }
}

impl<const N: usize> Array<c_int, N> {
    /// Returns the integer in `slot`, or `None` if out of range.
    pub fn get(&self, slot: usize) -> Option<c_int> {
        let ptr = self.slot(slot)?;
        // SAFETY: The slot is valid, and Rust code uses it as an atomic only.
        Some(unsafe { Atomic::from_ptr(ptr) }.load(Relaxed))
    }

    /// Sets the value that is really used, for sysfs to show.
    ///
    /// A slot out of range is passed over.
    pub fn set(&self, slot: usize, value: c_int) {
        if let Some(ptr) = self.slot(slot) {
            // SAFETY: The slot is valid, and Rust code uses it as an atomic only.
            unsafe { Atomic::from_ptr(ptr) }.store(value, Relaxed);
        }
    }
}

impl<const N: usize> Array<bool, N> {
    /// Returns the boolean in `slot`, or `None` if out of range.
    pub fn get(&self, slot: usize) -> Option<bool> {
        let ptr = self.slot(slot)?;
        // SAFETY: The slot is valid, and nobody writes it now, by the type invariant.
        Some(unsafe { ptr.read() })
    }
}

impl<const N: usize> Array<Charp, N> {
    /// Returns the string in `slot`, or `None` if it was given none, or out of range.
    pub fn get(&self, slot: usize) -> Option<&'static CStr> {
        let slot = self.slot(slot)?;
        // SAFETY: The slot is valid, and nobody writes it now, by the type invariant.
        let Charp(ptr) = unsafe { slot.read() };
        if ptr.is_null() {
            return None;
        }
        // SAFETY: `param_set_charp()` stored a string, which stays, by the type invariant.
        Some(unsafe { CStr::from_char_ptr(ptr) })
    }
}

/// An array as C has it, for [`module_param_array!`](crate::module_param_array).
#[doc(hidden)]
#[repr(transparent)]
pub struct KparamArray(bindings::kparam_array);

// SAFETY: Only the kernel's parameter code uses it, under its lock.
unsafe impl Sync for KparamArray {}

impl KparamArray {
    /// Returns the C struct.
    #[doc(hidden)]
    pub const fn as_raw(&'static self) -> *const bindings::kparam_array {
        &raw const self.0
    }
}

/// Puts a string into the module's information, which `modinfo` shows.
#[doc(hidden)]
#[macro_export]
macro_rules! __modinfo {
    ($($part:expr),*) => {
        const _: () = {
            const TEXT: &[u8] = ::core::concat!($($part,)* "\0").as_bytes();
            #[link_section = ".modinfo"]
            #[used(compiler)]
            static INFO: [u8; TEXT.len()] = {
                let mut bytes = [0; TEXT.len()];
                let mut i = 0;
                while i < TEXT.len() {
                    bytes[i] = TEXT[i];
                    i += 1;
                }
                bytes
            };
        };
    };
}

/// Declares a module parameter that is an array.
///
/// The type is `int`, `bool` or `charp`, as C calls them. The values are the initial ones of all
/// slots; those of a `charp` have none. Sysfs shows the parameter to everybody, and lets nobody
/// write it.
///
/// # Examples
///
/// ```
/// alsa::module_param_array! {
///     /// The number of each card.
///     static index: [int; 32] = [-1; 32], "Index value for the sound card."
/// }
/// ```
///
/// C: `module_param_array(…, 0444)`, `MODULE_PARM_DESC()`.
#[macro_export]
macro_rules! module_param_array {
    (
        $(#[$meta:meta])*
        $vis:vis static $name:ident: [charp; $len:expr], $description:literal
    ) => {
        $(#[$meta])*
        $vis static $name: $crate::kext::param::Array<$crate::kext::param::Charp, { $len }> =
            $crate::kext::param::Array::new_charp();
        $crate::module_param_array!(@declare $name charp $description);
    };
    (
        $(#[$meta:meta])*
        $vis:vis static $name:ident: [int; $len:expr] = $init:expr, $description:literal
    ) => {
        $(#[$meta])*
        $vis static $name: $crate::kext::param::Array<::kernel::ffi::c_int, { $len }> =
            $crate::kext::param::Array::new_int($init);
        $crate::module_param_array!(@declare $name int $description);
    };
    (
        $(#[$meta:meta])*
        $vis:vis static $name:ident: [bool; $len:expr] = $init:expr, $description:literal
    ) => {
        $(#[$meta])*
        $vis static $name: $crate::kext::param::Array<bool, { $len }> =
            $crate::kext::param::Array::new_bool($init);
        $crate::module_param_array!(@declare $name bool $description);
    };
    (@declare $name:ident $kind:ident $description:literal) => {
        $crate::__modinfo!(
            "parmtype=", ::core::stringify!($name), ":array of ", ::core::stringify!($kind)
        );
        $crate::__modinfo!("parm=", ::core::stringify!($name), ":", $description);

        const _: () = {
            // SAFETY: The parameter that is made of it is one of the module's, and below has no
            // permission but to be read: it is set when the module is loaded, before its code runs.
            static ARRAY: $crate::kext::param::KparamArray = unsafe { $name.as_kparam() };

            #[link_section = "__param"]
            #[used(compiler)]
            static PARAM: ::kernel::module_param::KernelParam =
                ::kernel::module_param::KernelParam::new(::kernel::bindings::kernel_param {
                    name: ::kernel::str::as_char_ptr_in_const_context(
                        ::kernel::c_str!(::core::stringify!($name)),
                    ),
                    mod_: (&raw const ::kernel::bindings::__this_module).cast_mut(),
                    ops: &raw const ::kernel::bindings::param_array_ops,
                    perm: 0o444,
                    level: -1,
                    flags: 0,
                    __bindgen_anon_1: ::kernel::bindings::kernel_param__bindgen_ty_1 {
                        arr: ARRAY.as_raw(),
                    },
                });
        };
    };
}

#[kunit_tests(alsa_param)]
mod tests {
    use super::*;

    static NUMBERS: Array<c_int, 4> = Array::new_int([7; 4]);
    static TRUTHS: Array<bool, 3> = Array::new_bool([false; 3]);

    /// Lets the kernel read `text` into an array, as it does at `modprobe`.
    fn parse(array: KparamArray, text: &CStr) -> Result {
        let param = bindings::kernel_param {
            name: c"test".as_char_ptr(),
            mod_: core::ptr::null_mut(),
            ops: &raw const bindings::param_array_ops,
            perm: 0o444,
            level: -1,
            flags: 0,
            __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 { arr: &array.0 },
        };
        // The kernel cuts the text at its commas.
        let mut copy = [0u8; 64];
        for (to, from) in copy.iter_mut().take(63).zip(text.to_bytes()) {
            *to = *from;
        }
        // SAFETY: The operations are C's, which are never changed.
        let set = unsafe { bindings::param_array_ops.set }.ok_or(EINVAL)?;
        // SAFETY: The parameter is an array, and nobody else uses it; the text ends with a zero.
        let parsed = unsafe {
            bindings::kernel_param_lock(core::ptr::null_mut());
            let parsed = set(copy.as_ptr().cast(), &param);
            bindings::kernel_param_unlock(core::ptr::null_mut());
            parsed
        };
        kernel::error::to_result(parsed)
    }

    fn numbers() -> KparamArray {
        // SAFETY: The tests run one after the other, and use the array when `parse()` has returned.
        unsafe { NUMBERS.as_kparam() }
    }

    #[test]
    fn integers() -> Result {
        parse(numbers(), c"1,-2,0x10")?;
        for (slot, value) in [(0, 1), (1, -2), (2, 16), (3, 7)] {
            assert!(NUMBERS.get(slot) == Some(value));
        }
        NUMBERS.set(3, -1);
        NUMBERS.set(4, 99);
        assert!(NUMBERS.get(3) == Some(-1));
        assert!(NUMBERS.get(4).is_none());
        assert!(NUMBERS.get(usize::MAX).is_none());
        Ok(())
    }

    #[test]
    fn refused() {
        assert!(parse(numbers(), c"1,2,3,4,5") == Err(EINVAL));
        assert!(parse(numbers(), c"x") == Err(EINVAL));
        assert!(parse(numbers(), c"1,,2") == Err(EINVAL));
        assert!(parse(numbers(), c"4294967296").is_err());
    }

    #[test]
    fn truth_values() -> Result {
        // SAFETY: Only this test uses the array, and when `parse()` has returned.
        let array = || unsafe { TRUTHS.as_kparam() };
        parse(array(), c"1,n,Y")?;
        for (slot, value) in [(0, true), (1, false), (2, true)] {
            assert!(TRUTHS.get(slot) == Some(value));
        }
        assert!(TRUTHS.get(3).is_none());
        assert!(parse(array(), c"2") == Err(EINVAL));
        Ok(())
    }

    /// A slot to which no string was given has none.
    #[test]
    fn no_string() {
        static STRINGS: Array<Charp, 2> = Array::new_charp();
        for slot in [0, 1, 2, usize::MAX] {
            assert!(STRINGS.get(slot).is_none());
        }
    }
}
