//! The next trunk.

use std::time::Duration;

use trunkline_call::plan::FailoverOn;

use crate::basic::{Talk, end};
use crate::edge::{CARRIER_A, CARRIER_B, Edge, PBX, address, parts};
use crate::phone::{Msg, Phone, sdp};

#[track_caller]
fn calling(mut edge: Edge) -> (Edge, Phone, Phone, Msg) {
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    (edge, a, b, invite)
}

#[test]
fn a_503_goes_on_to_the_next_trunk() {
    let (mut edge, mut a, b, invite) = calling(Edge::new());
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "503 Service Unavailable", "Retry-After: 20\r\n", ""),
    );
    edge.expect(CARRIER_A, "ACK ");
    let second = edge.expect(CARRIER_B, "INVITE ");
    assert_ne!(invite.must("Call-ID"), second.must("Call-ID"));
    assert_ne!(invite.must("From"), second.must("From"));
    assert_ne!(invite.must("Via"), second.must("Via"));
    let b = Phone::callee(CARRIER_B, &second);
    edge.receive(
        CARRIER_B,
        &b.respond(&second, "200 OK", "", &sdp("203.0.113.40", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_B, "ACK ");
    edge.receive(PBX, &a.ack(""));
    // The next call leaves the first trunk alone, as it asked for.
    let mut other = Phone::caller(PBX, "2025550102", "12125550123");
    edge.receive(PBX, &other.invite(&sdp("10.0.0.20", 4100)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let third = edge.expect(CARRIER_B, "INVITE ");
    edge.receive(
        CARRIER_B,
        &Phone::callee(CARRIER_B, &third).respond(&third, "486 Busy Here", "", ""),
    );
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.finish();
    let first: Vec<_> = edge.cdrs.iter().filter(|c| c.caller == "2025550101").collect();
    assert_eq!(first.len(), 2);
    assert_eq!(
        (first[0].attempt, first[0].last, first[0].sip_status),
        (1, false, 503)
    );
    assert_eq!(
        (first[1].attempt, first[1].last, first[1].sip_status),
        (2, true, 200)
    );
    assert_eq!(first[0].call_id, first[1].call_id);
    assert_ne!(first[0].b_call_id, first[1].b_call_id);
    assert_eq!(edge.calls.counters().failovers, 1);
}

#[test]
fn a_silent_trunk_is_left_after_its_time() {
    let (mut edge, mut a, late, invite) = calling(Edge::new());
    edge.advance(Duration::from_millis(5_900));
    while !edge.sent.is_empty() {
        edge.expect(CARRIER_A, "INVITE ");
    }
    edge.advance(Duration::from_millis(200));
    let second = edge.expect(CARRIER_B, "INVITE ");
    let b = Phone::callee(CARRIER_B, &second);
    edge.receive(
        CARRIER_B,
        &b.respond(&second, "200 OK", "", &sdp("203.0.113.40", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_B, "ACK ");
    edge.receive(PBX, &a.ack(""));
    // The first trunk wakes up and answers: it is acknowledged and ended.
    edge.receive(
        CARRIER_A,
        &late.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    edge.expect(CARRIER_A, "ACK ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.receive(CARRIER_A, &late.respond(&bye, "200 OK", "", ""));
    assert_eq!(edge.flows.len(), 4, "the living call keeps its media");
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_B, "BYE ");
    edge.receive(CARRIER_B, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.cdrs[0].sip_status, 408);
}

#[test]
fn a_peer_that_cannot_be_reached_is_left_at_once() {
    let (mut edge, _, _, _) = calling(Edge::new());
    edge.with(|calls, ctx| calls.on_unreachable(ctx, address(CARRIER_A)));
    let second = edge.expect(CARRIER_B, "INVITE ");
    let b = Phone::callee(CARRIER_B, &second);
    edge.receive(CARRIER_B, &b.respond(&second, "486 Busy Here", "", ""));
    edge.expect(CARRIER_B, "ACK ");
    edge.expect(PBX, "SIP/2.0 486 ");
    edge.finish();
    assert_eq!(
        edge.cdrs.iter().map(|c| c.sip_status).collect::<Vec<_>>(),
        vec![503, 486]
    );
}

#[test]
fn when_all_fail_the_caller_is_told() {
    let (mut edge, _, b, invite) = calling(Edge::new());
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "500 Server Internal Error", "", ""),
    );
    edge.expect(CARRIER_A, "ACK ");
    let second = edge.expect(CARRIER_B, "INVITE ");
    let b = Phone::callee(CARRIER_B, &second);
    edge.receive(CARRIER_B, &b.respond(&second, "503 Service Unavailable", "", ""));
    edge.expect(CARRIER_B, "ACK ");
    // A 503 of one trunk says nothing about this edge: RFC 3261 section 16.7.
    edge.expect(PBX, "SIP/2.0 500 ");
    edge.finish();
    assert_eq!(
        edge.cdrs.iter().map(|c| c.sip_status).collect::<Vec<_>>(),
        vec![500, 503]
    );
}

#[test]
fn silence_everywhere_is_408() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.advance(Duration::from_secs(39));
    let last = edge
        .sent
        .iter()
        .rfind(|s| s.message.text.starts_with("SIP/2.0 4"))
        .expect("a failure");
    assert!(last.message.text.starts_with("SIP/2.0 408 "));
    edge.finish();
    assert_eq!(edge.cdrs.len(), 2);
    assert_eq!(edge.calls.counters().trunks[0].inbound.timeout, 1);
}

#[test]
fn a_code_that_is_not_listed_ends_the_call() {
    let mut parts = parts();
    parts.routes[0].failover_on = FailoverOn {
        codes: vec![503],
        timeout: false,
    };
    let (mut edge, _, b, invite) = calling(Edge::with_plan(parts));
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "500 Server Internal Error", "", ""),
    );
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 500 ");
    edge.finish();
}

#[test]
fn redirection_and_challenges_do_not_reach_the_caller() {
    for (status, told) in [
        ("302 Moved", "SIP/2.0 480 "),
        ("407 Proxy Authentication Required", "SIP/2.0 500 "),
    ] {
        let (mut edge, _, b, invite) = calling(Edge::new());
        edge.receive(
            CARRIER_A,
            &b.respond(
                &invite,
                status,
                "Proxy-Authenticate: Digest realm=\"carrier.example\"\r\n",
                "",
            ),
        );
        edge.expect(CARRIER_A, "ACK ");
        edge.expect(PBX, told);
        edge.finish();
    }
}

#[test]
fn ringing_at_the_first_trunk_does_not_stop_failover() {
    let (mut edge, mut a, b, invite) = calling(Edge::new());
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "183 Session Progress", "", &sdp("203.0.113.30", 6000)),
    );
    let early = edge.expect(PBX, "SIP/2.0 183 ");
    edge.receive(CARRIER_A, &b.respond(&invite, "503 Service Unavailable", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    let second = edge.expect(CARRIER_B, "INVITE ");
    let b = Phone::callee(CARRIER_B, &second);
    edge.receive(
        CARRIER_B,
        &b.respond(&second, "200 OK", "", &sdp("203.0.113.40", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(early.must("To"), ok.must("To"));
    assert_eq!(early.audio_port(), ok.audio_port(), "the caller's port stays");
    assert_ne!(invite.audio_port(), second.audio_port());
    a.learn(&ok);
    edge.expect(CARRIER_B, "ACK ");
    edge.receive(PBX, &a.ack(""));
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_B, "BYE ");
    edge.receive(CARRIER_B, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
}

#[test]
fn probes_take_a_silent_trunk_out_of_use_and_back() {
    let mut parts = parts();
    parts.trunks[1].options_interval = Some(Duration::from_secs(10));
    parts.trunks[1].down_after = 2;
    parts.trunks[1].up_after = 1;
    let mut edge = Edge::with_plan(parts);
    let answer = |edge: &mut Edge| {
        let probe = edge.sent.pop_back().expect("a probe").message;
        assert!(probe.text.starts_with("OPTIONS "));
        edge.receive(
            CARRIER_A,
            &Phone::callee(CARRIER_A, &probe).respond(&probe, "200 OK", "", ""),
        );
        edge.sent.clear();
    };
    edge.advance(Duration::from_millis(10));
    answer(&mut edge);
    assert!(edge.plan.trunks[1].state.is_up());
    edge.advance(Duration::from_secs(21));
    assert!(edge.plan.trunks[1].state.is_up(), "one is missing");
    edge.advance(Duration::from_secs(10));
    assert!(!edge.plan.trunks[1].state.is_up(), "two are missing");
    assert_eq!(
        edge.plan.trunks[1].state.peer(0).expect("a peer").probe().status,
        408
    );
    edge.sent.clear();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_B, "INVITE ");
    let b = Phone::callee(CARRIER_B, &invite);
    edge.receive(
        CARRIER_B,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.40", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_B, "ACK ");
    edge.receive(PBX, &a.ack(""));
    edge.advance(Duration::from_secs(10));
    answer(&mut edge);
    assert!(edge.plan.trunks[1].state.is_up());
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_B, "BYE ");
    edge.receive(CARRIER_B, &b.respond(&bye, "200 OK", "", ""));
    assert!(edge.calls.counters().probes >= 5);
}

#[test]
fn a_failed_call_leaves_room_for_the_next() {
    for _ in 0..3 {
        let (mut edge, _, b, invite) = calling(Edge::new());
        edge.receive(CARRIER_A, &b.respond(&invite, "503 Service Unavailable", "", ""));
        edge.expect(CARRIER_A, "ACK ");
        let second = edge.expect(CARRIER_B, "INVITE ");
        let b = Phone::callee(CARRIER_B, &second);
        edge.receive(CARRIER_B, &b.respond(&second, "486 Busy Here", "", ""));
        edge.expect(CARRIER_B, "ACK ");
        let busy = edge.expect(PBX, "SIP/2.0 486 ");
        assert!(busy.must("To").contains(";tag="));
        edge.finish();
    }
    let mut talk: Talk = crate::basic::talk(Edge::new());
    end(&mut talk);
}
