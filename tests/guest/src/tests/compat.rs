// SPDX-License-Identifier: GPL-2.0

//! Programs of 32 bits, 15.2: the same calls by their way into the kernel, with their structures.

use support::bits32;
use support::bits32::Low;
use support::cable::record;
use support::cable::wait_for_position;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::elements::Controls;
use support::elements::SHIFT;
use support::kernel as k;
use support::kernel::Errno;
use support::kernel::HwParams;
use support::ktap::Context;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::open_control;
use support::pcm::Pcm;
use support::signal::compare;
use support::signal::Expect;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("compat", name, run);
    vec![
        test("15.2 32 bits: parameters are the same", parameters),
        test("15.2 32 bits: a stream is played and recorded", stream),
        test(
            "15.2 32 bits: SYNC_PTR, REWIND, FORWARD and DELAY know the positions",
            positions,
        ),
        test("15.2 32 bits: a control is read and written", control),
    ]
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 4,
};

// Requests with the sizes of the structures of 32 bits.
const HW_REFINE32: u32 = 0xc25c_4110;
const HW_PARAMS32: u32 = 0xc25c_4111;
const WRITEI32: u32 = 0x400c_4150;
const READI32: u32 = 0x800c_4151;
const SW_PARAMS32: u32 = 0xc068_4113;
const DELAY32: u32 = 0x8004_4121;
const PREPARE32: u32 = 0x4140;
const REWIND32: u32 = 0x4004_4146;
const FORWARD32: u32 = 0x4004_4149;
const START32: u32 = 0x4142;

// Where numbers of 64 bits are not aligned, and a time has 32.
#[cfg(target_arch = "x86_64")]
mod machine {
    pub const STATUS32: u32 = 0x806c_4120;
    pub const HW_PTR: usize = 24;
    pub const ELEM_READ32: u32 = 0xc2c4_5512;
    pub const ELEM_WRITE32: u32 = 0xc2c4_5513;
    pub const VALUE: usize = 68;
}

// Where they are, and a time has 64, as in all of Debian's programs. (bits32/calls.c proves it.)
#[cfg(target_arch = "aarch64")]
mod machine {
    pub const STATUS32: u32 = 0x8080_4120;
    pub const HW_PTR: usize = 44;
    pub const ELEM_READ32: u32 = 0xc2c8_5512;
    pub const ELEM_WRITE32: u32 = 0xc2c8_5513;
    pub const VALUE: usize = 72;
}

use machine::ELEM_READ32;
use machine::ELEM_WRITE32;
use machine::HW_PTR;
use machine::STATUS32;
use machine::VALUE;

/// Bytes of the parameters that have the same place for both, before `fifo_size`.
const PARAMS_ALIKE: usize = 536;

fn low(bytes: usize) -> Result<Low, Errno> {
    Low::new(bytes).ok_or(Errno {
        call: "mmap below 4 GiB",
        code: libc::ENOMEM,
    })
}

fn ioctl32(fd: i32, call: &'static str, request: u32, argument: u32) -> Result<i32, Errno> {
    bits32::ioctl32(fd, request, argument).map_err(|code| Errno { call, code })
}

fn bytes_of(params: &HwParams) -> &[u8] {
    // SAFETY: A plain structure without padding before the end of what is used.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(params).cast(), size_of::<HwParams>()) }
}

fn parameters(ctx: &Context) -> Outcome {
    for dir in support::config::Dir::BOTH {
        let pcm = Pcm::open(CABLE.side(ctx, dir))?;
        for request in [HwParams::any(), LONG.request()] {
            let mut low = low(4096)?;
            low.bytes()[..PARAMS_ALIKE].copy_from_slice(&bytes_of(&request)[..PARAMS_ALIKE]);
            ioctl32(pcm.fd(), "HW_REFINE", HW_REFINE32, low.address())?;
            let native = pcm.hw_refine(&request)?;
            check!(
                low.bytes()[..PARAMS_ALIKE] == bytes_of(&native)[..PARAMS_ALIKE],
                "HW_REFINE by 32 bits gives the {dir:?} other parameters"
            );
        }
        // Refused alike.
        let mut low = low(4096)?;
        let bad = HwParams::any().exactly(k::RATE, 768_001);
        low.bytes()[..PARAMS_ALIKE].copy_from_slice(&bytes_of(&bad)[..PARAMS_ALIKE]);
        let result = ioctl32(pcm.fd(), "HW_PARAMS", HW_PARAMS32, low.address());
        support::ktap::expect_error("HW_PARAMS with 768001 Hz", result, libc::EINVAL)?;
    }
    Ok(())
}

