// SPDX-License-Identifier: GPL-2.0

//! Runs tests and reports them as KTAP version 1.
//!
//! Each test runs in a process of its own. A panic, a crash or a hang is then that test's failure
//! alone, and whatever the test had open is closed before the next one begins.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::panic;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::kernel::Errno;

/// Why a test did not pass.
#[derive(Debug)]
pub enum Fail {
    /// The driver did something wrong.
    Wrong(String),
    /// The test has nothing to say here.
    Skip(String),
    /// The guest stood still for longer than a ring lasts: nothing can be said about the driver.
    Stalled(String),
}

impl From<Errno> for Fail {
    fn from(e: Errno) -> Self {
        Fail::Wrong(e.to_string())
    }
}

impl From<String> for Fail {
    fn from(text: String) -> Self {
        Fail::Wrong(text)
    }
}

impl From<std::io::Error> for Fail {
    fn from(e: std::io::Error) -> Self {
        Fail::Wrong(e.to_string())
    }
}

impl From<alsa::Error> for Fail {
    fn from(e: alsa::Error) -> Self {
        Fail::Wrong(e.to_string())
    }
}

pub type Outcome = Result<(), Fail>;

/// Fails the test with a message unless the condition holds.
#[macro_export]
macro_rules! check {
    ($cond:expr, $($message:tt)+) => {{
        let holds: bool = $cond;
        if !holds {
            return Err($crate::ktap::Fail::Wrong(format!($($message)+)));
        }
    }};
}

/// Fails the test unless the two values are equal, and says what was expected.
#[macro_export]
macro_rules! check_eq {
    ($what:expr, $got:expr, $want:expr) => {
        match (&$got, &$want) {
            (got, want) => {
                if *got != *want {
                    return Err($crate::ktap::Fail::Wrong(format!(
                        "{}: expected {:?}, got {:?}",
                        $what, want, got
                    )));
                }
            }
        }
    };
}

/// Fails the test unless `result` is the error `code`.
pub fn expect_error<T>(what: &str, result: Result<T, Errno>, code: i32) -> Outcome {
    let want = crate::kernel::errno_name(code);
    match result {
        Ok(_) => Err(Fail::Wrong(format!("{what}: expected {want}, got success"))),
        Err(e) if e.code == code => Ok(()),
        Err(e) => Err(Fail::Wrong(format!("{what}: expected {want}, got {e}"))),
    }
}

/// Runs `attempt` again, up to four times in all, when the guest stood still during it.
pub fn unless_stalled(mut attempt: impl FnMut() -> Outcome) -> Outcome {
    let mut last = String::new();
    for _ in 0..4 {
        match attempt() {
            Err(Fail::Stalled(why)) => last = why,
            other => return other,
        }
    }
    Err(Fail::Wrong(format!("four times in a row: {last}")))
}

/// What the tests are run on.
pub struct Context {
    /// Card id, as in `/proc/asound/<id>`.
    pub card: String,
    /// Card number.
    pub index: u32,
    /// Name of the module that made the card, as in `/proc/asound/modules`.
    pub module: String,
    /// What the tests that draw lots draw them from.
    pub seed: u64,
    /// How long the ramps of `soak` last, in minutes.
    pub minutes: u64,
    /// At how many allocations one fails where the group `faults` makes cards.
    pub step: u32,
    /// Id and number of the card that the probes compare with, if there is one.
    pub reference: Option<(String, u32)>,
}

/// The number of the card with this id, from `/proc/asound`.
fn number_of(id: &str) -> Result<u32, String> {
    let link = fs::read_link(format!("/proc/asound/{id}"))
        .map_err(|_| format!("no card with the id {id}: is its module loaded?"))?;
    link.to_str()
        .and_then(|l| l.strip_prefix("card"))
        .and_then(|n| n.parse().ok())
        .ok_or(format!("/proc/asound/{id} does not name a card"))
}

impl Context {
    /// Whether the card has its last node: it is there with all its devices.
    pub fn has_nodes(&self) -> bool {
        Path::new(&format!("/dev/snd/pcmC{}D1c", self.index)).exists()
    }

