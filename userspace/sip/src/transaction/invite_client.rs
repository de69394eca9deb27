//! The INVITE client transaction: RFC 3261 figure 5 as corrected by RFC 6026 figure 4.

use core::time::Duration;

use super::step::{Step, Steps};
use super::timer::{Timer, TimerValues};

/// The machine alone: which state, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InviteClient {
    state: State,
    is_reliable: bool,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A 1xx.
    Provisional,
    /// A 2xx.
    Success,
    /// A final response from 300 to 699.
    Failure,
    /// The transaction user has sent a CANCEL for this INVITE.
    Cancelled,
    Timer(Timer),
}

impl InviteClient {
    pub(super) fn start(is_reliable: bool, values: &TimerValues, steps: &mut Steps) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
        //# The
        //# client transaction MUST pass the request to the transport layer for
        //# transmission (see Section 18).
        steps.push(Step::Transmit);
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
        //# If an unreliable transport is being
        //# used, the client transaction MUST start timer A with a value of T1.
        //# If a reliable transport is being used, the client transaction SHOULD
        //# NOT start timer A (Timer A controls request retransmissions).
        if !is_reliable {
            steps.push(Step::Set(Timer::A, values.t1));
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
        //# For
        //# any transport, the client transaction MUST start timer B with a value
        //# of 64*T1 seconds (Timer B controls transaction timeouts).
        steps.push(Step::Set(Timer::B, values.timeout()));
        Self {
            state: State::Calling,
            is_reliable,
            interval: values.t1,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn on(&mut self, input: Input, values: &TimerValues, steps: &mut Steps) {
        match (self.state, input) {
            (State::Calling, Input::Timer(Timer::A)) => self.repeat(steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
            //# If the client transaction is still in the "Calling" state when timer
            //# B fires, the client transaction SHOULD inform the TU that a timeout
            //# has occurred.
            (State::Calling | State::Proceeding, Input::Timer(Timer::B)) => {
                steps.push(Step::TimedOut);
                steps.push(Step::Terminate);
            }
            (State::Calling, Input::Provisional) => self.proceed(steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
            //# Any further provisional responses MUST be passed
            //# up to the TU while in the "Proceeding" state.
            (State::Proceeding, Input::Provisional) => steps.push(Step::PassUp),
            (State::Calling | State::Proceeding, Input::Success) => self.accept(values, steps),
            (State::Calling | State::Proceeding, Input::Failure) => self.complete(values, steps),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
            //# If there is no final response for the original
            //# request in 64*T1 seconds (T1 is defined in Section 17.1.1.1), the
            //# client SHOULD then consider the original transaction cancelled and
            //# SHOULD destroy the client transaction handling the original request.
            (State::Proceeding, Input::Cancelled) => steps.push(Step::Set(Timer::B, values.timeout())),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
            //# Any retransmissions of the final response that are received while in
            //# the "Completed" state MUST cause the ACK to be re-passed to the
            //# transport layer for retransmission, but the newly received response
            //# MUST NOT be passed up to the TU.
            (State::Completed, Input::Failure) => steps.push(Step::Acknowledge),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
            //# If timer D fires while the client transaction is in the "Completed"
            //# state, the client transaction MUST move to the terminated state.
            (State::Completed, Input::Timer(Timer::D)) => steps.push(Step::Terminate),
            //= https://www.rfc-editor.org/rfc/rfc6026#section-8.4
            //# Any 2xx responses that match this client transaction and that are
            //# received while in the "Accepted" state MUST be passed up to the
            //# TU.
            (State::Accepted, Input::Success) => steps.push(Step::PassUpAgain),
            //= https://www.rfc-editor.org/rfc/rfc6026#section-8.4
            //# If timer M fires while the client transaction is in the "Accepted"
            //# state, the client transaction MUST move to the "Terminated" state.
            (State::Accepted, Input::Timer(Timer::M)) => steps.push(Step::Terminate),
            // A late response that can no longer change the outcome, a CANCEL that comes too early or too late, and a
            // timer of a state that has been left.
            (State::Calling, Input::Cancelled | Input::Timer(_))
            | (State::Proceeding, Input::Timer(_))
            | (State::Completed, Input::Provisional | Input::Success | Input::Cancelled | Input::Timer(_))
            | (State::Accepted, Input::Provisional | Input::Failure | Input::Cancelled | Input::Timer(_)) => {
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //# When timer A fires, the client transaction MUST retransmit the
    //# request by passing it to the transport layer, and MUST reset the
    //# timer with a value of 2*T1.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //# This process MUST continue so that the request is
    //# retransmitted with intervals that double after each transmission.
    fn repeat(&mut self, steps: &mut Steps) {
        self.interval = self.interval.saturating_mul(2);
        steps.push(Step::Retransmit);
        steps.push(Step::Set(Timer::A, self.interval));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //# If the client transaction receives a provisional response while in
    //# the "Calling" state, it transitions to the "Proceeding" state. In the
    //# "Proceeding" state, the client transaction SHOULD NOT retransmit the
    //# request any longer. Furthermore, the provisional response MUST be
    //# passed to the TU.
    fn proceed(&mut self, steps: &mut Steps) {
        self.state = State::Proceeding;
        steps.push(Step::StopRepeating);
        steps.push(Step::StopWaiting);
        steps.push(Step::PassUp);
    }

    //= https://www.rfc-editor.org/rfc/rfc6026#section-8.4
    //# When in either the "Calling" or "Proceeding" states, reception of a
    //# 2xx response MUST cause the client transaction to enter the
    //# "Accepted" state, and the response MUST be passed up to the TU.
    fn accept(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Accepted;
        steps.push(Step::StopRepeating);
        steps.push(Step::PassUp);
        steps.push(Step::Set(Timer::M, values.timeout()));
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //# When in either the "Calling" or "Proceeding" states, reception of a
    //# response with status code from 300-699 MUST cause the client
    //# transaction to transition to "Completed".
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //# The client transaction
    //# MUST pass the received response up to the TU, and the client
    //# transaction MUST generate an ACK request, even if the transport is
    //# reliable (guidelines for constructing the ACK from the response are
    //# given in Section 17.1.1.3) and then pass the ACK to the transport
    //# layer for transmission.
    fn complete(&mut self, values: &TimerValues, steps: &mut Steps) {
        self.state = State::Completed;
        steps.push(Step::StopRepeating);
        steps.push(Step::Acknowledge);
        steps.push(Step::PassUp);
        let wait = if self.is_reliable {
            Duration::ZERO
        } else {
            values.d()
        };
        steps.push(Step::Set(Timer::D, wait));
    }
}

#[cfg(test)]
mod tests;
