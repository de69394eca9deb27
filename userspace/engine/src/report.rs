//! What a worker tells the rest of the process, about ten times a second.
//!
//! A report is a plain copy behind a snapshot pointer: reading it costs the worker nothing and cannot stop it.

use std::sync::Arc;

use hdrhistogram::Histogram;
use trunkline_call::report::CallCounters;
use trunkline_media::{PortCounts, RelayCounters};
use trunkline_net::{LinkCounters, SlotLedger, clock};
use trunkline_sip::ParseErrorKind;
use trunkline_time::Timestamp;
use trunkline_xdp_abi::verdict::DropReason;

use crate::counters::{PacketCounters, Tier};
use crate::snapshot::Snapshot;

impl WorkerReport {
    /// The report of a worker that has not begun.
    #[must_use]
    pub fn empty(snapshot: &Snapshot) -> Self {
        Self {
            worker: 0,
            core: None,
            at: clock::monotonic_now(),
            tier: Tier::Socket,
            packets: PacketCounters::new(snapshot.plan.zones.len()),
            calls: CallCounters::default(),
            calls_active: 0,
            flows_active: 0,
            relay: RelayCounters::NONE,
            ports: PortCounts::default(),
            port_failures: 0,
            parse_errors: [0; ParseErrorKind::COUNT],
            link: LinkCounters::default(),
            kernel_link: None,
            slots: SlotLedger::default(),
            queued: 0,
            latency_ns: durations(),
            setup_ns: durations(),
            busy_ns: 0,
            lived_ns: 0,
            turn_max_ns: 0,
            plan_epoch: snapshot.plan.epoch,
            draining: false,
        }
    }
}

/// Everything that is countable about one worker at one moment.
#[derive(Clone, Debug)]
pub struct WorkerReport {
    /// Index of the worker.
    pub worker: u8,
    /// The core it is pinned to; `None` if the kernel refused.
    pub core: Option<usize>,
    /// When this was written.
    pub at: Timestamp,
    /// What the main link is.
    pub tier: Tier,
    /// Packets by zone, verdict and reason.
    pub packets: PacketCounters,
    /// Calls, messages and refusals.
    pub calls: CallCounters,
    /// Calls that are not yet ended.
    pub calls_active: usize,
    /// Flows in the table.
    pub flows_active: usize,
    /// Packets by flow verdict.
    pub relay: RelayCounters,
    /// Media ports.
    pub ports: PortCounts,
    /// Media ports that the kernel would not open a socket for.
    pub port_failures: u64,
    /// Datagrams that are not SIP, by `ParseErrorKind as usize`.
    pub parse_errors: [u64; ParseErrorKind::COUNT],
    /// The main link.
    pub link: LinkCounters,
    /// The kernel's own sockets beside AF_XDP.
    pub kernel_link: Option<LinkCounters>,
    /// Where the frames of the main link are.
    pub slots: SlotLedger,
    /// Frames that wait inside the worker: SIP for its budget, datagrams for their next hop.
    pub queued: usize,
    /// Nanoseconds from taking a batch to handing its last frame on, one value per relayed packet.
    pub latency_ns: Histogram<u64>,
    /// Post-dial delay, nanoseconds: INVITE to the first 18x or final answer.
    pub setup_ns: Histogram<u64>,
    /// Nanoseconds spent in turns that did something.
    pub busy_ns: u64,
    /// Nanoseconds since the worker began.
    pub lived_ns: u64,
    /// Longest turn, nanoseconds.
    pub turn_max_ns: u64,
    /// Epoch of the plan that new calls begin with.
    pub plan_epoch: u64,
    /// Whether new calls are refused.
    pub draining: bool,
}

/// An empty histogram of durations from a microsecond to a minute, two significant digits.
#[must_use]
pub fn durations() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 2).expect("constant bounds are in order")
}

/// The books of the whole edge: what came must have gone somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conservation {
    /// Frames received, by the XDP program or the kernel's sockets, each counted where it was decided.
    pub received: u64,
    /// Frames that the edge made.
    pub originated: u64,
    /// Frames sent.
    pub sent: u64,
    /// Frames taken in for good.
    pub consumed: u64,
    /// Frames left to the kernel's stack.
    pub passed: u64,
    /// Frames dropped, all reasons.
    pub dropped: u64,
    /// Frames that wait inside workers and links.
    pub queued: u64,
}

impl Conservation {
    /// Frames that came and went nowhere; zero once traffic has stopped. Negative: frames out of nothing.
    #[must_use]
    pub fn unaccounted(&self) -> i64 {
        let gone = self.sent + self.consumed + self.passed + self.dropped + self.queued;
        (self.received + self.originated).cast_signed() - gone.cast_signed()
    }

