//! An INVITE larger than a frame: it arrives in fragments, through the kernel's own socket.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

in_setups! { large_invite:
    xdp = XDP;
    xdp_ipv6 = XDP.ipv6();
    xdp_two_workers = XDP.two_workers();
    socket = SOCKET;
    socket_ipv6 = SOCKET.ipv6();
}

fn large_invite(scene: &Scene) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, 1);
    let mut carrier = scene.carrier(Host::CarrierA, "uas_basic").start();
    let mut pbx = scene
        .caller("uac_large")
        .hold(Duration::from_millis(1_200))
        .start();
    media.exchange(&mut pbx, &mut carrier, Duration::from_millis(300));
    pbx.finish();
    carrier.finish();
    assert_conserved(
        &edge,
        &Expected {
            records: vec![200],
            ..Expected::default()
        },
    );
    edge.stop();
}
