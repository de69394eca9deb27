use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;

use proptest::prelude::*;
use trunkline_xdp_abi::Address;

use super::*;
use crate::flow::{FlowId, FlowSpec, NextHop};
use crate::latch::LatchPolicy;
use crate::port_pool::PortRange;

const HEADROOM: usize = 64;
const HEADERS_LEN: usize = 42;

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn spec(kind: FlowKind, latch: LatchPolicy) -> FlowSpec {
    FlowSpec {
        signalled_remote: Some(socket("192.0.2.20:4000")),
        egress_remote: Some(socket("198.51.100.20:5000")),
        latch,
        ..FlowSpec::new(kind, socket("192.0.2.10:20000"), 1, socket("198.51.100.10:30000"))
    }
}

/// A relay of worker 0 of two, with one flow. Ports 20000 and 20001 are its own, 20002 and 20003 are not.
fn relay(spec: &FlowSpec) -> (Relay, FlowId) {
    let range = PortRange {
        zone: 0,
        address: socket("192.0.2.10:0").ip(),
        low: 20000,
        high: 20099,
    };
    let mut flows = FlowTable::new(&[range], 4);
    let id = flows.install(Timestamp::ZERO, spec).unwrap();
    flows.set_next_hop(id, &NextHop::default());
    (Relay::new(flows, 0, 2), id)
}

fn layout(source: SocketAddr, port: u16, payload_len: usize) -> Layout {
    Layout {
        l3_offset: 14,
        l4_offset: 34,
        payload_offset: HEADERS_LEN as u16,
        payload_len: payload_len as u16,
        source: Address::from(source.ip()),
        destination: Address::from(socket("192.0.2.10:0").ip()),
        source_port: source.port(),
        destination_port: port,
        ..Layout::EMPTY
    }
}

fn buffer(payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; HEADROOM + HEADERS_LEN];
    buffer.extend(payload);
    buffer
}

fn pass(relay: &mut Relay, source: SocketAddr, port: u16, payload: &[u8]) -> RelayVerdict {
    let layout = layout(source, port, payload.len());
    relay.on_packet(Timestamp::ZERO, &mut buffer(payload), HEADROOM, &layout)
}

const RTP: [u8; 14] = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];
const STUN: [u8; 20] = [
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn each_kind_carries_what_it_says() {
    let carried = |kind| {
        [&RTP[..], &RTCP, &STUN, &[]].map(|payload| {
            let (mut relay, _) = relay(&spec(kind, LatchPolicy::Signalled));
            matches!(
                pass(&mut relay, socket("192.0.2.20:4000"), 20000, payload),
                RelayVerdict::Forward { zone: 1, .. }
            )
        })
    };
    assert_eq!(carried(FlowKind::Rtp), [true, false, false, false]);
    assert_eq!(carried(FlowKind::Rtcp), [false, true, false, false]);
    assert_eq!(carried(FlowKind::Mux), [true, true, false, false]);
    assert_eq!(carried(FlowKind::Udptl), [true, true, true, true]);
}

#[test]
fn a_port_without_flow_is_another_workers_or_nobodys() {
    let (mut relay, _) = relay(&spec(FlowKind::Rtp, LatchPolicy::Gated));
    let source = socket("192.0.2.20:4000");
    assert_eq!(
        pass(&mut relay, source, 20001, &RTP),
        RelayVerdict::Drop(DropReason::RtpNoFlow)
    );
    assert_eq!(pass(&mut relay, source, 20002, &RTP), RelayVerdict::Handoff(1));
    assert_eq!(pass(&mut relay, source, 20003, &RTP), RelayVerdict::Handoff(1));
    let counters = relay.counters();
    assert_eq!(
        (counters.received, counters.handed_off, counters.forwarded),
        (3, 2, 0)
    );
    assert_eq!(counters.dropped[DropReason::RtpNoFlow.index()], 1);
}

#[test]
fn a_layout_beyond_the_buffer_is_truncated() {
    let (mut relay, _) = relay(&spec(FlowKind::Udptl, LatchPolicy::Gated));
    let layout = layout(socket("192.0.2.20:4000"), 20000, 100);
    let verdict = relay.on_packet(Timestamp::ZERO, &mut buffer(&RTP), HEADROOM, &layout);
    assert_eq!(verdict, RelayVerdict::Drop(DropReason::Truncated));
    let verdict = relay.on_packet(Timestamp::ZERO, &mut [], HEADROOM, &layout);
    assert_eq!(verdict, RelayVerdict::Drop(DropReason::Truncated));
}

#[test]
fn a_removed_flow_lets_nothing_through() {
    let (mut relay, id) = relay(&spec(FlowKind::Rtp, LatchPolicy::Open));
    let source = socket("192.0.2.20:4000");
    assert!(matches!(
        pass(&mut relay, source, 20000, &RTP),
        RelayVerdict::Forward { .. }
    ));
    assert_eq!(relay.flows.remove(id).unwrap().packets, 1);
    assert_eq!(
        pass(&mut relay, source, 20000, &RTP),
        RelayVerdict::Drop(DropReason::RtpNoFlow)
    );
}

fn kinds() -> impl Strategy<Value = FlowKind> {
    prop_oneof![
        Just(FlowKind::Rtp),
        Just(FlowKind::Rtcp),
        Just(FlowKind::Mux),
        Just(FlowKind::Udptl)
    ]
}

proptest! {
    /// Whatever arrives from whomever, on whatever port: every frame has one verdict, the books of relay and flow agree,
    /// and nothing from a stranger leaves.
    #[test]
    fn whatever_arrives_is_accounted_for(
        kind in kinds(),
        is_srtp: bool,
        packets in proptest::collection::vec(
            (0..4_u8, 20000..20004_u16, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 1..60,
        ),
    ) {
        let (mut relay, id) = relay(&FlowSpec { is_srtp, ..spec(kind, LatchPolicy::Gated) });
        let mut forwarded_count = 0;
        for (host, port, is_like_rtp, mut payload) in packets {
            if let Some(first) = payload.first_mut().filter(|_| is_like_rtp) {
                *first = *first & 0x3f | 0x80;
            }
            let source = SocketAddr::new([192, 0, 2, 20 + host].into(), 4000);
            let verdict = pass(&mut relay, source, port, &payload);
            if let RelayVerdict::Forward { start, len, .. } = verdict {
                prop_assert_eq!((host, port), (0, 20000));
                prop_assert_eq!((start, len), (HEADROOM, HEADERS_LEN + payload.len()));
                forwarded_count += 1;
            }
        }
        let counters = *relay.counters();
        let dropped: u64 = counters.dropped.iter().sum();
        prop_assert_eq!(counters.forwarded, forwarded_count);
        prop_assert_eq!(counters.received, counters.forwarded + counters.handed_off + dropped);
        let stats = relay.flows.remove(id).unwrap();
        prop_assert_eq!(stats.packets, forwarded_count);
        prop_assert_eq!(stats.dropped_wrong_source, counters.dropped[DropReason::RtpWrongSource.index()]);
        prop_assert_eq!(stats.dropped_not_media, counters.dropped[DropReason::RtpNotRtp.index()]);
    }
}
