// SPDX-License-Identifier: GPL-2.0

//! The device of the sound timers: each substream has one.

use support::kernel::timer::timer;
use support::kernel::timer::CLASS_GLOBAL;
use support::kernel::timer::CLASS_PCM;
use support::kernel::timer::CONTINUE;
use support::kernel::timer::GINFO;
use support::kernel::timer::GSTATUS;
use support::kernel::timer::INFO;
use support::kernel::timer::NEXT_DEVICE;
use support::kernel::timer::PARAMS;
use support::kernel::timer::PAUSE;
use support::kernel::timer::SELECT;
use support::kernel::timer::START;
use support::kernel::timer::STATUS;
use support::kernel::timer::STOP;
use support::kernel::timer::TREAD;
use support::kernel::READ;
use support::kernel::WRITE;

use crate::calls::answer;
use crate::calls::bounded;
use crate::calls::ioctl;
use crate::calls::ioctl_bytes;
use crate::calls::ioctl_plain;
use crate::calls::open;
use crate::calls::Answer;
use crate::calls::Fd;
use crate::calls::GARBAGE;
use crate::input::Record;
use crate::values::number;
use crate::values::Noise;
use crate::world::SLOTS;

/// `struct snd_timer_id`.
fn id(card: usize, record: &Record) -> [i32; 5] {
    let [which, garble, ..] = record.bytes;
    let (device, capture, subdevice) = SLOTS[usize::from(record.slot) % SLOTS.len()];
    let mut id = match which % 8 {
        0..=5 => [
            CLASS_PCM,
            0,
            card as i32,
            device as i32,
            (subdevice * 2 + u32::from(capture)) as i32,
        ],
        6 => [CLASS_GLOBAL, 0, -1, 0, 0],
        // One that follows the timer of another client.
        _ => [0, 1, -1, 0, 0],
    };
    if garble >= 0xe0 {
        id[usize::from(garble) % 5] = number(garble, record.wide, &[0, 1, u64::MAX, 99]) as i32;
    }
    id
}

/// An open timer device, if there is one.
#[derive(Default)]
pub struct Timer {
    fd: Option<Fd>,
    /// A timer has been chosen.
    selected: bool,
    /// It has been told what to do.
    set: bool,
}

impl Timer {
    fn fd(&mut self) -> Result<i32, i32> {
        if self.fd.is_none() {
            self.fd = Some(open("/dev/snd/timer", libc::O_RDWR | libc::O_NONBLOCK)?);
        }
        self.fd.as_ref().map(|fd| fd.0).ok_or(libc::EBADF)
    }

    pub fn open(&mut self, record: &Record) -> Answer {
        let [how, flags, ..] = record.bytes;
        *self = Timer::default();
        if flags >= 0xc0 {
            self.fd = Some(open("/dev/snd/timer", libc::O_RDWR)?);
        }
        let fd = self.fd()?;
        match how % 4 {
            0 => Ok(0),
            1 => ioctl(fd, TREAD[0], &mut 1),
            _ => ioctl(fd, TREAD[1], &mut i32::from(how & 4 == 0)),
        }
    }

    pub fn select(&mut self, card: usize, record: &Record) -> Answer {
        let mut select = [0; 13];
        select[..5].copy_from_slice(&id(card, record));
        self.selected = true;
        self.set = false;
        ioctl(self.fd()?, SELECT, &mut select)
    }

    pub fn params(&mut self, card: usize, record: &Record) -> Answer {
        if !self.selected {
            self.select(
                card,
                &Record {
                    bytes: [0; 6],
                    ..*record
                },
            )?;
        }
        self.set = true;
        let [flags, ticks, queue, filter, ..] = record.bytes;
        let mut params = [0u32; 20];
        params[0] = u32::from(flags ^ 1);
        params[1] = number(ticks, record.wide, &[1, 2, 10]) as u32;
        params[2] = number(queue, record.wide >> 8, &[32, 128, 1024]) as u32;
        params[4] = match filter % 4 {
            0 => 0,
            1 => u32::MAX,
            _ => record.wide as u32,
        };
        ioctl(self.fd()?, PARAMS, &mut params)
    }

    pub fn run(&mut self, card: usize, record: &Record) -> Answer {
        if !self.set {
            self.params(
                card,
                &Record {
                    bytes: [0; 6],
                    ..*record
                },
            )?;
        }
        ioctl_plain(
            self.fd()?,
            [START, STOP, CONTINUE, PAUSE][usize::from(record.bytes[0]) % 4],
        )
    }

    pub fn ask(&mut self, card: usize, record: &Record) -> Answer {
        let requests = [STATUS, INFO, GINFO, NEXT_DEVICE, GSTATUS];
        let request = requests[usize::from(record.bytes[2]) % requests.len()];
        let mut argument = [0i32; 64];
        argument[..5].copy_from_slice(&id(card, record));
        ioctl(self.fd()?, request, &mut argument)
    }

    pub fn read(&mut self, record: &Record) -> Answer {
        let fd = self.fd()?;
        let mut buffer = [0u8; 4096];
        let size = number(record.bytes[0], record.wide, &[256, 8, 32, 1024]).min(4096) as usize;
        // SAFETY: The buffer is as long as said.
        bounded(|| answer(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), size) } as i64))
    }

    /// Any request at all, on garbage.
    pub fn raw(&mut self, record: &Record) -> Answer {
        const KNOWN: [(u64, usize); 10] = [
            (0x00, 4),
            (0x01, 20),
            (0x03, 248),
            (0x04, 72),
            (0x05, 80),
            (0x10, 52),
            (0x11, 232),
            (0x12, 80),
            (0x14, 96),
            (0xa5, 80),
        ];
        let [which, dir, size, ..] = record.bytes;
        let (nr, len) = KNOWN[usize::from(which) % KNOWN.len()];
        let size = number(size & 15, record.wide, &[len as u64]) as usize & 0x3fff;
        let dir = match dir % 4 {
            0 => READ | WRITE,
            dir => u64::from(dir),
        };
        let mut garbage = [0; GARBAGE];
        Noise::new(record.wide).fill(&mut garbage[..1024]);
        ioctl_bytes(self.fd()?, timer(dir, nr, size), &mut garbage)
    }
}
