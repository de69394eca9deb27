//! What does not become a call.

use std::time::Duration;

use trunkline_call::plan::Limits;

use crate::basic::{end, talk};
use crate::edge::{CARRIER_A, Edge, PBX, limit, parts};
use crate::phone::{Msg, Phone, sdp, sdp_with};

fn invite_text(to: &str, fields: &str) -> String {
    Phone::caller(PBX, "2025550109", to).request("INVITE", fields, &sdp("10.0.0.20", 4000))
}

#[track_caller]
fn refused(edge: &mut Edge, text: &str, status: &str) -> Msg {
    edge.receive(PBX, text);
    let answer = edge.expect(PBX, &format!("SIP/2.0 {status} "));
    edge.expect_silence();
    answer
}

#[test]
fn an_unknown_source_gets_nothing() {
    let mut edge = Edge::new();
    edge.receive(
        "203.0.113.99:5060",
        &Phone::caller(CARRIER_A, "1", "12025550150").invite(""),
    );
    edge.receive("203.0.113.99:5060", "OPTIONS sip:x SIP/2.0\r\nbroken");
    edge.expect_silence();
    assert_eq!(edge.calls.counters().unknown_source, 2);
    edge.finish();
}

#[test]
fn a_number_without_a_route_is_404() {
    let mut edge = Edge::new();
    for to in ["+442079460000", "1001", "alice"] {
        refused(&mut edge, &invite_text(to, ""), "404");
        edge.advance(Duration::from_secs(60));
        edge.sent.clear();
    }
    assert_eq!(edge.calls.counters().unroutable, 3);
    assert_eq!(edge.cdrs.len(), 3);
    assert_eq!(
        (edge.cdrs[0].attempt, edge.cdrs[0].sip_status, edge.cdrs[0].q850),
        (0, 404, 1)
    );
    edge.finish();
}

#[test]
fn what_is_required_but_not_known_is_420() {
    let mut edge = Edge::new();
    let answer = refused(
        &mut edge,
        &invite_text("12125550123", "Require: precondition, timer, foo\r\n"),
        "420",
    );
    assert_eq!(answer.must("Unsupported"), "precondition, foo");
    assert_eq!(edge.calls.counters().bad_extension, 1);
    edge.finish();
}

