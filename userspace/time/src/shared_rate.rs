//! A rate limit that several workers draw from without a lock.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::Timestamp;

/// The generic cell rate algorithm in one atomic word: the theoretical arrival time of the next conforming event.
///
/// Behaves as a bucket of `burst` tokens filled `per_second` times a second. A taker that loses a race tries again; a
/// refusal writes nothing. The interval is rounded up to a nanosecond, so the rate is never exceeded.
#[derive(Debug)]
pub struct SharedRate {
    arrival: AtomicU64,
    interval: u64,
    tolerance: u64,
}

impl SharedRate {
    /// A rate of `per_second` events, `burst` of which may come at once. Zero in either refuses everything.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let (interval, tolerance) = if per_second == 0 || burst == 0 {
            (u64::MAX, 0)
        } else {
            let interval = 1_000_000_000_u64.div_ceil(per_second as u64);
            (interval, interval.saturating_mul(burst as u64))
        };
        Self {
            arrival: AtomicU64::new(0),
            interval,
            tolerance,
        }
    }

    /// Takes one event if the rate allows it at `now`. Lock-free.
    ///
    /// `Relaxed` is enough: the word guards no other memory.
    pub fn try_take(&self, now: Timestamp) -> bool {
        let now = now.as_nanos();
        let mut arrival = self.arrival.load(Ordering::Relaxed);
        loop {
            let next = arrival.max(now).saturating_add(self.interval);
            if next.saturating_sub(now) > self.tolerance || next == u64::MAX {
                return false;
            }
            match self
                .arrival
                .compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(seen) => arrival = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use core::time::Duration;

    #[test]
    fn a_rested_rate_gives_its_burst_and_then_the_rate() {
        let rate = SharedRate::new(10, 3);
        let mut now = Timestamp::from_millis(1_000);
        assert_eq!((0..5).filter(|_| rate.try_take(now)).count(), 3);
        now += Duration::from_nanos(99_999_999);
        assert!(!rate.try_take(now));
        now += Duration::from_nanos(1);
        assert!(rate.try_take(now));
        assert!(!rate.try_take(now));
    }

    #[test]
    fn zero_rate_or_burst_refuses_everything() {
        assert!(!SharedRate::new(0, 5).try_take(Timestamp::from_millis(1)));
        assert!(!SharedRate::new(5, 0).try_take(Timestamp::from_millis(1)));
        assert!(!SharedRate::new(0, 5).try_take(Timestamp::MAX));
    }

    #[test]
    fn workers_together_get_no_more_than_the_rate() {
        let rate = SharedRate::new(1_000, 100);
        let taken: usize = std::thread::scope(|scope| {
            let workers: std::vec::Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..1_000)
                            .filter(|step| rate.try_take(Timestamp::from_nanos(step * 1_000_000)))
                            .count()
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert!(taken <= 100 + 1_000, "took {taken}");
        assert!(taken >= 1_000, "took {taken}");
    }
}
