// SPDX-License-Identifier: GPL-2.0

//! What a client gets to see and to do that it should not: memory of the kernel, sound of another
//! cable, a place outside of the buffer. The client here does not mean well.

use std::ptr;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::ktap::expect_error;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::shared;
use support::shared::Page;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("secrets", name, run);
    vec![
        test("3.10 a fresh buffer holds nothing", fresh_buffer),
        test(
            "3.10 a buffer of the same or another size holds nothing",
            used_buffer,
        ),
        test("3.10 nor does the page that a buffer ends in", last_page),
        test("2.6 another cable's sound is not to be heard", other_cable),
        test(
            "5.9 no byte beyond the buffer can be mapped",
            beyond_the_buffer,
        ),
        test("5.9 the status page can't be written", status_page),
        test("5.9 any application pointer does no harm", any_pointer),
    ]
}

/// The cable that is looked at, and one that sounds meanwhile.
const CABLE: Cable = Cable {
    device: 0,
    subdevice: 6,
};
const OTHER: Cable = Cable {
    device: 0,
    subdevice: 7,
};

const MAPPED: Config = Config {
    access: Access::MmapInterleaved,
    ..LONG
};

/// A mapping of a stream's memory.
pub struct View {
    at: *mut u8,
    bytes: usize,
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nothing refers to it.
        unsafe { libc::munmap(self.at.cast(), self.bytes) };
    }
}

impl View {
    fn new(
        pcm: &Pcm,
        bytes: usize,
        offset: i64,
        prot: i32,
    ) -> Result<Self, support::kernel::Errno> {
        let fd = pcm.pollfd().fd;
        // SAFETY: A new mapping.
        let at = unsafe {
            let nowhere = ptr::null_mut();
            libc::mmap(nowhere, bytes, prot, libc::MAP_SHARED, fd, offset)
        };
        if at == libc::MAP_FAILED {
            return Err(support::kernel::Errno {
                call: "mmap",
                code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
            });
        }
        Ok(View {
            at: at.cast(),
            bytes,
        })
    }

    pub fn buffer(pcm: &Pcm, cfg: &Config) -> Result<Self, Fail> {
        let bytes = (cfg.buffer() * cfg.frame_bytes()).next_multiple_of(4096);
        Ok(View::new(pcm, bytes, 0, libc::PROT_READ)?)
    }

    /// The length, in whole pages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// One byte.
    pub fn byte(&self, at: usize) -> u8 {
        assert!(at < self.bytes);
        // SAFETY: The byte is in the mapping. The kernel may change it meanwhile: it is read once.
        unsafe { self.at.add(at).read_volatile() }
    }

    /// The first byte that is not zero.
    fn dirt(&self) -> Option<usize> {
        (0..self.bytes).find(|&i| self.byte(i) != 0)
    }

    fn is_clean(&self, what: &str) -> Outcome {
        let dirt = self.dirt();
        check!(
            dirt.is_none(),
            "{what}: byte {} is not 0",
            dirt.unwrap_or(0)
        );
        Ok(())
    }
}

/// Leaves buffers full of sound to whoever gets their memory next.
fn dirty(ctx: &Context) -> Outcome {
    let cfg = Config {
        channels: 8,
        period: 4096,
        periods: 16,
        ..MAPPED
    };
    let sound = cfg.signal(cfg.buffer(), 0x5ec);
    let mut pcms = Vec::new();
    for subdevice in 0..4 {
        let mut play = Cable {
            device: 1,
            subdevice,
        }
        .playback(ctx)?;
        play.configure(&cfg)?;
        play.write(&sound, 0, cfg.buffer())?;
        pcms.push(play);
    }
    Ok(())
}

fn fresh_buffer(ctx: &Context) -> Outcome {
    for dir in Dir::BOTH {
        dirty(ctx)?;
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.hw_params(&MAPPED.request())?;
        let buffer = View::buffer(&pcm, &MAPPED)?;
        buffer.is_clean("after HW_PARAMS")?;
        pcm.cfg = Some(MAPPED);
        pcm.sw_params(MAPPED.buffer() as u64)?;
        pcm.prepare()?;
        buffer.is_clean("after PREPARE")?;
    }
    Ok(())
}

/// A capture and its playback, with sound in both buffers.
fn sounding(ctx: &Context, cable: Cable) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = cable.open(ctx, &MAPPED, &MAPPED)?;
    play.write(&MAPPED.signal(MAPPED.buffer(), 0x5ed), 0, MAPPED.buffer())?;
    rec.start()?;
    play.start()?;
    support::cable::wait_for_position(&rec, 4800, Duration::from_secs(5))?;
    Ok((play, rec))
}

