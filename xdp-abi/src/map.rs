//! Names, sizes and layouts of the BPF maps: `repr(C)` integers only, so that any bit pattern is a value.

use crate::header::Address;

/// Zones that have counters of their own.
pub const ZONES_MAX: usize = 32;
/// The zone of a frame that no zone owns.
pub const ZONE_UNKNOWN: u8 = 0xff;
/// Interfaces the program can serve.
pub const INTERFACES_MAX: usize = 16;
/// Matches every interface in [`Local::interface`].
pub const INTERFACE_ANY: u8 = 0xff;
/// Receive queues of one interface that can have a socket.
pub const QUEUES_MAX: u32 = 64;
/// Local addresses of all zones together.
pub const LOCALS_MAX: u32 = 256;
/// Source prefixes of all zones together.
pub const SOURCES_MAX: u32 = 65_536;
/// SIP listener ports of one local address.
pub const SIP_PORTS_MAX: usize = 8;

/// Name of the array whose length is the [`crate::ABI_VERSION`] of the program.
///
/// A length can be read back before the program runs, and without trusting the layout of anything else.
pub const ABI: &str = "ABI";
/// Name of the one-entry array with the [`Config`].
pub const CONFIG: &str = "CONFIG";
/// Name of the hash from [`Address`] to [`Local`].
pub const LOCALS: &str = "LOCALS";
/// Name of the longest-prefix trie keyed by [`TrieKey`].
pub const SOURCES: &str = "SOURCES";
/// Name of the AF_XDP socket map, indexed by [`socket_key`].
pub const SOCKETS: &str = "SOCKETS";
/// Name of the per-CPU array of [`Count`], indexed by [`crate::verdict::counter_index`].
pub const COUNTERS: &str = "COUNTERS";
/// Name of the array of [`crate::flow::Flow`], which userspace maps.
pub const FLOWS: &str = "FLOWS";
/// The most flows that there can be.
pub const FLOWS_MAX: u32 = 1 << 20;
/// Name of the program.
pub const PROGRAM: &str = "steer";

/// What the program must know about the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// How many of `interfaces` are in use.
    pub interface_count: u32,
    /// Kernel interface indexes (host byte order); the position is the interface's slot.
    pub interfaces: [u32; INTERFACES_MAX],
}

impl Config {
    /// A program that passes everything on.
    pub const EMPTY: Self = Self {
        interface_count: 0,
        interfaces: [0; INTERFACES_MAX],
    };

    /// The slot of the interface with this kernel index.
    #[inline(always)]
    #[must_use]
    pub fn slot(&self, ifindex: u32) -> Option<u8> {
        let mut slot = 0;
        while slot < INTERFACES_MAX {
            if slot as u32 >= self.interface_count {
                return None;
            }
            if self.interfaces[slot] == ifindex {
                return Some(slot as u8);
            }
            slot += 1;
        }
        None
    }
}

/// What is served on one local address. Ports are in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Local {
    /// The zone that owns the address.
    pub zone: u8,
    /// Slot of the interface the address lives on, or [`INTERFACE_ANY`].
    pub interface: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// UDP ports with a SIP listener; the unused ones are 0.
    pub sip_ports: [u16; SIP_PORTS_MAX],
    /// First media port; 0 if the address carries no media.
    pub rtp_low: u16,
    /// Last media port, inclusive.
    pub rtp_high: u16,
    /// Place in the flow table of the flow of `rtp_low`, plus one; 0 if the address has no flows there.
    pub flow_base: u32,
    /// Zero.
    pub reserved_2: u32,
}

impl Local {
    /// What `zone` serves on an address of `interface`: SIP on `sip_ports`, media on `rtp_ports` (inclusive).
    ///
    /// `None` if there are more than [`SIP_PORTS_MAX`] ports.
    #[must_use]
    pub fn new(zone: u8, interface: u8, sip_ports: &[u16], rtp_ports: Option<(u16, u16)>) -> Option<Self> {
        let mut local = Self {
            zone,
            interface,
            ..Self::default()
        };
        local
            .sip_ports
            .get_mut(..sip_ports.len())?
            .copy_from_slice(sip_ports);
        (local.rtp_low, local.rtp_high) = rtp_ports.unwrap_or((0, 0));
        Some(local)
    }

    /// How many flows the media ports have room for.
    #[must_use]
    pub const fn flow_count(&self) -> u32 {
        if self.rtp_low == 0 || self.rtp_high < self.rtp_low {
            return 0;
        }
        (self.rtp_high as u32 - self.rtp_low as u32) / 2 + 1
    }

    /// Place in the flow table of the flow of `port`.
    #[inline(always)]
    #[must_use]
    pub const fn flow_index(&self, port: u16) -> Option<u32> {
        if self.flow_base == 0 || !self.is_rtp(port) || (port ^ self.rtp_low) & 1 == 1 {
            return None;
        }
        Some(self.flow_base - 1 + (port as u32 - self.rtp_low as u32) / 2)
    }

