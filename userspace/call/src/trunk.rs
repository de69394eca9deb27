//! The part of a trunk that moves: health, calls in progress, rate. Shared by all workers, so all atomic.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};

use trunkline_time::{SharedRate, Timestamp};

use crate::plan::Limits;

/// Which limit refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Concurrent calls.
    Calls,
    /// Calls per second.
    Cps,
    /// Media bandwidth.
    Bandwidth,
}

impl Limit {
    /// All limits, in counter order.
    pub const ALL: [Self; 3] = [Self::Calls, Self::Cps, Self::Bandwidth];

    /// The word for metrics and `Reason` texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Cps => "cps",
            Self::Bandwidth => "bandwidth",
        }
    }
}

/// Which way a call runs, seen from a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the trunk to us.
    In,
    /// From us to the trunk.
    Out,
}

/// Live state of one trunk.
#[derive(Debug)]
pub struct TrunkState {
    active_in: AtomicU32,
    active_out: AtomicU32,
    bandwidth_bps: AtomicU64,
    limits: Limits,
    rate: Option<SharedRate>,
    rejected: [AtomicU64; 3],
    peers: Vec<PeerState>,
}

/// Live state of one peer of a trunk.
#[derive(Debug)]
pub struct PeerState {
    down: AtomicBool,
    failures: AtomicU32,
    successes: AtomicU32,
    last_status: AtomicU16,
    last_probe_ns: AtomicU64,
    round_trip_us: AtomicU32,
    retry_after_ns: AtomicU64,
}

/// The result of the newest OPTIONS probe of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProbeReport {
    /// SIP status; 0 = none yet, 408 = no answer.
    pub status: u16,
    /// When the answer came or the wait ended; zero = never.
    pub at: Timestamp,
    /// Round trip in microseconds.
    pub round_trip_us: u32,
}

impl TrunkState {
    /// A trunk at rest with all of its `peers` up.
    #[must_use]
    pub fn new(peers: usize, limits: Limits) -> Self {
        Self {
            active_in: AtomicU32::new(0),
            active_out: AtomicU32::new(0),
            bandwidth_bps: AtomicU64::new(0),
            rate: limits.cps.map(|cps| SharedRate::new(cps.max(1), cps.max(1))),
            limits,
            rejected: [const { AtomicU64::new(0) }; 3],
            peers: (0..peers).map(|_| PeerState::new()).collect(),
        }
    }

    /// The limits that this state was made with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Number of peers that this state was made for.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// The state of one peer.
    #[must_use]
    pub fn peer(&self, index: usize) -> Option<&PeerState> {
        self.peers.get(index)
    }

    /// Whether any peer is up. A trunk without peers (inbound only) is never up for calls towards it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.peers.iter().any(PeerState::is_up)
    }

    /// Calls in progress in one direction.
    #[must_use]
    pub fn active(&self, direction: Direction) -> u32 {
        self.counter(direction).load(Ordering::Relaxed)
    }

    /// Calls in progress in both directions.
    #[must_use]
    pub fn active_total(&self) -> u32 {
        self.active(Direction::In)
            .saturating_add(self.active(Direction::Out))
    }

    /// Bandwidth in use by estimate, bit/s.
    #[must_use]
    pub fn bandwidth_bps(&self) -> u64 {
        self.bandwidth_bps.load(Ordering::Relaxed)
    }

    /// Calls refused by one limit since start.
    #[must_use]
    pub fn rejections(&self, limit: Limit) -> u64 {
        self.rejected[limit as usize].load(Ordering::Relaxed)
    }

    /// Takes room for one call of `bps`.
    ///
    /// # Errors
    /// The [`Limit`] that is reached; nothing was taken then, and the refusal was counted.
    pub fn admit(&self, now: Timestamp, direction: Direction, bps: u64) -> Result<(), Limit> {
        let mine = self.counter(direction);
        mine.fetch_add(1, Ordering::AcqRel);
        let used = self
            .bandwidth_bps
            .fetch_add(bps, Ordering::AcqRel)
            .saturating_add(bps);
        let refused = if self.limits.calls.is_some_and(|max| self.active_total() > max) {
            Some(Limit::Calls)
        } else if self.limits.bandwidth_bps.is_some_and(|max| used > max) {
            Some(Limit::Bandwidth)
        } else if self.rate.as_ref().is_some_and(|rate| !rate.try_take(now)) {
            Some(Limit::Cps)
        } else {
            None
        };
        let Some(limit) = refused else { return Ok(()) };
        self.release(direction, bps);
        self.rejected[limit as usize].fetch_add(1, Ordering::Relaxed);
        Err(limit)
    }

    /// Gives back what [`admit`](Self::admit) took.
    pub fn release(&self, direction: Direction, bps: u64) {
        self.counter(direction).fetch_sub(1, Ordering::AcqRel);
        self.bandwidth_bps.fetch_sub(bps, Ordering::AcqRel);
    }

    fn counter(&self, direction: Direction) -> &AtomicU32 {
        match direction {
            Direction::In => &self.active_in,
            Direction::Out => &self.active_out,
        }
    }
}

impl PeerState {
    fn new() -> Self {
        Self {
            down: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            successes: AtomicU32::new(0),
            last_status: AtomicU16::new(0),
            last_probe_ns: AtomicU64::new(0),
            round_trip_us: AtomicU32::new(0),
            retry_after_ns: AtomicU64::new(0),
        }
    }

    /// Whether calls may be sent to this peer, Retry-After left aside.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// Whether calls may be sent to this peer at `now`.
    #[must_use]
    pub fn is_available(&self, now: Timestamp) -> bool {
        self.is_up() && now.as_nanos() >= self.retry_after_ns.load(Ordering::Relaxed)
    }

    /// The peer asked not to be called before `until`.
    pub fn hold_off(&self, until: Timestamp) {
        self.retry_after_ns.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// The peer answered something. Returns true if this brought it up.
    pub fn on_success(&self, up_after: u8) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        let seen = self.successes.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        seen >= u32::from(up_after.max(1)) && self.down.swap(false, Ordering::Relaxed)
    }

    /// The peer did not answer, or said that it cannot. Returns true if this brought it down.
    pub fn on_failure(&self, down_after: u8) -> bool {
        self.successes.store(0, Ordering::Relaxed);
        let seen = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        seen >= u32::from(down_after.max(1)) && !self.down.swap(true, Ordering::Relaxed)
    }

    /// Notes the result of a probe for reports.
    pub fn note_probe(&self, report: ProbeReport) {
        self.last_status.store(report.status, Ordering::Relaxed);
        self.last_probe_ns.store(report.at.as_nanos(), Ordering::Relaxed);
        self.round_trip_us.store(report.round_trip_us, Ordering::Relaxed);
    }

    /// The newest probe.
    #[must_use]
    pub fn probe(&self) -> ProbeReport {
        ProbeReport {
            status: self.last_status.load(Ordering::Relaxed),
            at: Timestamp::from_nanos(self.last_probe_ns.load(Ordering::Relaxed)),
            round_trip_us: self.round_trip_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests;
