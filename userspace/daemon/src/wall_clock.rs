//! From the monotonic clock that calls are measured with to dates that people and other programs read.

use std::time::Duration;

use trunkline_net::clock::monotonic_now;
use trunkline_time::Timestamp;

/// Both clocks read at the same moment. Make one for each record, so that all times of a record agree and a step of the
/// wall clock is followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock {
    monotonic: Timestamp,
    wall: jiff::Timestamp,
}

impl WallClock {
    pub(crate) fn now() -> Self {
        Self {
            monotonic: monotonic_now(),
            wall: jiff::Timestamp::now(),
        }
    }

    #[cfg(test)]
    pub(crate) fn at(monotonic: Timestamp, wall: jiff::Timestamp) -> Self {
        Self { monotonic, wall }
    }

    /// The monotonic time of this moment.
    pub(crate) fn monotonic(&self) -> Timestamp {
        self.monotonic
    }

    /// The date of `at`, which may lie before or after this moment.
    pub(crate) fn date(&self, at: Timestamp) -> jiff::Timestamp {
        let ahead = at.saturating_since(self.monotonic);
        let behind = self.monotonic.saturating_since(at);
        let shifted = if behind.is_zero() {
            self.wall.checked_add(ahead)
        } else {
            self.wall.checked_sub(behind)
        };
        shifted.unwrap_or(self.wall)
    }

    /// The date of `at` in RFC 3339 with milliseconds, in UTC.
    pub(crate) fn rfc3339(&self, at: Timestamp) -> String {
        format!("{:.3}", self.date(at))
    }

    /// How long ago `at` was.
    pub(crate) fn since(&self, at: Timestamp) -> Duration {
        self.monotonic.saturating_since(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lie_before_and_after_the_moment() {
        let clock = WallClock::at(
            Timestamp::from_nanos(10_000_000_000),
            "2026-03-01T12:00:00.250Z".parse().unwrap(),
        );
        assert_eq!(
            clock.rfc3339(Timestamp::from_nanos(9_000_000_000)),
            "2026-03-01T11:59:59.250Z"
        );
        assert_eq!(
            clock.rfc3339(Timestamp::from_nanos(10_000_000_000)),
            "2026-03-01T12:00:00.250Z"
        );
        assert_eq!(
            clock.rfc3339(Timestamp::from_nanos(11_000_500_000)),
            "2026-03-01T12:00:01.250Z"
        );
    }
}
