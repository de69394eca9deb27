//! Random numbers for tags, branches, Call-IDs and ports: nobody outside can guess the next one.

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use trunkline_sip::token::Entropy;

/// A cryptographically strong generator, one per worker.
#[derive(Debug)]
pub struct Random(StdRng);

impl Random {
    /// A generator seeded by the operating system.
    #[must_use]
    pub fn from_os() -> Self {
        Self(StdRng::from_os_rng())
    }

    /// A generator that repeats itself, for tests.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
}

impl Entropy for Random {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
