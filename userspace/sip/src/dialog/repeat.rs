//! When a UAS sends its 2xx again.

use core::time::Duration;

use trunkline_time::Timestamp;

use crate::transaction::TimerValues;

/// The clock of one 2xx that has not been acknowledged.
///
/// The one that holds it asks [`SuccessRepeat::on_deadline`] when [`SuccessRepeat::deadline`] has come, and drops it when
/// the ACK has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessRepeat {
    interval: Duration,
    deadline: Timestamp,
    give_up: Timestamp,
}

/// What to do about an unacknowledged 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Repeat {
    /// It is too early for anything.
    Wait,
    /// Send it once more.
    Send,
    /// No ACK will come: the call should be ended with BYE.
    GiveUp,
}

impl SuccessRepeat {
    /// The clock of a 2xx sent at `now`.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-13.3.1.4
    //# The 2xx response is passed to the transport with an
    //# interval that starts at T1 seconds and doubles for each
    //# retransmission until it reaches T2 seconds (T1 and T2 are defined in
    //# Section 17).
    #[must_use]
    pub fn new(now: Timestamp, values: &TimerValues) -> Self {
        let give_up = now + values.timeout();
        Self {
            interval: values.t1,
            deadline: (now + values.t1).min(give_up),
            give_up,
        }
    }

    /// When something is to be done next.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// What is to be done at `now`; sets the next deadline.
    pub fn on_deadline(&mut self, now: Timestamp, values: &TimerValues) -> Repeat {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-13.3.1.4
        //# If the server retransmits the 2xx response for 64*T1 seconds without
        //# receiving an ACK, the dialog is confirmed, but the session SHOULD be
        //# terminated.
        if now >= self.give_up {
            return Repeat::GiveUp;
        }
        if now < self.deadline {
            return Repeat::Wait;
        }
        self.interval = values.backed_off(self.interval);
        self.deadline = (now + self.interval).min(self.give_up);
        Repeat::Send
    }
}
