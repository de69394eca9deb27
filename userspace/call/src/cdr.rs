//! The record of one attempt to set up a call.
//!
//! One record is made per attempt, also for calls that were refused before any trunk was tried
//! (`to_trunk` is empty then). Times are [`Timestamp`]s; whoever writes the record turns them into dates.

use alloc::string::String;
use core::time::Duration;

use trunkline_time::Timestamp;

/// Who ended the call or attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndedBy {
    /// The side that placed the call.
    Caller,
    /// The side that was called.
    Callee,
    /// This edge.
    #[default]
    Edge,
}

impl EndedBy {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Edge => "edge",
        }
    }
}

/// Which tier relayed the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// No media ran.
    #[default]
    None,
    /// The AF_XDP or socket workers.
    Worker,
    /// The XDP program.
    Kernel,
}

impl Tier {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Worker => "worker",
            Self::Kernel => "kernel",
        }
    }
}

/// Media of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MediaTotals {
    /// RTP packets relayed.
    pub packets: u64,
    /// Bytes of RTP relayed.
    pub bytes: u64,
    /// RTP packets lost before they reached us.
    pub lost: u64,
    /// Interarrival jitter of the newest stream, nanoseconds.
    pub jitter_ns: u64,
}

impl MediaTotals {
    /// Jitter in milliseconds.
    #[must_use]
    pub fn jitter_ms(&self) -> f64 {
        self.jitter_ns as f64 / 1e6
    }

    /// Estimated mean opinion score, 1.0 to 4.5, from loss and jitter; `None` without packets.
    ///
    /// The E-model of ITU-T G.107 reduced to what a relay sees: R = 93.2 less 2.5 per percent lost less the
    /// delay of a jitter buffer of twice the jitter.
    #[must_use]
    pub fn mos(&self) -> Option<f64> {
        if self.packets == 0 {
            return None;
        }
        let expected = self.packets.saturating_add(self.lost) as f64;
        let loss_percent = 100.0 * self.lost as f64 / expected;
        let delay_ms = 2.0 * self.jitter_ms() + 20.0;
        let late = if delay_ms > 177.3 {
            0.11 * (delay_ms - 177.3)
        } else {
            0.0
        };
        let r = (93.2 - 0.024 * delay_ms - late - 2.5 * loss_percent).clamp(0.0, 100.0);
        let mos = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6;
        Some(mos.clamp(1.0, 4.5))
    }
}

/// One attempt.
#[derive(Debug, Clone, Default)]
pub struct CdrRecord {
    /// Our id of the call, the same for all of its attempts.
    pub call_id: String,
    /// 1 for the first attempt; 0 where no trunk was tried.
    pub attempt: u32,
    /// Whether this is the last record of the call.
    pub last: bool,
    /// The trunk that the call came from.
    pub from_trunk: String,
    /// The trunk that was tried; empty if none.
    pub to_trunk: String,
    /// Call-ID of the A-leg.
    pub a_call_id: String,
    /// Call-ID of the B-leg; empty if none.
    pub b_call_id: String,
    /// The calling number as received.
    pub caller: String,
    /// The called number as received.
    pub called: String,
    /// The called number after normalisation, with `+`; as received where it could not be normalised.
    pub called_normalised: String,
    /// When the INVITE came in, or for a later attempt when that attempt began.
    pub start: Timestamp,
    /// The first 18x of this attempt.
    pub ring: Option<Timestamp>,
    /// The 2xx of this attempt.
    pub answer: Option<Timestamp>,
    /// The end.
    pub end: Timestamp,
    /// Price per minute in millionths of the currency unit, if the route has one.
    pub price_micros: Option<u64>,
    /// Final status of the attempt: 200 for an answered one, 408 without a response, 487 for a cancelled one.
    pub sip_status: u16,
    /// Why it ended, in words.
    pub reason: String,
    /// Q.850 cause.
    pub q850: u8,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// First audio codec of the answer; empty if there was none.
    pub codec: String,
    /// Which tier relayed the media.
    pub tier: Tier,
    /// Media from the caller to the callee.
    pub from_caller: MediaTotals,
    /// Media from the callee to the caller.
    pub from_callee: MediaTotals,
    /// Whether the called number is an emergency number.
    pub emergency: bool,
    /// Epoch of the plan that the call began with.
    pub config_epoch: u64,
}

impl CdrRecord {
    /// From the start to the first 18x, or to the answer if there was none.
    #[must_use]
    pub fn setup(&self) -> Option<Duration> {
        self.ring
            .or(self.answer)
            .map(|at| at.saturating_since(self.start))
    }

    /// From the answer to the end; zero for a call that was not answered.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.answer
            .map_or(Duration::ZERO, |at| self.end.saturating_since(at))
    }

    /// Whole seconds to bill: the duration, rounded up.
    #[must_use]
    pub fn billed_secs(&self) -> u64 {
        let duration = self.duration();
        duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
    }

    /// Price of the call in millionths of the currency unit, if the route has a price.
    #[must_use]
    pub fn price(&self) -> Option<u64> {
        self.price_micros
            .map(|per_minute| per_minute.saturating_mul(self.billed_secs()).div_ceil(60))
    }
}

/// The Q.850 cause for a final SIP status, RFC 3398 section 8.2.6.1 read backwards.
#[must_use]
pub fn q850_of_status(status: u16) -> u8 {
    match status {
        200..=299 | 487 => 16,
        404 | 485 | 604 => 1,
        486 | 600 => 17,
        408 => 102,
        480 => 18,
        603 | 403 | 401 | 402 | 407 => 21,
        410 => 22,
        484 => 28,
        502 => 38,
        503 => 41,
        488 | 606 | 415 => 79,
        482 | 483 => 25,
        504 => 102,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn billing_rounds_up_and_prices_by_the_second() {
        let record = CdrRecord {
            start: at(1_000),
            ring: Some(at(1_500)),
            answer: Some(at(3_000)),
            end: at(33_001),
            price_micros: Some(12_000),
            ..CdrRecord::default()
        };
        assert_eq!(record.setup(), Some(Duration::from_millis(500)));
        assert_eq!(record.duration(), Duration::from_millis(30_001));
        assert_eq!(record.billed_secs(), 31);
        assert_eq!(record.price(), Some(6_200));
    }

    #[test]
    fn an_unanswered_attempt_costs_nothing() {
        let record = CdrRecord {
            price_micros: Some(5),
            end: at(10),
            ..CdrRecord::default()
        };
        assert_eq!(record.billed_secs(), 0);
        assert_eq!(record.price(), Some(0));
    }

    #[test]
    fn opinion_score_falls_with_loss() {
        let clean = MediaTotals {
            packets: 1000,
            ..MediaTotals::default()
        };
        let lossy = MediaTotals {
            packets: 900,
            lost: 100,
            ..MediaTotals::default()
        };
        let (clean, lossy) = (clean.mos().unwrap(), lossy.mos().unwrap());
        assert!(clean > 4.3 && lossy < clean - 0.5, "{clean} {lossy}");
        assert_eq!(MediaTotals::default().mos(), None);
    }
}
