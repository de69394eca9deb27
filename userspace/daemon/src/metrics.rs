//! What Prometheus sees: the numbers of one moment, named as docs/operations/metrics.md lists them.
//!
//! Everything is computed from reports that the workers write anyway; a scrape costs them nothing.

mod family;
mod packets;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use trunkline_call::{
    plan::RoutePlan,
    report::{MessageCounters, Outcomes, TrunkCounters},
    trunk::{Direction, Limit},
};
use trunkline_engine::{Books, WorkerReport, counters::Tier, report::durations};
use trunkline_sip::{Method, ParseErrorKind};

use crate::{edge::Edge, metrics::family::Families};

/// Post-dial delay: from an answer on the same switch to a caller's patience.
const SETUP_BOUNDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0,
];
/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By worker: busy and lived nanoseconds of the newest two looks.
    busy: Mutex<HashMap<u8, [(u64, u64); 2]>>,
}

/// What was counted at one moment, read once, so that all sums of a scrape agree.
struct Scrape<'e> {
    edge: &'e Edge,
    plan: Arc<RoutePlan>,
    books: Books,
}

impl Metrics {
    /// Remembers how busy the workers are; called about once a second, so that the ratio is that of the last second.
    pub(crate) fn look(&self, edge: &Edge) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        for report in edge.engine.reports() {
            let seen = (report.busy_ns, report.lived_ns);
            let window = busy.entry(report.worker).or_insert([(0, 0), seen]);
            if window[1] != seen {
                *window = [window[1], seen];
            }
        }
    }

    /// The text of one scrape.
    pub(crate) fn render(&self, edge: &Edge) -> String {
        let scrape = Scrape {
            edge,
            plan: edge.engine.plan(),
            books: edge.engine.books(),
        };
        let mut families = Families::default();
        calls(&scrape, &mut families);
        messages(&scrape, &mut families);
        packets::packets(&scrape, &mut families);
        packets::books(&scrape, &mut families);
        self.workers(&scrape, &mut families);
        trunks(&scrape, &mut families);
        edge_itself(&scrape, &mut families);
        families.render()
    }

    fn workers(&self, scrape: &Scrape<'_>, families: &mut Families) {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = families.gauge(
            "worker_busy_ratio",
            "Share of the last second that a worker had something to do.",
        );
        for report in &scrape.books.reports {
            let [before, after] = busy
                .get(&report.worker)
                .copied()
                .unwrap_or([(0, 0), (report.busy_ns, report.lived_ns)]);
            let (worked, lived) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
            family.sample(
                &[("worker", &report.worker.to_string())],
                worked as f64 / lived.max(1) as f64,
            );
        }
    }
}

fn calls(scrape: &Scrape<'_>, families: &mut Families) {
    let mut family = families.gauge(
        "calls_active",
        "Calls in progress, by trunk and direction seen from the edge.",
    );
    for trunk in &scrape.plan.trunks {
        family.sample(
            &[("trunk", &trunk.name), ("direction", "in")],
            f64::from(trunk.state.active(Direction::In)),
        );
        family.sample(
            &[("trunk", &trunk.name), ("direction", "out")],
            f64::from(trunk.state.active(Direction::Out)),
        );
    }
    let mut family = families.counter(
        "calls_total",
        "Calls and attempts that ended their set-up, by outcome.",
    );
    for (index, trunk) in scrape.plan.trunks.iter().enumerate() {
        let totals = trunk_totals(&scrape.books.reports, index);
        for (direction, outcomes) in [("in", totals.inbound), ("out", totals.outbound)] {
            for (outcome, count) in named(&outcomes) {
                family.sample(
                    &[
                        ("trunk", &trunk.name),
                        ("direction", direction),
                        ("outcome", outcome),
                    ],
                    count as f64,
                );
            }
        }
    }
    let mut setup = durations();
    for report in &scrape.books.reports {
        // Both have the same bounds, so that adding cannot fail.
        let _ = setup.add(&report.setup_ns);
    }
    let help = "Post-dial delay: from the INVITE to the first ringing or final answer.";
    families
        .histogram("call_setup_seconds", help)
        .durations(&[], &setup, SETUP_BOUNDS);
}

fn trunk_totals(reports: &[Arc<WorkerReport>], index: usize) -> TrunkCounters {
    let mut totals = TrunkCounters::default();
    for counters in reports.iter().filter_map(|report| report.calls.trunks.get(index)) {
        for (sum, own) in [
            (&mut totals.inbound, &counters.inbound),
            (&mut totals.outbound, &counters.outbound),
        ] {
            sum.answered += own.answered;
            sum.busy += own.busy;
            sum.cancelled += own.cancelled;
            sum.timeout += own.timeout;
            sum.rejected += own.rejected;
            sum.failed += own.failed;
        }
    }
    totals
}

