//! Ways for a call to end, or not to begin.

use trunkline_tests::agent::Agent;
use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::edge::Edge;
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

mod cancelled {
    use super::*;
    in_setups! { cancel: xdp = XDP; socket = SOCKET; xdp_two_workers_ipv6 = XDP.two_workers().ipv6(); }

    fn cancel(scene: &Scene) {
        let edge = scene.edge();
        let record = call(scene, &edge, "uac_cancel", "uas_cancel", 487);
        assert_eq!(record["ended_by"], "caller");
        edge.stop();
    }
}

mod busy {
    use super::*;
    in_setups! { busy: xdp = XDP; socket = SOCKET; xdp_two_workers = XDP.two_workers(); }

    fn busy(scene: &Scene) {
        let edge = scene.edge();
        call(scene, &edge, "uac_busy", "uas_busy", 486);
        edge.stop();
    }
}

mod callee_hangs_up {
    use super::*;
    in_setups! { hang_up: xdp = XDP; socket = SOCKET; socket_two_workers_ipv6 = SOCKET.two_workers().ipv6(); }

    fn hang_up(scene: &Scene) {
        let edge = scene.edge();
        let record = call(scene, &edge, "uac_hung_up", "uas_hangup", 200);
        assert_eq!(record["ended_by"], "callee");
        edge.stop();
    }
}

mod no_route {
    use super::*;
    in_setups! { no_route: xdp = XDP; socket = SOCKET; }

    fn no_route(scene: &Scene) {
        let edge = scene.edge();
        scene
            .caller("uac_not_found")
            .called("+442071234567")
            .start()
            .finish();
        assert_conserved(
            &edge,
            &Expected {
                records: vec![404],
                ..Expected::default()
            },
        );
        edge.stop();
    }
}

/// One call between two scenarios; returns its only record, which must have `status`.
fn call(scene: &Scene, edge: &Edge<'_>, caller: &str, callee: &str, status: u16) -> serde_json::Value {
    let carrier: Agent = scene.carrier(Host::CarrierA, callee).start();
    let pbx: Agent = scene.caller(caller).start();
    let (pbx, carrier) = (pbx.finish(), carrier.finish());
    assert_eq!((pbx.retransmissions, carrier.retransmissions), (0, 0));
    assert_conserved(
        edge,
        &Expected {
            records: vec![status],
            ..Expected::default()
        },
    );
    edge.call_records().remove(0)
}
