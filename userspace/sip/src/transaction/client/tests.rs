use alloc::vec::Vec;

use super::*;
use crate::transaction::timer::ALL_TIMERS;

const T1: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(32);

fn on(state: State, is_reliable: bool, input: Input) -> (State, Vec<Step>) {
    let mut machine = Client {
        state,
        is_reliable,
        interval: T1,
    };
    let mut steps = Steps::new();
    machine.on(input, &TimerValues::default(), &mut steps);
    (machine.state, steps.as_slice().to_vec())
}

#[test]
fn starting_sends_the_request_and_sets_e_and_f() {
    let mut steps = Steps::new();
    Client::start(false, &TimerValues::default(), &mut steps);
    let expected = [
        Step::Transmit,
        Step::Set(Timer::E, T1),
        Step::Set(Timer::F, TIMEOUT),
    ];
    assert_eq!(steps.as_slice(), expected);

    let mut steps = Steps::new();
    Client::start(true, &TimerValues::default(), &mut steps);
    assert_eq!(steps.as_slice(), [Step::Transmit, Step::Set(Timer::F, TIMEOUT)]);
}

#[test]
fn every_input_in_every_state() {
    use Input::{Final, Provisional};
    use State::{Completed, Proceeding, Trying};
    let complete: &[Step] = &[
        Step::StopRepeating,
        Step::PassUp,
        Step::Set(Timer::K, Duration::from_secs(5)),
    ];
    let time_out: &[Step] = &[Step::TimedOut, Step::Terminate];
    let table: &[(State, Input, State, &[Step])] = &[
        (Trying, Provisional, Proceeding, &[Step::PassUp]),
        (Trying, Final, Completed, complete),
        (
            Trying,
            Input::Timer(Timer::E),
            Trying,
            &[Step::Retransmit, Step::Set(Timer::E, Duration::from_secs(1))],
        ),
        (Trying, Input::Timer(Timer::F), Trying, time_out),
        (Proceeding, Provisional, Proceeding, &[Step::PassUp]),
        (Proceeding, Final, Completed, complete),
        (
            Proceeding,
            Input::Timer(Timer::E),
            Proceeding,
            &[Step::Retransmit, Step::Set(Timer::E, Duration::from_secs(4))],
        ),
        (Proceeding, Input::Timer(Timer::F), Proceeding, time_out),
        (Completed, Provisional, Completed, &[]),
        (Completed, Final, Completed, &[]),
        (Completed, Input::Timer(Timer::K), Completed, &[Step::Terminate]),
    ];
    for (state, input, next, steps) in table {
        assert_eq!(
            on(*state, false, *input),
            (*next, steps.to_vec()),
            "{state:?} {input:?}"
        );
    }
    for state in [Trying, Proceeding, Completed] {
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
fn over_a_reliable_transport_timer_k_is_zero() {
    let (_, steps) = on(State::Trying, true, Input::Final);
    assert_eq!(steps.last(), Some(&Step::Set(Timer::K, Duration::ZERO)));
}

#[test]
fn timer_e_doubles_up_to_t2() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.2.2
    //= type=test
    //# For the default values of T1 and T2, this results in
    //# intervals of 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s, etc.
    let mut machine = Client {
        state: State::Trying,
        is_reliable: false,
        interval: T1,
    };
    for seconds in [1, 2, 4, 4, 4] {
        let mut steps = Steps::new();
        machine.on(Input::Timer(Timer::E), &TimerValues::default(), &mut steps);
        assert!(steps.contains(Step::Set(Timer::E, Duration::from_secs(seconds))));
    }
}
