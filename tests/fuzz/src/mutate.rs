// SPDX-License-Identifier: GPL-2.0

//! New inputs from old ones, call by call: what libFuzzer's own mutations would tear apart stays
//! whole.

use crate::input::Kind;
use crate::input::KINDS;
use crate::input::RECORD;
use crate::input::RECORDS_MAX;
use crate::values::Noise;
use crate::world::SLOTS;

extern "C" {
    /// libFuzzer's own mutations.
    fn LLVMFuzzerMutate(data: *mut u8, size: usize, max_size: usize) -> usize;
}

type Chunk = [u8; RECORD];

/// A kind, by weight.
fn draw(noise: &mut Noise) -> Kind {
    let total: u32 = KINDS.iter().map(|(_, weight)| weight).sum();
    let mut place = noise.below(total as usize) as u32;
    for &(kind, weight) in KINDS {
        if place < weight {
            return kind;
        }
        place -= weight;
    }
    KINDS[0].0
}

/// A new call.
fn new_record(noise: &mut Noise) -> Chunk {
    let mut chunk = [0; RECORD];
    chunk[0] = draw(noise) as u8;
    // Most of it happens at one cable: otherwise its sides seldom meet.
    chunk[1] = match noise.below(8) {
        0..=5 => noise.below(2),
        _ => noise.below(SLOTS.len()),
    } as u8;
    for byte in &mut chunk[2..8] {
        // The first choice of each list is the usual one.
        *byte = match noise.below(4) {
            0 | 1 => 0,
            2 => noise.below(16),
            _ => noise.below(256),
        } as u8;
    }
    let wide = match noise.below(4) {
        0 => 0,
        1 => noise.next() & 0xff,
        2 => noise.next() & 0xffff,
        _ => noise.next(),
    };
    chunk[8..].copy_from_slice(&wide.to_le_bytes());
    chunk
}

/// Calls that are made at the same time, at one cable or two, whose sides may be linked.
fn new_race(noise: &mut Noise) -> Vec<Chunk> {
    const KINDS: [Kind; 12] = [
        Kind::Prepare,
        Kind::Drain,
        Kind::Params,
        Kind::Free,
        Kind::Drop,
        Kind::Start,
        Kind::Unlink,
        Kind::Link,
        Kind::Transfer,
        Kind::Pause,
        Kind::Prepare,
        Kind::Drain,
    ];
    let mut calls = Vec::new();
    if noise.below(3) == 0 {
        let mut link = new_record(noise);
        link[0] = Kind::Link as u8;
        link[2..8].fill(0);
        calls.push(link);
    }
    let mut race = new_record(noise);
    race[0] = Kind::Race as u8;
    for byte in &mut race[2..6] {
        *byte = noise.below(96) as u8;
    }
    calls.push(race);
    for _ in 0..3 {
        let mut call = new_record(noise);
        call[0] = KINDS[noise.below(KINDS.len())] as u8;
        calls.push(call);
    }
    calls
}

/// What holds for all of an input: mostly the usual.
fn new_header(noise: &mut Noise) -> Chunk {
    let mut chunk = [0; RECORD];
    chunk[0] = u8::from(noise.below(4) == 0);
    if noise.below(4) == 0 {
        chunk[1] = noise.below(256) as u8;
    }
    if noise.below(2) == 0 {
        chunk[2] = noise.below(256) as u8;
    }
    chunk[3..11].copy_from_slice(&noise.next().to_le_bytes());
    chunk
}

fn change_record(chunk: &mut Chunk, noise: &mut Noise) {
    match noise.below(8) {
        0 => chunk[0] = draw(noise) as u8,
        // The other side of the cable.
        1 => chunk[1] ^= 1,
        2 => chunk[1] = noise.below(SLOTS.len()) as u8,
        3 | 4 => chunk[2 + noise.below(6)] = noise.below(256) as u8,
        5 => chunk[2 + noise.below(6)] = noise.below(8) as u8,
        6 => chunk[8..].copy_from_slice(&new_record(noise)[8..]),
        _ => {
            // SAFETY: All the bytes are there; no more than they are asked for.
            unsafe { LLVMFuzzerMutate(chunk.as_mut_ptr(), RECORD, RECORD) };
        }
    }
}

