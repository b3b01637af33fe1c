// SPDX-License-Identifier: GPL-2.0

//! Calls on the control device that are drawn, and what is written to the card's files.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use support::cable::Cable;
use support::config::Dir;
use support::elements::NAMES;
use support::kernel as k;
use support::kernel::control::control;
use support::kernel::control::ELEM_READ;
use support::kernel::control::ELEM_WRITE;
use support::kernel::control::INFO;
use support::kernel::control::LIST;
use support::kernel::control::LOCK;
use support::kernel::control::PCM_NEXT_DEVICE;
use support::kernel::control::PCM_PREFER_SUBDEVICE;
use support::kernel::control::SUBSCRIBE;
use support::kernel::control::TLV;
use support::kernel::control::UNLOCK;
use support::kernel::errno_name;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::open_control;
use support::pcm::Pcm;
use support::random::Random;

use super::test;
use super::Both;
use super::Comparison;
use super::Meant;
use crate::tests::proc;
use crate::tests::source::timer_line;
use crate::tests::source::Source;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "9.1 9.6 calls on the control device, drawn".into(),
            elements,
        ),
        test(
            "10.5 11.2 what is written to timer_source, drawn".into(),
            sources,
        ),
    ]
}

const MEANT: &[Meant] = &[Meant(
    "9.10",
    "ELEM_INFO*",
    "*integer [0 192000 1]",
    "*integer [0 768000 1]",
    "PCM Slave Rate reaches the highest rate that there is",
)];

/// A structure of a control call: its bytes.
struct Block([u64; 160]);

impl Block {
    fn new() -> Self {
        Block([0; 160])
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: All of the array, as bytes.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), 1280) }
    }

    fn set(&mut self, offset: usize, value: u32) {
        self.bytes()[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn get(&mut self, offset: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes()[offset..offset + 4]);
        u32::from_ne_bytes(word)
    }

    /// The identity of an element, as it is given or comes back.
    fn id(&mut self) -> String {
        let name = k::text(&self.bytes()[16..60]);
        format!(
            "{} iface {} device {} subdevice {} index {} {name:?}",
            self.get(0),
            self.get(4) as i32,
            self.get(8),
            self.get(12),
            self.get(60)
        )
    }

    fn draw_id(random: &mut Random) -> Self {
        let mut block = Block::new();
        if random.once_in(2) {
            let numid = random.one_of(&[0, 1, 2, 7, 8, 56, 57, 112, 129, 1000, u32::MAX]);
            let any = random.below(113) as u32;
            block.set(0, if random.once_in(3) { numid } else { any });
        }
        block.set(4, random.one_of(&[3, 3, 3, 3, 2, 0, 6, 7, u32::MAX]));
        block.set(8, random.one_of(&[0, 1, 0, 1, 2, u32::MAX]));
        block.set(12, random.below(9) as u32);
        block.set(60, random.one_of(&[0, 0, 0, 0, 1, u32::MAX]));
        let name = match random.below(8) {
            0 => "",
            1 => "PCM",
            2 => "PCM Slave Active ",
            3 => "A name of no control that is as long as it may be",
            _ => random.one_of(&NAMES),
        };
        let name = &name.as_bytes()[..name.len().min(44)];
        block.bytes()[16..16 + name.len()].copy_from_slice(name);
        block
    }
}

fn call(fd: &OwnedFd, request: u64, block: &mut Block) -> Result<i32, String> {
    // SAFETY: The block is larger than all of these structures.
    unsafe { k::ioctl(fd.as_raw_fd(), "call", request, block.0.as_mut_ptr()) }.map_err(|e| {
        match errno_name(e.code) {
            "" => format!("error {}", e.code),
            name => name.to_string(),
        }
    })
}

/// A drawn call: what it is, and its answer by a control device.
type Drawn = (String, Box<dyn Fn(&OwnedFd) -> String>);

fn text(result: Result<i32, String>, rest: impl FnOnce() -> String) -> String {
    match result {
        Ok(number) => format!("ok {number} {}", rest()),
        Err(name) => name,
    }
}

