//! The plan: an immutable snapshot of zones, trunks, numbers and routes.
//!
//! A call keeps the plan it began with; a later plan never touches a live call. The only part that moves
//! is [`TrunkState`], which workers share and a reload may carry over.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use trunkline_media::LatchPolicy;
use trunkline_sip::path::Transport;

use crate::trunk::TrunkState;

mod check;
mod lookup;
mod policy;
mod source;

pub use check::PlanError;
pub use policy::{Credentials, Reliability, SessionPolicy, SipPolicy};

/// Index of a zone in [`RoutePlan::zones`].
pub type ZoneId = u8;

/// Index of a trunk in [`RoutePlan::trunks`].
pub type TrunkId = u16;

/// How long an INVITE may stay without any response before the attempt counts as timed out.
///
/// Timer B (32 s) is too long for a caller who hears nothing while another trunk is free. Where no other
/// trunk is left, or
/// the route does not fail over on a timeout, timer B alone counts.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);

/// How long an attempt may ring. Timer C of RFC 3261 section 16.6 must be longer than three minutes.
pub const RING_TIMEOUT: Duration = Duration::from_secs(185);

/// Everything that a [`RoutePlan`] is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Number of this snapshot; it rises by one with each reload.
    pub epoch: u64,
    /// The name of this edge.
    pub node_name: String,
    /// The zones, in file order.
    pub zones: Vec<Zone>,
    /// The trunks, in file order.
    pub trunks: Vec<Trunk>,
    /// Numbers of the enterprise side.
    pub dids: Vec<Did>,
    /// The routes, in file order.
    pub routes: Vec<Route>,
    /// See [`ATTEMPT_TIMEOUT`].
    pub attempt_timeout: Duration,
    /// See [`RING_TIMEOUT`].
    pub ring_timeout: Duration,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            epoch: 0,
            node_name: String::new(),
            zones: Vec::new(),
            trunks: Vec::new(),
            dids: Vec::new(),
            routes: Vec::new(),
            attempt_timeout: ATTEMPT_TIMEOUT,
            ring_timeout: RING_TIMEOUT,
        }
    }
}

/// The immutable routing snapshot. Its indexes are known to be in range.
#[derive(Debug, Clone)]
pub struct RoutePlan {
    /// Number of this snapshot.
    pub epoch: u64,
    /// The name of this edge.
    pub node_name: String,
    /// The zones, in file order.
    pub zones: Vec<Zone>,
    /// The trunks, in file order.
    pub trunks: Vec<Trunk>,
    /// Numbers of the enterprise side.
    pub dids: Vec<Did>,
    /// The routes, in file order.
    pub routes: Vec<Route>,
    /// See [`ATTEMPT_TIMEOUT`].
    pub attempt_timeout: Duration,
    /// See [`RING_TIMEOUT`].
    pub ring_timeout: Duration,
    lookup: lookup::Lookup,
    media_prefixes: Vec<Arc<[trunkline_media::Prefix]>>,
}

/// One side of the network.
#[derive(Debug, Clone)]
pub struct Zone {
    /// The configured name.
    pub name: String,
    /// Index of the interface in the list of distinct interfaces.
    pub interface: u8,
    /// Our addresses in this zone; the first of a family is the one that we name in messages.
    pub addresses: Vec<IpAddr>,
    /// Where we listen for SIP.
    pub listeners: Vec<Listener>,
    /// First and last media port.
    pub rtp_ports: (u16, u16),
}

/// One SIP listener of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// The transport.
    pub transport: Transport,
    /// The port, host order.
    pub port: u16,
}

/// A configured peer or group of peers.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// The configured name.
    pub name: String,
    /// The zone that this trunk lives in.
    pub zone: ZoneId,
    /// Where calls towards this trunk go.
    pub peers: Vec<Peer>,
    /// Who may send as this trunk.
    pub sources: Vec<Prefix>,
    /// How often each peer is probed by OPTIONS; `None` = never.
    pub options_interval: Option<Duration>,
    /// Failed probes in a row after which a peer is down.
    pub down_after: u8,
    /// Answered probes in a row after which a peer is up again.
    pub up_after: u8,
    /// What this trunk may carry.
    pub limits: Limits,
    /// Codecs to keep, in order of preference; empty = leave the offer alone.
    pub codecs: Vec<String>,
    /// How numbers look on this trunk.
    pub numbers: NumberRules,
    /// How media of this trunk is treated.
    pub media: MediaPolicy,
    /// How SIP extensions are treated on this trunk.
    pub sip: SipPolicy,
    /// The part that moves, shared by all workers.
    pub state: Arc<TrunkState>,
}

/// One address of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The transport to reach it.
    pub transport: Transport,
    /// Share among peers of the same priority.
    pub weight: u32,
    /// Lower is tried first.
    pub priority: u32,
}

/// A network prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Network address; bits behind `len` are ignored.
    pub address: IpAddr,
    /// Number of leading bits that count.
    pub len: u8,
}

/// What a trunk may carry; `None` = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Concurrent calls, both directions together.
    pub calls: Option<u32>,
    /// New calls per second, both directions together.
    pub cps: Option<u32>,
    /// Media bandwidth in bit/s, one way, as estimated from the codecs of the offer.
    pub bandwidth_bps: Option<u64>,
}