#[test]
fn loops_end() {
    let mut edge = Edge::new();
    let text = invite_text("12125550123", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    refused(&mut edge, &text, "483");
    // Our own INVITE comes back by way of the PBX.
    let mut edge = Edge::new();
    edge.checks_hiding = false;
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let ours = edge.expect(CARRIER_A, "INVITE ");
    let back = ours.text.replacen(
        "Via: ",
        "Via: SIP/2.0/UDP 203.0.113.30;branch=z9hG4bKproxy\r\nVia: ",
        1,
    );
    edge.receive(CARRIER_A, &back);
    edge.expect(CARRIER_A, "SIP/2.0 482 ");
    assert_eq!(edge.calls.counters().loops, 1);
    edge.receive(
        CARRIER_A,
        &Phone::callee(CARRIER_A, &ours).respond(&ours, "482 Loop Detected", "", ""),
    );
    edge.expect(CARRIER_A, "ACK ");
    edge.expect(PBX, "SIP/2.0 482 ");
    edge.finish();
}

#[test]
fn methods_that_are_not_served() {
    let mut edge = Edge::new();
    for (method, status) in [
        ("REGISTER", "405"),
        ("SUBSCRIBE", "405"),
        ("MESSAGE", "405"),
        ("PUBLISH", "405"),
        ("REFER", "405"),
        ("FROBNICATE", "501"),
        ("BYE", "481"),
        ("INFO", "481"),
    ] {
        let mut a = Phone::caller(PBX, method, "12125550123");
        let answer = refused(&mut edge, &a.request(method, "", ""), status);
        if status != "481" {
            assert!(answer.must("Allow").starts_with("INVITE, ACK"));
        }
    }
    assert_eq!(edge.calls.counters().bad_method, 6);
    edge.finish();
}

#[test]
fn options_say_what_is_served() {
    let mut edge = Edge::new();
    let answer = refused(
        &mut edge,
        &Phone::caller(PBX, "x", "edge").request("OPTIONS", "", ""),
        "200",
    );
    assert!(answer.must("Allow").contains("INVITE"));
    assert_eq!(answer.must("Accept"), "application/sdp");
    assert_eq!(answer.must("Supported"), "timer, 100rel");
    edge.finish();
}

#[test]
fn requests_in_unknown_dialogs_are_481_and_acks_are_dropped() {
    let mut talk = talk(Edge::new());
    let mut stranger = talk.a.clone();
    stranger.local = stranger.local.replace("caller1", "stranger");
    stranger.branches = 500;
    let text = stranger.request("BYE", "", "");
    refused(&mut talk.edge, &text, "481");
    let text = stranger.ack("");
    talk.edge.receive(PBX, &text);
    talk.edge.expect_silence();
    assert_eq!(talk.edge.calls.counters().no_dialog, 2);
    assert_eq!(talk.edge.calls.active(), 1);
    // The right names from the wrong side do not help either.
    let mut crossed = talk.a.clone();
    crossed.branches = 600;
    talk.edge.checks_hiding = false;
    talk.edge.receive(
        CARRIER_A,
        &crossed
            .request("BYE", "", "")
            .replace("10.0.0.20", "203.0.113.30"),
    );
    talk.edge.expect(CARRIER_A, "SIP/2.0 481 ");
    talk.edge.checks_hiding = true;
    assert_eq!(talk.edge.calls.active(), 1);
    end(&mut talk);
}

#[test]
fn schemes_and_bodies_that_nobody_can_take() {
    let mut edge = Edge::new();
    let text = invite_text("12125550123", "").replacen("sip:12125550123@10.0.0.10", "urn:service:sos", 1);
    refused(&mut edge, &text, "416");
    let mut a = Phone::caller(PBX, "2", "12125550123");
    let answer = refused(
        &mut edge,
        &a.request("INVITE", "Content-Type: text/plain\r\n", "hello"),
        "415",
    );
    assert_eq!(answer.must("Accept"), "application/sdp");
    let mut a = Phone::caller(PBX, "3", "12125550123");
    refused(&mut edge, &a.request("INVITE", "", "v=1\r\n"), "488");
    edge.finish();
}

#[test]
fn a_broken_request_is_400() {
    let mut edge = Edge::new();
    let text = invite_text("12125550123", "").replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    refused(&mut edge, &text, "400");
    assert_eq!(edge.calls.counters().malformed_answered, 1);
    edge.finish();
}

#[test]
fn a_call_limit_of_the_source_is_503() {
    let mut parts = parts();
    limit(
        &mut parts,
        0,
        Limits {
            calls: Some(1),
            ..Limits::default()
        },
    );
    let mut talk = talk(Edge::with_plan(parts));
    let answer = refused(&mut talk.edge, &invite_text("12125550123", ""), "503");
    assert!(answer.must("Retry-After").parse::<u32>().is_ok());
    assert_eq!(
        answer.must("Reason"),
        "SIP;cause=503;text=\"limit of calls reached\""
    );
    assert_eq!(talk.edge.calls.counters().limit_calls, 1);
    end(&mut talk);
}

#[test]
fn a_limit_of_one_trunk_goes_on_to_the_next_and_a_limit_of_all_is_503() {
    let mut parts = parts();
    limit(
        &mut parts,
        1,
        Limits {
            bandwidth_bps: Some(90_000),
            ..Limits::default()
        },
    );
    limit(
        &mut parts,
        2,
        Limits {
            calls: Some(0),
            ..Limits::default()
        },
    );
    let mut talk = talk(Edge::with_plan(parts));
    talk.edge.receive(PBX, &invite_text("12125550123", ""));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    let answer = talk.edge.expect(PBX, "SIP/2.0 503 ");
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(
        answer.must("Reason"),
        "SIP;cause=503;text=\"limit of calls reached\""
    );
    let counters = talk.edge.calls.counters();
    assert_eq!(
        (counters.limit_bandwidth, counters.limit_calls, counters.attempts),
        (1, 1, 1)
    );
    end(&mut talk);
    assert_eq!(talk.edge.cdrs.iter().filter(|c| c.attempt == 0).count(), 1);
}

#[test]
fn a_rate_limit_refuses_the_burst() {
    let mut parts = parts();
    limit(
        &mut parts,
        0,
        Limits {
            cps: Some(2),
            ..Limits::default()
        },
    );
    let mut edge = Edge::with_plan(parts);
    for caller in 0..5 {
        let mut a = Phone::caller(PBX, &format!("202555011{caller}"), "12125550123");
        edge.receive(PBX, &a.invite(&sdp("10.0.0.20", 4000)));
    }
    assert_eq!(edge.calls.counters().limit_cps, 3);
    assert_eq!(edge.calls.active(), 2);
    edge.sent.clear();
    edge.finish();
}

#[test]
fn no_port_no_call() {
    let mut parts = parts();
    parts.zones[1].rtp_ports = (30_000, 30_001);
    let mut talk = talk(Edge::with_plan(parts));
    talk.edge.receive(PBX, &invite_text("12125550123", ""));
    talk.edge.expect(PBX, "SIP/2.0 100 ");
    talk.edge.expect(PBX, "SIP/2.0 503 ");
    assert!(talk.edge.calls.counters().limit_ports > 0);
    end(&mut talk);
}

#[test]
fn a_draining_edge_and_a_full_record_queue_take_no_calls() {
    let mut talk = talk(Edge::new());
    talk.edge.calls.set_draining(true);
    refused(&mut talk.edge, &invite_text("12125550123", ""), "503");
    assert_eq!(talk.edge.calls.counters().draining, 1);
    end(&mut talk);
    let mut edge = Edge::new();
    edge.cdr_room = false;
    refused(&mut edge, &invite_text("12125550123", ""), "503");
    assert_eq!(edge.calls.counters().limit_cdr, 1);
    edge.finish();
}

#[test]
fn nothing_of_one_side_reaches_the_other() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let fields = "Record-Route: <sip:proxy.pbx.corp.example;lr>\r\nUser-Agent: corp-secret 1.0\r\n\
        P-Asserted-Identity: \"Ann\" <sip:2025550101@pbx.corp.example>\r\nP-Preferred-Identity: <sip:1@10.0.0.21>\r\n\
        Remote-Party-ID: <sip:2025550101@10.0.0.20>;party=calling\r\nDiversion: <sip:2025550177@10.0.0.20>\r\n\
        Call-Info: <http://10.0.0.20/x>\r\nX-Where: host 10.0.0.77\r\nX-Color: blue\r\n\
        Alert-Info: <http://pbx.corp.example/ring>\r\nX-Six: at [fd00::17] now\r\nX-Time: 12:30:45\r\nSubject: hello\r\nPrivacy: none\r\n";
    edge.receive(PBX, &a.request("INVITE", fields, &sdp("10.0.0.20", 4000)));
    edge.expect(PBX, "SIP/2.0 100 ");
    let invite = edge.expect(CARRIER_A, "INVITE ");
    assert_eq!(
        invite.must("P-Asserted-Identity"),
        "\"Ann\" <sip:+12025550101@198.51.100.10>"
    );
    assert_eq!(invite.must("Diversion"), "<sip:+12025550177@198.51.100.10>");
    assert_eq!(invite.must("User-Agent"), "trunkline");
    assert_eq!(
        (
            invite.must("X-Color"),
            invite.must("Subject"),
            invite.must("Privacy")
        ),
        ("blue", "hello", "none")
    );
    assert_eq!(invite.must("X-Time"), "12:30:45");
    for gone in [
        "X-Where",
        "X-Six",
        "Call-Info",
        "Alert-Info",
        "Record-Route",
        "Route",
    ] {
        assert_eq!(invite.header(gone), None, "{gone}");
    }
    let b = Phone::callee(CARRIER_A, &invite);
    let fields = "Record-Route: <sip:sbc.carrier.example;lr>\r\nServer: carrier.example\r\n\
        P-Asserted-Identity: <sip:+12125550123@carrier.example>\r\nX-Node: 203.0.113.31\r\n";
    edge.receive(
        CARRIER_A,
        &b.respond(
            &invite,
            "200 OK",
            fields,
            &sdp("203.0.113.30", 6000).replace("corp-secret", "x"),
        ),
    );
    let ok = edge.expect(PBX, "SIP/2.0 200 ");
    assert_eq!(ok.must("P-Asserted-Identity"), "<sip:+12125550123@10.0.0.10>");
    assert_eq!(ok.must("Record-Route"), "<sip:proxy.pbx.corp.example;lr>");
    assert_eq!(ok.header("X-Node"), None);
    let ack = edge.expect(CARRIER_A, "ACK ");
    assert_eq!(ack.must("Route"), "<sip:sbc.carrier.example;lr>");
    a.learn(&ok);
    edge.receive(PBX, &a.ack(""));
    edge.receive(PBX, &a.request("BYE", "", ""));
    edge.finish();
}

