// SPDX-License-Identifier: GPL-2.0

//! The PCM devices: structures and request numbers of `<sound/asound.h>`, 64 bit.

use std::fmt;

use super::request;
use super::NONE;
use super::READ;
use super::WRITE;

const fn pcm(dir: u64, nr: u64, size: usize) -> u64 {
    request(dir, b'A', nr, size)
}

pub const PVERSION: u64 = pcm(READ, 0x00, 4);
pub const USER_PVERSION: u64 = pcm(WRITE, 0x04, 4);
pub const TTSTAMP: u64 = pcm(WRITE, 0x03, 4);
pub const INFO: u64 = pcm(READ, 0x01, size_of::<Info>());
pub const HW_REFINE: u64 = pcm(READ | WRITE, 0x10, size_of::<HwParams>());
pub const HW_PARAMS: u64 = pcm(READ | WRITE, 0x11, size_of::<HwParams>());
pub const HW_FREE: u64 = pcm(NONE, 0x12, 0);
pub const SW_PARAMS: u64 = pcm(READ | WRITE, 0x13, size_of::<SwParams>());
pub const STATUS: u64 = pcm(READ, 0x20, size_of::<Status>());
pub const STATUS_EXT: u64 = pcm(READ | WRITE, 0x24, size_of::<Status>());
pub const DELAY: u64 = pcm(READ, 0x21, 8);
pub const HWSYNC: u64 = pcm(NONE, 0x22, 0);
pub const SYNC_PTR: u64 = pcm(READ | WRITE, 0x23, size_of::<SyncPtr>());
pub const CHANNEL_INFO: u64 = pcm(READ, 0x32, size_of::<ChannelInfo>());
pub const PREPARE: u64 = pcm(NONE, 0x40, 0);
pub const RESET: u64 = pcm(NONE, 0x41, 0);
pub const START: u64 = pcm(NONE, 0x42, 0);
pub const DROP: u64 = pcm(NONE, 0x43, 0);
pub const DRAIN: u64 = pcm(NONE, 0x44, 0);
pub const PAUSE: u64 = pcm(WRITE, 0x45, 4);
pub const REWIND: u64 = pcm(WRITE, 0x46, 8);
pub const RESUME: u64 = pcm(NONE, 0x47, 0);
pub const XRUN: u64 = pcm(NONE, 0x48, 0);
pub const FORWARD: u64 = pcm(WRITE, 0x49, 8);
pub const WRITEI: u64 = pcm(WRITE, 0x50, size_of::<Xfer>());
pub const READI: u64 = pcm(READ, 0x51, size_of::<Xfer>());
pub const WRITEN: u64 = pcm(WRITE, 0x52, size_of::<Xfer>());
pub const READN: u64 = pcm(READ, 0x53, size_of::<Xfer>());
pub const LINK: u64 = pcm(WRITE, 0x60, 4);
pub const UNLINK: u64 = pcm(NONE, 0x61, 0);

/// SYNC_PTR: read the hardware position first.
pub const SYNC_PTR_HWSYNC: u32 = 1;
/// SYNC_PTR: return the application pointer instead of setting it.
pub const SYNC_PTR_APPL: u32 = 2;
/// SYNC_PTR: return avail_min instead of setting it.
pub const SYNC_PTR_AVAIL_MIN: u32 = 4;

pub const INFO_SYNC_START: u32 = 0x0040_0000;
pub const INFO_NO_PERIOD_WAKEUP: u32 = 0x0080_0000;
pub const INFO_LINK_TIME: u32 = 0x0100_0000;
pub const INFO_LINK_ABSOLUTE_TIME: u32 = 0x0200_0000;
pub const INFO_LINK_ESTIMATED_TIME: u32 = 0x0400_0000;
pub const INFO_LINK_SYNCHRONIZED_TIME: u32 = 0x0800_0000;
pub const INFO_REQUIRED: u32 = 0x000c_0303;
pub const HW_PARAMS_NO_PERIOD_WAKEUP: u32 = 1 << 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Info {
    pub device: u32,
    pub subdevice: u32,
    pub stream: i32,
    pub card: i32,
    pub id: [u8; 64],
    pub name: [u8; 80],
    pub subname: [u8; 32],
    pub dev_class: i32,
    pub dev_subclass: i32,
    pub subdevices_count: u32,
    pub subdevices_avail: u32,
    pub pad: [u8; 16],
    pub reserved: [u8; 64],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub min: u32,
    pub max: u32,
    /// Bit 0 open minimum, bit 1 open maximum, bit 2 integer, bit 3 empty.
    pub flags: u32,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = (
            if self.flags & 1 != 0 { '(' } else { '[' },
            if self.flags & 2 != 0 { ')' } else { ']' },
        );
        write!(f, "{open}{} {}{close}", self.min, self.max)
    }
}

