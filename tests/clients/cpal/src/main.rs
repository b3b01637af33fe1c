// SPDX-License-Identifier: GPL-2.0

//! Plays a WAV file, or records one until it gets the signal `SIGTERM`, with the crate `cpal`: 16
//! bits, stereo, 48 kHz.
//!
//! usage: `cpal-loop play|record DEVICE FILE`

use cpal::traits::{
    DeviceTrait,
    HostTrait,
    StreamTrait, //
};
use std::{
    env,
    error::Error,
    fs,
    sync::atomic::{
        AtomicBool,
        Ordering, //
    },
    sync::mpsc,
    time::Duration, //
};

/// Bytes of a WAV file before its samples.
const HEADER: usize = 44;

const CONFIG: cpal::StreamConfig = cpal::StreamConfig {
    channels: 2,
    sample_rate: cpal::SampleRate(48_000),
    buffer_size: cpal::BufferSize::Fixed(1024),
};

/// The end was asked for.
static END: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_signal: libc::c_int) {
    END.store(true, Ordering::Relaxed);
}

/// The device of this name among all those that cpal finds.
fn device(name: &str) -> Result<cpal::Device, Box<dyn Error>> {
    cpal::default_host()
        .devices()?
        .find(|device| device.name().is_ok_and(|n| n == name))
        .ok_or_else(|| format!("cpal finds no device {name}").into())
}

/// Ends the program with a stream's error.
fn on_error(error: cpal::StreamError) {
    eprintln!("cpal-loop: {error}");
    std::process::exit(1);
}

fn play(device: cpal::Device, path: &str) -> Result<(), Box<dyn Error>> {
    let file = fs::read(path)?;
    let samples: Vec<i16> = file[HEADER..]
        .chunks_exact(2)
        .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    let (done, is_done) = mpsc::channel();
    let mut at = 0;
    // What was handed over last is still to be played: two seconds of silence push it through.
    let end = samples.len() + 2 * 2 * 48_000;
    let stream = device.build_output_stream(
        &CONFIG,
        move |out: &mut [i16], _: &cpal::OutputCallbackInfo| {
            for sample in out {
                *sample = samples.get(at).copied().unwrap_or(0);
                at += 1;
            }
            if at >= end {
                let _ = done.send(());
            }
        },
        on_error,
        None,
    )?;
    stream.play()?;
    is_done.recv()?;
    Ok(())
}

fn record(device: cpal::Device, path: &str) -> Result<(), Box<dyn Error>> {
    let (heard, all_heard) = mpsc::channel::<Vec<i16>>();
    let stream = device.build_input_stream(
        &CONFIG,
        move |samples: &[i16], _: &cpal::InputCallbackInfo| {
            let _ = heard.send(samples.to_vec());
        },
        on_error,
        None,
    )?;
    // SAFETY: the handler only stores into an atomic.
    unsafe { libc::signal(libc::SIGTERM, on_term as *const () as libc::sighandler_t) };
    stream.play()?;
    let mut data = Vec::new();
    while !END.load(Ordering::Relaxed) {
        if let Ok(samples) = all_heard.recv_timeout(Duration::from_millis(100)) {
            data.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        }
    }
    drop(stream);
    let mut file = Vec::with_capacity(HEADER + data.len());
    let length = u32::try_from(data.len())?;
    file.extend(b"RIFF");
    file.extend((length + 36).to_le_bytes());
    // A chunk of 16 bytes: PCM, 2 channels, rate, bytes a second, bytes a frame, bits a sample.
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend(48_000u32.to_le_bytes());
    file.extend(192_000u32.to_le_bytes());
    file.extend(b"\x04\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    fs::write(path, file)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["play", name, path] => play(device(name)?, path),
        ["record", name, path] => record(device(name)?, path),
        _ => Err("usage: cpal-loop play|record DEVICE FILE".into()),
    }
}
