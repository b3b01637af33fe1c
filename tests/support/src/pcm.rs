// SPDX-License-Identifier: GPL-2.0

//! One open PCM substream.

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
use crate::signal::Audio;

struct Map {
    addr: *mut u8,
    bytes: usize,
}

// SAFETY: The mapping belongs to the process, not to a thread.
unsafe impl Send for Map {}
// SAFETY: Its memory is touched only through `&mut Pcm`.
unsafe impl Sync for Map {}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The region was mapped by us and nothing else refers to it.
        unsafe { libc::munmap(self.addr.cast(), self.bytes) };
    }
}

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

    pub fn hw_refine(&self, params: &k::HwParams) -> Result<k::HwParams, Errno> {
        let mut params = *params;
        self.call("HW_REFINE", k::HW_REFINE, &mut params)?;
        Ok(params)
    }

    pub fn hw_params(&self, params: &k::HwParams) -> Result<k::HwParams, Errno> {
        let mut params = *params;
        self.call("HW_PARAMS", k::HW_PARAMS, &mut params)?;
        Ok(params)
    }

    pub fn hw_free(&mut self) -> Result<(), Errno> {
        self.map = None;
        self.hw_free_mapped()
    }

    /// HW_FREE that leaves the buffer mapped, if it is.
    pub fn hw_free_mapped(&self) -> Result<(), Errno> {
        self.plain("HW_FREE", k::HW_FREE)
    }

    /// HW_PARAMS and SW_PARAMS: no automatic start, stop at a full or empty ring, wake-up at each
    /// period, time stamps of CLOCK_MONOTONIC. The state is SETUP afterwards.
    pub fn setup(&mut self, cfg: &Config) -> Result<(), Errno> {
        self.map = None;
        self.hw_params(&cfg.request())?;
        self.cfg = Some(*cfg);
        self.sw_params(cfg.buffer() as u64)?;
        if cfg.access.is_mmap() {
            self.map = Some(self.map_ring(cfg.buffer() * cfg.frame_bytes())?);
        }
        Ok(())
    }

    /// HW_PARAMS alone, with `flags`. The ring is neither mapped nor unmapped.
    pub fn set_params(&mut self, cfg: &Config, flags: u32) -> Result<(), Errno> {
        let mut request = cfg.request();
        request.flags |= flags;
        self.hw_params(&request)?;
        self.cfg = Some(*cfg);
        Ok(())
    }

    /// Maps the ring, if it is not.
    pub fn map(&mut self) -> Result<(), Errno> {
        if self.map.is_none() {
            let cfg = self.config();
            let bytes = cfg.buffer() * cfg.frame_bytes();
            self.map = Some(self.map_ring(bytes)?);
        }
        Ok(())
    }

    /// Unmaps the ring, if it is mapped.
    pub fn unmap(&mut self) {
        self.map = None;
    }

    pub fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// `setup` and PREPARE.
    pub fn configure(&mut self, cfg: &Config) -> Result<(), Errno> {
        self.setup(cfg)?;
        self.prepare()
    }

    /// SW_PARAMS with the given stop threshold; `u64::MAX` never stops the stream.
    pub fn sw_params(&mut self, stop_threshold: u64) -> Result<(), Errno> {
        let half = self.half_a_period();
        self.set_thresholds(u64::MAX, stop_threshold, half)
    }

    /// SW_PARAMS for a stream that starts by itself when `frames` frames are asked for.
    pub fn sw_params_starting_at(&mut self, frames: u64) -> Result<(), Errno> {
        let half = self.half_a_period();
        self.set_thresholds(frames, self.config().buffer() as u64, half)
    }

    /// SW_PARAMS for a stream whose application is woken when a whole period is available.
    pub fn sw_params_waking_at_a_period(&mut self) -> Result<(), Errno> {
        let cfg = self.config();
        let (period, buffer) = (u64::from(cfg.period), cfg.buffer() as u64);
        self.set_thresholds(u64::MAX, buffer, period)
    }

    /// SW_PARAMS for a stream that never stops by itself and wakes who waits for `frames` frames.
    pub fn sw_params_waking_at(&mut self, frames: u64) -> Result<(), Errno> {
        self.set_thresholds(u64::MAX, u64::MAX, frames)
    }

    /// Enough to be woken at: a wake-up comes at a period's end, and must not be missed because
    /// some frames of that period were moved already.
    fn half_a_period(&self) -> u64 {
        u64::from(self.config().period / 2).max(1)
    }

    /// SW_PARAMS for a stream that never stops by itself, that starts without frames, and whose
    /// ring the core fills with silence at the START and behind the hardware position.
    pub fn sw_params_with_silence(&mut self) -> Result<(), Errno> {
        let boundary = self.boundary;
        let mut sw = k::SwParams {
            period_step: 1,
            avail_min: 1,
            start_threshold: boundary,
            stop_threshold: boundary,
            silence_size: boundary,
            proto: 0x2_000c,
            ..Default::default()
        };
        self.call("SW_PARAMS", k::SW_PARAMS, &mut sw).map(|_| ())
    }

    /// SW_PARAMS: the frames asked for that start the stream, the frames available that stop it,
    /// and those that wake who waits. `u64::MAX` is never.
    pub fn set_thresholds(&mut self, start: u64, stop: u64, avail_min: u64) -> Result<(), Errno> {
        const NEVER: u64 = i64::MAX as u64;
        let mut sw = k::SwParams {
            tstamp_mode: 1,
            period_step: 1,
            avail_min,
            start_threshold: start.min(NEVER),
            stop_threshold: stop.min(NEVER),
            proto: 0x2_000c,
            tstamp_type: 1,
            ..Default::default()
        };
        self.call("SW_PARAMS", k::SW_PARAMS, &mut sw)?;
        self.boundary = sw.boundary;
        Ok(())
    }

    /// Maps the ring, with all its pages at once: once the card is gone, the kernel has a signal
    /// (`SIGBUS`) for whoever touches one for the first time, which no caller could turn into an
    /// error.
    fn map_ring(&self, bytes: usize) -> Result<Map, Errno> {
        let bytes = bytes.next_multiple_of(4096);
        // SAFETY: A new mapping of our own descriptor.
        let addr = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                self.fd.as_raw_fd(),
                0,
            )
        };
        if addr == libc::MAP_FAILED {
            return Err(Errno {
                call: "mmap",
                code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
            });
        }
        let map = Map {
            addr: addr.cast(),
            bytes,
        };
        // That a page is missing, `mmap` doesn't tell. The card's calls are refused before its
        // pages are.
        let mut version = 0;
        self.call("mmap", k::PVERSION, &mut version)?;
        Ok(map)
    }

    pub fn config(&self) -> &Config {
        self.cfg.as_ref().expect("the stream has parameters")
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

    fn set_appl_ptr(&self, appl_ptr: u64) -> Result<(), Errno> {
        let mut sync = k::SyncPtr {
            flags: k::SYNC_PTR_AVAIL_MIN,
            appl_ptr,
            ..Default::default()
        };
        self.call("SYNC_PTR", k::SYNC_PTR, &mut sync).map(|_| ())
    }

    /// Writes frames of `audio` from `from` on, as many as fit; 0 if none does.
    pub fn write(&mut self, audio: &Audio, from: usize, frames: usize) -> Result<usize, Errno> {
        debug_assert!(from + frames <= audio.len());
        if frames == 0 {
            return Ok(0);
        }
        if self.map.is_some() {
            let (hw, appl) = self.pointers()?;
            let n = frames.min(self.free(hw, appl));
            self.copy(appl, n, |ring, plane, offset| {
                let at = from * audio.unit + offset;
                ring.copy_from_slice(&audio.planes[plane][at..at + ring.len()]);
            });
            self.set_appl_ptr((appl + n as u64) % self.boundary)?;
            return Ok(n);
        }
        let pointers: Vec<*mut u8> = audio
            .planes
            .iter()
            .map(|p| p[from * audio.unit..].as_ptr().cast_mut())
            .collect();
        self.transfer(
            &pointers,
            frames,
            [("WRITEI", k::WRITEI), ("WRITEN", k::WRITEN)],
        )
    }

    /// Appends up to `frames` captured frames to `audio`; returns how many, 0 if there are none.
    pub fn read(&mut self, audio: &mut Audio, frames: usize) -> Result<usize, Errno> {
        let unit = audio.unit;
        if self.map.is_some() {
            let (hw, appl) = self.pointers()?;
            let avail = ((hw + self.boundary - appl) % self.boundary) as usize;
            let n = frames.min(avail);
            self.copy(appl, n, |ring, plane, _| {
                audio.planes[plane].extend_from_slice(ring);
            });
            self.set_appl_ptr((appl + n as u64) % self.boundary)?;
            return Ok(n);
        }
        let plane_bytes = frames * unit;
        let mut buffer = std::mem::take(&mut self.scratch);
        if buffer.len() < plane_bytes * audio.planes.len() {
            buffer.resize(plane_bytes * audio.planes.len(), 0);
        }
        let pointers: Vec<*mut u8> = buffer
            .chunks_mut(plane_bytes.max(1))
            .take(audio.planes.len())
            .map(|plane| plane.as_mut_ptr())
            .collect();
        let result = self.transfer(
            &pointers,
            frames,
            [("READI", k::READI), ("READN", k::READN)],
        );
        if let Ok(n) = result {
            for (plane, from) in audio
                .planes
                .iter_mut()
                .zip(buffer.chunks(plane_bytes.max(1)))
            {
                plane.extend_from_slice(&from[..n * unit]);
            }
        }
        self.scratch = buffer;
        result
    }

    /// READ or WRITE of one plane or of several; 0 if the call would have to wait.
    fn transfer(
        &self,
        planes: &[*mut u8],
        frames: usize,
        calls: [(&'static str, u64); 2],
    ) -> Result<usize, Errno> {
        let planar = self.config().access.is_planar();
        let (name, request) = calls[usize::from(planar)];
        let mut xfer = k::Xfer {
            result: 0,
            buf: if planar {
                planes.as_ptr().cast_mut().cast()
            } else {
                planes[0].cast()
            },
            frames: frames as u64,
        };
        match self.call(name, request, &mut xfer) {
            Ok(_) => Ok(xfer.result as usize),
            Err(e) if e.code == libc::EAGAIN => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Frames of a playback ring that may be written.
    fn free(&self, hw: u64, appl: u64) -> usize {
        let queued = (appl + self.boundary - hw) % self.boundary;
        self.config().buffer().saturating_sub(queued as usize)
    }

    /// Calls `each` with the pieces of the mapped ring that hold `n` frames from `appl` on: the
    /// piece, the number of its plane, and the offset of the piece in that plane's frames.
    fn copy(&mut self, appl: u64, n: usize, mut each: impl FnMut(&mut [u8], usize, usize)) {
        let cfg = *self.config();
        let (planes, unit) = if cfg.access.is_planar() {
            (cfg.channels, cfg.format.bytes)
        } else {
            (1, cfg.frame_bytes())
        };
        let map = self.map.as_mut().expect("the ring is mapped");
        // SAFETY: The mapping is at least this long; only the kernel changes it beside us, and it
        // does so at the other side of the pointers.
        let ring = unsafe { std::slice::from_raw_parts_mut(map.addr, map.bytes) };
        let start = (appl % cfg.buffer() as u64) as usize;
        let first = n.min(cfg.buffer() - start);
        for plane in 0..planes {
            let base = plane * cfg.buffer() * unit;
            let at = base + start * unit;
            each(&mut ring[at..at + first * unit], plane, 0);
            each(
                &mut ring[base..base + (n - first) * unit],
                plane,
                first * unit,
            );
        }
    }
}

/// Waits for any of `fds`; false after `ms` milliseconds.
pub fn poll(fds: &mut [libc::pollfd], ms: i32) -> bool {
    // SAFETY: `fds` is a valid array of its length.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) > 0 }
}