    /// Whether a SIP listener has this UDP port.
    #[inline(always)]
    #[must_use]
    pub fn is_sip(&self, port: u16) -> bool {
        // Leaving at the first match keeps the verifier's work linear in the number of ports.
        let mut index = 0;
        while index < SIP_PORTS_MAX {
            if self.sip_ports[index] == port {
                return port != 0;
            }
            index += 1;
        }
        false
    }

    /// Whether this UDP port is in the media range.
    #[inline(always)]
    #[must_use]
    pub const fn is_rtp(&self, port: u16) -> bool {
        self.rtp_low != 0 && self.rtp_low <= port && port <= self.rtp_high
    }
}

/// A prefix of the source trie: the zone, then the address, most significant bit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// The zone that allows the prefix.
    pub zone: u8,
    /// The prefix, IPv4 as IPv4-mapped.
    pub address: Address,
}

impl SourceKey {
    /// Bits of zone and address.
    pub const BITS: u32 = 8 + 128;

    /// The key for the trie, of whose `bits` of zone and address count.
    #[inline(always)]
    #[must_use]
    pub const fn trie_key(&self, bits: u32) -> TrieKey {
        let [a, b, c, d] = self.address.words();
        TrieKey {
            prefix_len: bits + 24,
            data: [((self.zone as u32) << 24).to_be(), a, b, c, d],
        }
    }

    /// Bits of a key that allows `address/prefix_len`, where `prefix_len` counts as the address family does.
    #[must_use]
    pub const fn bits(address: &Address, prefix_len: u8) -> u32 {
        8 + prefix_len as u32 + if address.is_ipv4() { 96 } else { 0 }
    }
}

/// Key of the source trie, in whole words: three bytes of zero between zone and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TrieKey {
    /// How many bits of `data` count (host byte order).
    pub prefix_len: u32,
    /// The zone's byte, three of zero, and the address, as they lie in memory.
    pub data: [u32; 5],
}

/// One counter: what one CPU has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// Frames.
    pub packets: u64,
    /// Bytes of those frames from the Ethernet header on.
    pub bytes: u64,
}

/// Entries in the socket map.
pub const SOCKETS_MAX: u32 = INTERFACES_MAX as u32 * QUEUES_MAX;

/// The socket map's key for queue `queue` of the interface in `slot`; `None` beyond [`QUEUES_MAX`].
#[inline(always)]
#[must_use]
pub const fn socket_key(slot: u8, queue: u32) -> Option<u32> {
    if queue < QUEUES_MAX && (slot as usize) < INTERFACES_MAX {
        Some(slot as u32 * QUEUES_MAX + queue)
    } else {
        None
    }
}

const _: () = {
    assert!(size_of::<Config>() == 68 && align_of::<Config>() == 4);
    assert!(size_of::<Local>() == 32 && align_of::<Local>() == 8);
    assert!(core::mem::offset_of!(Local, sip_ports) == 4 && core::mem::offset_of!(Local, rtp_low) == 20);
    assert!(size_of::<TrieKey>() == 24 && align_of::<TrieKey>() == 4);
    assert!(size_of::<Count>() == 16 && align_of::<Count>() == 8);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_media_takes_no_port_not_even_zero() {
        let local = Local::new(0, 0, &[5060], None).unwrap();
        assert!((0..=u16::MAX).all(|port| !local.is_rtp(port)));
        assert!(local.is_sip(5060) && !local.is_sip(0));
    }

    #[test]
    fn the_media_range_includes_both_ends() {
        let local = Local::new(0, 0, &[], Some((20000, 39999))).unwrap();
        assert!(local.is_rtp(20000) && local.is_rtp(39999) && !local.is_rtp(19999) && !local.is_rtp(40000));
    }

    #[test]
    fn limits_are_refused_not_wrapped() {
        assert_eq!(Local::new(0, 0, &[1; SIP_PORTS_MAX + 1], None), None);
        assert!(Local::new(0, 0, &[1; SIP_PORTS_MAX], None).is_some());
        assert_eq!(socket_key(0, QUEUES_MAX), None);
        assert_eq!(socket_key(INTERFACES_MAX as u8, 0), None);
        assert_eq!(
            socket_key(INTERFACES_MAX as u8 - 1, QUEUES_MAX - 1),
            Some(SOCKETS_MAX - 1)
        );
    }

    #[test]
    fn a_slot_is_found_only_among_the_used_ones() {
        let mut config = Config {
            interface_count: 2,
            ..Config::EMPTY
        };
        config.interfaces[..3].copy_from_slice(&[7, 9, 11]);
        assert_eq!(
            (config.slot(7), config.slot(9), config.slot(11), config.slot(0)),
            (Some(0), Some(1), None, None)
        );
    }
}
