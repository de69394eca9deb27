//! A hundred calls at a time, with media, for half a minute: nothing is lost and nothing is said twice.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

const CALLS: u16 = 100;

in_setups! { hundred_calls:
    xdp = XDP;
    xdp_two_workers = XDP.two_workers();
    socket_two_workers = SOCKET.two_workers();
}

fn hundred_calls(scene: &Scene) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, CALLS);
    let (hold, deadline) = (Duration::from_secs(30), Duration::from_secs(60));
    let carrier = scene.carrier(Host::CarrierA, "uas_basic").calls(CALLS.into(), 50);
    let mut carrier = carrier.deadline(deadline).start();
    let pbx = scene.caller("uac_basic").calls(CALLS.into(), 50).hold(hold);
    let mut pbx = pbx.deadline(deadline).start();
    media.begin(&mut pbx, &mut carrier);
    // RTP and RTCP, each way.
    let flows = f64::from(4 * CALLS);
    edge.wait_for("flows of all calls", |metrics| {
        metrics.sum("trunkline_flows_active", &[]) == flows
    });
    std::thread::sleep(Duration::from_secs(24));
    media.end();
    let exchanged = media.finish();
    assert!(
        exchanged.packets() > 200_000,
        "{} packets in 24 s",
        exchanged.packets()
    );
    let (pbx, carrier) = (pbx.finish(), carrier.finish());
    assert_eq!((pbx.successful, carrier.successful), (CALLS.into(), CALLS.into()));
    assert_eq!((pbx.retransmissions, carrier.retransmissions), (0, 0));
    let metrics = assert_conserved(
        &edge,
        &Expected {
            records: vec![200; CALLS.into()],
            ..Expected::default()
        },
    );
    assert_eq!(metrics.sum("trunkline_sip_retransmissions_total", &[]), 0.0);
    edge.stop();
}
