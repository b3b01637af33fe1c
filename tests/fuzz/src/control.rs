// SPDX-License-Identifier: GPL-2.0

//! The control device of a card.

use support::kernel::control::control;
use support::kernel::control::Id;
use support::kernel::control::Info;
use support::kernel::control::List;
use support::kernel::control::Tlv;
use support::kernel::control::Value;
use support::kernel::control::ACCESS_WRITE;
use support::kernel::control::CARD_INFO;
use support::kernel::control::ELEM_READ;
use support::kernel::control::ELEM_WRITE;
use support::kernel::control::INFO;
use support::kernel::control::LIST;
use support::kernel::control::LOCK;
use support::kernel::control::NO_ID;
use support::kernel::control::PCM_INFO;
use support::kernel::control::PCM_NEXT_DEVICE;
use support::kernel::control::PCM_PREFER_SUBDEVICE;
use support::kernel::control::SUBSCRIBE;
use support::kernel::control::TLV;
use support::kernel::control::TYPE_INTEGER;
use support::kernel::control::UNLOCK;
use support::kernel::READ;
use support::kernel::WRITE;

use crate::calls::answer;
use crate::calls::bounded;
use crate::calls::ioctl;
use crate::calls::ioctl_bytes;
use crate::calls::open;
use crate::calls::Answer;
use crate::calls::Fd;
use crate::calls::GARBAGE;
use crate::input::Record;
use crate::values::number;
use crate::values::Noise;

struct Element {
    id: Id,
    writable: bool,
    /// The range of an integer.
    range: Option<[i64; 2]>,
    /// The value that it had at first.
    value: i64,
}

/// A card's control device and what it lists.
pub struct Card {
    fd: Fd,
    elements: Vec<Element>,
    /// Some control may have another value than at first.
    written: bool,
}

fn path(card: usize) -> String {
    format!("/dev/snd/controlC{card}")
}

impl Card {
    pub fn open(card: usize) -> Result<Self, String> {
        let path = path(card);
        let fail = |what: &str, errno: i32| {
            format!(
                "{path}: {what}: {}",
                std::io::Error::from_raw_os_error(errno)
            )
        };
        let fd = open(&path, libc::O_RDWR | libc::O_NONBLOCK).map_err(|e| fail("open", e))?;
        let mut ids = vec![NO_ID; 1024];
        let mut list = List {
            offset: 0,
            space: ids.len() as u32,
            used: 0,
            count: 0,
            ids: ids.as_mut_ptr(),
            reserved: [0; 50],
        };
        ioctl(fd.0, LIST, &mut list).map_err(|e| fail("ELEM_LIST", e))?;
        let mut elements = Vec::new();
        for id in &ids[..list.used as usize] {
            let mut info = Info::of(*id);
            ioctl(fd.0, INFO, &mut info).map_err(|e| fail("ELEM_INFO", e))?;
            let mut value = Value::of(*id);
            ioctl(fd.0, ELEM_READ, &mut value).map_err(|e| fail("ELEM_READ", e))?;
            elements.push(Element {
                id: *id,
                writable: info.access & ACCESS_WRITE != 0,
                range: (info.kind == TYPE_INTEGER).then_some([info.value[0], info.value[1]]),
                value: value.value[0],
            });
        }
        if elements.is_empty() {
            return Err(format!("{path} has no controls"));
        }
        Ok(Card {
            fd,
            elements,
            written: false,
        })
    }

    /// The descriptor, for a call that may change a control.
    pub fn fd_to_write(&mut self) -> i32 {
        self.written = true;
        self.fd.0
    }

    /// An element, half of the time one that can be written: there are few of these.
    fn element(&self, which: u8) -> &Element {
        let written = || self.elements.iter().filter(|element| element.writable);
        let count = written().count();
        let which = usize::from(which);
        if which < 128 && count > 0 {
            written().nth(which % count).unwrap_or(&self.elements[0])
        } else {
            &self.elements[which % self.elements.len()]
        }
    }

    /// The number of a control of the cable that ends in this capture.
    pub fn numid(&self, name: &str, device: u32, subdevice: u32) -> Option<u32> {
        self.elements
            .iter()
            .map(|element| &element.id)
            .find(|id| {
                id.device == device
                    && id.subdevice == subdevice
                    && id.name.starts_with(name.as_bytes())
                    && id.name[name.len()] == 0
            })
            .map(|id| id.numid)
    }

    /// The next open is to get this substream.
    pub fn prefer(&self, subdevice: u32) -> Answer {
        ioctl(self.fd.0, PCM_PREFER_SUBDEVICE, &mut (subdevice as i32))
    }

