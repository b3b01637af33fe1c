// SPDX-License-Identifier: GPL-2.0

//! `aloop-stress`: everything at once.
//!
//! A thread for each side of each cable, one for the controls of each, one for the card's files,
//! and one that suspends the machine and takes the card away. Each does one step after the other,
//! at random. What a step of a thread does depends on the seed, the thread, the number of the step
//! and the state that it finds; how the threads meet is the machine's. So `--seed` makes them try
//! the same again.
//!
//! What is checked all the time: [`calls`] says which results a call may have, [`ear`] what may be
//! heard, [`stream`] where a position may be, [`card`] what controls may tell, and
//! [`World::find_stuck`] how long a call may take. That is measured in beats: the time that each
//! processor of the guest has really run through, so that a busy host makes no failure.

mod asked;
mod calls;
mod card;
mod counts;
mod draw;
mod ear;
mod files;
mod kind;
mod machine;
mod options;
mod pages;
mod position;
mod report;
mod sound;
mod steps;
mod stream;
mod torn;
mod transfer;
mod world;

use std::fs;
use std::panic;
use std::process::Command;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use support::cable::cable_works;
use support::cable::Cable;
use support::config::Dir;
use support::elements::Controls as CableControls;
use support::elements::NOTIFY;
use support::elements::SHIFT;
use support::kernel::now_ns;
use support::kernel::pin;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Report;

use card::Controls;
use counts::Counts;
use files::Files;
use machine::Machine;
use options::parse;
use options::Options;
use options::USAGE;
use report::print_counts;
use stream::Stream;
use world::Actor;
use world::World;
use world::Wrong;
use world::BEAT_MS;
use world::WRONGS;

/// Leaves this program the first `wanted` processors; returns how many they are.
fn use_cpus(wanted: usize) -> usize {
    // SAFETY: A plain question; then a set that is ours, with numbers of processors that there are.
    unsafe {
        let there = libc::sysconf(libc::_SC_NPROCESSORS_ONLN).max(1) as usize;
        if wanted >= there {
            return there;
        }
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        (0..wanted).for_each(|cpu| libc::CPU_SET(cpu, &mut set));
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
        wanted
    }
}

/// A thread that lets its processor beat, for as long as the program lives.
fn beat(world: Arc<World>, cpu: usize) {
    let _ = pin(cpu);
    loop {
        thread::sleep(Duration::from_millis(BEAT_MS));
        world.pulses[cpu].beat();
    }
}

/// What a thread is there for.
trait Worker: Send {
    fn actor(&mut self) -> &mut Actor;
    fn step(&mut self);
    fn close(&mut self);
}

impl Worker for Stream {
    fn actor(&mut self) -> &mut Actor {
        &mut self.actor
    }
    fn step(&mut self) {
        Stream::step(self);
    }
    fn close(&mut self) {
        Stream::close(self);
    }
}

impl Worker for Controls {
    fn actor(&mut self) -> &mut Actor {
        &mut self.actor
    }
    fn step(&mut self) {
        Controls::step(self);
    }
    fn close(&mut self) {
        Controls::close(self);
    }
}

impl Worker for Files {
    fn actor(&mut self) -> &mut Actor {
        &mut self.actor
    }
    fn step(&mut self) {
        Files::step(self);
    }
    fn close(&mut self) {
        Files::close(self);
    }
}

impl Worker for Machine {
    fn actor(&mut self) -> &mut Actor {
        &mut self.actor
    }
    fn step(&mut self) {
        Machine::step(self);
    }
    fn close(&mut self) {}
}

/// All workers, in the order of their numbers.
fn workers(world: &Arc<World>, options: &Options) -> Result<Vec<Box<dyn Worker>>, Fail> {
    let mut workers: Vec<Box<dyn Worker>> = Vec::new();
    let actor = |number| Actor::new(Arc::clone(world), number);
    for line in 0..options.cables {
        for dir in Dir::BOTH {
            workers.push(Box::new(Stream::new(actor(workers.len()), line, dir)));
        }
        workers.push(Box::new(Controls::new(actor(workers.len()), line)));
    }
    workers.push(Box::new(Files::new(actor(workers.len()))));
    let machine = Machine::new(actor(workers.len()), options.without.clone())?;
    workers.push(Box::new(machine));
    Ok(workers)
}

