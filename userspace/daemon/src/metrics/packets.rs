//! Metrics of packets, and the books that they must balance in.

use trunkline_engine::{
    counters::{Tier, ZoneTraffic},
    report::durations,
};
use trunkline_xdp_abi::verdict::{DropReason, PassReason};

use crate::metrics::{Scrape, family::Families};

/// Label of frames that belong to no zone.
const NO_ZONE: &str = "none";
/// Time in a worker: from a warm cache to what a listener hears.
const LATENCY_BOUNDS: &[f64] = &[
    0.000_001, 0.000_002, 0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002,
    0.005, 0.01, 0.02, 0.05, 0.1,
];

/// Frames by zone, tier, direction and fate.
pub(super) fn packets(scrape: &Scrape<'_>, families: &mut Families) {
    let rows = scrape.traffic();
    let help = "Frames by zone, tier and direction; tier kernel are those that the XDP program decided about itself.";
    let mut family = families.counter("packets_total", help);
    for row in &rows {
        family.sample(&row.labels("rx"), row.traffic.rx.packets as f64);
        family.sample(&row.labels("tx"), row.traffic.tx.packets as f64);
    }
    let mut family = families.counter(
        "bytes_total",
        "Bytes of the frames of packets_total, Ethernet header included.",
    );
    for row in &rows {
        family.sample(&row.labels("rx"), row.traffic.rx.bytes as f64);
        family.sample(&row.labels("tx"), row.traffic.tx.bytes as f64);
    }
    let mut family = families.counter(
        "drops_total",
        "Frames, datagrams and messages dropped, wherever that was decided.",
    );
    for (reason, count) in DropReason::ALL.iter().zip(scrape.edge.engine.drops()) {
        family.sample(&[("reason", reason.as_str())], count as f64);
    }
    let mut family = families.counter(
        "packets_passed_total",
        "Frames left to the kernel's own network stack, by reason.",
    );
    for (reason, count) in PassReason::ALL.iter().zip(scrape.steered.passed) {
        family.sample(&[("reason", reason.as_str())], count as f64);
    }
    family.sample(
        &[("reason", "worker")],
        scrape.sum(|report| report.packets.passed),
    );
    let mut family = families.gauge(
        "flows_active",
        "Open media flows; two for each direction of a stream that has RTCP.",
    );
    for tier in [Tier::Worker, Tier::Socket] {
        let flows = scrape
            .of_tier(tier)
            .map(|report| report.flows_active as f64)
            .sum();
        family.sample(&[("tier", tier.as_str())], flows);
    }
    let help = "From taking a batch of frames to handing its last one on, for each relayed packet.";
    let mut family = families.histogram("packet_latency_seconds", help);
    for tier in [Tier::Worker, Tier::Socket] {
        let mut latency = durations();
        for report in scrape.of_tier(tier) {
            // Both have the same bounds, so that adding cannot fail.
            let _ = latency.add(&report.latency_ns);
        }
        if scrape.of_tier(tier).next().is_some() {
            family.durations(&[("tier", tier.as_str())], &latency, LATENCY_BOUNDS);
        }
    }
}

/// The other sides of the equation: rx + originated = tx + consumed + passed + dropped + queued.
pub(super) fn books(scrape: &Scrape<'_>, families: &mut Families) {
    let help = "Frames that ended in a worker: SIP that was understood or answered.";
    families
        .counter("packets_consumed_total", help)
        .sample(&[], scrape.sum(|report| report.packets.consumed));
    let help = "Frames that workers made: SIP that the edge sent.";
    families
        .counter("packets_originated_total", help)
        .sample(&[], scrape.sum(|report| report.packets.originated));
    let books = scrape.edge.engine.conservation();
    let help = "Frames that wait inside workers and links.";
    families
        .gauge("packets_queued", help)
        .sample(&[], books.queued as f64);
    let help = "Frames that came and went nowhere; zero once traffic has stopped.";
    families
        .gauge("packets_unaccounted", help)
        .sample(&[], books.unaccounted() as f64);
}

/// The traffic of one zone in one tier.
struct Row<'p> {
    zone: &'p str,
    tier: &'static str,
    traffic: ZoneTraffic,
}

impl Row<'_> {
    fn labels<'r>(&'r self, direction: &'r str) -> [(&'r str, &'r str); 3] {
        [("zone", self.zone), ("tier", self.tier), ("direction", direction)]
    }
}

impl Scrape<'_> {
    fn zone_name(&self, index: usize) -> &str {
        self.plan
            .zones
            .get(index)
            .map_or(NO_ZONE, |zone| zone.name.as_str())
    }

    fn traffic(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut from_rings = 0;
        for tier in [Tier::Worker, Tier::Socket] {
            for zone in 0..=self.plan.zones.len() {
                let mut traffic = ZoneTraffic::default();
                for row in self
                    .reports
                    .iter()
                    .filter_map(|report| report.packets.zones(tier).get(zone))
                {
                    traffic.rx.packets += row.rx.packets;
                    traffic.rx.bytes += row.rx.bytes;
                    traffic.tx.packets += row.tx.packets;
                    traffic.tx.bytes += row.tx.bytes;
                }
                if tier == Tier::Worker {
                    from_rings += traffic.rx.packets;
                }
                rows.push(Row {
                    zone: self.zone_name(zone),
                    tier: tier.as_str(),
                    traffic,
                });
            }
        }
        for zone in 0..=self.plan.zones.len() {
            let mut traffic = ZoneTraffic::default();
            (traffic.rx.packets, traffic.rx.bytes) =
                self.steered.decided.get(zone).copied().unwrap_or_default();
            if zone == self.plan.zones.len() {
                // Given to the workers and not arrived: lost in the rings, or on the way.
                traffic.rx.packets += self.steered.redirected.saturating_sub(from_rings);
            }
            rows.push(Row {
                zone: self.zone_name(zone),
                tier: "kernel",
                traffic,
            });
        }
        rows
    }
}