/// How numbers look on a trunk, in and out.
#[derive(Debug, Clone, Default)]
pub struct NumberRules {
    /// Country code without `+`; empty = numbers are already international.
    pub country: String,
    /// Digits before a national number; `None` = the usual one of the country.
    pub national_prefix: Option<String>,
    /// Digits before an international number; empty = the usual ones of the country.
    pub international_prefixes: Vec<String>,
    /// Numbers that are passed as dialled; empty = the usual ones of the country.
    pub emergency: Vec<String>,
    /// Applied to a number from this trunk before it is normalised; the first that matches is used.
    pub inbound: Vec<NumberEdit>,
    /// How a number is written towards this trunk.
    pub out: OutFormat,
    /// Applied to a number towards this trunk after it was written; the first that matches is used.
    pub outbound: Vec<NumberEdit>,
}

/// One strip and prepend rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberEdit {
    /// The rule applies to numbers that begin so; empty = all.
    pub prefix: String,
    /// Leading characters to take away.
    pub strip: u8,
    /// Characters to put in front.
    pub prepend: String,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutFormat {
    /// `+12025550100`
    #[default]
    PlusE164,
    /// `12025550100`
    E164,
    /// `2025550100` in the trunk's country, with its national prefix where one is written; otherwise the
    /// international prefix and the number.
    National,
}

/// How media of a trunk is treated.
#[derive(Debug, Clone, Copy)]
pub struct MediaPolicy {
    /// Whose packets a flow believes.
    pub latch: LatchPolicy,
    /// DSCP of media packets towards this trunk.
    pub dscp: u8,
    /// A call whose media is silent for so long is ended; zero = never.
    pub timeout: Duration,
}

/// Numbers of the enterprise side and the trunk that they live on.
#[derive(Debug, Clone)]
pub struct Did {
    /// The numbers, normalised with a leading `+`.
    pub numbers: Vec<NumberRange>,
    /// Where calls to them go.
    pub trunk: TrunkId,
}

/// An inclusive range of numbers of equal length, normalised with a leading `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange {
    /// The first number.
    pub low: String,
    /// The last number.
    pub high: String,
}

/// An ordered rule from (source trunk, called number) to a list of trunks.
#[derive(Debug, Clone)]
pub struct Route {
    /// Source trunks that this route serves; empty = all.
    pub from: Vec<TrunkId>,
    /// Leading digits, normalised with `+`; an empty string matches any number.
    pub prefixes: Vec<String>,
    /// Trunks to try.
    pub trunks: Vec<RouteTrunk>,
    /// The order in which they are tried.
    pub strategy: Strategy,
    /// What makes the call go on to the next trunk.
    pub failover_on: FailoverOn,
}

/// One trunk of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTrunk {
    /// Which trunk.
    pub trunk: TrunkId,
    /// Share under [`Strategy::Weight`].
    pub weight: u32,
    /// Price per minute in millionths of the currency unit, for [`Strategy::LeastCost`] and the CDR.
    pub price_micros: Option<u64>,
}

impl RouteTrunk {
    /// A trunk with weight 1 and no price.
    #[must_use]
    pub fn new(trunk: TrunkId) -> Self {
        Self {
            trunk,
            weight: 1,
            price_micros: None,
        }
    }
}

/// The order in which the trunks of a route are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// As listed.
    #[default]
    Priority,
    /// At random, by weight.
    Weight,
    /// The cheapest first; trunks without a price last.
    LeastCost,
}

/// What makes a call go on to the next trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverOn {
    /// SIP status codes.
    pub codes: Vec<u16>,
    /// No response at all, or none in time.
    pub timeout: bool,
}

impl Default for FailoverOn {
    fn default() -> Self {
        Self {
            codes: alloc::vec![408, 500, 503],
            timeout: true,
        }
    }
}

impl RoutePlan {
    /// Makes a plan of its parts.
    ///
    /// # Errors
    /// [`PlanError`] if a zone or trunk index is out of range, a zone has no address or listener, or a
    /// trunk has more than one state per peer.
    pub fn new(parts: Parts) -> Result<Self, PlanError> {
        let plan = Self {
            lookup: lookup::Lookup::new(&parts.dids, &parts.routes),
            media_prefixes: parts.trunks.iter().map(media_prefixes).collect(),
            epoch: parts.epoch,
            node_name: parts.node_name,
            zones: parts.zones,
            trunks: parts.trunks,
            dids: parts.dids,
            routes: parts.routes,
            attempt_timeout: parts.attempt_timeout,
            ring_timeout: parts.ring_timeout,
        };
        plan.check_zones_and_trunks()?;
        plan.check_routes()?;
        Ok(plan)
    }

    /// The trunk with this index.
    #[must_use]
    pub fn trunk(&self, id: TrunkId) -> Option<&Trunk> {
        self.trunks.get(usize::from(id))
    }

    /// The prefixes from which a trunk may send media beside the signalled host: those it may signal from.
    #[must_use]
    pub fn media_prefixes(&self, id: TrunkId) -> Option<Arc<[trunkline_media::Prefix]>> {
        self.media_prefixes.get(usize::from(id)).map(Arc::clone)
    }

    /// The zone with this index.
    #[must_use]
    pub fn zone(&self, id: ZoneId) -> Option<&Zone> {
        self.zones.get(usize::from(id))
    }

    /// The trunk with this name.
    #[must_use]
    pub fn trunk_by_name(&self, name: &str) -> Option<TrunkId> {
        self.trunks
            .iter()
            .position(|t| t.name == name)
            .map(|i| i as TrunkId)
    }
}

fn media_prefixes(trunk: &Trunk) -> Arc<[trunkline_media::Prefix]> {
    trunk
        .sources
        .iter()
        .map(|p| trunkline_media::Prefix::new(p.address, p.len))
        .collect()
}

#[cfg(test)]
mod tests;
