// SPDX-License-Identifier: GPL-2.0

//! Lots that can be drawn again.

/// Pseudo-random numbers (splitmix64).
pub struct Random(u64);

/// Spreads a number over all 64 bits.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    pub fn of(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        let number = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        number
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn one_of<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len() as u64) as usize]
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Spends a time that is mostly short, so that calls of two threads meet at any distance.
    ///
    /// (Without a hint that this is a loop that waits: where processors take turns, each such hint
    /// ends this one's turn, and so few of them would take as long as all that the others do.)
    pub fn spin(&mut self) {
        let most = 1 << self.below(16);
        for step in 0..self.below(most) {
            std::hint::black_box(step);
        }
    }
}
