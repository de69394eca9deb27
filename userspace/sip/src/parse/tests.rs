use std::string::String;

use super::*;

const HEAD: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n";

fn with(lines: &str) -> String {
    std::format!("BYE sip:a@b SIP/2.0\r\n{HEAD}{lines}\r\n")
}

fn fault(text: &str) -> (Kind, usize) {
    let error = parse(text.as_bytes()).unwrap_err();
    (error.kind, error.offset)
}

#[test]
fn a_value_is_trimmed_and_keeps_its_folds() {
    let text = with("X-Odd \t: \t a\r\n \tb  \r\nEmpty:\r\nEmpty2: \r\n  \r\n");
    let message = parse(text.as_bytes()).unwrap();
    assert_eq!(message.header_by_bytes(b"x-odd"), Some(&b"a\r\n \tb"[..]));
    assert_eq!(message.header_by_bytes(b"empty"), Some(&b""[..]));
    assert_eq!(message.header_by_bytes(b"empty2"), Some(&b""[..]));
}

#[test]
fn faults_say_where_they_are() {
    let at = "BYE sip:a@b SIP/2.0\r\n".len() + HEAD.len();
    assert_eq!(fault(&with("no colon\r\n")), (Kind::NoColon, at));
    assert_eq!(fault(&with("a b: c\r\n")), (Kind::BadHeaderName, at));
    assert_eq!(fault(&with("l: x\r\n")), (Kind::BadContentLength, at + 3));
    assert_eq!(
        fault(&with("l: 0\r\nContent-Length: 0\r\n")),
        (Kind::DuplicateHeader, at + 6)
    );
    assert_eq!(fault(&with("a: b\rc\r\n")), (Kind::BareCr, at + 4));
    assert_eq!(fault(&with("a: b\nc\r\n")), (Kind::BareLf, at + 4));
    assert_eq!(
        fault(&with("Max-Forwards: 256\r\n")),
        (Kind::BadMaxForwards, at + 14)
    );
}

#[test]
fn start_lines() {
    for (line, kind) in [
        ("BYE sip:a@b SIP/3.0", Kind::BadVersion),
        ("BYE sip:a@b SIP/2.0.0", Kind::BadStartLine),
        ("BYE sip:a@b", Kind::BadStartLine),
        ("BYE SIP/2.0", Kind::BadStartLine),
        ("BYE  sip:a@b SIP/2.0", Kind::BadRequestUri),
        ("BYE sip:a@b?x=y SIP/2.0", Kind::BadRequestUri),
        ("B<E sip:a@b SIP/2.0", Kind::BadMethod),
        ("GET / HTTP/1.1", Kind::NotSip),
        ("SIP/2.0 99 x", Kind::BadStatus),
        ("SIP/2.0 700 x", Kind::BadStatus),
        ("ACK sip:a@b SIP/2.0", Kind::CseqMethodMismatch),
    ] {
        assert_eq!(fault(&std::format!("{line}\r\n{HEAD}\r\n")).0, kind, "{line}");
    }
}

#[test]
fn the_limit_of_fields_is_exact() {
    let lines = |count: usize| with(&"a:b\r\n".repeat(count));
    assert!(parse(lines(crate::limits::FIELDS_MAX - 5).as_bytes()).is_ok());
    assert_eq!(
        fault(&lines(crate::limits::FIELDS_MAX - 4)).0,
        Kind::TooManyHeaders
    );
}

#[test]
fn the_limit_of_bytes_is_exact() {
    let message = |len: usize| {
        let head = with("Subject: x\r\n");
        String::from_utf8([head.as_bytes(), &std::vec![b'y'; len - head.len()]].concat()).unwrap()
    };
    assert!(parse(message(MESSAGE_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(fault(&message(MESSAGE_BYTES_MAX + 1)).0, Kind::TooLarge);
}
