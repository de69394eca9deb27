//! What a machine wants done.

use core::time::Duration;

use super::timer::Timer;

/// One thing to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send the message that the transaction keeps: a client's request, a server's latest response.
    Transmit,
    /// Send the same message once more.
    Retransmit,
    /// Send the ACK for the final response just received.
    Acknowledge,
    /// Pass the message just received to the transaction user.
    PassUp,
    /// Pass a further 2xx to the transaction user.
    PassUpAgain,
    /// Set a timer; it replaces a running one of its kind.
    Set(Timer, Duration),
    /// Stop the retransmission timer.
    StopRepeating,
    /// Stop the timer that bounds the state.
    StopWaiting,
    /// Tell the transaction user that the other side did not answer.
    TimedOut,
    /// Tell the transaction user that a 100 is owed.
    OweTrying,
    /// End the transaction.
    Terminate,
}

/// The steps of one transition; there are never more than [`STEPS_MAX`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    steps: [Step; STEPS_MAX],
    len: usize,
}

impl Steps {
    pub(super) const fn new() -> Self {
        Self {
            steps: [Step::Terminate; STEPS_MAX],
            len: 0,
        }
    }

    pub(super) fn push(&mut self, step: Step) {
        debug_assert!(self.len < STEPS_MAX, "a transition has at most {STEPS_MAX} steps");
        if let Some(slot) = self.steps.get_mut(self.len) {
            *slot = step;
            self.len += 1;
        }
    }

    pub(super) fn as_slice(&self) -> &[Step] {
        self.steps.get(..self.len).unwrap_or_default()
    }

    pub(super) fn contains(&self, step: Step) -> bool {
        self.as_slice().contains(&step)
    }
}

/// Leaving "Calling" for "Completed" takes five: stop two timers, pass up, acknowledge, set D.
const STEPS_MAX: usize = 6;