    /// Adds the books of one worker.
    pub fn add_worker(&mut self, report: &WorkerReport) {
        let packets = &report.packets;
        for row in packets
            .zones(Tier::Worker)
            .iter()
            .chain(packets.zones(Tier::Socket))
        {
            self.received += row.rx.packets;
            self.sent += row.tx.packets;
        }
        self.received += packets.handed_in;
        self.originated += packets.originated;
        self.consumed += packets.consumed + packets.handed_out;
        self.passed += packets.passed;
        self.dropped += packets.drops.iter().sum::<u64>();
        self.queued += report.queued as u64;
        let lost = lost_in_the_sockets(report);
        self.received += lost;
        self.dropped += lost + lost_in_the_rings(report);
        for link in [Some(&report.link), report.kernel_link.as_ref()]
            .into_iter()
            .flatten()
        {
            let lost = lost_on_the_way_out(link);
            self.dropped += lost;
            self.sent = self.sent.saturating_sub(lost);
        }
    }
}

/// Frames that a link took and could not send.
#[must_use]
pub fn lost_on_the_way_out(link: &LinkCounters) -> u64 {
    link.tx_dropped_backlog
        + link.tx_dropped_no_socket
        + link.tx_dropped_invalid
        + link.tx_dropped_error
        + link.tx_invalid_descs
}

/// Frames that were lost between the XDP program and the worker. The program has counted them.
///
/// `rx_fill_ring_empty_descs` is no loss of its own: the kernel counts a frame that finds the fill ring empty in
/// `rx_dropped` as well.
#[must_use]
pub fn lost_in_the_rings(report: &WorkerReport) -> u64 {
    match report.tier {
        Tier::Worker => report.link.rx_ring_full + report.link.rx_dropped,
        Tier::Socket => 0,
    }
}

/// Datagrams that were lost in the kernel's own sockets, or that came out of them unusable. Nobody else counts them as
/// received.
#[must_use]
pub fn lost_in_the_sockets(report: &WorkerReport) -> u64 {
    let main = (report.tier == Tier::Socket).then_some(&report.link);
    let sockets = main.into_iter().chain(&report.kernel_link);
    sockets
        .map(|link| link.rx_dropped + link.rx_dropped_invalid)
        .sum()
}

/// Drops of all workers by reason, those that the links counted included.
#[must_use]
pub fn drops(reports: &[Arc<WorkerReport>]) -> [u64; DropReason::COUNT] {
    let mut drops = [0; DropReason::COUNT];
    for report in reports {
        for (sum, own) in drops.iter_mut().zip(&report.packets.drops) {
            *sum += own;
        }
        for link in [Some(&report.link), report.kernel_link.as_ref()]
            .into_iter()
            .flatten()
        {
            drops[DropReason::TxFull.index()] += link.tx_dropped_backlog;
            drops[DropReason::TxFailed.index()] += lost_on_the_way_out(link) - link.tx_dropped_backlog;
            drops[DropReason::SocketTruncated.index()] += link.rx_dropped_invalid;
        }
        // Each frame has one reason: those without a slot are told apart from the others that the kernel dropped.
        let no_slot = report.link.rx_fill_ring_empty_descs.min(report.link.rx_dropped);
        drops[DropReason::XskRxRingFull.index()] += report.link.rx_ring_full;
        drops[DropReason::XskFillRingEmpty.index()] += no_slot;
        drops[DropReason::XskRxDropped.index()] += report.link.rx_dropped - no_slot;
        drops[DropReason::XskRxDropped.index()] += report.kernel_link.map_or(0, |link| link.rx_dropped);
    }
    drops
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(tier: Tier, link: LinkCounters, kernel_link: Option<LinkCounters>) -> WorkerReport {
        let plan = trunkline_call::plan::RoutePlan::new(trunkline_call::plan::Parts::default());
        let snapshot = Snapshot::of(Arc::new(plan.expect("an empty plan is a plan")));
        WorkerReport {
            tier,
            link,
            kernel_link,
            ..WorkerReport::empty(&snapshot)
        }
    }

    #[test]
    fn a_frame_that_found_no_slot_is_lost_once() {
        let link = LinkCounters {
            rx_dropped: 10,
            rx_fill_ring_empty_descs: 7,
            rx_ring_full: 2,
            ..LinkCounters::default()
        };
        let report = report(Tier::Worker, link, None);
        assert_eq!(lost_in_the_rings(&report), 12);
        assert_eq!(lost_in_the_sockets(&report), 0);
        let drops = drops(&[Arc::new(report)]);
        assert_eq!(drops[DropReason::XskFillRingEmpty.index()], 7);
        assert_eq!(drops[DropReason::XskRxDropped.index()], 3);
        assert_eq!(drops.iter().sum::<u64>(), 12);
    }

    #[test]
    fn what_sockets_lose_was_received() {
        let link = LinkCounters {
            rx_dropped: 5,
            rx_dropped_invalid: 1,
            ..LinkCounters::default()
        };
        for report in [
            report(Tier::Socket, link, None),
            report(Tier::Worker, LinkCounters::default(), Some(link)),
        ] {
            let mut books = Conservation::default();
            books.add_worker(&report);
            assert_eq!((books.received, books.dropped, books.unaccounted()), (6, 6, 0));
            assert_eq!(drops(&[Arc::new(report)]).iter().sum::<u64>(), 6);
        }
    }
}