fn names(cables: usize) -> Vec<String> {
    let mut names = Vec::new();
    for line in 0..cables {
        let cable = World::cable(line);
        for dir in Dir::BOTH {
            let device = match dir {
                Dir::Playback => cable.device,
                Dir::Capture => 1 - cable.device,
            };
            names.push(format!(
                "{dir:?} {device},{} of cable {line}",
                cable.subdevice
            ));
        }
        names.push(format!("controls of cable {line}"));
    }
    names.push("files".into());
    names.push("suspend and unbind".into());
    names
}

/// Lets a worker work until it has done its steps or the run ends.
fn work(worker: &mut dyn Worker, steps: u64) {
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        while worker.actor().counts.steps < steps && !worker.actor().world.ended() {
            worker.step();
        }
        worker.close();
    }));
    if let Err(panic) = result {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let text = format!("this program panicked: {text}");
        worker.actor().fail(Wrong::Call, &text);
    }
}

/// Lets all work; returns what they have done, in their order, and whether all came back.
fn run(world: &Arc<World>, options: &Options) -> Result<(Vec<Counts>, bool), Fail> {
    let workers = workers(world, options)?;
    let sides = 3 * options.cables;
    for cpu in 0..world.pulses.len() {
        let world = Arc::clone(world);
        thread::spawn(move || beat(world, cpu));
    }
    let count = workers.len();
    let (sender, receiver) = mpsc::channel();
    for (number, mut worker) in workers.into_iter().enumerate() {
        let (sender, steps) = (sender.clone(), options.steps);
        thread::spawn(move || {
            work(&mut *worker, steps);
            let _ = sender.send((number, worker.actor().counts.clone()));
        });
    }
    drop(sender);
    let seconds = Duration::from_secs(options.seconds);
    let until = Instant::now() + seconds;
    let at_most = until + EXTENSION.max(2 * seconds);
    let never = options.never();
    let mut counts: Vec<Option<Counts>> = vec![None; count];
    let (mut left, mut sides_left) = (count, sides);
    let mut gave_up = false;
    while left > 0 && !gave_up {
        match receiver.recv_timeout(Duration::from_millis(100)) {
            Ok((number, done)) => {
                counts[number] = Some(done);
                left -= 1;
                if number < sides && number % 3 < 2 {
                    sides_left -= 1;
                }
            }
            Err(_) => {
                let failed = world.failures().len();
                world.find_stuck();
                // They are stuck: their threads will not come back.
                gave_up = world.failures().len() > failed;
            }
        }
        let played = sides_left == sides - 2 * options.cables;
        let now = Instant::now();
        let enough = now >= until && world.all_done(&never) || now >= at_most;
        if enough || played {
            world.stop.store(true, Ordering::SeqCst);
        }
    }
    Ok((
        counts.into_iter().map(Option::unwrap_or_default).collect(),
        left == 0,
    ))
}

/// How much longer a run may take, at least, for a kind of call that has not succeeded.
const EXTENSION: Duration = Duration::from_secs(90);

/// All cables are in order, with everything as it was.
fn all_work(world: &World) -> Result<(), Fail> {
    let ctx = &world.ctx;
    fs::write(format!("/proc/asound/{}/timer_source", ctx.card), "\n")?;
    for number in 0..16 {
        let cable = World::cable(number);
        let controls = CableControls::of(ctx, cable)?;
        controls.set(SHIFT, 100_000)?;
        controls.set(NOTIFY, 0)?;
        works(world, cable).map_err(|text| Fail::Wrong(format!("cable {number}: {text}")))?;
    }
    Ok(())
}

/// A cable is in order. Who is not woken in time since a processor of a busy host stood still, which the
/// counted clock does not see, is asked again.
fn works(world: &World, cable: Cable) -> Result<(), String> {
    let mut attempts = 0;
    loop {
        let began = now_ns();
        attempts += 1;
        match cable_works(&world.ctx, cable) {
            Err(Fail::Late(_)) if attempts < 5 && world.stood_still(began) >= STOOD_STILL_NS => {}
            result => return result.map_err(text_of),
        }
    }
}

