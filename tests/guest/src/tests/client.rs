// SPDX-License-Identifier: GPL-2.0

//! The card as a client of alsa-lib sees it, through the `alsa` crate.

use alsa::pcm::Access;
use alsa::pcm::Format;
use alsa::pcm::HwParams;
use alsa::pcm::State;
use alsa::pcm::PCM;
use alsa::Direction;
use alsa::ValueOr;

use support::check;
use support::check_eq;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal;
use support::signal::compare;
use support::signal::Audio;
use support::signal::Expect;

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "client",
            "2.6 alsa-lib, hw:CARD,0,4 to hw:CARD,1,4",
            |ctx| through_alsa_lib(ctx, 0, 4, Access::RWInterleaved),
        ),
        Test::new(
            "client",
            "2.6 alsa-lib, hw:CARD,1,7 to hw:CARD,0,7, mmap",
            |ctx| through_alsa_lib(ctx, 1, 7, Access::MMapInterleaved),
        ),
        Test::new(
            "client",
            "2.1 alsa-lib finds its configuration of the card",
            configuration,
        ),
    ]
}

const RATE: u32 = 48000;
const CHANNELS: usize = 2;
const PERIOD: i64 = 480;
const BUFFER: i64 = 48000;

fn open(name: &str, dir: Direction, access: Access) -> Result<PCM, Fail> {
    let pcm = PCM::new(name, dir, true)?;
    {
        let hw = HwParams::any(&pcm)?;
        hw.set_access(access)?;
        hw.set_format(Format::S16LE)?;
        hw.set_rate(RATE, ValueOr::Nearest)?;
        hw.set_channels(CHANNELS as u32)?;
        hw.set_period_size(PERIOD, ValueOr::Nearest)?;
        hw.set_buffer_size(BUFFER)?;
        pcm.hw_params(&hw)?;
        let sw = pcm.sw_params_current()?;
        sw.set_start_threshold(i64::MAX)?;
        pcm.sw_params(&sw)?;
    }
    Ok(pcm)
}

/// Plays 0.4 s, all of which is in the buffer before the start, and records until it has passed.
fn through_alsa_lib(ctx: &Context, device: u32, sub: u32, access: Access) -> Outcome {
    const FRAMES: usize = 19200;
    let play = open(
        &format!("hw:{},{device},{sub}", ctx.card),
        Direction::Playback,
        access,
    )?;
    let rec = open(
        &format!("hw:{},{},{sub}", ctx.card, device ^ 1),
        Direction::Capture,
        access,
    )?;
    let source = Audio::signal(signal::S16_LE, CHANNELS, false, FRAMES, u64::from(sub));
    let samples: Vec<i16> = source.planes[0]
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect();
    let mapped = access == Access::MMapInterleaved;
    let io = play.io_i16()?;
    let mut silent = samples.clone();
    silent.extend(vec![0i16; (BUFFER as usize - FRAMES) * CHANNELS]);
    let written = if mapped {
        play.avail_update()?;
        io.mmap(BUFFER as usize, |buffer| {
            buffer.copy_from_slice(&silent[..buffer.len()]);
            buffer.len() / CHANNELS
        })?
    } else {
        io.writei(&silent)?
    };
    check_eq!("frames written", written, BUFFER as usize);

    rec.start()?;
    play.start()?;
    check_eq!(
        "states",
        (play.state(), rec.state()),
        (State::Running, State::Running)
    );
    let input = rec.io_i16()?;
    let mut heard: Vec<i16> = Vec::new();
    let mut chunk = vec![0i16; BUFFER as usize * CHANNELS];
    while heard.len() / CHANNELS < FRAMES * 3 / 2 {
        if !rec.wait(Some(2000))? {
            return Err(Fail::Wrong("no wake-up for 2 s".into()));
        }
        if mapped {
            rec.avail_update()?;
            let taken = input.mmap(BUFFER as usize, |buffer| {
                heard.extend_from_slice(buffer);
                buffer.len() / CHANNELS
            })?;
            check!(taken > 0, "mmap after a wake-up has no frames");
        } else {
            match input.readi(&mut chunk) {
                Ok(n) => heard.extend_from_slice(&chunk[..n * CHANNELS]),
                Err(e) if e.errno() == libc::EAGAIN => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    let mut recording = Audio::empty(signal::S16_LE, CHANNELS, false);
    recording.planes[0] = heard.iter().flat_map(|s| s.to_le_bytes()).collect();
    compare(&source, &recording, Expect::Whole)?;
    Ok(())
}

/// alsa-lib chooses `cards/Loopback.conf` by the driver's name; only that defines `front`.
fn configuration(ctx: &Context) -> Outcome {
    let pcm = PCM::new(&format!("front:{}", ctx.card), Direction::Playback, true)?;
    let info = pcm.info()?;
    check_eq!(
        "front: device",
        (info.get_device(), info.get_subdevice()),
        (0, 0)
    );
    Ok(())
}
