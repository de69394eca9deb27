//! What leaves is what came in, with other headers.

use trunkline_media::{FlowKind, FlowSpec, NextHop};
use trunkline_time::Timestamp;
use trunkline_xdp_abi::DropReason;

use crate::bridge::{Bridge, HOP, Outcome, flow, rtp_flow, towards};
use crate::{capture, frame};

const V4: &str = "192.0.2.10:40000";
const V6: &str = "[2001:db8:1::10]:40000";

/// Replays a capture all of which the flow carries, and checks each frame that leaves.
fn assert_all_forwarded(name: &str, spec: &FlowSpec) {
    let mut bridge = Bridge::new();
    bridge.open(spec);
    let outcomes = bridge.replay(name);
    assert!(!outcomes.is_empty());
    for (index, (captured, outcome)) in outcomes.into_iter().enumerate() {
        let Outcome::Sent(sent) = outcome else {
            panic!("{name} frame {index}: {outcome:?}");
        };
        let sent = frame::parse(&sent);
        assert_eq!(
            (sent.source_mac, sent.destination_mac),
            (HOP.source_mac, HOP.destination_mac)
        );
        assert_eq!(
            (Some(sent.destination), sent.source),
            (spec.egress_remote, spec.egress_local)
        );
        assert_eq!((sent.hop_limit, sent.dscp), (64, 46));
        let offset = captured
            .bytes
            .windows(sent.payload.len())
            .position(|window| window == sent.payload);
        assert!(offset.is_some(), "{name} frame {index}: the payload has changed");
    }
}

#[test]
fn every_clean_capture_is_forwarded_whole() {
    let captures = [
        "rtp-pcmu-20ms",
        "rtp-pcma-20ms",
        "rtp-pcma-vlan",
        "rtp-pcmu-qinq",
        "rtp-udp-csum-zero",
        "rtp-dtmf-4733",
        "rtp-dtmf-long-event",
        "rtp-cn-dtx",
        "rtp-loss-5pct",
        "rtp-reorder-jitter",
        "rtp-duplicates",
        "rtp-ssrc-pt-switch",
        "rtp-ptime-mix",
        "rtp-header-shapes",
    ];
    for name in captures {
        for is_ipv6 in [false, true] {
            let spec = towards(FlowKind::Rtp, V4.parse().unwrap(), "198.51.100.20:30000", is_ipv6);
            assert_all_forwarded(name, &spec);
        }
    }
    for name in ["rtp-pcmu-ipv6", "rtp-pcmu-ipv6-vlan"] {
        for is_ipv6 in [false, true] {
            let spec = towards(
                FlowKind::Rtp,
                V6.parse().unwrap(),
                "[2001:db8::20]:30000",
                is_ipv6,
            );
            assert_all_forwarded(name, &spec);
        }
    }
}

#[test]
fn ipv4_to_ipv6_equals_a_frame_made_from_nothing() {
    for name in [
        "rtp-pcmu-20ms",
        "rtp-udp-csum-zero",
        "rtp-pcmu-qinq",
        "rtp-header-shapes",
    ] {
        let spec = towards(FlowKind::Rtp, V4.parse().unwrap(), "198.51.100.20:30000", true);
        let mut bridge = Bridge::new();
        bridge.open(&spec);
        for (captured, outcome) in bridge.replay(name) {
            // The datagram begins where the RTP header of the capture does.
            let tags_len = if captured.bytes[12..14] == [0x88, 0xa8] {
                8
            } else {
                0
            };
            let udp = &captured.bytes[34 + tags_len..];
            let udp_len = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
            let expected = frame::ipv6(
                &HOP,
                spec.egress_local,
                spec.egress_remote.unwrap(),
                spec.dscp,
                &udp[8..udp_len],
            );
            assert_eq!(outcome, Outcome::Sent(expected), "{name}");
        }
    }
}

#[test]
fn a_zero_checksum_stays_zero_on_ipv4_only() {
    for is_ipv6 in [false, true] {
        let mut bridge = Bridge::new();
        bridge.open(&towards(
            FlowKind::Rtp,
            V4.parse().unwrap(),
            "198.51.100.20:30000",
            is_ipv6,
        ));
        for (_, outcome) in bridge.replay("rtp-udp-csum-zero") {
            let Outcome::Sent(sent) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(frame::parse(&sent).has_checksum, is_ipv6);
        }
    }
}

