//! A client layer and a server layer with a bad network between them, and a user on either side.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use super::*;
use crate::dialog::{Repeat, SuccessRepeat};
use crate::write;

/// Loses, doubles, delays and so reorders what it is given.
struct Pipe {
    random: u64,
    loss_percent: u64,
    now: Timestamp,
    sequence: u64,
    flying: BinaryHeap<Reverse<(Timestamp, u64, Vec<u8>)>>,
}

impl Pipe {
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn next_arrival(&self) -> Option<Timestamp> {
        self.flying.peek().map(|Reverse((at, ..))| *at)
    }

    fn arrived(&mut self) -> Option<Vec<u8>> {
        let is_due = self.next_arrival()? <= self.now;
        if is_due {
            self.flying.pop().map(|Reverse((_, _, bytes))| bytes)
        } else {
            None
        }
    }
}

impl Output for Pipe {
    fn send(&mut self, _: &Path, bytes: &[u8]) {
        let copies = 1 + u64::from(self.random() % 100 < 10);
        for _ in 0..copies {
            if self.random() % 100 >= self.loss_percent {
                let at = self.now + Duration::from_millis(self.random() % 120);
                self.sequence += 1;
                self.flying.push(Reverse((at, self.sequence, bytes.to_vec())));
            }
        }
    }
}

/// An answer that the server's user has prepared.
struct Answer {
    at: Timestamp,
    key: ServerKey,
    status: Status,
    bytes: Vec<u8>,
}

struct World {
    now: Timestamp,
    clients: Layer,
    servers: Layer,
    to_server: Pipe,
    to_client: Pipe,
    method: Method,
    started: ClientKey,
    /// When the client's user loses patience with an INVITE, as by timer C of a proxy.
    patience: Option<Timestamp>,
    /// Final responses and timeouts that the client's user saw.
    outcomes: Vec<Option<u16>>,
    /// Requests that the server's user saw.
    requests: u32,
    answer: Status,
    answer_delay: Duration,
    answers: Vec<Answer>,
    repeating: Option<(ServerKey, SuccessRepeat)>,
}