pub const ACCESS: usize = 0;
pub const FORMAT: usize = 1;
pub const SUBFORMAT: usize = 2;
const FIRST_INTERVAL: usize = 8;
pub const SAMPLE_BITS: usize = 8;
pub const FRAME_BITS: usize = 9;
pub const CHANNELS: usize = 10;
pub const RATE: usize = 11;
pub const PERIOD_TIME: usize = 12;
pub const PERIOD_SIZE: usize = 13;
pub const PERIOD_BYTES: usize = 14;
pub const PERIODS: usize = 15;
pub const BUFFER_TIME: usize = 16;
pub const BUFFER_SIZE: usize = 17;
pub const BUFFER_BYTES: usize = 18;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HwParams {
    pub flags: u32,
    pub masks: [[u32; 8]; 3],
    masks_reserved: [[u32; 8]; 5],
    pub intervals: [Interval; 12],
    intervals_reserved: [Interval; 9],
    pub rmask: u32,
    pub cmask: u32,
    pub info: u32,
    pub msbits: u32,
    pub rate_num: u32,
    pub rate_den: u32,
    pub fifo_size: u64,
    pub sync: [u8; 16],
    reserved: [u8; 48],
}

impl HwParams {
    /// Every parameter open: what `snd_pcm_hw_params_any` hands to the kernel.
    pub fn any() -> Self {
        let full = Interval {
            min: 0,
            max: u32::MAX,
            flags: 0,
        };
        HwParams {
            flags: 0,
            masks: [[u32::MAX; 8]; 3],
            masks_reserved: [[0; 8]; 5],
            intervals: [full; 12],
            intervals_reserved: [Interval {
                min: 0,
                max: 0,
                flags: 0,
            }; 9],
            rmask: u32::MAX,
            cmask: 0,
            info: 0,
            msbits: 0,
            rate_num: 0,
            rate_den: 0,
            fifo_size: 0,
            sync: [0; 16],
            reserved: [0; 48],
        }
    }

    /// Restricts a mask parameter to the single value `bit`.
    #[must_use]
    pub fn only(mut self, param: usize, bit: u32) -> Self {
        self.masks[param] = [0; 8];
        self.masks[param][bit as usize / 32] = 1 << (bit % 32);
        self
    }

    /// Restricts an interval parameter to the single value `value`.
    #[must_use]
    pub fn exactly(mut self, param: usize, value: u32) -> Self {
        self.intervals[param - FIRST_INTERVAL] = Interval {
            min: value,
            max: value,
            flags: 4,
        };
        self
    }

    /// The lowest 64 bits of a mask parameter.
    pub fn mask(&self, param: usize) -> u64 {
        u64::from(self.masks[param][0]) | (u64::from(self.masks[param][1]) << 32)
    }

    pub fn interval(&self, param: usize) -> Interval {
        self.intervals[param - FIRST_INTERVAL]
    }

    /// The value of an interval parameter that has only one left.
    pub fn value(&self, param: usize) -> u32 {
        self.interval(param).min
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SwParams {
    pub tstamp_mode: i32,
    pub period_step: u32,
    pub sleep_min: u32,
    pub avail_min: u64,
    pub xfer_align: u64,
    pub start_threshold: u64,
    pub stop_threshold: u64,
    pub silence_threshold: u64,
    pub silence_size: u64,
    pub boundary: u64,
    pub proto: u32,
    pub tstamp_type: u32,
    pub reserved: [u64; 7],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Timespec {
    pub sec: i64,
    pub nsec: i64,
}

impl Timespec {
    pub fn ns(&self) -> i64 {
        self.sec * 1_000_000_000 + self.nsec
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Status {
    pub state: i32,
    pad: i32,
    pub trigger_tstamp: Timespec,
    pub tstamp: Timespec,
    pub appl_ptr: u64,
    pub hw_ptr: u64,
    pub delay: i64,
    pub avail: u64,
    pub avail_max: u64,
    pub overrange: u64,
    pub suspended_state: i32,
    pub audio_tstamp_data: u32,
    pub audio_tstamp: Timespec,
    pub driver_tstamp: Timespec,
    pub audio_tstamp_accuracy: u32,
    reserved: [u32; 5],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SyncPtr {
    pub flags: u32,
    pub pad: u32,
    pub state: i32,
    pub pad1: i32,
    pub hw_ptr: u64,
    pub tstamp: Timespec,
    pub suspended_state: i32,
    pub pad2: i32,
    pub audio_tstamp: Timespec,
    pub status_rest: [u64; 1],
    pub appl_ptr: u64,
    pub avail_min: u64,
    pub control_rest: [u64; 6],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ChannelInfo {
    pub channel: u32,
    pub offset: i64,
    pub first: u32,
    pub step: u32,
}

/// `struct snd_xferi` and `struct snd_xfern`: they differ only in what the pointer points to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Xfer {
    pub result: i64,
    pub buf: *mut libc::c_void,
    pub frames: u64,
}

const _: () = {
    assert!(size_of::<Info>() == 288);
    assert!(size_of::<HwParams>() == 608);
    assert!(size_of::<SwParams>() == 136);
    assert!(size_of::<Status>() == 152);
    assert!(size_of::<SyncPtr>() == 136);
    assert!(size_of::<ChannelInfo>() == 24);
    assert!(size_of::<Xfer>() == 24);
};
