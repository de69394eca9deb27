//! A whole worker on the in-memory link: frames in, frames out, in virtual time.
//!
//! What the calls alone are tested for in `loss` holds with everything round them: classification, checksums, queues,
//! budgets, next hops, frames. Afterwards the books must be balanced and no slot, flow, port or call be left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::queue::ArrayQueue;
use trunkline_call::plan::RoutePlan;
use trunkline_engine::counters::Tier;
use trunkline_engine::egress::{Links, Sender};
use trunkline_engine::entropy::Random;
use trunkline_engine::handoff::{Doorbell, Handoff};
use trunkline_engine::report::{Conservation, WorkerReport};
use trunkline_engine::snapshot::Snapshot;
use trunkline_engine::worker::{Parts, Shared, Worker};
use trunkline_net::sim::{Impairment, SimConfig};
use trunkline_net::{NextHops, SimEndpoint, SimLink, Waiter};
use trunkline_sip::Method;
use trunkline_time::Timestamp;
use trunkline_xdp_abi::header::{Address, Egress, HEADERS_LEN_MAX, write_udp};

use crate::edge::{CARRIER_A, CORE, OUTSIDE, PBX, parts};
use crate::loss::Agent;
use crate::phone::{Phone, sdp};

/// Ethernet, IPv4 without options, UDP.
const HEADERS_LEN: usize = 42;

/// How many wires are tried.
const SEEDS: u64 = 200;

struct Bench {
    worker: Worker<SimLink>,
    wire: SimEndpoint,
    shared: Shared,
    now: Timestamp,
}

