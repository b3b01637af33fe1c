// SPDX-License-Identifier: GPL-2.0

//! The ground that the cards stand on: the kernel's timers, and what a module costs that only lies
//! there.

use std::process::Command;

use support::kernel::now_ns;

use crate::row::measured;
use crate::row::Failed;
use crate::row::Plan;
use crate::row::Row;
use crate::work::Window;

/// How late poll() returns from a timerfd.
pub fn timer(plan: &Plan) {
    for interval_us in [1000, 10_000] {
        let row = Row::new("timer").with("interval_us", interval_us);
        measured(row, 60.0, |row| {
            let seconds = plan.seconds(10.0, 5.0, 1.0);
            let interval = interval_us * 1000;
            let begun = now_ns() / interval * interval + 20_000_000;
            let spec = |ns: i64| libc::timespec {
                tv_sec: ns / 1_000_000_000,
                tv_nsec: ns % 1_000_000_000,
            };
            let timer = libc::itimerspec {
                it_interval: spec(interval),
                it_value: spec(begun),
            };
            // SAFETY: Plain system calls on our own descriptor, with valid structures.
            let fd = unsafe {
                let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK);
                if fd < 0
                    || libc::timerfd_settime(
                        fd,
                        libc::TFD_TIMER_ABSTIME,
                        &timer,
                        std::ptr::null_mut(),
                    ) < 0
                {
                    return Err(std::io::Error::last_os_error().into());
                }
                fd
            };
            let mut late = Vec::new();
            let mut expired = 0;
            let window = Window::begin_ways()?;
            while now_ns() < begun + (seconds * 1e9) as i64 {
                let mut fds = [libc::pollfd {
                    fd,
                    events: libc::POLLIN,
                    revents: 0,
                }];
                support::pcm::poll(&mut fds, 1000);
                late.push(now_ns() - begun - expired * interval);
                let mut times = 0u64;
                // SAFETY: The descriptor gives eight bytes.
                unsafe { libc::read(fd, (&raw mut times).cast(), 8) };
                expired += times as i64;
            }
            plan.trace(
                &format!("timer-{interval_us}.tsv"),
                late.iter().map(i64::to_string),
            )?;
            let row = window.end(row)?;
            Ok(row.with_spread("late", &mut late))
        });
    }
}

/// Interrupts and instructions while nothing runs.
pub fn idle(plan: &Plan, label: &str) {
    let seconds = plan.seconds(60.0, 5.0, 2.0);
    measured(
        Row::new("idle").with("driver", label),
        seconds + 60.0,
        |row| {
            // What was just done may still cause some.
            std::thread::sleep(std::time::Duration::from_secs(2));
            let window = Window::begin()?;
            std::thread::sleep(std::time::Duration::from_secs_f64(seconds));
            window.end(row)
        },
    );
}

fn run(program: &str, words: &[&str]) -> Result<(), Failed> {
    let output = Command::new(program).args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Failed(format!("{program}: {}", text.trim())))
}

/// The time from the start of `modprobe` until a card's control node and its proc entry are there.
/// What the module depends on is loaded already.
pub fn load(plan: &Plan, label: &str, module: &str, parameters: &[&str]) {
    measured(Row::new("load").with("driver", label), 120.0, |row| {
        let mut times = Vec::new();
        let name = module.rsplit('/').next().unwrap_or(module);
        let name = name.strip_suffix(".ko").unwrap_or(name);
        let words = [&["-q", module, "id=Loaded"], parameters].concat();
        for _ in 0..plan.seconds(9.0, 3.0, 3.0) as usize {
            let begun = now_ns();
            run("modprobe", &words)?;
            let link = std::fs::read_link("/proc/asound/Loaded")?;
            let number = link.to_string_lossy().replace("card", "");
            std::fs::metadata(format!("/dev/snd/controlC{number}"))?;
            times.push(now_ns() - begun);
            run("rmmod", &[name])?;
        }
        Ok(row.with_spread("time", &mut times))
    });
}
