//! Limits of a trunk: what is beyond them is told 503, when to come back, and why.

use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

mod calls {
    use super::*;
    in_setups! { calls: xdp = XDP; socket = SOCKET; xdp_two_workers = XDP.two_workers(); }

    fn calls(scene: &mut Scene) {
        refuse(scene, "limits = { calls = 2 }\n", "calls", 2);
    }
}

mod calls_per_second {
    use super::*;
    in_setups! { calls_per_second: xdp = XDP; socket = SOCKET; }

    fn calls_per_second(scene: &mut Scene) {
        refuse(scene, "limits = { cps = 1 }\n", "cps", 1);
    }
}

/// `allowed` calls are taken, and one more at the same time is refused because of `limit`.
fn refuse(scene: &mut Scene, lines: &str, limit: &str, allowed: u16) {
    scene.config.trunk_mut("carrier-a").more.push_str(lines);
    let edge = scene.edge();
    let mut carrier = scene
        .carrier(Host::CarrierA, "uas_basic")
        .calls(allowed.into(), 50)
        .start();
    let hold = Duration::from_secs(2);
    let pbx = scene
        .caller("uac_basic")
        .calls(allowed.into(), 50)
        .hold(hold)
        .start();
    carrier.wait_for_media(allowed.into());
    scene.second_caller("uac_limited").start().finish();
    pbx.finish();
    carrier.finish();
    // The refused call ends first.
    let mut records = vec![503];
    records.resize(1 + usize::from(allowed), 200);
    let metrics = assert_conserved(
        &edge,
        &Expected {
            records,
            ..Expected::default()
        },
    );
    let labels = [("trunk", "carrier-a"), ("limit", limit)];
    assert_eq!(
        metrics.sum("trunkline_limit_rejections_total", &labels),
        1.0,
        "{}",
        metrics.moved()
    );
    edge.stop();
}
