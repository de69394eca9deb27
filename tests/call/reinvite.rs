//! Offers inside a call.

use crate::basic::{Talk, end, talk};
use crate::edge::{CARRIER_A, Edge, PBX};
use crate::phone::{sdp, sdp_with};

/// The address that media from the caller goes to.
fn towards_callee(talk: &Talk) -> Vec<String> {
    let flows = &talk.edge.flows;
    let mut all: Vec<String> = flows
        .iter()
        .filter_map(|(id, _)| flows.egress_remote(id))
        .map(|a| a.to_string())
        .collect();
    all.sort();
    all
}

#[test]
fn hold_and_resume() {
    let mut talk = talk(Edge::new());
    let hold = sdp_with("10.0.0.20", 4000, "0", "a=sendonly\r\n", 2);
    talk.edge.receive(PBX, &talk.a.invite(&hold));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE sip:me@203.0.113.30:5060 ");
    assert!(invite.body().contains("a=sendonly"));
    assert_eq!(invite.audio_port(), talk.invite.audio_port());
    let origin = |body: &str| {
        body.lines()
            .find(|l| l.starts_with("o="))
            .expect("o=")
            .to_string()
    };
    let before: Vec<String> = origin(talk.invite.body()).split(' ').map(String::from).collect();
    let after: Vec<String> = origin(invite.body()).split(' ').map(String::from).collect();
    assert_eq!(before[1], after[1], "one session");
    assert_eq!(
        before[2].parse::<u64>().expect("n") + 1,
        after[2].parse::<u64>().expect("n")
    );
    let answer = sdp_with("203.0.113.30", 6000, "0", "a=recvonly\r\n", 2);
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&invite, "200 OK", "", &answer));
    talk.edge.expect(CARRIER_A, "ACK ");
    let ok = talk.edge.expect(PBX, "SIP/2.0 200 ");
    assert!(ok.body().contains("a=recvonly"));
    talk.edge.receive(PBX, &talk.a.ack(""));
    assert!(talk.edge.calls.list()[0].held);
    // Nobody speaks for ten minutes, and that is as it should be.
    talk.edge.advance(std::time::Duration::from_secs(600));
    let now = talk.edge.now;
    talk.edge.flows.expire_idle(now, 1024, &mut |_, _| panic!("held"));
    talk.edge.receive(
        PBX,
        &talk
            .a
            .invite(&sdp_with("10.0.0.20", 4000, "0", "a=sendrecv\r\n", 3)),
    );
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge.receive(
        CARRIER_A,
        &talk.b.respond(&invite, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    talk.edge.receive(PBX, &talk.a.ack(""));
    assert!(!talk.edge.calls.list()[0].held);
    end(&mut talk);
}

#[test]
fn the_callee_changes_codec_and_address() {
    let mut talk = talk(Edge::new());
    assert!(towards_callee(&talk).contains(&"203.0.113.30:6000".to_string()));
    let offer = sdp_with("203.0.113.33", 6200, "8", "", 2);
    talk.edge.receive(CARRIER_A, &talk.b.invite(&offer));
    talk.edge.expect(CARRIER_A, "SIP/2.0 100 ");
    let invite = talk.edge.expect(PBX, "INVITE sip:me@10.0.0.20:5060 ");
    assert!(
        towards_callee(&talk).contains(&"203.0.113.30:6000".to_string()),
        "not before the answer"
    );
    talk.edge.receive(
        PBX,
        &talk
            .a
            .respond(&invite, "200 OK", "", &sdp_with("10.0.0.20", 4000, "8", "", 2)),
    );
    talk.edge.expect(PBX, "ACK ");
    talk.edge.expect(CARRIER_A, "SIP/2.0 200 ");
    talk.edge.receive(CARRIER_A, &talk.b.ack(""));
    assert!(towards_callee(&talk).contains(&"203.0.113.33:6200".to_string()));
    let id = talk.edge.calls.list()[0].id.clone();
    let detail = talk
        .edge
        .with(|calls, ctx| calls.show(ctx, &id))
        .expect("it lives");
    assert_eq!(detail.codec, "PCMA");
    end(&mut talk);
}

#[test]
fn a_refused_offer_leaves_the_media_alone() {
    let mut talk = talk(Edge::new());
    let before = towards_callee(&talk);
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.21", 4400)));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge.receive(
        CARRIER_A,
        &talk.b.respond(&invite, "488 Not Acceptable Here", "", ""),
    );
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 488 ");
    assert_eq!(towards_callee(&talk), before);
    assert_eq!(talk.edge.calls.active(), 1);
    end(&mut talk);
}

