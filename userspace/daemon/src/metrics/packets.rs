//! Metrics of packets, and the books that they must balance in.

use trunkline_engine::{
    Books,
    counters::{Tier, ZoneTraffic},
    report::{durations, lost_in_the_rings},
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
    for (reason, count) in DropReason::ALL.iter().zip(scrape.books.drops()) {
        family.sample(&[("reason", reason.as_str())], count as f64);
    }
    let mut family = families.counter(
        "packets_passed_total",
        "Frames left to the kernel's own network stack, by reason.",
    );
    for (reason, count) in PassReason::ALL.iter().zip(scrape.books.steered.passed) {
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
        let flows: usize = scrape.of_tier(tier).map(|report| report.flows_active).sum();
        family.sample(&[("tier", tier.as_str())], flows as f64);
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

/// The other sides of the equation: rx + originated + unsent = tx + consumed + passed + dropped + queued.
pub(super) fn books(scrape: &Scrape<'_>, families: &mut Families) {
    let help = "Frames that ended in a worker: SIP that was understood or answered.";
    families
        .counter("packets_consumed_total", help)
        .sample(&[], scrape.sum(|report| report.packets.consumed));
    let help = "Frames that workers made: SIP that the edge sent.";
    families
        .counter("packets_originated_total", help)
        .sample(&[], scrape.sum(|report| report.packets.originated));
    let help = "Frames that count as sent, although the link could not send them; they are among the drops.";
    families
        .counter("packets_unsent_total", help)
        .sample(&[], scrape.books.unsent() as f64);
    let books = scrape.books.conservation();
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
        let zones = traffic(&self.books, self.plan.zones.len());
        let tiers = [Tier::Worker.as_str(), Tier::Socket.as_str(), "kernel"];
        let rows = tiers.into_iter().zip(zones).flat_map(|(tier, zones)| {
            zones.into_iter().enumerate().map(move |(zone, traffic)| Row {
                zone: self.zone_name(zone),
                tier,
                traffic,
            })
        });
        rows.collect()
    }
}

/// Traffic by zone of the workers' rings, of the kernel's sockets and of the XDP program; the last row is for no zone.
fn traffic(books: &Books, zones: usize) -> [Vec<ZoneTraffic>; 3] {
    let of_tier = |tier: Tier| -> Vec<ZoneTraffic> {
        let of_zone = |zone: usize| {
            let mut sum = ZoneTraffic::default();
            let rows = books.reports.iter();
            for row in rows.filter_map(|report| report.packets.zones(tier).get(zone)) {
                sum.rx.packets += row.rx.packets;
                sum.rx.bytes += row.rx.bytes;
                sum.tx.packets += row.tx.packets;
                sum.tx.bytes += row.tx.bytes;
            }
            sum
        };
        (0..=zones).map(of_zone).collect()
    };
    let (worker, mut socket) = (of_tier(Tier::Worker), of_tier(Tier::Socket));
    let mut kernel = vec![ZoneTraffic::default(); zones + 1];
    for (row, (packets, bytes)) in kernel.iter_mut().zip(&books.steered.decided) {
        (row.rx.packets, row.rx.bytes) = (*packets, *bytes);
    }
    // Given to the workers and lost in the rings: no worker has seen them.
    let lost = books.reports.iter().map(|report| lost_in_the_rings(report));
    kernel[zones].rx.packets += lost.sum::<u64>();
    // They came, and no worker has seen them; nobody knows their bytes.
    socket[zones].rx.packets += books.lost_in_the_sockets();
    [worker, socket, kernel]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkline_call::plan::{Parts, RoutePlan};
    use trunkline_engine::{Steered, WorkerReport, snapshot::Snapshot};
    use trunkline_net::LinkCounters;
    use trunkline_xdp_abi::verdict::DropReason;

    use super::*;

    #[test]
    fn the_equation_holds_with_losses_in_sockets_and_rings() {
        let plan = RoutePlan::new(Parts::default()).unwrap();
        let mut report = WorkerReport::empty(&Snapshot::of(Arc::new(plan)));
        report.tier = Tier::Worker;
        report.link = LinkCounters {
            rx_dropped: 2,
            ..LinkCounters::default()
        };
        report.kernel_link = Some(LinkCounters {
            rx_dropped: 5,
            rx_dropped_invalid: 1,
            ..LinkCounters::default()
        });
        let mut steered = Steered {
            redirected: 2,
            passed: [0; PassReason::COUNT],
            drops: [0; DropReason::COUNT],
            decided: vec![(4, 400)],
        };
        steered.drops[0] = 4;
        let books = Books {
            reports: vec![Arc::new(report)],
            steered,
        };
        let rows = traffic(&books, 0);
        let received: u64 = rows.iter().flatten().map(|row| row.rx.packets).sum();
        let sent: u64 = rows.iter().flatten().map(|row| row.tx.packets).sum();
        let dropped: u64 = books.drops().iter().sum();
        assert_eq!(rows[1][0].rx.packets, 6);
        assert_eq!((received, books.unsent(), sent, dropped), (12, 0, 0, 12));
        assert_eq!(received + books.unsent(), sent + dropped);
        assert_eq!(books.conservation().unaccounted(), 0);
    }
}
