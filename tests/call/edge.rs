//! The machine under test with its surroundings, and the checks that hold for every flow.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_call::action::{Action, Actions};
use trunkline_call::calls::{Calls, CallsConfig};
use trunkline_call::cdr::CdrRecord;
use trunkline_call::ctx::Ctx;
use trunkline_call::plan::*;
use trunkline_call::trunk::TrunkState;
use trunkline_media::{FlowTable, LatchPolicy, PortPool, PortRange};
use trunkline_sip::Entropy;
use trunkline_sip::path::{Path, Transport};
use trunkline_time::Timestamp;

use crate::phone::Msg;

pub(crate) const PBX: &str = "10.0.0.20:5060";
pub(crate) const CORE: &str = "10.0.0.10:5060";
pub(crate) const OUTSIDE: &str = "198.51.100.10:5060";
pub(crate) const CARRIER_A: &str = "203.0.113.30:5060";
pub(crate) const CARRIER_B: &str = "203.0.113.40:5060";

/// What one side must never see of the other.
const INSIDE_SECRETS: [&str; 3] = ["10.0.0.", "pbx.corp.example", "corp-secret"];
const OUTSIDE_SECRETS: [&str; 3] = ["203.0.113.", "198.51.100.", "carrier.example"];

/// A generator that is the same in every run.
pub(crate) struct Seeded(pub(crate) u64);

impl Entropy for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

pub(crate) struct Sent {
    pub(crate) path: Path,
    pub(crate) message: Msg,
}

pub(crate) struct Edge {
    pub(crate) now: Timestamp,
    pub(crate) calls: Calls,
    pub(crate) plan: Arc<RoutePlan>,
    pub(crate) ports: PortPool,
    pub(crate) flows: FlowTable,
    pub(crate) sent: VecDeque<Sent>,
    pub(crate) cdrs: Vec<CdrRecord>,
    pub(crate) cdr_room: bool,
    pub(crate) checks_hiding: bool,
    open: BTreeSet<SocketAddr>,
    entropy: Seeded,
    actions: Actions,
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn trunk(name: &str, zone: u8, peer: &str) -> Trunk {
    let peer = address(peer);
    Trunk {
        name: name.into(),
        zone,
        peers: vec![Peer {
            address: peer,
            transport: Transport::Udp,
            weight: 1,
            priority: 0,
        }],
        sources: vec![Prefix::host(peer.ip())],
        options_interval: None,
        down_after: 3,
        up_after: 2,
        limits: Limits::default(),
        codecs: Vec::new(),
        numbers: NumberRules {
            country: "1".into(),
            ..NumberRules::default()
        },
        media: MediaPolicy {
            latch: LatchPolicy::Gated,
            dscp: 46,
            timeout: Duration::from_secs(60),
        },
        sip: SipPolicy::default(),
        state: Arc::new(TrunkState::new(1, Limits::default())),
    }
}

/// Two zones, a PBX and two carriers; calls from the PBX go to carrier-a, then to carrier-b.
pub(crate) fn parts() -> Parts {
    let zone = |name: &str, address: &str, ports| Zone {
        name: name.into(),
        interface: 0,
        addresses: vec![ip(address)],
        listeners: vec![Listener {
            transport: Transport::Udp,
            port: 5060,
        }],
        rtp_ports: ports,
    };
    Parts {
        epoch: 1,
        node_name: "edge1".into(),
        zones: vec![
            zone("core", "10.0.0.10", (20_000, 20_099)),
            zone("outside", "198.51.100.10", (30_000, 30_099)),
        ],
        trunks: vec![
            trunk("pbx", 0, PBX),
            trunk("carrier-a", 1, CARRIER_A),
            trunk("carrier-b", 1, CARRIER_B),
        ],
        dids: vec![Did {
            numbers: vec![NumberRange {
                low: "+12025550100".into(),
                high: "+12025550199".into(),
            }],
            trunk: 0,
        }],
        routes: vec![Route {
            from: vec![0],
            prefixes: vec!["+1".into()],
            trunks: vec![
                RouteTrunk {
                    price_micros: Some(12_000),
                    ..RouteTrunk::new(1)
                },
                RouteTrunk::new(2),
            ],
            strategy: Strategy::Priority,
            failover_on: FailoverOn::default(),
        }],
        ..Parts::default()
    }
}

/// Sets the limits of a trunk.
pub(crate) fn limit(parts: &mut Parts, trunk: usize, limits: Limits) {
    parts.trunks[trunk].limits = limits;
    parts.trunks[trunk].state = Arc::new(TrunkState::new(1, limits));
}

impl Edge {
    pub(crate) fn new() -> Self {
        Self::with_plan(parts())
    }

    pub(crate) fn with_plan(parts: Parts) -> Self {
        Self::seeded(parts, 1)
    }

