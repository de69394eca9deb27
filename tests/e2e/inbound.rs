//! A carrier calls a number of the enterprise.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

in_setups! { inbound:
    xdp = XDP;
    socket = SOCKET;
    xdp_two_workers_ipv6 = XDP.two_workers().ipv6();
}

fn inbound(scene: &Scene) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, 1);
    let mut pbx = scene.pbx("uas_basic").start();
    let hold = Duration::from_millis(1_500);
    // As a carrier may write it: national, without the plus.
    let mut carrier = scene
        .calling_carrier("uac_basic")
        .called("2025550123")
        .hold(hold)
        .start();
    media.exchange(&mut pbx, &mut carrier, Duration::from_millis(400));
    assert!(
        pbx.messages().contains("INVITE sip:+12025550123@"),
        "the PBX gets the number as it is configured"
    );
    carrier.finish();
    pbx.finish();
    assert_conserved(
        &edge,
        &Expected {
            records: vec![200],
            ..Expected::default()
        },
    );
    let record = &edge.call_records()[0];
    assert_eq!(
        (&record["from_trunk"], &record["to_trunk"]),
        (&"carrier-a".into(), &"pbx".into())
    );
    assert_eq!(record["called_normalised"], "+12025550123");
    edge.stop();
}
