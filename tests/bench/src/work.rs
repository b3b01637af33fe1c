// SPDX-License-Identifier: GPL-2.0

//! What the card costs: instructions in the kernel, interrupts.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use support::config::Access;
use support::config::Config;
use support::config::Dir;
use support::kernel::now_ns;
use support::signal;

use crate::row::measured;
use crate::row::Card;
use crate::row::Failed;
use crate::row::Plan;
use crate::row::Row;
use crate::stream::usual;
use crate::stream::Stream;
use crate::stream::Wish;

/// A stretch of time whose instructions are counted, if the emulator counts (tests/bench/insn.c),
/// and its interrupts.
pub struct Window {
    number: u32,
    begun: i64,
    timer: u64,
    irq_work: u64,
    code: *mut u8,
}

const CODE_BYTES: usize = 4096;

impl Window {
    pub fn begin() -> Result<Self, Failed> {
        Self::begin_with(0xa100_0000)
    }

    /// Only the ways from idle to user space are counted: what a wake-up takes.
    pub fn begin_ways() -> Result<Self, Failed> {
        Self::begin_with(0xa300_0000)
    }

    fn begin_with(mark: u32) -> Result<Self, Failed> {
        // SAFETY: A new mapping.
        let code = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                CODE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if code == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        // A name for the window that no other one of this boot has.
        let number = (now_ns() / 1_000_000) as u32 & 0xff_ffff;
        let mut window = Window {
            number,
            begun: 0,
            timer: 0,
            irq_work: 0,
            code: code.cast(),
        };
        (window.timer, window.irq_work) = interrupts()?;
        window.mark(0, mark);
        window.begun = now_ns();
        Ok(window)
    }

    /// Executes a mark, `nopl MARK(%rax,%rax,1)`, in a place of its own.
    fn mark(&self, place: usize, mark: u32) {
        let mark = (mark | self.number).to_le_bytes();
        let code = [
            0x0f, 0x1f, 0x84, 0x00, mark[0], mark[1], mark[2], mark[3], 0xc3,
        ];
        // SAFETY: The mapping has room for two such functions, and the code is one that does
        // nothing and returns.
        unsafe {
            let at = self.code.add(place * 64);
            std::ptr::copy_nonoverlapping(code.as_ptr(), at, code.len());
            let function: extern "C" fn() = std::mem::transmute(at);
            function();
        }
    }

    pub fn end(self, row: Row) -> Result<Row, Failed> {
        let seconds = (now_ns() - self.begun) as f64 / 1e9;
        self.mark(1, 0xa200_0000);
        let (timer, irq_work) = interrupts()?;
        Ok(row
            .with("window", self.number)
            .with("window_s", format!("{seconds:.6}"))
            .with("loc", timer - self.timer)
            .with("iwi", irq_work - self.irq_work))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: Our own mapping, whose functions are not running.
        unsafe { libc::munmap(self.code.cast(), CODE_BYTES) };
    }
}

/// Local timer interrupts and irq_work interrupts of all processors so far.
fn interrupts() -> Result<(u64, u64), Failed> {
    let text = std::fs::read_to_string("/proc/interrupts")?;
    let sum = |name: &str| {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(name))
            .flat_map(|rest| {
                rest.split_whitespace()
                    .map_while(|word| word.parse::<u64>().ok())
            })
            .sum()
    };
    Ok((sum("LOC:"), sum("IWI:")))
}

/// How the sides of the cables are served.
#[derive(Clone, Copy, PartialEq)]
enum Service {
    /// A thread for each side waits in poll() for each period.
    Wakeups,
    /// The same, but with all cables started at once.
    Together,
    /// The same as `Wakeups`, but all frames are taken that there are (see `flow::wakeups`).
    Greedy,
    /// No period wake-ups: a thread for each side sleeps for a period by itself.
    OwnTimer,
    /// No period wake-ups, and nobody asks.
    Nobody,
}

struct Load {
    name: &'static str,
    cfg: Config,
}

fn loads() -> [Load; 2] {
    [
        Load {
            name: "S16x2x48000",
            cfg: usual(480, 4),
        },
        // The buffers are worked in: more copies than the driver's are more than the counted
        // processor can make.
        Load {
            name: "S32x32x192000",
            cfg: Config {
                access: Access::MmapInterleaved,
                format: signal::S32_LE,
                rate: 192_000,
                channels: 32,
                period: 1920,
                periods: 4,
            },
        },
    ]
}

/// Instructions in the kernel and interrupts for a number of cables, the sides of each started
/// together, the cables one after the other in even steps over a period.
pub fn work(plan: &Plan, card: &Card) {
    for load in loads() {
        for (service, name) in [
            (Service::Wakeups, "wakeups"),
            (Service::Together, "together"),
            (Service::Greedy, "greedy"),
            (Service::OwnTimer, "own-timer"),
            (Service::Nobody, "nobody"),
        ] {
            for cables in [1, 4, 16] {
                if matches!(service, Service::Together | Service::Greedy) && cables != 16 {
                    continue;
                }
                work_row(plan, card, &load, (service, name), cables);
            }
        }
    }
}

/// The row that a card is worth whose timers may be late: period wake-ups of 16 cables, spread.
pub fn late(plan: &Plan, card: &Card) {
    let [light, _] = loads();
    work_row(plan, card, &light, (Service::Wakeups, "wakeups"), 16);
}

