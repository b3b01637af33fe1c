// SPDX-License-Identifier: GPL-2.0

//! Platform devices for cards that no bus finds.
//!
//! The `kernel` crate registers platform *drivers*; a card without hardware must make its device as
//! well.
//!
//! Its home would be `rust/kernel/platform.rs`. A registration of devices there makes it
//! superfluous (or a card whose users don't mind that its parent is called otherwise: `faux` has
//! devices).
//!
//! C header: [`include/linux/platform_device.h`](srctree/include/linux/platform_device.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    device,
    error::{
        from_err_ptr,
        to_result, //
    },
    platform,
    prelude::*, //
};

/// A platform device that this module has made. Dropped, it is unbound from its driver and removed.
///
/// # Examples
///
/// ```
/// use alsa::kext::platform;
///
/// let device = platform::Device::new(c"snd_mine", 0)?;
/// if !device.is_bound() {
///     pr_warn!("no driver took the device\n");
/// }
/// // For people to know it by.
/// let named = platform::Device::for_driver(c"snd_mine.kitchen", c"snd_mine")?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The pointer is a valid, registered platform device.
pub struct Device(NonNull<bindings::platform_device>);

// SAFETY: A platform device may be unregistered by any thread.
unsafe impl Send for Device {}
// SAFETY: Shared references allow no more than a look at whether a driver is bound.
unsafe impl Sync for Device {}

impl Device {
    /// Makes the device `name.id`, or `name` if `id` is -1.
    ///
    /// May sleep.
    ///
    /// If there is a driver of that name, it is bound to the device before this returns.
    ///
    /// C: `platform_device_register_full()`.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is a device of that name, in which case the kernel's log has a trace as
    /// well; `ENOMEM`. That the driver does not take it is no error.
    pub fn new(name: &CStr, id: i32) -> Result<Self> {
        let info = bindings::platform_device_info {
            name: name.as_char_ptr(),
            id,
            ..pin_init::zeroed()
        };
        // SAFETY: `info` is valid, and what it points to is copied.
        let device = from_err_ptr(unsafe { bindings::platform_device_register_full(&info) })?;
        // INVARIANT: The device has been registered.
        Ok(Self(NonNull::new(device).ok_or(ENODEV)?))
    }

    /// Makes the device `name`, for the driver of the name `driver` and for no other.
    ///
    /// May sleep.
    ///
    /// If there is that driver, it is bound to the device before this returns. (Who may write to
    /// sysfs can bind another.)
    ///
    /// C: `platform_device_register_full()`, `device_set_driver_override()`, `device_attach()`.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is a device of that name, in which case the kernel's log has a trace as
    /// well; `ENOMEM`. That the driver does not take it is no error.
    pub fn for_driver(name: &CStr, driver: &CStr) -> Result<Self> {
        // No driver is called so.
        let device = Self::new(name, bindings::PLATFORM_DEVID_NONE)?;
        let (name, len) = (driver.as_char_ptr(), driver.count_bytes());
        let raw = device.0.as_ptr();
        // SAFETY: The device is valid; the text is so long, and copied.
        to_result(unsafe {
            bindings::__device_set_driver_override(&raw mut (*raw).dev, name, len)
        })?;
        // Also where drivers are otherwise bound later, by a thread.
        // SAFETY: The device is registered, by the type invariant.
        to_result(unsafe { bindings::device_attach(&raw mut (*raw).dev) })?;
        Ok(device)
    }

    /// Returns whether a driver is bound to the device.
    ///
    /// It may be unbound, or bound, at any time.
    ///
    /// C: `device_is_bound()`.
    pub fn is_bound(&self) -> bool {
        // That function wants the device's lock to be held, lest its answer be out of date when it
        // returns. Here it may be: it is a look at one pointer.
        // SAFETY: The device is valid.
        unsafe { bindings::device_is_bound(&raw mut (*self.0.as_ptr()).dev) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the device is registered, and it is not used any more.
        unsafe { bindings::platform_device_unregister(self.0.as_ptr()) };
    }
}

/// Returns whether there is a platform driver of that name.
///
/// There may be one the next moment.
///
/// C: `bus_for_each_drv()`. (`driver_find()` looks at a driver to which it has no reference any
/// more.)
pub fn has_driver(name: &CStr) -> bool {
    /// # Safety
    ///
    /// `driver` must be valid, and `name` point to a `&CStr`.
    unsafe extern "C" fn is_called(
        driver: *mut bindings::device_driver,
        name: *mut c_void,
    ) -> c_int {
        // SAFETY: As this function requires; a driver has a name.
        let (name, its_name) =
            unsafe { (*name.cast::<&CStr>(), CStr::from_char_ptr((*driver).name)) };
        (name.to_bytes() == its_name.to_bytes()).into()
    }

    // SAFETY: The platform bus is there as long as the kernel. The callback is called here only,
    // with `name`, and with drivers of the bus, which keeps them meanwhile.
    let found = unsafe {
        bindings::bus_for_each_drv(
            &raw const bindings::platform_bus_type,
            core::ptr::null_mut(),
            (&raw const name).cast_mut().cast(),
            Some(is_called),
        )
    };
    found == 1
}

/// Returns the module whose driver is being bound to the device.
///
/// C: `THIS_MODULE` in the driver's source, which stands in `device.driver->owner`.
pub fn owner(device: &platform::Device<device::Core<'_>>) -> ThisModule {
    // CAST: `platform::Device` is transparent over the C struct.
    let device = core::ptr::from_ref(device).cast::<bindings::platform_device>();
    // SAFETY: `Core` says that the device is valid and that a callback of its driver runs: the
    // device is bound, or about to be, which changes only after that. The pointer is that of the
    // module with which the driver has been registered.
    unsafe { ThisModule::from_ptr((*(*device).dev.driver).owner) }
}

/// Returns the number of a platform device, -1 for one that is the only one of its name.
pub fn id<Ctx: device::DeviceContext>(device: &platform::Device<Ctx>) -> i32 {
    // CAST: `platform::Device` is transparent over the C struct.
    let device = core::ptr::from_ref(device).cast::<bindings::platform_device>();
    // SAFETY: The device is valid; the field never changes.
    unsafe { (*device).id }
}

#[kunit_tests(alsa_platform)]
mod tests {
    use super::*;

    #[test]
    fn drivers() {
        #[cfg(CONFIG_SERIAL_8250)]
        assert!(has_driver(c"serial8250"));
        for name in [c"", c"no such driver", c"snd_aloop "] {
            assert!(!has_driver(name));
        }
    }
}
