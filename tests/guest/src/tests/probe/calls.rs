// SPDX-License-Identifier: GPL-2.0

//! Every call that there is on a stream, with good and with bad arguments.

use std::io;

use support::config::state_name;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::kernel as k;
use support::kernel::errno_name;
use support::kernel::HwParams;
use support::pcm::Pcm;

/// A call: its name, what it does, and whether the number that it returns depends on the moment.
pub struct Call {
    pub name: &'static str,
    run: fn(&Pcm) -> Answer,
    moves: bool,
}

/// The number that the call gave, or its error.
type Answer = Result<i64, i32>;

impl Call {
    /// The answer as text, with the state that the stream is in afterwards.
    pub fn answer(&self, pcm: &Pcm) -> String {
        let answer = match (self.run)(pcm) {
            Ok(_) if self.moves => "ok".to_string(),
            Ok(number) => format!("ok {number}"),
            Err(code) if errno_name(code).is_empty() => format!("error {code}"),
            Err(code) => errno_name(code).to_string(),
        };
        let state = match pcm.state() {
            Ok(state) => state_name(state).to_string(),
            Err(e) => e.to_string(),
        };
        format!("{answer}, then {state}")
    }
}

fn last_error() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn ioctl<T>(pcm: &Pcm, request: u64, argument: &mut T) -> Answer {
    // SAFETY: Every caller passes the structure that the request is made for, or one that is
    // larger.
    unsafe { k::ioctl(pcm.fd(), "call", request, argument) }
        .map(i64::from)
        .map_err(|e| e.code)
}

/// An ioctl whose argument is a value, or the address of nothing.
fn valued(pcm: &Pcm, request: u64, argument: usize) -> Answer {
    // SAFETY: The kernel refuses addresses that are not the program's.
    unsafe { k::ioctl(pcm.fd(), "call", request, argument as *mut u8) }
        .map(i64::from)
        .map_err(|e| e.code)
}

fn params(pcm: &Pcm, request: u64, mut params: HwParams) -> Answer {
    ioctl(pcm, request, &mut params)
}

const NEVER: u64 = i64::MAX as u64;

fn sw(pcm: &Pcm, change: fn(&mut k::SwParams)) -> Answer {
    let mut sw = k::SwParams {
        tstamp_mode: 1,
        period_step: 1,
        avail_min: 16,
        start_threshold: NEVER,
        stop_threshold: NEVER,
        proto: 0x2_000c,
        tstamp_type: 1,
        ..Default::default()
    };
    change(&mut sw);
    ioctl(pcm, k::SW_PARAMS, &mut sw)
}

fn sync_ptr(pcm: &Pcm, flags: u32, appl_ptr: u64, avail_min: u64) -> Answer {
    let mut sync = k::SyncPtr {
        flags,
        appl_ptr,
        avail_min,
        ..Default::default()
    };
    ioctl(pcm, k::SYNC_PTR, &mut sync)
}

fn frames(pcm: &Pcm, request: u64, count: u64) -> Answer {
    let mut count = count;
    ioctl(pcm, request, &mut count)?;
    Ok(count as i64)
}

const BYTES: usize = 16 * 4;

/// A transfer of 16 frames, interleaved or not.
fn transfer(pcm: &Pcm, request: u64, planar: bool) -> Answer {
    let mut bytes = [0u8; BYTES];
    let mut planes = [bytes.as_mut_ptr(), bytes[32..].as_mut_ptr()];
    let mut xfer = k::Xfer {
        result: 0,
        buf: match planar {
            true => planes.as_mut_ptr().cast(),
            false => bytes.as_mut_ptr().cast(),
        },
        frames: 16,
    };
    ioctl(pcm, request, &mut xfer)?;
    Ok(xfer.result)
}

fn transfer_of(pcm: &Pcm, frames: u64, address: usize) -> Answer {
    let request = match pcm.dir {
        Dir::Playback => k::WRITEI,
        Dir::Capture => k::READI,
    };
    let mut xfer = k::Xfer {
        result: 0,
        buf: address as *mut libc::c_void,
        frames,
    };
    ioctl(pcm, request, &mut xfer)?;
    Ok(xfer.result)
}

fn checked(result: isize) -> Answer {
    if result < 0 {
        Err(last_error())
    } else {
        Ok(result as i64)
    }
}

