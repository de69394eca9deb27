//! Which media ports are free.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use trunkline_time::Timestamp;

/// The worker that owns a media port, of `workers` in all.
///
/// Static, so that a receiver can tell whose frame it holds without asking anybody. The two ports of a pair always have
/// the same owner, and neighbouring pairs different ones. One division of small numbers; no memory access.
#[inline]
#[must_use]
pub const fn owner_of(port: u16, workers: u8) -> u8 {
    match workers {
        0 | 1 => 0,
        _ => ((port >> 1) % workers as u16) as u8,
    }
}

/// The media ports of one local address, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// Index of the zone that the address belongs to.
    pub zone: u8,
    /// The local address.
    pub address: IpAddr,
    /// First port; an odd one is not used.
    pub low: u16,
    /// Last port; an even one is not used, as its odd neighbour is missing.
    pub high: u16,
}

/// An even port and the odd one after it on one local address.
///
/// Not `Copy`: whoever holds it has the ports, and gives them back once.
#[derive(Debug, PartialEq, Eq)]
pub struct PortPair {
    /// The local address.
    pub address: IpAddr,
    /// Index of the zone.
    pub zone: u8,
    /// The even port, for RTP.
    pub rtp: u16,
}

impl PortPair {
    /// The odd port, for RTCP where it is not multiplexed.
    #[must_use]
    pub const fn rtcp(&self) -> u16 {
        self.rtp + 1
    }
}

/// How the pairs of a pool are used at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// Pairs that can be taken now or as soon as somebody asks.
    pub free: usize,
    /// Pairs in use.
    pub taken: usize,
    /// Pairs that rest after use.
    pub quarantined: usize,
    /// Times that no pair was left.
    pub exhausted: u64,
}

/// The pairs of all local addresses that one worker owns.
///
/// A pair rests for a while after use, so that late packets of one call never reach the next one. Among the free ones it is
/// drawn at random, so that an outsider cannot guess the ports of the next call. Taking and giving back are constant time;
/// the only allocations are in [`PortPool::new`].
#[derive(Debug)]
pub struct PortPool {
    shelves: Box<[Shelf]>,
    quarantine: Duration,
    random: u64,
    /// Where the search for a shelf begins, so that several addresses of a zone are used in turn.
    turn: usize,
    exhausted: u64,
}

impl PortPool {
    /// The pairs of `ranges` that `owner` (of `workers`) owns, drawn in an order that depends on `seed`.
    #[must_use]
    pub fn new(ranges: &[PortRange], owner: u8, workers: u8, quarantine: Duration, seed: u64) -> Self {
        Self {
            shelves: ranges
                .iter()
                .map(|range| Shelf::new(range, owner, workers))
                .collect(),
            quarantine,
            // Zero is the one state that the generator never leaves.
            random: seed | 1,
            turn: 0,
            exhausted: 0,
        }
    }

    /// Takes a pair on some address of `zone`, IPv6 or IPv4.
    ///
    /// `None` if all pairs are in use or rest; that is counted.
    pub fn take_pair(&mut self, now: Timestamp, zone: u8, is_ipv6: bool) -> Option<PortPair> {
        self.take(now, |shelf| {
            shelf.zone == zone && shelf.address.is_ipv6() == is_ipv6
        })
    }

    /// Takes a pair on `address` of `zone`; see [`PortPool::take_pair`].
    pub fn take_pair_on(&mut self, now: Timestamp, zone: u8, address: IpAddr) -> Option<PortPair> {
        self.take(now, |shelf| shelf.zone == zone && shelf.address == address)
    }

