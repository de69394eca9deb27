//! The non-INVITE server transaction: RFC 3261 figure 8 with the rules of RFC 4320.

use core::time::Duration;

use super::step::{Step, Steps};
use super::timer::{Timer, TimerValues};

/// The machine alone: which state, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    state: State,
    is_reliable: bool,
    may_send_trying: bool,
    has_final: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The request again.
    Request,
    /// The transaction user answers with a 100.
    Trying,
    /// The transaction user answers with another 1xx.
    Provisional,
    /// The transaction user answers with a final response other than 408.
    Final,
    /// The transaction user answers with 408.
    RequestTimeout,
    Timer(Timer),
}

impl Server {
    pub(super) fn start(is_reliable: bool, values: &TimerValues, steps: &mut Steps) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
        //# Without regard to transport, an SIP element MUST respond to a
        //# non-INVITE request with a Status-Code of 100 if it has not otherwise
        //# responded after the amount of time it takes a client transaction's
        //# Timer E to be reset to T2.
        steps.push(Step::Set(Timer::Trying, values.until_e_is_t2()));
        //= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
        //# An SIP element MAY respond to a non-INVITE request with a
        //# Status-Code of 100 over a reliable transport at any time.
        Self {
            state: State::Trying,
            is_reliable,
            may_send_trying: is_reliable,
            has_final: false,
        }
    }

    pub(super) fn on(&mut self, input: Input, values: &TimerValues, steps: &mut Steps) {
        match (self.state, input) {
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
            //# Once in the "Trying" state, any further request
            //# retransmissions are discarded.
            (State::Trying, Input::Request) => {}
            (State::Trying, Input::Timer(Timer::Trying)) => {
                self.may_send_trying = true;
                steps.push(Step::OweTrying);
            }
            (State::Trying | State::Proceeding, Input::Trying) => self.proceed(steps),
            //= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
            //# An SIP element MUST NOT send any provisional response with a
            //# Status-Code other than 100 to a non-INVITE request.
            (State::Trying | State::Proceeding, Input::Provisional) => {}
            (State::Trying | State::Proceeding, Input::Final) => {
                self.has_final = true;
                steps.push(Step::Transmit);
                self.complete(values, steps);
            }
            //= https://www.rfc-editor.org/rfc/rfc4320#section-4.2
            //# A transaction-stateful SIP element MUST NOT send a response with
            //# Status-Code of 408 to a non-INVITE request.  As a consequence, an
            //# element that cannot respond before the transaction expires will not
            //# send a final response at all.
            (State::Trying | State::Proceeding, Input::RequestTimeout) => self.complete(values, steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
            //# If a retransmission of the
            //# request is received while in the "Proceeding" state, the most
            //# recently sent provisional response MUST be passed to the transport
            //# layer for retransmission.
            (State::Proceeding, Input::Request) => steps.push(Step::Retransmit),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
            //# While in the "Completed" state, the
            //# server transaction MUST pass the final response to the transport
            //# layer for retransmission whenever a retransmission of the request is
            //# received.
            (State::Completed, Input::Request) => {
                if self.has_final {
                    steps.push(Step::Retransmit);
                }
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
            //# Any other final responses passed by the TU to the server
            //# transaction MUST be discarded while in the "Completed" state.
            (State::Completed, Input::Final | Input::RequestTimeout | Input::Trying | Input::Provisional) => {
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
            //# The
            //# server transaction remains in this state until Timer J fires, at
            //# which point it MUST transition to the "Terminated" state.
            (State::Completed, Input::Timer(Timer::J)) => steps.push(Step::Terminate),
            // A timer of a state that has been left.
            (State::Trying | State::Proceeding | State::Completed, Input::Timer(_)) => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
    //# An SIP element MUST NOT respond to a non-INVITE request with a
    //# Status-Code of 100 over any unreliable transport, such as UDP,
    //# before the amount of time it takes a client transaction's Timer E to
    //# be reset to T2.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
    //# While in the "Trying" state, if the TU passes a provisional response
    //# to the server transaction, the server transaction MUST enter the
    //# "Proceeding" state.
    fn proceed(&mut self, steps: &mut Steps) {
        if self.may_send_trying {
            self.state = State::Proceeding;
            steps.push(Step::StopWaiting);
            steps.push(Step::Transmit);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.2
    //# When the server transaction enters the "Completed" state, it MUST set
    //# Timer J to fire in 64*T1 seconds for unreliable transports, and zero
    //# seconds for reliable transports.
    fn complete(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Completed;
        let wait = if self.is_reliable {
            Duration::ZERO
        } else {
            values.timeout()
        };
        steps.push(Step::Set(Timer::J, wait));
    }
}

#[cfg(test)]
mod tests;
