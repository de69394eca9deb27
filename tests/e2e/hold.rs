//! A call is held and taken back by re-INVITE; media flows before, and again after.

use std::thread::sleep;
use std::time::{Duration, Instant};

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

in_setups! { hold:
    xdp = XDP;
    socket = SOCKET;
    xdp_two_workers_ipv6 = XDP.two_workers().ipv6();
}

fn hold(scene: &Scene) {
    let edge = scene.edge();
    let media = scene.media(Host::CarrierA, 1);
    let phase = Duration::from_millis(1_200);
    let mut carrier = scene.carrier(Host::CarrierA, "uas_hold").start();
    let mut pbx = scene.caller("uac_hold").hold(phase).start();
    media.begin(&mut pbx, &mut carrier);
    sleep(phase / 3);
    media.end();
    // The held phase is silent; afterwards both sides send again, to the same ports.
    let deadline = Instant::now() + 4 * phase;
    while pbx.messages().matches("a=sendrecv").count() < 4 {
        assert!(
            Instant::now() < deadline,
            "the call is taken back: {}",
            pbx.messages()
        );
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(100));
    media.begin(&mut pbx, &mut carrier);
    sleep(phase / 3);
    media.end();
    media.finish();
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
