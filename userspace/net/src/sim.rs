//! An in-memory link with seeded loss, duplication, reordering and delay, in virtual time.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use trunkline_time::Timestamp;

use crate::counters::LinkCounters;
use crate::frame::{Batch, Frame};
use crate::umem::{Region, SlotLedger};
use crate::{Link, frame};

/// What happens to frames on their way, in each direction alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Of a thousand frames, how many are lost.
    pub loss_per_mille: u16,
    /// Of a thousand frames, how many arrive twice.
    pub duplicate_per_mille: u16,
    /// Of a thousand frames, how many wait for [`Impairment::reorder_by`] longer, so that later ones overtake them.
    pub reorder_per_mille: u16,
    /// How much longer a reordered frame takes.
    pub reorder_by: Duration,
    /// How long every frame takes.
    pub delay: Duration,
    /// Up to how much longer a frame takes, at random. Frames may overtake each other within it.
    pub jitter: Duration,
}

/// What a [`SimLink`] is made from.
#[derive(Clone, Copy, Debug)]
pub struct SimConfig {
    /// Equal seeds and equal calls give equal fates.
    pub seed: u64,
    /// What happens to frames from the start on.
    pub impairment: Impairment,
    /// Slots of the link.
    pub slots: u32,
    /// Bytes of a slot, headroom included.
    pub slot_len: usize,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            impairment: Impairment::default(),
            slots: 1024,
            slot_len: 4096,
        }
    }
}

/// What the wire did with frames, both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireCounters {
    /// Frames put on the wire.
    pub offered: u64,
    /// Frames lost.
    pub lost: u64,
    /// Frames that arrive twice.
    pub duplicated: u64,
    /// Frames held back to be overtaken.
    pub reordered: u64,
}

/// The worker's end.
pub struct SimLink {
    wire: Rc<RefCell<Wire>>,
    region: Rc<Region>,
    counters: LinkCounters,
}

/// The test's end: it keeps the time, puts frames in and takes frames out.
#[derive(Clone)]
pub struct SimEndpoint {
    wire: Rc<RefCell<Wire>>,
}

struct Wire {
    now: Timestamp,
    random: SplitMix,
    impairment: Impairment,
    sequence: u64,
    to_link: BinaryHeap<Reverse<InFlight>>,
    from_link: BinaryHeap<Reverse<InFlight>>,
    counters: WireCounters,
}

/// Ordered by arrival, then by the order of sending.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct InFlight {
    arrival: Timestamp,
    sequence: u64,
    interface: u8,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToLink,
    FromLink,
}

impl SimLink {
    /// Makes a link and its far end.
    #[must_use]
    pub fn pair(config: &SimConfig) -> (Self, SimEndpoint) {
        let wire = Rc::new(RefCell::new(Wire {
            now: Timestamp::ZERO,
            random: SplitMix(config.seed),
            impairment: config.impairment,
            sequence: 0,
            to_link: BinaryHeap::new(),
            from_link: BinaryHeap::new(),
            counters: WireCounters::default(),
        }));
        let start = (config.slot_len / 8).max(frame::HEADROOM_MIN) as u32;
        let region = Region::heap(config.slots, config.slot_len, start);
        let link = Self {
            wire: Rc::clone(&wire),
            region,
            counters: LinkCounters::default(),
        };
        (link, SimEndpoint { wire })
    }
}

impl Link for SimLink {
    fn rx(&mut self, batch: &mut Batch) -> usize {
        let mut wire = self.wire.borrow_mut();
        let now = wire.now;
        let mut count = 0;
        while !batch.is_full() {
            if wire.to_link.peek().is_none_or(|next| next.0.arrival > now) {
                break;
            }
            let Some(slot) = self.region.take_free() else {
                break;
            };
            let Some(Reverse(arrived)) = wire.to_link.pop() else {
                self.region.put_free(slot);
                break;
            };
            let mut frame = self
                .region
                .frame(slot, self.region.default_start(), 0, arrived.interface, 0);
            if frame.fill_from(&arrived.bytes).is_err() {
                self.counters.rx_dropped_invalid += 1;
                continue;
            }
            self.counters.rx_frames += 1;
            self.counters.rx_bytes += frame.len() as u64;
            if batch.push(frame).is_ok() {
                count += 1;
            }
        }
        count
    }

