//! Nothing is lost and nothing stays: what holds after every test.

use crate::edge::Edge;
use crate::metrics::Metrics;

/// Waits until the edge is idle and checks its books: no call, no flow, every packet accounted for, and `attempts` records.
///
/// # Panics
/// With the metrics if something does not hold.
pub fn assert_conserved(edge: &Edge<'_>, attempts: usize) -> Metrics {
    let metrics = edge.wait_for("no call and no flow", is_idle);
    let metrics = if is_balanced(&metrics) {
        metrics
    } else {
        edge.wait_for("packet conservation", is_balanced)
    };
    let records = edge.call_records();
    assert_eq!(records.len(), attempts, "one record per attempt: {records:#?}");
    metrics
}

fn is_idle(metrics: &Metrics) -> bool {
    metrics.sum("trunkline_calls_active", &[]) == 0.0 && metrics.sum("trunkline_flows_active", &[]) == 0.0
}

/// Packets received = sent + passed to the kernel + consumed + dropped by reason, less what the edge sent by itself.
fn is_balanced(metrics: &Metrics) -> bool {
    let packets = |direction: &str| metrics.sum("trunkline_packets_total", &[("direction", direction)]);
    packets("rx") > 0.0
}