    /// Gives the controls their first values.
    pub fn reset(&mut self) {
        if !self.written {
            return;
        }
        self.written = false;
        for element in self.elements.iter().filter(|element| element.writable) {
            let mut value = Value::of(element.id);
            value.value[0] = element.value;
            if let Err(errno) = ioctl(self.fd.0, ELEM_WRITE, &mut value) {
                crate::found(&format!(
                    "control {} can't be set back: error {errno}",
                    element.id.numid
                ));
            }
        }
    }
}

/// A descriptor of its own that is told of all changes.
pub fn subscribed(card: usize) -> Result<Fd, i32> {
    let fd = open(&path(card), libc::O_RDWR | libc::O_NONBLOCK)?;
    ioctl(fd.0, SUBSCRIBE, &mut 1)?;
    Ok(fd)
}

/// The first value of a control.
pub fn value(fd: i32, numid: u32) -> Answer {
    let mut value = Value::of(Id { numid, ..NO_ID });
    ioctl(fd, ELEM_READ, &mut value)?;
    Ok(value.value[0])
}

/// Bytes of an event, and where in it the number of the control is.
const EVENT: usize = 72;
const EVENT_NUMID: usize = 8;

/// Which controls a descriptor is told of that does not wait.
pub fn told(fd: i32) -> Vec<u32> {
    let mut told = Vec::new();
    let mut buffer = [0u8; EVENT * 16];
    loop {
        // SAFETY: The buffer is as long as said.
        let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        if got <= 0 {
            return told;
        }
        for event in buffer[..got as usize].chunks_exact(EVENT) {
            let numid = &event[EVENT_NUMID..EVENT_NUMID + 4];
            told.push(u32::from_le_bytes(numid.try_into().expect("4 bytes")));
        }
    }
}

/// A program's own descriptor of a control device.
#[derive(Default)]
pub struct Control(Option<Fd>);

impl Control {
    fn fd(&mut self, card: usize) -> Result<i32, i32> {
        if self.0.is_none() {
            self.0 = Some(open(&path(card), libc::O_RDWR | libc::O_NONBLOCK)?);
        }
        self.0.as_ref().map(|fd| fd.0).ok_or(libc::EBADF)
    }

    /// An element's name in one of its ways: by number, by all else, or wrong.
    fn id(card: &Card, record: &Record) -> Id {
        let [which, how, garble, ..] = record.bytes;
        let mut id = card.element(which).id;
        match how % 8 {
            6 => id.numid = 0,
            7 => {
                let value = number(garble, record.wide, &[0, 1, 2, u64::MAX]) as u32;
                match garble % 5 {
                    0 => id.numid = value,
                    1 => {
                        id.numid = 0;
                        id.iface = value as i32;
                    }
                    2 => {
                        id.numid = 0;
                        id.device = value;
                    }
                    3 => {
                        id.numid = 0;
                        Noise::new(record.wide).fill(&mut id.name);
                    }
                    _ => id.index = value,
                }
            }
            _ => {}
        }
        id
    }

    pub fn list(&mut self, number_of_card: usize, record: &Record) -> Answer {
        let fd = self.fd(number_of_card)?;
        let [offset, space, ..] = record.bytes;
        let mut ids = [NO_ID; 64];
        let mut list = List {
            offset: number(offset, record.wide, &[0, 1, 30]) as u32,
            space: number(space, record.wide >> 8, &[64, 1, 10]).min(64) as u32,
            used: 0,
            count: 0,
            ids: ids.as_mut_ptr(),
            reserved: [0; 50],
        };
        ioctl(fd, LIST, &mut list)
    }

    pub fn info(&mut self, number: usize, card: &Card, record: &Record) -> Answer {
        let mut info = Info::of(Self::id(card, record));
        info.value[0] = record.wide as i64;
        ioctl(self.fd(number)?, INFO, &mut info)
    }

    pub fn read(&mut self, number: usize, card: &Card, record: &Record) -> Answer {
        let id = Self::id(card, record);
        let mut value = Value::of(id);
        let got = ioctl(self.fd(number)?, ELEM_READ, &mut value)?;
        let element = card.elements.iter().find(|e| e.id.numid == value.id.numid);
        if let Some([min, max]) = element.and_then(|element| element.range) {
            // What has never been played has the format and rate 0.
            let read = value.value[0];
            if read != 0 && !(min..=max).contains(&read) {
                crate::found(&format!(
                    "control {} is {read}, not in {min}..={max}",
                    value.id.numid
                ));
            }
        }
        Ok(got)
    }

