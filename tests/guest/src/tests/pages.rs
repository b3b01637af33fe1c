// SPDX-License-Identifier: GPL-2.0

//! What the core does by itself: the pages that a client maps, 5.9, and calls without a part of the
//! driver's, 3.11 and 3.13.

use std::time::Duration;

use support::cable::record;
use support::cable::wait_for_position;
use support::check;
use support::check_eq;
use support::config::Access;
use support::config::Config;
use support::config::LONG;
use support::config::PREPARED;
use support::config::RUNNING;
use support::kernel as k;
use support::ktap::expect_error;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::poll;
use support::pcm::Pcm;
use support::shared;
use support::shared::Page;
use support::shared::APPL_PTR;
use support::shared::AVAIL_MIN;
use support::shared::HW_PTR;
use support::shared::STATE;
use support::signal;

use crate::tests::CABLE;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("pages", name, run);
    vec![
        test(
            "5.9 mapped pages: the position and the frames move when the driver is asked",
            mapped,
        ),
        test(
            "5.2 what a client has left in its mapped buffer is gone with PREPARE",
            scribbled,
        ),
        test(
            "3.11 RESET, FORWARD, TTSTAMP and unknown calls are the core's",
            core_calls,
        ),
        test(
            "3.13 readv and writev take a vector for each channel",
            vectors,
        ),
    ]
}

/// Nothing but the client's calls moves anything, for as long as a period lasts: a second.
fn mapped(ctx: &Context) -> Outcome {
    let cfg = Config {
        access: Access::MmapInterleaved,
        period: 48000,
        periods: 2,
        ..LONG
    };
    let (mut play, mut rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let pages = [&play, &rec].map(|pcm| Page::of(pcm, shared::STATUS));
    let [play_status, rec_status] = pages;
    let (play_status, rec_status) = (play_status?, rec_status?);
    if !shared::SHARED {
        shared::refused(&rec)?;
    }
    let control = Page::of(&rec, shared::CONTROL)?;
    check_eq!("state in the page", rec_status.word(STATE), PREPARED as u64);
    check_eq!("avail_min in the page", control.word(AVAIL_MIN), 24000);
    play.write(&cfg.signal(48000, 50), 0, 48000)?;
    rec.start()?;
    play.start()?;
    check_eq!("state in the page", rec_status.word(STATE), RUNNING as u64);
    let before = [play_status.word(HW_PTR), rec_status.word(HW_PTR)];
    poll(&mut [], 100);
    let after = [play_status.word(HW_PTR), rec_status.word(HW_PTR)];
    check_eq!("positions in the pages", after, before);
    let heard = buffer(&rec, &cfg)?;
    check!(
        heard.iter().skip(before[1] as usize * 4).all(|&b| b == 0),
        "frames were recorded that nobody asked for"
    );
    rec.hwsync()?;
    let at = rec_status.word(HW_PTR);
    check!(
        (3840..48000).contains(&at),
        "position {at} after 100 ms and HWSYNC"
    );
    let heard = buffer(&rec, &cfg)?;
    let sound = heard.iter().any(|&b| b != 0);
    check!(sound, "no frame was recorded at HWSYNC");
    // The page is where the application pointer is.
    control.set_word(APPL_PTR, 480);
    check_eq!(
        "SYNC_PTR's application pointer",
        rec.pointers()?.1,
        control.word(APPL_PTR)
    );
    let mut audio = cfg.nothing();
    check!(rec.read(&mut audio, 480)? == 480, "no 480 frames to read");
    check_eq!(
        "application pointer in the page",
        control.word(APPL_PTR),
        960
    );
    Ok(())
}

/// It is mapped for writing too, though nothing but the driver has to write there.
fn scribbled(ctx: &Context) -> Outcome {
    for format in [signal::S32_LE, signal::DSD_U8, signal::DSD_U16_BE] {
        for access in [Access::MmapInterleaved, Access::MmapNoninterleaved] {
            let cfg = Config {
                format,
                access,
                ..LONG
            };
            let what = format!("{} {access:?}", format.name);
            let mut rec = CABLE.capture(ctx)?;
            rec.configure(&cfg)?;
            let bytes = cfg.buffer() * cfg.frame_bytes();
            // SAFETY: A new mapping, which is written and given back here.
            unsafe {
                let addr = libc::mmap(
                    std::ptr::null_mut(),
                    bytes,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED,
                    rec.fd(),
                    0,
                );
                check!(addr != libc::MAP_FAILED, "mmap of the buffer failed");
                addr.cast::<u8>().write_bytes(0x5a, bytes);
                libc::munmap(addr, bytes);
            }
            check!(
                buffer(&rec, &cfg)?.iter().all(|&b| b == 0x5a),
                "nothing was left there"
            );
            rec.prepare()?;
            let left = buffer(&rec, &cfg)?;
            let left = left.iter().filter(|&&b| b != format.silence).count();
            check_eq!(format!("{what}: bytes that are not silent"), left, 0);
            rec.start()?;
            let heard = record(&mut rec, cfg.buffer() + 480)?;
            check_eq!(format!("{what}: first sound"), heard.first_sound(0), None);
        }
    }
    Ok(())
}

/// A copy of the whole mapped buffer, without a call on the stream.
fn buffer(pcm: &Pcm, cfg: &Config) -> Result<Vec<u8>, Fail> {
    let bytes = cfg.buffer() * cfg.frame_bytes();
    // SAFETY: A new mapping, which is read and given back here.
    unsafe {
        let addr = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ,
            libc::MAP_SHARED,
            pcm.fd(),
            0,
        );
        check!(addr != libc::MAP_FAILED, "mmap of the buffer failed");
        let copy = std::slice::from_raw_parts(addr.cast::<u8>(), bytes).to_vec();
        libc::munmap(addr, bytes);
        Ok(copy)
    }
}