    /// Looks for the card with the id `card`, and for that of the C driver with the id `reference`.
    ///
    /// # Errors
    ///
    /// A sentence about the card that is not there.
    pub fn find(card: &str, reference: Option<&str>, seed: u64) -> Result<Self, String> {
        let index = number_of(card)?;
        let modules = fs::read_to_string("/proc/asound/modules").unwrap_or_default();
        let module = modules
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .find(|(number, _)| number.parse() == Ok(index))
            .map_or(String::new(), |(_, name)| name.trim().to_string());
        let reference = match reference {
            Some(id) => Some((id.to_string(), number_of(id)?)),
            None => None,
        };
        Ok(Context {
            card: card.to_string(),
            index,
            module,
            seed,
            minutes: 60,
            step: 1,
            reference,
        })
    }

    /// The card was made by the C driver of the kernel.
    pub fn is_c_driver(&self) -> bool {
        self.module == "snd_aloop"
    }
}

/// One test.
pub struct Test {
    pub group: &'static str,
    pub name: String,
    pub limit: Duration,
    /// The rule that names this behaviour as a defect of the C driver: it cannot pass there.
    pub c_defect: Option<&'static str>,
    /// One of very many that are much the same.
    pub one_of_many: bool,
    pub run: Box<dyn Fn(&Context) -> Outcome>,
}

impl Test {
    pub fn new(
        group: &'static str,
        name: impl Into<String>,
        run: impl Fn(&Context) -> Outcome + 'static,
    ) -> Self {
        Test {
            group,
            name: name.into(),
            limit: Duration::from_secs(30),
            c_defect: None,
            one_of_many: false,
            run: Box::new(run),
        }
    }

    /// Marks a test of a series: where there is little time, each Nth of them can be run alone.
    #[must_use]
    pub fn one_of_many(mut self) -> Self {
        self.one_of_many = true;
        self
    }

    /// Marks a test that the C driver fails because of a documented defect.
    #[must_use]
    pub fn c_defect(mut self, rule: &'static str) -> Self {
        self.c_defect = Some(rule);
        self
    }

    #[must_use]
    pub fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }
}

const EXIT_PASS: i32 = 0;
const EXIT_FAIL: i32 = 1;
const EXIT_SKIP: i32 = 2;

/// Runs `tests`, prints the report, and returns the number of failures.
pub fn run_all(ctx: &Context, tests: &[Test]) -> usize {
    println!("KTAP version 1");
    println!("1..{}", tests.len());
    if tests
        .iter()
        .any(|test| matches!(test.group, "races" | "regressions" | "probe" | "faults"))
    {
        println!("# seed: {} (again: --seed {})", ctx.seed, ctx.seed);
    }
    let (mut failed, mut skipped, mut defects) = (0, 0, 0);
    for (index, test) in tests.iter().enumerate() {
        let begun = Instant::now();
        let (code, message) = run_one(ctx, test);
        let took = begun.elapsed().as_secs_f64();
        if code == EXIT_FAIL {
            await_card(ctx);
        }
        let number = index + 1;
        for line in message.lines().filter(|_| code != EXIT_SKIP) {
            println!("# {line}");
        }
        match code {
            EXIT_PASS => println!("ok {number} - {}", test.name),
            EXIT_SKIP => {
                skipped += 1;
                println!("ok {number} - {} # SKIP {}", test.name, message.trim());
            }
            _ => match test.c_defect.filter(|_| ctx.is_c_driver()) {
                Some(rule) => {
                    defects += 1;
                    println!(
                        "not ok {number} - {} # TODO defect {rule} of the C driver",
                        test.name
                    );
                }
                None => {
                    failed += 1;
                    println!("not ok {number} - {}", test.name);
                }
            },
        }
        if took > 10.0 {
            println!("# took {took:.1} s");
        }
        let _ = std::io::stdout().flush();
    }
    let passed = tests.len() - failed - skipped - defects;
    print!("# {passed} passed, {failed} failed, {skipped} skipped");
    if defects > 0 {
        print!(", {defects} known defects of the C driver");
    }
    println!();
    failed
}

