//! Requests inside a call that change nothing at the edge.

use std::time::Duration;

use crate::basic::{end, talk};
use crate::edge::{CARRIER_A, Edge, PBX};

#[test]
fn dtmf_by_info_crosses_both_ways() {
    let mut talk = talk(Edge::new());
    let fields = "Content-Type: application/dtmf-relay\r\n";
    talk.edge.receive(
        PBX,
        &talk.a.request("INFO", fields, "Signal=5\r\nDuration=160\r\n"),
    );
    let info = talk.edge.expect(CARRIER_A, "INFO ");
    assert_eq!(info.must("Content-Type"), "application/dtmf-relay");
    assert_eq!(info.body(), "Signal=5\r\nDuration=160\r\n");
    talk.edge
        .receive(CARRIER_A, &talk.b.respond(&info, "200 OK", "", ""));
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    talk.edge
        .receive(CARRIER_A, &talk.b.request("INFO", fields, "Signal=6\r\n"));
    let info = talk.edge.expect(PBX, "INFO ");
    talk.edge.receive(PBX, &talk.a.respond(&info, "415 No", "", ""));
    talk.edge.expect(CARRIER_A, "SIP/2.0 415 ");
    end(&mut talk);
}

#[test]
fn a_body_that_tells_an_address_does_not_cross() {
    let mut talk = talk(Edge::new());
    let fields = "Content-Type: text/plain\r\n";
    talk.edge
        .receive(PBX, &talk.a.request("MESSAGE", fields, "I am at 10.0.0.20"));
    talk.edge.expect(PBX, "SIP/2.0 403 ");
    end(&mut talk);
}

#[test]
fn requests_out_of_order_and_unserved_methods() {
    let mut talk = talk(Edge::new());
    let text = talk.a.numbered("INFO", 0, "", "");
    talk.edge.receive(PBX, &text);
    talk.edge.expect(PBX, "SIP/2.0 500 ");
    talk.edge.receive(
        PBX,
        &talk.a.request("REFER", "Refer-To: <sip:x@10.0.0.20>\r\n", ""),
    );
    talk.edge.expect(PBX, "SIP/2.0 405 ");
    talk.edge.receive(PBX, &talk.a.request("OPTIONS", "", ""));
    talk.edge.expect(PBX, "SIP/2.0 200 ");
    talk.edge
        .receive(PBX, &talk.a.request("INFO", "Require: foo\r\n", ""));
    talk.edge.expect(PBX, "SIP/2.0 420 ");
    end(&mut talk);
}

#[test]
fn a_slow_answer_brings_a_100_and_none_at_all_ends_the_call() {
    let mut talk = talk(Edge::new());
    talk.edge.receive(PBX, &talk.a.request("INFO", "", ""));
    talk.edge.expect(CARRIER_A, "INFO ");
    talk.edge.advance(Duration::from_secs(10));
    let said: Vec<_> = talk
        .edge
        .sent
        .iter()
        .filter(|s| s.message.text.starts_with("SIP/2.0 100 "))
        .collect();
    assert_eq!(said.len(), 1);
    talk.edge.advance(Duration::from_secs(30));
    assert!(talk.edge.sent.iter().any(|s| s.message.text.starts_with("BYE ")));
    talk.edge.finish();
}