/// HW_PARAMS, SW_PARAMS and PREPARE. Positions start anew before 2^31.
pub(super) fn configure_by_32_bits(pcm: &mut Pcm, cfg: &Config, flags: u32) -> Outcome {
    let mut low = low(4096)?;
    let mut request = cfg.request();
    request.flags |= flags;
    low.bytes()[..PARAMS_ALIKE].copy_from_slice(&bytes_of(&request)[..PARAMS_ALIKE]);
    ioctl32(pcm.fd(), "HW_PARAMS", HW_PARAMS32, low.address())?;
    pcm.cfg = Some(*cfg);
    // No start by itself; period_step, avail_min, xfer_align, and the two thresholds.
    low.bytes()[..104].fill(0);
    for (offset, value) in [
        (4, 1),
        (12, (cfg.period / 2).max(1)),
        (16, 1),
        (20, i32::MAX as u32),
        (24, cfg.buffer() as u32),
    ] {
        low.set_u32(offset, value);
    }
    ioctl32(pcm.fd(), "SW_PARAMS", SW_PARAMS32, low.address())?;
    ioctl32(pcm.fd(), "PREPARE", PREPARE32, 0)?;
    check_eq!("state", pcm.state()?, PREPARED);
    Ok(())
}

fn stream(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    let mut low = low(1 << 20)?;
    for pcm in [&mut play, &mut rec] {
        configure_by_32_bits(pcm, &LONG, 0)?;
    }
    let mut source = LONG.signal(4800, 140);
    source.append(&LONG.silence(9600), 0..9600);
    let place = low.address() + 64;
    low.bytes()[64..64 + source.planes[0].len()].copy_from_slice(&source.planes[0]);
    low.set_u32(4, place);
    low.set_u32(8, source.len() as u32);
    ioctl32(play.fd(), "WRITEI", WRITEI32, low.address())?;
    check_eq!("frames written", low.u32_at(0), source.len() as u32);
    ioctl32(rec.fd(), "START", START32, 0)?;
    ioctl32(play.fd(), "START", START32, 0)?;
    wait_for_position(&rec, 9600, std::time::Duration::from_secs(1))?;
    let before = rec.status()?.hw_ptr;
    ioctl32(rec.fd(), "STATUS", STATUS32, low.address())?;
    let (state, at) = (low.u32_at(0), u64::from(low.u32_at(HW_PTR)));
    check_eq!("state", state, RUNNING as u32);
    let after = rec.status()?.hw_ptr;
    check!(
        (before..=after).contains(&at),
        "position {at}, and natively {before} before and {after} after"
    );
    low.set_u32(4, place);
    low.set_u32(8, 9600);
    ioctl32(rec.fd(), "READI", READI32, low.address())?;
    check_eq!("frames read", low.u32_at(0), 9600);
    let mut heard = LONG.nothing();
    heard.planes[0].extend_from_slice(&low.bytes()[64..64 + 9600 * 4]);
    heard.append(&record(&mut rec, 960)?, 0..960);
    let mut sound = LONG.nothing();
    sound.append(&source, 0..4800);
    compare(&sound, &heard, Expect::Whole)?;
    Ok(())
}

/// What SYNC_PTR tells of a stream: a structure of times with 32 bits, and one with 64, where two
/// numbers of the control page are nearer to each other than in that of a program of 64 bits.
struct SyncPtr {
    request: u32,
    state: usize,
    hw_ptr: usize,
    appl_ptr: usize,
    avail_min: usize,
}

