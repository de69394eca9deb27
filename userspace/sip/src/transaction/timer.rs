//! The timers of RFC 3261 table 4 and RFC 6026, and their values.

use core::time::Duration;

/// The three values from which every timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerValues {
    /// Estimate of the round-trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and of INVITE responses.
    pub t2: Duration,
    /// How long a message can stay in the network.
    pub t4: Duration,
}

impl Default for TimerValues {
    fn default() -> Self {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.1
        //# T1 is an estimate of the round-trip time (RTT), and
        //# it defaults to 500 ms.
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
        //# For the default values of T1 and T2, this results in
        //# intervals of 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s, etc.
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl TimerValues {
    /// 64*T1: timers B, F, H, J, L and M, and how long a UAS repeats a 2xx.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// The interval that follows `interval` where it doubles up to T2: timers E and G, and a UAS's 2xx.
    #[must_use]
    pub fn backed_off(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }

    /// Timer D over an unreliable transport.
    pub(super) fn d(&self) -> Duration {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
        //# The
        //# client transaction SHOULD start timer D when it enters the
        //# "Completed" state, with a value of at least 32 seconds for unreliable
        //# transports, and a value of zero seconds for reliable transports.
        self.timeout().max(Duration::from_secs(32))
    }

    /// When timer E of the client has been reset to T2, counted from its first request.
    pub(super) fn until_e_is_t2(&self) -> Duration {
        let mut interval = self.t1;
        let mut elapsed = Duration::ZERO;
        while interval < self.t2 && !interval.is_zero() {
            elapsed += interval;
            interval = self.backed_off(interval);
        }
        elapsed
    }
}

/// A timer by its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction timeout.
    B,
    /// Wait for retransmitted final responses to an INVITE.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// INVITE response retransmission.
    G,
    /// Wait for the ACK.
    H,
    /// Wait for retransmitted ACKs.
    I,
    /// Wait for retransmitted non-INVITE requests.
    J,
    /// Wait for retransmitted non-INVITE responses.
    K,
    /// Wait for retransmitted INVITEs after a 2xx (RFC 6026).
    L,
    /// Wait for more 2xx (RFC 6026).
    M,
    /// When a non-INVITE request without a final response is owed a 100 (RFC 4320; it has no letter).
    Trying,
}

impl Timer {
    /// True if the timer repeats a message; false if it bounds a state. One of each kind can run in a transaction.
    pub(super) const fn repeats(self) -> bool {
        match self {
            Self::A | Self::E | Self::G => true,
            Self::B
            | Self::D
            | Self::F
            | Self::H
            | Self::I
            | Self::J
            | Self::K
            | Self::L
            | Self::M
            | Self::Trying => false,
        }
    }
}

/// Every timer, for tests that show which ones a state ignores.
#[cfg(test)]
pub(super) const ALL_TIMERS: [Timer; 13] = [
    Timer::A,
    Timer::B,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Trying,
];
