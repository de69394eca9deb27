//! The line of one record.

use serde::Serialize;
use trunkline_call::cdr::{CdrRecord, MediaTotals};

use crate::wall_clock::WallClock;

/// One attempt as it is written. Keys are never taken away; what is not known is null.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'r> {
    call_id: &'r str,
    attempt: u32,
    last: bool,
    from_trunk: &'r str,
    to_trunk: Option<&'r str>,
    a_call_id: &'r str,
    b_call_id: Option<&'r str>,
    caller: &'r str,
    called: &'r str,
    called_normalised: &'r str,
    start: String,
    ring: Option<String>,
    answer: Option<String>,
    end: String,
    setup_ms: Option<u64>,
    duration_ms: u64,
    billed_s: u64,
    price: Option<f64>,
    sip_status: u16,
    reason: &'r str,
    q850: u8,
    ended_by: &'static str,
    codec: Option<&'r str>,
    tier: &'static str,
    from_caller: Media,
    from_callee: Media,
    emergency: bool,
    config_epoch: u64,
}

/// Media of one direction.
#[derive(Debug, Serialize)]
struct Media {
    packets: u64,
    bytes: u64,
    lost: u64,
    jitter_ms: f64,
    mos: Option<f64>,
}

impl<'r> Line<'r> {
    /// The line of `record`, its times turned into dates by `clock`.
    pub(crate) fn of(record: &'r CdrRecord, clock: &WallClock) -> Self {
        Self {
            call_id: &record.call_id,
            attempt: record.attempt,
            last: record.last,
            from_trunk: &record.from_trunk,
            to_trunk: known(&record.to_trunk),
            a_call_id: &record.a_call_id,
            b_call_id: known(&record.b_call_id),
            caller: &record.caller,
            called: &record.called,
            called_normalised: &record.called_normalised,
            start: clock.rfc3339(record.start),
            ring: record.ring.map(|at| clock.rfc3339(at)),
            answer: record.answer.map(|at| clock.rfc3339(at)),
            end: clock.rfc3339(record.end),
            setup_ms: record.setup().map(|setup| setup.as_millis() as u64),
            duration_ms: record.duration().as_millis() as u64,
            billed_s: record.billed_secs(),
            price: record.price().map(|micros| micros as f64 / 1e6),
            sip_status: record.sip_status,
            reason: &record.reason,
            q850: record.q850,
            ended_by: record.ended_by.as_str(),
            codec: known(&record.codec),
            tier: record.tier.as_str(),
            from_caller: Media::of(&record.from_caller),
            from_callee: Media::of(&record.from_callee),
            emergency: record.emergency,
            config_epoch: record.config_epoch,
        }
    }

    /// Appends the line and its end.
    pub(crate) fn append_to(&self, lines: &mut Vec<u8>) {
        serde_json::to_writer(&mut *lines, self)
            .expect("strings and numbers always are JSON, and a Vec takes all of it");
        lines.push(b'\n');
    }
}

impl Media {
    fn of(totals: &MediaTotals) -> Self {
        Self {
            packets: totals.packets,
            bytes: totals.bytes,
            lost: totals.lost,
            jitter_ms: rounded(totals.jitter_ms()),
            mos: totals.mos().map(rounded),
        }
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
