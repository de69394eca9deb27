//! From a local address and port to a place in one array, without hashing.

use alloc::boxed::Box;
use core::net::SocketAddr;

use trunkline_xdp_abi::Address;

use crate::limits::LOCAL_ADDRESSES_MAX;
use crate::port_pool::PortRange;

/// One array with an entry for every media port of every local address, one range after the other.
///
/// The place of a port follows from the ranges alone, so that a table shared with the kernel could be indexed the same way.
#[derive(Debug)]
pub(super) struct Places {
    ranges: Box<[Range]>,
    entries: Box<[u32]>,
}

#[derive(Debug)]
struct Range {
    address: Address,
    zone: u8,
    low: u16,
    high: u16,
    /// Place of `low`.
    first: u32,
}

impl Places {
    /// Places for `ranges`, all empty. At most [`LOCAL_ADDRESSES_MAX`] ranges count.
    pub(super) fn new(ranges: &[PortRange]) -> Self {
        let mut first = 0;
        let ranges: Box<[Range]> = ranges
            .iter()
            .filter(|range| range.low <= range.high)
            .take(LOCAL_ADDRESSES_MAX)
            .map(|range| {
                let placed = Range {
                    address: Address::from(range.address),
                    zone: range.zone,
                    low: range.low,
                    high: range.high,
                    first,
                };
                first += u32::from(range.high - range.low) + 1;
                placed
            })
            .collect();
        Self {
            ranges,
            entries: core::iter::repeat_n(EMPTY, first as usize).collect(),
        }
    }

    /// The place of a local address and port, and its zone.
    #[inline]
    pub(super) fn place(&self, address: &Address, port: u16) -> Option<(u32, u8)> {
        self.ranges
            .iter()
            .find(|range| range.low <= port && port <= range.high && range.address == *address)
            .map(|range| (range.first + u32::from(port - range.low), range.zone))
    }

    /// The entry for a local address and port.
    #[inline]
    pub(super) fn find(&self, address: &Address, port: u16) -> Option<u32> {
        let (place, _) = self.place(address, port)?;
        self.at(place)
    }

    /// The entry at a place.
    #[inline]
    pub(super) fn at(&self, place: u32) -> Option<u32> {
        self.entries
            .get(place as usize)
            .copied()
            .filter(|entry| *entry != EMPTY)
    }

    /// Fills the empty place of `local`. `None` if it is taken or in no range.
    pub(super) fn fill(&mut self, local: SocketAddr, entry: u32) -> Option<(u32, u8)> {
        let (place, zone) = self.place(&Address::from(local.ip()), local.port())?;
        let slot = self
            .entries
            .get_mut(place as usize)
            .filter(|slot| **slot == EMPTY)?;
        *slot = entry;
        Some((place, zone))
    }

    /// Empties a place.
    pub(super) fn clear(&mut self, place: u32) {
        if let Some(slot) = self.entries.get_mut(place as usize) {
            *slot = EMPTY;
        }
    }
}

/// An entry that leads nowhere.
const EMPTY: u32 = u32::MAX;
