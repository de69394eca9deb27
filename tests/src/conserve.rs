//! Nothing is lost and nothing stays: what holds after every test.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::edge::Edge;
use crate::metrics::Metrics;

/// Longer than workers take to publish what they counted.
const REPORT_INTERVAL: Duration = Duration::from_millis(300);

/// A record is written within this after its call.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(5);

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
    let records = wait_for_records(edge, expected.records.len());
    std::thread::sleep(REPORT_INTERVAL);
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
    let statuses: Vec<u64> = records
        .iter()
        .filter_map(|record| record["sip_status"].as_u64())
        .collect();
    let wanted: Vec<u64> = expected.records.iter().map(|status| u64::from(*status)).collect();
    assert_eq!(statuses, wanted, "one record per attempt: {records:#?}");
    assert_nothing_kept(&edge.api("/api/v1/status"));
    metrics
}

/// The records, once there are `count` of them or they have had their time.
fn wait_for_records(edge: &Edge<'_>, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + RECORDS_TIMEOUT;
    loop {
        let records = edge.call_records();
        if records.len() >= count || Instant::now() > deadline {
            return records;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_idle(metrics: &Metrics) -> bool {
    metrics.sum("trunkline_calls_active", &[]) == 0.0 && metrics.sum("trunkline_flows_active", &[]) == 0.0
}

/// Packets that came or were made, less those that were sent, consumed, left to the kernel or dropped, or that wait.
fn unaccounted(metrics: &Metrics) -> f64 {
    let all = |name: &str| metrics.sum(name, &[]);
    let packets = |direction: &str| metrics.sum("trunkline_packets_total", &[("direction", direction)]);
    let came = packets("rx") + all("trunkline_packets_originated_total");
    let went =
        packets("tx") + all("trunkline_packets_consumed_total") + all("trunkline_packets_passed_total");
    let stayed = all("trunkline_drops_total") + all("trunkline_packets_queued");
    (came - went - stayed).abs() + all("trunkline_packets_unaccounted").abs()
}

/// The edge itself says that no port is taken and that every frame of its memory is where it belongs.
fn assert_nothing_kept(status: &Value) {
    for key in ["calls_active", "flows_active", "ports_taken", "cdr_queued"] {
        assert_eq!(status[key], 0, "{key} of {status:#}");
    }
    let workers = status["workers"].as_array().expect("workers are listed");
    assert!(!workers.is_empty(), "{status:#}");
    for worker in workers {
        let slots = worker["slots"].as_object().expect("each worker has a ledger");
        let places = slots.iter().filter(|(place, _)| *place != "total");
        let sum: u64 = places.filter_map(|(_, count)| count.as_u64()).sum();
        assert_eq!(slots["total"], sum, "frames of {worker:#}");
        assert_eq!(slots["app"], 0, "frames of {worker:#}");
    }
}
