//! One worker: a thread on a core that runs every packet it gets to completion.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::queue::ArrayQueue;
use hdrhistogram::Histogram;
use trunkline_call::action::Actions;
use trunkline_call::calls::{Calls, CallsConfig};
use trunkline_call::cdr::CdrRecord;
use trunkline_call::ctx::Ctx;
use trunkline_media::{FlowTable, PortPool, PortRange, Relay};
use trunkline_net::poll::Waiter;
use trunkline_net::{Batch, Frame, Link, clock};
use trunkline_sip::ParseErrorKind;
use trunkline_sip::token::Entropy;
use trunkline_time::Timestamp;
use trunkline_xdp_abi::header::Layout;

use crate::command::Command;
use crate::counters::{PacketCounters, Tier};
use crate::egress::{Links, Sender};
use crate::entropy::Random;
use crate::handoff::Handoff;
use crate::report::{WorkerReport, durations};
use crate::snapshot::Snapshot;
use crate::trace::Trace;

/// SIP messages parsed in one turn; what is beyond waits for the next, so that media never waits long.
pub const SIP_PER_TURN_MAX: usize = 16;

/// SIP frames that may wait for their turn; what is beyond is dropped and counted as `sip_overload`.
pub const SIP_QUEUE_MAX: usize = 1024;

/// Parcels of other workers taken in one turn.
pub const PARCELS_PER_TURN_MAX: usize = 64;

/// Idle turns before a worker sleeps: enough to bridge the gaps inside a burst without holding the core between bursts.
/// Chosen, not measured.
pub const IDLE_TURNS_MAX: u32 = 20;

/// Longest sleep: commands and reports are looked at this often at least.
pub const SLEEP_MAX: Duration = Duration::from_millis(100);

/// How often housekeeping runs: idle flows, next hops, reports.
pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(10);

/// How often the kernel's own sockets are looked at while the AF_XDP rings are busy.
pub const KERNEL_SOCKETS_INTERVAL: Duration = Duration::from_millis(1);

/// How long a pair of media ports rests after use.
pub const PORT_QUARANTINE: Duration = Duration::from_secs(5);

/// Records that must still fit, beside those of the calls that are up, before a new call is admitted.
pub const CDR_ROOM: usize = 64;

/// Records for which a call that is up keeps room: a failed attempt or two before the one that is answered.
pub const CDRS_PER_CALL: usize = 3;

/// A SIP frame that waits for its turn.
#[derive(Debug)]
pub(crate) struct SipFrame {
    pub(crate) frame: Frame,
    pub(crate) layout: Layout,
    pub(crate) zone: u8,
}

/// What a worker shares with the control side.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What the control side asks.
    pub commands: Arc<ArrayQueue<Command>>,
    /// Finished call detail records.
    pub cdrs: Arc<ArrayQueue<Box<CdrRecord>>>,
    /// The newest report.
    pub report: Arc<ArcSwap<WorkerReport>>,
    /// Tells the worker to end.
    pub stop: Arc<AtomicBool>,
}

/// Everything that a worker is made of.
pub struct Parts<L> {
    /// Index of this worker.
    pub worker: u8,
    /// Number of workers.
    pub workers: u8,
    /// The core that it was pinned to.
    pub core: Option<usize>,
    /// Calls at once.
    pub calls: usize,
    /// The ways in and out.
    pub links: Links<L>,
    /// Next hops.
    pub sender: Sender,
    /// The rings to other workers.
    pub handoff: Handoff,
    /// The first plan.
    pub snapshot: Snapshot,
    /// The control side.
    pub shared: Shared,
    /// Random numbers for tags, branches and ports.
    pub random: Random,
}

