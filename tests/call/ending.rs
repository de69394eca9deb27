//! Calls that end in other ways than a BYE of a happy caller.

use std::time::Duration;

use trunkline_call::cdr::EndedBy;

use crate::basic::{end, talk};
use crate::edge::{CARRIER_A, Edge, PBX};
use crate::phone::{Msg, Phone, sdp};

/// An INVITE on its way.
#[track_caller]
fn calling() -> (Edge, Phone, Phone, Msg) {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    (edge, a, b, invite)
}

#[track_caller]
fn expect_cancelled(edge: &mut Edge, a: &mut Phone) {
    edge.receive(PBX, &a.cancel());
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert!(ok.must("CSeq").ends_with("CANCEL"));
    let failure = edge.expect(PBX, "SIP/2.0 487 ");
    assert_eq!(ok.must("To"), failure.must("To"));
    a.learn(&failure);
    let ack = a.cancel().replace("CANCEL", "ACK");
    edge.receive(PBX, &ack);
}

#[track_caller]
fn expect_cancelled_record(edge: &Edge) {
    assert_eq!(edge.cdrs.len(), 1);
    assert_eq!(
        (edge.cdrs[0].sip_status, edge.cdrs[0].ended_by),
        (487, EndedBy::Caller)
    );
    assert_eq!(edge.calls.counters().trunks[0].inbound.cancelled, 1);
}