fn chunks(data: &[u8]) -> Vec<Chunk> {
    data.chunks(RECORD)
        .map(|bytes| {
            let mut chunk = [0; RECORD];
            chunk[..bytes.len()].copy_from_slice(bytes);
            chunk
        })
        .collect()
}

fn mutate(program: &mut Vec<Chunk>, noise: &mut Noise) {
    if program.is_empty() {
        program.push(new_header(noise));
    }
    // A program begins to be of interest when streams run.
    if program.len() < 4 {
        let mut first = new_record(noise);
        first[0] = if noise.below(2) == 0 {
            Kind::Pair
        } else {
            Kind::Setup
        } as u8;
        program.push(first);
        for _ in 0..4 + noise.below(12) {
            program.push(new_record(noise));
        }
    }
    for _ in 0..1 + noise.below(4) {
        // The header stays in front.
        let calls = program.len() - 1;
        let any = 1 + noise.below(calls);
        match noise.below(if calls == 0 { 3 } else { 16 }) {
            0 if noise.below(4) == 0 => program[0] = new_header(noise),
            0..=3 => {
                let at = 1 + noise.below(calls + 1);
                let new = new_record(noise);
                if new[0] == Kind::Race as u8 {
                    program.splice(at..at, new_race(noise));
                } else {
                    program.insert(at, new);
                }
            }
            4 => program.push(new_record(noise)),
            5 | 6 => {
                let count = 1 + noise.below(4).min(calls - any);
                program.drain(any..any + count);
            }
            7 => {
                let copy = program[any];
                program.insert(1 + noise.below(calls + 1), copy);
            }
            // The same call on the other side.
            8 | 9 => {
                let mut copy = program[any];
                copy[1] ^= 1;
                program.insert(any + 1, copy);
            }
            10 => program.swap(any, 1 + noise.below(calls)),
            _ => change_record(&mut program[any], noise),
        }
    }
    program.truncate(1 + RECORDS_MAX);
}

/// Puts a program where libFuzzer wants it; returns its length.
fn store(program: &[Chunk], to: &mut [u8]) -> usize {
    let bytes = program.concat();
    let len = bytes.len().min(to.len() / RECORD * RECORD);
    to[..len].copy_from_slice(&bytes[..len]);
    len
}

/// Called by libFuzzer to change an input in place.
///
/// # Safety
///
/// There is room for `max_size` bytes at `data`, of which `size` are the input.
#[no_mangle]
pub unsafe extern "C" fn LLVMFuzzerCustomMutator(
    data: *mut u8,
    size: usize,
    max_size: usize,
    seed: u32,
) -> usize {
    // SAFETY: As the caller promises.
    let place = unsafe { std::slice::from_raw_parts_mut(data, max_size) };
    let mut program = chunks(&place[..size]);
    mutate(&mut program, &mut Noise::new(seed.into()));
    store(&program, place)
}

/// Called by libFuzzer to make one input of two.
///
/// # Safety
///
/// The inputs are `size1` and `size2` bytes long; there is room for `max_out_size` bytes at `out`.
#[no_mangle]
pub unsafe extern "C" fn LLVMFuzzerCustomCrossOver(
    data1: *const u8,
    size1: usize,
    data2: *const u8,
    size2: usize,
    out: *mut u8,
    max_out_size: usize,
    seed: u32,
) -> usize {
    // SAFETY: As the caller promises.
    let (first, second, out) = unsafe {
        (
            std::slice::from_raw_parts(data1, size1),
            std::slice::from_raw_parts(data2, size2),
            std::slice::from_raw_parts_mut(out, max_out_size),
        )
    };
    let mut noise = Noise::new(seed.into());
    let mut program = chunks(first);
    let other = chunks(second);
    let cut = 1 + noise.below(program.len());
    let from = 1 + noise.below(other.len());
    let rest = program.split_off(cut.min(program.len()));
    program.extend(other.get(from..).unwrap_or(&[]));
    // Half of the time, what was cut off follows.
    if noise.below(2) == 0 {
        program.extend(rest);
    }
    program.truncate(1 + RECORDS_MAX);
    store(&program, out)
}