/// One worker.
pub struct Worker<L> {
    pub(crate) me: u8,
    pub(crate) workers: u8,
    pub(crate) core: Option<usize>,
    pub(crate) links: Links<L>,
    pub(crate) sender: Sender,
    pub(crate) relay: Relay,
    pub(crate) ports: PortPool,
    pub(crate) calls: Calls,
    pub(crate) actions: Actions,
    pub(crate) random: Random,
    pub(crate) handoff: Handoff,
    pub(crate) snapshot: Snapshot,
    pub(crate) sip_queue: VecDeque<SipFrame>,
    pub(crate) packets: PacketCounters,
    pub(crate) trace: Trace,
    pub(crate) shared: Shared,
    pub(crate) draining: bool,
    pub(crate) latency_ns: Histogram<u64>,
    pub(crate) setup_ns: Histogram<u64>,
    pub(crate) busy_ns: u64,
    pub(crate) turn_max_ns: u64,
    pub(crate) born: Timestamp,
    pub(crate) housekeeping_at: Timestamp,
    pub(crate) report_at: Timestamp,
    pub(crate) refreshing: usize,
    pub(crate) port_failures: u64,
    pub(crate) parse_errors: [u64; ParseErrorKind::COUNT],
    batch: Option<Batch>,
    kernel_at: Timestamp,
}

impl<L: Link> Worker<L> {
    /// A worker that has seen nothing yet.
    #[must_use]
    pub fn new(parts: Parts<L>, now: Timestamp) -> Self {
        let Parts {
            worker,
            workers,
            core,
            calls,
            links,
            sender,
            handoff,
            snapshot,
            shared,
            mut random,
        } = parts;
        let ranges = port_ranges(&snapshot);
        let flows = FlowTable::new(&ranges, calls.saturating_mul(4));
        let config = CallsConfig {
            owner: worker,
            workers,
            capacity: calls,
            seed: random.next_u64(),
            ..CallsConfig::default()
        };
        let mut made = Self {
            me: worker,
            workers,
            core,
            links,
            sender,
            relay: Relay::new(flows, worker, workers),
            ports: PortPool::new(&ranges, worker, workers, PORT_QUARANTINE, random.next_u64()),
            calls: Calls::new(config, now),
            actions: Actions::with_capacity(64 * 1024),
            random,
            handoff,
            packets: PacketCounters::new(snapshot.plan.zones.len()),
            snapshot,
            sip_queue: VecDeque::with_capacity(SIP_QUEUE_MAX),
            trace: Trace::new(),
            shared,
            draining: false,
            latency_ns: durations(),
            setup_ns: durations(),
            busy_ns: 0,
            turn_max_ns: 0,
            born: now,
            housekeeping_at: now,
            report_at: now,
            refreshing: 0,
            port_failures: 0,
            parse_errors: [0; ParseErrorKind::COUNT],
            batch: Some(Batch::new()),
            kernel_at: now,
        };
        made.with_calls(now, Calls::on_plan);
        made.perform(now);
        made
    }

