//! Whole calls over a wire that loses, doubles and reorders datagrams.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_call::calls::Calls;
use trunkline_sip::Entropy;
use trunkline_sip::dialog::{Repeat, SuccessRepeat};
use trunkline_sip::path::{Output, Path, Transport};
use trunkline_sip::transaction::{Capacity, Layer, OnRequest, OnResponse, ServerKey, TimerValues};
use trunkline_sip::{Method, Status};
use trunkline_time::Timestamp;

use crate::edge::{CARRIER_A, CORE, Edge, OUTSIDE, PBX, Seeded, address, parts};
use crate::phone::{Msg, Phone, sdp};

const SEEDS: u64 = 200;

struct Wire {
    dice: Seeded,
    loss_percent: u64,
    serial: u64,
    /// What is under way: arrival, serial, then source, destination and bytes.
    queue: BTreeMap<(Timestamp, u64), (SocketAddr, SocketAddr, String)>,
}

impl Wire {
    fn send(&mut self, now: Timestamp, source: SocketAddr, destination: SocketAddr, text: &str) {
        let copies = if self.dice.next_u64() % 100 < 5 { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.next_u64() % 100 < self.loss_percent {
                continue;
            }
            let delay = Duration::from_millis(5 + self.dice.next_u64() % 40);
            self.serial += 1;
            self.queue.insert(
                (now + delay, self.serial),
                (source, destination, text.to_string()),
            );
        }
    }
}

struct Collected(Vec<String>);

impl Output for Collected {
    fn send(&mut self, _: &Path, bytes: &[u8]) {
        self.0.push(String::from_utf8(bytes.to_vec()).expect("text"));
    }
}

/// A user agent with transactions of its own.
pub(crate) struct Agent {
    layer: Layer,
    values: TimerValues,
    pub(crate) path: Path,
    dice: Seeded,
    out: Collected,
    pub(crate) phone: Option<Phone>,
    /// The INVITE that is being answered.
    ringing: Option<(ServerKey, Msg)>,
    /// A 2xx that waits for its ACK.
    unacked: Option<(ServerKey, SuccessRepeat)>,
    /// The next act of the script.
    act: Option<(Timestamp, Act)>,
    pub(crate) is_answered: bool,
    pub(crate) is_done: bool,
}

#[derive(Clone, Copy)]
enum Act {
    Answer,
    HangUp,
}

impl Agent {
    pub(crate) fn new(now: Timestamp, local: &str, remote: &str, seed: u64) -> Self {
        let values = TimerValues::default();
        let path = Path {
            zone: 0,
            transport: Transport::Udp,
            local: address(local),
            remote: address(remote),
        };
        Self {
            layer: Layer::new(
                now,
                values,
                Capacity {
                    clients: 16,
                    servers: 16,
                },
                0,
                seed,
            ),
            values,
            path,
            dice: Seeded(seed),
            out: Collected(Vec::new()),
            phone: None,
            ringing: None,
            unacked: None,
            act: None,
            is_answered: false,
            is_done: false,
        }
    }

    pub(crate) fn start(&mut self, now: Timestamp, method: Method, body: &str) {
        let phone = self.phone.as_mut().expect("a dialog");
        phone.cseq += 1;
        let branch = self.layer.next_branch(self.dice.next_u64()).expect("room");
        let text = phone.with_branch(method.as_str(), phone.cseq, branch.as_str(), "", body);
        let bytes = text.as_bytes();
        self.layer
            .start(
                now,
                method,
                branch.as_bytes(),
                &self.path,
                bytes,
                1,
                &mut self.out,
            )
            .expect("room");
    }

    fn respond(&mut self, now: Timestamp, key: ServerKey, request: &Msg, status: u16, body: &str) {
        let phone = self.phone.as_ref().expect("a dialog");
        let text = phone.respond(request, &format!("{status} Said"), "", body);
        let status = Status::new(status).expect("a status");
        self.layer
            .respond(now, key, status, text.as_bytes(), &mut self.out);
    }

    pub(crate) fn receive(&mut self, now: Timestamp, text: &str) {
        let message = trunkline_sip::parse(text.as_bytes()).expect("sound");
        let msg = Msg::new(text.to_string());
        if message.is_request() {
            match self.layer.on_request(now, &message, &self.path, &mut self.out) {
                OnRequest::New(key) if message.method() == Method::Invite => {
                    self.phone = Some(Phone::callee(CARRIER_A, &msg));
                    self.respond(now, key, &msg, 180, "");
                    self.ringing = Some((key, msg));
                    self.act = Some((now + Duration::from_millis(700), Act::Answer));
                }
                OnRequest::New(key) => {
                    assert_eq!(message.method(), Method::Bye);
                    self.respond(now, key, &msg, 200, "");
                    self.is_done = true;
                }
                OnRequest::AckForSuccess => self.unacked = None,
                OnRequest::Absorbed => {}
                other => panic!("{other:?}\n{text}"),
            }
            return;
        }
        match self.layer.on_response(now, &message, &mut self.out) {
            OnResponse::Pass { .. } if message.status().is_some_and(Status::is_success) => {
                if message.method() == Method::Invite {
                    self.phone.as_mut().expect("a caller").learn(&msg);
                    self.is_answered = true;
                    self.act = Some((now + Duration::from_secs(3), Act::HangUp));
                    self.ack();
                } else {
                    self.is_done = true;
                }
            }
            OnResponse::SuccessAgain { .. } => self.ack(),
            // A failure leaves the call incomplete, which the test sees.
            OnResponse::Pass { .. } | OnResponse::Absorbed | OnResponse::Stray => {}
        }
    }

