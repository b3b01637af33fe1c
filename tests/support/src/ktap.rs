// SPDX-License-Identifier: GPL-2.0

//! Runs tests and reports them as KTAP version 1.
//!
//! Each test runs in a process of its own. A panic, a crash or a hang is then that test's failure
//! alone, and whatever the test had open is closed before the next one begins.

mod child;
mod report;

pub use child::note;
pub use report::Report;

use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::kernel::Errno;
use child::run_one;
use child::EXIT_FAIL;
use child::EXIT_PASS;
use child::EXIT_SKIP;

/// Why a test did not pass.
#[derive(Debug)]
pub enum Fail {
    /// The driver did something wrong.
    Wrong(String),
    /// The test has nothing to say here.
    Skip(String),
    /// The guest stood still for longer than a buffer lasts: nothing can be said about the driver.
    Stalled(String),
    /// Nobody was woken in time. That is as wrong, unless a processor of the guest stood still, which only
    /// some tests can tell.
    Late(String),
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

/// Runs `tests`, prints the report, and returns the number of failures.
pub fn run_all(ctx: &Context, tests: &[Test]) -> usize {
    let mut report = Report::begin(tests.len());
    if tests
        .iter()
        .any(|test| matches!(test.group, "races" | "regressions" | "probe" | "faults"))
    {
        report.note(&format!("seed: {} (again: --seed {})", ctx.seed, ctx.seed));
    }
    for test in tests {
        let begun = Instant::now();
        let (code, message) = run_one(ctx, test);
        let took = begun.elapsed().as_secs_f64();
        if code == EXIT_FAIL {
            await_card(ctx);
        }
        if took > 10.0 {
            report.note(&format!("took {took:.1} s"));
        }
        if code == EXIT_SKIP {
            report.skip(&test.name, &message);
            continue;
        }
        report.note(&message);
        match (code, test.c_defect.filter(|_| ctx.is_c_driver())) {
            (EXIT_PASS, _) => report.pass(&test.name),
            (_, Some(rule)) => {
                report.known(&test.name, &format!("defect {rule} of the C driver"));
            }
            (_, None) => report.fail(&test.name),
        }
    }
    report.end();
    report.failed
}

/// Waits for the card, which a test that has failed may have left unbound: it comes back within
/// seconds. The next test is to fail for a reason of its own.
fn await_card(ctx: &Context) {
    let until = Instant::now() + Duration::from_secs(10);
    while !ctx.has_nodes() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}
