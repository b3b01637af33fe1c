// SPDX-License-Identifier: GPL-2.0

//! The clients of a card that is taken away, 13.2: every call says so, and none waits.

mod every_call;
mod sleepers;

use std::time::Duration;

use support::cable::Cable;
use support::config::Dir;
use support::config::LONG;
use support::config::OPEN;
use support::config::SETUP;
use support::kernel::Errno;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;

use crate::tests::probe::states::advance;
use crate::tests::probe::states::fill;
use every_call::every_call;
use sleepers::sleepers;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("power", name, run).limit(60);
    vec![
        test(
            "13.2 a card that is gone: every call says so, at once",
            every_call,
        ),
        test("13.2 a card that goes: whoever waits is woken", sleepers),
    ]
}

/// The state of a stream whose card is gone.
const DISCONNECTED: u64 = 8;

/// Where the core waits by itself, it gives up after 100 ms or more.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The cable with this number, of sixteen.
fn cable(number: u32) -> Cable {
    Cable {
        device: number / 8,
        subdevice: number % 8,
    }
}

/// Lets the calls on a descriptor wait.
fn wait_in(fd: i32) {
    // SAFETY: Changes the flags of our own descriptor.
    unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_RDWR) };
}

/// A side in this state, whose calls may wait.
fn in_state(ctx: &Context, cable: Cable, dir: Dir, state: i32) -> Result<Pcm, Fail> {
    let mut pcm = Pcm::open(cable.side(ctx, dir))?;
    if state != OPEN {
        pcm.setup(&LONG)?;
        pcm.sw_params(u64::MAX)?;
    }
    if state != OPEN && state != SETUP {
        pcm.prepare()?;
        fill(&mut pcm)?;
        advance(&mut pcm, state)?;
    }
    wait_in(pcm.fd());
    Ok(pcm)
}

fn read(fd: i32, bytes: &mut [u8]) -> Result<isize, Errno> {
    // SAFETY: As many bytes as there are.
    let got = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    if got < 0 {
        return Err(Errno {
            call: "read",
            code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        });
    }
    Ok(got)
}

/// Waits for input until there is some or the card is gone, for `ms` milliseconds at most.
fn wait_for_input(fd: i32, ms: i32) -> i16 {
    let mut fds = [libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }];
    poll(&mut fds, ms);
    fds[0].revents
}
