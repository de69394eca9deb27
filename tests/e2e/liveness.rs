//! OPTIONS both ways: the edge answers, and it asks.

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

mod asked {
    use super::*;
    in_setups! { asked: xdp = XDP; socket = SOCKET; }

    fn asked(scene: &Scene) {
        let edge = scene.edge();
        scene.caller("uac_options").start().finish();
        assert_conserved(&edge, &Expected::default());
        edge.stop();
    }
}

mod asking {
    use super::*;
    in_setups! { asking: xdp = XDP; socket = SOCKET; xdp_two_workers_ipv6 = XDP.two_workers().ipv6(); }

    fn asking(scene: &mut Scene) {
        scene.config.options_interval = "1s";
        scene.config.trunks.retain(|trunk| trunk.zone == "carrier");
        scene.config.route.clear();
        let carrier = scene.carrier(Host::CarrierA, "uas_options").calls(3, 10).start();
        let edge = scene.edge();
        carrier.finish();
        let up = |metrics: &trunkline_tests::metrics::Metrics| {
            metrics.sum("trunkline_trunk_up", &[("trunk", "carrier-a")]) == 1.0
        };
        edge.wait_for("the trunk is up", up);
        edge.stop();
    }
}
