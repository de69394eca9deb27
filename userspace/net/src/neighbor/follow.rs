//! What the kernel says of links, routes and neighbours, kept for the interfaces of the edge.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RouteType, RouteVia,
};

use super::routes::Via;
use super::snapshot::{Interface, Neighbor, Snapshot};

/// The tables, as far as the interfaces of the edge go.
#[derive(Debug, Default)]
pub(super) struct Tables {
    names: Vec<String>,
    /// For each name, the interface that has it now.
    links: Vec<Option<Link>>,
    routes: Vec<Route>,
    neighbors: HashMap<(u32, IpAddr), Known>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    index: u32,
    mac: [u8; 6],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    out: u32,
    prefix: IpAddr,
    len: u8,
    rank: u64,
    via: Via,
}

#[derive(Debug)]
struct Known {
    neighbor: Arc<Neighbor>,
    /// The kernel would check it before long if it were the one to send.
    is_stale: bool,
}

impl Tables {
    pub(super) fn new(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            ..Self::default()
        }
    }

    /// Takes the list of all interfaces.
    pub(super) fn set_links(&mut self, messages: &[LinkMessage]) {
        let find = |name: &String| messages.iter().find_map(|message| link(message, name));
        self.links = self.names.iter().map(find).collect();
    }

    /// Takes the list of all routes.
    pub(super) fn set_routes(&mut self, messages: &[RouteMessage]) {
        self.routes.clear();
        for message in messages {
            add_routes(message, &mut self.routes);
        }
        let links = &self.links;
        self.routes
            .retain(|route| links.iter().flatten().any(|link| link.index == route.out));
    }

    /// Takes the list of all neighbours.
    pub(super) fn set_neighbors(&mut self, messages: &[NeighbourMessage]) {
        let mut before = std::mem::take(&mut self.neighbors);
        for message in messages {
            if let Some(key) = key(message)
                && let Some(known) = before.remove(&key)
            {
                self.neighbors.insert(key, known);
            }
            self.on_neighbor(message);
        }
    }

    /// Takes news of one neighbour; true if what lookups say has changed.
    pub(super) fn on_neighbor(&mut self, message: &NeighbourMessage) -> bool {
        let Some(key) = key(message) else { return false };
        let Some(mac) = usable_mac(message) else {
            return self.neighbors.remove(&key).is_some();
        };
        let is_stale = message.header.state == NeighbourState::Stale;
        if let Some(known) = self.neighbors.get_mut(&key)
            && known.neighbor.mac == mac
        {
            known.is_stale = is_stale;
            return false;
        }
        if !self.links.iter().flatten().any(|link| link.index == key.0) {
            return false;
        }
        let neighbor = Arc::new(Neighbor {
            mac,
            used: AtomicBool::new(false),
        });
        self.neighbors.insert(key, Known { neighbor, is_stale });
        true
    }

    /// Takes the news that a neighbour is gone; true if what lookups say has changed.
    pub(super) fn on_neighbor_gone(&mut self, message: &NeighbourMessage) -> bool {
        key(message).is_some_and(|key| self.neighbors.remove(&key).is_some())
    }

    /// Neighbours that were looked up since the last call and that the kernel is no longer sure of.
    pub(super) fn stale_in_use(&self) -> Vec<(u32, IpAddr)> {
        let mut stale = Vec::new();
        for (key, known) in &self.neighbors {
            if known.neighbor.used.swap(false, Ordering::Relaxed) && known.is_stale {
                stale.push(*key);
            }
        }
        stale
    }

    /// The index that the kernel has for an interface of ours.
    pub(super) fn link_index(&self, interface: u8) -> Option<u32> {
        self.links.get(usize::from(interface))?.map(|link| link.index)
    }

    /// The picture for workers.
    pub(super) fn snapshot(&self) -> Snapshot {
        let interfaces = self
            .links
            .iter()
            .map(|link| link.map_or_else(Interface::default, |l| self.picture(l)));
        Snapshot {
            interfaces: interfaces.collect(),
        }
    }

    fn picture(&self, link: Link) -> Interface {
        let mut out = Interface {
            mac: link.mac,
            ..Interface::default()
        };
        for route in self.routes.iter().filter(|route| route.out == link.index) {
            out.routes.insert(route.prefix, route.len, route.rank, route.via);
        }
        for ((index, address), known) in &self.neighbors {
            if *index == link.index {
                out.neighbors.insert(*address, Arc::clone(&known.neighbor));
            }
        }
        out
    }
}

