//! A hash table of fixed capacity from bytes that a peer chose to places in a slab.

use alloc::vec::Vec;

/// Hashes bytes with a secret (SipHash-1-3), so that a peer cannot aim at one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher {
    k0: u64,
    k1: u64,
}

impl Hasher {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            k0: mixed(seed),
            k1: mixed(seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    pub(super) fn hash(self, bytes: &[u8]) -> u64 {
        let mut state = [
            self.k0 ^ 0x736f_6d65_7073_6575,
            self.k1 ^ 0x646f_7261_6e64_6f6d,
            self.k0 ^ 0x6c79_6765_6e65_7261,
            self.k1 ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            absorb(&mut state, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (slot, byte) in last.iter_mut().zip(rest) {
            *slot = *byte;
        }
        absorb(&mut state, u64::from_le_bytes(last) | (bytes.len() as u64) << 56);
        state[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }
}

/// Open addressing with linear probing, never more than half full; deletion moves followers up, so nothing rots.
#[derive(Debug)]
pub(super) struct Table {
    cells: Vec<Cell>,
    mask: usize,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    hash: u64,
    index: u32,
}

impl Table {
    pub(super) fn new(capacity: u32) -> Self {
        let size = (capacity as usize).saturating_mul(2).next_power_of_two().max(2);
        Self {
            cells: (0..size).map(|_| EMPTY).collect(),
            mask: size - 1,
        }
    }

    /// The first index stored under `hash` for which `matches` holds.
    pub(super) fn find(&self, hash: u64, mut matches: impl FnMut(u32) -> bool) -> Option<u32> {
        self.probe(hash)
            .map(|at| self.cells[at])
            .take_while(|cell| cell.index != VACANT)
            .find(|cell| cell.hash == hash && matches(cell.index))
            .map(|cell| cell.index)
    }

    /// Stores an index. The caller stores no more of them than the capacity.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        if let Some(at) = self.probe(hash).find(|&at| self.cells[at].index == VACANT) {
            self.cells[at] = Cell { hash, index };
        }
    }

    pub(super) fn remove(&mut self, hash: u64, index: u32) {
        let Some(found) = self
            .probe(hash)
            .take_while(|&at| self.cells[at].index != VACANT)
            .find(|&at| self.cells[at].index == index && self.cells[at].hash == hash)
        else {
            return;
        };
        let mut hole = found;
        let mut at = (found + 1) & self.mask;
        while self.cells[at].index != VACANT {
            let home = self.cells[at].hash as usize & self.mask;
            // It may move into the hole if that does not put it before its home.
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.cells[hole] = self.cells[at];
                hole = at;
            }
            at = (at + 1) & self.mask;
        }
        self.cells[hole] = EMPTY;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.cells.iter().filter(|cell| cell.index != VACANT).count()
    }

    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.mask;
        (0..=mask).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    state[0] ^= word;
}

fn round(state: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *state;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *state = [a, b, c, d];
}

/// The finalizer of splitmix64: makes two unlike halves of a key from one seed.
const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const VACANT: u32 = u32::MAX;
const EMPTY: Cell = Cell {
    hash: 0,
    index: VACANT,
};

#[cfg(test)]
mod tests;