    pub(crate) fn seeded(parts: Parts, seed: u64) -> Self {
        let plan = Arc::new(RoutePlan::new(parts).expect("a plan"));
        let now = Timestamp::from_nanos(1_000_000_000);
        let ranges: Vec<PortRange> = plan
            .zones
            .iter()
            .enumerate()
            .map(|(zone, z)| PortRange {
                zone: zone as u8,
                address: z.addresses[0],
                low: z.rtp_ports.0,
                high: z.rtp_ports.1,
            })
            .collect();
        let config = CallsConfig {
            capacity: 64,
            seed,
            ..CallsConfig::default()
        };
        let mut edge = Self {
            now,
            calls: Calls::new(config, now),
            plan,
            ports: PortPool::new(&ranges, 0, 1, Duration::from_secs(1), seed),
            flows: FlowTable::new(&ranges, 256),
            sent: VecDeque::new(),
            cdrs: Vec::new(),
            cdr_room: true,
            checks_hiding: true,
            open: BTreeSet::new(),
            entropy: Seeded(seed),
            actions: Actions::default(),
        };
        edge.with(Calls::on_plan);
        edge
    }

    /// Runs one input and takes what came of it.
    pub(crate) fn with<R>(&mut self, step: impl FnOnce(&mut Calls, &mut Ctx<'_>) -> R) -> R {
        let mut ctx = Ctx {
            now: self.now,
            entropy: &mut self.entropy,
            plan: &self.plan,
            ports: &mut self.ports,
            flows: &mut self.flows,
            cdr_room: self.cdr_room,
            out: &mut self.actions,
        };
        let result = step(&mut self.calls, &mut ctx);
        self.drain();
        result
    }

    fn drain(&mut self) {
        for action in self.actions.take_list() {
            match action {
                Action::Send { path, range, .. } => {
                    let text = String::from_utf8(self.actions.bytes(&range).to_vec()).expect("text");
                    self.check_hidden(&path, &text);
                    trunkline_sip::parse(text.as_bytes()).expect("what we send can be parsed");
                    self.sent.push_back(Sent {
                        path,
                        message: Msg::new(text),
                    });
                }
                Action::Cdr(record) => self.cdrs.push(*record),
                Action::OpenPort(port) => assert!(self.open.insert(port), "{port} opened twice"),
                Action::ClosePort(port) => assert!(self.open.remove(&port), "{port} was not open"),
            }
        }
        self.actions.clear();
    }

    fn check_hidden(&self, path: &Path, text: &str) {
        if !self.checks_hiding {
            return;
        }
        let secrets = if path.zone == 0 {
            OUTSIDE_SECRETS
        } else {
            INSIDE_SECRETS
        };
        for secret in secrets {
            assert!(
                !text.contains(secret),
                "{secret} leaks to {}:\n{text}",
                path.remote
            );
        }
    }

    /// A datagram from `source`.
    pub(crate) fn receive(&mut self, source: &str, text: &str) {
        let source = address(source);
        let inside = source.ip().to_string().starts_with("10.");
        let (zone, local) = if inside { (0, CORE) } else { (1, OUTSIDE) };
        let path = Path {
            zone,
            transport: Transport::Udp,
            local: address(local),
            remote: source,
        };
        let bytes = text.as_bytes();
        match trunkline_sip::parse(bytes) {
            Ok(message) if message.is_request() => {
                self.with(|calls, ctx| calls.on_request(ctx, &path, &message));
            }
            Ok(message) => self.with(|calls, ctx| calls.on_response(ctx, &path, &message)),
            Err(error) => self.with(|calls, ctx| calls.on_malformed(ctx, &path, bytes, &error)),
        }
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.calls.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.with(Calls::on_deadline);
            // A deadline is a lower bound: the next look is a little later.
            self.now = (self.now + Duration::from_micros(500)).min(end);
        }
        self.now = end;
    }

    /// The next message, which must go to `to` and begin with `start`.
    #[track_caller]
    pub(crate) fn expect(&mut self, to: &str, start: &str) -> Msg {
        let Some(sent) = self.sent.pop_front() else {
            panic!("nothing was sent, wanted {start} to {to}")
        };
        assert_eq!(
            sent.path.remote,
            address(to),
            "wanted {start}, got\n{}",
            sent.message.text
        );
        assert!(
            sent.message.text.starts_with(start),
            "wanted {start} to {to}, got\n{}",
            sent.message.text
        );
        sent.message
    }

    /// Nothing more was sent.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            panic!("sent to {}:\n{}", sent.path.remote, sent.message.text);
        }
    }

    /// All timers run out; then nothing may be left.
    #[track_caller]
    pub(crate) fn finish(&mut self) {
        self.advance(Duration::from_secs(600));
        self.sent.clear();
        assert_eq!(self.calls.active(), 0, "a call lives");
        assert_eq!(self.calls.places_used(), 0, "a call's place is taken");
        assert_eq!(self.calls.transactions(), 0, "a transaction lives");
        assert_eq!(self.flows.len(), 0, "a flow lives");
        assert_eq!(self.ports.counts().taken, 0, "a port is taken");
        assert!(self.open.is_empty(), "a port is open: {:?}", self.open);
        for trunk in &self.plan.trunks {
            assert_eq!(trunk.state.active_total(), 0, "{} counts a call", trunk.name);
            assert_eq!(trunk.state.bandwidth_bps(), 0, "{} counts bandwidth", trunk.name);
        }
        let ids: BTreeSet<&str> = self.cdrs.iter().map(|c| c.call_id.as_str()).collect();
        for id in ids {
            let last = self.cdrs.iter().filter(|c| c.call_id == id && c.last).count();
            assert_eq!(last, 1, "call {id} has {last} last records");
        }
        assert_eq!(self.calls.counters().timers_full, 0);
        assert_eq!(self.calls.counters().oversized, 0);
    }
}