#[test]
fn cancel_while_it_rings() {
    let (mut edge, a, b, invite) = calling();
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.receive(PBX, &a.cancel());
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect(PBX, "SIP/2.0 487 ");
    let cancel = edge.expect(CARRIER_A, "CANCEL ");
    assert_eq!(cancel.must("Via"), invite.must("Via"));
    edge.receive(CARRIER_A, &b.respond(&cancel, "200 OK", "", ""));
    edge.receive(CARRIER_A, &b.respond(&invite, "487 Request Terminated", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.finish();
    expect_cancelled_record(&edge);
}

#[test]
fn cancel_before_anything_was_heard_waits_for_a_provisional_response() {
    let (mut edge, mut a, b, invite) = calling();
    expect_cancelled(&mut edge, &mut a);
    edge.expect_silence();
    edge.receive(CARRIER_A, &b.respond(&invite, "100 Trying", "", ""));
    let cancel = edge.expect(CARRIER_A, "CANCEL ");
    edge.receive(CARRIER_A, &b.respond(&cancel, "200 OK", "", ""));
    edge.receive(CARRIER_A, &b.respond(&invite, "487 Request Terminated", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.finish();
    expect_cancelled_record(&edge);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let (mut edge, a, b, invite) = calling();
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.receive(PBX, &a.cancel());
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect(PBX, "SIP/2.0 487 ");
    edge.expect(CARRIER_A, "CANCEL ");
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    edge.expect(CARRIER_A, "ACK ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
    expect_cancelled_record(&edge);
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let (mut edge, mut a, b, invite) = calling();
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(PBX, &a.cancel());
    let answer = edge.expect(PBX, "SIP/2.0 200 ");
    assert!(answer.must("CSeq").ends_with("CANCEL"));
    edge.expect_silence();
    a.learn(&ok);
    edge.receive(PBX, &a.ack(""));
    assert_eq!(edge.calls.active(), 1);
    let mut talk = crate::basic::Talk {
        edge,
        a,
        b,
        invite,
        ok,
    };
    end(&mut talk);
}

#[test]
fn a_cancel_of_nothing_is_481() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    a.invite("");
    edge.receive(PBX, &a.cancel());
    edge.expect(PBX, "SIP/2.0 481 ");
    edge.finish();
}

#[test]
fn busy_reaches_the_caller() {
    let (mut edge, _, b, invite) = calling();
    let fields = "Reason: Q.850;cause=17\r\nWarning: 399 203.0.113.30 \"x\"\r\n";
    edge.receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", fields, ""));
    edge.expect(CARRIER_A, "ACK ");
    let busy = edge.expect(PBX, "SIP/2.0 486 ");
    assert_eq!(busy.must("Reason"), "Q.850;cause=17");
    assert_eq!(busy.header("Warning"), None);
    edge.finish();
    assert_eq!(
        (edge.cdrs.len(), edge.cdrs[0].sip_status, edge.cdrs[0].q850),
        (1, 486, 17)
    );
    assert_eq!(edge.calls.counters().trunks[1].outbound.busy, 1);
}

#[test]
fn silence_on_the_media_path_ends_the_call() {
    let mut talk = talk(Edge::new());
    talk.edge.advance(Duration::from_secs(61));
    let mut idle = Vec::new();
    let now = talk.edge.now;
    talk.edge
        .flows
        .expire_idle(now, 1024, &mut |_, user| idle.push(user));
    assert_eq!(idle.len(), 1);
    talk.edge.with(|calls, ctx| calls.on_media_timeout(ctx, idle[0]));
    let to_a = talk.edge.expect(PBX, "BYE ");
    let to_b = talk.edge.expect(CARRIER_A, "BYE ");
    assert!(to_a.must("Reason").contains("media timeout"));
    talk.edge.receive(PBX, &talk.a.respond(&to_a, "200 OK", "", ""));
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&to_b, "200 OK", "", ""));
    talk.edge.finish();
    assert_eq!(talk.edge.cdrs[0].ended_by, EndedBy::Edge);
    assert_eq!(talk.edge.calls.counters().media_timeouts, 1);
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_both_sides() {
    let (mut edge, mut a, b, invite) = calling();
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    a.learn(&edge.expect(PBX, "SIP/2.0 200 "));
    edge.expect(CARRIER_A, "ACK ");
    edge.advance(Duration::from_secs(31));
    while edge.sent.len() > 1 {
        edge.expect(PBX, "SIP/2.0 200 ");
    }
    edge.sent.clear();
    edge.advance(Duration::from_millis(1_100));
    edge.expect(PBX, "SIP/2.0 200 ");
    let to_a = edge.expect(PBX, "BYE ");
    let to_b = edge.expect(CARRIER_A, "BYE ");
    edge.receive(PBX, &a.respond(&to_a, "200 OK", "", ""));
    edge.receive(CARRIER_A, &b.respond(&to_b, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.calls.counters().ack_timeouts, 1);
}

#[test]
fn a_bye_to_the_caller_waits_for_its_ack() {
    let (mut edge, mut a, mut b, invite) = calling();
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    a.learn(&edge.expect(PBX, "SIP/2.0 200 "));
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(CARRIER_A, &b.request("BYE", "", ""));
    edge.expect(CARRIER_A, "SIP/2.0 200 ");
    edge.expect_silence();
    edge.receive(PBX, &a.ack(""));
    let bye = edge.expect(PBX, "BYE ");
    edge.receive(PBX, &a.respond(&bye, "200 OK", "", ""));
    edge.finish();
}

#[test]
fn byes_that_cross_are_both_answered() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.request("BYE", "", ""));
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    let bye = talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge.receive(CARRIER_A, &talk.b.request("BYE", "", ""));
    talk.edge.expect(CARRIER_A, "SIP/2.0 200 ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&bye, "481 Gone", "", ""));
    talk.edge.finish();
    assert_eq!(talk.edge.cdrs.len(), 1);
}

#[test]
fn a_peer_that_never_answers_the_bye_is_let_go() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.request("BYE", "", ""));
    talk.edge.finish();
}

#[test]
fn the_operator_ends_calls() {
    let mut talk = talk(Edge::new());
    let id = talk.edge.calls.list()[0].id.clone();
    assert!(!talk.edge.with(|calls, ctx| calls.hangup(ctx, "tlc0000")));
    assert!(talk.edge.with(|calls, ctx| calls.hangup(ctx, &id)));
    talk.edge.expect(PBX, "BYE ");
    talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge.finish();

    let (mut edge, _, b, invite) = calling();
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    let id = edge.calls.list()[0].id.clone();
    assert!(edge.with(|calls, ctx| calls.hangup(ctx, &id)));
    edge.expect(PBX, "SIP/2.0 480 ");
    edge.expect(CARRIER_A, "CANCEL ");
    edge.finish();
}

#[test]
fn an_early_bye_of_the_caller_is_a_cancel() {
    let (mut edge, mut a, b, invite) = calling();
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    a.learn(&edge.expect(PBX, "SIP/2.0 180 "));
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect(PBX, "SIP/2.0 487 ");
    edge.expect(CARRIER_A, "CANCEL ");
    edge.receive(CARRIER_A, &b.respond(&invite, "487 Request Terminated", "", ""));
    edge.finish();
}

#[test]
fn a_call_that_rings_too_long_is_given_up() {
    let (mut edge, _, b, invite) = calling();
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.advance(Duration::from_secs(184));
    edge.expect_silence();
    edge.advance(Duration::from_secs(2));
    edge.expect(CARRIER_A, "CANCEL ");
    // The callee was found, so no other trunk is tried.
    edge.expect(PBX, "SIP/2.0 408 ");
    edge.receive(CARRIER_A, &b.respond(&invite, "487 Request Terminated", "", ""));
    edge.finish();
    assert_eq!(edge.cdrs.len(), 1);
}
