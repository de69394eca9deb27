//! Which trunk, address or number something is.

use core::net::{IpAddr, SocketAddr};

use trunkline_sip::path::Transport;

use super::{NumberRange, Prefix, RoutePlan, TrunkId, Zone, ZoneId};

impl RoutePlan {
    /// The trunk that a datagram from `source` in `zone` belongs to.
    ///
    /// A peer's exact address and port wins, then the longest prefix of `sources`, then file order.
    #[must_use]
    pub fn trunk_of_source(&self, zone: ZoneId, source: SocketAddr) -> Option<TrunkId> {
        let mut best: Option<(u16, TrunkId)> = None;
        for (index, trunk) in self.trunks.iter().enumerate() {
            if trunk.zone != zone {
                continue;
            }
            let covered = trunk
                .sources
                .iter()
                .filter(|p| p.covers(source.ip()))
                .map(|p| u16::from(p.len))
                .max();
            let Some(mut rank) = covered else { continue };
            if trunk.peers.iter().any(|p| p.address == source) {
                rank += 1000;
            }
            if best.is_none_or(|(seen, _)| rank > seen) {
                best = Some((rank, index as TrunkId));
            }
        }
        best.map(|(_, id)| id)
    }
}

impl Zone {
    /// Our address in this zone of the family of `peer`.
    #[must_use]
    pub fn address_towards(&self, peer: IpAddr) -> Option<IpAddr> {
        self.addresses
            .iter()
            .copied()
            .find(|a| a.is_ipv4() == peer.is_ipv4())
    }

    /// The port that we listen on for `transport`, if we do.
    #[must_use]
    pub fn port_of(&self, transport: Transport) -> Option<u16> {
        self.listeners
            .iter()
            .find(|l| l.transport == transport)
            .map(|l| l.port)
    }
}

impl NumberRange {
    /// Whether `number` (normalised, with `+`) lies in the range.
    #[must_use]
    pub fn contains(&self, number: &str) -> bool {
        number.len() == self.low.len()
            && number.len() == self.high.len()
            && number >= self.low.as_str()
            && number <= self.high.as_str()
    }
}

impl Prefix {
    /// The prefix of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        let len = if address.is_ipv4() { 32 } else { 128 };
        Self { address, len }
    }

    /// Whether `address` lies in this prefix. Families never mix.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(host)) => same_bits(
                u128::from(net.to_bits()) << 96,
                u128::from(host.to_bits()) << 96,
                self.len.min(32),
            ),
            (IpAddr::V6(net), IpAddr::V6(host)) => {
                same_bits(net.to_bits(), host.to_bits(), self.len.min(128))
            }
            _ => false,
        }
    }
}

fn same_bits(left: u128, right: u128, len: u8) -> bool {
    len == 0 || (left ^ right) >> (128 - u32::from(len)) == 0
}
