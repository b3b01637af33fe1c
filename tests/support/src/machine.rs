// SPDX-License-Identifier: GPL-2.0

//! What happens to the machine: a suspend, and a card that is unbound from its driver.
//!
//! The kernel suspends all devices and resumes them at once: its own test of device drivers.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use crate::check;
use crate::check_eq;
use crate::ktap::Context;
use crate::ktap::Fail;
use crate::ktap::Outcome;

/// Suspends the machine's devices and resumes them.
pub fn suspend() -> Outcome {
    to_sleep("freeze")
}

/// As for a hibernation: what is written to disk after it is no affair of a driver's.
pub fn hibernate() -> Outcome {
    to_sleep("disk")
}

fn to_sleep(state: &str) -> Outcome {
    const TEST: &str = "/sys/power/pm_test";
    let port = fs::read_link("/run/port.status").unwrap_or_default();
    check!(
        !port.to_string_lossy().contains("vport"),
        "what is said in this guest may not outlive a suspend: qemu/run wants --suspend"
    );
    let levels = fs::read_to_string(TEST).unwrap_or_default();
    check!(
        levels.contains("devices"),
        "the kernel has no test of suspending devices: {levels:?}"
    );
    // Otherwise the kernel spins for five seconds before it resumes the devices. (Where a module
    // has no such parameter, it does.)
    for module in ["suspend", "hibernate"] {
        let delay = format!("/sys/module/{module}/parameters/pm_test_delay");
        if fs::exists(&delay)? {
            fs::write(&delay, "0")?;
        }
    }
    fs::write(TEST, "devices")?;
    let result = fs::write("/sys/power/state", state);
    fs::write(TEST, "none")?;
    Ok(result?)
}

/// The sysfs folder of the card's platform driver, and the name of its device.
pub fn platform(ctx: &Context) -> Result<(PathBuf, String), Fail> {
    let device = fs::canonicalize(format!("/sys/class/sound/card{}/device", ctx.index))?;
    let name = device.file_name().unwrap_or_default().to_string_lossy();
    Ok((fs::canonicalize(device.join("driver"))?, name.into_owned()))
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> Outcome {
    let until = Instant::now() + Duration::from_secs(5);
    while !holds() {
        check!(Instant::now() < until, "after 5 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// An unbind of the card's device that has begun. It waits for the last descriptor, so it is
/// another process that waits; which binds the device again when this test is over, however it
/// ends.
pub struct Unbind {
    child: Child,
    /// What it says when the device has been unbound.
    says: mpsc::Receiver<String>,
    ended: Option<String>,
}

impl Unbind {
    /// Begins it, and waits until the card has gone.
    pub fn begin(ctx: &Context) -> Result<Self, Fail> {
        let (driver, name) = platform(ctx)?;
        let driver = driver.display();
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "echo {name} >{driver}/unbind && echo unbound; read -r _; \
                 echo {name} >{driver}/bind"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| "no output of sh".to_string())?;
        let (send, says) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = send.send(line);
        });
        let unbind = Unbind {
            child,
            says,
            ended: None,
        };
        wait_until("the card's nodes are there", || {
            !Path::new(&format!("/dev/snd/pcmC{}D0p", ctx.index)).exists()
                && !Path::new(&format!("/proc/asound/card{}", ctx.index)).exists()
        })?;
        Ok(unbind)
    }

    /// Whether it waits yet.
    pub fn waits(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.says.try_recv().ok();
        }
        self.ended.is_none()
    }

    /// Everything is closed: it ends, and a fresh card is made.
    pub fn end_and_bind(mut self, ctx: &Context) -> Outcome {
        wait_until("unbind still waits, with nothing open", || !self.waits())?;
        check_eq!("unbind", self.ended.as_deref(), Some("unbound\n"));
        drop(self.child.stdin.take());
        check!(self.child.wait()?.success(), "bind has failed");
        wait_until("the card is not back", || ctx.has_nodes())
    }
}
