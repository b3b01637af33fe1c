// SPDX-License-Identifier: GPL-2.0

//! An open that waits for a module.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::check;
use support::check_eq;
use support::config::Dir;
use support::config::LONG;
use support::elements::Controls;
use support::elements::ACTIVE;
use support::ktap::expect_error;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::pcm::poll;
use support::pcm::Pcm;

use super::OTHER;
use crate::tests::proc;
use crate::tests::source::Source;
use crate::tests::CABLE;

/// Makes the kernel's loading of a module last a second, until dropped.
pub(super) struct SlowModules(String);

impl SlowModules {
    const HELPER: &'static str = "/proc/sys/kernel/modprobe";
    const SCRIPT: &'static str = "/tmp/slow-modprobe";

    fn begin() -> Result<Self, Fail> {
        fs::write(Self::SCRIPT, "#!/bin/sh\nsleep 1\nexit 1\n")?;
        fs::set_permissions(Self::SCRIPT, fs::Permissions::from_mode(0o755))?;
        let was = fs::read_to_string(Self::HELPER)?;
        fs::write(Self::HELPER, Self::SCRIPT)?;
        Ok(SlowModules(was.trim().into()))
    }
}

impl Drop for SlowModules {
    fn drop(&mut self) {
        let _ = fs::write(Self::HELPER, &self.0);
        let _ = fs::remove_file(Self::SCRIPT);
    }
}

/// A timer that isn't there: the core tries to load its driver.
pub(super) fn slow_open(ctx: &Context) -> Outcome {
    let (mut play, mut rec) = (CABLE.playback(ctx)?, CABLE.capture(ctx)?);
    let controls = Controls::of(ctx, CABLE)?;
    let slow = SlowModules::begin()?;
    let source = Source::set(ctx, "-1.2.0")?;
    let side = OTHER.side(ctx, Dir::Playback);
    let (send, receive) = mpsc::channel();
    let begun = Instant::now();
    thread::spawn(move || {
        let result = Pcm::open(side).map(drop);
        let _ = send.send((result, Instant::now()));
    });
    // Until the open has come as far as the helper.
    let deadline = Instant::now() + Duration::from_secs(5);
    while !helper_runs() {
        check!(Instant::now() < deadline, "no module was asked for in 5 s");
        poll(&mut [], 1);
    }
    play.configure(&LONG)?;
    rec.configure(&LONG)?;
    play.write(&LONG.signal(4800, 151), 0, 4800)?;
    rec.start()?;
    play.start()?;
    check_eq!("Slave Active", controls.get(ACTIVE)?, 1);
    proc::cable(ctx, CABLE)?;
    let done = Instant::now();
    let (result, opened) = receive
        .recv_timeout(Duration::from_secs(10))
        .map_err(|_| "the slow open has not come back after 10 s".to_string())?;
    drop((source, slow));
    expect_error("open", result, libc::ENODEV)?;
    note(&format!(
        "the open took {:?}, the other cable's calls were done after {:?}",
        opened - begun,
        done - begun
    ));
    check!(
        done < opened,
        "the other cable's calls waited for the open that took {:?}",
        opened - begun
    );
    Ok(())
}

/// Whether a process runs that is the helper's script.
pub(super) fn helper_runs() -> bool {
    let Ok(entries) = fs::read_dir("/proc") else {
        return false;
    };
    entries.flatten().any(|entry| {
        fs::read(entry.path().join("cmdline"))
            .is_ok_and(|text| String::from_utf8_lossy(&text).contains(SlowModules::SCRIPT))
    })
}
