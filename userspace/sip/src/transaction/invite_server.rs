//! The INVITE server transaction: RFC 3261 figure 7 as corrected by RFC 6026 figure 5.

use core::time::Duration;

use super::step::{Step, Steps};
use super::timer::{Timer, TimerValues};

/// The machine alone: which state, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InviteServer {
    state: State,
    is_reliable: bool,
    has_response: bool,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The INVITE again.
    Invite,
    Ack,
    /// The transaction user answers with a 1xx.
    Provisional,
    /// The transaction user answers with a 2xx, or repeats it.
    Success,
    /// The transaction user answers with 300 to 699.
    Failure,
    Timer(Timer),
}

impl InviteServer {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# When a server transaction is constructed for a request, it enters the
    //# "Proceeding" state.
    pub(super) fn start(is_reliable: bool, values: &TimerValues) -> Self {
        Self {
            state: State::Proceeding,
            is_reliable,
            has_response: false,
            interval: values.t1,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn on(&mut self, input: Input, values: &TimerValues, steps: &mut Steps) {
        match (self.state, input) {
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
            //# If a request
            //# retransmission is received while in the "Proceeding" state, the most
            //# recent provisional response that was received from the TU MUST be
            //# passed to the transport layer for retransmission.
            (State::Proceeding, Input::Invite) => {
                if self.has_response {
                    steps.push(Step::Retransmit);
                }
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
            //# The TU passes any number of provisional responses to the server
            //# transaction.  So long as the server transaction is in the
            //# "Proceeding" state, each of these MUST be passed to the transport
            //# layer for transmission.
            (State::Proceeding, Input::Provisional) => {
                self.has_response = true;
                steps.push(Step::Transmit);
            }
            (State::Proceeding, Input::Success) => self.accept(values, steps),
            (State::Proceeding, Input::Failure) => self.complete(values, steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
            //# Furthermore,
            //# while in the "Completed" state, if a request retransmission is
            //# received, the server SHOULD pass the response to the transport for
            //# retransmission.
            (State::Completed, Input::Invite) => steps.push(Step::Retransmit),
            (State::Completed, Input::Ack) => self.confirm(values, steps),
            (State::Completed, Input::Timer(Timer::G)) => self.repeat(values, steps),
            (State::Completed, Input::Timer(Timer::H)) => give_up(steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
            //# The purpose of the "Confirmed" state is to absorb any additional ACK
            //# messages that arrive, triggered from retransmissions of the final
            //# response.
            (State::Confirmed, Input::Invite | Input::Ack) => {}
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
            //# Once timer I fires, the server MUST transition to the
            //# "Terminated" state.
            (State::Confirmed, Input::Timer(Timer::I)) => steps.push(Step::Terminate),
            //= https://www.rfc-editor.org/rfc/rfc6026#section-8.7
            //# While in the "Accepted" state, any retransmissions of the INVITE
            //# received will match this transaction state machine and will be
            //# absorbed by the machine without changing its state.
            (State::Accepted, Input::Invite) => {}
            //= https://www.rfc-editor.org/rfc/rfc6026#section-7.1
            //# Any ACKs received from the network while in the "Accepted" state MUST be
            //# passed directly to the TU and not absorbed.
            (State::Accepted, Input::Ack) => steps.push(Step::PassUp),
            //= https://www.rfc-editor.org/rfc/rfc6026#section-8.7
            //# While in the "Accepted" state, if the TU passes a 2xx response,
            //# the server transaction MUST pass the response to the transport
            //# layer for transmission.
            (State::Accepted, Input::Success) => steps.push(Step::Transmit),
            //= https://www.rfc-editor.org/rfc/rfc6026#section-8.7
            //# If Timer L fires while the INVITE server transaction is in the
            //# "Accepted" state, the transaction MUST transition to the
            //# "Terminated" state.
            (State::Accepted, Input::Timer(Timer::L)) => steps.push(Step::Terminate),
            // An ACK that nothing asked for, a response after the final one, and a timer of a state that has been left.
            (State::Proceeding, Input::Ack | Input::Timer(_))
            | (State::Completed | State::Confirmed, Input::Provisional | Input::Success | Input::Failure)
            | (State::Completed | State::Confirmed, Input::Timer(_))
            | (State::Accepted, Input::Provisional | Input::Failure | Input::Timer(_)) => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6026#section-8.7
    //# If, while in the "Proceeding" state, the TU passes a 2xx response to
    //# the server transaction, the server transaction MUST pass this
    //# response to the transport layer for transmission.  It is not
    //# retransmitted by the server transaction; retransmissions of 2xx
    //# responses are handled by the TU.  The server transaction MUST then
    //# transition to the "Accepted" state.
    //= https://www.rfc-editor.org/rfc/rfc6026#section-8.7
    //# When the INVITE server transaction enters the "Accepted" state, Timer
    //# L MUST be set to fire in 64*T1 for all transports.
    fn accept(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Accepted;
        steps.push(Step::Transmit);
        steps.push(Step::Set(Timer::L, values.timeout()));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# While in the "Proceeding" state, if the TU passes a response with
    //# status code from 300 to 699 to the server transaction, the response
    //# MUST be passed to the transport layer for transmission, and the state
    //# machine MUST enter the "Completed" state.  For unreliable transports,
    //# timer G is set to fire in T1 seconds, and is not set to fire for
    //# reliable transports.
    fn complete(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Completed;
        steps.push(Step::Transmit);
        if !self.is_reliable {
            steps.push(Step::Set(Timer::G, values.t1));
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
        //# When the "Completed" state is entered, timer H MUST be set to fire in
        //# 64*T1 seconds for all transports.
        steps.push(Step::Set(Timer::H, values.timeout()));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# From then on, when
    //# timer G fires, the response is passed to the transport again for
    //# transmission, and timer G is reset with a value that doubles, unless
    //# that value exceeds T2, in which case it is reset with the value of
    //# T2.
    fn repeat(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.interval = values.backed_off(self.interval);
        steps.push(Step::Retransmit);
        steps.push(Step::Set(Timer::G, self.interval));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# If an ACK is received while the server transaction is in the
    //# "Completed" state, the server transaction MUST transition to the
    //# "Confirmed" state.  As Timer G is ignored in this state, any
    //# retransmissions of the response will cease.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# When this state is entered, timer I is set to fire in T4
    //# seconds for unreliable transports, and zero seconds for reliable
    //# transports.
    fn confirm(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Confirmed;
        steps.push(Step::StopRepeating);
        let wait = if self.is_reliable {
            Duration::ZERO
        } else {
            values.t4
        };
        steps.push(Step::Set(Timer::I, wait));
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
//# If timer H fires while in the "Completed" state, it implies that the
//# ACK was never received.  In this case, the server transaction MUST
//# transition to the "Terminated" state, and MUST indicate to the TU
//# that a transaction failure has occurred.
fn give_up(steps: &mut Steps) {
    steps.push(Step::TimedOut);
    steps.push(Step::Terminate);
}

#[cfg(test)]
mod tests;
