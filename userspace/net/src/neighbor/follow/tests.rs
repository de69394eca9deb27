use super::super::NextHop;
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn link_message(index: u32, name: &str, mac: u8) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(vec![mac; 6]),
    ];
    message
}

fn route_message(prefix: Option<(&str, u8)>, out: u32, gateway: Option<&str>, table: u8) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.kind = RouteType::Unicast;
    message.header.table = table;
    if let Some((prefix, len)) = prefix {
        message.header.destination_prefix_length = len;
        message
            .attributes
            .push(RouteAttribute::Destination(ip(prefix).into()));
    }
    message.attributes.push(RouteAttribute::Oif(out));
    message
        .attributes
        .extend(gateway.map(|gateway| RouteAttribute::Gateway(ip(gateway).into())));
    message
}

fn neighbor_message(index: u32, address: &str, mac: u8, state: NeighbourState) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = index;
    message.header.state = state;
    let destination = match ip(address) {
        IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
        IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(vec![mac; 6]),
    ];
    message
}

fn tables() -> Tables {
    let mut tables = Tables::new(&["core".to_owned(), "carrier".to_owned()]);
    tables.set_links(&[
        link_message(1, "lo", 0),
        link_message(7, "carrier", 2),
        link_message(5, "core", 1),
    ]);
    tables.set_routes(&[
        route_message(Some(("10.0.0.0", 24)), 5, None, 254),
        route_message(Some(("10.0.1.0", 24)), 7, None, 254),
        route_message(None, 7, Some("10.0.1.1"), 254),
        route_message(None, 7, Some("10.0.1.99"), 42),
        route_message(Some(("127.0.0.0", 8)), 1, None, 254),
    ]);
    tables
}

#[test]
fn each_interface_has_its_own_routes_and_neighbors() {
    let mut tables = tables();
    let router = neighbor_message(7, "10.0.1.1", 9, NeighbourState::Reachable);
    assert!(tables.on_neighbor(&router));
    let known = NextHop::Known {
        source_mac: [2; 6],
        destination_mac: [9; 6],
    };
    let snapshot = tables.snapshot();
    assert_eq!(snapshot.lookup(1, ip("198.51.100.1")), known);
    assert_eq!(snapshot.lookup(1, ip("10.0.1.1")), known);
    assert_eq!(snapshot.lookup(1, ip("10.0.1.2")), NextHop::Pending);
    assert_eq!(snapshot.lookup(0, ip("10.0.0.2")), NextHop::Pending);
    assert_eq!(snapshot.lookup(0, ip("198.51.100.1")), NextHop::Unreachable);
    assert_eq!(
        (tables.link_index(0), tables.link_index(1), tables.link_index(2)),
        (Some(5), Some(7), None)
    );
}

#[test]
fn only_some_states_are_usable() {
    use NeighbourState as State;
    let mut tables = tables();
    for (state, is_usable) in [
        (State::Incomplete, false),
        (State::Reachable, true),
        (State::Stale, true),
        (State::Delay, true),
        (State::Probe, true),
        (State::Failed, false),
        (State::Permanent, true),
        (State::None, false),
    ] {
        tables.on_neighbor(&neighbor_message(5, "10.0.0.2", 9, state));
        let is_known = tables.snapshot().lookup(0, ip("10.0.0.2")) != NextHop::Pending;
        assert_eq!(is_known, is_usable, "{state:?}");
    }
}

#[test]
fn a_change_of_state_alone_is_no_change() {
    let mut tables = tables();
    let message = |mac, state| neighbor_message(5, "10.0.0.2", mac, state);
    assert!(tables.on_neighbor(&message(9, NeighbourState::Reachable)));
    assert!(!tables.on_neighbor(&message(9, NeighbourState::Stale)));
    assert!(
        tables.on_neighbor(&message(8, NeighbourState::Stale)),
        "another address"
    );
    assert!(tables.on_neighbor(&message(8, NeighbourState::Failed)));
    assert!(!tables.on_neighbor(&message(8, NeighbourState::Failed)));
    assert!(!tables.on_neighbor(&neighbor_message(99, "10.0.0.2", 1, NeighbourState::Reachable)));
    assert!(tables.on_neighbor(&message(9, NeighbourState::Reachable)));
    assert!(tables.on_neighbor_gone(&message(9, NeighbourState::Stale)));
}

#[test]
fn stale_neighbors_in_use_are_asked_about_once() {
    let mut tables = tables();
    tables.on_neighbor(&neighbor_message(5, "10.0.0.2", 9, NeighbourState::Stale));
    tables.on_neighbor(&neighbor_message(5, "10.0.0.3", 9, NeighbourState::Reachable));
    assert!(tables.stale_in_use().is_empty());
    let snapshot = tables.snapshot();
    let _ = snapshot.lookup(0, ip("10.0.0.2"));
    let _ = snapshot.lookup(0, ip("10.0.0.3"));
    assert_eq!(tables.stale_in_use(), [(5, ip("10.0.0.2"))]);
    assert!(tables.stale_in_use().is_empty());
}

#[test]
fn a_resync_forgets_what_is_gone_and_keeps_what_is_not() {
    let mut tables = tables();
    let stays = neighbor_message(5, "10.0.0.2", 9, NeighbourState::Reachable);
    tables.on_neighbor(&stays);
    tables.on_neighbor(&neighbor_message(5, "10.0.0.3", 8, NeighbourState::Reachable));
    let before = Arc::clone(&tables.neighbors[&(5, ip("10.0.0.2"))].neighbor);
    tables.set_neighbors(&[stays]);
    assert_eq!(tables.neighbors.len(), 1);
    assert!(Arc::ptr_eq(
        &before,
        &tables.neighbors[&(5, ip("10.0.0.2"))].neighbor
    ));
}

#[test]
fn one_of_several_paths_is_taken() {
    let mut tables = tables();
    let mut message = route_message(Some(("203.0.113.0", 24)), 0, None, 254);
    message
        .attributes
        .retain(|attribute| !matches!(attribute, RouteAttribute::Oif(_)));
    let hop = |index, gateway: &str, flags| {
        let mut hop = RouteNextHop::default();
        hop.interface_index = index;
        hop.flags = flags;
        hop.attributes = vec![RouteAttribute::Gateway(ip(gateway).into())];
        hop
    };
    message.attributes.push(RouteAttribute::MultiPath(vec![
        hop(7, "10.0.1.7", RouteNextHopFlags::Dead),
        hop(7, "10.0.1.8", RouteNextHopFlags::empty()),
        hop(5, "10.0.0.8", RouteNextHopFlags::empty()),
    ]));
    tables.set_routes(&[message]);
    let snapshot = tables.snapshot();
    assert_eq!(
        snapshot.neighbor_towards(1, ip("203.0.113.1")),
        Some(ip("10.0.1.8"))
    );
    assert_eq!(
        snapshot.neighbor_towards(0, ip("203.0.113.1")),
        Some(ip("10.0.0.8"))
    );
}
