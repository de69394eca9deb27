//! A SIP message that is sent or received again takes no memory from the heap.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sip::Method;
use trunkline_sip::Status;
use trunkline_sip::parse;
use trunkline_sip::path::{Output, Path, Transport};
use trunkline_sip::transaction::{Capacity, Layer, OnRequest, OnResponse, TimerValues};
use trunkline_time::Timestamp;

use crate::counting::allocations_of;

/// Counts what is sent and forgets it.
#[derive(Default)]
struct Counted(u32);

impl Output for Counted {
    fn send(&mut self, _: &Path, _: &[u8]) {
        self.0 += 1;
    }
}

fn path() -> Path {
    let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
    Path {
        zone: 0,
        transport: Transport::Udp,
        local: address("192.0.2.10:5060"),
        remote: address("192.0.2.20:5060"),
    }
}

fn layer(now: Timestamp) -> Layer {
    Layer::new(
        now,
        TimerValues::default(),
        Capacity {
            clients: 8,
            servers: 8,
        },
        0,
        1,
    )
}

fn message(first_line: &str, branch: &str, method: &str) -> String {
    format!(
        "{first_line}\r\nVia: SIP/2.0/UDP 192.0.2.20;branch={branch}\r\nFrom: <sip:a@x.example>;tag=f\r\n\
         To: <sip:b@y.example>;tag=t\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn timers_repeat_requests_and_responses_without_allocating() {
    let mut now = Timestamp::from_millis(1);
    let mut layer = layer(now);
    let mut out = Counted::default();
    let branch = layer.next_branch(1).unwrap();
    let invite = message("INVITE sip:b@y.example SIP/2.0", branch.as_str(), "INVITE");
    layer
        .start(
            now,
            Method::Invite,
            branch.as_bytes(),
            &path(),
            invite.as_bytes(),
            0,
            &mut out,
        )
        .unwrap();
    let asked = message("INVITE sip:b@y.example SIP/2.0", "z9hG4bKa", "INVITE");
    let OnRequest::New(key) = layer.on_request(now, &parse(asked.as_bytes()).unwrap(), &path(), &mut out)
    else {
        panic!("a new request")
    };
    let busy = message("SIP/2.0 486 Busy Here", "z9hG4bKa", "INVITE");
    assert!(layer.respond(now, key, Status::BUSY_HERE, busy.as_bytes(), &mut out));
    out.0 = 0;
    let allocations = allocations_of(|| {
        for _ in 0..400 {
            now += Duration::from_millis(100);
            layer.expire(now, &mut out, &mut |_| {});
        }
    });
    assert_eq!(
        (allocations, out.0),
        (0, 6 + 10),
        "timer A fires six times in 32 s, timer G ten times"
    );
}

#[test]
fn what_a_peer_repeats_is_absorbed_without_allocating() {
    let now = Timestamp::from_millis(1);
    let mut layer = layer(now);
    let mut out = Counted::default();
    let branch = layer.next_branch(1).unwrap();
    let invite = message("INVITE sip:b@y.example SIP/2.0", branch.as_str(), "INVITE");
    layer
        .start(
            now,
            Method::Invite,
            branch.as_bytes(),
            &path(),
            invite.as_bytes(),
            0,
            &mut out,
        )
        .unwrap();
    let busy = message("SIP/2.0 486 Busy Here", branch.as_str(), "INVITE");
    assert!(matches!(
        layer.on_response(now, &parse(busy.as_bytes()).unwrap(), &mut out),
        OnResponse::Pass { .. }
    ));
    let options = message("OPTIONS sip:b@y.example SIP/2.0", "z9hG4bKo", "OPTIONS");
    let OnRequest::New(key) = layer.on_request(now, &parse(options.as_bytes()).unwrap(), &path(), &mut out)
    else {
        panic!("a new request")
    };
    assert!(layer.respond(now, key, Status::OK, busy.as_bytes(), &mut out));
    out.0 = 0;
    let allocations = allocations_of(|| {
        for _ in 0..100 {
            let again = layer.on_response(now, &parse(busy.as_bytes()).unwrap(), &mut out);
            assert_eq!(again, OnResponse::Absorbed);
            let again = layer.on_request(now, &parse(options.as_bytes()).unwrap(), &path(), &mut out);
            assert_eq!(again, OnRequest::Absorbed);
        }
    });
    assert_eq!((allocations, out.0), (0, 200), "an ACK and a 200 each time");
}

#[test]
fn a_transaction_in_a_warm_place_takes_no_memory_at_all() {
    let mut now = Timestamp::from_millis(1);
    let mut layer = layer(now);
    let mut out = Counted::default();
    let asked = message("OPTIONS sip:b@y.example SIP/2.0", "z9hG4bKo", "OPTIONS");
    let answer = message("SIP/2.0 200 OK", "z9hG4bKo", "OPTIONS");
    let mut round = || {
        let branch = layer.next_branch(1).unwrap();
        let (to, bytes) = (path(), asked.as_bytes());
        layer
            .start(now, Method::Options, branch.as_bytes(), &to, bytes, 0, &mut out)
            .unwrap();
        let request = parse(asked.as_bytes()).unwrap();
        let OnRequest::New(key) = layer.on_request(now, &request, &to, &mut out) else {
            panic!("a new request")
        };
        assert!(layer.respond(now, key, Status::OK, answer.as_bytes(), &mut out));
        now += Duration::from_secs(40);
        layer.expire(now, &mut out, &mut |_| {});
        assert_eq!(layer.timer_count(), 0);
    };
    round();
    assert_eq!(allocations_of(round), 0);
}
