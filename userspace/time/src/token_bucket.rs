//! A rate limit with one owner.

use crate::Timestamp;

/// A bucket that fills at a steady rate and holds at most `burst` tokens; it starts full.
///
/// Integer arithmetic only: the level is kept in thousand-millionths of a token, so that no rate below 2^32 per second
/// loses anything to rounding. A rate or a burst of zero never gives a token.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    level: u64,
    full: u64,
    per_second: u32,
    filled_at: Timestamp,
}

impl TokenBucket {
    /// A full bucket that gains `per_second` tokens each second and holds `burst`.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Timestamp) -> Self {
        let full = u64::from(burst) * TOKEN;
        Self {
            level: if per_second == 0 { 0 } else { full },
            full,
            per_second,
            filled_at: now,
        }
    }

    /// Takes one token if there is one. Constant time.
    pub fn try_take(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        match self.level.checked_sub(TOKEN) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }

    /// Whole tokens that could be taken at `now`.
    pub fn available(&mut self, now: Timestamp) -> u32 {
        self.fill(now);
        (self.level / TOKEN) as u32
    }

    fn fill(&mut self, now: Timestamp) {
        let elapsed = now.saturating_since(self.filled_at).as_nanos();
        let gained = elapsed.saturating_mul(u128::from(self.per_second));
        let gained = u64::try_from(gained).unwrap_or(u64::MAX);
        self.level = self.level.saturating_add(gained).min(self.full);
        self.filled_at = self.filled_at.max(now);
    }
}

/// One token: a rate of one per second gains this much in a second of nanoseconds.
const TOKEN: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_the_rate() {
        let mut now = Timestamp::from_millis(1);
        let mut bucket = TokenBucket::new(10, 3, now);
        assert_eq!((0..5).filter(|_| bucket.try_take(now)).count(), 3);
        now += Duration::from_nanos(99_999_999);
        assert!(!bucket.try_take(now));
        now += Duration::from_nanos(1);
        assert!(bucket.try_take(now));
        assert!(!bucket.try_take(now));
    }

    #[test]
    fn a_long_rest_fills_no_more_than_the_burst() {
        let mut bucket = TokenBucket::new(u32::MAX, 2, Timestamp::ZERO);
        assert_eq!(bucket.available(Timestamp::MAX), 2);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut bucket = TokenBucket::new(1, 1, Timestamp::from_millis(5_000));
        assert!(bucket.try_take(Timestamp::from_millis(5_000)));
        assert!(!bucket.try_take(Timestamp::from_millis(1_000)));
        assert!(!bucket.try_take(Timestamp::from_millis(5_999)));
        assert!(bucket.try_take(Timestamp::from_millis(6_000)));
    }

    #[test]
    fn zero_rate_or_burst_gives_nothing() {
        assert!(!TokenBucket::new(0, 5, Timestamp::ZERO).try_take(Timestamp::MAX));
        assert!(!TokenBucket::new(5, 0, Timestamp::ZERO).try_take(Timestamp::MAX));
    }
}
