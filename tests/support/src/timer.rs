// SPDX-License-Identifier: GPL-2.0

//! The sound timers as an application has them, by `/dev/snd/timer`.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsRawFd;

use crate::kernel as k;
use crate::kernel::timer::CONTINUE;
use crate::kernel::timer::PARAMS;
use crate::kernel::timer::SELECT;
use crate::kernel::timer::START;
use crate::kernel::timer::STOP;
use crate::kernel::Errno;

/// `struct snd_timer_select` of `<sound/asound.h>`: class, class of slave, card, device, subdevice.
#[repr(C)]
struct Select {
    id: [i32; 5],
    reserved: [u8; 32],
}

/// `struct snd_timer_params`.
#[repr(C)]
struct Params {
    flags: u32,
    ticks: u32,
    queue_size: u32,
    reserved: u32,
    filter: u32,
    more: [u8; 60],
}

const _: () = assert!(size_of::<Select>() == 52 && size_of::<Params>() == 80);

/// A timer opened by an application.
pub struct UserTimer(File);

impl UserTimer {
    pub fn open() -> std::io::Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/snd/timer")
            .map(UserTimer)
    }

    /// The descriptor, to be polled.
    pub fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    fn call<T>(&self, name: &'static str, request: u64, arg: &mut T) -> Result<i32, Errno> {
        // SAFETY: Each caller passes the structure that the request is made for.
        unsafe { k::ioctl(self.0.as_raw_fd(), name, request, arg) }
    }

    /// Chooses the timer of a substream: class PCM, class of slave APPLICATION.
    pub fn select(&self, card: u32, device: u32, subdevice: u32) -> Result<(), Errno> {
        let mut select = Select {
            id: [3, 1, card as i32, device as i32, subdevice as i32],
            reserved: [0; 32],
        };
        self.call("TIMER_SELECT", SELECT, &mut select)?;
        let mut params = Params {
            flags: 1, // AUTO
            ticks: 1,
            queue_size: 64,
            reserved: 0,
            filter: 0,
            more: [0; 60],
        };
        self.call("TIMER_PARAMS", PARAMS, &mut params).map(drop)
    }

    /// Has it tick with the timers that this thread opens: class SLAVE, class of slave APPLICATION.
    pub fn select_slave(&self) -> Result<(), Errno> {
        // SAFETY: Has no arguments.
        let tid = unsafe { libc::gettid() };
        let mut select = Select {
            id: [0, 1, -1, tid, 0],
            reserved: [0; 32],
        };
        self.call("TIMER_SELECT", SELECT, &mut select).map(drop)
    }

    fn plain(&self, name: &'static str, request: u64) -> Result<(), Errno> {
        self.call::<u8>(name, request, &mut 0).map(drop)
    }

    pub fn start(&self) -> Result<(), Errno> {
        self.plain("TIMER_START", START)
    }

    pub fn stop(&self) -> Result<(), Errno> {
        self.plain("TIMER_STOP", STOP)
    }

    /// Starts it again where it was stopped.
    pub fn go_on(&self) -> Result<(), Errno> {
        self.plain("TIMER_CONTINUE", CONTINUE)
    }

    /// To be polled for ticks.
    pub fn pollfd(&self) -> libc::pollfd {
        libc::pollfd {
            fd: self.fd(),
            events: libc::POLLIN,
            revents: 0,
        }
    }

    /// Waits for a tick.
    pub fn wait(&mut self) -> std::io::Result<()> {
        // `struct snd_timer_read`: resolution and ticks.
        self.0.read_exact(&mut [0; 8])
    }
}
