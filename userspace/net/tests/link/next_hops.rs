//! Routes and neighbours of a real kernel.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_net::neighbor::Resolver;
use trunkline_net::nic::Nic;
use trunkline_net::{NextHop, NextHops, caps};

use crate::netns::{Namespace, join, may_run};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn mac(namespace: &Namespace, device: &str) -> [u8; 6] {
    namespace.enter(|| Nic::probe(device).unwrap().mac)
}

/// Asks until the answer is `wanted`, as an engine with a held datagram does.
fn wait_for(next_hops: &NextHops, destination: &str, wanted: NextHop) {
    let destination = ip(destination);
    let begin = Instant::now();
    loop {
        let found = next_hops.lookup(0, destination);
        if found == wanted {
            return;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(8),
            "{destination}: {found:?}, wanted {wanted:?}"
        );
        if found == NextHop::Pending {
            assert!(next_hops.request(0, destination));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn missing_neighbors_are_asked_for_and_appear() {
    if !may_run("missing_neighbors_are_asked_for_and_appear") {
        return;
    }
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", 1);
    let known = NextHop::Known {
        source_mac: mac(&edge, "e0"),
        destination_mac: mac(&peer, "p0"),
    };
    edge.enter(|| {
        let (next_hops, _resolver) = Resolver::start(&["e0".to_owned()]).unwrap();
        let epoch = next_hops.epoch();
        assert_eq!(next_hops.lookup(0, ip("10.9.1.2")), NextHop::Pending);
        assert_eq!(next_hops.lookup(0, ip("198.51.100.1")), NextHop::Unreachable);
        assert_eq!(next_hops.lookup(1, ip("10.9.1.2")), NextHop::Unreachable);
        let begin = Instant::now();
        wait_for(&next_hops, "10.9.1.2", known);
        println!("IPv4 neighbour known after {:?}", begin.elapsed());
        assert!(next_hops.epoch() > epoch);
        let begin = Instant::now();
        wait_for(&next_hops, "fd09:1::2", known);
        println!("IPv6 neighbour known after {:?}", begin.elapsed());
        let begin = Instant::now();
        for _ in 0..100_000 {
            assert_eq!(next_hops.lookup(0, ip("10.9.1.2")), known);
        }
        println!("one lookup takes {:?}", begin.elapsed() / 100_000);
    });
}

#[test]
fn routes_and_neighbors_are_followed() {
    if !may_run("routes_and_neighbors_are_followed") {
        return;
    }
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", 2);
    let source_mac = mac(&edge, "e0");
    let router = NextHop::Known {
        source_mac,
        destination_mac: mac(&peer, "p0"),
    };
    let (next_hops, resolver) = edge.enter(|| Resolver::start(&["e0".to_owned()]).unwrap());
    edge.ip("route add default via 10.9.2.2");
    wait_for(&next_hops, "198.51.100.1", router);
    edge.ip("-6 route add 2001:db8::/32 via fd09:2::2");
    wait_for(&next_hops, "2001:db8:7::1", router);
    edge.ip("neigh add 10.9.2.77 lladdr 02:00:00:00:00:77 nud permanent dev e0");
    let fixed = NextHop::Known {
        source_mac,
        destination_mac: [2, 0, 0, 0, 0, 0x77],
    };
    wait_for(&next_hops, "10.9.2.77", fixed);
    edge.ip("route replace default via 10.9.2.77");
    wait_for(&next_hops, "198.51.100.1", fixed);
    edge.ip("neigh del 10.9.2.77 dev e0");
    wait_for(&next_hops, "198.51.100.1", NextHop::Pending);
    edge.ip("route del default");
    wait_for(&next_hops, "198.51.100.1", NextHop::Unreachable);
    edge.ip("link set e0 down");
    wait_for(&next_hops, "10.9.2.2", NextHop::Unreachable);
    edge.ip("link set e0 up");
    wait_for(&next_hops, "10.9.2.2", router);
    drop(resolver);
}

#[test]
fn resolution_needs_no_privilege() {
    if !may_run("resolution_needs_no_privilege") {
        return;
    }
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", 3);
    let known = NextHop::Known {
        source_mac: mac(&edge, "e0"),
        destination_mac: mac(&peer, "p0"),
    };
    edge.enter(|| {
        caps::drop_all_but(caps::Keep::Nothing).unwrap();
        let (next_hops, _resolver) = Resolver::start(&["e0".to_owned()]).unwrap();
        wait_for(&next_hops, "10.9.3.2", known);
        wait_for(&next_hops, "fd09:3::2", known);
    });
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    let error = Resolver::start(&["no-such-if".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("no-such-if"), "{error}");
}
