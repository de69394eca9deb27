//! What the admin interface says, as JSON. The command line reads the same types back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_call::{
    plan::{RoutePlan, Trunk},
    report::{CallDetail, CallSummary, FlowDetail, LegDetail},
    trunk::Direction,
};
use trunkline_engine::{Engine, WorkerReport};
use trunkline_xdp_abi::verdict::DropReason;

use crate::{edge::Edge, wall_clock::WallClock};

/// An error of the admin interface.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) error: String,
    /// More lines, where there are some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
}

/// The edge as a whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) node: String,
    pub(crate) version: String,
    /// "serving", "draining" or "unhealthy".
    pub(crate) state: String,
    pub(crate) started: String,
    pub(crate) uptime_s: u64,
    pub(crate) config_file: String,
    pub(crate) config_epoch: u64,
    pub(crate) reloads: u64,
    /// "xdp" or "socket".
    pub(crate) io: String,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) calls_active: usize,
    pub(crate) flows_active: usize,
    pub(crate) ports_taken: usize,
    pub(crate) cdr_queued: usize,
    pub(crate) workers: Vec<Worker>,
    pub(crate) packets: Packets,
    /// Frames dropped by reason; reasons without a drop are left out.
    pub(crate) drops: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// "driver", "generic" or "socket".
    pub(crate) mode: String,
    pub(crate) zero_copy: bool,
    pub(crate) queues: u32,
    pub(crate) driver: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Worker {
    pub(crate) worker: u8,
    /// The core that it is pinned to, if the kernel let it.
    pub(crate) core: Option<usize>,
    pub(crate) tier: String,
    pub(crate) calls_active: usize,
    pub(crate) flows_active: usize,
    pub(crate) ports_taken: usize,
    pub(crate) ports_free: usize,
    /// Share of its life that it was busy.
    pub(crate) busy_ratio: f64,
    pub(crate) turn_max_us: f64,
    pub(crate) slots: Slots,
}

/// Where the frames of a worker's link are. They sum up to `total`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slots {
    pub(crate) fill: u32,
    pub(crate) rx: u32,
    pub(crate) app: u32,
    pub(crate) tx: u32,
    pub(crate) completion: u32,
    pub(crate) free: u32,
    pub(crate) total: u32,
}

/// The books: received + originated = sent + consumed + passed + dropped + queued + unaccounted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Packets {
    pub(crate) received: u64,
    pub(crate) originated: u64,
    pub(crate) sent: u64,
    pub(crate) consumed: u64,
    pub(crate) passed: u64,
    pub(crate) dropped: u64,
    pub(crate) queued: u64,
    pub(crate) unaccounted: i64,
}

/// One line about one call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: String,
    /// "trying", "ringing", "talking" or "ending".
    pub(crate) phase: String,
    pub(crate) held: bool,
    pub(crate) from_trunk: String,
    pub(crate) to_trunk: Option<String>,
    pub(crate) caller: String,
    pub(crate) called: String,
    pub(crate) attempt: u32,
    pub(crate) start: String,
    pub(crate) answer: Option<String>,
    /// Since the answer, or since the start of a call that is not answered.
    pub(crate) age_s: u64,
}

/// One call in full.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CallInFull {
    pub(crate) id: String,
    /// False for a call that has ended; only its messages are left then.
    pub(crate) live: bool,
    pub(crate) call: Option<Call>,
    pub(crate) a_leg: Option<Leg>,
    pub(crate) b_leg: Option<Leg>,
    pub(crate) codec: Option<String>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) config_epoch: Option<u64>,
    /// SIP messages that are still kept.
    pub(crate) messages: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: Option<String>,
    pub(crate) local: String,
    pub(crate) remote: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// Who sends: "caller" or "callee".
    pub(crate) from: String,
    pub(crate) local: String,
    pub(crate) towards: Option<String>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) jitter_ms: f64,
}

