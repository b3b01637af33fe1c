// SPDX-License-Identifier: GPL-2.0

//! Numbers that are worth trying, and garbage.

/// Where arithmetic goes wrong.
const EDGES: [u64; 28] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// A number: mostly one of `near`, or close to one, but also what lies at an edge, or anything.
pub fn number(how: u8, wide: u64, near: &[u64]) -> u64 {
    let near = |step: u64| {
        let value = near[(wide % near.len() as u64) as usize];
        value.wrapping_add(step)
    };
    match how % 16 {
        0..=8 => near(0),
        9 => near(1),
        10 => near(u64::MAX),
        11 => near((wide >> 16) % 64),
        12 => EDGES[(wide % EDGES.len() as u64) as usize],
        13 => EDGES[(wide % EDGES.len() as u64) as usize].wrapping_neg(),
        14 => wide & 0xffff,
        _ => wide,
    }
}

/// Numbers without an end that follow from a seed (Marsaglia's xorshift).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Noise(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end.max(1) as u64) as usize
    }

    /// Fills words of 32 bits: zeros, small numbers, edges, anything.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(4) {
            let how = self.next();
            let value = match how % 8 {
                0..=2 => 0,
                3 => how >> 32 & 7,
                4 => how >> 32 & 0xff,
                5 | 6 => EDGES[(how >> 32) as usize % EDGES.len()],
                _ => how >> 32,
            };
            word.copy_from_slice(&(value as u32).to_le_bytes()[..word.len()]);
        }
    }
}
