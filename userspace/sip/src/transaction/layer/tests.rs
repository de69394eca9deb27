mod any_order;
mod client_side;
mod lossy;
mod server_side;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::*;
use crate::parse::parse;
use crate::path::Transport;

/// Two layers that have no network between them, and what they sent.
struct Bench {
    layer: Layer,
    now: Timestamp,
    sent: Sent,
    events: Vec<(u64, TransactionEvent)>,
    entropy: u64,
}

/// Keeps what is sent.
#[derive(Default)]
struct Sent(Vec<(Path, Vec<u8>)>);

impl Output for Sent {
    fn send(&mut self, path: &Path, bytes: &[u8]) {
        self.0.push((*path, bytes.to_vec()));
    }
}

impl Bench {
    fn new() -> Self {
        Self::with_capacity(8)
    }

    fn with_capacity(capacity: u32) -> Self {
        let now = Timestamp::from_millis(1_000);
        let capacity = Capacity {
            clients: capacity,
            servers: capacity,
        };
        Self {
            layer: Layer::new(now, TimerValues::default(), capacity, 3, 42),
            now,
            sent: Sent::default(),
            events: Vec::new(),
            entropy: 0,
        }
    }

    /// The first line of each message sent since this was last asked.
    fn sent(&mut self) -> Vec<String> {
        self.sent
            .0
            .drain(..)
            .map(|(_, bytes)| first_line(&bytes))
            .collect()
    }

    /// Lets time pass one millisecond at a time, and says when, counted from now, something was sent.
    fn pass(&mut self, millis: u64) -> Vec<(u64, String)> {
        let mut sent = Vec::new();
        for after in 1..=millis {
            self.now += Duration::from_millis(1);
            let events = &mut self.events;
            self.layer
                .expire(self.now, &mut self.sent, &mut |event| events.push((after, event)));
            sent.extend(
                self.sent
                    .0
                    .drain(..)
                    .map(|(_, bytes)| (after, first_line(&bytes))),
            );
        }
        sent
    }

    fn request(&mut self, text: &str, path: &Path) -> OnRequest {
        let message = parse(text.as_bytes()).unwrap();
        self.layer.on_request(self.now, &message, path, &mut self.sent)
    }

    fn new_request(&mut self, text: &str, path: &Path) -> ServerKey {
        match self.request(text, path) {
            OnRequest::New(key) => key,
            other => panic!("{other:?}"),
        }
    }

    fn respond(&mut self, key: ServerKey, status: Status) -> bool {
        let text = format!(
            "SIP/2.0 {} {}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=x\r\nFrom: <sip:a@x>;tag=f\r\n\
             To: <sip:b@y>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
            status.code(),
            status.default_reason()
        );
        self.layer
            .respond(self.now, key, status, text.as_bytes(), &mut self.sent)
    }

    fn start(&mut self, method: Method, path: &Path) -> Option<(ClientKey, String)> {
        self.entropy += 1;
        let branch = self.layer.next_branch(self.entropy)?;
        let bytes = request(method.as_str(), branch.as_str(), "");
        let key = self.layer.start(
            self.now,
            method,
            branch.as_bytes(),
            path,
            bytes.as_bytes(),
            70,
            &mut self.sent,
        )?;
        Some((key, String::from(branch.as_str())))
    }

    fn response(&mut self, status: u16, method: &str, branch: &str) -> OnResponse {
        let text = response(status, method, branch);
        let message = parse(text.as_bytes()).unwrap();
        self.layer.on_response(self.now, &message, &mut self.sent)
    }

    fn events(&mut self) -> Vec<(u64, TransactionEvent)> {
        core::mem::take(&mut self.events)
    }

    /// Every place and timer has been given back.
    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.layer.counts(), Counts::default());
        assert_eq!(self.layer.timer_count(), 0);
        assert_eq!(self.layer.clients.places_taken(), 0);
        assert_eq!(self.layer.servers.places_taken(), (0, 0, 0));
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = core::str::from_utf8(bytes).unwrap();
    String::from(text.lines().next().unwrap())
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn udp() -> Path {
    Path {
        zone: 1,
        transport: Transport::Udp,
        local: address("192.0.2.10:5060"),
        remote: address("192.0.2.20:5060"),
    }
}

fn tcp() -> Path {
    Path {
        transport: Transport::Tcp,
        ..udp()
    }
}

fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch={branch}\r\n{more}\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@192.0.2.10>;tag=from\r\nTo: <sip:bob@192.0.2.20>\r\n\
         Call-ID: call\r\nCSeq: 7 {method}\r\nContact: <sip:alice@192.0.2.10>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn response(status: u16, method: &str, branch: &str) -> String {
    format!(
        "SIP/2.0 {status} Reason\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch={branch};received=192.0.2.9\r\n\
         From: \"Alice\" <sip:alice@192.0.2.10>;tag=from\r\nTo: <sip:bob@192.0.2.20>;tag=to\r\n\
         Call-ID: call\r\nCSeq: 7 {method}\r\nContact: <sip:bob@192.0.2.20>\r\nContent-Length: 0\r\n\r\n"
    )
}