/// One trunk with its health and load.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TrunkState {
    pub(crate) name: String,
    pub(crate) zone: String,
    pub(crate) up: bool,
    pub(crate) calls_in: u32,
    pub(crate) calls_out: u32,
    pub(crate) calls_limit: Option<u32>,
    pub(crate) cps_limit: Option<u32>,
    pub(crate) bandwidth_bps: u64,
    pub(crate) bandwidth_limit_bps: Option<u64>,
    pub(crate) peers: Vec<PeerState>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PeerState {
    pub(crate) address: String,
    pub(crate) up: bool,
    pub(crate) weight: u32,
    pub(crate) priority: u32,
    /// Status of the last OPTIONS; 408 if nothing came, none if there was no OPTIONS yet.
    pub(crate) options_status: Option<u16>,
    pub(crate) options_at: Option<String>,
    pub(crate) options_round_trip_ms: Option<f64>,
}

/// The answer to a question that a verb asked to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) done: bool,
}

/// What became of a drain.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Draining {
    pub(crate) draining: bool,
    pub(crate) calls_active: usize,
}

impl Status {
    pub(crate) fn of(edge: &Edge) -> Self {
        let engine = &edge.engine;
        let counted = engine.books();
        let (reports, books) = (&counted.reports, counted.conservation());
        Self {
            node: edge.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: state(engine).to_owned(),
            started: format!("{:.3}", edge.started),
            uptime_s: edge.started_at.elapsed().as_secs(),
            config_file: edge.config_file.display().to_string(),
            config_epoch: engine.plan().epoch,
            reloads: edge.reloads(),
            io: edge.io.to_owned(),
            interfaces: engine.interfaces().iter().map(Interface::of).collect(),
            calls_active: reports.iter().map(|report| report.calls_active).sum(),
            flows_active: reports.iter().map(|report| report.flows_active).sum(),
            ports_taken: reports.iter().map(|report| report.ports.taken).sum(),
            cdr_queued: engine.cdrs_queued(),
            workers: reports.iter().map(|report| Worker::of(report)).collect(),
            packets: Packets {
                received: books.received,
                originated: books.originated,
                sent: books.sent,
                consumed: books.consumed,
                passed: books.passed,
                dropped: books.dropped,
                queued: books.queued,
                unaccounted: books.unaccounted(),
            },
            drops: DropReason::ALL
                .iter()
                .zip(counted.drops())
                .filter(|(_, count)| *count > 0)
                .map(|(reason, count)| (reason.as_str().to_owned(), count))
                .collect(),
        }
    }
}

/// The state of the edge in a word.
pub(crate) fn state(engine: &Engine) -> &'static str {
    match (engine.is_healthy(), engine.is_draining()) {
        (false, _) => "unhealthy",
        (true, true) => "draining",
        (true, false) => "serving",
    }
}

impl Interface {
    fn of(report: &trunkline_engine::InterfaceReport) -> Self {
        Self {
            name: report.name.clone(),
            mode: report.mode.to_owned(),
            zero_copy: report.zero_copy,
            queues: report.queues,
            driver: report.driver.clone(),
        }
    }
}

impl Worker {
    fn of(report: &WorkerReport) -> Self {
        let slots = &report.slots;
        Self {
            worker: report.worker,
            core: report.core,
            tier: report.tier.as_str().to_owned(),
            calls_active: report.calls_active,
            flows_active: report.flows_active,
            ports_taken: report.ports.taken,
            ports_free: report.ports.free,
            busy_ratio: report.busy_ns as f64 / report.lived_ns.max(1) as f64,
            turn_max_us: report.turn_max_ns as f64 / 1e3,
            slots: Slots {
                fill: slots.fill,
                rx: slots.rx,
                app: slots.app,
                tx: slots.tx,
                completion: slots.completion,
                free: slots.free,
                total: slots.total,
            },
        }
    }
}