fn read(pcm: &Pcm, bytes: usize) -> Answer {
    let mut buffer = [0u8; BYTES];
    // SAFETY: The buffer is as long as is said, or longer.
    checked(unsafe { libc::read(pcm.fd(), buffer.as_mut_ptr().cast(), bytes) })
}

fn write(pcm: &Pcm, bytes: usize) -> Answer {
    let buffer = [0u8; BYTES];
    // SAFETY: As above.
    checked(unsafe { libc::write(pcm.fd(), buffer.as_ptr().cast(), bytes) })
}

fn vectors(pcm: &Pcm, count: usize) -> Answer {
    let mut buffer = [0u8; BYTES];
    let vector = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: 32,
    };
    let vectors = [vector; 3];
    // SAFETY: Each vector describes the buffer.
    checked(unsafe {
        match pcm.dir {
            Dir::Playback => libc::writev(pcm.fd(), vectors.as_ptr(), count as i32),
            Dir::Capture => libc::readv(pcm.fd(), vectors.as_ptr(), count as i32),
        }
    })
}

fn map(pcm: &Pcm, bytes: usize, protection: i32, offset: i64) -> Answer {
    // SAFETY: A new mapping, which is given back at once.
    unsafe {
        let address = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            protection,
            libc::MAP_SHARED,
            pcm.fd(),
            offset,
        );
        if address == libc::MAP_FAILED {
            return Err(last_error());
        }
        libc::munmap(address, bytes);
    }
    Ok(0)
}

fn poll(pcm: &Pcm, events: i16) -> Answer {
    let mut fd = libc::pollfd {
        fd: pcm.fd(),
        events,
        revents: 0,
    };
    // SAFETY: One valid pollfd.
    unsafe { libc::poll(&mut fd, 1, 0) };
    Ok(i64::from(fd.revents))
}

fn other_rate() -> Config {
    Config {
        rate: 44100,
        ..LONG
    }
}

fn other_channels() -> Config {
    Config {
        channels: 1,
        ..LONG
    }
}

const RO: i32 = libc::PROT_READ;
const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
const BUFFER: usize = 480 * 32 * 4;

