//! The next carrier is tried when the first cannot take the call.

use std::net::UdpSocket;
use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

mod unavailable {
    use super::*;
    in_setups! { unavailable: xdp = XDP; socket = SOCKET; xdp_two_workers_ipv6 = XDP.two_workers().ipv6(); }

    fn unavailable(scene: &mut Scene) {
        scene.config.add_second_carrier();
        let edge = scene.edge();
        let first = scene.carrier(Host::CarrierA, "uas_unavailable").start();
        let media = scene.media(Host::CarrierB, 1);
        let mut second = scene.carrier(Host::CarrierB, "uas_basic").start();
        let mut pbx = scene
            .caller("uac_basic")
            .hold(Duration::from_millis(1_500))
            .start();
        media.exchange(&mut pbx, &mut second, Duration::from_millis(400));
        assert!(
            !pbx.messages().contains("SIP/2.0 503"),
            "the caller does not learn of the first attempt"
        );
        first.finish();
        second.finish();
        pbx.finish();
        assert_conserved(
            &edge,
            &Expected {
                records: vec![503, 200],
                ..Expected::default()
            },
        );
        let attempts: Vec<_> = edge
            .call_records()
            .iter()
            .map(|record| record["to_trunk"].clone())
            .collect();
        assert_eq!(attempts, ["carrier-a", "carrier-b"]);
        edge.stop();
    }
}

mod silent {
    use super::*;
    in_setups! { silent: xdp = XDP; socket = SOCKET; }

    fn silent(scene: &mut Scene) {
        scene.config.add_second_carrier();
        scene.config.more.push_str("[calls]\nattempt_timeout = \"3s\"\n");
        let edge = scene.edge();
        // It listens, so that nothing tells the edge that nobody answers there.
        let address = scene.config.on_carrier_side(Host::CarrierA);
        let deaf = scene
            .topology
            .carrier
            .within(|| UdpSocket::bind(address).expect("the port is free"));
        let second = scene
            .carrier(Host::CarrierB, "uas_basic")
            .deadline(Duration::from_secs(60))
            .start();
        let pbx = scene
            .caller("uac_basic")
            .deadline(Duration::from_secs(60))
            .start();
        pbx.finish();
        second.finish();
        drop(deaf);
        // The first attempt was sent more than once, as timer A wants it.
        let metrics = assert_conserved(
            &edge,
            &Expected {
                records: vec![408, 200],
                ..Expected::default()
            },
        );
        assert!(metrics.sum("trunkline_sip_retransmissions_total", &[]) >= 2.0);
        edge.stop();
    }
}
