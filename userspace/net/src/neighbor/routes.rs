//! Routes out of one interface, found by longest prefix.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a route goes on from its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// The destination itself is the neighbour.
    OnLink,
    /// By a router.
    Gateway(IpAddr),
}

/// The best route to one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    rank: u64,
    via: Via,
}

/// Routes out of one interface. One hash table for each prefix length in use, longest first: as many probes as there
/// are lengths, which is two to four on a host and about twenty with a full table.
#[derive(Debug, Default)]
pub(super) struct Routes {
    v4: Vec<(u8, HashMap<u32, Entry>)>,
    v6: Vec<(u8, HashMap<u128, Entry>)>,
}

impl Routes {
    /// Adds a route. Of two to the same prefix, the one with the lower rank counts.
    pub(super) fn insert(&mut self, prefix: IpAddr, len: u8, rank: u64, via: Via) {
        let entry = Entry { rank, via };
        match prefix {
            IpAddr::V4(prefix) => insert(&mut self.v4, len.min(32), mask4(prefix, len), entry),
            IpAddr::V6(prefix) => insert(&mut self.v6, len.min(128), mask6(prefix, len), entry),
        }
    }

    /// The way towards `destination`.
    pub(super) fn lookup(&self, destination: IpAddr) -> Option<Via> {
        let entry = match destination {
            IpAddr::V4(to) => self
                .v4
                .iter()
                .find_map(|(len, table)| table.get(&mask4(to, *len))),
            IpAddr::V6(to) => self
                .v6
                .iter()
                .find_map(|(len, table)| table.get(&mask6(to, *len))),
        };
        entry.map(|entry| entry.via)
    }
}

fn insert<K: std::hash::Hash + Eq>(tables: &mut Vec<(u8, HashMap<K, Entry>)>, len: u8, key: K, entry: Entry) {
    let index = tables.partition_point(|(longer, _)| *longer > len);
    if tables.get(index).is_none_or(|(there, _)| *there != len) {
        tables.insert(index, (len, HashMap::new()));
    }
    let best = tables[index].1.entry(key).or_insert(entry);
    if entry.rank < best.rank {
        *best = entry;
    }
}

fn mask4(address: Ipv4Addr, len: u8) -> u32 {
    u32::from(address) & u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)
}

fn mask6(address: Ipv6Addr, len: u8) -> u128 {
    u128::from(address) & u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_prefix_wins() {
        let mut routes = Routes::default();
        routes.insert(ip("0.0.0.0"), 0, 100, Via::Gateway(ip("10.0.0.1")));
        routes.insert(ip("10.0.0.0"), 24, 0, Via::OnLink);
        routes.insert(ip("10.0.0.128"), 25, 0, Via::Gateway(ip("10.0.0.2")));
        routes.insert(ip("10.0.0.200"), 32, 0, Via::Gateway(ip("10.0.0.3")));
        assert_eq!(routes.lookup(ip("192.0.2.1")), Some(Via::Gateway(ip("10.0.0.1"))));
        assert_eq!(routes.lookup(ip("10.0.0.5")), Some(Via::OnLink));
        assert_eq!(
            routes.lookup(ip("10.0.0.129")),
            Some(Via::Gateway(ip("10.0.0.2")))
        );
        assert_eq!(
            routes.lookup(ip("10.0.0.200")),
            Some(Via::Gateway(ip("10.0.0.3")))
        );
        assert_eq!(routes.lookup(ip("2001:db8::1")), None);
    }

    #[test]
    fn the_lower_rank_wins_in_any_order() {
        let (good, bad) = (Via::Gateway(ip("fe80::1")), Via::Gateway(ip("fe80::2")));
        for order in [[(1, good), (9, bad)], [(9, bad), (1, good)]] {
            let mut routes = Routes::default();
            for (rank, via) in order {
                routes.insert(ip("::"), 0, rank, via);
            }
            assert_eq!(routes.lookup(ip("2001:db8::9")), Some(good));
        }
    }
}