impl Call {
    pub(crate) fn of(summary: &CallSummary, clock: &WallClock) -> Self {
        Self {
            id: summary.id.clone(),
            phase: summary.phase.as_str().to_owned(),
            held: summary.held,
            from_trunk: summary.from_trunk.clone(),
            to_trunk: known(&summary.to_trunk),
            caller: summary.caller.clone(),
            called: summary.called.clone(),
            attempt: summary.attempt,
            start: clock.rfc3339(summary.start),
            answer: summary.answer.map(|at| clock.rfc3339(at)),
            age_s: clock.since(summary.answer.unwrap_or(summary.start)).as_secs(),
        }
    }
}

impl CallInFull {
    pub(crate) fn of(id: &str, detail: Option<&CallDetail>, messages: usize, clock: &WallClock) -> Self {
        Self {
            id: id.to_owned(),
            live: detail.is_some(),
            call: detail.map(|detail| Call::of(&detail.summary, clock)),
            a_leg: detail.map(|detail| Leg::of(&detail.a)),
            b_leg: detail.and_then(|detail| detail.b.as_ref()).map(Leg::of),
            codec: detail.and_then(|detail| known(&detail.codec)),
            flows: detail
                .map(|detail| detail.flows.iter().map(Flow::of).collect())
                .unwrap_or_default(),
            config_epoch: detail.map(|detail| detail.config_epoch),
            messages,
        }
    }
}

impl Leg {
    fn of(leg: &LegDetail) -> Self {
        Self {
            call_id: leg.call_id.clone(),
            local_tag: leg.local_tag.clone(),
            remote_tag: known(&leg.remote_tag),
            local: leg.local.to_string(),
            remote: leg.remote.to_string(),
        }
    }
}

impl Flow {
    fn of(flow: &FlowDetail) -> Self {
        Self {
            from: flow.from.to_owned(),
            local: flow.local.to_string(),
            towards: flow.towards.map(|address| address.to_string()),
            packets: flow.packets,
            bytes: flow.bytes,
            lost: flow.lost,
            jitter_ms: flow.jitter_ns as f64 / 1e6,
        }
    }
}

impl TrunkState {
    pub(crate) fn all(plan: &RoutePlan, clock: &WallClock) -> Vec<Self> {
        plan.trunks
            .iter()
            .map(|trunk| Self::of(plan, trunk, clock))
            .collect()
    }

    fn of(plan: &RoutePlan, trunk: &Trunk, clock: &WallClock) -> Self {
        Self {
            name: trunk.name.clone(),
            zone: plan
                .zone(trunk.zone)
                .map_or_else(String::new, |zone| zone.name.clone()),
            up: trunk.state.is_up(),
            calls_in: trunk.state.active(Direction::In),
            calls_out: trunk.state.active(Direction::Out),
            calls_limit: trunk.limits.calls,
            cps_limit: trunk.limits.cps,
            bandwidth_bps: trunk.state.bandwidth_bps(),
            bandwidth_limit_bps: trunk.limits.bandwidth_bps,
            peers: (0..trunk.peers.len())
                .filter_map(|index| PeerState::of(trunk, index, clock))
                .collect(),
        }
    }
}

impl PeerState {
    fn of(trunk: &Trunk, index: usize, clock: &WallClock) -> Option<Self> {
        let (peer, state) = (trunk.peers.get(index)?, trunk.state.peer(index)?);
        let probe = state.probe();
        let was_probed = probe.status != 0;
        let is_answered = was_probed && probe.round_trip_us > 0;
        Some(Self {
            address: peer.address.to_string(),
            up: state.is_up(),
            weight: peer.weight,
            priority: peer.priority,
            options_status: was_probed.then_some(probe.status),
            options_at: was_probed.then(|| clock.rfc3339(probe.at)),
            options_round_trip_ms: is_answered.then(|| f64::from(probe.round_trip_us) / 1e3),
        })
    }
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
