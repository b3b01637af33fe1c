// SPDX-License-Identifier: GPL-2.0

//! What is to be measured, and the lines that tell the result.

use std::fmt;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use support::kernel::Errno;

/// Why a row has no figures.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<Errno> for Failed {
    fn from(e: Errno) -> Self {
        Failed(e.to_string())
    }
}

impl From<std::io::Error> for Failed {
    fn from(e: std::io::Error) -> Self {
        Failed(e.to_string())
    }
}

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Failed(text)
    }
}

/// One line of the result: a name, and words `key=value` behind it.
#[derive(Clone)]
pub struct Row(String);

impl Row {
    pub fn new(name: &str) -> Self {
        Row(name.into())
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        let _ = write!(self.0, " {key}={value}");
        self
    }

    /// Adds the median, the 99th percentile and the extremes of `values`, with the key in front.
    #[must_use]
    pub fn with_spread(self, key: &str, values: &mut [i64]) -> Self {
        values.sort_unstable();
        if values.is_empty() {
            return self.with(&format!("{key}_count"), 0);
        }
        let at = |per_cent: usize| values[(values.len() - 1) * per_cent / 100];
        self.with(&format!("{key}_count"), values.len())
            .with(&format!("{key}_min"), at(0))
            .with(&format!("{key}_median"), at(50))
            .with(&format!("{key}_p99"), at(99))
            .with(&format!("{key}_max"), at(100))
    }
}

/// The command line.
#[derive(Default)]
pub struct Plan {
    pub cards: Vec<String>,
    pub traces: Option<PathBuf>,
    pub quick: bool,
    pub real_time: bool,
    pub ticks: bool,
    pub words: Vec<String>,
}

/// A card, with the number that the kernel gave it.
#[derive(Clone)]
pub struct Card {
    pub id: String,
    pub number: u32,
}

impl Card {
    fn find(id: &str) -> Result<Card, String> {
        let number = std::fs::read_link(format!("/proc/asound/{id}"))
            .ok()
            .and_then(|link| link.to_str()?.strip_prefix("card")?.parse().ok())
            .ok_or(format!("no card with the id {id}: is its module loaded?"))?;
        Ok(Card {
            id: id.into(),
            number,
        })
    }
}

impl Plan {
    /// `usual`, or one of the shorter times.
    pub fn seconds(&self, usual: f64, real_time: f64, quick: f64) -> f64 {
        match (self.quick, self.real_time) {
            (true, _) => quick,
            (_, true) => real_time,
            _ => usual,
        }
    }

    /// Period sizes of the rows that have one for each.
    pub fn periods(&self) -> Vec<u32> {
        match (self.ticks, self.real_time) {
            (true, _) => vec![192],
            (_, true) => vec![64, 128, 480, 1024],
            _ => vec![16, 32, 64, 128, 192, 256, 480, 1024, 4800],
        }
    }

    pub fn each_card(&self, run: impl Fn(&Plan, &Card)) {
        for id in &self.cards {
            match Card::find(id) {
                Ok(card) => run(self, &card),
                Err(why) => say(&Row::new("card").with("driver", id).with("error", why)),
            }
        }
    }

    /// Writes the points of a plot, if they are wanted.
    pub fn trace(&self, name: &str, points: impl Iterator<Item = String>) -> Result<(), Failed> {
        if let Some(dir) = &self.traces {
            std::fs::create_dir_all(dir)?;
            let text: String = points.map(|line| line + "\n").collect();
            std::fs::write(dir.join(name), text)?;
        }
        Ok(())
    }
}

/// Prints a line, in one piece.
pub fn say(row: &Row) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{}\n", row.0).as_bytes());
    let _ = out.flush();
}

/// Runs `measure` in a child process, which is killed after `limit` seconds, and prints the row
/// that it makes of `row`.
pub fn measured(row: Row, limit: f64, measure: impl FnOnce(Row) -> Result<Row, Failed>) {
    let failed = |why: &str| say(&row.clone().with("error", why));
    // SAFETY: This process has one thread only, so the child's memory is consistent.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return failed("fork failed");
    }
    if pid == 0 {
        match before_all_others().and_then(|()| measure(row.clone())) {
            Ok(row) => say(&row),
            Err(Failed(why)) => failed(&why),
        }
        std::process::exit(0);
    }
    // SAFETY: A plain system call; a failure shows as a negative descriptor.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let mut fd = libc::pollfd {
        fd: pidfd as i32,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut status = 0;
    // SAFETY: `fd` is one valid pollfd, `status` a valid place, `pid` our child not yet waited for,
    // and `pidfd` is ours to close.
    unsafe {
        if libc::poll(&mut fd, 1, (limit * 1000.0) as i32) == 0 {
            libc::kill(pid, libc::SIGKILL);
            failed(&format!("no end after {limit:.0} s"));
        }
        // One that hangs in the kernel is left there.
        if libc::poll(&mut fd, 1, 5000) == 0 {
            failed("it cannot be killed");
        } else if libc::waitpid(pid, &mut status, 0) == pid
            && libc::WIFSIGNALED(status)
            && libc::WTERMSIG(status) != libc::SIGKILL
        {
            failed(&format!("killed by signal {}", libc::WTERMSIG(status)));
        } else if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != 0 {
            failed("it panicked");
        }
        libc::close(fd.fd);
    }
}

/// Gives this process real-time priority, as audio programs have: what other tasks of the guest do
/// meanwhile is not measured.
fn before_all_others() -> Result<(), Failed> {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: Changes the scheduling of this process only.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) } != 0 {
        return Err(Failed("no real-time priority".into()));
    }
    Ok(())
}
