//! Calls that succeed.

use std::time::Duration;

use trunkline_call::cdr::EndedBy;

use crate::edge::{CARRIER_A, CARRIER_B, Edge, PBX};
use crate::phone::{Msg, Phone, sdp, sdp_with};

/// An answered call, both ends of it.
pub(crate) struct Talk {
    pub(crate) edge: Edge,
    pub(crate) a: Phone,
    pub(crate) b: Phone,
    pub(crate) invite: Msg,
    pub(crate) ok: Msg,
}

/// Sets a call up from the PBX to carrier-a.
#[track_caller]
pub(crate) fn talk(mut edge: Edge) -> Talk {
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(CARRIER_A, &b.respond(&invite, "180 Ringing", "", ""));
    edge.expect(PBX, "SIP/2.0 180 ");
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(PBX, &a.ack(""));
    edge.expect_silence();
    Talk {
        edge,
        a,
        b,
        invite,
        ok,
    }
}

/// The caller hangs up.
#[track_caller]
pub(crate) fn end(talk: &mut Talk) {
    talk.edge.receive(PBX, &talk.a.request("BYE", "", ""));
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    let bye = talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&bye, "200 OK", "", ""));
    talk.edge.finish();
}

#[test]
fn a_call_from_the_pbx() {
    let mut talk = talk(Edge::new());
    let (invite, ok) = (&talk.invite, &talk.ok);
    assert_eq!(invite.request_uri(), "sip:+12125550123@203.0.113.30");
    assert_eq!(invite.must("Max-Forwards"), "69");
    assert!(
        invite
            .must("From")
            .starts_with("\"Caller\" <sip:+12025550101@198.51.100.10>;tag=")
    );
    assert_eq!(invite.must("To"), "<sip:+12125550123@203.0.113.30>");
    assert_eq!(invite.contact(), "sip:198.51.100.10:5060");
    assert_eq!(ok.contact(), "sip:10.0.0.10:5060");
    assert!(invite.body().contains("c=IN IP4 198.51.100.10"));
    assert!(ok.body().contains("c=IN IP4 10.0.0.10"));
    assert!((30_000..30_100).contains(&invite.audio_port()) && (20_000..20_100).contains(&ok.audio_port()));
    assert_eq!(talk.edge.flows.len(), 4);
    assert_eq!(talk.edge.calls.active(), 1);
    talk.edge.advance(Duration::from_millis(2_500));
    let listed = talk.edge.calls.list();
    assert_eq!(listed.len(), 1);
    let id = listed[0].id.clone();
    let detail = talk
        .edge
        .with(|calls, ctx| calls.show(ctx, &id))
        .expect("it lives");
    assert_eq!((detail.codec.as_str(), detail.flows.len()), ("PCMU", 2));
    end(&mut talk);
    let record = &talk.edge.cdrs[0];
    assert_eq!(
        (record.from_trunk.as_str(), record.to_trunk.as_str()),
        ("pbx", "carrier-a")
    );
    assert_eq!(
        (record.sip_status, record.q850, record.ended_by),
        (200, 16, EndedBy::Caller)
    );
    assert_eq!((record.attempt, record.last, record.billed_secs()), (1, true, 3));
    assert_eq!(record.price(), Some(600));
    assert_eq!(record.called_normalised, "+12125550123");
    assert_eq!(record.call_id, id);
    let counters = talk.edge.calls.counters();
    assert_eq!(
        (
            counters.calls_started,
            counters.calls_answered,
            counters.calls_ended
        ),
        (1, 1, 1)
    );
    assert_eq!(counters.trunks[0].inbound.answered, 1);
    assert_eq!(counters.trunks[1].outbound.answered, 1);
}

#[test]
fn the_callee_hangs_up() {
    let mut talk = talk(Edge::new());
    let bye = talk.b.request("BYE", "Reason: Q.850;cause=16\r\n", "");
    talk.edge.receive(CARRIER_A, &bye);
    talk.edge.expect(CARRIER_A, "SIP/2.0 200 ");
    let relayed = talk.edge.expect(PBX, "BYE sip:me@10.0.0.20:5060 ");
    assert_eq!(relayed.must("Reason"), "Q.850;cause=16");
    // Its repetition is absorbed, while the other side has not answered yet.
    talk.edge.receive(CARRIER_A, &bye);
    talk.edge.expect(CARRIER_A, "SIP/2.0 200 ");
    talk.edge.expect_silence();
    talk.edge
        .receive(PBX, &talk.a.respond(&relayed, "200 OK", "", ""));
    talk.edge.finish();
    assert_eq!(talk.edge.cdrs[0].ended_by, EndedBy::Callee);
}