fn work_row(plan: &Plan, card: &Card, load: &Load, service: (Service, &str), cables: u32) {
    let (service, name) = service;
    let row = Row::new("work")
        .with("driver", &card.id)
        .with("load", load.name)
        .with("service", name)
        .with("cables", cables);
    measured(row, 120.0, |row| {
        run(plan, card, load.cfg, service, cables, row)
    });
}

fn run(
    plan: &Plan,
    card: &Card,
    cfg: Config,
    service: Service,
    cables: u32,
    row: Row,
) -> Result<Row, Failed> {
    let wish = Wish {
        free_running: service == Service::Nobody,
        no_period_wakeup: matches!(service, Service::OwnTimer | Service::Nobody),
    };
    let mut sides = Vec::new();
    for cable in 0..cables {
        let play = Stream::open(card, cable, Dir::Playback, cfg, wish)?;
        let rec = Stream::open(card, cable, Dir::Capture, cfg, wish)?;
        play.link(&rec)?;
        serve(&play, false, &mut vec![0; cfg.buffer() * cfg.frame_bytes()])?;
        sides.push((play, rec));
    }
    let period = cfg.period_ns();
    let begun = now_ns();
    for (number, (play, _)) in sides.iter().enumerate() {
        let at = begun + period * number as i64 / i64::from(cables);
        while service != Service::Together && now_ns() < at {
            thread::sleep(Duration::from_nanos((at - now_ns()).max(0) as u64));
        }
        play.start()?;
    }
    let count = Arc::new(Count::default());
    let mut threads = Vec::new();
    if service != Service::Nobody {
        for side in sides.drain(..).flat_map(|(play, rec)| [play, rec]) {
            let count = count.clone();
            threads.push(thread::spawn(move || {
                // What went wrong first is said; the others only end.
                if let Err(Failed(why)) = serve_on(&side, service, &count) {
                    count.fail(why);
                }
                // It is closed when all have ended: closing one side stops the other.
                side
            }));
        }
    }
    thread::sleep(Duration::from_millis(200));
    let before = count.get();
    let window = Window::begin()?;
    thread::sleep(Duration::from_secs_f64(plan.seconds(2.0, 2.0, 0.3)));
    let row = window.end(row)?;
    let after = count.get();
    count.stop.store(true, Ordering::Relaxed);
    let sides: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
    drop(sides);
    if let Some(why) = count.failure() {
        return Err(Failed(why));
    }
    let per_second = cfg.rate as usize * cfg.frame_bytes() * cables as usize;
    Ok(row
        .with("wakeups", after.0 - before.0)
        .with("frames", after.1 - before.1)
        .with("bytes_per_s", per_second))
}

#[derive(Default)]
struct Count {
    wakeups: AtomicU64,
    frames: AtomicU64,
    stop: AtomicBool,
    failure: std::sync::Mutex<Option<String>>,
}

impl Count {
    fn get(&self) -> (u64, u64) {
        (
            self.wakeups.load(Ordering::Relaxed),
            self.frames.load(Ordering::Relaxed),
        )
    }

    fn fail(&self, why: String) {
        let mut failure = self.failure.lock().unwrap_or_else(|e| e.into_inner());
        failure.get_or_insert(why);
    }

    fn failure(&self) -> Option<String> {
        let mut failure = self.failure.lock().unwrap_or_else(|e| e.into_inner());
        failure.take()
    }
}

fn serve(side: &Stream, greedy: bool, data: &mut [u8]) -> Result<usize, Failed> {
    if side.cfg.access.is_mmap() {
        return Ok(side.advance(greedy)?);
    }
    let frames = if greedy {
        side.cfg.buffer()
    } else {
        side.whole_periods()?
    };
    Ok(side.transfer(data, frames)?)
}

fn serve_on(side: &Stream, service: Service, count: &Count) -> Result<(), Failed> {
    let mut data = vec![0; side.cfg.buffer() * side.cfg.frame_bytes()];
    let period = Duration::from_nanos(side.cfg.period_ns() as u64);
    while !count.stop.load(Ordering::Relaxed) {
        if service == Service::OwnTimer {
            thread::sleep(period);
        } else if !side.wait(1000) {
            return Err(Failed("no wake-up for 1 s".into()));
        }
        let frames = serve(side, service == Service::Greedy, &mut data)?;
        count
            .wakeups
            .fetch_add(u64::from(frames > 0), Ordering::Relaxed);
        count.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// The instructions of one second's copies alone, for the same bytes in the same pieces.
pub fn memcpy(_: &Plan) {
    for load in loads() {
        measured(Row::new("memcpy").with("load", load.name), 60.0, |row| {
            let bytes = load.cfg.frame_bytes();
            let piece = load.cfg.period as usize * bytes;
            let count = (load.cfg.rate / load.cfg.period) as usize;
            let buffer = load.cfg.buffer() * bytes;
            let window = Window::begin()?;
            std::fs::write(
                "/sys/module/aloop_bench_floor/parameters/copy",
                format!("{buffer} {piece} {count}"),
            )?;
            Ok(window.end(row)?.with("bytes", piece * count))
        });
    }
}
