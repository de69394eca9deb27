use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use trunkline_time::Timestamp;

use super::*;
use crate::parse::parse;
use crate::path::Transport;
use crate::transaction::TimerValues;

fn request(method: &str, cseq: u32, more: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n\
         From: Alice <sip:alice@a.example>;tag=a1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn response(status: u16, more: &str) -> String {
    format!(
        "SIP/2.0 {status} Reason\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKy\r\n\
         From: <sip:alice@a.example>;tag=a1\r\nTo: <sip:bob@b.example>;tag=b1\r\nCall-ID: c1\r\n\
         CSeq: 9 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

const CONTACT: &str = "Contact: <sip:peer@192.0.2.1:5070;transport=udp>\r\n";

fn uas(more: &str) -> Result<Dialog, DialogError> {
    let text = request("INVITE", 5, more);
    Dialog::from_request(&parse(text.as_bytes()).unwrap(), b"b1", Transport::Udp)
}

fn uac(status: u16, more: &str) -> Result<Dialog, DialogError> {
    let text = response(status, more);
    Dialog::from_response(
        &parse(text.as_bytes()).unwrap(),
        b"sip:bob@b.example",
        Transport::Udp,
    )
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn path() -> Path {
    Path {
        zone: 0,
        transport: Transport::Udp,
        local: address("192.0.2.10:5060"),
        remote: address("192.0.2.1:5060"),
    }
}

fn written(dialog: &Dialog, method: &str, cseq: u32) -> String {
    let mut buffer = [0; 4_000];
    let len = dialog
        .request(method.as_bytes(), cseq, &path(), b"z9hG4bKn", &mut buffer)
        .finish(None, &[])
        .unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

#[test]
fn a_uas_answers_back_along_the_record_route_in_order() {
    let more = format!(
        "{CONTACT}Record-Route: <sip:p4.example;lr>, <sip:p3.example;lr>\r\nRecord-Route: <sip:p1.example;lr;x=1>\r\n"
    );
    let mut dialog = uas(&more).unwrap();
    assert_eq!(dialog.state(), DialogState::Early);
    assert_eq!((dialog.local_cseq(), dialog.remote_cseq()), (None, Some(5)));
    dialog.confirm();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    assert_eq!(dialog.next_hop(), b"sip:p4.example;lr");
    let cseq = dialog.next_cseq();
    assert_eq!(
        written(&dialog, "BYE", cseq),
        "BYE sip:peer@192.0.2.1:5070;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKn;rport\r\n\
         Route: <sip:p4.example;lr>\r\nRoute: <sip:p3.example;lr>\r\nRoute: <sip:p1.example;lr;x=1>\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@b.example>;tag=b1\r\nTo: Alice <sip:alice@a.example>;tag=a1\r\n\
         Call-ID: c1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_uac_goes_along_the_record_route_in_reverse_and_numbers_on() {
    let more = format!("{CONTACT}Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n");
    let mut dialog = uac(200, &more).unwrap();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    assert_eq!((dialog.local_cseq(), dialog.remote_cseq()), (Some(9), None));
    assert!(
        dialog
            .routes()
            .eq([&b"sip:p1.example;lr"[..], b"sip:p2.example;lr"])
    );
    let ack = written(&dialog, "ACK", 9);
    assert!(ack.contains("\r\nCSeq: 9 ACK\r\n"), "{ack}");
    assert!(ack.contains("\r\nFrom: <sip:alice@a.example>;tag=a1\r\nTo: <sip:bob@b.example>;tag=b1\r\n"));
    assert_eq!((dialog.next_cseq(), dialog.next_cseq()), (10, 11));
}

#[test]
fn without_a_route_set_requests_go_to_the_remote_target() {
    let dialog = uac(200, CONTACT).unwrap();
    let bye = written(&dialog, "BYE", 10);
    assert!(bye.starts_with("BYE sip:peer@192.0.2.1:5070;transport=udp SIP/2.0\r\n"));
    assert!(!bye.contains("Route:"));
    assert_eq!(dialog.next_hop(), dialog.remote_target());
}

#[test]
fn a_strict_router_comes_first_into_the_request_uri() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
    //= type=test
    //# If the route set is not empty, and its first URI does not contain the
    //# lr parameter, the UAC MUST place the first URI from the route set
    //# into the Request-URI, stripping any parameters that are not allowed
    //# in a Request-URI.
    let more = "Contact: <sip:user@remoteua>\r\nRecord-Route: \
                <sip:proxy1;method=INVITE;transport=udp?x=1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>\r\n";
    let dialog = uas(more).unwrap();
    let bye = written(&dialog, "BYE", 1);
    assert!(
        bye.starts_with("BYE sip:proxy1;transport=udp SIP/2.0\r\n"),
        "{bye}"
    );
    let routes = "Route: <sip:proxy2>\r\nRoute: <sip:proxy3;lr>\r\nRoute: <sip:proxy4>\r\n\
                  Route: <sip:user@remoteua>\r\n";
    assert!(bye.contains(routes), "{bye}");
}

#[test]
fn what_makes_a_dialog_and_what_does_not() {
    assert_eq!(uac(180, CONTACT).unwrap().state(), DialogState::Early);
    for status in [100, 302, 404, 500, 603] {
        assert_eq!(
            uac(status, CONTACT).unwrap_err(),
            DialogError::NotEstablishing,
            "{status}"
        );
    }
    let untagged = response(180, CONTACT).replace(";tag=b1", "");
    let message = parse(untagged.as_bytes()).unwrap();
    let dialog = Dialog::from_response(&message, b"sip:b@b", Transport::Udp);
    assert_eq!(dialog.unwrap_err(), DialogError::NotEstablishing);
    assert_eq!(uac(200, "").unwrap_err(), DialogError::NoContact);
    assert_eq!(uac(180, "").unwrap().remote_target(), b"sip:bob@b.example");
    assert_eq!(uas("").unwrap_err(), DialogError::NoContact);
    assert_eq!(
        uas("Contact: <tel:+12025550100>\r\n").unwrap_err(),
        DialogError::NoContact
    );
}

#[test]
fn a_hostile_peer_cannot_make_a_dialog_hold_much() {
    let many: String = (0..=ROUTES_MAX)
        .map(|hop| format!("Record-Route: <sip:p{hop}>\r\n"))
        .collect();
    let crowded = uas(&format!("{CONTACT}{many}"));
    // The parser may refuse so many fields; if it does not, the dialog does.
    assert_eq!(crowded.unwrap_err(), DialogError::TooLarge);
    let long = format!(
        "{CONTACT}Record-Route: <sip:{}>\r\n",
        "p".repeat(DIALOG_BYTES_MAX)
    );
    assert_eq!(uas(&long).unwrap_err(), DialogError::TooLarge);
}

#[test]
fn a_2xx_confirms_an_early_dialog_and_replaces_its_routes() {
    let more = format!("{CONTACT}Record-Route: <sip:old.example;lr>\r\n");
    let mut dialog = uac(180, &more).unwrap();
    dialog.next_cseq();
    let text = response(
        200,
        "Contact: <sip:moved@192.0.2.2>\r\nRecord-Route: <sip:new.example;lr>\r\n",
    );
    dialog.on_success(&parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    assert!(dialog.routes().eq([&b"sip:new.example;lr"[..]]));
    assert_eq!(dialog.remote_target(), b"sip:moved@192.0.2.2");
    assert_eq!(dialog.local_cseq(), Some(10), "the numbers go on");
}

#[test]
fn a_request_with_a_lower_number_is_out_of_order() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.2
    //= type=test
    //# If the remote sequence number was not empty, but the sequence number
    //# of the request is lower than the remote sequence number, the request
    //# is out of order and MUST be rejected with a 500 (Server Internal
    //# Error) response.
    let mut dialog = uas(CONTACT).unwrap();
    let mut order = |method, cseq| {
        let text = request(method, cseq, "");
        dialog.on_request(&parse(text.as_bytes()).unwrap())
    };
    assert_eq!(order("INFO", 4), Order::OutOfOrder);
    assert_eq!(order("INFO", 6), Order::InOrder);
    assert_eq!(order("ACK", 5), Order::InOrder);
    assert_eq!(order("INFO", 9), Order::InOrder);
    assert_eq!(order("BYE", 8), Order::OutOfOrder);
}

#[test]
fn the_first_request_of_a_callee_sets_its_number() {
    let mut dialog = uac(200, CONTACT).unwrap();
    let text = request("BYE", 77, "");
    assert_eq!(
        dialog.on_request(&parse(text.as_bytes()).unwrap()),
        Order::InOrder
    );
    assert_eq!(dialog.remote_cseq(), Some(77));
}

#[test]
fn only_a_target_refresh_moves_the_target() {
    let mut dialog = uas(CONTACT).unwrap();
    let mut target = |text: &str| {
        dialog.refresh_target(&parse(text.as_bytes()).unwrap());
        String::from_utf8(dialog.remote_target().to_vec()).unwrap()
    };
    let moved = "Contact: <sip:moved@192.0.2.3>\r\n";
    assert_eq!(
        target(&request("INFO", 6, moved)),
        "sip:peer@192.0.2.1:5070;transport=udp"
    );
    assert_eq!(
        target(&request("INVITE", 7, "")),
        "sip:peer@192.0.2.1:5070;transport=udp"
    );
    assert_eq!(
        target(&response(180, moved)),
        "sip:peer@192.0.2.1:5070;transport=udp"
    );
    assert_eq!(target(&request("UPDATE", 8, moved)), "sip:moved@192.0.2.3");
    assert_eq!(
        target(&response(200, "Contact: <sip:again@192.0.2.4>\r\n")),
        "sip:again@192.0.2.4"
    );
}

#[test]
fn a_dialog_knows_its_messages_from_either_side() {
    let dialog = uas(CONTACT).unwrap();
    let is_own = |text: String| dialog.is_dialog_of(&parse(text.as_bytes()).unwrap());
    let bye = request("BYE", 6, "").replace("b.example>", "b.example>;tag=b1");
    assert!(is_own(bye.clone()));
    assert!(!is_own(bye.replace("tag=b1", "tag=b2")));
    assert!(!is_own(bye.replace("tag=a1", "tag=a2")));
    assert!(!is_own(bye.replace("Call-ID: c1", "Call-ID: c2")));
    assert!(!is_own(request("BYE", 6, "")));
    let ours = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKn\r\nFrom: <sip:b@b>;tag=b1\r\n\
                To: <sip:a@a>;tag=a1\r\nCall-ID: c1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";
    assert!(is_own(String::from(ours)));
}

#[test]
fn a_folded_from_is_written_on_one_line() {
    let text = request("INVITE", 5, CONTACT).replace("Alice <sip", "Alice\r\n <sip");
    let dialog = Dialog::from_request(&parse(text.as_bytes()).unwrap(), b"b1", Transport::Udp).unwrap();
    assert!(!dialog.remote().contains(&b'\n'));
    assert!(parse(written(&dialog, "BYE", 1).as_bytes()).is_ok());
}

#[test]
fn a_sips_call_over_tls_is_secure() {
    let text =
        request("INVITE", 5, "Contact: <sips:alice@192.0.2.1>\r\n").replace("INVITE sip:", "INVITE sips:");
    let message = parse(text.as_bytes()).unwrap();
    assert!(
        Dialog::from_request(&message, b"t", Transport::Tls)
            .unwrap()
            .is_secure()
    );
    assert!(
        !Dialog::from_request(&message, b"t", Transport::Tcp)
            .unwrap()
            .is_secure()
    );
}

#[test]
fn a_2xx_is_repeated_with_growing_intervals_until_64_t1() {
    let values = TimerValues::default();
    let start = Timestamp::from_millis(100);
    let mut repeat = SuccessRepeat::new(start, &values);
    let mut times = Vec::new();
    loop {
        let now = repeat.deadline();
        assert_eq!(
            repeat.on_deadline(now.saturating_sub(Duration::from_nanos(1)), &values),
            Repeat::Wait
        );
        let after = now.saturating_since(start).as_millis();
        match repeat.on_deadline(now, &values) {
            Repeat::Send => times.push(after),
            Repeat::GiveUp => {
                assert_eq!(after, 32_000);
                break;
            }
            Repeat::Wait => panic!("the deadline has come"),
        }
    }
    assert_eq!(
        times,
        [
            500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
}
