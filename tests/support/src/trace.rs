// SPDX-License-Identifier: GPL-2.0

//! What the kernel does meanwhile: its own trace of interrupts and timers.

use std::ffi::CString;
use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::ptr;

use crate::check;
use crate::ktap::Context;
use crate::ktap::Fail;

const DIR: &str = "/sys/kernel/tracing";

/// One line of the trace.
#[derive(Debug)]
pub struct Event {
    pub cpu: u32,
    /// By CLOCK_MONOTONIC, in seconds, exact to a microsecond.
    pub time: f64,
    pub name: String,
    pub text: String,
}

fn mount() {
    if !Path::new(DIR).join("trace").exists() {
        let (what, to) = (
            CString::new("tracefs").expect("no NUL"),
            CString::new(DIR).expect("no NUL"),
        );
        // SAFETY: Valid strings; this file system takes no data.
        unsafe { libc::mount(what.as_ptr(), to.as_ptr(), what.as_ptr(), 0, ptr::null()) };
    }
}

/// A trace that is being written.
pub struct Trace {
    events: Vec<&'static str>,
}

fn set(file: &str, value: &str) -> Result<(), Fail> {
    fs::write(Path::new(DIR).join(file), value)
        .map_err(|e| Fail::Wrong(format!("{DIR}/{file}: {e}")))
}

impl Trace {
    /// Begins to trace `events`, as in `timer/hrtimer_expire_entry`.
    pub fn begin(events: &[&'static str]) -> Result<Self, Fail> {
        mount();
        set("tracing_on", "0")?;
        set("trace_clock", "mono")?;
        set("buffer_size_kb", "4096")?;
        set("trace", "")?;
        let trace = Trace {
            events: events.to_vec(),
        };
        for event in events {
            set(&format!("events/{event}/enable"), "1")?;
        }
        set("tracing_on", "1")?;
        Ok(trace)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// Also if it holds less than all.
    pub fn end(self) -> Result<Vec<Event>, Fail> {
        set("tracing_on", "0")?;
        let text = fs::read_to_string(Path::new(DIR).join("trace"))?;
        // What is overwritten before it is read, only the statistics tell.
        for cpu in fs::read_dir(Path::new(DIR).join("per_cpu"))? {
            let stats = fs::read_to_string(cpu?.path().join("stats"))?;
            let lost = stats.lines().filter_map(|line| line.split_once(": "));
            for (what, count) in lost.filter(|(what, _)| what.ends_with("overrun")) {
                check!(
                    count == "0",
                    "the kernel's trace is incomplete: {what}: {count}"
                );
            }
        }
        Ok(text.lines().filter_map(parse).collect())
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = set("tracing_on", "0");
        for event in &self.events {
            let _ = set(&format!("events/{event}/enable"), "0");
        }
    }
}

/// Probes at one place of the kernel, each of which holds up who comes there for some microseconds:
/// by taking down who has called it.
pub struct Probes {
    count: usize,
    /// What is written to hold up those who come: all, or the first one alone.
    trigger: &'static str,
}

impl Probes {
    /// At the return of `function`, whoever comes.
    pub fn that_linger(function: &str, count: usize) -> Result<Self, Fail> {
        let probes = Self::at(&format!("r:aloop/lingersN {function}"), count, "stacktrace")?;
        probes.arm()?;
        Ok(probes)
    }

    /// Where a function of the card's driver begins, which is told by a part of its symbol: one
    /// call after each [`Probes::arm`].
    pub fn that_hold_up_one(ctx: &Context, function: &str, count: usize) -> Result<Self, Fail> {
        let symbols = fs::read_to_string("/proc/kallsyms")?;
        let ours: Vec<&str> = symbols
            .lines()
            .filter(|line| line.ends_with(&format!("[{}]", ctx.module)))
            .filter_map(|line| line.split_whitespace().nth(2))
            // What the compiler and objtool have made of a function has names of its own.
            .filter(|symbol| symbol.contains(function))
            .filter(|symbol| !symbol.starts_with("__pfx_") && !symbol.contains('.'))
            .collect();
        let [symbol] = ours[..] else {
            return Err(Fail::Wrong(format!(
                "not one function {function} of {}, but {ours:?}",
                ctx.module
            )));
        };
        let place = format!("p:aloop/lingersN {}:{symbol}", ctx.module);
        Self::at(&place, count, "stacktrace:1")
    }

    fn at(place: &str, count: usize, trigger: &'static str) -> Result<Self, Fail> {
        mount();
        let mut probes = Probes { count: 0, trigger };
        for number in 0..count {
            Self::write(&place.replacen("lingersN", &format!("lingers{number}"), 1))?;
            probes.count = number + 1;
        }
        Ok(probes)
    }

    /// From now on they hold up those who come.
    pub fn arm(&self) -> Result<(), Fail> {
        for number in 0..self.count {
            let file = format!("events/aloop/lingers{number}/trigger");
            if self.trigger != "stacktrace" {
                // One that has done its work is still there.
                let _ = set(&file, "!stacktrace");
            }
            set(&file, self.trigger)?;
        }
        Ok(())
    }

    /// Adds a line to the probes there are.
    fn write(line: &str) -> Result<(), Fail> {
        let path = Path::new(DIR).join("kprobe_events");
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|e| Fail::Wrong(format!("{}: {line}: {e}", path.display())))
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        for number in 0..self.count {
            let _ = set(
                &format!("events/aloop/lingers{number}/trigger"),
                "!stacktrace",
            );
            let _ = Self::write(&format!("-:aloop/lingers{number}"));
        }
    }
}

/// `   aplay-97      [000] d.h..     5.721853: hrtimer_expire_entry: hrtimer=... function=...`
fn parse(line: &str) -> Option<Event> {
    if line.starts_with('#') {
        return None;
    }
    let (_, rest) = line.split_once(" [")?;
    let (cpu, rest) = rest.split_once("] ")?;
    let (_, rest) = rest.trim_start().split_once(' ')?;
    let (time, rest) = rest.trim_start().split_once(": ")?;
    let (name, text) = rest.split_once(": ").unwrap_or((rest, ""));
    Some(Event {
        cpu: cpu.parse().ok()?,
        time: time.parse().ok()?,
        name: name.into(),
        text: text.into(),
    })
}

/// What begins and ends each interrupt of the timer of a processor: on an x86, a trap of its own;
/// elsewhere, an interrupt as others.
#[cfg(target_arch = "x86_64")]
pub const INTERRUPTS: [&str; 2] = [
    "irq_vectors/local_timer_entry",
    "irq_vectors/local_timer_exit",
];
#[cfg(not(target_arch = "x86_64"))]
pub const INTERRUPTS: [&str; 2] = ["irq/irq_handler_entry", "irq/irq_handler_exit"];

/// The timers of the kernel.
pub const TIMERS: [&str; 2] = ["timer/hrtimer_expire_entry", "timer/timer_expire_entry"];

impl Event {
    /// A timer of the card's driver has expired.
    pub fn is_timer_of(&self, ctx: &Context) -> bool {
        self.name.ends_with("timer_expire_entry") && self.text.contains(&mark(ctx))
    }
}

/// What begins and ends each callback of a timer: its own, and that of the work in a thread which
/// on `PREEMPT_RT` does what there is to do.
pub const CALLBACKS: [&str; 4] = [
    "timer/hrtimer_expire_entry",
    "timer/hrtimer_expire_exit",
    "sched/sched_kthread_work_execute_start",
    "sched/sched_kthread_work_execute_end",
];

impl Event {
    /// A callback of the card's driver begins.
    pub fn is_callback_of(&self, ctx: &Context) -> bool {
        self.is_timer_of(ctx)
            || self.name == "sched_kthread_work_execute_start" && self.text.contains(&mark(ctx))
    }

