//! What a table keeps of each flow: two cache lines for every packet, and the rest for everything else.

use core::net::SocketAddr;
use core::time::Duration;

use trunkline_time::Timestamp;
use trunkline_xdp_abi::{Address, Egress};

use super::{FlowId, FlowKind, FlowSpec, FlowStats, NextHop};
use crate::latch::{Endpoint, Latch, LatchRules};
use crate::quality::{History, Stream};

/// What the relay reads and writes for each packet.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Hot {
    pub(crate) egress: Egress,
    pub(crate) egress_zone: u8,
    pub(crate) kind: FlowKind,
    flags: u8,
    pub(crate) latch: Latch,
    pub(crate) stream: Stream,
    pub(crate) last_packet: Timestamp,
    pub(crate) bytes: u64,
}

const _: () = assert!(size_of::<Hot>() == 128);

/// What signalling, timers and statistics need, and what packets out of the ordinary change.
#[derive(Clone, Debug)]
pub(crate) struct Cold {
    pub(super) generation: u32,
    pub(super) is_used: bool,
    pub(super) is_held: bool,
    pub(super) place: u32,
    /// Position in the table's list of unresolved flows, or [`NOT_LISTED`].
    pub(super) listed_at: u32,
    pub(super) twin: Option<FlowId>,
    pub(crate) rules: LatchRules,
    pub(super) local: SocketAddr,
    pub(super) egress_remote: Option<Endpoint>,
    pub(super) timeout: Duration,
    /// From when on silence counts, if no packet came since.
    pub(super) quiet_since: Timestamp,
    pub(super) user: u64,
    pub(crate) history: History,
    pub(crate) first_packet: Option<Timestamp>,
    pub(crate) other_packets: u64,
    pub(crate) rtcp_packets: u64,
    pub(crate) dropped_wrong_source: u64,
    pub(crate) dropped_not_media: u64,
    pub(crate) dropped_no_egress: u64,
}

impl Hot {
    pub(super) fn new(spec: &FlowSpec, rules: &LatchRules) -> Self {
        let mut hot = Self {
            egress: Egress::default(),
            egress_zone: spec.egress_zone,
            kind: spec.kind,
            flags: 0,
            latch: Latch::new(rules),
            stream: Stream::new(spec.clock_rate),
            last_packet: Timestamp::ZERO,
            bytes: 0,
        };
        hot.apply(spec);
        hot
    }

    /// Takes over what `spec` says about how packets are checked and written, but for the remotes.
    pub(super) fn apply(&mut self, spec: &FlowSpec) {
        self.kind = spec.kind;
        self.egress_zone = spec.egress_zone;
        self.set_flag(IS_SRTP, spec.is_srtp);
        self.stream.set_clock_rate(spec.clock_rate);
        self.egress.dscp = spec.dscp;
        self.egress.ttl = spec.ttl;
        self.egress.source = Address::from(spec.egress_local.ip());
        self.egress.source_port = spec.egress_local.port();
    }

    /// Sends to `remote` from now on. True if another next hop has to be found for it.
    pub(super) fn aim(&mut self, remote: Option<Endpoint>) -> bool {
        let remote = remote.filter(|remote| remote.address().is_ipv4() == self.egress.source.is_ipv4());
        let Some(remote) = remote else {
            self.set_flag(HAS_REMOTE, false);
            self.set_flag(HAS_NEXT_HOP, false);
            return false;
        };
        let is_same_host = self.has_next_hop() && self.egress.destination == remote.address();
        self.egress.destination = remote.address();
        self.egress.destination_port = remote.port();
        self.set_flag(HAS_REMOTE, true);
        self.set_flag(HAS_NEXT_HOP, is_same_host);
        !is_same_host
    }

    pub(super) fn set_next_hop(&mut self, hop: &NextHop) {
        self.egress.interface = hop.interface;
        self.egress.source_mac = hop.source_mac;
        self.egress.destination_mac = hop.destination_mac;
        self.egress.vlan_count = hop.vlan_count;
        self.egress.vlan = hop.vlan;
        self.egress.mtu = hop.mtu;
        self.set_flag(HAS_NEXT_HOP, true);
    }

    pub(super) fn forget_next_hop(&mut self) {
        self.set_flag(HAS_NEXT_HOP, false);
    }

    #[inline]
    pub(crate) fn has_remote(&self) -> bool {
        self.flags & HAS_REMOTE != 0
    }

    #[inline]
    pub(crate) fn has_next_hop(&self) -> bool {
        self.flags & HAS_NEXT_HOP != 0
    }

    #[inline]
    pub(crate) fn is_srtp(&self) -> bool {
        self.flags & IS_SRTP != 0
    }

    fn set_flag(&mut self, flag: u8, is_set: bool) {
        self.flags = if is_set {
            self.flags | flag
        } else {
            self.flags & !flag
        };
    }
}

impl Cold {
    /// A place that no flow uses.
    pub(super) fn vacant() -> Self {
        Self {
            generation: 0,
            is_used: false,
            is_held: false,
            place: 0,
            listed_at: NOT_LISTED,
            twin: None,
            rules: LatchRules::default(),
            local: SocketAddr::new(Address::default().to_ip(), 0),
            egress_remote: None,
            timeout: Duration::ZERO,
            quiet_since: Timestamp::ZERO,
            user: 0,
            history: History::default(),
            first_packet: None,
            other_packets: 0,
            rtcp_packets: 0,
            dropped_wrong_source: 0,
            dropped_not_media: 0,
            dropped_no_egress: 0,
        }
    }

    /// Takes over what `spec` says that packets do not need.
    pub(super) fn apply(&mut self, now: Timestamp, spec: &FlowSpec) {
        if self.is_held && !spec.is_held {
            self.quiet_since = now;
        }
        self.is_held = spec.is_held;
        self.egress_remote = spec.egress_remote.and_then(reachable);
        self.timeout = spec.timeout;
        self.user = spec.user;
    }

    pub(super) fn stats(&self, hot: &Hot) -> FlowStats {
        let quality = hot.stream.quality(&self.history);
        FlowStats {
            packets: quality.received + self.other_packets,
            bytes: hot.bytes,
            rtcp_packets: self.rtcp_packets,
            lost: quality.lost,
            jitter_ns: quality.jitter_ns,
            quality,
            first_packet: self.first_packet,
            last_packet: self.first_packet.map(|_| hot.last_packet),
            latched_to: hot.latch.heard().map(SocketAddr::from),
            is_source_learned: hot.latch.learned().is_some(),
            dropped_wrong_source: self.dropped_wrong_source,
            dropped_not_media: self.dropped_not_media,
            dropped_no_egress: self.dropped_no_egress,
        }
    }
}

/// The rules for the source of a flow.
pub(super) fn rules(spec: &FlowSpec) -> LatchRules {
    LatchRules {
        policy: spec.latch,
        signalled: spec.signalled_remote.and_then(reachable),
        prefixes: spec.prefixes.clone(),
    }
}

/// A remote as signalling wrote it; none if it wrote 0.0.0.0 or port 0, which mean "nowhere".
fn reachable(remote: SocketAddr) -> Option<Endpoint> {
    let is_somewhere = !remote.ip().is_unspecified() && remote.port() != 0;
    is_somewhere.then(|| Endpoint::from(remote))
}

/// Not in the list of unresolved flows.
pub(super) const NOT_LISTED: u32 = u32::MAX;

const HAS_REMOTE: u8 = 1;
const HAS_NEXT_HOP: u8 = 2;
const IS_SRTP: u8 = 4;
