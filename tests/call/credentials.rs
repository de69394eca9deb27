//! Challenges of a trunk: RFC 3261 section 22 and RFC 8760.

use std::sync::Arc;

use trunkline_call::plan::Credentials;

use crate::basic::{Talk, end};
use crate::edge::{CARRIER_A, Edge, PBX, parts};
use crate::phone::{Msg, Phone, sdp};

const CHALLENGE: &str = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=SHA-512\r\n\
    Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n\
    Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";

fn edge() -> Edge {
    let mut parts = parts();
    parts.trunks[1].sip.auth = Some(Arc::new(Credentials {
        username: "edge".into(),
        password: "secret".into(),
    }));
    Edge::with_plan(parts)
}

fn stale(nonce: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"{nonce}\", stale=true, qop=\"auth\"\r\n")
}

#[track_caller]
fn invited(edge: &mut Edge) -> (Phone, Phone, Msg) {
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    assert!(!invite.text.contains("uthorization:"));
    let b = Phone::callee(CARRIER_A, &invite);
    (a, b, invite)
}

#[track_caller]
fn challenge(edge: &mut Edge, b: &Phone, request: &Msg, status: &str, fields: &str) -> Msg {
    edge.receive(CARRIER_A, &b.respond(request, status, fields, ""));
    let method = request.text.split(' ').next().expect("a method");
    if method == "INVITE" {
        edge.expect(CARRIER_A, "ACK ");
    }
    edge.expect(CARRIER_A, method)
}

#[test]
fn a_challenged_call_is_sent_again_and_all_that_follows_is_signed() {
    let mut edge = edge();
    let (mut a, b, first) = invited(&mut edge);
    let invite = challenge(&mut edge, &b, &first, "407 Who", CHALLENGE);
    assert_eq!(invite.must("Call-ID"), first.must("Call-ID"));
    assert_eq!(invite.must("CSeq"), "2 INVITE");
    assert_ne!(invite.must("Via"), first.must("Via"));
    let signed = invite.must("Proxy-Authorization").to_string();
    for part in [
        "username=\"edge\"",
        "realm=\"carrier\"",
        "nonce=\"n1\"",
        "uri=\"sip:+12125550123@203.0.113.30\"",
        "algorithm=SHA-256",
        "nc=00000001",
    ] {
        assert!(signed.contains(part), "{part} in {signed}");
    }
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    let ack = edge.expect(CARRIER_A, "ACK ");
    assert_eq!(ack.must("Proxy-Authorization"), signed);
    assert_eq!(ack.must("CSeq"), "2 ACK");
    edge.receive(PBX, &a.ack(""));
    // A re-INVITE with the next count, whose nonce is too old by now.
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4002)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let again = edge.expect(CARRIER_A, "INVITE ");
    assert!(again.must("Proxy-Authorization").contains("nc=00000002"));
    let fresh = challenge(&mut edge, &b, &again, "401 Stale", &stale("n2"));
    assert!(fresh.must("Authorization").contains("nonce=\"n2\""));
    assert_eq!(fresh.body(), again.body());
    edge.receive(
        CARRIER_A,
        &b.respond(&fresh, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.receive(PBX, &a.ack(""));
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    assert!(bye.must("Authorization").contains("nc=00000002"));
    let bye = challenge(&mut edge, &b, &bye, "401 Stale", &stale("n3"));
    assert!(bye.must("Authorization").contains("nonce=\"n3\""));
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.calls.counters().challenges_met, 3);
    assert_eq!(edge.cdrs.len(), 1, "it was one attempt");
}

#[test]
fn refused_credentials_are_not_tried_again() {
    let mut edge = edge();
    let (mut a, b, first) = invited(&mut edge);
    let invite = challenge(&mut edge, &b, &first, "407 Who", CHALLENGE);
    let stale_once = challenge(&mut edge, &b, &invite, "401 Stale", &stale("n2"));
    assert_eq!(stale_once.must("CSeq"), "3 INVITE");
    edge.receive(CARRIER_A, &b.respond(&stale_once, "401 Stale", &stale("n3"), ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 500 ");
    edge.receive(PBX, &a.ack(""));
    edge.finish();
    assert_eq!(edge.cdrs[0].sip_status, 401);
}

#[test]
fn a_trunk_without_credentials_is_not_answered() {
    let mut edge = Edge::new();
    let (mut a, b, invite) = invited(&mut edge);
    edge.receive(CARRIER_A, &b.respond(&invite, "407 Who", CHALLENGE, ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 500 ");
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}

#[test]
fn a_challenged_call_can_be_cancelled() {
    let mut edge = edge();
    let (a, b, first) = invited(&mut edge);
    let invite = challenge(&mut edge, &b, &first, "407 Who", CHALLENGE);
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.receive(PBX, &a.cancel());
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect(PBX, "SIP/2.0 487 ");
    let cancel = edge.expect(CARRIER_A, "CANCEL ");
    assert_eq!(cancel.must("CSeq"), "2 CANCEL");
    // The first transaction ends meanwhile; that must not forget the second.
    edge.advance(std::time::Duration::from_secs(20));
    edge.sent.clear();
    let late = b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000));
    edge.receive(CARRIER_A, &late);
    edge.expect(CARRIER_A, "ACK ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.finish();
}

#[test]
fn an_answered_call_ends_as_any_other() {
    let mut edge = edge();
    let (mut a, b, first) = invited(&mut edge);
    let invite = challenge(&mut edge, &b, &first, "407 Who", CHALLENGE);
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_A, "ACK ");
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
