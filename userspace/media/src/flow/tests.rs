use std::vec::Vec;

use trunkline_time::Timestamp;

use super::*;
use crate::port_pool::PortRange;

const LOCAL_A: &str = "192.0.2.10:20000";
const LOCAL_B: &str = "198.51.100.10:30000";
const REMOTE_A: &str = "192.0.2.20:40000";
const REMOTE_B: &str = "198.51.100.20:50000";

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ranges() -> [PortRange; 3] {
    let range = |zone, address: &str, low, high| PortRange {
        zone,
        address: address.parse().unwrap(),
        low,
        high,
    };
    [
        range(0, "192.0.2.10", 20000, 20099),
        range(1, "198.51.100.10", 30000, 30099),
        range(1, "2001:db8::10", 30000, 30099),
    ]
}

fn table() -> FlowTable {
    FlowTable::new(&ranges(), 8)
}

fn a_to_b() -> FlowSpec {
    FlowSpec {
        signalled_remote: Some(socket(REMOTE_A)),
        egress_remote: Some(socket(REMOTE_B)),
        timeout: Duration::from_secs(60),
        user: 1,
        ..FlowSpec::new(FlowKind::Rtp, socket(LOCAL_A), 1, socket(LOCAL_B))
    }
}

fn b_to_a() -> FlowSpec {
    FlowSpec {
        signalled_remote: Some(socket(REMOTE_B)),
        egress_remote: Some(socket(REMOTE_A)),
        timeout: Duration::from_secs(60),
        user: 2,
        ..FlowSpec::new(FlowKind::Rtp, socket(LOCAL_B), 0, socket(LOCAL_A))
    }
}

const HOP: NextHop = NextHop {
    interface: 3,
    source_mac: [2, 0, 0, 0, 0, 1],
    destination_mac: [2, 0, 0, 0, 0, 2],
    vlan_count: 0,
    vlan: [0; 2],
    mtu: 1500,
};

fn hear(table: &mut FlowTable, id: FlowId, source: &str, now: Timestamp) {
    let (hot, cold) = table.at(id.index).unwrap();
    let judgement = hot
        .latch
        .accept(&cold.rules, &crate::latch::Endpoint::from(socket(source)));
    if judgement != crate::latch::Judgement::Refused {
        hot.last_packet = now;
        cold.first_packet.get_or_insert(now);
    }
    if judgement == crate::latch::Judgement::Moved {
        table.on_source_moved(id.index);
    }
}

#[test]
fn a_flow_is_found_by_its_port_until_it_is_removed() {
    let mut table = table();
    let id = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let address = socket(LOCAL_A).ip();
    assert_eq!(table.by_local(address, 20000), Some(id));
    assert_eq!(table.by_local(address, 20001), None);
    assert_eq!(table.by_local(address, 19999), None);
    assert_eq!(table.by_local(socket(LOCAL_B).ip(), 20000), None);
    assert_eq!(table.iter().collect::<Vec<_>>(), [(id, 1)]);
    assert_eq!(table.remove(id), Some(FlowStats::default()));
    assert_eq!((table.by_local(address, 20000), table.len()), (None, 0));
    assert_eq!((table.remove(id), table.stats(id)), (None, None));
}

#[test]
fn an_old_id_does_not_name_the_next_flow_in_its_place() {
    let mut table = FlowTable::new(&ranges(), 1);
    let old = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    table.remove(old);
    let new = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    assert_ne!(old, new);
    assert!(!table.set_held(Timestamp::ZERO, old, true));
    assert!(!table.update(Timestamp::ZERO, old, &a_to_b()));
    assert!(!table.set_next_hop(old, &HOP));
    assert!(!table.link(old, new));
    assert_eq!((table.remove(old), table.len()), (None, 1));
}

#[test]
fn what_cannot_be_installed_is_refused_and_counted() {
    let mut table = FlowTable::new(&ranges(), 2);
    assert!(table.install(Timestamp::ZERO, &a_to_b()).is_some());
    assert_eq!(
        table.install(Timestamp::ZERO, &a_to_b()),
        None,
        "the port is taken"
    );
    let outside = FlowSpec {
        local: socket("192.0.2.10:20100"),
        ..a_to_b()
    };
    assert_eq!(
        table.install(Timestamp::ZERO, &outside),
        None,
        "no range has the port"
    );
    assert!(table.install(Timestamp::ZERO, &b_to_a()).is_some());
    let third = FlowSpec {
        local: socket("192.0.2.10:20002"),
        ..a_to_b()
    };
    assert_eq!(table.install(Timestamp::ZERO, &third), None, "the table is full");
    assert_eq!((table.refused_count(), table.len(), table.capacity()), (3, 2, 2));
}

