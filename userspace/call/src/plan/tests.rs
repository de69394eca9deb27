use super::*;
use alloc::sync::Arc;
use alloc::vec;

fn trunk(name: &str, source: &str, len: u8, peer: &str) -> Trunk {
    Trunk {
        name: String::from(name),
        zone: 0,
        peers: vec![Peer {
            address: peer.parse().unwrap(),
            transport: Transport::Udp,
            weight: 1,
            priority: 0,
        }],
        sources: vec![Prefix {
            address: source.parse().unwrap(),
            len,
        }],
        options_interval: None,
        down_after: 3,
        up_after: 2,
        limits: Limits::default(),
        codecs: Vec::new(),
        numbers: NumberRules::default(),
        media: MediaPolicy {
            latch: LatchPolicy::Gated,
            dscp: 46,
            timeout: Duration::from_secs(60),
        },
        sip: SipPolicy::default(),
        state: Arc::new(TrunkState::new(1, Limits::default())),
    }
}

fn parts(trunks: Vec<Trunk>) -> Parts {
    Parts {
        zones: vec![Zone {
            name: String::from("core"),
            interface: 0,
            addresses: vec!["192.0.2.10".parse().unwrap()],
            listeners: vec![Listener {
                transport: Transport::Udp,
                port: 5060,
            }],
            rtp_ports: (20_000, 20_999),
        }],
        trunks,
        ..Parts::default()
    }
}

#[test]
fn the_exact_peer_wins_then_the_longest_prefix() {
    let plan = RoutePlan::new(parts(vec![
        trunk("wide", "192.0.2.0", 24, "192.0.2.1:5060"),
        trunk("narrow", "192.0.2.20", 32, "192.0.2.20:5070"),
        trunk("exact", "192.0.2.0", 24, "192.0.2.20:5062"),
    ]))
    .unwrap();
    let of = |source: &str| plan.trunk_of_source(0, source.parse().unwrap());
    assert_eq!(of("192.0.2.9:5060"), Some(0));
    assert_eq!(of("192.0.2.20:5060"), Some(1));
    assert_eq!(of("192.0.2.20:5062"), Some(2));
    assert_eq!(of("192.0.3.20:5062"), None);
    assert_eq!(plan.trunk_of_source(1, "192.0.2.9:5060".parse().unwrap()), None);
}

#[test]
fn families_never_mix() {
    let prefix = Prefix {
        address: "::".parse().unwrap(),
        len: 0,
    };
    assert!(prefix.covers("2001:db8::1".parse().unwrap()));
    assert!(!prefix.covers("192.0.2.1".parse().unwrap()));
    let prefix = Prefix {
        address: "2001:db8::".parse().unwrap(),
        len: 33,
    };
    assert!(prefix.covers("2001:db8:7fff::1".parse().unwrap()));
    assert!(!prefix.covers("2001:db8:8000::1".parse().unwrap()));
}

#[test]
fn indexes_are_checked() {
    let mut bad = parts(vec![]);
    bad.dids.push(Did {
        numbers: Vec::new(),
        trunk: 0,
    });
    assert!(RoutePlan::new(bad).is_err());
    let mut bad = parts(vec![trunk("a", "192.0.2.0", 24, "192.0.2.1:5060")]);
    bad.trunks[0].zone = 7;
    assert!(RoutePlan::new(bad).is_err());
}

#[test]
fn ranges_are_inclusive_and_of_one_length() {
    let range = NumberRange {
        low: String::from("+12025550110"),
        high: String::from("+12025550199"),
    };
    assert!(range.contains("+12025550110") && range.contains("+12025550199"));
    assert!(!range.contains("+12025550200") && !range.contains("+120255501100"));
}
