// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail: the first one of an operation, then the second one, and so on until the
//! operation gets by without a fault.
//!
//! Every time the operation has to work all the same, or to fail with an error that says so; and
//! then it has to work at once. What it leaves behind is found by the kernel's leak detector when
//! the guest ends. All this needs a kernel with `CONFIG_FAILSLAB` and `CONFIG_FAIL_PAGE_ALLOC`.

mod calls;
mod card;

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;

use support::check;
use support::kernel::Errno;
use support::ktap::note;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;

use calls::controls;
use calls::files;
use calls::open;
use calls::open_by_timer;
use calls::parameters;
use calls::streams;
use card::bind;
use card::load;
use card::unbind;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("faults", name, run).limit(300);
    vec![
        test("16 a fault at each allocation of an open", open),
        test("16 … of an open by a sound timer", open_by_timer),
        test("16 … of HW_PARAMS", parameters),
        test("16 … from open to close of a linked pair", streams),
        test("16 … of a call at the card's controls", controls),
        test("16 … of reading and writing the card's files", files),
        test("16 … of making a card", bind).limit(1800),
        test("16 … of taking a card away", unbind),
        test("16 … of loading the module", load).limit(1800),
    ]
}

/// Lets allocations of this thread fail.
struct Faults(File);

impl Faults {
    fn new() -> Result<Self, Fail> {
        const DEBUGFS: &str = "/sys/kernel/debug";
        for (knob, value) in [
            ("failslab/ignore-gfp-wait", "N"),
            ("failslab/verbose", "0"),
            ("fail_page_alloc/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-highmem", "N"),
            ("fail_page_alloc/min-order", "0"),
            ("fail_page_alloc/verbose", "0"),
        ] {
            fs::write(format!("{DEBUGFS}/{knob}"), value)
                .map_err(|e| format!("{knob}: {e}: this kernel cannot inject faults"))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")?;
        Ok(Faults(file))
    }

    /// Runs `call`, in which the `n`-th allocation fails. Returns whether there were so many.
    fn inject<T>(&self, n: u32, call: impl FnOnce() -> T) -> Result<(T, bool), Fail> {
        let text = n.to_string();
        self.0.write_all_at(text.as_bytes(), 0)?;
        let result = call();
        let mut left = [0; 16];
        let length = self.0.read_at(&mut left, 0)?;
        self.0.write_all_at(b"0", 0)?;
        Ok((result, left[..length].starts_with(b"0")))
    }
}

/// What a failed allocation shows as.
const NO_MEMORY: [i32; 1] = [libc::ENOMEM];

/// The same where a card is made: the core gives a device no name, and then finds that it has none.
const NO_CARD: [i32; 2] = [libc::ENOMEM, libc::EINVAL];

/// The same where a control device is opened: the core then says `ENODEV` in some cases.
const NO_CONTROL: [i32; 2] = [libc::ENOMEM, libc::ENODEV];

/// Runs `attempt` with a fault at its first allocation, its second one, and so on. `after` is run
/// after each, without faults, and gets what the attempt returned: it checks, and cleans up.
fn every<T>(
    errors: &[i32],
    attempt: impl FnMut() -> Result<T, Errno>,
    after: impl FnMut(Option<T>) -> Outcome,
) -> Outcome {
    some(1..100_000, errors, attempt, after)
}

/// The allocations at which an attempt fails that takes long: each `ctx.step`-th, from where the
/// seed says.
fn chosen(ctx: &Context) -> impl Iterator<Item = u32> {
    let step = u64::from(ctx.step);
    let first = (1 + ctx.seed % step) as u32;
    (first..100_000).step_by(ctx.step as usize)
}

/// As `every`, with a fault at each allocation of `numbers` in turn.
fn some<T>(
    numbers: impl IntoIterator<Item = u32>,
    errors: &[i32],
    mut attempt: impl FnMut() -> Result<T, Errno>,
    mut after: impl FnMut(Option<T>) -> Outcome,
) -> Outcome {
    let faults = Faults::new()?;
    let (mut count, mut failed) = (0, 0);
    for n in numbers {
        let (result, injected) = faults.inject(n, &mut attempt)?;
        let result = match result {
            Ok(value) => Some(value),
            Err(e) => {
                check!(injected, "without a fault: {e}");
                check!(errors.contains(&e.code), "allocation {n} fails: {e}");
                failed += 1;
                None
            }
        };
        after(result).map_err(|e| at(n, e))?;
        if !injected {
            note(&format!(
                "{count} faults, {failed} errors, {n} allocations at most"
            ));
            check!(count > 0, "no allocation was seen");
            return Ok(());
        }
        count += 1;
    }
    Err(Fail::Wrong("no end after 100000 faults".into()))
}

/// Says after which fault it was.
fn at(n: u32, fail: Fail) -> Fail {
    let name = |text| format!("after a fault at allocation {n}: {text}");
    match fail {
        Fail::Wrong(text) => Fail::Wrong(name(text)),
        Fail::Stalled(text) => Fail::Stalled(name(text)),
        Fail::Late(text) => Fail::Late(name(text)),
        skip => skip,
    }
}

fn errno(call: &'static str) -> impl Fn(io::Error) -> Errno {
    move |e| Errno {
        call,
        code: e.raw_os_error().unwrap_or(0),
    }
}
