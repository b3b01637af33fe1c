// SPDX-License-Identifier: GPL-2.0

//! A spinlock that keeps interrupts off while it is held.
//!
//! The `kernel` crate has `SpinLock`, which leaves interrupts as they are. Data that a timer's
//! callback and a system call share needs this one: the callback would otherwise interrupt the
//! holder on the same CPU and wait for it for ever. (On `PREEMPT_RT` it is a sleeping lock, as
//! every `spinlock_t` there, and callbacks run in threads.)
//!
//! Release guards in the opposite order of taking them: a guard that is dropped first restores the
//! interrupt state that it found, while another lock is still held.
//!
//! Its home would be `rust/kernel/sync/lock/spinlock.rs`. From Linux 7.3 on there is `SpinLockIrq`
//! in that place, which counts who wants interrupts off in place of saving their state: when 7.2 is
//! no longer built for, it makes this superfluous.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use kernel::{
    prelude::*,
    sync::lock::{
        Backend,
        Guard,
        Lock, //
    },
};

/// A spinlock taken with `spin_lock_irqsave()`.
///
/// May be taken in any context but from an NMI. Create it with [`new_spinlock_irqsave!`].
///
/// [`new_spinlock_irqsave!`]: crate::new_spinlock_irqsave
///
/// # Examples
///
/// ```
/// use alsa::{
///     kext::lock::SpinLockIrqSave,
///     new_spinlock_irqsave, //
/// };
///
/// /// What a timer and system calls share.
/// #[pin_data]
/// struct Counter {
///     #[pin]
///     frames: SpinLockIrqSave<u64>,
/// }
///
/// let counter = KBox::pin_init(
///     pin_init!(Counter {
///         frames <- new_spinlock_irqsave!(0, "Counter::frames"),
///     }),
///     GFP_KERNEL,
/// )?;
/// *counter.frames.lock() += 480;
/// # Ok::<(), Error>(())
/// ```
pub type SpinLockIrqSave<T> = Lock<T, SpinLockIrqSaveBackend>;

/// What [`SpinLockIrqSave::lock`] returns.
///
/// # Examples
///
/// ```
/// use alsa::kext::lock::{
///     SpinLockIrqSave,
///     SpinLockIrqSaveGuard, //
/// };
///
/// fn reset(lock: &SpinLockIrqSave<u64>) {
///     let mut frames: SpinLockIrqSaveGuard<'_, u64> = lock.lock();
///     *frames = 0;
/// }
/// ```
pub type SpinLockIrqSaveGuard<'a, T> = Guard<'a, T, SpinLockIrqSaveBackend>;

/// The way in which [`SpinLockIrqSave`] locks and unlocks.
///
/// # Examples
///
/// ```
/// use alsa::kext::lock::SpinLockIrqSaveBackend;
/// use kernel::sync::lock::Lock;
///
/// fn frames(lock: &Lock<u64, SpinLockIrqSaveBackend>) -> u64 {
///     *lock.lock()
/// }
/// ```
pub struct SpinLockIrqSaveBackend;

// SAFETY: `spin_lock_irqsave()` gives exclusive ownership until `spin_unlock_irqrestore()`: no
// other thread can be between the two with the same `spinlock_t`. The saved interrupt state is kept
// in the guard, one for each acquisition.
unsafe impl Backend for SpinLockIrqSaveBackend {
    type State = bindings::spinlock_t;
    type GuardState = c_ulong;

    #[inline]
    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By the caller's promise `ptr` may be written, and `name` and `key` live as long
        // as the lock.
        unsafe { bindings::__spin_lock_init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By the caller's promise `ptr` is an initialised lock.
        unsafe { bindings::spin_lock_irqsave(ptr) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        let mut flags = 0;
        // SAFETY: By the caller's promise `ptr` is an initialised lock; `flags` may be written.
        unsafe { bindings::spin_trylock_irqsave(ptr, &mut flags) }.then_some(flags)
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, flags: &Self::GuardState) {
        // SAFETY: By the caller's promise `ptr` is a lock that the caller holds, and `flags` is
        // what taking it returned.
        unsafe { bindings::spin_unlock_irqrestore(ptr, *flags) }
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // The guard asks each time that it is made. Without lockdep, nobody would look at the
        // answer.
        if cfg!(CONFIG_LOCKDEP) {
            // SAFETY: By the caller's promise `ptr` is an initialised lock.
            unsafe { bindings::spin_assert_is_held(ptr) }
        }
    }
}

/// Makes an initialiser for a [`SpinLockIrqSave`].
///
/// Each place in the source is a lock class of its own for lockdep. The name is optional.
///
/// # Examples
///
/// ```
/// use alsa::new_spinlock_irqsave;
///
/// let frames = KBox::pin_init(new_spinlock_irqsave!(0u64), GFP_KERNEL)?;
/// assert_eq!(*frames.lock(), 0);
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! new_spinlock_irqsave {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::kext::lock::SpinLockIrqSave::new(
            $inner,
            ::kernel::optional_name!($($name)?),
            ::kernel::static_lock_class!(),
        )
    };
}
