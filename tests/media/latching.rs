//! Media from elsewhere than signalling said.

use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_media::{FlowKind, FlowSpec, LatchPolicy, Prefix};
use trunkline_xdp_abi::DropReason;

use crate::bridge::{Bridge, Outcome, flow, rtp_flow};

const FIRST: &str = "198.51.100.20:30000";
const SECOND: &str = "198.51.100.20:30100";

/// Replays the capture whose source port changes after 50 packets; how many were sent, and the source believed at the end.
fn replay_change(spec: &FlowSpec) -> (u64, Option<SocketAddr>) {
    let mut bridge = Bridge::new();
    let id = bridge.open(spec);
    let outcomes = bridge.replay("rtp-src-port-change");
    let stats = bridge.relay.flows.stats(id).unwrap();
    assert_eq!(stats.dropped_wrong_source + stats.packets, outcomes.len() as u64);
    assert_eq!(
        bridge.dropped(DropReason::RtpWrongSource),
        stats.dropped_wrong_source
    );
    (stats.packets, stats.latched_to)
}

#[test]
fn a_source_port_that_changes_is_not_followed() {
    for latch in [LatchPolicy::Gated, LatchPolicy::Signalled, LatchPolicy::Open] {
        let spec = FlowSpec { latch, ..rtp_flow() };
        assert_eq!(
            replay_change(&spec),
            (50, Some(FIRST.parse().unwrap())),
            "{latch:?}"
        );
    }
}

#[test]
fn a_source_learned_first_gives_way_to_the_signalled_one() {
    let spec = |latch| FlowSpec {
        signalled_remote: Some(SECOND.parse().unwrap()),
        latch,
        ..rtp_flow()
    };
    let second = Some(SECOND.parse().unwrap());
    assert_eq!(replay_change(&spec(LatchPolicy::Gated)), (100, second));
    assert_eq!(replay_change(&spec(LatchPolicy::Open)), (100, second));
    assert_eq!(replay_change(&spec(LatchPolicy::Signalled)), (50, second));
}

#[test]
fn before_the_answer_only_the_trunks_prefixes_speak() {
    let spec = |prefix: [u8; 4]| FlowSpec {
        signalled_remote: None,
        prefixes: Some(Arc::from([Prefix::new(prefix.into(), 24)])),
        ..rtp_flow()
    };
    assert_eq!(
        replay_change(&spec([198, 51, 100, 0])),
        (50, Some(FIRST.parse().unwrap()))
    );
    assert_eq!(replay_change(&spec([198, 51, 101, 0])), (0, None));
}

#[test]
fn a_stranger_never_gets_through_nor_gets_media() {
    let mut bridge = Bridge::new();
    let from_stranger = FlowSpec {
        signalled_remote: Some("192.0.2.99:9".parse().unwrap()),
        ..rtp_flow()
    };
    let to_b = bridge.open(&from_stranger);
    let back = FlowSpec {
        egress_remote: from_stranger.signalled_remote,
        ..flow(FlowKind::Rtp, "192.0.2.10:40002", "203.0.113.20:6000")
    };
    let to_a = bridge
        .relay
        .flows
        .install(trunkline_time::Timestamp::ZERO, &back)
        .unwrap();
    assert!(bridge.relay.flows.link(to_b, to_a));
    let outcomes = bridge.replay("rtp-pcmu-20ms");
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Dropped(DropReason::RtpWrongSource))
    );
    assert_eq!(
        bridge.relay.flows.egress_remote(to_a),
        from_stranger.signalled_remote
    );
    assert_eq!(bridge.relay.flows.stats(to_b).unwrap().dropped_wrong_source, 250);
}

#[test]
fn malformed_packets_teach_a_flow_nothing() {
    let mut bridge = Bridge::new();
    let open = FlowSpec {
        latch: LatchPolicy::Open,
        signalled_remote: None,
        ..rtp_flow()
    };
    let id = bridge.open(&open);
    bridge.replay("stun-binding");
    bridge.replay("dtls-handshake-like");
    assert_eq!(bridge.relay.flows.stats(id).unwrap().latched_to, None);
    bridge.replay("rtp-pcmu-20ms");
    assert_eq!(
        bridge.relay.flows.stats(id).unwrap().latched_to,
        Some(FIRST.parse().unwrap())
    );
}