#[test]
fn a_call_to_a_number_of_the_enterprise() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(CARRIER_B, "12125550123", "+12025550150");
    edge.receive(CARRIER_B, &a.invite(&sdp("203.0.113.40", 4000)));
    edge.expect(CARRIER_B, "SIP/2.0 100 ");
    let invite = edge.expect(PBX, "INVITE sip:+12025550150@10.0.0.20 ");
    let mut b = Phone::callee(PBX, &invite);
    edge.receive(PBX, &b.respond(&invite, "200 OK", "", &sdp("10.0.0.20", 6000)));
    let ok = edge.expect(CARRIER_B, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(PBX, "ACK ");
    edge.receive(CARRIER_B, &a.ack(""));
    edge.receive(PBX, &b.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_B, "BYE ");
    edge.receive(CARRIER_B, &a.respond(&bye, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.cdrs[0].to_trunk, "pbx");
}

#[test]
fn early_media_of_two_forks_is_one_dialog_for_the_caller() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    let fork = Phone {
        local: format!("{};tag=other", invite.must("To")),
        ..b.clone()
    };
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "183 Session Progress", "", &sdp("203.0.113.30", 6000)),
    );
    let first = edge.expect(PBX, "SIP/2.0 183 ");
    assert_eq!(edge.flows.len(), 4, "early media has its flows");
    let towards = |edge: &Edge| {
        let mut all: Vec<_> = edge
            .flows
            .iter()
            .filter_map(|(id, _)| edge.flows.egress_remote(id))
            .collect();
        all.sort();
        all.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(
        towards(&edge).contains(&"203.0.113.30:6000".to_string()),
        "{:?}",
        towards(&edge)
    );
    edge.receive(
        CARRIER_A,
        &fork.respond(&invite, "183 Session Progress", "", &sdp("203.0.113.31", 7000)),
    );
    let second = edge.expect(PBX, "SIP/2.0 183 ");
    assert_eq!(first.must("To"), second.must("To"));
    assert!(towards(&edge).contains(&"203.0.113.31:7000".to_string()));
    edge.receive(
        CARRIER_A,
        &fork.respond(&invite, "200 OK", "", &sdp("203.0.113.31", 7000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(first.must("To"), ok.must("To"));
    a.learn(&ok);
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(PBX, &a.ack(""));
    // The other fork answers as well: it is acknowledged and ended.
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ack = edge.expect(CARRIER_A, "ACK ");
    assert_eq!(ack.must("To"), b.local);
    let bye = edge.expect(CARRIER_A, "BYE ");
    assert_eq!(bye.must("To"), b.local);
    edge.receive(CARRIER_A, &b.respond(&bye, "200 OK", "", ""));
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.expect(PBX, "SIP/2.0 200 ");
    let bye = edge.expect(CARRIER_A, "BYE ");
    edge.receive(CARRIER_A, &fork.respond(&bye, "200 OK", "", ""));
    edge.finish();
    assert_eq!(edge.calls.counters().forked_answers, 1);
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(""));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    assert_eq!(invite.body(), "");
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert!(ok.body().contains("c=IN IP4 10.0.0.10"));
    edge.expect_silence();
    a.learn(&ok);
    edge.receive(PBX, &a.ack(&sdp("10.0.0.20", 4000)));
    let ack = edge.expect(CARRIER_A, "ACK ");
    assert!(ack.body().contains("c=IN IP4 198.51.100.10"));
    assert_eq!(edge.flows.len(), 4);
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
fn retransmissions_are_absorbed() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let text = a.invite(&sdp("10.0.0.20", 4000));
    edge.receive(PBX, &text);
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    edge.receive(PBX, &text);
    edge.expect(PBX, "SIP/2.0 100 ");
    edge.expect_silence();
    let b = Phone::callee(CARRIER_A, &invite);
    let answer = b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000));
    edge.receive(CARRIER_A, &answer);
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    let ack = edge.expect(CARRIER_A, "ACK ");
    // The callee has not seen the ACK.
    edge.receive(CARRIER_A, &answer);
    assert_eq!(edge.expect(CARRIER_A, "ACK ").text, ack.text);
    // The caller has not seen the 200: it comes again after T1 and 2*T1.
    edge.receive(PBX, &text);
    edge.sent.clear();
    edge.advance(Duration::from_millis(600));
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.advance(Duration::from_millis(1000));
    edge.expect(PBX, "SIP/2.0 200 ");
    edge.expect_silence();
    a.learn(&ok);
    edge.receive(PBX, &a.ack(""));
    edge.advance(Duration::from_secs(5));
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
fn the_codec_list_of_a_trunk_filters_and_orders_the_offer() {
    let mut parts = crate::edge::parts();
    parts.trunks[1].codecs = vec!["PCMA".into(), "telephone-event".into()];
    let mut edge = Edge::with_plan(parts);
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let offer = sdp_with(
        "10.0.0.20",
        4000,
        "0 8 101",
        "a=rtpmap:101 telephone-event/8000\r\n",
        1,
    );
    edge.receive(PBX, &a.invite(&offer));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    assert!(invite.body().contains(" RTP/AVP 8 101\r\n"), "{}", invite.body());
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(CARRIER_A, &b.respond(&invite, "603 Decline", "", ""));
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 603 ");
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}
