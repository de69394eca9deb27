//! The harness itself: two agents and their media without an edge between them.

use std::time::Duration;

use trunkline_tests::agent::{AgentPlan, MEDIA_PORT_FIRST};
use trunkline_tests::netns::may_make_namespaces;
use trunkline_tests::rtp_source::{RtpEndpoints, assert_exchanged};
use trunkline_tests::topology::{Family, Host, Topology};

#[test]
fn agents_and_endpoints_talk_over_ipv4() {
    talk(Family::V4);
}

#[test]
fn agents_and_endpoints_talk_over_ipv6() {
    talk(Family::V6);
}

fn talk(family: Family) {
    if !may_make_namespaces() {
        return;
    }
    let topology = Topology::build(2);
    let dir = topology.dir.path();
    let (edge, pbx) = (Host::EdgeCore.address(family), Host::Pbx.address(family));
    let mut callee = AgentPlan::callee(&topology.edge, dir, "uas_basic", (edge, 5060).into()).start();
    let mut caller = AgentPlan::caller(
        &topology.pbx,
        dir,
        "uac_basic",
        (pbx, 5060).into(),
        (edge, 5060).into(),
    )
    .hold(Duration::from_millis(800))
    .start();
    let near = RtpEndpoints::open(&topology.pbx, pbx, MEDIA_PORT_FIRST, 1);
    let far = RtpEndpoints::open(&topology.edge, edge, MEDIA_PORT_FIRST, 1);
    for (agent, endpoints) in [(&mut caller, &near), (&mut callee, &far)] {
        for path in agent.wait_for_media(1) {
            endpoints.send_to(path.local_port, path.remote);
        }
    }
    std::thread::sleep(Duration::from_millis(400));
    near.quiet();
    far.quiet();
    std::thread::sleep(Duration::from_millis(50));
    assert_exchanged(&near.finish(), &far.finish());
    assert_eq!(caller.finish().successful, 1);
    assert_eq!(callee.finish().retransmissions, 0);
}
