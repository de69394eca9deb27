//! The non-INVITE client transaction: RFC 3261 figure 6.

use core::time::Duration;

use super::step::{Step, Steps};
use super::timer::{Timer, TimerValues};

/// The machine alone: which state, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    state: State,
    is_reliable: bool,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A 1xx.
    Provisional,
    /// A response from 200 to 699.
    Final,
    Timer(Timer),
}

impl Client {
    pub(super) fn start(is_reliable: bool, values: &TimerValues, steps: &mut Steps) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
        //# The request
        //# MUST be passed to the transport layer for transmission.
        steps.push(Step::Transmit);
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
        //# If an
        //# unreliable transport is in use, the client transaction MUST set timer
        //# E to fire in T1 seconds.
        if !is_reliable {
            steps.push(Step::Set(Timer::E, values.t1));
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
        //# When entering this state, the client
        //# transaction SHOULD set timer F to fire in 64*T1 seconds.
        steps.push(Step::Set(Timer::F, values.timeout()));
        Self {
            state: State::Trying,
            is_reliable,
            interval: values.t1,
        }
    }

    pub(super) fn on(&mut self, input: Input, values: &TimerValues, steps: &mut Steps) {
        match (self.state, input) {
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# If timer E fires while still in this state,
            //# the timer is reset, but this time with a value of MIN(2*T1, T2).
            (State::Trying, Input::Timer(Timer::E)) => self.repeat(values.backed_off(self.interval), steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# If Timer E fires while in the "Proceeding" state, the request MUST be
            //# passed to the transport layer for retransmission, and Timer E MUST be
            //# reset with a value of T2 seconds.
            (State::Proceeding, Input::Timer(Timer::E)) => self.repeat(values.t2, steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# If timer F fires while in the
            //# "Proceeding" state, the TU MUST be informed of a timeout, and the
            //# client transaction MUST transition to the terminated state.
            (State::Trying | State::Proceeding, Input::Timer(Timer::F)) => {
                steps.push(Step::TimedOut);
                steps.push(Step::Terminate);
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# If a
            //# provisional response is received while in the "Trying" state, the
            //# response MUST be passed to the TU, and then the client transaction
            //# SHOULD move to the "Proceeding" state.
            (State::Trying | State::Proceeding, Input::Provisional) => {
                self.state = State::Proceeding;
                steps.push(Step::PassUp);
            }
            (State::Trying | State::Proceeding, Input::Final) => self.complete(values, steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# If Timer K fires while in this state, the client transaction
            //# MUST transition to the "Terminated" state.
            (State::Completed, Input::Timer(Timer::K)) => steps.push(Step::Terminate),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
            //# The "Completed" state exists to
            //# buffer any additional response retransmissions that may be received
            //# (which is why the client transaction remains there only for
            //# unreliable transports).
            (State::Completed, Input::Provisional | Input::Final) => {}
            // A timer of a state that has been left.
            (State::Trying | State::Proceeding | State::Completed, Input::Timer(_)) => {}
        }
    }

    fn repeat(&mut self, interval: Duration, steps: &mut Steps) {
        self.interval = interval;
        steps.push(Step::Retransmit);
        steps.push(Step::Set(Timer::E, interval));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
    //# If a
    //# final response (status codes 200-699) is received while in the
    //# "Proceeding" state, the response MUST be passed to the TU, and the
    //# client transaction MUST transition to the "Completed" state.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
    //# Once the client transaction enters the "Completed" state, it MUST set
    //# Timer K to fire in T4 seconds for unreliable transports, and zero
    //# seconds for reliable transports.
    fn complete(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Completed;
        steps.push(Step::StopRepeating);
        steps.push(Step::PassUp);
        let wait = if self.is_reliable {
            Duration::ZERO
        } else {
            values.t4
        };
        steps.push(Step::Set(Timer::K, wait));
    }
}

#[cfg(test)]
mod tests;
