use super::*;
use alloc::sync::Arc;
use alloc::vec;
use core::time::Duration;
use trunkline_media::LatchPolicy;
use trunkline_sip::path::Transport;

use crate::plan::{
    Did, Limits, Listener, MediaPolicy, NumberRange, NumberRules, Parts, Prefix, Route, SipPolicy, Trunk,
    Zone,
};
use crate::trunk::TrunkState;

struct Counting(u64);

impl Entropy for Counting {
    fn next_u64(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn trunk(name: &str, peers: usize) -> Trunk {
    let peer = |i| Peer {
        address: alloc::format!("192.0.2.{i}:5060").parse().unwrap(),
        transport: Transport::Udp,
        weight: 1,
        priority: i as u32,
    };
    Trunk {
        name: String::from(name),
        zone: 0,
        peers: (1..=peers).map(peer).collect(),
        sources: vec![Prefix {
            address: "192.0.2.0".parse().unwrap(),
            len: 24,
        }],
        options_interval: None,
        down_after: 1,
        up_after: 1,
        limits: Limits::default(),
        codecs: Vec::new(),
        numbers: NumberRules::default(),
        media: MediaPolicy {
            latch: LatchPolicy::Gated,
            dscp: 46,
            timeout: Duration::from_secs(60),
        },
        sip: SipPolicy::default(),
        state: Arc::new(TrunkState::new(peers, Limits::default())),
    }
}

fn route(from: Vec<TrunkId>, prefix: &str, trunks: Vec<RouteTrunk>, strategy: Strategy) -> Route {
    Route {
        from,
        prefixes: vec![String::from(prefix)],
        trunks,
        strategy,
        failover_on: FailoverOn::default(),
    }
}

fn plan(routes: Vec<Route>) -> RoutePlan {
    RoutePlan::new(Parts {
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
        trunks: vec![trunk("pbx", 1), trunk("a", 2), trunk("b", 1)],
        dids: vec![Did {
            numbers: vec![
                NumberRange {
                    low: String::from("+12025550100"),
                    high: String::from("+12025550100"),
                },
                NumberRange {
                    low: String::from("+12025550110"),
                    high: String::from("+12025550199"),
                },
            ],
            trunk: 0,
        }],
        routes,
        ..Parts::default()
    })
    .unwrap()
}

fn both() -> Vec<RouteTrunk> {
    vec![RouteTrunk::new(1), RouteTrunk::new(2)]
}

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

#[test]
fn the_longest_prefix_that_serves_the_source_wins() {
    let plan = plan(vec![
        route(vec![], "", both(), Strategy::Priority),
        route(vec![0], "+1", both(), Strategy::Priority),
        route(vec![1], "+1202", both(), Strategy::Priority),
        route(vec![0], "+1", both(), Strategy::Weight),
    ]);
    let rule = |from, n| select(&plan, from, &number(n)).unwrap().rule;
    assert_eq!(rule(0, "+12025550200"), Rule::Route(1, String::from("+1")));
    assert_eq!(rule(1, "+12025550200"), Rule::Route(2, String::from("+1202")));
    assert_eq!(rule(0, "+442079460000"), Rule::Route(0, String::new()));
}

#[test]
fn own_numbers_go_to_the_enterprise_but_not_back_to_it() {
    let plan = plan(vec![route(vec![], "", both(), Strategy::Priority)]);
    assert_eq!(
        select(&plan, 1, &number("+12025550150")).unwrap().rule,
        Rule::Did(0)
    );
    assert_eq!(
        select(&plan, 1, &number("+12025550100")).unwrap().trunks,
        vec![RouteTrunk::new(0)]
    );
    assert!(matches!(
        select(&plan, 1, &number("+12025550101")).unwrap().rule,
        Rule::Route(0, _)
    ));
    assert!(matches!(
        select(&plan, 0, &number("+12025550150")).unwrap().rule,
        Rule::Route(0, _)
    ));
}

#[test]
fn the_cheapest_goes_first_and_no_price_last() {
    let priced = |trunk, price| RouteTrunk {
        price_micros: price,
        ..RouteTrunk::new(trunk)
    };
    let trunks = vec![priced(0, None), priced(1, Some(20)), priced(2, Some(10))];
    let plan = plan(vec![route(vec![], "+1", trunks, Strategy::LeastCost)]);
    let order: Vec<_> = select(&plan, 0, &number("+19995550000"))
        .unwrap()
        .trunks
        .iter()
        .map(|t| t.trunk)
        .collect();
    assert_eq!(order, vec![2, 1, 0]);
}

#[test]
fn a_down_peer_is_skipped_unless_all_are_down() {
    let plan = plan(vec![route(vec![], "+1", both(), Strategy::Priority)]);
    let now = Timestamp::from_nanos(1);
    let selection = select(&plan, 0, &number("+19995550000")).unwrap();
    let order = |plan: &RoutePlan| -> Vec<(TrunkId, usize)> {
        selection
            .targets(plan, now, &mut Counting(1))
            .iter()
            .map(|t| (t.trunk, t.peer))
            .collect()
    };
    assert_eq!(order(&plan), vec![(1, 0), (1, 1), (2, 0)]);
    plan.trunks[1].state.peer(0).unwrap().on_failure(1);
    assert_eq!(order(&plan), vec![(1, 1), (2, 0)]);
    plan.trunks[1].state.peer(1).unwrap().on_failure(1);
    plan.trunks[2]
        .state
        .peer(0)
        .unwrap()
        .hold_off(Timestamp::from_nanos(5));
    assert_eq!(order(&plan), vec![(1, 0), (1, 1), (2, 0)]);
}

#[test]
fn weights_share_the_first_place() {
    let trunks = vec![
        RouteTrunk {
            weight: 3,
            ..RouteTrunk::new(1)
        },
        RouteTrunk::new(2),
    ];
    let plan = plan(vec![route(vec![], "+1", trunks, Strategy::Weight)]);
    let selection = select(&plan, 0, &number("+19995550000")).unwrap();
    let mut entropy = Counting(7);
    let now = Timestamp::from_nanos(1);
    let first = (0..4000)
        .filter(|_| selection.targets(&plan, now, &mut entropy)[0].trunk == 1)
        .count();
    assert!((2800..3200).contains(&first), "{first}");
}
