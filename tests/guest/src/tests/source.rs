// SPDX-License-Identifier: GPL-2.0

//! Which sound timer a cable runs by, and what the sides may then be set to: section 11.

use std::fs;

use support::cable::cable_works;
use support::cable::Cable;
use support::check;
use support::check_eq;
use support::config::Config;
use support::config::Dir;
use support::config::LONG;
use support::kernel as k;
use support::kernel::HwParams;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::timer::UserTimer;

use crate::tests::proc::cable;
use crate::tests::proc::write;
use crate::tests::ticks::log_after_others;
use crate::tests::who::said_of;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("source", name, run);
    vec![
        test("11.1 forms of timer_source", forms),
        test(
            "11.1 the word hrtimer stands for the clock of the system",
            word,
        )
        .c_defect("11.1"),
        test(
            "11.2 what is wrong with timer_source shows at open",
            bad_forms,
        ),
        test("11.2 the log says what is wrong with timer_source", logged),
        test("11.2 a cable keeps its timer while a side is open", kept),
        test("11.2 no slave timer ticks with a cable's", no_slaves).c_defect("11.2"),
        test("10.3 the timer in the file of the cables", in_proc),
        test(
            "11.3 a prepared side fixes the period of the other",
            period_is_pinned,
        ),
        test(
            "3.9 by ticks, nobody is promised to be left alone at the end of a period",
            period_wakeups,
        ),
        test(
            "10.7 by a timer, a side forbids the other another period as well",
            period_is_told,
        ),
    ]
}

/// The cable that runs by a timer, a second one, and the one whose playback is the timer.
pub const CABLE: Cable = Cable {
    device: 0,
    subdevice: 1,
};
pub const SECOND: Cable = Cable {
    device: 1,
    subdevice: 1,
};
pub const MASTER: Cable = Cable {
    device: 0,
    subdevice: 3,
};

/// Sets a card's `timer_source`, and empties it when dropped.
pub struct Source<'a>(&'a Context);

impl<'a> Source<'a> {
    pub fn set(ctx: &'a Context, text: &str) -> Result<Self, Fail> {
        write(ctx, "timer_source", &format!("{text}\n"))?;
        Ok(Source(ctx))
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        let _ = write(self.0, "timer_source", "\n");
    }
}

/// The timer of the playback of `MASTER`, of card `card`.
pub fn master_of(card: u32) -> String {
    format!("{card}.{}.{}", MASTER.device, MASTER.subdevice * 2)
}

/// The length of a tick of the system timer in nanoseconds, from `/proc/asound/timers`.
fn system_tick() -> Result<u64, Fail> {
    let text = fs::read_to_string("/proc/asound/timers")?;
    let line = text.lines().find(|l| l.starts_with("G0:")).unwrap_or("");
    // "G0: system timer : 4000.000us (10000000 ticks)"
    let found = line
        .split_once(" : ")
        .and_then(|(_, rest)| rest.split_once("us"))
        .and_then(|(us, _)| us.replace('.', "").parse().ok());
    found.ok_or_else(|| format!("no system timer in:\n{text}").into())
}

/// As `LONG`, with periods that last a tick of the system timer, in a buffer of 300 ms or more.
pub fn system_config() -> Result<Config, Fail> {
    let tick = system_tick()?;
    let frames = tick * 48;
    check!(
        frames % 1_000_000 == 0,
        "a tick of {tick} ns is no number of frames at 48 kHz"
    );
    Ok(Config {
        period: (frames / 1_000_000) as u32,
        periods: (300_000_000 / tick) as u32,
        ..LONG
    })
}

/// A playback and a capture of `MASTER` that never stop, their periods 100 ms long.
pub const SLOW: Config = Config {
    period: 4800,
    periods: 8,
    ..LONG
};

pub fn master(ctx: &Context, cfg: &Config) -> Result<Pcm, Fail> {
    let mut pcm = MASTER.playback(ctx)?;
    pcm.configure(cfg)?;
    pcm.sw_params(u64::MAX)?;
    pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
    Ok(pcm)
}

/// The line about the timer of the cable's first side.
pub fn timer_line(ctx: &Context, which: Cable) -> Result<Option<String>, Fail> {
    let lines = cable(ctx, which)?;
    Ok(lines
        .iter()
        .find_map(|l| l.strip_prefix("    sound timer:\t"))
        .map(str::to_string))
}

