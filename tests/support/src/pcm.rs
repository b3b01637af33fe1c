// SPDX-License-Identifier: GPL-2.0

//! One open PCM substream.

mod map;
mod params;
mod transfer;

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;

use crate::config::Address;
use crate::config::Config;
use crate::config::Dir;
use crate::kernel as k;
use crate::kernel::Errno;
use crate::pcm::map::Map;

/// An open substream. Calls return at once unless it was opened without O_NONBLOCK.
pub struct Pcm {
    map: Option<Map>,
    fd: OwnedFd,
    pub dir: Dir,
    pub cfg: Option<Config>,
    scratch: Vec<u8>,
    /// End of the pointers' range, in frames.
    pub boundary: u64,
}

/// A call without an argument besides the stream.
pub type Call = fn(&Pcm) -> Result<(), Errno>;

fn open_node(path: &str, flags: i32) -> Result<OwnedFd, Errno> {
    let path = CString::new(path).expect("no NUL in a path");
    // SAFETY: `path` is a valid C string, and the descriptor is new.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC | flags);
        if fd < 0 {
            return Err(Errno {
                call: "open",
                code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
            });
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Opens the control node of a card.
pub fn open_control(card: u32) -> Result<OwnedFd, Errno> {
    open_node(&format!("/dev/snd/controlC{card}"), libc::O_NONBLOCK)
}

impl Pcm {
    /// Opens exactly the substream named; fails with EBUSY if it is taken.
    pub fn open(at: Address) -> Result<Pcm, Errno> {
        Self::open_with(at, libc::O_NONBLOCK)
    }

    /// Opens with `flags`; without O_NONBLOCK the call waits while the substream is taken.
    pub fn open_with(at: Address, flags: i32) -> Result<Pcm, Errno> {
        let control = open_control(at.card)?;
        let mut sub = at.subdevice as i32;
        // SAFETY: The request reads one int.
        unsafe {
            k::ioctl(
                control.as_raw_fd(),
                "PCM_PREFER_SUBDEVICE",
                k::control::PCM_PREFER_SUBDEVICE,
                &mut sub,
            )?
        };
        // The preference holds for this process while `control` is open.
        let pcm = Self::open_any(at.card, at.device, at.dir, flags)?;
        let got = pcm.info()?.subdevice;
        if got != at.subdevice {
            return Err(Errno {
                call: "open of a preferred substream gave another one",
                code: libc::ENODEV,
            });
        }
        Ok(pcm)
    }

    /// Opens the substream that the core chooses.
    pub fn open_any(card: u32, device: u32, dir: Dir, flags: i32) -> Result<Pcm, Errno> {
        let path = format!("/dev/snd/pcmC{card}D{device}{}", dir.letter());
        Ok(Pcm {
            map: None,
            fd: open_node(&path, flags)?,
            dir,
            cfg: None,
            scratch: Vec::new(),
            boundary: 0,
        })
    }

    /// Another descriptor of this substream, for another thread.
    pub fn share(&self) -> Result<Pcm, Errno> {
        let fd = self.fd.try_clone().map_err(|e| Errno {
            call: "dup",
            code: e.raw_os_error().unwrap_or(0),
        })?;
        Ok(Pcm {
            map: None,
            fd,
            dir: self.dir,
            cfg: self.cfg,
            scratch: Vec::new(),
            boundary: self.boundary,
        })
    }

    /// The descriptor, for calls that are made on purpose as no client makes them.
    pub fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Issues a request whose argument is a `T`.
    pub fn call<T>(&self, name: &'static str, request: u64, arg: &mut T) -> Result<i32, Errno> {
        // SAFETY: Every caller, here and in `stamp`, passes the structure that the request is made
        // for.
        unsafe { k::ioctl(self.fd.as_raw_fd(), name, request, arg) }
    }

    fn plain(&self, name: &'static str, request: u64) -> Result<(), Errno> {
        self.call::<u8>(name, request, &mut 0).map(|_| ())
    }

    /// Makes DRAIN wait or not. Transfers go by how the substream was opened.
    pub fn set_blocking(&self, blocking: bool) {
        let flags = libc::O_RDWR | if blocking { 0 } else { libc::O_NONBLOCK };
        // SAFETY: Changes the flags of our own descriptor.
        unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_SETFL, flags) };
    }

    pub fn info(&self) -> Result<k::Info, Errno> {
        // SAFETY: All zeroes is a valid value of this plain structure.
        let mut info: k::Info = unsafe { std::mem::zeroed() };
        self.call("INFO", k::INFO, &mut info)?;
        Ok(info)
    }

    pub fn prepare(&self) -> Result<(), Errno> {
        // PREPARE takes the file flags as its argument's low bits; zero adds none.
        self.plain("PREPARE", k::PREPARE)
    }

    pub fn start(&self) -> Result<(), Errno> {
        self.plain("START", k::START)
    }

    pub fn stop(&self) -> Result<(), Errno> {
        self.plain("DROP", k::DROP)
    }

    pub fn drain(&self) -> Result<(), Errno> {
        self.plain("DRAIN", k::DRAIN)
    }

    pub fn reset(&self) -> Result<(), Errno> {
        self.plain("RESET", k::RESET)
    }

    pub fn resume(&self) -> Result<(), Errno> {
        self.plain("RESUME", k::RESUME)
    }

    /// Stops the stream as if it had run over or dry.
    pub fn xrun(&self) -> Result<(), Errno> {
        self.plain("XRUN", k::XRUN)
    }

    pub fn hwsync(&self) -> Result<(), Errno> {
        self.plain("HWSYNC", k::HWSYNC)
    }

    pub fn pause(&self, on: bool) -> Result<(), Errno> {
        // The argument is the value itself, not a pointer to it.
        // SAFETY: The kernel does not follow the argument of this request.
        unsafe {
            k::ioctl(
                self.fd.as_raw_fd(),
                "PAUSE",
                k::PAUSE,
                usize::from(on) as *mut u8,
            )
        }
        .map(|_| ())
    }

    pub fn forward(&self, frames: u64) -> Result<u64, Errno> {
        let mut frames = frames;
        self.call("FORWARD", k::FORWARD, &mut frames)?;
        Ok(frames)
    }

    pub fn rewind(&self, frames: u64) -> Result<u64, Errno> {
        let mut frames = frames;
        self.call("REWIND", k::REWIND, &mut frames)?;
        Ok(frames)
    }

    pub fn delay(&self) -> Result<i64, Errno> {
        let mut frames = 0i64;
        self.call("DELAY", k::DELAY, &mut frames)?;
        Ok(frames)
    }

    /// Links this stream with `other`, so that one call starts or stops both.
    pub fn link(&self, other: &Pcm) -> Result<(), Errno> {
        self.link_fd(other.fd())
    }

    /// Links with the stream that this descriptor is of.
    pub fn link_fd(&self, fd: i32) -> Result<(), Errno> {
        // SAFETY: The argument of this request is a descriptor, not a pointer.
        unsafe { k::ioctl(self.fd(), "LINK", k::LINK, fd as usize as *mut u8) }.map(drop)
    }

    pub fn unlink(&self) -> Result<(), Errno> {
        self.plain("UNLINK", k::UNLINK)
    }

    pub fn channel_info(&self, channel: u32) -> Result<k::ChannelInfo, Errno> {
        let mut info = k::ChannelInfo {
            channel,
            ..Default::default()
        };
        self.call("CHANNEL_INFO", k::CHANNEL_INFO, &mut info)?;
        Ok(info)
    }

    pub fn status(&self) -> Result<k::Status, Errno> {
        let mut status = k::Status::default();
        self.call("STATUS", k::STATUS, &mut status)?;
        Ok(status)
    }

    pub fn state(&self) -> Result<i32, Errno> {
        Ok(self.status()?.state)
    }

    /// Waits until the stream is ready, has failed, or `ms` milliseconds have passed (`None`).
    pub fn poll(&self, ms: i32) -> Option<i16> {
        let mut fd = [self.pollfd()];
        poll(&mut fd, ms).then_some(fd[0].revents)
    }

    pub fn pollfd(&self) -> libc::pollfd {
        libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: match self.dir {
                Dir::Playback => libc::POLLOUT,
                Dir::Capture => libc::POLLIN,
            },
            revents: 0,
        }
    }

    /// Brings the hardware position up to date; returns it with the application pointer.
    pub fn pointers(&self) -> Result<(u64, u64), Errno> {
        let mut sync = k::SyncPtr {
            flags: k::SYNC_PTR_HWSYNC | k::SYNC_PTR_APPL | k::SYNC_PTR_AVAIL_MIN,
            ..Default::default()
        };
        self.call("SYNC_PTR", k::SYNC_PTR, &mut sync)?;
        Ok((sync.hw_ptr, sync.appl_ptr))
    }
}

/// Waits for any of `fds`; false after `ms` milliseconds.
pub fn poll(fds: &mut [libc::pollfd], ms: i32) -> bool {
    // SAFETY: `fds` is a valid array of its length.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) > 0 }
}