/// Reads what is said of an element, its owner apart: that is a process.
fn info(fd: &OwnedFd, mut block: Block) -> String {
    let result = call(fd, INFO, &mut block);
    text(result, || {
        let (kind, access, count) = (block.get(64), block.get(68), block.get(72));
        let value = match kind {
            3 => format!(
                "enumerated {} of {}: {:?}",
                block.get(84),
                block.get(80),
                k::text(&block.bytes()[88..152])
            ),
            _ => {
                let words = &block.0[10..13];
                format!("integer [{} {} {}]", words[0], words[1], words[2])
            }
        };
        let owned = block.get(76) != u32::MAX;
        format!(
            "{} access {access:x} count {count} owned {owned} type {kind} {value}",
            block.id()
        )
    })
}

fn draw(random: &mut Random) -> Drawn {
    let mut id = Block::draw_id(random);
    let words = id.0;
    let name = id.id();
    match random.below(10) {
        0 => {
            let (offset, space) = (random.below(130) as u32, random.below(130) as u32);
            let run = move |fd: &OwnedFd| {
                let mut ids = vec![0u8; 64 * 130];
                let mut block = Block::new();
                block.set(0, offset);
                block.set(4, space);
                block.0[2] = 0;
                block.0[2] = ids.as_mut_ptr() as u64;
                let result = call(fd, LIST, &mut block);
                // Behind C's 112 there are ours of 9.16.
                let (used, count) = (block.get(8), block.get(12).min(112));
                let numids: Vec<u32> = ids
                    .chunks(64)
                    .take(used as usize)
                    .map(|id| u32::from(id[0]) | (u32::from(id[1]) << 8))
                    .filter(|&numid| numid <= 112)
                    .collect();
                let used = numids.len();
                text(result, || format!("used {used} count {count} {numids:?}"))
            };
            (format!("ELEM_LIST from {offset}, {space}"), Box::new(run))
        }
        1..=3 => {
            let item = random.one_of(&[0, 1, 2, u32::MAX]);
            (
                format!("ELEM_INFO {name}, item {item}"),
                Box::new(move |fd| {
                    let mut block = Block(words);
                    block.set(84, item);
                    info(fd, block)
                }),
            )
        }
        4 | 5 => (
            format!("ELEM_READ {name}"),
            Box::new(move |fd| {
                let mut block = Block(words);
                let result = call(fd, ELEM_READ, &mut block);
                text(result, || format!("{} = {:?}", block.id(), &block.0[9..12]))
            }),
        ),
        6 | 7 => {
            let value = random.one_of(&[
                0,
                1,
                2,
                -1,
                -5,
                79_999,
                80_000,
                99_999,
                100_000,
                120_000,
                120_001,
                i64::MAX,
                i64::MIN,
                (1 << 32) + 100_000,
                (1 << 32) - 1,
                1 << 31,
            ]);
            (
                format!("ELEM_WRITE {name} = {value}"),
                Box::new(move |fd| {
                    let mut block = Block(words);
                    block.0[9] = value as u64;
                    let result = call(fd, ELEM_WRITE, &mut block);
                    text(result, || format!("{} = {:?}", block.id(), &block.0[9..12]))
                }),
            )
        }
        8 => {
            let (what, request) = random.one_of(&[("LOCK", LOCK), ("UNLOCK", UNLOCK)]);
            (
                format!("ELEM_{what} {name}"),
                Box::new(move |fd| text(call(fd, request, &mut Block(words)), String::new)),
            )
        }
        _ => {
            let (what, request) = random.one_of(&[
                ("TLV_READ", TLV[0]),
                ("PREFER_SUBDEVICE", PCM_PREFER_SUBDEVICE),
                ("NEXT_DEVICE", PCM_NEXT_DEVICE),
                ("an unknown call", control(3, 0x7e, 4)),
            ]);
            let number = random.one_of(&[0, 1, 2, 7, 8, u32::MAX]);
            (
                format!("{what} {number}"),
                Box::new(move |fd| {
                    let mut block = Block::new();
                    block.set(0, number);
                    let result = call(fd, request, &mut block);
                    text(result, || block.get(0).to_string())
                }),
            )
        }
    }
}

