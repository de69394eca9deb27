//! Early media: the callee's announcement is heard before it answers.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

in_setups! { early_media:
    xdp = XDP;
    socket = SOCKET;
    xdp_two_workers_ipv6 = XDP.two_workers().ipv6();
}

fn early_media(scene: &Scene) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, 1);
    let ring = Duration::from_millis(1_500);
    let mut carrier = scene.carrier(Host::CarrierA, "uas_early").hold(ring).start();
    let mut pbx = scene.caller("uac_early").hold(Duration::from_millis(200)).start();
    media.exchange(&mut pbx, &mut carrier, Duration::from_millis(500));
    assert!(
        !pbx.messages().contains("SIP/2.0 200"),
        "all of this was before the answer"
    );
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