#[test]
fn offers_that_cross_are_491() {
    let mut talk = talk(Edge::new());
    let from_a = talk.a.invite(&sdp("10.0.0.20", 4000));
    talk.edge.receive(PBX, &from_a);
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge
        .receive(CARRIER_A, &talk.b.invite(&sdp("203.0.113.30", 6000)));
    talk.edge.expect(CARRIER_A, "SIP/2.0 491 ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&invite, "491 Request Pending", "", ""));
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 491 ");
    assert_eq!(talk.edge.calls.counters().glare, 1);
    end(&mut talk);
}

#[test]
fn a_second_offer_of_one_side_is_500() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.20", 4000)));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.20", 4002)));
    let answer = talk.edge.expect(PBX, "SIP/2.0 500 ");
    assert!(answer.header("Retry-After").is_some());
    talk.edge.receive(
        CARRIER_A,
        &talk.b.respond(&invite, "488 Not Acceptable Here", "", ""),
    );
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 488 ");
    end(&mut talk);
}

#[test]
fn a_late_offer_inside_the_call() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(CARRIER_A, &talk.b.invite(""));
    talk.edge.expect(CARRIER_A, "SIP/2.0 100 ");
    let invite = talk.edge.expect(PBX, "INVITE ");
    talk.edge.receive(
        PBX,
        &talk.a.respond(&invite, "200 OK", "", &sdp("10.0.0.22", 4800)),
    );
    let ok = talk.edge.expect(CARRIER_A, "SIP/2.0 200 ");
    assert!(ok.body().contains("c=IN IP4 198.51.100.10"));
    talk.edge.expect_silence();
    talk.edge
        .receive(CARRIER_A, &talk.b.ack(&sdp("203.0.113.30", 6000)));
    let ack = talk.edge.expect(PBX, "ACK ");
    assert!(ack.body().contains("c=IN IP4 10.0.0.10"));
    assert!(towards_callee(&talk).contains(&"10.0.0.22:4800".to_string()));
    end(&mut talk);
}

#[test]
fn an_update_changes_media_without_ack() {
    let mut talk = talk(Edge::new());
    talk.edge
        .receive(PBX, &talk.a.request("UPDATE", "", &sdp("10.0.0.23", 4600)));
    let update = talk.edge.expect(CARRIER_A, "UPDATE ");
    talk.edge.receive(
        CARRIER_A,
        &talk.b.respond(&update, "200 OK", "", &sdp("203.0.113.30", 6000)),
    );
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    talk.edge.expect_silence();
    assert!(towards_callee(&talk).contains(&"10.0.0.23:4600".to_string()));
    end(&mut talk);
}

#[test]
fn a_dialog_that_the_other_side_has_lost_is_ended() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.20", 4000)));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&invite, "481 Gone", "", ""));
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 481 ");
    talk.edge.expect(PBX, "BYE ");
    talk.edge.expect(CARRIER_A, "BYE ");
    talk.edge.finish();
}

#[test]
fn a_cancelled_offer_ends_with_487() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.invite(&sdp("10.0.0.20", 4000)));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let invite = talk.edge.expect(CARRIER_A, "INVITE ");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&invite, "100 Trying", "", ""));
    talk.edge.receive(PBX, &talk.a.cancel());
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    talk.edge.expect(CARRIER_A, "CANCEL ");
    talk.edge.receive(
        CARRIER_A,
        &talk.b.respond(&invite, "487 Request Terminated", "", ""),
    );
    talk.edge.expect(CARRIER_A, "ACK ");
    talk.edge.expect(PBX, "SIP/2.0 487 ");
    end(&mut talk);
}