#[test]
fn flows_wait_for_their_next_hop() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let two = table.install(Timestamp::ZERO, &b_to_a()).unwrap();
    let waiting: Vec<_> = table.unresolved().collect();
    let expected = Unresolved {
        id: one,
        zone: 1,
        destination: socket(REMOTE_B).ip(),
    };
    assert_eq!((waiting.len(), waiting[0]), (2, expected));
    let resolved = table.resolve(10, &mut |zone, _| (zone == 1).then_some(HOP));
    assert_eq!(resolved, 1);
    assert_eq!(
        table.unresolved().map(|waiting| waiting.id).collect::<Vec<_>>(),
        [two]
    );
    assert!(table.set_next_hop(two, &HOP));
    assert_eq!(table.unresolved_count(), 0);
}

#[test]
fn an_unreachable_destination_holds_up_no_others() {
    let mut table = table();
    for port in [20000, 20002, 20004, 20006] {
        let spec = FlowSpec {
            local: SocketAddr::new(socket(LOCAL_A).ip(), port),
            egress_remote: Some(SocketAddr::new([198, 51, 100, port as u8].into(), 9)),
            ..a_to_b()
        };
        table.install(Timestamp::ZERO, &spec).unwrap();
    }
    let unreachable: IpAddr = [198, 51, 100, 20000_u16 as u8].into();
    for _ in 0..8 {
        table.resolve(1, &mut |_, destination| {
            (destination != unreachable).then_some(HOP)
        });
    }
    assert_eq!(
        table
            .unresolved()
            .map(|waiting| waiting.destination)
            .collect::<Vec<_>>(),
        [unreachable]
    );
}

#[test]
fn a_flow_that_learns_a_source_turns_its_twin() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let two = table.install(Timestamp::ZERO, &b_to_a()).unwrap();
    assert!(table.link(one, two));
    table.resolve(10, &mut |_, _| Some(HOP));
    hear(&mut table, two, "198.51.100.20:50100", Timestamp::ZERO);
    assert_eq!(table.egress_remote(one), Some(socket("198.51.100.20:50100")));
    assert_eq!(table.unresolved_count(), 0, "the host is the same");
    assert_eq!(table.egress_remote(two), Some(socket(REMOTE_A)));
    let stats = table.stats(two).unwrap();
    assert_eq!(
        (stats.latched_to, stats.is_source_learned),
        (Some(socket("198.51.100.20:50100")), true)
    );
    // The signalled source speaks up after all.
    hear(&mut table, two, REMOTE_B, Timestamp::ZERO);
    assert_eq!(table.egress_remote(one), Some(socket(REMOTE_B)));
}

#[test]
fn another_host_needs_another_next_hop() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let open = FlowSpec {
        latch: LatchPolicy::Open,
        ..b_to_a()
    };
    let two = table.install(Timestamp::ZERO, &open).unwrap();
    table.link(one, two);
    table.resolve(10, &mut |_, _| Some(HOP));
    hear(&mut table, two, "203.0.113.9:1234", Timestamp::ZERO);
    assert_eq!(table.egress_remote(one), Some(socket("203.0.113.9:1234")));
    assert_eq!(
        table.unresolved().map(|waiting| waiting.id).collect::<Vec<_>>(),
        [one]
    );
}

#[test]
fn early_media_finds_its_way_before_the_answer() {
    let mut table = table();
    let unanswered = FlowSpec {
        egress_remote: None,
        ..a_to_b()
    };
    let early = FlowSpec {
        signalled_remote: None,
        prefixes: Some(Arc::from([Prefix::new([198, 51, 100, 0].into(), 24)])),
        ..b_to_a()
    };
    let one = table.install(Timestamp::ZERO, &unanswered).unwrap();
    let two = table.install(Timestamp::ZERO, &early).unwrap();
    table.link(one, two);
    assert_eq!(table.egress_remote(one), None);
    hear(&mut table, two, "198.51.100.77:7000", Timestamp::ZERO);
    assert_eq!(table.egress_remote(one), Some(socket("198.51.100.77:7000")));
    // The answer names another port: what was learned stays until that one speaks.
    let answered = FlowSpec {
        signalled_remote: Some(socket(REMOTE_B)),
        ..early
    };
    assert!(table.update(Timestamp::ZERO, one, &a_to_b()));
    assert!(table.update(Timestamp::ZERO, two, &answered));
    assert_eq!(table.egress_remote(one), Some(socket("198.51.100.77:7000")));
    hear(&mut table, two, REMOTE_B, Timestamp::ZERO);
    assert_eq!(table.egress_remote(one), Some(socket(REMOTE_B)));
}

#[test]
fn another_signalled_remote_moves_gate_and_egress_and_keeps_statistics() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let two = table.install(Timestamp::ZERO, &b_to_a()).unwrap();
    table.link(one, two);
    table.resolve(10, &mut |_, _| Some(HOP));
    hear(&mut table, two, "198.51.100.20:50100", Timestamp::ZERO);
    let moved = "198.51.100.99:6000";
    let (there, back) = (
        FlowSpec {
            egress_remote: Some(socket(moved)),
            ..a_to_b()
        },
        FlowSpec {
            signalled_remote: Some(socket(moved)),
            ..b_to_a()
        },
    );
    assert!(table.update(Timestamp::ZERO, two, &back));
    assert!(table.update(Timestamp::ZERO, one, &there));
    assert_eq!(table.egress_remote(one), Some(socket(moved)));
    assert_eq!(table.unresolved_count(), 1);
    let stats = table.stats(two).unwrap();
    assert_eq!(
        (stats.latched_to, stats.first_packet),
        (None, Some(Timestamp::ZERO))
    );
}