/// All calls.
pub fn all() -> Vec<Call> {
    let call = |name, run| Call {
        name,
        run,
        moves: false,
    };
    let moving = |name, run| Call {
        name,
        run,
        moves: true,
    };
    vec![
        call("PVERSION", |p| {
            let mut version = 0i32;
            ioctl(p, k::PVERSION, &mut version)?;
            Ok(i64::from(version))
        }),
        call("USER_PVERSION", |p| {
            ioctl(p, k::USER_PVERSION, &mut 0x2_0012)
        }),
        call("TTSTAMP 1", |p| ioctl(p, k::TTSTAMP, &mut 1)),
        call("TTSTAMP 9", |p| ioctl(p, k::TTSTAMP, &mut 9)),
        call("INFO", |p| p.info().map(|_| 0).map_err(|e| e.code)),
        call("INFO of no address", |p| valued(p, k::INFO, 8)),
        call("HW_REFINE of any", |p| {
            params(p, k::HW_REFINE, HwParams::any())
        }),
        call("HW_REFINE, 1 Hz", |p| {
            params(p, k::HW_REFINE, HwParams::any().exactly(k::RATE, 1))
        }),
        call("HW_REFINE of no address", |p| valued(p, k::HW_REFINE, 8)),
        call("HW_PARAMS again", |p| {
            params(p, k::HW_PARAMS, LONG.request())
        }),
        call("HW_PARAMS, another rate", |p| {
            params(p, k::HW_PARAMS, other_rate().request())
        }),
        call("HW_PARAMS, other channels", |p| {
            params(p, k::HW_PARAMS, other_channels().request())
        }),
        call("HW_PARAMS, 1 Hz", |p| {
            params(p, k::HW_PARAMS, HwParams::any().exactly(k::RATE, 1))
        }),
        call("HW_PARAMS of no address", |p| valued(p, k::HW_PARAMS, 8)),
        call("HW_FREE", |p| valued(p, k::HW_FREE, 0)),
        call("SW_PARAMS", |p| sw(p, |_| {})),
        call("SW_PARAMS, avail_min 0", |p| sw(p, |s| s.avail_min = 0)),
        call("SW_PARAMS, time stamps 7", |p| sw(p, |s| s.tstamp_mode = 7)),
        call("SW_PARAMS, silence beyond", |p| {
            sw(p, |s| s.silence_size = 1 << 40)
        }),
        call("SW_PARAMS, silence threshold", |p| {
            sw(p, |s| {
                s.silence_size = 16;
                s.silence_threshold = 8;
            })
        }),
        call("SW_PARAMS of no address", |p| valued(p, k::SW_PARAMS, 8)),
        call("STATUS", |p| ioctl(p, k::STATUS, &mut k::Status::default())),
        call("STATUS_EXT", |p| {
            ioctl(p, k::STATUS_EXT, &mut k::Status::default())
        }),
        call("STATUS of no address", |p| valued(p, k::STATUS, 8)),
        moving("DELAY", |p| frames(p, k::DELAY, 0)),
        call("HWSYNC", |p| valued(p, k::HWSYNC, 0)),
        call("SYNC_PTR, look", |p| sync_ptr(p, 7, 0, 0)),
        call("SYNC_PTR, appl_ptr beyond", |p| {
            sync_ptr(p, 5, u64::MAX, 16)
        }),
        call("SYNC_PTR, avail_min 0", |p| sync_ptr(p, 3, 0, 0)),
        call("CHANNEL_INFO 1", |p| {
            p.channel_info(1)
                .map(|i| i64::from(i.first))
                .map_err(|e| e.code)
        }),
        call("CHANNEL_INFO 2", |p| {
            p.channel_info(2).map(|_| 0).map_err(|e| e.code)
        }),
        call("PREPARE", |p| valued(p, k::PREPARE, 0)),
        call("RESET", |p| valued(p, k::RESET, 0)),
        call("START", |p| valued(p, k::START, 0)),
        call("DROP", |p| valued(p, k::DROP, 0)),
        call("DRAIN", |p| valued(p, k::DRAIN, 0)),
        call("PAUSE", |p| valued(p, k::PAUSE, 1)),
        call("PAUSE, release", |p| valued(p, k::PAUSE, 0)),
        moving("REWIND 16", |p| frames(p, k::REWIND, 16)),
        moving("REWIND too many", |p| frames(p, k::REWIND, 1 << 40)),
        call("REWIND 0", |p| frames(p, k::REWIND, 0)),
        moving("FORWARD 16", |p| frames(p, k::FORWARD, 16)),
        moving("FORWARD too many", |p| frames(p, k::FORWARD, 1 << 40)),
        call("RESUME", |p| valued(p, k::RESUME, 0)),
        call("XRUN", |p| valued(p, k::XRUN, 0)),
        call("LINK with itself", |p| valued(p, k::LINK, p.fd() as usize)),
        call("LINK with nothing", |p| valued(p, k::LINK, 9999)),
        call("UNLINK", |p| valued(p, k::UNLINK, 0)),
        call("WRITEI", |p| transfer(p, k::WRITEI, false)),
        call("WRITEN", |p| transfer(p, k::WRITEN, true)),
        call("READI", |p| transfer(p, k::READI, false)),
        call("READN", |p| transfer(p, k::READN, true)),
        call("transfer of 0 frames", |p| transfer_of(p, 0, 64)),
        call("transfer of no address", |p| transfer_of(p, 16, 8)),
        call("READI of no address", |p| valued(p, k::READI, 8)),
        call("read", |p| read(p, BYTES)),
        call("read of half a frame", |p| read(p, 2)),
        call("write", |p| write(p, BYTES)),
        call("write of half a frame", |p| write(p, 2)),
        call("one vector", |p| vectors(p, 1)),
        call("two vectors", |p| vectors(p, 2)),
        call("poll for reading", |p| poll(p, libc::POLLIN)),
        call("poll for writing", |p| poll(p, libc::POLLOUT)),
        call("mmap", |p| map(p, BUFFER, RO, 0)),
        call("mmap to write", |p| map(p, BUFFER, RW, 0)),
        call("mmap of more than the buffer", |p| {
            map(p, BUFFER + 4096, RO, 0)
        }),
        call("mmap behind the buffer", |p| map(p, 4096, RO, 1 << 22)),
        call("mmap of the status", |p| map(p, 4096, RO, 0x8200_0000)),
        call("mmap of the status to write", |p| {
            map(p, 4096, RW, 0x8200_0000)
        }),
        call("mmap of the control", |p| map(p, 4096, RW, 0x8300_0000)),
        call("an unknown call", |p| valued(p, 0x4170, 0)),
        // SAFETY: Asks for a place in what has none.
        call("lseek", |p| {
            checked(unsafe { libc::lseek(p.fd(), 4, libc::SEEK_SET) } as isize)
        }),
    ]
}