/// The events that wait, as they are read.
fn events(fd: &OwnedFd) -> String {
    let mut all = Vec::new();
    let mut event = [0u8; 72];
    // SAFETY: The buffer is as long as is said.
    while unsafe { libc::read(fd.as_raw_fd(), event.as_mut_ptr().cast(), 72) } == 72 {
        all.push(format!("{:02x?}", &event[..24]));
    }
    all.join(" ")
}

fn elements(both: &Both) -> Outcome {
    let mut random = Random::of(both.ours.seed);
    let fds = both.each(|ctx| Ok(open_control(ctx.index)?))?;
    let listeners = both.each(|ctx| Ok(open_control(ctx.index)?))?;
    for fd in &listeners {
        let mut on = Block::new();
        on.set(0, 1);
        call(fd, SUBSCRIBE, &mut on)?;
    }
    let mut comparison = Comparison::new(MEANT);
    for number in 0..4000 {
        let (name, run) = draw(&mut random);
        // Some by another client, to which what is locked is locked.
        let by = if random.once_in(4) { &listeners } else { &fds };
        comparison.entry(&name, &run(&by[0]), &run(&by[1]));
        if number % 16 == 0 {
            let [c, ours] = [events(&listeners[0]), events(&listeners[1])];
            comparison.entry(&format!("events after {name}"), &c, &ours);
        }
    }
    note(&format!("seed {}", both.ours.seed));
    drop((fds, listeners));
    for ctx in [&both.c, &both.ours] {
        at_rest(ctx)?;
    }
    comparison.verdict()
}

/// All values as they were.
fn at_rest(ctx: &Context) -> Result<(), Fail> {
    let control = support::control::Control::open(ctx.index)?;
    for numid in control.list()? {
        match control.element(numid)?.name.as_str() {
            name if name == NAMES[0] => control.write(numid, 100_000)?,
            name if name == NAMES[1] => control.write(numid, 0)?,
            _ => {}
        }
    }
    Ok(())
}

const CABLE: Cable = Cable {
    device: 1,
    subdevice: 5,
};

const SOURCE_MEANT: &[Meant] = &[];

fn draw_source(random: &mut Random, id: &str) -> String {
    let mut text = String::new();
    if random.once_in(4) {
        text += random.one_of(&["hw:", "x:", ":", "hw::", " ", "\t", "-"]);
    }
    let cards = [
        "-1", "0", "0x0", "00", "1", "99", id, "-2", "", "1e9", "+0", "31", "32",
    ];
    text += random.one_of(&cards);
    for _ in 0..random.below(4) {
        text += random.one_of(&[".", ",", ".", ".", ":", " ", "..", ""]);
        text += random.one_of(&[
            "0",
            "1",
            "2",
            "3",
            "15",
            "16",
            "0x0",
            "x",
            "-1",
            "",
            "4294967296",
        ]);
    }
    if random.once_in(8) {
        text += random.one_of(&[" ", "\n1", "z", ".", ","]);
    }
    if random.once_in(40) {
        text += &"0".repeat(random.below(120) as usize);
    }
    text
}

/// Opens with timers that are drawn. None is started.
fn sources(both: &Both) -> Outcome {
    let mut random = Random::of(both.ours.seed);
    let mut comparison = Comparison::new(SOURCE_MEANT);
    for _ in 0..1500 {
        let text = draw_source(&mut random, &both.c.card);
        let dir = random.one_of(&Dir::BOTH);
        let [c, ours] = both.each(|ctx| {
            let _source = Source::set(ctx, &text)?;
            let shown = fs::read_to_string(format!("/proc/asound/card{}/timer_source", ctx.index))?;
            let opened = match Pcm::open(CABLE.side(ctx, dir)) {
                Ok(_pcm) => format!(
                    "{:?} {:?}",
                    timer_line(ctx, CABLE)?,
                    proc::cable(ctx, CABLE)?
                ),
                Err(e) => e.to_string(),
            };
            Ok(format!("shows {shown:?}, open: {opened}"))
        })?;
        comparison.entry(&format!("{text:?}, {dir:?}"), &c, &ours);
    }
    note(&format!("seed {}", both.ours.seed));
    comparison.verdict()
}