fn link(message: &LinkMessage, wanted: &str) -> Option<Link> {
    let mut mac = [0; 6];
    let mut is_wanted = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => is_wanted = name == wanted,
            LinkAttribute::Address(bytes) => mac = <[u8; 6]>::try_from(&bytes[..]).unwrap_or_default(),
            _ => {}
        }
    }
    is_wanted.then_some(Link {
        index: message.header.index,
        mac,
    })
}

fn key(message: &NeighbourMessage) -> Option<(u32, IpAddr)> {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => Some(IpAddr::V4(*v4)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    })?;
    Some((message.header.ifindex, address))
}

/// The hardware address of a neighbour that may be sent to in its state.
fn usable_mac(message: &NeighbourMessage) -> Option<[u8; 6]> {
    use NeighbourState as State;
    let state = message.header.state;
    if !matches!(
        state,
        State::Reachable | State::Stale | State::Delay | State::Probe | State::Permanent | State::Noarp
    ) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => <[u8; 6]>::try_from(&bytes[..]).ok(),
        _ => None,
    })
}

/// What stands in one route message.
#[derive(Default)]
struct Parts<'m> {
    prefix: Option<IpAddr>,
    out: Option<u32>,
    via: Option<Via>,
    metric: u32,
    table: u32,
    hops: &'m [RouteNextHop],
}

fn add_routes(message: &RouteMessage, routes: &mut Vec<Route>) {
    let header = &message.header;
    let dead = RouteFlags::Dead | RouteFlags::Linkdown | RouteFlags::Cloned;
    if header.kind != RouteType::Unicast || header.flags.intersects(dead) {
        return;
    }
    let unspecified = match header.address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        AddressFamily::Inet6 => IpAddr::from([0; 16]),
        _ => return,
    };
    let parts = parts(message);
    // Other tables belong to VRFs or to policy, whose rules are not followed; the main table comes first.
    let is_main = parts.table == u32::from(RouteHeader::RT_TABLE_MAIN);
    let route = |out: u32, via: Option<Via>| Route {
        out,
        prefix: parts.prefix.unwrap_or(unspecified),
        len: header.destination_prefix_length,
        rank: u64::from(parts.metric) | u64::from(!is_main) << 32,
        via: via.unwrap_or(Via::OnLink),
    };
    if let Some(out) = parts.out {
        routes.push(route(out, parts.via));
    }
    let dead = RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown;
    for hop in parts.hops.iter().filter(|hop| !hop.flags.intersects(dead)) {
        routes.push(route(hop.interface_index, hop.attributes.iter().find_map(via)));
    }
}

fn parts(message: &RouteMessage) -> Parts<'_> {
    let mut parts = Parts {
        table: u32::from(message.header.table),
        ..Parts::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => parts.prefix = ip(address),
            RouteAttribute::Oif(index) => parts.out = Some(*index),
            RouteAttribute::Priority(metric) => parts.metric = *metric,
            RouteAttribute::Table(table) => parts.table = *table,
            RouteAttribute::MultiPath(hops) => parts.hops = hops,
            other => parts.via = via(other).or(parts.via),
        }
    }
    parts
}

fn via(attribute: &RouteAttribute) -> Option<Via> {
    let gateway = match attribute {
        RouteAttribute::Gateway(address) => ip(address)?,
        RouteAttribute::Via(RouteVia::Inet(v4)) => IpAddr::V4(*v4),
        RouteAttribute::Via(RouteVia::Inet6(v6)) => IpAddr::V6(*v6),
        _ => return None,
    };
    (!gateway.is_unspecified()).then_some(Via::Gateway(gateway))
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
