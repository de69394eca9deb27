use alloc::vec::Vec;

use super::*;
use crate::transaction::timer::ALL_TIMERS;

const T1: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(32);

fn on(state: State, is_reliable: bool, input: Input) -> (State, Vec<Step>) {
    let mut machine = InviteClient {
        state,
        is_reliable,
        interval: T1,
    };
    let mut steps = Steps::new();
    machine.on(input, &TimerValues::default(), &mut steps);
    (machine.state, steps.as_slice().to_vec())
}

#[test]
fn starting_sends_the_request_and_sets_a_and_b() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
    //= type=test
    //# If an unreliable transport is being
    //# used, the client transaction MUST start timer A with a value of T1.
    let mut steps = Steps::new();
    InviteClient::start(false, &TimerValues::default(), &mut steps);
    let expected = [
        Step::Transmit,
        Step::Set(Timer::A, T1),
        Step::Set(Timer::B, TIMEOUT),
    ];
    assert_eq!(steps.as_slice(), expected);

    let mut steps = Steps::new();
    InviteClient::start(true, &TimerValues::default(), &mut steps);
    assert_eq!(steps.as_slice(), [Step::Transmit, Step::Set(Timer::B, TIMEOUT)]);
}

#[test]
fn every_input_in_every_state() {
    use Input::{Cancelled, Failure, Provisional, Success};
    use State::{Accepted, Calling, Completed, Proceeding};
    let accept: &[Step] = &[Step::StopRepeating, Step::PassUp, Step::Set(Timer::M, TIMEOUT)];
    let complete: &[Step] = &[
        Step::StopRepeating,
        Step::Acknowledge,
        Step::PassUp,
        Step::Set(Timer::D, TIMEOUT),
    ];
    let proceed: &[Step] = &[Step::StopRepeating, Step::StopWaiting, Step::PassUp];
    let repeat: &[Step] = &[Step::Retransmit, Step::Set(Timer::A, Duration::from_secs(1))];
    let time_out: &[Step] = &[Step::TimedOut, Step::Terminate];
    let table: &[(State, Input, State, &[Step])] = &[
        (Calling, Provisional, Proceeding, proceed),
        (Calling, Success, Accepted, accept),
        (Calling, Failure, Completed, complete),
        (Calling, Cancelled, Calling, &[]),
        (Calling, Input::Timer(Timer::A), Calling, repeat),
        (Calling, Input::Timer(Timer::B), Calling, time_out),
        (Proceeding, Provisional, Proceeding, &[Step::PassUp]),
        (Proceeding, Success, Accepted, accept),
        (Proceeding, Failure, Completed, complete),
        (Proceeding, Cancelled, Proceeding, &[Step::Set(Timer::B, TIMEOUT)]),
        (Proceeding, Input::Timer(Timer::B), Proceeding, time_out),
        (Completed, Provisional, Completed, &[]),
        (Completed, Success, Completed, &[]),
        (Completed, Failure, Completed, &[Step::Acknowledge]),
        (Completed, Cancelled, Completed, &[]),
        (Completed, Input::Timer(Timer::D), Completed, &[Step::Terminate]),
        (Accepted, Provisional, Accepted, &[]),
        (Accepted, Success, Accepted, &[Step::PassUpAgain]),
        (Accepted, Failure, Accepted, &[]),
        (Accepted, Cancelled, Accepted, &[]),
        (Accepted, Input::Timer(Timer::M), Accepted, &[Step::Terminate]),
    ];
    for (state, input, next, steps) in table {
        assert_eq!(
            on(*state, false, *input),
            (*next, steps.to_vec()),
            "{state:?} {input:?}"
        );
    }
    for state in [Calling, Proceeding, Completed, Accepted] {
        for timer in ALL_TIMERS {
            let input = Input::Timer(timer);
            if !table.iter().any(|(at, with, ..)| (*at, *with) == (state, input)) {
                assert_eq!(
                    on(state, false, input),
                    (state, Vec::new()),
                    "{state:?} {timer:?}"
                );
            }
        }
    }
}

#[test]
fn over_a_reliable_transport_timer_d_is_zero() {
    let (_, steps) = on(State::Calling, true, Input::Failure);
    assert_eq!(steps.last(), Some(&Step::Set(Timer::D, Duration::ZERO)));
}

#[test]
fn timer_d_is_at_least_32_seconds_however_short_t1_is() {
    let mut machine = InviteClient {
        state: State::Calling,
        is_reliable: false,
        interval: T1,
    };
    let values = TimerValues {
        t1: Duration::from_millis(10),
        ..TimerValues::default()
    };
    let mut steps = Steps::new();
    machine.on(Input::Failure, &values, &mut steps);
    assert!(steps.contains(Step::Set(Timer::D, Duration::from_secs(32))));
}

#[test]
fn timer_a_doubles_without_end() {
    let mut machine = InviteClient {
        state: State::Calling,
        is_reliable: false,
        interval: T1,
    };
    for seconds in [1, 2, 4, 8, 16, 32] {
        let mut steps = Steps::new();
        machine.on(Input::Timer(Timer::A), &TimerValues::default(), &mut steps);
        assert!(steps.contains(Step::Set(Timer::A, Duration::from_secs(seconds))));
    }
}
