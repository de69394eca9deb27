//! An immutable picture of routes and neighbours at one moment.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::NextHop;
use super::routes::{Routes, Via};

/// A neighbour that may be sent to.
#[derive(Debug)]
pub(super) struct Neighbor {
    pub(super) mac: [u8; 6],
    /// Set by lookups, cleared by the resolver; it outlives snapshots as long as the address stays the same.
    pub(super) used: AtomicBool,
}

/// What leads out of one interface.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) mac: [u8; 6],
    pub(super) routes: Routes,
    pub(super) neighbors: HashMap<IpAddr, Arc<Neighbor>>,
}

/// All interfaces, by their index in the list of the edge.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) interfaces: Vec<Interface>,
}

impl Snapshot {
    pub(super) fn lookup(&self, interface: u8, destination: IpAddr) -> NextHop {
        let Some(out) = self.interfaces.get(usize::from(interface)) else {
            return NextHop::Unreachable;
        };
        let Some(address) = out.neighbor_towards(destination) else {
            return NextHop::Unreachable;
        };
        let Some(neighbor) = out.neighbors.get(&address) else {
            return NextHop::Pending;
        };
        // Read first: the line stays shared between workers once it is set.
        if !neighbor.used.load(Ordering::Relaxed) {
            neighbor.used.store(true, Ordering::Relaxed);
        }
        NextHop::Known {
            source_mac: out.mac,
            destination_mac: neighbor.mac,
        }
    }

    /// The address to resolve for `destination`.
    pub(super) fn neighbor_towards(&self, interface: u8, destination: IpAddr) -> Option<IpAddr> {
        self.interfaces
            .get(usize::from(interface))?
            .neighbor_towards(destination)
    }
}

impl Interface {
    fn neighbor_towards(&self, destination: IpAddr) -> Option<IpAddr> {
        match self.routes.lookup(destination)? {
            Via::OnLink => Some(destination),
            Via::Gateway(gateway) => Some(gateway),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_goes_by_route_then_neighbor() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut out = Interface {
            mac: [2; 6],
            ..Interface::default()
        };
        out.routes.insert(ip("10.0.0.0"), 24, 0, Via::OnLink);
        out.routes
            .insert(ip("10.9.0.0"), 16, 0, Via::Gateway(ip("10.0.0.1")));
        let router = Arc::new(Neighbor {
            mac: [7; 6],
            used: AtomicBool::new(false),
        });
        out.neighbors.insert(ip("10.0.0.1"), Arc::clone(&router));
        let snapshot = Snapshot {
            interfaces: vec![Interface::default(), out],
        };
        let known = NextHop::Known {
            source_mac: [2; 6],
            destination_mac: [7; 6],
        };
        assert_eq!(snapshot.lookup(1, ip("10.0.0.2")), NextHop::Pending);
        assert!(!router.used.load(Ordering::Relaxed));
        assert_eq!(snapshot.lookup(1, ip("10.9.1.1")), known);
        assert!(router.used.load(Ordering::Relaxed));
        assert_eq!(snapshot.lookup(1, ip("192.0.2.1")), NextHop::Unreachable);
        assert_eq!(snapshot.lookup(0, ip("10.0.0.1")), NextHop::Unreachable);
        assert_eq!(snapshot.lookup(9, ip("10.0.0.1")), NextHop::Unreachable);
        assert_eq!(snapshot.neighbor_towards(1, ip("10.9.1.1")), Some(ip("10.0.0.1")));
    }
}