impl World {
    fn start(seed: u64, loss_percent: u64, method: Method) -> Self {
        let now = Timestamp::from_millis(seed * 17);
        let capacity = Capacity {
            clients: 2,
            servers: 3,
        };
        let pipe = |random: u64| Pipe {
            random: (random + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            loss_percent,
            now,
            sequence: 0,
            flying: BinaryHeap::new(),
        };
        let mut clients = Layer::new(now, TimerValues::default(), capacity, 0, seed);
        let mut to_server = pipe(seed * 2);
        let branch = clients.next_branch(seed).unwrap();
        let text = request(method.as_str(), branch.as_str(), "");
        let (path, bytes) = (udp(), text.as_bytes());
        let started = clients
            .start(now, method, branch.as_bytes(), &path, bytes, 0, &mut to_server)
            .unwrap();
        let answers = [
            Status::OK,
            Status::BUSY_HERE,
            Status::NOT_FOUND,
            Status::OK,
            Status::SERVICE_UNAVAILABLE,
        ];
        Self {
            now,
            clients,
            servers: Layer::new(now, TimerValues::default(), capacity, 1, !seed),
            to_server,
            to_client: pipe(seed * 2 + 1),
            method,
            started,
            patience: (method == Method::Invite).then(|| now + Duration::from_secs(180)),
            outcomes: Vec::new(),
            requests: 0,
            answer: answers[(seed % 5) as usize],
            answer_delay: Duration::from_millis(seed % 7 * 300),
            answers: Vec::new(),
            repeating: None,
        }
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) {
        for _ in 0..10_000 {
            let Some(next) = self.next_event() else { return };
            self.now = next.max(self.now);
            (self.to_server.now, self.to_client.now) = (self.now, self.now);
            while let Some(bytes) = self.to_server.arrived() {
                self.at_server(&bytes);
            }
            while let Some(bytes) = self.to_client.arrived() {
                self.at_client(&bytes);
            }
            self.server_user();
            self.client_user();
            let (outcomes, started) = (&mut self.outcomes, self.started);
            self.clients
                .expire(self.now, &mut self.to_server, &mut |event| match event {
                    TransactionEvent::ClientTimeout { key, .. } if key == started => outcomes.push(None),
                    _ => {}
                });
            self.servers.expire(self.now, &mut self.to_client, &mut |_| {});
        }
        panic!("never quiet");
    }

    fn next_event(&self) -> Option<Timestamp> {
        let layers = [self.clients.next_deadline(), self.servers.next_deadline()];
        let pipes = [self.to_server.next_arrival(), self.to_client.next_arrival()];
        let users = [
            self.patience,
            self.answers.iter().map(|answer| answer.at).min(),
            self.repeating.as_ref().map(|(_, repeat)| repeat.deadline()),
        ];
        layers.into_iter().chain(pipes).chain(users).flatten().min()
    }

    fn at_server(&mut self, bytes: &[u8]) {
        let message = parse(bytes).unwrap();
        match self
            .servers
            .on_request(self.now, &message, &udp(), &mut self.to_client)
        {
            OnRequest::New(key) => {
                self.requests += 1;
                if message.method() == Method::Invite {
                    self.prepare(&message, key, Status::TRYING, Duration::ZERO);
                }
                self.prepare(&message, key, self.answer, self.answer_delay);
            }
            OnRequest::Cancel { cancel, .. } => self.prepare(&message, cancel, Status::OK, Duration::ZERO),
            OnRequest::AckForSuccess => self.repeating = None,
            OnRequest::Absorbed => {}
            OnRequest::Merged(_) | OnRequest::Full => panic!("the request came once, and there is room"),
        }
    }

    fn prepare(&mut self, message: &Message<'_>, key: ServerKey, status: Status, delay: Duration) {
        let mut buffer = [0; 2_000];
        let mut writer = write::response(message, udp().remote, status, b"", Some(b"to"), &mut buffer);
        let len = writer.finish(None, &[]).unwrap();
        self.answers.push(Answer {
            at: self.now + delay,
            key,
            status,
            bytes: buffer[..len].to_vec(),
        });
    }

    fn server_user(&mut self) {
        let (due, later): (Vec<Answer>, Vec<Answer>) = core::mem::take(&mut self.answers)
            .into_iter()
            .partition(|answer| answer.at <= self.now);
        self.answers = later;
        for Answer {
            key, status, bytes, ..
        } in due
        {
            assert!(
                self.servers
                    .respond(self.now, key, status, &bytes, &mut self.to_client)
            );
            if self.method == Method::Invite && status.is_success() && self.answer == status {
                self.repeating = Some((key, SuccessRepeat::new(self.now, &TimerValues::default())));
            }
        }
        if let Some((key, repeat)) = &mut self.repeating {
            match repeat.on_deadline(self.now, &TimerValues::default()) {
                Repeat::Wait => {}
                Repeat::Send => assert!(self.servers.resend(*key, &mut self.to_client)),
                Repeat::GiveUp => self.repeating = None,
            }
        }
    }

    fn at_client(&mut self, bytes: &[u8]) {
        let message = parse(bytes).unwrap();
        let status = message.status().unwrap();
        let is_success = match self.clients.on_response(self.now, &message, &mut self.to_server) {
            OnResponse::Pass { key, .. } if key == self.started && status.is_final() => {
                self.outcomes.push(Some(status.code()));
                self.patience = None;
                status.is_success()
            }
            OnResponse::SuccessAgain { .. } => true,
            OnResponse::Pass { .. } | OnResponse::Absorbed | OnResponse::Stray => false,
        };
        if is_success && self.method == Method::Invite {
            self.to_server
                .send(&udp(), request("ACK", "z9hG4bKack", "").as_bytes());
        }
    }

    fn client_user(&mut self) {
        if self.patience.is_none_or(|patience| patience > self.now) {
            return;
        }
        self.patience = None;
        let mut buffer = [0; 2_000];
        if let Some(len) = self.clients.write_cancel(self.started, &mut buffer) {
            let branch = self.clients.client_branch(self.started).unwrap();
            let (now, path) = (self.now, udp());
            let cancel = &buffer[..len];
            self.clients
                .start(
                    now,
                    Method::Cancel,
                    branch.as_bytes(),
                    &path,
                    cancel,
                    0,
                    &mut self.to_server,
                )
                .unwrap();
        }
    }

    #[track_caller]
    fn assert_empty(&self) {
        for layer in [&self.clients, &self.servers] {
            assert_eq!(layer.counts(), Counts::default());
            assert_eq!(layer.timer_count(), 0);
            assert_eq!(layer.clients.places_taken(), 0);
            assert_eq!(layer.servers.places_taken(), (0, 0, 0));
        }
    }
}

/// How each of 200 transactions ended for its user.
fn outcomes(method: Method, loss_percent: u64) -> Vec<Option<u16>> {
    (0..200)
        .map(|seed| {
            let mut world = World::start(seed, loss_percent, method);
            world.run();
            world.assert_empty();
            assert_eq!(world.outcomes.len(), 1, "seed {seed}: {:?}", world.outcomes);
            let outcome = world.outcomes[0];
            assert!(
                outcome.is_none_or(|code| code == world.answer.code()),
                "seed {seed}: {outcome:?}"
            );
            outcome
        })
        .collect()
}

fn timeouts(method: Method, loss_percent: u64) -> usize {
    outcomes(method, loss_percent)
        .iter()
        .filter(|outcome| outcome.is_none())
        .count()
}

#[test]
fn a_non_invite_transaction_ends_once_however_bad_the_network() {
    assert_eq!(timeouts(Method::Options, 0), 0);
    // Eleven requests and as many responses: the chance that no pair gets through is 0.51^11, one in 1,600.
    assert!(timeouts(Method::Options, 30) <= 2);
    assert!(timeouts(Method::Options, 80) > 50);
    assert_eq!(timeouts(Method::Options, 100), 200);
}

#[test]
fn an_invite_transaction_ends_once_however_bad_the_network() {
    assert_eq!(timeouts(Method::Invite, 0), 0);
    // The final response alone is sent eleven times.
    assert!(timeouts(Method::Invite, 30) <= 2);
    assert!(timeouts(Method::Invite, 80) > 20);
    assert_eq!(timeouts(Method::Invite, 100), 200);
}

#[test]
fn a_user_sees_a_request_once() {
    for method in [Method::Invite, Method::Options] {
        for seed in 0..200 {
            let mut world = World::start(seed, 30, method);
            world.run();
            assert!(world.requests <= 1, "seed {seed}: {} times", world.requests);
        }
    }
}
