//! What carriers do that a textbook does not show.

use std::sync::Arc;

use trunkline_call::plan::RoutePlan;

use crate::basic::{Talk, end, talk};
use crate::edge::{CARRIER_A, Edge, PBX};
use crate::phone::{Phone, sdp};

#[test]
fn an_answer_that_only_the_183_brought_is_repeated_in_the_200() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    let early = sdp("203.0.113.30", 6000);
    edge.receive(CARRIER_A, &b.respond(&invite, "183 Session Progress", "", &early));
    let progress = edge.expect(PBX, "SIP/2.0 183 ");
    edge.receive(CARRIER_A, &b.respond(&invite, "200 OK", "", ""));
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(ok.body(), progress.body());
    edge.expect(CARRIER_A, "ACK ");
    a.learn(&ok);
    edge.receive(PBX, &a.ack(""));
    let mut talk = Talk {
        edge,
        a,
        b,
        invite,
        ok,
    };
    end(&mut talk);
}

#[test]
fn a_200_without_any_answer_is_no_call() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(CARRIER_A, &b.respond(&invite, "200 OK", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.expect(PBX, "SIP/2.0 502 ");
    edge.receive(PBX, &a.ack(""));
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.calls.counters().bad_body, 1);
}

#[test]
fn counters_follow_the_name_of_a_trunk_over_a_reload() {
    let mut talk = talk(Edge::new());
    let mut parts = crate::edge::parts();
    parts.epoch = 2;
    parts.trunks.swap(1, 2);
    for (place, name) in ["pbx", "carrier-b", "carrier-a"].iter().enumerate() {
        assert_eq!(parts.trunks[place].name, *name);
        let before = talk.edge.plan.trunk_by_name(name).expect("it is there");
        parts.trunks[place].state = Arc::clone(&talk.edge.plan.trunks[usize::from(before)].state);
    }
    talk.edge.plan = Arc::new(RoutePlan::new(parts).expect("a plan"));
    end(&mut talk);
    let trunks = &talk.edge.calls.counters().trunks;
    assert_eq!(trunks[2].outbound.answered, 1, "carrier-a has moved");
    assert_eq!(trunks[1].outbound.answered, 0);
}
