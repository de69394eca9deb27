//! Twice the input costs at most about twice the time, and the largest datagram costs little.

use std::hint::black_box;
use std::time::{Duration, Instant};

use trunkline_sip::{Name, parse};

const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n\
                    To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";

/// Ways to make a message large, each from a repeated piece.
const SHAPES: [(&str, &str, &str); 14] = [
    ("header lines", "", "a:b\r\n"),
    ("folds", "Subject: x\r\n", " y\r\n"),
    ("vias in a list", "Via: SIP/2.0/UDP h", ", SIP/2.0/UDP h"),
    ("contacts in a list", "Contact: <sip:a@b>", ",<sip:a@b>"),
    ("routes in a list", "Route: <sip:a@b>", ",<sip:a@b>"),
    ("parameters", "Contact: <sip:a@b>", ";a=b"),
    ("open angles", "Contact: ", "<"),
    ("open quotes", "Contact: ", "\""),
    ("quoted pairs", "Contact: \"", "\\\""),
    ("commas", "Contact: a", ","),
    ("comments", "User-Agent: ", "("),
    ("colons", "Subject: ", ":"),
    ("blanks", "Subject: ", " "),
    ("one long name", "", "x"),
];

fn message((_, head, piece): (&str, &str, &str), len: usize) -> Vec<u8> {
    let mut text = String::from(HEAD) + head;
    while text.len() < len {
        text.push_str(piece);
    }
    (text + "\r\n\r\n").into_bytes()
}

/// The fastest of several runs, so that other work on the machine does not count.
fn cost(bytes: &[u8]) -> Duration {
    let run = || {
        let began = Instant::now();
        if let Ok(message) = black_box(parse(black_box(bytes))) {
            for name in [Name::Via, Name::Contact, Name::Route, Name::Subject] {
                black_box(message.values(name).count());
            }
        }
        began.elapsed()
    };
    (0..40).map(|_| run()).min().unwrap()
}

#[test]
fn eight_times_the_input_costs_at_most_twenty_times_the_time() {
    for shape in SHAPES {
        let (small, large) = (cost(&message(shape, 8_000)), cost(&message(shape, 64_000)));
        // A quadratic parser would need 64 times as long. Very short times are noise.
        let limit = (small * 20).max(Duration::from_micros(60));
        assert!(
            large <= limit,
            "{}: {small:?} for 8 kB, {large:?} for 64 kB",
            shape.0
        );
    }
}