#[test]
fn options_that_require_or_address_what_is_not_there_are_refused() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "1", "12125550123");
    let answer = refused(
        &mut edge,
        &a.request("OPTIONS", "Require: foo, timer, bar\r\n", ""),
        "420",
    );
    assert_eq!(answer.must("Unsupported"), "foo, bar");
    let mut a = Phone::caller(PBX, "2", "12125550123");
    let text = a.request("OPTIONS", "", "");
    refused(
        &mut edge,
        &text.replacen("sip:12125550123@10.0.0.10", "gopher:x", 1),
        "416",
    );
    edge.finish();
}

#[test]
fn a_description_tells_nobody_where_it_comes_from() {
    let mut edge = Edge::new();
    let mut a = Phone::caller(PBX, "2025550101", "12125550123");
    let attributes = "a=sendrecv\r\na=x-host:10.0.0.20\r\na=x-port:7\r\n";
    let body = sdp_with("10.0.0.20", 4000, "0", attributes, 1).replacen(
        "s=call\r\n",
        "s=call\r\ni=desk at 10.0.0.20\r\nu=http://pbx.corp.example/\r\ne=me@corp.example\r\np=+1 202 555 0101\r\n",
        1,
    );
    edge.receive(PBX, &a.invite(&body));
    edge.expect(PBX, "SIP/2.0 100 ");
    // Every message that is sent is searched for the addresses of the other side.
    let invite = edge.expect(CARRIER_A, "INVITE ");
    assert!(invite.body().contains("a=x-port:7\r\n") && invite.body().contains("a=sendrecv\r\n"));
    assert!(!invite.body().contains("x-host") && !invite.body().contains("\r\ne="));
    edge.receive(PBX, &a.cancel());
    edge.finish();
}