/// Waits for the card, which a test that has failed may have left unbound: it comes back within
/// seconds. The next test is to fail for a reason of its own.
fn await_card(ctx: &Context) {
    let until = Instant::now() + Duration::from_secs(10);
    while !ctx.has_nodes() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs one test in a child process; returns its exit code and its message.
fn run_one(ctx: &Context, test: &Test) -> (i32, String) {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return (EXIT_FAIL, "pipe2 failed".into());
    }
    let _ = std::io::stdout().flush();
    // SAFETY: The parent has only this thread, so the child's memory is consistent.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return (EXIT_FAIL, "fork failed".into());
    }
    // SAFETY: Both descriptors are new and owned by nobody else.
    let (reader, writer) = unsafe { (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])) };
    if pid == 0 {
        drop(reader);
        child(ctx, test, writer);
    }
    drop(writer);
    parent(test, pid, reader)
}

fn child(ctx: &Context, test: &Test, mut report: File) -> ! {
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| (test.run)(ctx)));
    let (code, message) = match outcome {
        Ok(Ok(())) => (EXIT_PASS, String::new()),
        Ok(Err(Fail::Wrong(text))) => (EXIT_FAIL, text),
        Ok(Err(Fail::Stalled(text))) => (EXIT_FAIL, text),
        Ok(Err(Fail::Skip(text))) => (EXIT_SKIP, text),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            (EXIT_FAIL, format!("panicked: {text}"))
        }
    };
    let notes = std::mem::take(&mut *NOTES.lock().unwrap_or_else(|e| e.into_inner()));
    let _ = report.write_all((notes + &message).as_bytes());
    drop(report);
    std::process::exit(code);
}

static NOTES: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

/// Adds a diagnostic line to the report of the running test, whatever its outcome.
pub fn note(line: &str) {
    let mut notes = NOTES.lock().unwrap_or_else(|e| e.into_inner());
    notes.push_str(line);
    notes.push('\n');
}

fn parent(test: &Test, pid: libc::pid_t, mut reader: File) -> (i32, String) {
    let until = Instant::now() + test.limit;
    let mut fd = libc::pollfd {
        fd: std::os::fd::AsRawFd::as_raw_fd(&reader),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut message = Vec::new();
    let mut chunk = [0; 4096];
    let ended = loop {
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        // SAFETY: `fd` is one valid pollfd.
        let ready = unsafe { libc::poll(&mut fd, 1, left as i32) };
        if ready <= 0 {
            break false;
        }
        match reader.read(&mut chunk) {
            Ok(0) => break true,
            Ok(n) => message.extend_from_slice(&chunk[..n]),
            Err(_) => break true,
        }
    };
    let text = String::from_utf8_lossy(&message).into_owned();
    if !ended {
        // SAFETY: `pid` is our own child, not yet waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    match (wait_for(pid), ended) {
        (None, _) => (
            EXIT_FAIL,
            format!("hung for {} s and cannot be killed", test.limit.as_secs()),
        ),
        (Some(_), false) => (
            EXIT_FAIL,
            format!("{text}timed out after {} s", test.limit.as_secs()),
        ),
        (Some(status), true) if libc::WIFEXITED(status) => (libc::WEXITSTATUS(status), text),
        (Some(status), true) => (
            EXIT_FAIL,
            format!("{text}killed by signal {}", libc::WTERMSIG(status)),
        ),
    }
}

/// Reaps a child that has ended or was killed; gives up on one stuck in the kernel for 5 s.
fn wait_for(pid: libc::pid_t) -> Option<i32> {
    // SAFETY: A plain system call; a failure shows as a negative descriptor.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let mut fd = libc::pollfd {
        fd: pidfd as i32,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut status = 0;
    // SAFETY: `fd` is one valid pollfd, `status` a valid place, and `pidfd` is ours to close.
    unsafe {
        libc::poll(&mut fd, 1, 5000);
        libc::close(fd.fd);
        (libc::waitpid(pid, &mut status, libc::WNOHANG) == pid).then_some(status)
    }
}
