//! No panic, no hang and no surprise on mutated messages.

use std::net::SocketAddr;

use trunkline_sip::framing::{Framer, Step};
use trunkline_sip::sdp::{Edits, MediaEdit, SessionDescription, rewrite};
use trunkline_sip::{Message, Name, Status, is_keepalive, parse, write};

use crate::corpus;

/// A small generator whose numbers are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) as usize
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() % limit.max(1)
    }
}

const MUTATIONS: usize = 50_000;
const SEEDS_BYTES_MAX: usize = 4_000;
const PIECES: [&[u8]; 16] = [
    b"\r\n", b"\r", b"\n", b"\0", b"\"", b"<", b">", b";", b",", b":", b"@", b"\\", b" ", b"\r\n ", b"[",
    b"=",
];

#[test]
fn fifty_thousand_mutations() {
    let seeds: Vec<Vec<u8>> = corpus::cases()
        .into_iter()
        .map(|case| case.bytes)
        .filter(|bytes| bytes.len() <= SEEDS_BYTES_MAX)
        .collect();
    let mut numbers = Numbers(1);
    let mut accepted = 0;
    for round in 0..MUTATIONS {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=numbers.below(3) {
            mutate(&mut bytes, &seeds, &mut numbers);
        }
        accepted += usize::from(exercise(&bytes));
    }
    // If all were refused the loop would test the first lines of the parser only.
    assert!(accepted > MUTATIONS / 10, "{accepted} accepted");
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    match numbers.below(7) {
        0 if !bytes.is_empty() => bytes[at] = numbers.next() as u8,
        1 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
        2 => bytes.truncate(at),
        3 => {
            let end = (at + numbers.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let piece = PIECES[numbers.below(PIECES.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        5 => {
            let end = (at + numbers.below(80)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            let to = numbers.below(bytes.len());
            bytes.splice(to..to, copy);
        }
        _ => {
            let other = &seeds[numbers.below(seeds.len())];
            let from = numbers.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

/// Runs everything that a datagram can reach; returns whether it was taken as a message.
fn exercise(bytes: &[u8]) -> bool {
    let source: SocketAddr = "192.0.2.66:5070".parse().unwrap();
    let mut buffer = vec![0; 16_384];
    assert!(!is_keepalive(bytes) || bytes.len() <= 4);
    frame(bytes);
    match parse(bytes) {
        Ok(message) => {
            read_all(&message, bytes);
            if message.is_request() {
                answer(&message, source, &mut buffer);
            }
            true
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error} of {}", bytes.len());
            if let Some(len) = write::answer_malformed(bytes, &error, source, b"t1", &mut buffer) {
                assert!(buffer[..len].ends_with(b"\r\n\r\n"));
            }
            false
        }
    }
}

fn frame(bytes: &[u8]) {
    let (mut framer, mut rest) = (Framer::new(), bytes);
    loop {
        match framer.next(rest) {
            Step::More | Step::Broken(_) => return,
            Step::Blank { end } | Step::Ping { end } | Step::Message { end } => {
                assert!(end > 0);
                rest = &rest[end..];
            }
        }
    }
}

fn read_all(message: &Message<'_>, bytes: &[u8]) {
    for field in message.fields() {
        assert!(bytes[field.offset..].starts_with(field.name_bytes));
        assert!(
            !field.value.contains(&b'\n')
                || field
                    .value
                    .windows(3)
                    .any(|text| matches!(text, b"\r\n " | b"\r\n\t"))
        );
    }
    for &name in Name::ALL {
        assert!(message.values(name).all(|element| !element.is_empty()));
    }
    assert!(message.via_count() > 0);
    assert!(message.from().uri().is_ok() && message.to().uri().is_ok());
    assert!(message.contact().is_none_or(|contact| contact.uri().is_ok()));
    if let Some(sdp) = message.sdp() {
        edit(sdp);
    }
}

fn edit(sdp: &[u8]) {
    let edits = Edits {
        identity: None,
        address: "192.0.2.1".parse().unwrap(),
        media: &[MediaEdit {
            port: 20_000,
            rtcp_port: Some(20_001),
        }; 4],
        codecs: &["PCMA", "PCMU", "telephone-event"],
        direction: None,
    };
    let mut out = vec![0; sdp.len() * 2 + 400];
    if let Ok(len) = rewrite(sdp, &edits, &mut out) {
        let edited = SessionDescription::parse(&out[..len]).expect("what was rewritten can be read");
        assert_eq!(
            edited.media().len(),
            SessionDescription::parse(sdp).unwrap().media().len()
        );
    }
}

/// A response to a message that was taken must be taken as well.
fn answer(request: &Message<'_>, source: SocketAddr, buffer: &mut [u8]) {
    let mut writer = write::response(request, source, Status::OK, b"", Some(b"tag1"), buffer);
    let Ok(len) = writer.finish(None, b"") else { return };
    let response = parse(&buffer[..len]).expect("our own response");
    assert_eq!(response.call_id(), request.call_id());
    assert_eq!(response.via_count(), request.via_count());
    assert_eq!(response.top_via().branch(), request.top_via().branch());
    assert!(response.to().tag().is_some());
}
