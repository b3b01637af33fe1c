// SPDX-License-Identifier: GPL-2.0

//! The control devices: structures and request numbers of `<sound/asound.h>`, 64 bit.

use super::request;
use super::Info as PcmInfo;
use super::READ;
use super::WRITE;

/// The number of a request to a control device.
pub const fn control(dir: u64, nr: u64, size: usize) -> u64 {
    request(dir, b'U', nr, size)
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Id {
    pub numid: u32,
    pub iface: i32,
    pub device: u32,
    pub subdevice: u32,
    pub name: [u8; 44],
    pub index: u32,
}

pub const NO_ID: Id = Id {
    numid: 0,
    iface: 0,
    device: 0,
    subdevice: 0,
    name: [0; 44],
    index: 0,
};

#[repr(C)]
pub struct List {
    pub offset: u32,
    pub space: u32,
    pub used: u32,
    pub count: u32,
    pub ids: *mut Id,
    pub reserved: [u8; 50],
}

#[repr(C)]
pub struct Info {
    pub id: Id,
    pub kind: i32,
    pub access: u32,
    pub count: u32,
    pub owner: i32,
    pub value: [i64; 16],
    pub reserved: [u8; 64],
}

#[repr(C)]
pub struct Value {
    pub id: Id,
    pub indirect: u64,
    pub value: [i64; 128],
    pub reserved: [u8; 128],
}

#[repr(C)]
pub struct Tlv {
    pub numid: u32,
    pub length: u32,
    pub data: [u32; 64],
}

const _: () = {
    assert!(size_of::<Id>() == 64);
    assert!(size_of::<List>() == 80);
    assert!(size_of::<Info>() == 272);
    assert!(size_of::<Value>() == 1224);
};

pub const LIST: u64 = control(READ | WRITE, 0x10, 80);
pub const INFO: u64 = control(READ | WRITE, 0x11, 272);
pub const ELEM_READ: u64 = control(READ | WRITE, 0x12, 1224);
pub const ELEM_WRITE: u64 = control(READ | WRITE, 0x13, 1224);
pub const LOCK: u64 = control(WRITE, 0x14, 64);
pub const UNLOCK: u64 = control(WRITE, 0x15, 64);
pub const SUBSCRIBE: u64 = control(READ | WRITE, 0x16, 4);
pub const TLV: [u64; 3] = [
    control(READ | WRITE, 0x1a, 8),
    control(READ | WRITE, 0x1b, 8),
    control(READ | WRITE, 0x1c, 8),
];
pub const CARD_INFO: u64 = control(READ, 0x01, 376);

pub const ACCESS_WRITE: u32 = 2;
pub const TYPE_INTEGER: i32 = 2;
pub const TYPE_ENUMERATED: i32 = 3;

pub const PCM_NEXT_DEVICE: u64 = control(READ, 0x30, 4);
pub const PCM_INFO: u64 = control(READ | WRITE, 0x31, size_of::<PcmInfo>());
pub const PCM_PREFER_SUBDEVICE: u64 = control(WRITE, 0x32, 4);

impl Info {
    /// What ELEM_INFO is asked with.
    pub fn of(id: Id) -> Self {
        Info {
            id,
            kind: 0,
            access: 0,
            count: 0,
            owner: 0,
            value: [0; 16],
            reserved: [0; 64],
        }
    }
}

impl Value {
    /// What ELEM_READ is asked with.
    pub fn of(id: Id) -> Self {
        Value {
            id,
            indirect: 0,
            value: [0; 128],
            reserved: [0; 128],
        }
    }
}