fn forms(ctx: &Context) -> Outcome {
    let (index, id) = (ctx.index, &ctx.card);
    for (text, want) in [
        (String::new(), None),
        ("-1.0.0".into(), Some("hw:-1,0,0".to_string())),
        ("-1,0,0".into(), Some("hw:-1,0,0".into())),
        ("-1".into(), Some("hw:-1,0,0".into())),
        ("-1.0".into(), Some("hw:-1,0,0".into())),
        ("anything:-1.0,0".into(), Some("hw:-1,0,0".into())),
        ("hw:-1".into(), Some("hw:-1,0,0".into())),
        (format!("{index}"), Some(format!("hw:{index},0,0"))),
        (format!("0x{index:x}.1"), Some(format!("hw:{index},1,0"))),
        (format!("{index}.1.5"), Some(format!("hw:{index},1,5"))),
        (format!("hw:{id},1,0x0f"), Some(format!("hw:{index},1,15"))),
        (id.clone(), Some(format!("hw:{index},0,0"))),
        (format!("{id}.0.14"), Some(format!("hw:{index},0,14"))),
    ] {
        let _source = Source::set(ctx, &text)?;
        let _pcm = CABLE
            .playback(ctx)
            .map_err(|e| format!("with {text:?}: {e}"))?;
        check_eq!(format!("with {text:?}"), timer_line(ctx, CABLE)?, want);
    }
    Ok(())
}

fn word(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "hrtimer")?;
    let pcm = CABLE.playback(ctx)?;
    check_eq!("timer", timer_line(ctx, CABLE)?, None);
    drop(pcm);
    cable_works(ctx, CABLE)
}

fn bad_forms(ctx: &Context) -> Outcome {
    let id = &ctx.card;
    for (text, code) in [
        ("NoSuchCard", libc::EINVAL),
        ("hw:NoSuchCard.0.0", libc::EINVAL),
        (&format!("{id}.x"), libc::EINVAL),
        (&format!("{id}.0.x"), libc::EINVAL),
        (&format!("{id}.0.0.0"), libc::EINVAL),
        ("99999999999", libc::ERANGE),
        ("0.99999999999", libc::ERANGE),
        ("0.0.99999999999", libc::ERANGE),
        (&format!("{id}.7.0"), libc::ENODEV),
        (&format!("{id}.0.16"), libc::ENODEV),
        ("30", libc::ENODEV),
        ("31", libc::ENODEV),
        ("-1.9.0", libc::ENODEV),
        ("-1.4.0", libc::ENODEV),
    ] {
        let _source = Source::set(ctx, text)?;
        for dir in Dir::BOTH {
            let what = format!("open of the {dir:?} with {text:?}");
            expect_error(&what, Pcm::open(CABLE.side(ctx, dir)), code)?;
        }
    }
    cable_works(ctx, CABLE)
}

fn logged(ctx: &Context) -> Outcome {
    let mut log = log_after_others()?;
    for (text, code, message) in [
        (
            "30",
            libc::ENODEV,
            "snd_timer_open (30,0,0) failed with -19",
        ),
        (
            "NoSuchCard",
            libc::EINVAL,
            "Parsing timer source 'NoSuchCard' failed with -22",
        ),
    ] {
        let _source = Source::set(ctx, text)?;
        let open = Pcm::open(CABLE.side(ctx, Dir::Playback));
        expect_error(&format!("open with {text:?}"), open, code)?;
        check!(log.says(message), "no '{message}' in the log");
    }
    Ok(())
}

fn kept(ctx: &Context) -> Outcome {
    let play = CABLE.playback(ctx)?;
    let source = Source::set(ctx, "-1.0.0")?;
    let rec = CABLE.capture(ctx)?;
    check_eq!("opened without", timer_line(ctx, CABLE)?, None);
    drop((play, rec));
    let rec = CABLE.capture(ctx)?;
    drop(source);
    let play = CABLE.playback(ctx)?;
    let system = Some("hw:-1,0,0".to_string());
    check_eq!("opened with", timer_line(ctx, CABLE)?, system);
    drop(rec);
    check_eq!("the first side closed", timer_line(ctx, CABLE)?, system);
    drop(play);
    let _play = CABLE.playback(ctx)?;
    check_eq!("opened without again", timer_line(ctx, CABLE)?, None);
    Ok(())
}