    /// Runs until told to stop. Sleeps when there is nothing to do, unless `busy_poll`.
    pub fn run(mut self, mut waiter: Waiter, busy_poll: bool) -> WorkerReport {
        let mut idle_turns = 0;
        let mut fds: Vec<RawFd> = Vec::new();
        let mut now = clock::monotonic_now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let worked = self.turn(now);
            let after = clock::monotonic_now();
            if worked {
                idle_turns = 0;
                self.count_busy(after.saturating_since(now));
            } else {
                idle_turns += 1;
            }
            now = after;
            if idle_turns > IDLE_TURNS_MAX && !busy_poll {
                self.sleep(now, &mut waiter, &mut fds);
                now = clock::monotonic_now();
                idle_turns = 0;
            }
        }
        self.links.main.flush();
        self.report(clock::monotonic_now())
    }

    fn count_busy(&mut self, spent: Duration) {
        let spent = spent.as_nanos() as u64;
        self.busy_ns += spent;
        self.turn_max_ns = self.turn_max_ns.max(spent);
    }

    fn sleep(&mut self, now: Timestamp, waiter: &mut Waiter, fds: &mut Vec<RawFd>) {
        self.handoff.doorbell().lie_down();
        if !self.handoff.is_waiting() && self.shared.commands.is_empty() {
            let deadline = self
                .calls
                .next_deadline()
                .map_or(SLEEP_MAX, |at| at.saturating_since(now));
            let pause = if self.sender.held() > 0 || self.relay.flows.unresolved_count() > 0 {
                HOUSEKEEPING_INTERVAL
            } else {
                SLEEP_MAX
            };
            fds.clear();
            self.links.main.fds(fds);
            if let Some(kernel) = &self.links.kernel {
                kernel.fds(fds);
            }
            // An error of the wait is answered by looking at everything, as after any other wake-up.
            let _ = waiter.wait(fds, Some(deadline.min(pause)));
            self.kernel_at = now;
        }
        self.handoff.doorbell().rise();
    }

    /// One pass: media first, then SIP, then timers, then housekeeping, each within its budget. The clock was read once.
    ///
    /// Answers whether there was anything to do.
    pub fn turn(&mut self, now: Timestamp) -> bool {
        let mut worked = self.take_frames(now);
        worked |= self.take_parcels(now);
        worked |= self.serve_sip(now);
        if self.calls.next_deadline().is_some_and(|at| at <= now) {
            self.with_calls(now, Calls::on_deadline);
            self.perform(now);
            worked = true;
        }
        if !self.shared.commands.is_empty() {
            self.obey(now);
            worked = true;
        }
        if self.housekeeping_at <= now {
            self.housekeeping_at = now + HOUSEKEEPING_INTERVAL;
            self.keep_house(now);
        }
        self.links.main.flush();
        if let Some(kernel) = &mut self.links.kernel {
            kernel.flush();
        }
        worked
    }

    /// Takes one batch from each link and runs its media; SIP is queued.
    fn take_frames(&mut self, now: Timestamp) -> bool {
        let Some(mut batch) = self.batch.take() else {
            return false;
        };
        let mut received = self.links.main.rx(&mut batch);
        let tier = self.links.tier;
        let mut forwarded = 0;
        for frame in batch.drain() {
            forwarded += u64::from(self.dispatch(now, tier, frame));
        }
        if forwarded > 0 {
            self.links.main.flush();
            let spent = clock::monotonic_now().saturating_since(now).as_nanos() as u64;
            // The histogram saturates at its upper bound instead of failing.
            self.latency_ns.saturating_record_n(spent, forwarded);
        }
        if let Some(kernel) = self.links.kernel.as_mut().filter(|_| self.kernel_at <= now) {
            self.kernel_at = now + KERNEL_SOCKETS_INTERVAL;
            received += kernel.rx(&mut batch);
            for frame in batch.drain() {
                self.dispatch(now, Tier::Socket, frame);
            }
        }
        self.batch = Some(batch);
        received > 0
    }

    /// Runs `input` on the calls with everything that they may touch.
    pub(crate) fn with_calls<R>(
        &mut self,
        now: Timestamp,
        input: impl FnOnce(&mut Calls, &mut Ctx<'_>) -> R,
    ) -> R {
        let cdrs = &self.shared.cdrs;
        let mut ctx = Ctx {
            now,
            entropy: &mut self.random,
            plan: &self.snapshot.plan,
            ports: &mut self.ports,
            flows: &mut self.relay.flows,
            cdr_room: cdrs.len() + self.calls.active() * CDRS_PER_CALL + CDR_ROOM <= cdrs.capacity(),
            out: &mut self.actions,
        };
        input(&mut self.calls, &mut ctx)
    }
}

/// The media ports of all zones.
fn port_ranges(snapshot: &Snapshot) -> Vec<PortRange> {
    let zones = snapshot.plan.zones.iter().enumerate();
    zones
        .flat_map(|(id, zone)| {
            let (low, high) = zone.rtp_ports;
            zone.addresses.iter().map(move |&address| PortRange {
                zone: id as u8,
                address,
                low,
                high,
            })
        })
        .collect()
}