#[test]
fn nowhere_and_the_wrong_family_are_no_remotes() {
    let mut table = table();
    for remote in ["0.0.0.0:4000", "198.51.100.20:0", "[2001:db8::20]:4000"] {
        let spec = FlowSpec {
            egress_remote: Some(socket(remote)),
            ..a_to_b()
        };
        let id = table.install(Timestamp::ZERO, &spec).unwrap();
        assert_eq!(
            (table.egress_remote(id), table.unresolved_count()),
            (None, 0),
            "{remote}"
        );
        assert!(!table.set_next_hop(id, &HOP));
        table.remove(id);
    }
}

#[test]
fn removing_one_twin_leaves_the_other_working() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let two = table.install(Timestamp::ZERO, &b_to_a()).unwrap();
    table.link(one, two);
    table.remove(two);
    assert_eq!(table.egress_remote(one), Some(socket(REMOTE_B)));
    assert_eq!(
        table.unresolved().map(|waiting| waiting.id).collect::<Vec<_>>(),
        [one]
    );
    assert!(table.update(Timestamp::ZERO, one, &a_to_b()));
}

fn expired(table: &mut FlowTable, secs: u64) -> Vec<u64> {
    let mut users = Vec::new();
    table.expire_idle(Timestamp::from_millis(1000 * secs), 100, &mut |_, user| {
        users.push(user);
    });
    users
}

#[test]
fn silence_is_reported_once_per_timeout() {
    let mut table = table();
    let id = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    assert_eq!(expired(&mut table, 59), []);
    assert_eq!(expired(&mut table, 60), [1]);
    assert_eq!(expired(&mut table, 61), []);
    hear(&mut table, id, REMOTE_A, Timestamp::from_millis(100_000));
    assert_eq!(expired(&mut table, 159), []);
    assert_eq!(expired(&mut table, 160), [1]);
}

#[test]
fn one_talking_side_keeps_both_directions_alive() {
    let mut table = table();
    let one = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    let two = table.install(Timestamp::ZERO, &b_to_a()).unwrap();
    table.link(one, two);
    hear(&mut table, two, REMOTE_B, Timestamp::from_millis(30_000));
    assert_eq!(expired(&mut table, 89), []);
    assert_eq!(expired(&mut table, 90), [1], "one report for the pair");
}

#[test]
fn held_flows_rtcp_and_flows_without_timeout_stay() {
    let mut table = table();
    let rtcp = FlowSpec {
        kind: FlowKind::Rtcp,
        local: socket("192.0.2.10:20001"),
        ..a_to_b()
    };
    let endless = FlowSpec {
        local: socket("192.0.2.10:20002"),
        timeout: Duration::ZERO,
        ..a_to_b()
    };
    let held = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    table.install(Timestamp::ZERO, &rtcp).unwrap();
    table.install(Timestamp::ZERO, &endless).unwrap();
    assert!(table.set_held(Timestamp::ZERO, held, true));
    assert_eq!(expired(&mut table, 600), []);
    // Silence counts from the end of the hold.
    table.set_held(Timestamp::from_millis(600_000), held, false);
    assert_eq!(expired(&mut table, 659), []);
    assert_eq!(expired(&mut table, 660), [1]);
}

#[test]
fn the_search_for_idle_flows_keeps_to_its_budget() {
    let mut table = table();
    for index in 0..4_u16 {
        let spec = FlowSpec {
            local: SocketAddr::new(socket(LOCAL_A).ip(), 20000 + 2 * index),
            user: u64::from(index),
            ..a_to_b()
        };
        table.install(Timestamp::ZERO, &spec).unwrap();
    }
    let mut users = Vec::new();
    let now = Timestamp::from_millis(60_000);
    for round in 1..=8 {
        table.expire_idle(now, 1, &mut |_, user| users.push(user));
        assert!(users.len() <= round);
    }
    assert_eq!(users, [0, 1, 2, 3]);
}

#[test]
fn next_hops_are_refreshed_where_they_have_changed() {
    let mut table = table();
    let id = table.install(Timestamp::ZERO, &a_to_b()).unwrap();
    table.set_next_hop(id, &HOP);
    let other = NextHop {
        destination_mac: [9; 6],
        ..HOP
    };
    table.refresh(8, &mut |_, _| None);
    assert_eq!(
        table.at(id.index).unwrap().0.egress.destination_mac,
        HOP.destination_mac
    );
    table.refresh(8, &mut |zone, _| (zone == 1).then_some(other));
    assert_eq!(table.at(id.index).unwrap().0.egress.destination_mac, [9; 6]);
}