fn named(outcomes: &Outcomes) -> [(&'static str, u64); 6] {
    [
        ("answered", outcomes.answered),
        ("busy", outcomes.busy),
        ("cancelled", outcomes.cancelled),
        ("timeout", outcomes.timeout),
        ("rejected", outcomes.rejected),
        ("failed", outcomes.failed),
    ]
}

fn messages(scrape: &Scrape<'_>, families: &mut Families) {
    const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];
    let help = "SIP messages by method; status_class is empty for requests, and a response has the method that it answers.";
    let mut family = families.counter("sip_messages_total", help);
    for (zone_index, zone) in scrape.plan.zones.iter().enumerate() {
        for (direction, of) in [
            ("rx", received as fn(&WorkerReport) -> &[MessageCounters]),
            ("tx", sent),
        ] {
            let rows: Vec<&MessageCounters> = scrape
                .books
                .reports
                .iter()
                .filter_map(|report| of(report).get(zone_index))
                .collect();
            for (method_index, method) in Method::ALL.iter().enumerate() {
                let mut sample = |class: &str, count: u64| {
                    if count > 0 {
                        let labels = [
                            ("zone", zone.name.as_str()),
                            ("direction", direction),
                            ("method", method.as_str()),
                            ("status_class", class),
                        ];
                        family.sample(&labels, count as f64);
                    }
                };
                sample(
                    "",
                    rows.iter().filter_map(|row| row.requests.get(method_index)).sum(),
                );
                for (class_index, class) in CLASSES.iter().enumerate() {
                    sample(
                        class,
                        rows.iter()
                            .filter_map(|row| row.responses.get(method_index)?.get(class_index))
                            .sum(),
                    );
                }
            }
        }
    }
    let help = "SIP messages sent again because no answer came in time.";
    families
        .counter("sip_retransmissions_total", help)
        .sample(&[], scrape.sum(|report| report.calls.retransmissions));
    let help = "SIP messages that came again and were absorbed.";
    families
        .counter("sip_retransmissions_absorbed_total", help)
        .sample(&[], scrape.sum(|report| report.calls.retransmissions_absorbed));
    let help = "Datagrams on SIP ports that could not be parsed.";
    let mut family = families.counter("sip_parse_errors_total", help);
    for (index, kind) in ParseErrorKind::ALL.iter().enumerate() {
        let count = scrape.sum(|report| report.parse_errors.get(index).copied().unwrap_or_default());
        family.sample(&[("kind", kind.as_str())], count);
    }
}

fn received(report: &WorkerReport) -> &[MessageCounters] {
    &report.calls.received
}

fn sent(report: &WorkerReport) -> &[MessageCounters] {
    &report.calls.sent
}

fn trunks(scrape: &Scrape<'_>, families: &mut Families) {
    let mut family = families.gauge("trunk_up", "Whether any peer of the trunk answers.");
    for trunk in &scrape.plan.trunks {
        family.sample(
            &[("trunk", &trunk.name)],
            f64::from(u8::from(trunk.state.is_up())),
        );
    }
    let mut family = families.counter(
        "limit_rejections_total",
        "Calls refused because a limit was reached; no trunk for limits of the edge.",
    );
    for trunk in &scrape.plan.trunks {
        for limit in Limit::ALL {
            family.sample(
                &[("trunk", &trunk.name), ("limit", limit.as_str())],
                trunk.state.rejections(limit) as f64,
            );
        }
    }
    for (limit, count) in [
        ("capacity", scrape.sum(|report| report.calls.limit_capacity)),
        ("ports", scrape.sum(|report| report.calls.limit_ports)),
        ("cdr", scrape.sum(|report| report.calls.limit_cdr)),
        ("draining", scrape.sum(|report| report.calls.draining)),
    ] {
        family.sample(&[("trunk", ""), ("limit", limit)], count);
    }
}

fn edge_itself(scrape: &Scrape<'_>, families: &mut Families) {
    families
        .gauge("bans_active", "Sources that are banned.")
        .sample(&[], 0.0);
    let queued = scrape.edge.engine.cdrs_queued();
    families
        .gauge("cdr_queued", "Call detail records that are not on the disk yet.")
        .sample(&[], queued as f64);
    let epoch = scrape.plan.epoch;
    families
        .gauge(
            "config_epoch",
            "Number of the configuration that new calls begin with.",
        )
        .sample(&[], epoch as f64);
    let draining = scrape.edge.engine.is_draining();
    families
        .gauge("draining", "Whether new calls are refused.")
        .sample(&[], f64::from(u8::from(draining)));
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("node", scrape.edge.node.as_str()),
        ("io", scrape.edge.io),
    ];
    families
        .gauge("build_info", "One; what runs is in the labels.")
        .sample(&labels, 1.0);
}

impl Scrape<'_> {
    fn sum(&self, count: impl Fn(&WorkerReport) -> u64) -> f64 {
        self.books.reports.iter().map(|report| count(report)).sum::<u64>() as f64
    }

    fn of_tier(&self, tier: Tier) -> impl Iterator<Item = &WorkerReport> {
        self.books
            .reports
            .iter()
            .map(AsRef::as_ref)
            .filter(move |report| report.tier == tier)
    }
}