fn used_buffer(ctx: &Context) -> Outcome {
    let sizes = [MAPPED.periods, MAPPED.periods / 2, MAPPED.periods * 2];
    for periods in sizes {
        let cfg = Config { periods, ..MAPPED };
        let (mut play, mut rec) = sounding(ctx, CABLE)?;
        for pcm in [&mut play, &mut rec] {
            pcm.stop()?;
            // A buffer that is mapped cannot be replaced.
            pcm.hw_free()?;
        }
        for pcm in [&play, &rec] {
            pcm.hw_params(&cfg.request())?;
            View::buffer(pcm, &cfg)?.is_clean(&format!("{periods} periods"))?;
        }
    }
    // A recording that begins anew does not show the last one, which has filled nearly all of the
    // buffer.
    let (play, rec) = sounding(ctx, CABLE)?;
    let nearly_all = MAPPED.buffer() as u64 * 15 / 16;
    support::cable::wait_for_position(&rec, nearly_all, Duration::from_secs(5))?;
    drop(play);
    rec.stop()?;
    rec.prepare()?;
    View::buffer(&rec, &MAPPED)?.is_clean("after another PREPARE")
}

fn last_page(ctx: &Context) -> Outcome {
    // 4000 bytes.
    let cfg = Config {
        period: 250,
        periods: 4,
        ..MAPPED
    };
    for dir in Dir::BOTH {
        dirty(ctx)?;
        let pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.hw_params(&cfg.request())?;
        View::buffer(&pcm, &cfg)?.is_clean("a page of which the buffer takes 4000 bytes")?;
    }
    Ok(())
}

fn other_cable(ctx: &Context) -> Outcome {
    let mut silent = CABLE.capture(ctx)?;
    silent.configure(&MAPPED)?;
    let buffer = View::buffer(&silent, &MAPPED)?;
    silent.start()?;
    unless_stalled(|| {
        let mut session = Session::open(ctx, OTHER, &LONG, LONG.signal(9600, 0x5ee))?;
        session.run()?;
        session.verify(support::signal::Expect::Whole)?;
        buffer.is_clean("the buffer of a cable without a playback")
    })
}

fn beyond_the_buffer(ctx: &Context) -> Outcome {
    let pcm = CABLE.capture(ctx)?;
    pcm.hw_params(&MAPPED.request())?;
    let bytes = MAPPED.buffer() * MAPPED.frame_bytes();
    let pages = bytes.next_multiple_of(4096);
    for (length, offset) in [
        (pages + 4096, 0),
        (4096, pages as i64),
        (pages, 4096),
        (4096, 0x7fff_f000),
        (4096, 1 << 40),
    ] {
        let view = View::new(&pcm, length, offset, libc::PROT_READ).map(drop);
        expect_error(&format!("{length} bytes at {offset}"), view, libc::EINVAL)?;
    }
    View::new(&pcm, 4096, pages as i64 - 4096, libc::PROT_READ)?.is_clean("the last page")
}

fn status_page(ctx: &Context) -> Outcome {
    let mut pcm = CABLE.capture(ctx)?;
    pcm.configure(&MAPPED)?;
    if !shared::SHARED {
        return shared::refused(&pcm);
    }
    let view = View::new(&pcm, 4096, shared::STATUS, libc::PROT_READ)?;
    // SAFETY: The range is the mapping's.
    let made_writable = unsafe {
        let both = libc::PROT_READ | libc::PROT_WRITE;
        libc::mprotect(view.at.cast(), view.bytes, both)
    };
    check_eq!("mprotect for writing", made_writable, -1);
    Ok(())
}

/// The application's pointer lies in a page that the application can write: to any value, at any
/// time.
fn any_pointer(ctx: &Context) -> Outcome {
    for victim in [CABLE, OTHER] {
        let (play, mut rec) = sounding(ctx, victim)?;
        let pages = [
            Page::of(&play, shared::CONTROL)?,
            Page::of(&rec, shared::CONTROL)?,
        ];
        let boundary = play.boundary;
        let mut value = ctx.seed | 1;
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until {
            // Marsaglia's xorshift: it comes to every number but 0.
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
            for (page, pcm) in pages.iter().zip([&play, &rec]) {
                let pointer = match value % 4 {
                    0 => value,
                    1 => value % boundary,
                    2 => boundary.wrapping_sub(value % 3).wrapping_add(1),
                    _ => value % 20_000,
                };
                page.set_word(shared::APPL_PTR, pointer);
                // Each may fail; none may do anything else.
                let _ = pcm.status();
                let _ = pcm.delay();
                let _ = pcm.hwsync();
                let _ = pcm.rewind(value % 5000);
                if pcm.status().is_ok_and(|s| s.state == support::config::XRUN) {
                    pcm.prepare()?;
                    let _ = pcm.start();
                }
            }
        }
        let _ = rec.read(&mut MAPPED.nothing(), 16);
        drop(pages);
        drop((play, rec));
        cable_works(ctx, victim)?;
    }
    Ok(())
}
