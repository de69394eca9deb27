//! What a worker tells about its calls: counters and snapshots, plain data.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use trunkline_time::Timestamp;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallPhase {
    /// A trunk is being tried and has not rung.
    Trying,
    /// The callee rings, or early media runs.
    Ringing,
    /// Answered.
    Talking,
    /// Ended; the last transactions are running out.
    Ending,
}

impl CallPhase {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Ringing => "ringing",
            Self::Talking => "talking",
            Self::Ending => "ending",
        }
    }
}

/// One line about one call.
#[derive(Debug, Clone)]
pub struct CallSummary {
    /// Our id.
    pub id: String,
    /// Where it stands.
    pub phase: CallPhase,
    /// Whether one side has put the other on hold.
    pub held: bool,
    /// Source trunk.
    pub from_trunk: String,
    /// Trunk of the present attempt; empty if none.
    pub to_trunk: String,
    /// The calling number as received.
    pub caller: String,
    /// The called number, normalised.
    pub called: String,
    /// When the INVITE came in.
    pub start: Timestamp,
    /// When it was answered.
    pub answer: Option<Timestamp>,
    /// Number of the present attempt.
    pub attempt: u32,
}

/// One leg in full.
#[derive(Debug, Clone)]
pub struct LegDetail {
    /// Call-ID of this leg.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty before it is known.
    pub remote_tag: String,
    /// Where we speak from.
    pub local: SocketAddr,
    /// Where we speak to.
    pub remote: SocketAddr,
}

/// One direction of one media stream.
#[derive(Debug, Clone)]
pub struct FlowDetail {
    /// `"caller"` or `"callee"`: who sends.
    pub from: &'static str,
    /// Our port that it comes in at.
    pub local: SocketAddr,
    /// Where it goes.
    pub towards: Option<SocketAddr>,
    /// Packets relayed.
    pub packets: u64,
    /// Bytes relayed.
    pub bytes: u64,
    /// Packets lost.
    pub lost: u64,
    /// Jitter, nanoseconds.
    pub jitter_ns: u64,
}

/// One call in full.
#[derive(Debug, Clone)]
pub struct CallDetail {
    /// The line about it.
    pub summary: CallSummary,
    /// The side that placed the call.
    pub a: LegDetail,
    /// The side that is called, once an attempt was made.
    pub b: Option<LegDetail>,
    /// First codec of the answer.
    pub codec: String,
    /// Its media.
    pub flows: Vec<FlowDetail>,
    /// Epoch of its plan.
    pub config_epoch: u64,
}

/// How calls of a trunk in one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Answered.
    pub answered: u64,
    /// 486 or 600.
    pub busy: u64,
    /// Given up by the caller before the answer.
    pub cancelled: u64,
    /// Nobody answered in time.
    pub timeout: u64,
    /// Refused by us: no route, limit, policy.
    pub rejected: u64,
    /// Any other failure.
    pub failed: u64,
}

/// Call counts of one trunk on this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrunkCounters {
    /// Calls that came from it.
    pub inbound: Outcomes,
    /// Attempts that went to it.
    pub outbound: Outcomes,
}

/// Messages of one zone in one direction: requests by method, responses by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounters {
    /// By [`Method::ALL`](trunkline_sip::Method::ALL) order.
    pub requests: [u64; 16],
    /// Same order by the CSeq method, then by class 1xx to 6xx.
    pub responses: [[u64; 6]; 16],
}

/// All that a worker counts about calls. Only ever rises.
#[derive(Debug, Clone, Default)]
pub struct CallCounters {
    /// New calls that were admitted.
    pub calls_started: u64,
    /// Calls that were answered.
    pub calls_answered: u64,
    /// Calls that ended, however.
    pub calls_ended: u64,
    /// Attempts towards a trunk.
    pub attempts: u64,
    /// Attempts that were followed by another one.
    pub failovers: u64,
    /// Requests from a source that no trunk has; never answered.
    pub unknown_source: u64,
    /// Requests refused since no route serves the number.
    pub unroutable: u64,
    /// Refused: concurrent calls of a trunk.
    pub limit_calls: u64,
    /// Refused: call rate of a trunk.
    pub limit_cps: u64,
    /// Refused: bandwidth of a trunk.
    pub limit_bandwidth: u64,
    /// Refused: no free place for a call or transaction.
    pub limit_capacity: u64,
    /// Refused: no free media port or flow.
    pub limit_ports: u64,
    /// Refused: the records queue is near full.
    pub limit_cdr: u64,
    /// Refused: draining.
    pub draining: u64,
    /// Refused: 482.
    pub loops: u64,
    /// Refused: Max-Forwards was 0.
    pub max_forwards: u64,
    /// Refused: 420.
    pub bad_extension: u64,
    /// Refused: 405 or 501.
    pub bad_method: u64,
    /// Refused: 488 or 415, a body that cannot be understood.
    pub bad_body: u64,
    /// Requests inside a dialog that is not here: 481, or a dropped ACK.
    pub no_dialog: u64,
    /// Responses that match no transaction.
    pub stray_responses: u64,
    /// Datagrams that could not be parsed.
    pub malformed: u64,
    /// Of these, those that were answered.
    pub malformed_answered: u64,
    /// Calls ended since their media fell silent.
    pub media_timeouts: u64,
    /// Calls ended since the caller never acknowledged the answer.
    pub ack_timeouts: u64,
    /// re-INVITEs refused by 491.
    pub glare: u64,
    /// Forked answers that were acknowledged and ended at once.
    pub forked_answers: u64,
    /// Challenges of trunks that were answered with credentials.
    pub challenges_met: u64,
    /// Session refreshes sent.
    pub sessions_refreshed: u64,
    /// Calls ended since a session was not refreshed.
    pub sessions_expired: u64,
    /// OPTIONS probes sent.
    pub probes: u64,
    /// OPTIONS probes without a good answer.
    pub probes_failed: u64,
    /// Timers that found no free place.
    pub timers_full: u64,
    /// Messages that did not fit the buffer that they were written into.
    pub oversized: u64,
    /// Retransmissions sent, requests and responses.
    pub retransmissions: u64,
    /// Retransmissions received and absorbed.
    pub retransmissions_absorbed: u64,
    /// By trunk index of the plan.
    pub trunks: Vec<TrunkCounters>,
    /// By zone index of the plan.
    pub received: Vec<MessageCounters>,
    /// By zone index of the plan.
    pub sent: Vec<MessageCounters>,
    /// Post-dial delay of calls since the last [`take`](Self::take_setups), nanoseconds; bounded.
    pub setups_ns: Vec<u64>,
}

/// Most set-up times that are kept between two collections.
pub const SETUPS_MAX: usize = 4096;

impl CallCounters {
    /// Hands out the set-up times collected since the last time.
    pub fn take_setups(&mut self) -> Vec<u64> {
        core::mem::take(&mut self.setups_ns)
    }
}