    /// It ends the callback that `begin` has begun.
    pub fn ends(&self, begin: &Event) -> bool {
        match begin.name.as_str() {
            // Nothing interrupts it to run another on the same processor.
            "hrtimer_expire_entry" => self.name == "hrtimer_expire_exit" && self.cpu == begin.cpu,
            // A thread may go on on another processor.
            "sched_kthread_work_execute_start" => {
                self.name == "sched_kthread_work_execute_end" && self.text == begin.text
            }
            _ => false,
        }
    }
}

/// What takes memory.
pub const MEMORY: [&str; 3] = [
    "kmem/kmalloc",
    "kmem/kmem_cache_alloc",
    "kmem/mm_page_alloc",
];

impl Event {
    /// Memory is taken by ALSA or the card's driver.
    pub fn is_memory_for_sound(&self) -> bool {
        let site = self.text.strip_prefix("call_site=").unwrap_or("");
        site.split(' ')
            .nth(1)
            .is_some_and(|module| module.starts_with("[snd"))
    }
}

/// How symbols of the card's driver are told apart.
fn mark(ctx: &Context) -> String {
    format!(" [{}]", ctx.module)
}

/// The high-resolution timers of the card's driver that are armed at present.
pub fn armed_timers(ctx: &Context) -> Result<usize, Fail> {
    let list = fs::read_to_string("/proc/timer_list")?;
    Ok(list
        .lines()
        .filter(|line| line.contains(&mark(ctx)))
        .count())
}