#[test]
fn tags_of_the_next_hop_are_written() {
    let mut bridge = Bridge::new();
    let id = bridge.open(&rtp_flow());
    let tagged = NextHop {
        vlan_count: 1,
        vlan: [0xa064, 0],
        ..HOP
    };
    bridge.relay.flows.set_next_hop(id, &tagged);
    for (_, outcome) in bridge.replay("rtp-pcmu-20ms") {
        let Outcome::Sent(sent) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(sent[12..18], [0x81, 0x00, 0xa0, 0x64, 0x08, 0x00]);
    }
}

#[test]
fn rtcp_passes_on_its_own_port() {
    let spec = flow(FlowKind::Rtcp, "192.0.2.10:40001", "198.51.100.20:30001");
    let mut bridge = Bridge::new();
    let id = bridge.open(&spec);
    let outcomes = bridge.replay("rtcp-sr-rr");
    let sent_count = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Sent(_)))
        .count();
    let stats = bridge.relay.flows.stats(id).unwrap();
    assert_eq!(
        (sent_count, stats.rtcp_packets, stats.packets, stats.lost),
        (8, 8, 8, 0)
    );
}

#[test]
fn rtcp_passes_on_the_rtp_port_where_that_was_agreed() {
    let spec = flow(FlowKind::Mux, V4, "198.51.100.20:30000");
    let (stats, sent_count) = crate::bridge::stats_of("rtcp-mux", &spec);
    assert_eq!(
        (
            sent_count,
            stats.packets,
            stats.rtcp_packets,
            stats.quality.received
        ),
        (104, 104, 4, 100)
    );
    assert_eq!((stats.lost, stats.quality.restarts), (0, 0));
    let mut bridge = Bridge::new();
    bridge.open(&rtp_flow());
    bridge.replay("rtcp-mux");
    assert_eq!(
        (
            bridge.relay.counters().forwarded,
            bridge.dropped(DropReason::RtpNotRtp)
        ),
        (100, 4)
    );
}

#[test]
fn srtp_is_checked_in_the_clear_only() {
    let spec = FlowSpec {
        is_srtp: true,
        ..rtp_flow()
    };
    assert_all_forwarded("srtp-like", &spec);
}

#[test]
fn fax_passes_unread() {
    assert_all_forwarded(
        "t38-udptl",
        &flow(FlowKind::Udptl, "192.0.2.10:40010", "198.51.100.20:14014"),
    );
}

#[test]
fn stun_and_dtls_end_here() {
    for (name, stun, dtls) in [("stun-binding", 8, 0), ("dtls-handshake-like", 0, 3)] {
        let mut bridge = Bridge::new();
        bridge.open(&flow(FlowKind::Mux, V4, "198.51.100.20:30000"));
        bridge.replay(name);
        let counters = bridge.relay.counters();
        assert_eq!(
            (counters.stun, counters.dtls, counters.forwarded),
            (stun, dtls, 0),
            "{name}"
        );
    }
}

#[test]
fn without_flow_remote_or_next_hop_nothing_leaves() {
    let captured = &capture::frames("rtp-pcmu-20ms")[0];
    let mut bridge = Bridge::new();
    let pass = |bridge: &mut Bridge| bridge.pass(captured.at, &captured.bytes);
    assert_eq!(pass(&mut bridge), Outcome::Dropped(DropReason::RtpNoFlow));
    let aimless = FlowSpec {
        egress_remote: None,
        ..rtp_flow()
    };
    let id = bridge.relay.flows.install(Timestamp::ZERO, &aimless).unwrap();
    assert_eq!(pass(&mut bridge), Outcome::Dropped(DropReason::RtpNoRemote));
    bridge.relay.flows.update(Timestamp::ZERO, id, &rtp_flow());
    assert_eq!(pass(&mut bridge), Outcome::Dropped(DropReason::RtpNoNextHop));
    let narrow = NextHop { mtu: 100, ..HOP };
    bridge.relay.flows.set_next_hop(id, &narrow);
    assert_eq!(pass(&mut bridge), Outcome::Dropped(DropReason::RtpTooBig));
    bridge.relay.flows.set_next_hop(id, &HOP);
    assert!(matches!(pass(&mut bridge), Outcome::Sent(_)));
    let stats = bridge.relay.flows.stats(id).unwrap();
    assert_eq!(
        (stats.packets, stats.dropped_no_egress, stats.forwarded()),
        (4, 3, 1)
    );
    bridge.assert_conserved();
    bridge.relay.flows.remove(id);
    assert_eq!(pass(&mut bridge), Outcome::Dropped(DropReason::RtpNoFlow));
}
