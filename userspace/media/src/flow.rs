//! Flows: the directions of media relay that are open, found by local address and port.
//!
//! A flow says from which source media may come to one local port, and how it leaves. A call has a flow for each direction,
//! and its RTCP two more unless it shares the RTP port. The two directions of one stream are *twins*: each sends where
//! the other one's media comes from.

mod next_hops;
mod places;
mod state;
mod table;

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use trunkline_time::Timestamp;

use crate::latch::{LatchPolicy, Prefix};
use crate::quality::Quality;

pub use table::FlowTable;

/// Names a flow of one [`FlowTable`], and no later flow in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    index: u32,
    generation: u32,
}

/// What a flow carries, and therefore lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// RTP only.
    Rtp,
    /// RTCP only.
    Rtcp,
    /// RTP and RTCP on one port (RFC 5761); both sides have to have agreed on it.
    Mux,
    /// T.38 fax over UDPTL; any datagram passes.
    Udptl,
}

/// Everything about a flow that signalling and configuration decide.
#[derive(Clone, Debug)]
pub struct FlowSpec {
    /// What it carries.
    pub kind: FlowKind,
    /// Whether the payload is encrypted (SRTP, SRTCP), so that only what stays in clear is checked.
    pub is_srtp: bool,
    /// Where packets arrive.
    pub local: SocketAddr,
    /// Where signalling says they come from; `None` while it has not said.
    pub signalled_remote: Option<SocketAddr>,
    /// Whether another source may be learned.
    pub latch: LatchPolicy,
    /// Prefixes from which the trunk may send media, beside the signalled host.
    pub prefixes: Option<Arc<[Prefix]>>,
    /// Our address and port that packets leave from.
    pub egress_local: SocketAddr,
    /// Where they go, unless the twin learns another place; `None` while signalling has not said.
    pub egress_remote: Option<SocketAddr>,
    /// Index of the zone that packets leave to.
    pub egress_zone: u8,
    /// DSCP of packets that leave, 0 to 63.
    pub dscp: u8,
    /// TTL or hop limit of packets that leave.
    pub ttl: u8,
    /// Timestamp units in a second, for jitter.
    pub clock_rate: u32,
    /// After how long without a packet in either direction the flow is reported idle; zero is never.
    pub timeout: Duration,
    /// Whether silence is expected: the call is on hold or not answered yet.
    pub is_held: bool,
    /// Whatever the owner of the flow wants to be told with it.
    pub user: u64,
}

impl FlowSpec {
    /// A flow from `local` to `egress_local` with the usual values: gated, DSCP EF, TTL 64, 8,000 Hz, no timeout, no remotes.
    #[must_use]
    pub const fn new(kind: FlowKind, local: SocketAddr, egress_zone: u8, egress_local: SocketAddr) -> Self {
        Self {
            kind,
            is_srtp: false,
            local,
            signalled_remote: None,
            latch: LatchPolicy::Gated,
            prefixes: None,
            egress_local,
            egress_remote: None,
            egress_zone,
            dscp: 46,
            ttl: trunkline_xdp_abi::header::TTL,
            clock_rate: 8000,
            timeout: Duration::ZERO,
            is_held: false,
            user: 0,
        }
    }
}

/// The part of a frame that leads to the next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHop {
    /// Slot of the interface to send on.
    pub interface: u8,
    /// Our MAC address there.
    pub source_mac: [u8; 6],
    /// MAC address of the next hop.
    pub destination_mac: [u8; 6],
    /// VLAN tags to write: 0, 1 or 2.
    pub vlan_count: u8,
    /// Tag control information of each, outermost first.
    pub vlan: [u16; 2],
    /// Largest IP packet that the interface sends; 0 for no limit.
    pub mtu: u16,
}

/// A flow that knows where to send but not through which next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The flow.
    pub id: FlowId,
    /// Index of the zone to send to.
    pub zone: u8,
    /// The address to reach.
    pub destination: IpAddr,
}

/// What a flow has seen since it was installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Packets from the believed source, RTCP included.
    pub packets: u64,
    /// Bytes of those datagrams, without UDP and IP headers.
    pub bytes: u64,
    /// How many of the packets were RTCP.
    pub rtcp_packets: u64,
    /// RTP packets that never came; see [`Quality::lost`].
    pub lost: u64,
    /// Interarrival jitter as of the last RTP packet, in nanoseconds.
    pub jitter_ns: u64,
    /// All that was measured of the RTP stream.
    pub quality: Quality,
    /// When the first packet came.
    pub first_packet: Option<Timestamp>,
    /// When the last packet came.
    pub last_packet: Option<Timestamp>,
    /// The source that packets came from.
    pub latched_to: Option<SocketAddr>,
    /// Whether that source was learned from media, not named by signalling.
    pub is_source_learned: bool,
    /// Packets from a source that was not believed.
    pub dropped_wrong_source: u64,
    /// Datagrams that the flow does not carry: malformed, STUN, DTLS, RTP on an RTCP port and the like.
    pub dropped_not_media: u64,
    /// Packets for which there was no remote or no next hop, or that the egress could not take.
    pub dropped_no_egress: u64,
}

impl FlowStats {
    /// Packets that left.
    #[must_use]
    pub const fn forwarded(&self) -> u64 {
        self.packets - self.dropped_no_egress
    }
}

#[cfg(test)]
mod tests;
