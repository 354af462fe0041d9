//! Random choices of nodes and delays; not for secrets.

use std::time::Duration;

/// Marsaglia's xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A new, independent generator.
    pub fn split(&mut self) -> Self {
        Self::new(self.next() | 1)
    }

    /// A number less than `bound`; zero if `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.next() >> 11) % bound).unwrap_or_default()
    }

    pub fn up_to(&mut self, most: Duration) -> Duration {
        // 20 bits: a float holds them all.
        let part = u32::try_from(self.next() >> 44).unwrap_or_default();
        most.mul_f64(f64::from(part) / f64::from(1_u32 << 20))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
