//! Ports and flows of a call.

use crate::basic::{end, talk};
use crate::edge::{CARRIER_A, Edge, PBX};
use crate::phone::{Phone, sdp, sdp_with};

#[test]
fn rtcp_shares_the_port_only_if_both_agree() {
    for (agreed, flows) in [(true, 2), (false, 4)] {
        let mut edge = Edge::new();
        let mut a = Phone::caller(PBX, "2025550101", "12125550123");
        edge.receive(
            PBX,
            &a.invite(&sdp_with("10.0.0.20", 4000, "0", "a=rtcp-mux\r\n", 1)),
        );
        edge.expect(PBX, "SIP/2.0 100 ");
        let invite = edge.expect(CARRIER_A, "INVITE ");
        let b = Phone::callee(CARRIER_A, &invite);
        let attributes = if agreed { "a=rtcp-mux\r\n" } else { "" };
        let answer = sdp_with("203.0.113.30", 6000, "0", attributes, 1);
        edge.receive(
            CARRIER_A,
            &b.respond(&invite, "183 Session Progress", "", &answer),
        );
        assert_eq!(edge.flows.len(), flows);
        edge.receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", "", ""));
        assert_eq!(edge.flows.len(), 0);
        edge.finish();
    }
}

#[test]
fn a_refused_stream_has_no_flows() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let offer = sdp("10.0.0.20", 4000) + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    edge.receive(PBX, &a.invite(&offer));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    let answer = sdp("203.0.113.30", 6000) + "m=video 0 RTP/AVP 96\r\n";
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "183 Session Progress", "", &answer),
    );
    let early = edge.expect(PBX, "SIP/2.0 183 ");
    assert!(early.body().contains("m=video 0 "), "{}", early.body());
    assert_eq!(edge.flows.len(), 4);
    edge.receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", "", ""));
    edge.finish();
}

#[test]
fn an_answer_that_cannot_be_used_ends_the_call() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(CARRIER_A, &b.respond(&invite, "200 OK", "", "v=9\r\n"));
    edge.expect(CARRIER_A, "ACK ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.expect(PBX, "SIP/2.0 502 ");
    edge.finish();
}

#[test]
fn a_second_call_has_other_ports() {
    let mut talk = talk(Edge::new());
    let mut other = Phone::caller(PBX, "2025550102", "12125550123");
    talk.edge.receive(PBX, &other.invite(&sdp("10.0.0.20", 4100)));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    assert_ne!(invite.audio_port(), talk.invite.audio_port());
    let b = Phone::callee(CARRIER_A, &invite);
    talk.edge
        .receive(CARRIER_A, &b.respond(&invite, "486 Busy Here", "", ""));
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 486 ");
    assert_eq!(talk.edge.flows.len(), 4);
    end(&mut talk);
}
