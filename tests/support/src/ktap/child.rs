// SPDX-License-Identifier: GPL-2.0

//! A test in a process of its own, in which it may panic, crash or hang.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::panic;
use std::time::Instant;

use super::Context;
use super::Fail;
use super::Test;

pub(super) const EXIT_PASS: i32 = 0;
pub(super) const EXIT_FAIL: i32 = 1;
pub(super) const EXIT_SKIP: i32 = 2;

/// Runs one test in a child process; returns its exit code and its message.
pub(super) fn run_one(ctx: &Context, test: &Test) -> (i32, String) {
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
        Ok(Err(Fail::Wrong(text) | Fail::Stalled(text) | Fail::Late(text))) => (EXIT_FAIL, text),
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