    /// Gives a pair back; it rests from `now` on. False if it was not taken from here, and then nothing changes.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever gives a pair back must not keep it"
    )]
    pub fn give_back(&mut self, now: Timestamp, pair: PortPair) -> bool {
        let rested_at = now + self.quarantine;
        self.shelves
            .iter_mut()
            .find(|shelf| shelf.zone == pair.zone && shelf.address == pair.address)
            .is_some_and(|shelf| shelf.give_back(rested_at, pair.rtp))
    }

    /// How the pairs of all addresses are used. Pairs that have rested count as free once a later call has moved them.
    #[must_use]
    pub fn counts(&self) -> PortCounts {
        let start = PortCounts {
            exhausted: self.exhausted,
            ..PortCounts::default()
        };
        self.shelves.iter().fold(start, |sum, shelf| PortCounts {
            free: sum.free + shelf.free.len(),
            taken: sum.taken + shelf.taken_count,
            quarantined: sum.quarantined + shelf.resting.len,
            ..sum
        })
    }

    fn take(&mut self, now: Timestamp, fits: impl Fn(&Shelf) -> bool) -> Option<PortPair> {
        let random = self.next_random();
        self.turn = self.turn.wrapping_add(1);
        let (behind, ahead) = self
            .shelves
            .split_at_mut_checked(self.turn % self.shelves.len().max(1))?;
        let pair = ahead
            .iter_mut()
            .chain(behind)
            .filter(|shelf| fits(shelf))
            .find_map(|shelf| shelf.take(now, random));
        if pair.is_none() {
            self.exhausted += 1;
        }
        pair
    }

    /// The next number of Marsaglia's xorshift64*. Hides the order from guesses, not from cryptanalysis.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// The pairs of one local address.
#[derive(Debug)]
struct Shelf {
    zone: u8,
    address: IpAddr,
    /// Even ports that are free, in no order.
    free: Vec<u16>,
    resting: Resting,
    /// One bit for each pair in use, by pair number from `low` on.
    taken: Box<[u64]>,
    taken_count: usize,
    low: u16,
}

impl Shelf {
    fn new(range: &PortRange, owner: u8, workers: u8) -> Self {
        let low = range.low.saturating_add(range.low & 1);
        let free: Vec<u16> = (low..range.high)
            .step_by(2)
            .filter(|port| owner_of(*port, workers) == owner && *port != 0)
            .collect();
        let span = usize::from(range.high.saturating_sub(low)) / 2 + 1;
        Self {
            zone: range.zone,
            address: range.address,
            resting: Resting::with_capacity(free.len()),
            free,
            taken: core::iter::repeat_n(0, span.div_ceil(64)).collect(),
            taken_count: 0,
            low,
        }
    }

    fn take(&mut self, now: Timestamp, random: u64) -> Option<PortPair> {
        // Each call lets at most two pairs go and takes at most one, so that resting pairs never pile up.
        for _ in 0..2 {
            if let Some(port) = self.resting.pop_rested(now) {
                self.free.push(port);
            }
        }
        if self.free.is_empty() {
            return None;
        }
        // The high half of a product maps a 32-bit random number to an index without a division.
        let index = (((random >> 32) * self.free.len() as u64) >> 32) as usize;
        let rtp = self.free.swap_remove(index);
        let (word, bit) = self.taken_bit(rtp)?;
        *word |= bit;
        self.taken_count += 1;
        Some(PortPair {
            address: self.address,
            zone: self.zone,
            rtp,
        })
    }

    fn give_back(&mut self, rested_at: Timestamp, rtp: u16) -> bool {
        let Some((word, bit)) = self.taken_bit(rtp) else {
            return false;
        };
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.taken_count -= 1;
        self.resting.push(rested_at, rtp);
        true
    }

    /// The word and bit that say whether the pair is in use.
    fn taken_bit(&mut self, rtp: u16) -> Option<(&mut u64, u64)> {
        let number = usize::from(rtp.checked_sub(self.low)? / 2);
        Some((self.taken.get_mut(number / 64)?, 1 << (number % 64)))
    }
}

/// Pairs that rest after use: a ring in the order in which they become free.
#[derive(Debug)]
struct Resting {
    ring: Box<[(Timestamp, u16)]>,
    first: usize,
    len: usize,
}

impl Resting {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            ring: core::iter::repeat_n((Timestamp::ZERO, 0), capacity).collect(),
            first: 0,
            len: 0,
        }
    }

    /// There is room: the ring has a place for every pair there is.
    fn push(&mut self, rested_at: Timestamp, port: u16) {
        let last = (self.first + self.len) % self.ring.len().max(1);
        if let Some(place) = self.ring.get_mut(last) {
            *place = (rested_at, port);
            self.len += 1;
        }
    }

    fn pop_rested(&mut self, now: Timestamp) -> Option<u16> {
        let &(rested_at, port) = self.ring.get(self.first).filter(|_| self.len > 0)?;
        if rested_at > now {
            return None;
        }
        self.first = (self.first + 1) % self.ring.len();
        self.len -= 1;
        Some(port)
    }
}

#[cfg(test)]
mod tests;
