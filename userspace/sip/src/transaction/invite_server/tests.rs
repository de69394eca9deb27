use alloc::vec::Vec;

use super::*;
use crate::transaction::timer::ALL_TIMERS;

const T1: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(32);

fn on(state: State, is_reliable: bool, has_response: bool, input: Input) -> (State, Vec<Step>) {
    let mut machine = InviteServer {
        state,
        is_reliable,
        has_response,
        interval: T1,
    };
    let mut steps = Steps::new();
    machine.on(input, &TimerValues::default(), &mut steps);
    (machine.state, steps.as_slice().to_vec())
}

#[test]
fn every_input_in_every_state() {
    use Input::{Ack, Failure, Invite, Provisional, Success};
    use State::{Accepted, Completed, Confirmed, Proceeding};
    let complete: &[Step] = &[
        Step::Transmit,
        Step::Set(Timer::G, T1),
        Step::Set(Timer::H, TIMEOUT),
    ];
    let accept: &[Step] = &[Step::Transmit, Step::Set(Timer::L, TIMEOUT)];
    let confirm: &[Step] = &[Step::StopRepeating, Step::Set(Timer::I, Duration::from_secs(5))];
    let repeat: &[Step] = &[Step::Retransmit, Step::Set(Timer::G, Duration::from_secs(1))];
    let table: &[(State, Input, State, &[Step])] = &[
        (Proceeding, Invite, Proceeding, &[Step::Retransmit]),
        (Proceeding, Ack, Proceeding, &[]),
        (Proceeding, Provisional, Proceeding, &[Step::Transmit]),
        (Proceeding, Success, Accepted, accept),
        (Proceeding, Failure, Completed, complete),
        (Completed, Invite, Completed, &[Step::Retransmit]),
        (Completed, Ack, Confirmed, confirm),
        (Completed, Provisional, Completed, &[]),
        (Completed, Success, Completed, &[]),
        (Completed, Failure, Completed, &[]),
        (Completed, Input::Timer(Timer::G), Completed, repeat),
        (
            Completed,
            Input::Timer(Timer::H),
            Completed,
            &[Step::TimedOut, Step::Terminate],
        ),
        (Confirmed, Invite, Confirmed, &[]),
        (Confirmed, Ack, Confirmed, &[]),
        (Confirmed, Provisional, Confirmed, &[]),
        (Confirmed, Success, Confirmed, &[]),
        (Confirmed, Failure, Confirmed, &[]),
        (Confirmed, Input::Timer(Timer::I), Confirmed, &[Step::Terminate]),
        (Accepted, Invite, Accepted, &[]),
        (Accepted, Ack, Accepted, &[Step::PassUp]),
        (Accepted, Provisional, Accepted, &[]),
        (Accepted, Success, Accepted, &[Step::Transmit]),
        (Accepted, Failure, Accepted, &[]),
        (Accepted, Input::Timer(Timer::L), Accepted, &[Step::Terminate]),
    ];
    for (state, input, next, steps) in table {
        assert_eq!(
            on(*state, false, true, *input),
            (*next, steps.to_vec()),
            "{state:?} {input:?}"
        );
    }
    for state in [Proceeding, Completed, Confirmed, Accepted] {
        for timer in ALL_TIMERS {
            let input = Input::Timer(timer);
            if !table.iter().any(|(at, with, ..)| (*at, *with) == (state, input)) {
                assert_eq!(
                    on(state, false, true, input),
                    (state, Vec::new()),
                    "{state:?} {timer:?}"
                );
            }
        }
    }
}

#[test]
fn an_invite_again_before_any_response_is_only_absorbed() {
    let (state, steps) = on(State::Proceeding, false, false, Input::Invite);
    assert_eq!((state, steps), (State::Proceeding, Vec::new()));
}

#[test]
fn over_a_reliable_transport_g_is_not_set_and_i_is_zero() {
    let (_, steps) = on(State::Proceeding, true, true, Input::Failure);
    assert_eq!(steps, [Step::Transmit, Step::Set(Timer::H, TIMEOUT)]);
    let (_, steps) = on(State::Completed, true, true, Input::Ack);
    assert_eq!(steps, [Step::StopRepeating, Step::Set(Timer::I, Duration::ZERO)]);
    let (_, steps) = on(State::Proceeding, true, true, Input::Success);
    assert_eq!(steps, [Step::Transmit, Step::Set(Timer::L, TIMEOUT)]);
}

#[test]
fn timer_g_doubles_up_to_t2() {
    let mut machine = InviteServer {
        state: State::Completed,
        is_reliable: false,
        has_response: true,
        interval: T1,
    };
    for seconds in [1, 2, 4, 4, 4] {
        let mut steps = Steps::new();
        machine.on(Input::Timer(Timer::G), &TimerValues::default(), &mut steps);
        assert!(steps.contains(Step::Set(Timer::G, Duration::from_secs(seconds))));
    }
}