const SYNC_PTRS: [SyncPtr; 2] = [
    SyncPtr {
        request: 0xc084_4123,
        state: 4,
        hw_ptr: 12,
        appl_ptr: 68,
        avail_min: 72,
    },
    SyncPtr {
        request: 0xc088_4123,
        state: 8,
        hw_ptr: 16,
        appl_ptr: 72,
        avail_min: 76,
    },
];

/// The hardware's position is asked for, and the application's and `avail_min` are told, not set.
const ASK: u32 = 1 | 2 | 4;

fn positions(ctx: &Context) -> Outcome {
    let mut low = low(1 << 20)?;
    for sync in SYNC_PTRS {
        let mut play = CABLE.playback(ctx)?;
        configure_by_32_bits(&mut play, &LONG, 0)?;
        let fd = play.fd();
        low.bytes()[64..64 + 14400 * 4].fill(0);
        low.set_u32(4, low.address() + 64);
        low.set_u32(8, 14400);
        ioctl32(fd, "WRITEI", WRITEI32, low.address())?;
        for (call, request, frames) in [
            ("REWIND", REWIND32, 9600),
            ("FORWARD", FORWARD32, 4800),
            // No further than the buffer reaches.
            ("FORWARD", FORWARD32, u32::MAX >> 1),
            ("REWIND", REWIND32, LONG.buffer() as u32 - 9600),
        ] {
            low.set_u32(0, frames);
            ioctl32(fd, call, request, low.address())?;
            let moved = match frames {
                0x7fff_ffff => LONG.buffer() as u32 - 9600,
                frames => frames,
            };
            check_eq!(format!("frames of {call}"), low.u32_at(0), moved);
        }
        ioctl32(fd, "DELAY", DELAY32, low.address())?;
        check_eq!("DELAY", low.u32_at(0), 9600);
        // By SYNC_PTR, as by the page of a program that maps it.
        low.set_u32(0, 0);
        low.set_u32(sync.appl_ptr, 14400);
        low.set_u32(sync.avail_min, 480);
        ioctl32(fd, "SYNC_PTR", sync.request, low.address())?;
        ioctl32(fd, "DELAY", DELAY32, low.address())?;
        check_eq!("DELAY after SYNC_PTR", low.u32_at(0), 14400);
        play.start()?;
        wait_for_position(&play, 4800, std::time::Duration::from_secs(1))?;
        let before = play.status()?.hw_ptr;
        low.bytes()[..136].fill(0);
        low.set_u32(0, ASK);
        ioctl32(fd, "SYNC_PTR", sync.request, low.address())?;
        let at = u64::from(low.u32_at(sync.hw_ptr));
        let after = play.status()?.hw_ptr;
        check_eq!("state", low.u32_at(sync.state), RUNNING as u32);
        check_eq!("appl_ptr", low.u32_at(sync.appl_ptr), 14400);
        check_eq!("avail_min", low.u32_at(sync.avail_min), 480);
        check!(
            (before..=after).contains(&at),
            "position {at}, and natively {before} before and {after} after"
        );
    }
    Ok(())
}

fn control(ctx: &Context) -> Outcome {
    let c = Controls::of(ctx, CABLE)?;
    let numid = c.id(SHIFT);
    let fd = open_control(ctx.index)?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let mut low = low(4096)?;
    low.set_u32(0, numid);
    low.set_u32(VALUE, 100_500);
    ioctl32(fd, "ELEM_WRITE", ELEM_WRITE32, low.address())?;
    let native = c.get(SHIFT);
    low.bytes().fill(0);
    low.set_u32(0, numid);
    let read = ioctl32(fd, "ELEM_READ", ELEM_READ32, low.address());
    let value = low.u32_at(VALUE);
    c.set(SHIFT, 100_000)?;
    read?;
    check_eq!("Rate Shift", (native?, value), (100_500, 100_500));
    Ok(())
}
