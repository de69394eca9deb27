use std::string::String;
use std::vec::Vec;

use super::*;
use crate::{Message, parse};

const SOURCE: &str = "203.0.113.9:5071";

fn request(via: &str) -> Vec<u8> {
    let text = std::format!(
        "OPTIONS sip:a@b SIP/2.0\r\n{via}\r\nf: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\ni: c1\r\nCSeq: 7 OPTIONS\r\nl: 0\r\n\r\n"
    );
    text.into_bytes()
}

fn answered(via: &str) -> String {
    let bytes = request(via);
    let message: Message<'_> = parse(&bytes).unwrap();
    let mut buffer = [0; 1024];
    let mut writer = response(
        &message,
        SOURCE.parse().unwrap(),
        Status::OK,
        b"",
        Some(b"t9"),
        &mut buffer,
    );
    let len = writer.finish(None, b"").unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

fn target_of(via: &str) -> String {
    let bytes = request(via);
    std::format!(
        "{}",
        response_target(&parse(&bytes).unwrap(), SOURCE.parse().unwrap())
    )
}

#[test]
fn a_whole_response() {
    assert_eq!(
        answered("Via: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bKa, SIP/2.0/UDP x\r\nv: SIP/2.0/TCP y"),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bKa, SIP/2.0/UDP x\r\nVia: SIP/2.0/TCP y\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=t9\r\nCall-ID: c1\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn received_and_rport_are_the_servers() {
    for (via, top) in [
        (
            "Via: SIP/2.0/UDP h;branch=z9hG4bKa",
            "Via: SIP/2.0/UDP h;branch=z9hG4bKa;received=203.0.113.9\r\n",
        ),
        (
            "Via: SIP/2.0/UDP 203.0.113.9 ;rport; branch=z9hG4bKa",
            "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa;received=203.0.113.9;rport=5071\r\n",
        ),
        (
            "Via: SIP/2.0/UDP 10.0.0.1;received=192.0.2.10;branch=z9hG4bKa;rport=5060",
            "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=203.0.113.9;rport=5071\r\n",
        ),
    ] {
        let text = answered(via);
        assert!(text.contains(top), "{text}");
    }
}

#[test]
fn responses_go_to_the_source() {
    assert_eq!(
        target_of("Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa;rport"),
        SOURCE
    );
    assert_eq!(
        target_of("Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa"),
        "203.0.113.9:5062"
    );
    assert_eq!(
        target_of("Via: SIP/2.0/UDP h;branch=z9hG4bKa;maddr=192.0.2.1"),
        "203.0.113.9:5060"
    );
}

#[test]
fn overflow_is_remembered() {
    let mut buffer = [0; 20];
    let mut writer = Writer::new(&mut buffer);
    writer
        .request_line(b"OPTIONS", b"sip:a-long-name@example.com")
        .field(b"a", b"b");
    assert_eq!(writer.finish(None, b""), Err(Overflow));
}

#[test]
fn addresses_and_numbers() {
    let mut buffer = [0; 200];
    let mut writer = Writer::new(&mut buffer);
    writer
        .address("2001:db8::1".parse().unwrap(), Some(5060))
        .raw(b" ")
        .number(0)
        .raw(b" ")
        .number(u64::MAX);
    let len = writer.len();
    assert_eq!(&buffer[..len], b"[2001:db8::1]:5060 0 18446744073709551615");
}

fn refused(bytes: &[u8]) -> Option<String> {
    let error = parse(bytes).unwrap_err();
    let mut buffer = [0; 1024];
    let len = answer_malformed(bytes, &error, SOURCE.parse().unwrap(), b"t9", &mut buffer)?;
    Some(String::from_utf8(buffer[..len].to_vec()).unwrap())
}

#[test]
fn broken_requests_are_answered_with_what_is_left() {
    let text = refused(
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nTo: <sip:a@b>\r\nCSeq: x\r\n\r\n",
    );
    assert_eq!(
        text.as_deref(),
        Some(
            "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa;received=203.0.113.9\r\n\
             To: <sip:a@b>;tag=t9\r\nCSeq: x\r\nContent-Length: 0\r\n\r\n"
        )
    );
}

#[test]
fn nothing_is_answered_to_responses_acks_and_noise() {
    for text in [
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\n\r\n",
        "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\n\r\n",
        "GET / HTTP/1.1\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\n\r\n",
        "INVITE sip:a@b SIP/2.0\r\nCSeq: x\r\n\r\n",
    ] {
        assert_eq!(refused(text.as_bytes()), None, "{text}");
    }
}
