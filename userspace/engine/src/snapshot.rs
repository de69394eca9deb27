//! What a worker decides with: the plan and the steering tables made from it.
//!
//! Both are immutable. A reload publishes a new pair; a worker takes it up between two turns, and a call keeps the plan
//! it began with.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use trunkline_call::plan::RoutePlan;
use trunkline_sip::path::Transport;
use trunkline_xdp_abi::classify::Steering;
use trunkline_xdp_abi::header::Address;
use trunkline_xdp_abi::map::{Local, SIP_PORTS_MAX, SourceKey};

/// Our addresses and the sources that trunks allow, as the XDP program and the workers need them.
#[derive(Clone, Debug, Default)]
pub struct SteeringTable {
    locals: Vec<(Address, Local)>,
    prefixes: Vec<(SourceKey, u32)>,
    /// The same prefixes by their length in bits, longest first: a lookup is one hash per distinct length.
    by_len: Vec<(u32, HashSet<(u8, u128)>)>,
}

impl SteeringTable {
    /// The tables of `plan`.
    ///
    /// A zone with more UDP listeners than [`SIP_PORTS_MAX`] has the rest served by the kernel's sockets alone.
    #[must_use]
    pub fn of(plan: &RoutePlan) -> Self {
        let mut table = Self::default();
        for (zone_id, zone) in plan.zones.iter().enumerate() {
            let udp = zone
                .listeners
                .iter()
                .filter(|listener| listener.transport == Transport::Udp);
            let ports: Vec<u16> = udp.map(|listener| listener.port).take(SIP_PORTS_MAX).collect();
            let Some(local) = Local::new(zone_id as u8, zone.interface, &ports, Some(zone.rtp_ports)) else {
                continue;
            };
            table.locals.extend(
                zone.addresses
                    .iter()
                    .map(|&address| (Address::from(address), local)),
            );
        }
        for trunk in &plan.trunks {
            for prefix in &trunk.sources {
                let address = Address::from(prefix.address);
                let key = SourceKey {
                    zone: trunk.zone,
                    address,
                };
                table.prefixes.push((key, SourceKey::bits(&address, prefix.len)));
            }
        }
        table.index_prefixes();
        table
    }

    fn index_prefixes(&mut self) {
        for (key, bits) in &self.prefixes {
            let entry = (key.zone, masked(&key.address, *bits));
            match self.by_len.iter_mut().find(|(len, _)| len == bits) {
                Some((_, set)) => drop(set.insert(entry)),
                None => self.by_len.push((*bits, HashSet::from([entry]))),
            }
        }
        self.by_len
            .sort_unstable_by_key(|(bits, _)| std::cmp::Reverse(*bits));
    }

    /// Our addresses, as the XDP program's map takes them.
    #[must_use]
    pub fn locals(&self) -> &[(Address, Local)] {
        &self.locals
    }

    /// Allowed sources with the number of key bits that count, as the XDP program's trie takes them.
    #[must_use]
    pub fn sources(&self) -> &[(SourceKey, u32)] {
        &self.prefixes
    }

    /// What decides about a frame that came in on `interface`.
    #[must_use]
    pub fn view(&self, interface: u8) -> View<'_> {
        View {
            table: self,
            interface,
        }
    }
}

/// A [`SteeringTable`] seen from one interface.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    table: &'a SteeringTable,
    interface: u8,
}

impl Steering for View<'_> {
    fn interface(&self) -> u8 {
        self.interface
    }

    fn local(&self, address: &Address) -> Option<Local> {
        self.table
            .locals
            .iter()
            .find(|(ours, _)| ours == address)
            .map(|(_, local)| *local)
    }

    fn source_allowed(&self, zone: u8, address: &Address) -> bool {
        self.table
            .by_len
            .iter()
            .any(|(bits, set)| set.contains(&(zone, masked(address, *bits))))
    }
}

/// The leading `bits - 8` bits of `address`; the eight are the zone's part of the key.
fn masked(address: &Address, bits: u32) -> u128 {
    let value = u128::from_be_bytes(address.0);
    match bits.saturating_sub(8).min(128) {
        0 => 0,
        len => value & (u128::MAX << (128 - len)),
    }
}

/// One published state of the configuration.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The routing plan.
    pub plan: Arc<RoutePlan>,
    /// The tables made from it.
    pub steering: Arc<SteeringTable>,
}

impl Snapshot {
    /// The snapshot of `plan`.
    #[must_use]
    pub fn of(plan: Arc<RoutePlan>) -> Self {
        let steering = Arc::new(SteeringTable::of(&plan));
        Self { plan, steering }
    }

    /// The interface that `zone` is on; the first one for a zone that the plan does not have.
    #[must_use]
    pub fn interface(&self, zone: u8) -> u8 {
        self.plan.zone(zone).map_or(0, |zone| zone.interface)
    }

    /// The zone that owns `address`.
    #[must_use]
    pub fn zone_of(&self, address: IpAddr) -> Option<u8> {
        let address = Address::from(address);
        self.steering
            .locals
            .iter()
            .find(|(ours, _)| *ours == address)
            .map(|(_, local)| local.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_call::plan::Parts;
    use trunkline_xdp_abi::classify::Tables;

    fn table(prefixes: &[(&str, u8, u8)]) -> SteeringTable {
        let mut table = SteeringTable::of(&RoutePlan::new(Parts::default()).unwrap());
        for (address, len, zone) in prefixes {
            let address = Address::from(address.parse::<IpAddr>().unwrap());
            table.prefixes.push((
                SourceKey { zone: *zone, address },
                SourceKey::bits(&address, *len),
            ));
        }
        table.index_prefixes();
        table
    }

    #[test]
    fn agrees_with_the_plain_tables() {
        let table = table(&[
            ("192.0.2.0", 24, 0),
            ("198.51.100.7", 32, 1),
            ("2001:db8::", 32, 0),
            ("0.0.0.0", 0, 2),
            ("::", 0, 3),
        ]);
        let plain = Tables {
            interface: 0,
            locals: &[],
            sources: &table.prefixes,
        };
        let view = table.view(0);
        for address in [
            "192.0.2.77",
            "192.0.3.1",
            "198.51.100.7",
            "198.51.100.8",
            "2001:db8:1::1",
            "2001:db9::1",
        ] {
            let address = Address::from(address.parse::<IpAddr>().unwrap());
            for zone in 0..5 {
                assert_eq!(
                    view.source_allowed(zone, &address),
                    plain.source_allowed(zone, &address),
                    "{address:?} {zone}"
                );
            }
        }
        let v6 = Address::from("2001:db8::1".parse::<IpAddr>().unwrap());
        assert!(!view.source_allowed(2, &v6), "any IPv4 is not any IPv6");
    }
}
