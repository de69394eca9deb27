//! A call from the PBX to a carrier, with media both ways.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{Exchanged, SOCKET, Scene, XDP, in_setups};

in_setups! { call_with_media:
    xdp = XDP;
    xdp_ipv6 = XDP.ipv6();
    xdp_ipv4_to_ipv6 = XDP.v4_to_v6();
    xdp_ipv6_to_ipv4 = XDP.v6_to_v4();
    socket = SOCKET;
    socket_ipv6 = SOCKET.ipv6();
    socket_ipv4_to_ipv6 = SOCKET.v4_to_v6();
    socket_ipv6_to_ipv4 = SOCKET.v6_to_v4();
}

in_setups! { calls_with_media:
    xdp_two_workers = XDP.two_workers();
    xdp_two_workers_ipv6 = XDP.two_workers().ipv6();
    socket_two_workers = SOCKET.two_workers();
    socket_two_workers_ipv6 = SOCKET.two_workers().ipv6();
}

fn call_with_media(scene: &Scene) {
    place_calls(scene, 1);
}

/// So many that both workers own some, and that some arrive at the worker that does not own them.
fn calls_with_media(scene: &Scene) {
    place_calls(scene, 8);
}

fn place_calls(scene: &Scene, calls: u16) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, calls);
    let mut carrier = scene
        .carrier(Host::CarrierA, "uas_basic")
        .calls(calls.into(), 50)
        .start();
    let hold = Duration::from_millis(1_800);
    let mut pbx = scene
        .caller("uac_basic")
        .calls(calls.into(), 50)
        .hold(hold)
        .start();
    let exchanged = media.exchange(&mut pbx, &mut carrier, Duration::from_millis(700));
    scene.assert_topology_hidden(&pbx, &carrier);
    let (pbx, carrier) = (pbx.finish(), carrier.finish());
    assert_eq!((pbx.successful, carrier.successful), (calls.into(), calls.into()));
    assert_eq!((pbx.retransmissions, carrier.retransmissions), (0, 0));

    let metrics = assert_conserved(
        &edge,
        &Expected {
            records: vec![200; calls.into()],
            ..Expected::default()
        },
    );
    let sent = metrics.sum("trunkline_packets_total", &[("direction", "tx")]);
    assert!(
        sent >= exchanged.packets() as f64,
        "{sent} packets sent, {} of them media",
        exchanged.packets()
    );
    let recorded = |from: &str| -> u64 {
        let records = edge.call_records();
        records
            .iter()
            .filter_map(|record| record[from]["packets"].as_u64())
            .sum()
    };
    let packets = (
        Exchanged::sent(&exchanged.pbx),
        Exchanged::sent(&exchanged.carrier),
    );
    assert_eq!((recorded("from_caller"), recorded("from_callee")), packets);
    edge.stop();
}
