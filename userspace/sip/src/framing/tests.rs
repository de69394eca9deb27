use proptest::prelude::*;
use std::vec::Vec;

use super::*;

const ONE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbody";
const TWO: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length\r\n :\r\n 0\r\n\r\n";

/// Feeds the stream in the given pieces; returns the messages and the number of pings.
fn framed(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
    let (mut framer, mut buffer) = (Framer::new(), Vec::new());
    let (mut messages, mut pings) = (Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let end = match framer.next(&buffer) {
                Step::More => break,
                Step::Blank { end } => end,
                Step::Ping { end } => {
                    pings += 1;
                    end
                }
                Step::Message { end } => {
                    messages.push(buffer[..end].to_vec());
                    end
                }
                Step::Broken(error) => panic!("{error}"),
            };
            buffer.drain(..end);
        }
    }
    assert!(buffer.is_empty());
    (messages, pings)
}

fn broken(stream: &[u8]) -> Kind {
    match Framer::new().next(stream) {
        Step::Broken(error) => error.kind,
        step => panic!("{step:?}"),
    }
}

#[test]
fn messages_and_pings_in_one_read() {
    let two = b"SIP/2.0 200 OK\r\nContent-Length:\r\n 0\r\n\r\n";
    let stream = [ONE, two, b"\r\n\r\n", ONE, b"\r\n", ONE].concat();
    let (messages, pings) = framed(&[&stream]);
    assert_eq!(messages, [ONE, two, ONE, ONE]);
    assert_eq!(pings, 1);
}

#[test]
fn what_breaks_a_stream() {
    assert_eq!(broken(b"\x16\x03\x01"), Kind::NotSip);
    assert_eq!(
        broken(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"),
        Kind::MissingContentLength
    );
    assert_eq!(
        broken(b"OPTIONS sip:a@b SIP/2.0\r\nl: -1\r\n\r\n"),
        Kind::BadContentLength
    );
    assert_eq!(
        broken(b"OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\nl: 1\r\n\r\n"),
        Kind::DuplicateHeader
    );
    assert_eq!(
        broken(b"OPTIONS sip:a@b SIP/2.0\r\nl: 4294967295\r\n\r\n"),
        Kind::TooLarge
    );
    assert_eq!(broken(&[b'a'; STREAM_HEADER_BYTES_MAX]), Kind::TooLarge);
    // A name and its colon on different lines is no header line.
    assert_eq!(broken(TWO), Kind::NoColon);
}

#[test]
fn a_broken_stream_stays_broken() {
    let mut framer = Framer::new();
    assert!(matches!(framer.next(b"\0"), Step::Broken(_)));
    assert!(matches!(framer.next(ONE), Step::Broken(_)));
}

proptest! {
    #[test]
    fn any_division_gives_the_same_messages(cuts in proptest::collection::vec(0_usize..200, 0..12)) {
        let stream = [b"\r\n\r\n", ONE, b"\r\n", ONE, b"\r\n\r\n\r\n\r\n", ONE].concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&stream[from..cut]);
            from = cut;
        }
        pieces.push(&stream[from..]);
        prop_assert_eq!(framed(&pieces), framed(&[&stream]));
    }
}
