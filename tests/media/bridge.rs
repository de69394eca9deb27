//! A relay between the network of the captures and another one.
//!
//! ```text
//!  198.51.100.20 ----- zone 0: 192.0.2.10      | edge | zone 1: 203.0.113.10     ----- 203.0.113.20
//!  2001:db8::20  -----         2001:db8:1::10  |      |         2001:db8:2::10   ----- 2001:db8:2::20
//! ```

use std::net::SocketAddr;

use trunkline_media::{
    FlowId, FlowKind, FlowSpec, FlowStats, FlowTable, NextHop, PortRange, Relay, RelayVerdict,
};
use trunkline_time::Timestamp;
use trunkline_xdp_abi::map::INTERFACE_ANY;
use trunkline_xdp_abi::{Address, DropReason, Local, Tables, Verdict, classify};

use crate::capture::{self, Captured};

/// The relay under test, and the tables that frames are classified with.
pub(crate) struct Bridge {
    pub(crate) relay: Relay,
    locals: Vec<(Address, Local)>,
    buffer: Vec<u8>,
}

/// What became of one frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not media for us.
    Elsewhere(Verdict),
    /// Sent as this frame.
    Sent(Vec<u8>),
    /// Dropped by the relay.
    Dropped(DropReason),
}

/// Where zone 1 is reached through.
pub(crate) const HOP: NextHop = NextHop {
    interface: 1,
    source_mac: [2, 0, 0, 0, 1, 1],
    destination_mac: [2, 0, 0, 0, 1, 2],
    vlan_count: 0,
    vlan: [0; 2],
    mtu: 1500,
};

/// Local port of zone 1 that flows of the tests leave from.
const EGRESS_PORT: u16 = 30000;
/// Space in front of each frame, as network buffers have.
const HEADROOM: usize = 64;

impl Bridge {
    pub(crate) fn new() -> Self {
        let ranges = ["192.0.2.10", "2001:db8:1::10"].map(|address| PortRange {
            zone: 0,
            address: address.parse().unwrap(),
            low: 10000,
            high: 50000,
        });
        let local = Local::new(0, INTERFACE_ANY, &[5060], Some((10000, 50000))).unwrap();
        Self {
            relay: Relay::new(FlowTable::new(&ranges, 64), 0, 1),
            locals: ranges
                .iter()
                .map(|range| (Address::from(range.address), local))
                .collect(),
            buffer: Vec::new(),
        }
    }

    /// Opens a flow and tells it its next hop.
    pub(crate) fn open(&mut self, spec: &FlowSpec) -> FlowId {
        let id = self.relay.flows.install(Timestamp::ZERO, spec).unwrap();
        self.relay.flows.set_next_hop(id, &HOP);
        id
    }

    /// Sends one frame through, as a worker would.
    pub(crate) fn pass(&mut self, now: Timestamp, frame: &[u8]) -> Outcome {
        let tables = Tables {
            interface: 0,
            locals: &self.locals,
            sources: &[],
        };
        let classified = classify(frame, &tables);
        let Verdict::Rtp { .. } = classified.verdict else {
            return Outcome::Elsewhere(classified.verdict);
        };
        self.buffer.clear();
        self.buffer.resize(HEADROOM, 0xcc);
        self.buffer.extend(frame);
        match self
            .relay
            .on_packet(now, &mut self.buffer, HEADROOM, &classified.layout)
        {
            RelayVerdict::Forward {
                interface,
                start,
                len,
                ..
            } => {
                assert_eq!(interface, HOP.interface);
                Outcome::Sent(self.buffer[start..start + len].to_vec())
            }
            RelayVerdict::Drop(reason) => Outcome::Dropped(reason),
            RelayVerdict::Handoff(owner) => panic!("handed to worker {owner}, and there is one only"),
        }
    }

    /// Sends a capture through, and checks that every frame of it is in the books.
    pub(crate) fn replay(&mut self, name: &str) -> Vec<(Captured, Outcome)> {
        let outcomes: Vec<_> = capture::frames(name)
            .into_iter()
            .map(|captured| {
                let outcome = self.pass(captured.at, &captured.bytes);
                (captured, outcome)
            })
            .collect();
        self.assert_conserved();
        outcomes
    }

    /// Every frame that came to the relay has left it, or was dropped for a counted reason.
    pub(crate) fn assert_conserved(&self) {
        let counters = self.relay.counters();
        let dropped: u64 = counters.dropped.iter().sum();
        assert_eq!(
            counters.received,
            counters.forwarded + counters.handed_off + dropped
        );
        let stats = || {
            self.relay
                .flows
                .iter()
                .filter_map(|(id, _)| self.relay.flows.stats(id))
        };
        assert_eq!(
            counters.forwarded,
            stats().map(|stats| stats.forwarded()).sum::<u64>()
        );
    }

    /// How often the relay dropped for this reason.
    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.relay.counters().dropped[reason.index()]
    }
}

/// A flow for media that the captures send to `local` from `remote`, towards the same family in zone 1.
pub(crate) fn flow(kind: FlowKind, local: &str, remote: &str) -> FlowSpec {
    let local: SocketAddr = local.parse().unwrap();
    towards(kind, local, remote, local.is_ipv6())
}

/// As [`flow`], towards IPv6 or IPv4.
pub(crate) fn towards(kind: FlowKind, local: SocketAddr, remote: &str, is_ipv6: bool) -> FlowSpec {
    let host = |last: &str| {
        let address = if is_ipv6 {
            format!("2001:db8:2::{last}")
        } else {
            format!("203.0.113.{last}")
        };
        address.parse().unwrap()
    };
    FlowSpec {
        signalled_remote: Some(remote.parse().unwrap()),
        egress_remote: Some(SocketAddr::new(host("20"), 6000)),
        ..FlowSpec::new(kind, local, 1, SocketAddr::new(host("10"), EGRESS_PORT))
    }
}

/// The usual flow of the captures: RTP to port 40000.
pub(crate) fn rtp_flow() -> FlowSpec {
    flow(FlowKind::Rtp, "192.0.2.10:40000", "198.51.100.20:30000")
}

/// Replays a capture through one flow and returns what the flow has seen, and how many frames were sent.
pub(crate) fn stats_of(name: &str, spec: &FlowSpec) -> (FlowStats, usize) {
    let mut bridge = Bridge::new();
    let id = bridge.open(spec);
    let outcomes = bridge.replay(name);
    let sent_count = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Sent(_)))
        .count();
    (bridge.relay.flows.remove(id).unwrap(), sent_count)
}