impl Bench {
    fn new(seed: u64, impairment: Impairment) -> Self {
        let mut parts = parts();
        parts.routes[0].trunks.truncate(1);
        let snapshot = Snapshot::of(Arc::new(RoutePlan::new(parts).expect("a plan")));
        let config = SimConfig {
            seed,
            impairment,
            ..SimConfig::default()
        };
        let (main, wire) = SimLink::pair(&config);
        let shared = Shared {
            commands: Arc::new(ArrayQueue::new(8)),
            cdrs: Arc::new(ArrayQueue::new(256)),
            report: Arc::new(ArcSwap::from_pointee(WorkerReport::empty(&snapshot))),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let (_, waker) = Waiter::new().expect("a descriptor");
        let doorbells: Arc<[Doorbell]> = Arc::new([Doorbell::new(waker)]);
        let now = Timestamp::from_nanos(1_000_000_000);
        wire.set_now(now);
        let made = Parts {
            worker: 0,
            workers: 1,
            core: None,
            calls: 64,
            links: Links {
                main,
                tier: Tier::Worker,
                kernel: None,
            },
            sender: Sender::new(NextHops::kernel(), vec![1500]),
            handoff: Handoff::mesh(&doorbells).remove(0),
            snapshot,
            shared: shared.clone(),
            random: Random::from_seed(seed),
        };
        Self {
            worker: Worker::new(made, now),
            wire,
            shared,
            now,
        }
    }

    /// Puts a datagram on the wire towards the edge.
    fn inject(&self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        let egress = Egress {
            ttl: 64,
            source_port: source.port(),
            destination_port: destination.port(),
            source: Address::from(source.ip()),
            destination: Address::from(destination.ip()),
            ..Egress::default()
        };
        let mut buffer = vec![0; HEADERS_LEN_MAX];
        buffer.extend_from_slice(datagram);
        let written = write_udp(&mut buffer, HEADERS_LEN_MAX, datagram.len(), &egress).expect("it fits");
        self.wire
            .inject(0, &buffer[written.start..written.start + written.len]);
    }

    /// What the edge sent: destination and datagram.
    fn take(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let frames = self.wire.take().into_iter();
        frames
            .map(|(_, frame)| (destination_of(&frame), frame[HEADERS_LEN..].to_vec()))
            .collect()
    }

    /// Moves the time on and lets the worker run until it finds nothing to do.
    fn run_at(&mut self, now: Timestamp) {
        self.now = now;
        self.wire.set_now(now);
        while self.worker.turn(now) {}
    }

    /// Lets everything run out and checks that nothing is left.
    #[track_caller]
    fn finish(mut self) -> Vec<u16> {
        for _ in 0..3000 {
            self.run_at(self.now + Duration::from_millis(100));
            self.take();
        }
        let report = self.shared.report.load_full();
        assert_eq!(
            (report.calls_active, report.flows_active, report.ports.taken),
            (0, 0, 0)
        );
        assert!(report.slots.is_balanced(), "{:?}", report.slots);
        assert_eq!(
            report.slots.app + report.slots.tx,
            0,
            "a frame is held: {:?}",
            report.slots
        );
        let mut books = Conservation::default();
        books.add_worker(&report);
        assert_eq!(books.unaccounted(), 0, "{books:?}");
        std::iter::from_fn(|| self.shared.cdrs.pop())
            .map(|record| record.sip_status)
            .collect()
    }
}

fn destination_of(frame: &[u8]) -> SocketAddr {
    let address: [u8; 4] = frame[30..34].try_into().expect("four bytes");
    SocketAddr::from((address, u16::from_be_bytes([frame[36], frame[37]])))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// One call, dialled and hung up by agents that retransmit.
fn call_over(seed: u64, impairment: Impairment) -> (bool, Vec<u16>) {
    let mut bench = Bench::new(seed, impairment);
    let start = bench.now;
    let mut caller = Agent::new(start, PBX, CORE, seed + 1);
    let mut callee = Agent::new(start, CARRIER_A, OUTSIDE, seed + 2);
    caller.phone = Some(Phone::caller(PBX, "2025550101", "12125550123"));
    caller.start(start, Method::Invite, &sdp("10.0.0.20", 4000));
    let end = start + Duration::from_secs(120);
    while bench.now < end && !(caller.is_done && callee.is_done) {
        for agent in [&mut caller, &mut callee] {
            for text in agent.take_sent() {
                bench.inject(agent.path.local, agent.path.remote, text.as_bytes());
            }
        }
        bench.run_at(bench.now + Duration::from_millis(5));
        for (destination, datagram) in bench.take() {
            let text = String::from_utf8(datagram).expect("text");
            let agent = if destination == address(PBX) {
                &mut caller
            } else {
                &mut callee
            };
            assert_eq!(destination, agent.path.local);
            agent.receive(bench.now, &text);
        }
        for agent in [&mut caller, &mut callee] {
            if agent.next_deadline().is_some_and(|due| due <= bench.now) {
                agent.on_deadline(bench.now);
            }
        }
    }
    (
        caller.is_answered && caller.is_done && callee.is_done,
        bench.finish(),
    )
}

#[test]
fn a_call_on_a_perfect_wire() {
    let (is_complete, records) = call_over(1, Impairment::default());
    assert!(is_complete);
    assert_eq!(records, [200]);
}

#[test]
fn a_call_completes_with_a_fifth_of_the_signalling_lost() {
    for seed in 0..SEEDS {
        let impairment = Impairment {
            loss_per_mille: 200,
            duplicate_per_mille: 50,
            reorder_per_mille: 100,
            reorder_by: Duration::from_millis(30),
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(20),
        };
        let (is_complete, records) = call_over(seed, impairment);
        assert!(is_complete, "seed {seed}");
        assert_eq!(records, [200], "seed {seed}");
    }
}

#[test]
fn nobody_unknown_gets_an_answer() {
    let mut bench = Bench::new(1, Impairment::default());
    let mut phone = Phone::caller(PBX, "2025550101", "12125550123");
    let invite = phone.invite(&sdp("10.0.0.20", 4000));
    bench.inject(address("10.0.0.99:5060"), address(CORE), invite.as_bytes());
    bench.run_at(bench.now + Duration::from_millis(1));
    assert!(bench.take().is_empty());
    assert!(bench.finish().is_empty());
}

#[test]
fn a_frame_with_a_wrong_checksum_is_not_read() {
    let mut bench = Bench::new(1, Impairment::default());
    let mut phone = Phone::caller(PBX, "2025550101", "12125550123");
    let invite = phone.invite(&sdp("10.0.0.20", 4000));
    let egress = Egress {
        ttl: 64,
        source_port: 5060,
        destination_port: 5060,
        source: Address::from(address(PBX).ip()),
        destination: Address::from(address(CORE).ip()),
        ..Egress::default()
    };
    let mut buffer = vec![0; HEADERS_LEN_MAX];
    buffer.extend_from_slice(invite.as_bytes());
    let written = write_udp(&mut buffer, HEADERS_LEN_MAX, invite.len(), &egress).expect("it fits");
    let frame = &mut buffer[written.start..];
    frame[HEADERS_LEN + 10] ^= 1;
    bench.wire.inject(0, frame);
    bench.run_at(bench.now + Duration::from_millis(1));
    assert!(bench.take().is_empty());
    assert!(bench.finish().is_empty());
}
