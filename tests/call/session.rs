//! Session timers: RFC 4028, each leg for itself.

use std::time::Duration;

use crate::basic::{Talk, end};
use crate::edge::{CARRIER_A, Edge, PBX, parts};
use crate::phone::{Phone, sdp};

/// A call with these fields in the INVITE of the caller and in the 200 of the callee.
#[track_caller]
fn talk_with(mut edge: Edge, asks: &str, grants: &str) -> Talk {
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.request("INVITE", asks, &sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &invite);
    edge.receive(
        CARRIER_A,
        &b.respond(&invite, "200 OK", grants, &sdp("203.0.113.30", 6000)),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    a.learn(&ok);
    edge.expect(CARRIER_A, "ACK ");
    edge.receive(PBX, &a.ack(""));
    Talk {
        edge,
        a,
        b,
        invite,
        ok,
    }
}

#[test]
fn each_leg_has_its_own_interval() {
    let asks = "Supported: timer\r\nSession-Expires: 600\r\nMin-SE: 120\r\n";
    let mut talk = talk_with(Edge::new(), asks, "");
    assert_eq!(talk.invite.must("Session-Expires"), "1800");
    assert!(talk.invite.must("Supported").contains("timer"));
    assert_eq!(talk.ok.must("Session-Expires"), "600;refresher=uac");
    assert_eq!(talk.ok.must("Require"), "timer");
    end(&mut talk);
}

#[test]
fn a_caller_without_session_timers_gets_none() {
    let mut talk = talk_with(Edge::new(), "", "");
    assert!(talk.ok.header("Session-Expires").is_none());
    talk.edge.advance(Duration::from_secs(4000));
    talk.edge.expect_silence();
    end(&mut talk);
}

#[test]
fn an_interval_that_is_too_short_is_422() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let asks = "Supported: timer\r\nSession-Expires: 60\r\n";
    edge.receive(PBX, &a.request("INVITE", asks, &sdp("10.0.0.20", 4000)));
    let refused = edge.expect(PBX, "SIP/2.0 422 ");
    assert_eq!(refused.must("Min-SE"), "90");
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}

#[test]
fn a_422_of_the_callee_is_met() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let first = edge.expect(CARRIER_A, "INVITE ");
    let b = Phone::callee(CARRIER_A, &first);
    let small = b.respond(&first, "422 Too Small", "Min-SE: 3600\r\n", "");
    edge.receive(CARRIER_A, &small);
    edge.expect(CARRIER_A, "ACK ");
    let second = edge.expect(CARRIER_A, "INVITE ");
    assert_eq!(second.must("Call-ID"), first.must("Call-ID"));
    assert_eq!(second.must("From"), first.must("From"));
    assert_eq!(second.must("CSeq"), "2 INVITE");
    assert_eq!(second.must("Session-Expires"), "3600");
    assert_eq!(second.must("Min-SE"), "3600");
    assert_eq!(second.body(), first.body());
    edge.expect_silence();
    // The same demand again leads nowhere.
    edge.receive(
        CARRIER_A,
        &b.respond(&second, "422 Too Small", "Min-SE: 3600\r\n", ""),
    );
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 500 ");
    edge.receive(PBX, &a.ack(""));
    edge.finish();
}

#[test]
fn we_refresh_by_update_where_the_callee_takes_it() {
    let grants =
        "Require: timer\r\nSession-Expires: 200;refresher=uac\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";
    let mut talk = talk_with(Edge::new(), "", grants);
    for _ in 0..3 {
        talk.edge.advance(Duration::from_millis(100_005));
        let update = talk.edge.expect(CARRIER_A, "UPDATE ");
        assert_eq!(update.must("Session-Expires"), "200;refresher=uac");
        assert_eq!(update.body(), "");
        talk.edge
            .receive(CARRIER_A, &talk.b.respond(&update, "200 OK", grants, ""));
        talk.edge.expect_silence();
    }
    assert_eq!(talk.edge.calls.counters().sessions_refreshed, 3);
    end(&mut talk);
}

