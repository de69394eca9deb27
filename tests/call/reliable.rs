//! Reliable provisional responses and PRACK: RFC 3262.

use std::time::Duration;

use trunkline_call::plan::Reliability;

use crate::basic::{Talk, end};
use crate::edge::{CARRIER_A, Edge, PBX, parts};
use crate::phone::{Msg, Phone, sdp};

const RELIABLE: &str = "Require: 100rel\r\nRSeq: ";

/// Begins a call with these fields in the INVITE.
#[track_caller]
fn ringing(mut edge: Edge, fields: &str, body: &str) -> (Edge, Phone, Phone, Msg) {
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.request("INVITE", fields, body));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    (edge, a, b, invite)
}

fn reliable(b: &Phone, invite: &Msg, status: &str, rseq: u32, body: &str) -> String {
    b.respond(invite, status, &format!("{RELIABLE}{rseq}\r\n"), body)
}

/// The caller acknowledges a reliable response.
fn prack(a: &mut Phone, response: &Msg, body: &str) -> String {
    a.learn(response);
    let rseq = response.must("RSeq");
    a.request("PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), body)
}

fn edge_with(reliable: Reliability) -> Edge {
    let mut parts = parts();
    parts.trunks[1].sip.reliable = reliable;
    Edge::with_plan(parts)
}

/// The callee answers without a description, and the call ends.
#[track_caller]
fn answer_and_end(mut edge: Edge, mut a: Phone, b: Phone, invite: Msg) {
    edge.receive(CARRIER_A, &b.respond(&invite, "200 OK", "", ""));
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(ok.body(), "");
    a.learn(&ok);
    edge.expect(CARRIER_A, "ACK ");
    let cseq = a.cseq;
    a.cseq = 1;
    edge.receive(PBX, &a.ack(""));
    a.cseq = cseq;
    edge.advance(Duration::from_secs(40));
    edge.expect_silence();
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
fn the_caller_acknowledges_from_end_to_end() {
    let fields = "Supported: 100rel\r\n";
    let (mut edge, mut a, b, invite) = ringing(Edge::new(), fields, &sdp("10.0.0.20", 4000));
    assert_eq!(invite.must("Supported"), "timer, 100rel");
    assert!(invite.header("Require").is_none());
    let early = sdp("203.0.113.30", 6000);
    edge.receive(CARRIER_A, &reliable(&b, &invite, "183 Progress", 7, &early));
    let progress = edge.expect(PBX, "SIP/2.0 183 ");
    assert_eq!(progress.must("Require"), "100rel");
    edge.expect_silence();
    edge.receive(PBX, &prack(&mut a, &progress, ""));
    let relayed = edge.expect(CARRIER_A, "PRACK sip:me@203.0.113.30:5060 ");
    assert_eq!(relayed.must("RAck"), "7 1 INVITE");
    assert_eq!(relayed.must("CSeq"), "2 PRACK");
    edge.receive(CARRIER_A, &b.respond(&relayed, "200 OK", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.receive(CARRIER_A, &reliable(&b, &invite, "180 Ringing", 8, ""));
    let ringing = edge.expect(PBX, "SIP/2.0 180 ");
    let number = |m: &Msg| m.must("RSeq").parse::<u32>().expect("a number");
    assert_eq!(number(&ringing), number(&progress) + 1);
    edge.receive(PBX, &prack(&mut a, &ringing, ""));
    let relayed = edge.expect(CARRIER_A, "PRACK ");
    assert_eq!(
        (relayed.must("RAck"), relayed.must("CSeq")),
        ("8 1 INVITE", "3 PRACK")
    );
    edge.receive(CARRIER_A, &b.respond(&relayed, "200 OK", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    answer_and_end(edge, a, b, invite);
}

#[test]
fn a_caller_without_100rel_gets_none_and_the_callee_is_not_offered_it() {
    let (mut edge, a, b, invite) = ringing(Edge::new(), "", &sdp("10.0.0.20", 4000));
    assert!(!invite.text.contains("100rel"));
    edge.receive(CARRIER_A, &reliable(&b, &invite, "180 Ringing", 1, ""));
    // The callee does it all the same: it would stop without a PRACK.
    let prack = edge.expect(CARRIER_A, "PRACK ");
    let ringing = edge.expect(PBX, "SIP/2.0 180 ");
    assert!(ringing.header("RSeq").is_none() && ringing.header("Require").is_none());
    edge.receive(CARRIER_A, &b.respond(&prack, "200 OK", "", ""));
    edge.receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 486 ");
    let mut a = a;
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}

#[test]
fn the_edge_acknowledges_where_the_trunk_says_so() {
    let edge = edge_with(Reliability::Terminated);
    let (mut edge, mut a, b, invite) = ringing(edge, "", &sdp("10.0.0.20", 4000));
    assert_eq!(invite.must("Supported"), "timer, 100rel");
    let early = sdp("203.0.113.30", 6000);
    let progress = reliable(&b, &invite, "183 Progress", 40, &early);
    edge.receive(CARRIER_A, &progress);
    let prack = edge.expect(CARRIER_A, "PRACK ");
    assert_eq!(prack.must("RAck"), "40 1 INVITE");
    let shown = edge.expect(PBX, "SIP/2.0 183 ");
    assert!(shown.header("RSeq").is_none());
    edge.receive(CARRIER_A, &b.respond(&prack, "200 OK", "", ""));
    // Again, and one out of its turn.
    edge.receive(CARRIER_A, &progress);
    edge.receive(CARRIER_A, &reliable(&b, &invite, "180 Ringing", 42, ""));
    edge.expect_silence();
    edge.receive(CARRIER_A, &b.respond(&invite, "200 OK", "", ""));
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(ok.body(), shown.body(), "the caller needs the answer in the 200");
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

#[test]
fn a_response_that_is_not_acknowledged_is_repeated_and_then_the_call_fails() {
    let fields = "Supported: 100rel\r\n";
    let (mut edge, mut a, b, invite) = ringing(Edge::new(), fields, &sdp("10.0.0.20", 4000));
    edge.receive(CARRIER_A, &reliable(&b, &invite, "180 Ringing", 1, ""));
    let first = edge.expect(PBX, "SIP/2.0 180 ");
    for wait in [500, 1000, 2000, 4000, 8000] {
        edge.advance(Duration::from_millis(wait + 5));
        assert_eq!(edge.expect(PBX, "SIP/2.0 180 ").text, first.text);
        edge.expect_silence();
    }
    edge.advance(Duration::from_millis(16_005));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.advance(Duration::from_millis(600));
    edge.expect(PBX, "SIP/2.0 504 ");
    edge.expect(CARRIER_A, "CANCEL ");
    edge.receive(PBX, &a.ack(""));
    edge.receive(CARRIER_A, &b.respond(&invite, "487 Request Terminated", "", ""));
    edge.finish();
    assert_eq!(edge.cdrs[0].sip_status, 504);
}

#[test]
fn an_answer_in_the_prack() {
    let (mut edge, mut a, b, invite) = ringing(Edge::new(), "Supported: 100rel\r\n", "");
    let offer = sdp("203.0.113.30", 6000);
    edge.receive(CARRIER_A, &reliable(&b, &invite, "183 Progress", 1, &offer));
    let progress = edge.expect(PBX, "SIP/2.0 183 ");
    assert!(progress.body().contains("c=IN IP4 10.0.0.10"));
    edge.receive(PBX, &prack(&mut a, &progress, &sdp("10.0.0.20", 4000)));
    let relayed = edge.expect(CARRIER_A, "PRACK ");
    assert!(relayed.body().contains("c=IN IP4 198.51.100.10"));
    edge.receive(CARRIER_A, &b.respond(&relayed, "200 OK", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(edge.flows.len(), 4);
    answer_and_end(edge, a, b, invite);
}

#[test]
fn an_offer_in_the_prack() {
    let fields = "Supported: 100rel\r\n";
    let (mut edge, mut a, b, invite) = ringing(Edge::new(), fields, &sdp("10.0.0.20", 4000));
    let early = sdp("203.0.113.30", 6000);
    edge.receive(CARRIER_A, &reliable(&b, &invite, "183 Progress", 1, &early));
    let progress = edge.expect(PBX, "SIP/2.0 183 ");
    edge.receive(PBX, &prack(&mut a, &progress, &sdp("10.0.0.24", 4004)));
    let relayed = edge.expect(CARRIER_A, "PRACK ");
    assert!(relayed.body().contains("c=IN IP4 198.51.100.10"));
    let answer = sdp("203.0.113.30", 6002);
    edge.receive(CARRIER_A, &b.respond(&relayed, "200 OK", "", &answer));
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert!(ok.body().contains("c=IN IP4 10.0.0.10"));
    let towards: Vec<String> = edge
        .flows
        .iter()
        .filter_map(|(id, _)| edge.flows.egress_remote(id))
        .map(|a| a.to_string())
        .collect();
    assert!(
        towards.contains(&"10.0.0.24:4004".to_string()) && towards.contains(&"203.0.113.30:6002".to_string())
    );
    answer_and_end(edge, a, b, invite);
}

#[test]
fn a_caller_that_requires_it_gets_it_from_the_edge() {
    let edge = edge_with(Reliability::Off);
    let fields = "Require: 100rel\r\n";
    let (mut edge, mut a, b, invite) = ringing(edge, fields, &sdp("10.0.0.20", 4000));
    assert!(!invite.text.contains("100rel"));
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    let ringing = edge.expect(PBX, "SIP/2.0 180 ");
    edge.receive(PBX, &prack(&mut a, &ringing, ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect_silence();
    edge.receive(PBX, &a.request("PRACK", "RAck: 5 1 INVITE\r\n", ""));
    edge.expect(PBX, "SIP/2.0 481 ");
    edge.receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 486 ");
    a.cseq = 1;
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}

#[test]
fn the_200_waits_for_the_prack_of_a_description() {
    let fields = "Supported: 100rel\r\n";
    let (mut edge, mut a, b, invite) = ringing(Edge::new(), fields, &sdp("10.0.0.20", 4000));
    let early = sdp("203.0.113.30", 6000);
    edge.receive(CARRIER_A, &reliable(&b, &invite, "183 Progress", 1, &early));
    let progress = edge.expect(PBX, "SIP/2.0 183 ");
    let ok = b.respond(&invite, "200 OK", "", "");
    edge.receive(CARRIER_A, &ok);
    edge.receive(CARRIER_A, &ok);
    edge.expect_silence();
    edge.receive(PBX, &prack(&mut a, &progress, ""));
    let relayed = edge.expect(CARRIER_A, "PRACK ");
    let answered = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(answered.must("CSeq"), "1 INVITE");
    a.learn(&answered);
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(CARRIER_A, &b.respond(&relayed, "200 OK", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let cseq = a.cseq;
    a.cseq = 1;
    edge.receive(PBX, &a.ack(""));
    a.cseq = cseq;
    let mut talk = Talk {
        edge,
        a,
        b,
        invite,
        ok: answered,
    };
    end(&mut talk);
}
