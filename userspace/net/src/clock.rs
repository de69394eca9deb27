//! The monotonic clock, read once a turn.

use trunkline_time::Timestamp;

/// The time now on `CLOCK_MONOTONIC`, the clock that the XDP program reads too. About 20 ns, no system call.
#[must_use]
pub fn monotonic_now() -> Timestamp {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid timespec to write to. The call cannot fail for this clock on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Timestamp::from_nanos(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_only_goes_forward() {
        let first = monotonic_now();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = monotonic_now();
        assert!(second > first);
        assert!(second.saturating_since(first) >= std::time::Duration::from_millis(2));
    }
}
