//! What is written can be read, and says the same.

use proptest::prelude::*;
use trunkline_sip::write::Writer;
use trunkline_sip::{Method, Name, Status, parse};

use crate::corpus;

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

fn uri() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z0-9]{1,8}(\\.[a-z]{2,4}){0,2}",
        Just("[2001:db8::1]".to_owned())
    ];
    let user = proptest::option::of("[A-Za-z0-9+;=?/,&$.!~*'()_-]{1,16}");
    let port = proptest::option::of(1_u16..);
    let params = "(;[a-z]{1,6}(=[a-z0-9]{1,6})?){0,3}";
    (prop_oneof!["sip", "sips"], user, host, port, params).prop_map(|(scheme, user, host, port, params)| {
        let user = user.map(|user| user + "@").unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}:{user}{host}{port}{params}")
    })
}

/// A display name with what needs quoting in it.
fn display() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[A-Za-z0-9 ,;<>@:\u{e4}\u{4e16}]{0,20}".prop_map(|text| format!("\"{text}\" "))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn requests(
        method in 0..Method::ALL.len() - 1, target in uri(), from in uri(), from_name in display(), to in uri(),
        tag in token(), call_id in token(), branch in token(), number in 0_u32.., forwards in 0_u8..,
        header in "[ -~\u{e4}]{0,60}", body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let method = Method::ALL[method].as_str();
        let mut buffer = [0; 4096];
        let mut writer = Writer::new(&mut buffer);
        writer
            .request_line(method.as_bytes(), target.as_bytes())
            .field_parts(b"Via", &[b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK", branch.as_bytes()])
            .field_parts(b"From", &[from_name.as_bytes(), b"<", from.as_bytes(), b">;tag=", tag.as_bytes()])
            .field_parts(b"To", &[b"<", to.as_bytes(), b">"])
            .field(b"Call-ID", call_id.as_bytes())
            .field(b"X-Unknown", header.as_bytes())
            .field_number(b"Max-Forwards", u64::from(forwards));
        writer.raw(b"CSeq: ").number(u64::from(number)).raw(b" ").raw(method.as_bytes()).raw(b"\r\n");
        let len = writer.finish(Some(b"application/x"), &body).unwrap();
        let message = parse(&buffer[..len]).unwrap();
        prop_assert_eq!(message.method().as_str(), method);
        prop_assert_eq!(message.request_uri(), target.as_bytes());
        prop_assert_eq!(message.from().uri_bytes(), from.as_bytes());
        prop_assert_eq!(message.from().display().unwrap_or_default(), from_name.trim().as_bytes());
        prop_assert_eq!(message.from().tag(), Some(tag.as_bytes()));
        prop_assert_eq!(message.to().uri_bytes(), to.as_bytes());
        prop_assert_eq!(message.to().tag(), None);
        prop_assert_eq!(message.call_id(), call_id.as_bytes());
        prop_assert_eq!(message.cseq().number, number);
        prop_assert_eq!(message.max_forwards(), Some(forwards));
        prop_assert_eq!(message.header_by_bytes(b"x-unknown"), Some(header.trim_matches(' ').as_bytes()));
        prop_assert_eq!(message.body(), &body[..]);
    }

    #[test]
    fn responses(code in 100_u16..700, reason in "[ -~\u{e4}]{1,30}", tag in token()) {
        let mut buffer = [0; 1024];
        let status = Status::new(code).unwrap();
        let mut writer = Writer::new(&mut buffer);
        writer
            .status_line(status, reason.as_bytes())
            .named(Name::Via, b"SIP/2.0/TCP h")
            .named(Name::From, b"sip:a@b")
            .field_parts(b"To", &[b"sip:a@b;tag=", tag.as_bytes()])
            .named(Name::CallId, b"1")
            .named(Name::CSeq, b"1 BYE");
        let len = writer.finish(None, b"").unwrap();
        let message = parse(&buffer[..len]).unwrap();
        prop_assert_eq!(message.status(), Some(status));
        prop_assert_eq!(message.reason_phrase(), reason.as_bytes());
        prop_assert_eq!(message.to().tag(), Some(tag.as_bytes()));
        prop_assert_eq!(message.method(), Method::Bye);
    }
}

/// Every message of the corpus that is accepted, written field by field, is the same message.
#[test]
fn corpus_messages_written_anew_are_the_same() {
    let mut rewritten = 0;
    for case in corpus::cases() {
        let Ok(message) = parse(&case.bytes) else { continue };
        let mut buffer = vec![0; case.bytes.len() * 2 + 1_000];
        let mut writer = Writer::new(&mut buffer);
        match message.status() {
            Some(status) => writer.status_line(status, message.reason_phrase()),
            None => writer.request_line(message.method_bytes(), message.request_uri()),
        };
        for field in message.fields().filter(|field| field.name != Name::ContentLength) {
            writer.field(field.name_bytes, field.value);
        }
        let len = writer.finish(None, message.body()).unwrap();
        let again = parse(&buffer[..len]).unwrap_or_else(|error| panic!("{}: {error}", case.path()));
        let pairs = |message: &trunkline_sip::Message<'_>| -> Vec<(Vec<u8>, Vec<u8>)> {
            let fields = message.fields().filter(|field| field.name != Name::ContentLength);
            fields
                .map(|field| (field.name_bytes.to_vec(), field.value.to_vec()))
                .collect()
        };
        assert_eq!(pairs(&again), pairs(&message), "{}", case.path());
        assert_eq!(
            (again.status(), again.request_uri(), again.body()),
            (message.status(), message.request_uri(), message.body())
        );
        rewritten += 1;
    }
    assert!(rewritten > 450, "{rewritten}");
}