/// What is wrong.
fn text_of(fail: Fail) -> String {
    match fail {
        Fail::Wrong(text) | Fail::Stalled(text) | Fail::Late(text) | Fail::Skip(text) => text,
    }
}

/// For how long a processor has to stand still for a wake-up to be 20 ms late: between two beats, which are 5 ms
/// apart, some of it is not seen.
const STOOD_STILL_NS: i64 = 14_000_000;

/// The module can go, and come back.
fn reload(ctx: &Context) -> Result<(), Fail> {
    for command in ["rmmod", "modprobe"] {
        let status = Command::new(command).arg(&ctx.module).status()?;
        if !status.success() {
            return Err(Fail::Wrong(format!("{command} {}: {status}", ctx.module)));
        }
    }
    Ok(())
}

fn stress(options: &Options) -> Result<bool, String> {
    let ctx = Context::find(&options.card, None, options.seed)?;
    if ctx.is_c_driver() {
        return Err("some of these races crash the kernel's own snd-aloop".into());
    }
    let source = format!("/proc/asound/{}/timer_source", ctx.card);
    let source = fs::read_to_string(&source).map_err(|e| format!("{source}: {e}"))?;
    if !matches!(source.trim(), "" | "hrtimer") {
        return Err(format!(
            "the card runs by {}: load it without timer_source",
            source.trim()
        ));
    }
    let cpus = use_cpus(options.cpus);
    // All threads share what is mapped: each large block that comes and goes would make them wait.
    // SAFETY: Plain settings, with no other thread there.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
    let world = World::new(ctx, options.cables, cpus, names(options.cables));
    let world = Arc::new(world);
    let ctx = &world.ctx;
    let mut report = Report::begin(WRONGS.len() + 3 + usize::from(options.unload));
    println!("# seed: {} (again: --seed {})", ctx.seed, ctx.seed);
    println!(
        "# {} cables of {}, {cpus} processors",
        options.cables, ctx.card
    );
    let began = Instant::now();
    let (counts, all_back) = run(&world, options).map_err(|e| format!("{e:?}"))?;
    let seconds = began.elapsed().as_secs_f64();

    let mut sum = Counts::default();
    counts.iter().for_each(|counts| sum.add(counts));
    let failures = world.failures();
    for (wrong, name) in WRONGS {
        let texts: Vec<&str> = failures
            .iter()
            .filter(|failure| failure.0 == wrong)
            .map(|failure| failure.1.as_str())
            .collect();
        let result = match texts.is_empty() {
            true => Ok(()),
            false => Err(format!("seed {}\n{}", ctx.seed, texts.join("\n"))),
        };
        report.line(name, result);
    }
    if failures.is_empty() {
        let never = sum.never_done(&options.never());
        let result = match never.is_empty() {
            true => Ok(()),
            false => Err(format!("never done: {}", never.join(", "))),
        };
        report.line("each kind of call has succeeded", result);
        let result = match sum.sound > 0 {
            true => Ok(()),
            false => Err("no sound was heard on any cable".into()),
        };
        report.line("sound was heard", result);
    } else {
        report.skip("each kind of call has succeeded", "the run was cut short");
        report.skip("sound was heard", "the run was cut short");
    }
    let still = match all_back {
        true => all_work(&world),
        false => Err(Fail::Wrong(
            "there are threads that did not come back".into(),
        )),
    };
    report.line("all cables are in order afterwards", still.map_err(text_of));
    if options.unload {
        report.line("the module can be unloaded", reload(ctx).map_err(text_of));
    }
    // Last: what stands before a result is about it.
    print_counts(&sum, seconds);
    println!("# {} steps in {seconds:.1} s", sum.steps);
    Ok(report.failed == 0)
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("aloop-stress: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match stress(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("aloop-stress: {why}");
            ExitCode::from(2)
        }
    }
}
