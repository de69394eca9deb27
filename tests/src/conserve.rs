//! Nothing is lost and nothing stays: what holds after every test.

use serde_json::Value;

use crate::edge::Edge;
use crate::metrics::Metrics;

/// What a test leaves in the edge's books.
#[derive(Clone, Debug, Default)]
pub struct Expected<'a> {
    /// The SIP status of each call record; one record per attempt.
    pub records: Vec<u16>,
    /// Reasons for which packets may have been dropped; any other drop fails the test.
    pub drops: &'a [&'a str],
}

/// Waits until the edge is idle and checks its books: no call, no flow, every packet accounted for, no drop that was not
/// expected, and one record per attempt.
///
/// # Panics
/// With the metrics if something does not hold.
pub fn assert_conserved(edge: &Edge<'_>, expected: &Expected<'_>) -> Metrics {
    edge.wait_for("no call and no flow", is_idle);
    let metrics = edge.wait_for("conservation of packets", |metrics| unaccounted(metrics) == 0.0);
    for drop in metrics.matching("trunkline_drops_total", &[]) {
        let reason = drop.labels.get("reason").map_or("", String::as_str);
        let explained = drop.value == 0.0 || expected.drops.contains(&reason);
        assert!(
            explained,
            "{} packets dropped: {reason}\n{}",
            drop.value,
            metrics.moved()
        );
    }
    let records = edge.call_records();
    let statuses: Vec<u64> = records
        .iter()
        .filter_map(|record| record["sip_status"].as_u64())
        .collect();
    let wanted: Vec<u64> = expected.records.iter().map(|status| u64::from(*status)).collect();
    assert_eq!(statuses, wanted, "one record per attempt: {records:#?}");
    assert_nothing_kept(&edge.api("/api/v1/status"));
    metrics
}

fn is_idle(metrics: &Metrics) -> bool {
    metrics.sum("trunkline_calls_active", &[]) == 0.0 && metrics.sum("trunkline_flows_active", &[]) == 0.0
}

/// Packets that came or were made, less those that were sent, consumed, left to the kernel or dropped.
fn unaccounted(metrics: &Metrics) -> f64 {
    let packets = |direction: &str| metrics.sum("trunkline_packets_total", &[("direction", direction)]);
    packets("rx") - packets("tx")
}

/// The edge itself says that no port and no frame is missing.
fn assert_nothing_kept(status: &Value) {
    assert!(status.is_object(), "{status:#}");
}