    fn alloc(&mut self) -> Option<Frame> {
        let frame = self.region.alloc();
        self.counters.alloc_failed += u64::from(frame.is_none());
        frame
    }

    fn tx(&mut self, interface: u8, frame: Frame) {
        self.counters.tx_frames += 1;
        self.counters.tx_bytes += frame.len() as u64;
        self.wire
            .borrow_mut()
            .send(Direction::FromLink, interface, frame.bytes());
    }

    fn flush(&mut self) {}

    fn open_port(&mut self, _address: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn close_port(&mut self, _address: SocketAddr) {}

    fn fds(&self, _fds: &mut Vec<RawFd>) {}

    fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn slots(&self) -> SlotLedger {
        let ledger = SlotLedger {
            app: self.region.app(),
            free: self.region.free(),
            total: self.region.total(),
            ..SlotLedger::default()
        };
        debug_assert!(ledger.is_balanced(), "{ledger:?}");
        ledger
    }
}

impl SimEndpoint {
    /// The time on the wire.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wire.borrow().now
    }

    /// Moves the time on; it never goes back.
    pub fn set_now(&self, now: Timestamp) {
        let mut wire = self.wire.borrow_mut();
        wire.now = wire.now.max(now);
    }

    /// Changes what happens to frames put on the wire from now on.
    pub fn set_impairment(&self, impairment: Impairment) {
        self.wire.borrow_mut().impairment = impairment;
    }

    /// Puts a frame on the wire towards the link, to be received on `interface`.
    pub fn inject(&self, interface: u8, bytes: &[u8]) {
        self.wire.borrow_mut().send(Direction::ToLink, interface, bytes);
    }

    /// Takes what the link sent and what has arrived by now, each with the interface it left by.
    pub fn take(&self) -> Vec<(u8, Vec<u8>)> {
        let mut wire = self.wire.borrow_mut();
        let now = wire.now;
        let mut taken = Vec::new();
        while wire.from_link.peek().is_some_and(|next| next.0.arrival <= now) {
            if let Some(Reverse(frame)) = wire.from_link.pop() {
                taken.push((frame.interface, frame.bytes));
            }
        }
        taken
    }

    /// When the next frame arrives, at either end.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Timestamp> {
        let wire = self.wire.borrow();
        let ends = [&wire.to_link, &wire.from_link];
        ends.into_iter()
            .filter_map(|end| end.peek())
            .map(|next| next.0.arrival)
            .min()
    }

    /// Frames on the wire, both directions together, those that arrived but were not taken included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let wire = self.wire.borrow();
        wire.to_link.len() + wire.from_link.len()
    }

    /// What the wire did so far.
    #[must_use]
    pub fn counters(&self) -> WireCounters {
        self.wire.borrow().counters
    }
}

impl Wire {
    fn send(&mut self, direction: Direction, interface: u8, bytes: &[u8]) {
        let fate = self.impairment;
        self.counters.offered += 1;
        if self.random.per_mille(fate.loss_per_mille) {
            self.counters.lost += 1;
            return;
        }
        let twice = self.random.per_mille(fate.duplicate_per_mille);
        self.counters.duplicated += u64::from(twice);
        for _ in 0..=u8::from(twice) {
            let arrival = self.arrival(&fate);
            self.sequence += 1;
            let frame = InFlight {
                arrival,
                sequence: self.sequence,
                interface,
                bytes: bytes.to_vec(),
            };
            match direction {
                Direction::ToLink => self.to_link.push(Reverse(frame)),
                Direction::FromLink => self.from_link.push(Reverse(frame)),
            }
        }
    }

    fn arrival(&mut self, fate: &Impairment) -> Timestamp {
        let mut after = fate.delay + Duration::from_nanos(self.random.below(fate.jitter.as_nanos() as u64));
        if self.random.per_mille(fate.reorder_per_mille) {
            self.counters.reordered += 1;
            after += fate.reorder_by;
        }
        self.now.saturating_add(after)
    }
}

/// SplitMix64: small, seedable, good enough to throw dice with.
struct SplitMix(u64);

impl SplitMix {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next_u64() % limit }
    }

    fn per_mille(&mut self, chance: u16) -> bool {
        chance > 0 && self.below(1000) < u64::from(chance)
    }
}

#[cfg(test)]
mod tests;