    /// What it wants sent.
    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        core::mem::take(&mut self.out.0)
    }

    fn ack(&mut self) {
        let phone = self.phone.as_mut().expect("a caller");
        let text = phone.numbered("ACK", 1, "", "");
        self.out.0.push(text);
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let repeat = self.unacked.map(|(_, repeat)| repeat.deadline());
        [self.layer.next_deadline(), repeat, self.act.map(|(at, _)| at)]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn on_deadline(&mut self, now: Timestamp) {
        self.layer.expire(now, &mut self.out, &mut |_| {});
        if let Some((key, mut repeat)) = self.unacked {
            match repeat.on_deadline(now, &self.values) {
                Repeat::Send => {
                    self.layer.resend(key, &mut self.out);
                    self.unacked = Some((key, repeat));
                }
                Repeat::GiveUp => self.unacked = None,
                Repeat::Wait => {}
            }
        }
        match self.act.filter(|(at, _)| *at <= now) {
            Some((_, Act::Answer)) => {
                self.act = None;
                let (key, request) = self.ringing.take().expect("an INVITE");
                self.respond(now, key, &request, 200, &sdp("203.0.113.30", 6000));
                self.unacked = Some((key, SuccessRepeat::new(now, &self.values)));
            }
            Some((_, Act::HangUp)) => {
                self.act = None;
                self.start(now, Method::Bye, "");
            }
            None => {}
        }
    }
}

/// Runs one call and says whether it was answered and ended by both user agents.
fn call_over(seed: u64, loss_percent: u64) -> (bool, Edge) {
    let mut parts = parts();
    parts.routes[0].trunks.truncate(1);
    let mut edge = Edge::seeded(parts, seed);
    let start = edge.now;
    let mut wire = Wire {
        dice: Seeded(seed ^ 0xabcd),
        loss_percent,
        serial: 0,
        queue: BTreeMap::new(),
    };
    let mut caller = Agent::new(start, PBX, CORE, seed + 1);
    let mut callee = Agent::new(start, CARRIER_A, OUTSIDE, seed + 2);
    caller.phone = Some(Phone::caller(PBX, "2025550101", "12125550123"));
    caller.start(start, Method::Invite, &sdp("10.0.0.20", 4000));
    let end = start + Duration::from_secs(200);
    loop {
        for agent in [&mut caller, &mut callee] {
            let (local, remote) = (agent.path.local, agent.path.remote);
            for text in agent.take_sent() {
                wire.send(edge.now, local, remote, &text);
            }
        }
        while let Some(sent) = edge.sent.pop_front() {
            wire.send(edge.now, sent.path.local, sent.path.remote, &sent.message.text);
        }
        let arrival = wire.queue.keys().next().map(|(at, _)| *at);
        let deadlines = [
            arrival,
            caller.next_deadline(),
            callee.next_deadline(),
            edge.calls.next_deadline(),
        ];
        let Some(due) = deadlines.into_iter().flatten().min().filter(|due| *due < end) else {
            break;
        };
        // Deadlines are lower bounds: one that is past must not stop the clock.
        edge.now = due.max(edge.now + Duration::from_micros(100));
        let now = edge.now;
        while let Some(entry) = wire.queue.first_entry().filter(|e| e.key().0 <= now) {
            let (source, destination, text) = entry.remove();
            if destination == caller.path.local {
                caller.receive(now, &text);
            } else if destination == callee.path.local {
                callee.receive(now, &text);
            } else {
                edge.receive(&source.to_string(), &text);
            }
        }
        caller.on_deadline(now);
        callee.on_deadline(now);
        edge.with(Calls::on_deadline);
    }
    (caller.is_answered && caller.is_done && callee.is_done, edge)
}

#[test]
fn a_call_over_a_clean_wire() {
    let (is_complete, mut edge) = call_over(1, 0);
    assert!(is_complete);
    edge.finish();
    assert_eq!(edge.cdrs.len(), 1);
}

#[test]
fn calls_complete_with_a_fifth_of_all_datagrams_lost() {
    let mut failed = Vec::new();
    for seed in 0..SEEDS {
        let (is_complete, mut edge) = call_over(seed, 20);
        if !is_complete {
            failed.push(seed);
        }
        edge.finish();
    }
    assert!(failed.is_empty(), "calls that did not complete: {failed:?}");
}

#[test]
fn nothing_is_left_behind_when_most_datagrams_are_lost() {
    for seed in 0..SEEDS / 4 {
        let (_, mut edge) = call_over(seed, 60);
        edge.finish();
    }
}
