// SPDX-License-Identifier: GPL-2.0

//! A mutex in a `static`.
//!
//! The `kernel` crate's `global_lock!` makes one that has to be initialised before it is used, by
//! an unsafe function. This one initialises itself.
//!
//! Its home would be `rust/kernel/sync/lock/global.rs`. A mutex there that needs no initialisation,
//! as C's `DEFINE_MUTEX()`, makes it superfluous.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

use crate::bindings;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    prelude::*,
    static_lock_class,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// What a [`GlobalMutex`] is before it is used for the first time.
const UNUSED: i32 = 0;
/// A thread initialises it.
const BEGUN: i32 = 1;
/// It can be locked.
const READY: i32 = 2;

/// A mutex that protects a value in a `static`.
///
/// Who locks it first initialises it. Others wait for that by looking again and again: so let it be
/// the module's init function. All of them are of one class to lockdep: don't lock one inside of
/// another.
///
/// A `static` is never dropped. What its value owns by then is lost when the module goes: take it
/// out before.
///
/// C: `DEFINE_MUTEX()`.
///
/// # Examples
///
/// ```
/// use alsa::kext::global::GlobalMutex;
///
/// /// How many cards there are.
/// static CARDS: GlobalMutex<u32> = GlobalMutex::new(0);
///
/// let mut cards = CARDS.lock();
/// *cards = cards.saturating_add(1);
/// ```
///
/// # Invariants
///
/// `mutex` is initialised when `state` is `READY`, which it then stays. `data` is used only with
/// the mutex held.
pub struct GlobalMutex<T> {
    state: Atomic<i32>,
    mutex: Opaque<bindings::mutex>,
    data: UnsafeCell<T>,
}

// SAFETY: The data are reached by one thread at a time, the one that holds the mutex.
unsafe impl<T: Send> Sync for GlobalMutex<T> {}

impl<T> GlobalMutex<T> {
    /// Makes a mutex that nobody has used.
    pub const fn new(data: T) -> Self {
        // INVARIANT: It is not `READY`.
        Self {
            state: Atomic::new(UNUSED),
            mutex: Opaque::uninit(),
            data: UnsafeCell::new(data),
        }
    }

    /// Takes the mutex, which may have to wait for it.
    ///
    /// May sleep.
    pub fn lock(&'static self) -> GlobalMutexGuard<T> {
        if self.state.load(Acquire) != READY {
            self.initialise();
        }
        // SAFETY: By the type invariant the mutex is initialised; a `static` does not move.
        unsafe { bindings::mutex_lock(self.mutex.get()) };
        // INVARIANT: It has just been taken.
        GlobalMutexGuard {
            mutex: self,
            _not_send: NotThreadSafe,
        }
    }

    /// Initialises the mutex, or waits for the thread that does.
    fn initialise(&'static self) {
        // All are of one class. lockdep wants one name for it, at one address: a literal would have
        // another one in each crate that this function is compiled for.
        static NAME: &CStr = c"GlobalMutex";

        if self.state.cmpxchg(UNUSED, BEGUN, Relaxed).is_ok() {
            let (name, class) = (NAME.as_char_ptr(), static_lock_class!());
            // SAFETY: Nobody else uses the mutex before the state is `READY`, and nobody else sets
            // that: this is the one thread that has found it unused.
            unsafe { bindings::__mutex_init(self.mutex.get(), name, class.as_ptr()) };
            // INVARIANT: It has been initialised, and whoever sees the state sees that.
            self.state.store(READY, Release);
        }
        while self.state.load(Acquire) != READY {
            // Asleep: that thread may need this very processor.
            fsleep(Delta::from_micros(100));
        }
    }
}

/// A [`GlobalMutex`], held.
///
/// # Examples
///
/// ```
/// use alsa::kext::global::{
///     GlobalMutex,
///     GlobalMutexGuard, //
/// };
///
/// static NAMES: GlobalMutex<KVec<&'static CStr>> = GlobalMutex::new(KVec::new());
///
/// fn add(names: &mut GlobalMutexGuard<KVec<&'static CStr>>, name: &'static CStr) -> Result {
///     names.push(name, GFP_KERNEL)?;
///     Ok(())
/// }
///
/// add(&mut NAMES.lock(), c"kitchen")?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The mutex is held by the thread that has the guard.
pub struct GlobalMutexGuard<T: 'static> {
    mutex: &'static GlobalMutex<T>,
    _not_send: NotThreadSafe,
}

// SAFETY: A shared reference to the guard gives no more than one to the data.
unsafe impl<T: Sync> Sync for GlobalMutexGuard<T> {}

impl<T> Deref for GlobalMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The mutex is held, by the type invariant.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T> DerefMut for GlobalMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The mutex is held, by the type invariant, and its one guard is borrowed.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T> Drop for GlobalMutexGuard<T> {
    fn drop(&mut self) {
        // SAFETY: The mutex is held, by the type invariant.
        unsafe { bindings::mutex_unlock(self.mutex.mutex.get()) };
    }
}

#[kunit_tests(alsa_global)]
mod tests {
    use super::*;

    static COUNT: GlobalMutex<u32> = GlobalMutex::new(5);

    #[test]
    fn locked_again() {
        *COUNT.lock() += 1;
        assert_eq!(*COUNT.lock(), 6);
    }
}