fn core_calls(ctx: &Context) -> Outcome {
    let (mut play, rec) = CABLE.open(ctx, &LONG, &LONG)?;
    play.write(&LONG.signal(4800, 51), 0, 4800)?;
    play.start()?;
    rec.start()?;
    wait_for_position(&rec, 960, Duration::from_secs(1))?;
    for pcm in [&play, &rec] {
        let dir = pcm.dir;
        let plain = |request: u64| {
            // SAFETY: None of these requests follows its argument.
            unsafe { k::ioctl(pcm.fd(), "call", request, std::ptr::null_mut::<u8>()) }
        };
        for (what, request) in [("nr 0x7f", 0x417f), ("nr 0x4f", 0x414f), ("'B'", 0x4240)] {
            let what = format!("{what} of the {dir:?}");
            expect_error(&what, plain(request), libc::ENOTTY)?;
        }
        let mut frames = 480u64;
        // SAFETY: The request reads and writes a number of frames.
        unsafe { k::ioctl(pcm.fd(), "FORWARD", k::FORWARD, &mut frames)? };
        check_eq!(format!("frames forward, {dir:?}"), frames, 480);
        for (mut clock, known) in [(0, true), (1, true), (2, true), (3, false), (-1, false)] {
            // SAFETY: The request reads an int.
            let result = unsafe { k::ioctl(pcm.fd(), "TTSTAMP", k::TTSTAMP, &mut clock) };
            check_eq!(format!("TTSTAMP {clock}"), result.is_ok(), known);
        }
        plain(k::RESET)?;
        check_eq!(
            format!("state of the {dir:?} after RESET"),
            pcm.state()?,
            RUNNING
        );
    }
    Ok(())
}

/// The core's limit of 128 channels is out of reach; that of one vector for a channel is not.
fn vectors(ctx: &Context) -> Outcome {
    let cfg = Config {
        access: Access::RwNoninterleaved,
        format: signal::S32_LE,
        channels: 32,
        ..LONG
    };
    let (play, rec) = CABLE.open(ctx, &cfg, &cfg)?;
    let source = cfg.signal(480, 52);
    let mut vectors: Vec<libc::iovec> = source
        .planes
        .iter()
        .map(|plane| libc::iovec {
            iov_base: plane.as_ptr().cast_mut().cast(),
            iov_len: plane.len(),
        })
        .collect();
    // SAFETY: Each vector describes a plane of `source`.
    let write = |v: &[libc::iovec]| unsafe { libc::writev(play.fd(), v.as_ptr(), v.len() as i32) };
    check_eq!(
        "writev of 31 planes",
        errno_of(write(&vectors[..31])),
        libc::EINVAL
    );
    check_eq!("bytes of 32 planes", write(&vectors), 32 * 1920);
    rec.start()?;
    play.start()?;
    // Its end must not stop the playback before it has been heard.
    wait_for_position(&rec, 960, Duration::from_secs(1))?;
    let mut heard: Vec<Vec<u8>> = vec![vec![0; 960 * 4]; 32];
    for (vector, plane) in vectors.iter_mut().zip(&mut heard) {
        vector.iov_base = plane.as_mut_ptr().cast();
        vector.iov_len = plane.len();
    }
    // SAFETY: Each vector describes a plane of `heard`.
    let read = |v: &[libc::iovec]| unsafe { libc::readv(rec.fd(), v.as_ptr(), v.len() as i32) };
    check_eq!(
        "readv of 33 planes",
        errno_of(read(&[&vectors[..], &vectors[..1]].concat())),
        libc::EINVAL
    );
    check_eq!("bytes of 32 planes", read(&vectors), 32 * 3840);
    let mut recorded = cfg.nothing();
    recorded.planes = heard;
    check!(recorded.first_sound(0).is_some(), "nothing is heard");
    Ok(())
}

fn errno_of(result: isize) -> i32 {
    if result >= 0 {
        return 0;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