#[test]
fn we_refresh_by_reinvite_where_it_does_not() {
    let grants = "Require: timer\r\nSession-Expires: 200;refresher=uac\r\n";
    let mut talk = talk_with(Edge::new(), "", grants);
    talk.edge.advance(Duration::from_millis(100_005));
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    assert_eq!(invite.body(), talk.invite.body(), "nothing changes");
    // Meanwhile an offer of the caller has to wait.
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.20", 4002)));
    talk.edge.expect(PBX, "SIP/2.0 491 ");
    talk.edge.receive(PBX, &talk.a.ack_failure());
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&invite, "491 Request Pending", "", ""));
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.advance(Duration::from_secs(2));
    talk.edge.expect_silence();
    while talk.edge.sent.is_empty() {
        talk.edge.advance(Duration::from_millis(100));
    }
    let again = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge.receive(
        CARRIER_A,
        &talk
            .b
            .respond(&again, "200 OK", grants, &sdp("203.0.113.30", 6000)),
    );
    let ack = talk.edge.expect(CARRIER_A, "ACK ");
    assert_eq!(
        ack.must("CSeq").split(' ').next(),
        again.must("CSeq").split(' ').next()
    );
    talk.edge.expect_silence();
    end(&mut talk);
}

#[test]
fn a_session_that_the_caller_does_not_refresh_ends() {
    let asks = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let mut talk = talk_with(Edge::new(), asks, "");
    talk.edge.advance(Duration::from_secs(50));
    talk.edge.receive(PBX, &talk.a.request("UPDATE", asks, ""));
    let ok = talk.edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(ok.must("Session-Expires"), "90;refresher=uac");
    talk.edge.expect_silence();
    talk.edge.advance(Duration::from_secs(59));
    talk.edge.expect_silence();
    talk.edge.advance(Duration::from_secs(2));
    let bye = talk.edge.expect(PBX, "BYE ");
    assert!(bye.must("Reason").contains("session expired"));
    talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge.finish();
    assert_eq!(talk.edge.calls.counters().sessions_expired, 1);
    assert_eq!(talk.edge.cdrs[0].reason, "session expired");
}

#[test]
fn a_refresh_that_finds_no_dialog_ends_the_call() {
    let grants = "Session-Expires: 200;refresher=uac\r\nAllow: UPDATE\r\n";
    let mut talk = talk_with(Edge::new(), "", grants);
    talk.edge.advance(Duration::from_millis(100_005));
    let update = talk.edge.expect(CARRIER_A, "UPDATE ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&update, "481 Gone", "", ""));
    talk.edge.expect(PBX, "BYE ");
    talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge.finish();
}

#[test]
fn the_offer_of_a_refresh_is_relayed_and_both_timers_start_anew() {
    let fields = "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n";
    let grants = "Require: timer\r\nSession-Expires: 400;refresher=uas\r\n";
    let mut talk = talk_with(Edge::new(), fields, grants);
    for _ in 0..3 {
        talk.edge.advance(Duration::from_secs(200));
        talk.edge.expect_silence();
        let text = talk.a.request("INVITE", fields, &sdp("10.0.0.20", 4000));
        talk.edge.receive(PBX, &text);
        talk.edge.expect(PBX, "SIP/2.0 100 ");
        let invite = talk.edge.expect(CARRIER_A, "INVITE ");
        assert_eq!(invite.must("Session-Expires"), "400;refresher=uas");
        talk.edge.receive(
            CARRIER_A,
            &talk
                .b
                .respond(&invite, "200 OK", grants, &sdp("203.0.113.30", 6000)),
        );
        talk.edge.expect(CARRIER_A, "ACK ");
        let ok = talk.edge.expect(PBX, "SIP/2.0 200 ");
        assert_eq!(ok.must("Session-Expires"), "300;refresher=uac");
        talk.edge.receive(PBX, &talk.a.ack(""));
    }
    end(&mut talk);
}

#[test]
fn a_trunk_without_session_timers_is_not_asked() {
    let mut parts = parts();
    parts.trunks[1].sip.session.expires_secs = 0;
    let mut talk = talk_with(Edge::with_plan(parts), "", "");
    assert!(!talk.invite.text.contains("timer") && talk.invite.header("Session-Expires").is_none());
    end(&mut talk);
}
