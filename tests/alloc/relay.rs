//! The relay's packet path, and everything else that runs while calls are up.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_media::{
    FlowId, FlowKind, FlowSpec, FlowTable, NextHop, PortPool, PortRange, Relay, RelayVerdict,
};
use trunkline_time::Timestamp;
use trunkline_xdp_abi::{Address, Layout};

use crate::counting::allocations_of;

const FLOW_COUNT: u16 = 1000;
const PACKET_COUNT: u32 = 100_000;
const PAYLOAD_LEN: usize = 172;
const HEADROOM: usize = 64;
const HEADERS_LEN: usize = 42;

const HOP: NextHop = NextHop {
    interface: 1,
    source_mac: [2, 0, 0, 0, 0, 1],
    destination_mac: [2, 0, 0, 0, 0, 2],
    vlan_count: 0,
    vlan: [0; 2],
    mtu: 1500,
};

fn local(port: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 10].into(), port)
}

fn remote(port: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 20].into(), port)
}

fn range() -> PortRange {
    PortRange {
        zone: 0,
        address: local(0).ip(),
        low: 20000,
        high: 39999,
    }
}

fn spec(index: u16) -> FlowSpec {
    FlowSpec {
        signalled_remote: Some(remote(20000 + 2 * index)),
        egress_remote: Some(SocketAddr::new([198, 51, 100, 20].into(), 40000)),
        ..FlowSpec::new(
            FlowKind::Mux,
            local(20000 + 2 * index),
            1,
            SocketAddr::new([198, 51, 100, 10].into(), 30000),
        )
    }
}

fn relay() -> (Relay, Vec<FlowId>) {
    let mut flows = FlowTable::new(&[range()], usize::from(FLOW_COUNT));
    let ids = (0..FLOW_COUNT)
        .map(|index| flows.install(Timestamp::ZERO, &spec(index)).unwrap())
        .collect();
    flows.resolve(usize::from(FLOW_COUNT), &mut |_, _| Some(HOP));
    (Relay::new(flows, 0, 1), ids)
}

fn layout(port: u16, source: SocketAddr) -> Layout {
    Layout {
        l3_offset: 14,
        l4_offset: 34,
        payload_offset: HEADERS_LEN as u16,
        payload_len: PAYLOAD_LEN as u16,
        source: Address::from(source.ip()),
        destination: Address::from(local(port).ip()),
        source_port: source.port(),
        destination_port: port,
        ..Layout::EMPTY
    }
}

/// Writes packet `number` of the stream into the buffer: RTP, every fiftieth RTCP, every hundredth something broken.
fn write_packet(buffer: &mut [u8], number: u32) {
    let rtp = &mut buffer[HEADROOM + HEADERS_LEN..];
    rtp.fill(0);
    rtp[0] = if number % 100 == 7 { 0 } else { 0x80 };
    if number % 50 == 3 {
        // A receiver report that fills the datagram with an application-defined packet after it.
        rtp[1] = 201;
        rtp[3] = 1;
        rtp[8..12].copy_from_slice(&[0x80, 204, 0, (PAYLOAD_LEN / 4 - 3) as u8]);
    } else {
        rtp[2..4].copy_from_slice(&((number / u32::from(FLOW_COUNT)) as u16).to_be_bytes());
        rtp[4..8].copy_from_slice(&(number * 160).to_be_bytes());
        rtp[11] = 1;
    }
}

#[test]
fn relaying_allocates_nothing() {
    let (mut relay, _) = relay();
    let mut buffer = vec![0; HEADROOM + HEADERS_LEN + PAYLOAD_LEN];
    let mut forwarded_count = 0;
    let allocations = allocations_of(|| {
        for number in 0..PACKET_COUNT {
            let port = 20000 + 2 * (number % u32::from(FLOW_COUNT)) as u16;
            let is_stranger = number % 97 == 5;
            write_packet(&mut buffer, number);
            let source = if is_stranger { remote(9) } else { remote(port) };
            let now = Timestamp::from_nanos(u64::from(number) * 20_000);
            let verdict = relay.on_packet(now, &mut buffer, HEADROOM, &layout(port, source));
            forwarded_count += u64::from(matches!(verdict, RelayVerdict::Forward { .. }));
        }
    });
    assert_eq!(allocations, 0);
    let counters = relay.counters();
    assert_eq!(
        (counters.received, counters.forwarded),
        (u64::from(PACKET_COUNT), forwarded_count)
    );
    assert!(
        forwarded_count > u64::from(PACKET_COUNT) * 9 / 10,
        "{forwarded_count}"
    );
    let stats = || relay.flows.iter().filter_map(|(id, _)| relay.flows.stats(id));
    assert!(stats().map(|stats| stats.rtcp_packets).sum::<u64>() > 1000);
    assert!(stats().map(|stats| stats.dropped_wrong_source).sum::<u64>() > 500);
}

#[test]
fn calls_come_and_go_without_allocating() {
    let (mut relay, mut ids) = relay();
    let mut pool = PortPool::new(&[range()], 0, 1, Duration::from_secs(1), 7);
    let allocations = allocations_of(|| {
        for index in 0..10_000_u32 {
            let now = Timestamp::from_millis(u64::from(index) * 10);
            let place = index as usize % ids.len();
            let number = place as u16;
            let pair = pool.take_pair(now, 0, false).unwrap();
            relay.flows.remove(ids[place]).unwrap();
            ids[place] = relay.flows.install(now, &spec(number)).unwrap();
            relay
                .flows
                .link(ids[place], ids[(place + 1) % usize::from(FLOW_COUNT)]);
            relay.flows.update(now, ids[place], &spec(number));
            relay.flows.resolve(16, &mut |_, _| Some(HOP));
            relay.flows.refresh(16, &mut |_, _| Some(HOP));
            relay.flows.expire_idle(now, 16, &mut |_, _| ());
            assert!(pool.give_back(now, pair));
        }
    });
    assert_eq!(allocations, 0);
}