fn no_slaves(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    let slave = running_slave()?;
    let mut rec = CABLE.capture(ctx)?;
    rec.configure(&cfg)?;
    rec.sw_params_waking_at_a_period()?;
    rec.start()?;
    for _ in 0..10 {
        check!(rec.poll(1000).is_some(), "no wake-up for a second");
        rec.forward(cfg.period.into())?;
    }
    let has_ticked = poll(&mut [slave.pollfd()], 0);
    check!(!has_ticked, "the slave timer has ticked");
    Ok(())
}

/// A slave of the timers that this thread opens, started.
pub fn running_slave() -> Result<UserTimer, Fail> {
    let slave = UserTimer::open()?;
    slave.select_slave()?;
    slave.start()?;
    Ok(slave)
}

fn in_proc(ctx: &Context) -> Outcome {
    let _source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let _first = Pcm::open(CABLE.side(ctx, dir))?;
        let lines = cable(ctx, CABLE)?;
        let at = lines
            .iter()
            .position(|l| l.trim() == format!("{dir:?}"))
            .unwrap_or(0);
        let want = [
            "    rate_shift:\t\t0".to_string(),
            "    sound timer:\thw:-1,0,0".into(),
            format!("    timer open:\t\t{dir:?}"),
        ];
        let got: Vec<String> = lines.iter().skip(at + 7).take(3).cloned().collect();
        check_eq!(format!("opened by the {dir:?}"), got, want);
    }
    Ok(())
}

fn period_is_pinned(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let mut acting = Pcm::open(CABLE.side(ctx, dir))?;
        let peer = Pcm::open(CABLE.side(
            ctx,
            match dir {
                Dir::Playback => Dir::Capture,
                Dir::Capture => Dir::Playback,
            },
        ))?;
        acting.configure(&cfg)?;
        let left = peer.hw_refine(&HwParams::any())?;
        let (bytes, buffer) = (cfg.period * 4, left.interval(k::BUFFER_SIZE));
        check_eq!(
            "period left to the peer, bytes",
            left.interval(k::PERIOD_BYTES).to_string(),
            format!("[{bytes} {bytes}]")
        );
        check!(buffer.min < buffer.max, "the buffer is pinned: {buffer}");
        let other = Config {
            period: cfg.period * 2,
            ..cfg
        };
        expect_error(
            "HW_PARAMS, another period",
            peer.hw_params(&other.request()),
            libc::EINVAL,
        )?;
        peer.hw_params(&cfg.request())?;
    }
    Ok(())
}

fn period_is_told(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        pcm.setup(&cfg)?;
        check_eq!(
            "after HW_PARAMS",
            said_of(ctx, CABLE, dir, "pins:")?,
            "nothing"
        );
        pcm.prepare()?;
        // S16_LE, two channels.
        let bytes = cfg.period * 4;
        check_eq!(
            "after PREPARE",
            said_of(ctx, CABLE, dir, "pins:")?,
            format!("format S16_LE, rate 48000, channels 2, period_bytes {bytes}")
        );
    }
    Ok(())
}

/// Without them, nobody would ever be told that a source does not tick.
fn period_wakeups(ctx: &Context) -> Outcome {
    let cfg = system_config()?;
    let _source = Source::set(ctx, "-1.0.0")?;
    for dir in Dir::BOTH {
        let mut pcm = Pcm::open(CABLE.side(ctx, dir))?;
        let info = pcm.hw_refine(&HwParams::any())?.info;
        check!(
            info & k::INFO_NO_PERIOD_WAKEUP == 0,
            "{dir:?}: info {info:#010x}"
        );
        pcm.configure_unwoken(&cfg)?;
        if dir == Dir::Playback {
            pcm.write(&cfg.silence(cfg.buffer()), 0, cfg.buffer())?;
        }
        pcm.sw_params_waking_at(u64::from(cfg.period))?;
        pcm.start()?;
        check!(pcm.poll(1000).is_some(), "the {dir:?} is not woken");
    }
    Ok(())
}