    pub fn write(&mut self, number_of_card: usize, card: &mut Card, record: &Record) -> Answer {
        let fd = self.fd(number_of_card)?;
        let [which, _, _, how, rest, _] = record.bytes;
        let mut value = Value::of(Self::id(card, record));
        let element = card.element(which);
        let [min, max] = element.range.unwrap_or([0, 1]);
        let near = [1, element.value, min, max, 100_001, 99_999, 0].map(|value| value as u64);
        if rest >= 0xf0 {
            let mut bytes = [0; 1024];
            Noise::new(record.wide).fill(&mut bytes);
            for (to, from) in value.value.iter_mut().zip(bytes.chunks_exact(8)) {
                *to = i64::from_le_bytes(from.try_into().expect("8 bytes"));
            }
        }
        value.value[0] = number(how, record.wide, &near) as i64;
        card.written = true;
        ioctl(fd, ELEM_WRITE, &mut value)
    }

    pub fn tlv(&mut self, number_of_card: usize, card: &Card, record: &Record) -> Answer {
        let [_, _, _, how, length, _] = record.bytes;
        let mut tlv = Tlv {
            numid: Self::id(card, record).numid,
            length: number(length, record.wide, &[64, 8, 4, 256]).min(256) as u32,
            data: [0; 64],
        };
        ioctl(
            self.fd(number_of_card)?,
            TLV[usize::from(how) % 3],
            &mut tlv,
        )
    }

    /// A lock goes with the descriptor that made it.
    pub fn lock(&mut self, number: usize, card: &Card, record: &Record) -> Answer {
        let request = if record.bytes[3] % 2 == 0 {
            LOCK
        } else {
            UNLOCK
        };
        ioctl(self.fd(number)?, request, &mut Self::id(card, record))
    }

    pub fn subscribe(&mut self, number_of_card: usize, record: &Record) -> Answer {
        let mut value = number(record.bytes[0], record.wide, &[1, 0, u64::MAX]) as i32;
        ioctl(self.fd(number_of_card)?, SUBSCRIBE, &mut value)
    }

    pub fn events(&mut self, number_of_card: usize, record: &Record) -> Answer {
        let fd = self.fd(number_of_card)?;
        let mut buffer = [0u8; 72 * 16];
        let size = number(record.bytes[0], record.wide, &[72, 71, 720, 1]).min(72 * 16) as usize;
        // SAFETY: The buffer is as long as said.
        bounded(|| answer(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), size) } as i64))
    }

    /// The calls about the card.
    pub fn card(&mut self, number_of_card: usize, record: &Record) -> Answer {
        let fd = self.fd(number_of_card)?;
        let [which, how, ..] = record.bytes;
        let mut value = number(how, record.wide, &[0, 1, u64::MAX]) as i32;
        match which % 6 {
            0 => ioctl(fd, CARD_INFO, &mut [0u8; 376]),
            1 => ioctl(fd, PCM_NEXT_DEVICE, &mut value),
            2 => {
                // device, subdevice and stream come first.
                let mut info = [0u32; 72];
                info[0] = u32::from(how % 2);
                info[1] = u32::from(how >> 1 & 1);
                info[2] = u32::from(how >> 2 & 1);
                if how >= 0xc0 {
                    info[usize::from(how) % 3] = record.wide as u32;
                }
                ioctl(fd, PCM_INFO, &mut info)
            }
            3 => {
                let answer = ioctl(fd, PCM_PREFER_SUBDEVICE, &mut value);
                // It holds for the whole process: the next open shall get what is asked for.
                ioctl(fd, PCM_PREFER_SUBDEVICE, &mut -1).and(answer)
            }
            4 => ioctl(fd, control(READ, 0xd1, 4), &mut value),
            _ => ioctl(fd, control(READ, 0x00, 4), &mut value),
        }
    }

    /// Any request at all, on garbage.
    pub fn raw(&mut self, number_of_card: usize, card: &mut Card, record: &Record) -> Answer {
        // ELEM_ADD and ELEM_REPLACE are left out: they make controls of the program's own, which
        // are the core's alone, and which would outlive the input. So is PREFER_SUBDEVICE: see
        // `card`.
        const KNOWN: [(u64, usize); 16] = [
            (0x00, 4),
            (0x01, 376),
            (0x10, 80),
            (0x11, 272),
            (0x12, 1224),
            (0x13, 1224),
            (0x14, 64),
            (0x15, 64),
            (0x16, 4),
            (0x19, 64),
            (0x1a, 8),
            (0x1b, 8),
            (0x1c, 8),
            (0x30, 4),
            (0x31, 288),
            (0xd0, 4),
        ];
        let fd = self.fd(number_of_card)?;
        let [which, dir, size, ..] = record.bytes;
        let (nr, len) = KNOWN[usize::from(which) % KNOWN.len()];
        let size = number(size & 15, record.wide, &[len as u64]) as usize & 0x3fff;
        let dir = match dir % 4 {
            0 => READ | WRITE,
            dir => u64::from(dir),
        };
        let mut garbage = [0; GARBAGE];
        Noise::new(record.wide).fill(&mut garbage[..2048]);
        card.written = true;
        ioctl_bytes(fd, control(dir, nr, size), &mut garbage)
    }
}
